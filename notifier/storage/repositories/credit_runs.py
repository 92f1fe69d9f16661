"""Runs: the outage of one part from its failure to its restoration, and how far it was counted for credits.

One run per update that says "restored", made when that one's audience is complete. Whom it is about is that audience,
whether they could be told or not; those whose contract had ended are left to a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.incident import Impact, IncidentKind, IncidentState
from notifier.domain.tariff import Disruption, Payer, Spell
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.repositories import incidents, parts
from notifier.storage.repositories.audience import Scope, in_place, numbers

_NEWEST = 2**62
_MEMBER = "a.outcome <> 'site_ended'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One outage of one part."""

    id: int
    incident_id: int
    part_id: int
    broadcast_id: int
    service: str
    spell: Spell
    customers: int
    newest_site_id: int  # sites that were made later were not there then
    counted_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A customer of a run's audience."""

    customer_id: int
    payer: Payer


def to_begin(tx: Transaction, *, since: datetime) -> list[int]:
    """Return the updates that said "restored" since an instant, are planned, and have no run yet, oldest first."""
    rows = tx.tuples(
        f"""SELECT b.id FROM broadcasts AS b
            WHERE b.kind = '{BroadcastKind.RESTORED}' AND b.started_at >= :since AND b.planned_at IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM credit_runs AS r WHERE r.broadcast_id = b.id)
            ORDER BY b.started_at, b.id""",
        since=to_micros(since),
    )
    return [int(row[0]) for row in rows]


def begin(tx: Transaction, broadcast_id: int, *, since: datetime, now: datetime) -> None:
    """Make the run of an update; nothing when there is one. Of what was over before `since` nothing is counted."""
    row = tx.row(
        """SELECT b.incident_id, b.part_id, b.facts, b.started_at, i.service, p.restored_at
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id JOIN parts AS p ON p.id = b.part_id
           WHERE b.id = :id""",
        id=broadcast_id,
    )
    if row is None:
        return
    told = from_json(row["facts"], Facts)
    until_at = told.restored_at or to_instant(row["restored_at"] or row["started_at"])
    from_at = _failed_at(tx, row["part_id"], broadcast_id, since=since)
    tx.run(
        """INSERT INTO credit_runs (incident_id, part_id, broadcast_id, service, from_at, until_at, customers,
                                    newest_site_id, created_at)
           VALUES (:incident, :part, :broadcast, :service, :from, :until, :customers,
                   (SELECT COALESCE(MAX(id), 0) FROM sites), :now)
           ON CONFLICT (broadcast_id) DO NOTHING""",
        incident=row["incident_id"],
        part=row["part_id"],
        broadcast=broadcast_id,
        service=row["service"],
        **{"from": to_micros(min(from_at, until_at))},
        until=to_micros(until_at),
        customers=customers_of(tx, row["incident_id"]),
        now=to_micros(now),
    )


def failed_at(tx: Transaction, part_id: int, *, since: datetime) -> datetime:
    """Return when service of a part failed the last time, for what it would cost now."""
    return _failed_at(tx, part_id, _NEWEST, since=since)


def _failed_at(tx: Transaction, part_id: int, before: int, *, since: datetime) -> datetime:
    """Return when the outage of a part began that an update ends: after an earlier one, when it was reopened.

    A part that came from another incident, split off or merged, was out since that one began; one that was cut off
    failed and came back with what it was cut from, until then. An earlier end without a run does not count, unless it
    was over before `since`: nobody knows its audience, and the time until it was taken back is for the customer.
    """
    line = parts.lineage(tx, part_id)
    theirs = _told_to(line, "b")
    began_at = incidents.load(tx, line[-1][0]).started_at
    earlier = tx.row(
        f"""SELECT r.broadcast_id, r.until_at FROM credit_runs AS r JOIN broadcasts AS b ON b.id = r.broadcast_id
            WHERE ({_told_to(line, "r", at="b.started_at")}) AND r.broadcast_id < :before
            ORDER BY r.broadcast_id DESC LIMIT 1""",
        before=before,
    )
    after = (
        earlier["broadcast_id"]
        if earlier is not None
        else tx.scalar(
            f"""SELECT MAX(b.id) FROM broadcasts AS b
                WHERE ({theirs}) AND b.kind = '{BroadcastKind.RESTORED}'
                  AND b.id < :before AND b.started_at < :since""",
            before=before,
            since=to_micros(since),
        )
    )
    if after is None:
        return began_at
    again = tx.scalar(
        f"""SELECT b.facts FROM broadcasts AS b
            WHERE ({theirs}) AND b.kind = '{BroadcastKind.REOPENED}' AND b.id > :after AND b.id < :before
              AND b.sent_at IS NOT NULL ORDER BY b.id DESC LIMIT 1""",
        after=after,
        before=before,
    )
    reopened_at = None if again is None else from_json(again, Facts).reopened_at
    if earlier is None:
        return reopened_at or began_at
    return max(reopened_at or to_instant(earlier["until_at"]), to_instant(earlier["until_at"]))


def _told_to(line: Sequence[tuple[int, int, datetime | None]], alias: str, *, at: str = "") -> str:
    """Return the SQL condition that a row is about a part of a lineage, before the next one was cut off from it."""
    at = at or f"{alias}.sent_at"
    return " OR ".join(
        f"{alias}.part_id = {int(part_id)}" + ("" if until is None else f" AND {at} <= {to_micros(until)}")
        for _, part_id, until in line
    )


def customers_of(tx: Transaction, incident_id: int) -> int:
    """Return how many customers an incident has, as its updates counted them."""
    return int(
        tx.scalar(
            """SELECT COALESCE(MAX(expected_customers), 0) FROM broadcasts
               WHERE incident_id = :id AND sent_at IS NOT NULL""",
            id=incident_id,
        )
    )


def unfinished(tx: Transaction) -> Run | None:
    """Return the run that is to be counted next."""
    found = _runs(tx, "r.finished_at IS NULL ORDER BY r.id LIMIT 1")
    return found[0] if found else None


def of_incidents(tx: Transaction, incident_ids: Sequence[int]) -> list[Run]:
    """Return every run of some incidents."""
    return _runs(tx, f"r.incident_id IN ({numbers(incident_ids)}) ORDER BY r.id")


def beside(tx: Transaction, run: Run, own: Sequence[Run]) -> list[int]:
    """Return other incidents of the service, not dismissed, that were out in the time of an incident's runs.

    And those that it was split from, or that were split from it: for its customers they are one outage.
    """
    kin = numbers(_kin(tx, run.incident_id))
    first = min(each.spell.from_at for each in (run, *own))
    last = max(each.spell.until_at for each in (run, *own))
    rows = tx.tuples(
        f"""SELECT DISTINCT r.incident_id FROM credit_runs AS r JOIN incidents AS i ON i.id = r.incident_id
            WHERE r.service = :service AND r.incident_id <> :incident
              AND ((r.until_at > :first AND r.from_at < :last) OR r.incident_id IN ({kin}))
              AND i.state <> '{IncidentState.DISMISSED}'""",
        service=run.service,
        incident=run.incident_id,
        first=to_micros(first),
        last=to_micros(last),
    )
    return sorted(int(row[0]) for row in rows)


def _kin(tx: Transaction, incident_id: int) -> list[int]:
    """Return an incident with all whose sites went over to it, or to which its own went over."""
    found, ask = {incident_id}, [incident_id]
    while ask:
        which = ask.pop()
        new = {*parts.kin(tx, which), *parts.split_off(tx, which)} - found
        found |= new
        ask += new
    return sorted(found)


def disruption(tx: Transaction, run: Run) -> tuple[IncidentState, Disruption]:
    """Return where the incident stands, and what failed in the part, as tariffs look at it."""
    row = tx.row(
        """SELECT i.state, i.impact, i.kind, p.cause FROM incidents AS i JOIN parts AS p ON p.id = :part
           WHERE i.id = :incident""",
        part=run.part_id,
        incident=run.incident_id,
    )
    assert row is not None  # noqa: S101 - a run refers to both
    return IncidentState(row["state"]), Disruption(
        service=run.service,
        impact=Impact(row["impact"]),
        kind=IncidentKind(row["kind"]),
        cause=row["cause"],
        customers=run.customers,
    )


def members(tx: Transaction, broadcast_id: int, *, after: int, at_most: int) -> list[Member]:
    """Return the next customers of an update's audience."""
    rows = tx.tuples(
        f"""SELECT c.id, c.account_type, c.plan, c.monthly_price_minor, c.currency
            FROM audience AS a JOIN customers AS c ON c.id = a.customer_id
            WHERE a.broadcast_id = :broadcast AND a.customer_id > :after AND {_MEMBER}
            ORDER BY a.customer_id LIMIT :most""",
        broadcast=broadcast_id,
        after=after,
        most=at_most,
    )
    return [
        Member(
            customer_id=id_,
            payer=Payer(account_type=account_type, plan=plan, monthly_price_minor=price, currency=currency),
        )
        for id_, account_type, plan, price, currency in rows
    ]


def members_between(tx: Transaction, broadcast_id: int, first: int, last: int) -> set[int]:
    """Return which customers of a range are in an update's audience."""
    rows = tx.tuples(
        f"""SELECT a.customer_id FROM audience AS a
            WHERE a.broadcast_id = :broadcast AND a.customer_id >= :first AND a.customer_id <= :last AND {_MEMBER}""",
        broadcast=broadcast_id,
        first=first,
        last=last,
    )
    return {int(row[0]) for row in rows}


def sites_between(tx: Transaction, run: Run, first: int, last: int) -> dict[int, set[int]]:
    """Return which sites of customers of a range were out in a run: those in the place of its part, by customer.

    Not one that was made later, nor one that had ended before service was back.
    """
    incident_id = int(tx.scalar("SELECT incident_id FROM parts WHERE id = :id", id=run.part_id))
    scope = Scope(
        incident_id=incident_id,
        service=run.service,
        region_ids=tuple(incidents.place_regions(tx, incident_id)),
        channels=(),
        part=parts.scope_of(tx, incident_id, run.part_id),
    )
    rows = tx.tuples(
        f"""SELECT s.customer_id, s.id FROM audience AS a JOIN sites AS s ON s.customer_id = a.customer_id
            WHERE a.broadcast_id = :broadcast AND a.customer_id >= :first AND a.customer_id <= :last AND {_MEMBER}
              AND s.id <= :newest AND s.services LIKE :pattern
              AND (s.status = 'active' OR s.updated_at > :until) AND {in_place(scope, "s.id")}""",
        broadcast=run.broadcast_id,
        first=first,
        last=last,
        newest=run.newest_site_id,
        pattern=scope.pattern,
        until=to_micros(run.spell.until_at),
        incident=incident_id,
    )
    found: dict[int, set[int]] = {}
    for customer_id, site_id in rows:
        found.setdefault(int(customer_id), set()).add(int(site_id))
    return found


def save_progress(tx: Transaction, run_id: int, counted_to: int | None, *, now: datetime) -> None:
    """Note how far a run was counted; None: it is finished."""
    if counted_to is None:
        tx.run("UPDATE credit_runs SET finished_at = :now WHERE id = :id", now=to_micros(now), id=run_id)
    else:
        tx.run("UPDATE credit_runs SET counted_to = :to WHERE id = :id", to=counted_to, id=run_id)


def again(tx: Transaction, incident_id: int) -> int:
    """Let every run of an incident be counted from the beginning; return how many."""
    return tx.run("UPDATE credit_runs SET finished_at = NULL, counted_to = 0 WHERE incident_id = :id", id=incident_id)


def again_for(tx: Transaction, broadcast_id: int) -> None:
    """Let the run of an update be counted from the beginning, where it has one: somebody joined its audience."""
    tx.run("UPDATE credit_runs SET finished_at = NULL, counted_to = 0 WHERE broadcast_id = :id", id=broadcast_id)


def is_counted(tx: Transaction, broadcast_id: int) -> bool:
    """Tell whether the credits of an update's audience have been computed."""
    found = tx.scalar("SELECT 1 FROM credit_runs WHERE broadcast_id = :id AND finished_at IS NOT NULL", id=broadcast_id)
    return found is not None


def newest_told(tx: Transaction, incident_id: int) -> tuple[int, int] | None:
    """Return the newest update of an incident whose audience is complete, and its part: for what it would cost."""
    row = tx.row(
        """SELECT id, part_id FROM broadcasts WHERE incident_id = :id AND started_at IS NOT NULL
             AND planned_at IS NOT NULL AND kind <> 'correction' ORDER BY id DESC LIMIT 1""",
        id=incident_id,
    )
    return None if row is None else (row["id"], row["part_id"])


def _runs(tx: Transaction, condition: str) -> list[Run]:
    return [
        Run(
            id=row["id"],
            incident_id=row["incident_id"],
            part_id=row["part_id"],
            broadcast_id=row["broadcast_id"],
            service=row["service"],
            spell=Spell(from_at=to_instant(row["from_at"]), until_at=to_instant(row["until_at"])),
            customers=row["customers"],
            newest_site_id=row["newest_site_id"],
            counted_to=row["counted_to"],
        )
        for row in tx.rows(
            f"""SELECT r.id, r.incident_id, r.part_id, r.broadcast_id, r.service, r.from_at, r.until_at, r.customers,
                       r.newest_site_id, r.counted_to
                FROM credit_runs AS r WHERE {condition}"""
        )
    ]


def moved_to(run: Run, counted_to: int) -> Run:
    """Return a run as if it had been counted so far."""
    return replace(run, counted_to=counted_to)
