"""Rounds as they are shown: what one would do before it does it, and how far it is.

Who is in two incidents of a round is one customer of it: the number that is typed, and held against the limit of a
second person, counts each once. Messages are counted as they leave, one of each incident.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from notifier.domain.broadcast import BroadcastState, Facts, time_to_finish
from notifier.domain.errors import Refused
from notifier.domain.notification import Channel
from notifier.storage.database import Transaction
from notifier.storage.queries import alone, previews, sleepers
from notifier.storage.queries.previews import Outlook
from notifier.storage.repositories import audience, broadcasts, incidents, rounds
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.rounds import StoredRound
from notifier.storage.views import LeftOut, Preview, RoundLine, RoundPreview, RoundView, Waits

UNDECIDED = (BroadcastState.DRAFT, BroadcastState.AWAITING_APPROVAL)
_FURTHEST_FIRST = (  # a round stands as the first of these that one of its broadcasts is in
    BroadcastState.AWAITING_APPROVAL,
    BroadcastState.DRAFT,
    BroadcastState.PAUSED,
    BroadcastState.SENDING,
    BroadcastState.COMPLETED,
    BroadcastState.CANCELLED,
    BroadcastState.SUPERSEDED,
)
_NO_WAY = ("no_contact_point", "no_channel", "suppressed")


def undecided(tx: Transaction, round_id: int) -> list[StoredBroadcast]:
    """Return the broadcasts of a round that may still be sent; raise `NotFound`, or `Refused` when there is none."""
    rounds.load(tx, round_id)
    found = broadcasts.of_round(tx, round_id, *UNDECIDED)
    if not found:
        stands = state(broadcasts.of_round(tx, round_id))
        anew = "somebody has drafted all of it anew since"
        why = anew if stands is BroadcastState.SUPERSEDED else "nothing of it waits to be sent"
        raise Refused(f"round {round_id} is {stands}: {why}")
    return found


def state(found: Sequence[StoredBroadcast]) -> BroadcastState:
    """Return how a round stands, from its broadcasts."""
    states = {each.state for each in found}
    return next((each for each in _FURTHEST_FIRST if each in states), BroadcastState.CANCELLED)


def customers(tx: Transaction, scopes: Iterable[Scope]) -> int:
    """Return how many customers several updates are for, told or not, each once."""
    sql, values = _union(scopes, audience.affected, "customer_id")
    return int(tx.scalar(f"SELECT count(DISTINCT customer_id) FROM ({sql}) AS counted", **values))


def preview(
    tx: Transaction, round_id: int, outlook: Outlook, *, wake_reason: str = "", every_text: bool = False
) -> RoundPreview:
    """Return what a round would do, also if everyone was woken for a reason; reads only."""
    stored, found = rounds.load(tx, round_id), undecided(tx, round_id)
    each = [previews.preview(tx, one.id, outlook, wake_reason=wake_reason) for one in found]
    largest = max(each, key=lambda one: one.customers)
    if every_text:
        largest = previews.preview(tx, largest.broadcast_id, outlook, wake_reason=wake_reason, every_text=True)
    outcomes, in_several = _outcomes(tx, [previews.scope_of(tx, one, outlook.playbook, outlook.basis) for one in found])
    told = outcomes.pop("told", 0)
    people = told + sum(outcomes.values())
    going = _added(one.now for one in each)
    takes = _time_to_finish(going, sum(one.segments_now for one in each), outlook)
    starts_at = outlook.now + outlook.take_back
    waits: Counter[datetime] = Counter()
    for one in each:
        waits.update({each_wait.until: each_wait.messages for each_wait in one.waits})
    due_at = min((one.promise_due_at for one in each if one.promise_due_at is not None), default=None)
    segments, price = sum(one.segments for one in each), outlook.terms.price
    first, limit = each[0], outlook.playbook.audience_limit
    return RoundPreview(
        round_id=round_id,
        event_id=stored.event_id,
        broadcast_id=largest.broadcast_id,
        kind=largest.kind,
        customers=people,
        notifications=sum(one.notifications for one in each),
        by_channel=_added(one.by_channel for one in each),
        by_locale=_added(one.by_locale for one in each),
        by_region=_added(one.by_region for one in each),
        not_told=outcomes,
        first_contact=sum(one.first_contact for one in each),
        finishes_in_seconds=takes.total_seconds(),
        promise_due_at=due_at,
        fits=due_at is None or starts_at + takes <= due_at,
        done_at=max([starts_at + takes, *(until + takes for until in waits)]),
        audience_limit=limit,
        needs_approval=people > limit,
        warnings=_warnings(found, each),
        samples=largest.samples,
        now=going,
        waits=[Waits(until=until, messages=number) for until, number in sorted(waits.items())],
        mail_instead=sum(one.mail_instead for one in each),
        capped=_added(one.capped for one in each),
        segments=segments,
        segments_now=sum(one.segments_now for one in each),
        cost=None if price is None else str(price * segments),
        currency=first.currency,
        texts_take_seconds=sum(one.texts_take_seconds for one in each),
        wake_reason=first.wake_reason,
        second_person=first.second_person,
        second_person_wait_seconds=first.second_person_wait_seconds,
        alone_from_at=max((one.alone_from_at for one in each if one.alone_from_at is not None), default=None),
        event=_event(tx, stored),
        in_several=in_several,
        take_back_seconds=outlook.take_back.total_seconds(),
        sent_by=found[0].sent_by,
        drafted_by=stored.created_by,
        lines=[_line(tx, one, seen) for one, seen in zip(found, each, strict=True)],
        left_out=_left_out(tx, stored),
        more=stored.more,
    )


def view(tx: Transaction, round_id: int) -> RoundView:
    """Return one round; raise `NotFound`."""
    stored, found = rounds.load(tx, round_id), broadcasts.of_round(tx, round_id)
    counted = tx.tuples(
        f"""SELECT {sleepers.COLUMNS} FROM broadcasts AS b JOIN notifications AS n ON n.broadcast_id = b.id
            WHERE b.round_id = :id GROUP BY 1, 2, 3""",
        id=round_id,
    )
    alive = [one for one in found if one.state not in (BroadcastState.CANCELLED, BroadcastState.SUPERSEDED)] or found
    first = alive[0]
    approved: str | None = tx.scalar("SELECT approved_by FROM broadcasts WHERE id = :id", id=first.id)
    return RoundView(
        id=round_id,
        event_id=stored.event_id,
        event=_event(tx, stored),
        state=state(found),
        created_at=stored.created_at,
        created_by=stored.created_by,
        sent_at=first.sent_at,
        sent_by=first.sent_by,
        approved_by=approved,
        not_before_at=first.not_before_at,
        started_at=min((one.started_at for one in found if one.started_at is not None), default=None),
        expected_customers=stored.expected_customers,
        planned=all(one.planned_at is not None for one in alive),
        states=sleepers.states(counted),
        waits=sleepers.waiting(counted),
        lines=[_line(tx, one, None) for one in found],
        left_out=_left_out(tx, stored),
        wake_reason=first.wake_reason,
        alone_reason=alone.reason(tx, first.incident_id, first.id) if first.not_before_at and not approved else "",
    )


# --- parts ----------------------------------------------------------------------------------------------------------


def _outcomes(tx: Transaction, scopes: Sequence[Scope]) -> tuple[dict[str, int], int]:
    """Return how many customers have each outcome, the best of their incidents', and how many are in several."""
    sql, values = _union(scopes, audience.best, "customer_id, reach")
    rows = tx.tuples(
        f"""SELECT {audience.outcome("least")} AS name, count(*), SUM(several)
            FROM (SELECT customer_id, MIN(reach) AS least,
                         CASE WHEN MIN(which) < MAX(which) THEN 1 ELSE 0 END AS several
                  FROM ({sql}) AS every GROUP BY customer_id) AS each_one GROUP BY 1 ORDER BY 1""",
        **values,
    )
    return {str(name): int(number) for name, number, _ in rows}, sum(int(several) for *_, several in rows)


def _union(scopes: Iterable[Scope], select: Callable[[Scope], str], columns: str) -> tuple[str, dict[str, object]]:
    """Return the SQL of several audiences one below the other, with `which` of them, and its values."""
    selects: list[str] = []
    values: dict[str, object] = {}
    for scope in scopes:
        which = int(scope.incident_id)
        rows = select(scope).replace(":incident", str(which)).replace(":pattern", f":pattern_{which}")
        selects.append(f"SELECT {which} AS which, {columns} FROM ({rows}) AS f{which}")
        values[f"pattern_{which}"] = scope.pattern
    return " UNION ALL ".join(selects), values


def _event(tx: Transaction, stored: StoredRound) -> str:
    row = tx.row("SELECT kind, name, service FROM events WHERE id = :id", id=stored.event_id)
    assert row is not None  # noqa: S101 - its rounds refer to it
    return f"{row['kind']} {stored.event_id} {row['name']} ({row['service']})"


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def _time_to_finish(going: Mapping[str, int], segments_now: int, outlook: Outlook) -> timedelta:
    """Return how long what goes at once takes, of all incidents together: they share the providers' rates."""
    takes = time_to_finish({Channel(name): number for name, number in going.items()}, outlook.rates)
    if not outlook.terms.is_limited:
        return takes
    return max(takes, timedelta(seconds=segments_now / outlook.terms.per_second))


def _warnings(found: Sequence[StoredBroadcast], each: Sequence[Preview]) -> list[str]:
    warnings = [
        f"#{one.incident_id}: {warning}" for one, seen in zip(found, each, strict=True) for warning in seen.warnings
    ]
    unsure = [one.incident_id for one, seen in zip(found, each, strict=True) if seen.doubts]
    warnings += [
        f"#{which}: one cannot tell of some regions whether they are out; to see which, and correct its place: tell"
        f" {which}"
        for which in unsure
    ]
    return warnings


def _line(tx: Transaction, found: StoredBroadcast, seen: Preview | None) -> RoundLine:
    incident = incidents.load(tx, found.incident_id, found.part_id)
    no_way = 0 if seen is None else sum(seen.not_told.get(reason, 0) for reason in _NO_WAY)
    return RoundLine(
        incident_id=found.incident_id,
        broadcast_id=found.id,
        place=incident.place,
        kind=found.kind,
        state=found.state,
        reason=found.reason,
        customers=found.expected_customers if seen is None else seen.customers,
        no_way=no_way,
        promised_by=_first_time(found.facts),
        started_at=found.started_at,
    )


def _first_time(facts: Facts) -> datetime | None:
    return min((at for at in (facts.eta_at, facts.next_update_by) if at is not None), default=None)


def _left_out(tx: Transaction, stored: StoredRound) -> list[LeftOut]:
    """Return what is not in a round: what could not be drafted, and what has left it since."""
    gone = {
        one.incident_id: gone_because(tx, one)
        for one in broadcasts.of_round(tx, stored.id, BroadcastState.CANCELLED, BroadcastState.SUPERSEDED)
        if one.not_before_at is None
    }
    return [LeftOut(incident_id=which, why=why) for which, why in sorted({**stored.left_out, **gone}.items())]


def gone_because(tx: Transaction, found: StoredBroadcast) -> str:
    """Return why a broadcast is in its round no more."""
    incident = incidents.load(tx, found.incident_id)
    if found.state is BroadcastState.SUPERSEDED:
        return "somebody drafted it anew meanwhile"
    return {
        "rejected": "it was rejected",
        "by_person": "somebody left it out",
    }.get(str(found.reason), f"it is {incident.state}")
