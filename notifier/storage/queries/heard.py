"""What was heard of open incidents: complaints from their place, and what people answered.

For the suggestion that one looks over. Complaints are read once, as the stream grows; which of them belong to an
incident is decided outside, for a place changes while an incident is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.incident import IncidentState, PartState
from notifier.domain.reply import Meaning
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import incidents, parts
from notifier.storage.views import LooksOverView

SUGGESTED, WITHDRAWN = "looks_over", "looks_over_withdrawn"  # in the timeline
_ANEW = ("reopen_sent", "out_again", "taken_back")  # after which an older suggestion says nothing
AT_ONCE = 20_000  # complaints read in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """An incident whose service is out, and where."""

    id: int
    service: str
    started_at: datetime  # or out again since
    regions: frozenset[int]
    customers: frozenset[int]  # where its place is a list of sites
    is_suggested: bool  # it is said to look over already


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedComplaint:
    """A complaint of a verified customer."""

    position: int
    service: str
    at: datetime
    customer_id: int
    regions: frozenset[int]


def still_out(tx: Transaction) -> list[OpenIncident]:
    """Return the incidents that are open and out."""
    rows = tx.tuples(
        f"""SELECT i.id, i.service, i.started_at FROM incidents AS i
            WHERE i.state IN (:suspected, :confirmed) AND i.kind = 'unplanned'
              AND {parts.has_one("i.id", PartState.OUT)}
            ORDER BY i.id""",
        suspected=IncidentState.SUSPECTED,
        confirmed=IncidentState.CONFIRMED,
    )
    return [_open(tx, int(which), service, started_at) for which, service, started_at in rows]


def _open(tx: Transaction, incident_id: int, service: str, started_at: int) -> OpenIncident:
    regions, customers = _place_that_is_out(tx, incident_id)
    event, at = _last_event(tx, incident_id)
    return OpenIncident(
        id=incident_id,
        service=service,
        started_at=max(to_instant(started_at), to_instant(at)) if event in _ANEW else to_instant(started_at),
        regions=regions,
        customers=customers,
        is_suggested=event == SUGGESTED,
    )


def _place_that_is_out(tx: Transaction, incident_id: int) -> tuple[frozenset[int], frozenset[int]]:
    """Return the regions, and the customers of listed sites, of which complaints say that it is not over.

    Of an incident in parts: of those that are out. What they are named by stands for them; a part is small.
    """
    place = frozenset(incidents.place_regions(tx, incident_id))
    listed = tx.tuples(
        """SELECT DISTINCT s.customer_id FROM incident_sites AS l JOIN sites AS s ON s.id = l.site_id
           WHERE l.incident_id = :id""",
        id=incident_id,
    )
    customers = frozenset(int(customer) for (customer,) in listed)
    own = parts.own(tx, incident_id)
    if len(own) == 1:
        return place, customers
    named = {part.id: frozenset(parts.region_ids(tx, part.id)) for part in own}
    lists = {part.id: frozenset(parts.listed_customers(tx, part.id)) for part in own}
    out = [part.id for part in own if part.state is PartState.OUT]
    over = [part.id for part in own if part.state is not PartState.OUT]
    if own[0].id not in out:
        place, customers = frozenset(), frozenset()
    return (
        place.difference(*(named[part] for part in over)).union(*(named[part] for part in out)),
        customers.difference(*(lists[part] for part in over)).union(*(lists[part] for part in out)),
    )


def _last_event(tx: Transaction, incident_id: int) -> tuple[str, int]:
    """Return the newest event that says something about whether it is over."""
    row = tx.row(
        """SELECT event, at FROM timeline WHERE incident_id = :id
             AND event IN ('looks_over', 'looks_over_withdrawn', 'reopen_sent', 'out_again', 'taken_back')
           ORDER BY id DESC LIMIT 1""",
        id=incident_id,
    )
    return ("", 0) if row is None else (row["event"], row["at"])


# --- complaints and replies ------------------------------------------------------------------------------------------

_VERIFIED = """SELECT id, service, effective_at, customer_id, regions FROM complaints
               WHERE verified = 1 AND customer_id IS NOT NULL"""


def position(tx: Transaction) -> int:
    """Return the end of the stream."""
    return int(tx.scalar("SELECT COALESCE(MAX(id), 0) FROM complaints"))


def last_heard(tx: Transaction, service: str) -> datetime | None:
    """Return when the newest complaint about a service took effect, whoever it came from."""
    at = tx.scalar(
        "SELECT effective_at FROM complaints WHERE service = :service ORDER BY effective_at DESC LIMIT 1",
        service=service,
    )
    return None if at is None else to_instant(int(at))


def complaints_behind(tx: Transaction, after: int, until: int) -> list[PlacedComplaint]:
    """Return what verified customers complained between two positions; of very many, the newest."""
    rows = tx.tuples(
        f"{_VERIFIED} AND id > :after AND id <= :until ORDER BY id DESC LIMIT {AT_ONCE}", after=after, until=until
    )
    return [_placed(*row) for row in rows]


def complaints_since(tx: Transaction, since: datetime, service: str, until: int) -> list[PlacedComplaint]:
    """Return what verified customers complained about a service since a time; of very many, the newest."""
    rows = tx.tuples(
        f"""{_VERIFIED} AND service = :service AND effective_at >= :since AND id <= :until
            ORDER BY effective_at DESC LIMIT {AT_ONCE}""",
        since=to_micros(since),
        service=service,
        until=until,
    )
    return [_placed(*row) for row in rows]


def _placed(position: int, service: str, at: int, customer_id: int, regions: str) -> PlacedComplaint:
    return PlacedComplaint(
        position=position,
        service=service,
        at=to_instant(at),
        customer_id=customer_id,
        regions=frozenset(from_json(regions, list[int])),
    )


def answers(tx: Transaction, incident_id: int, since: datetime) -> Mapping[Meaning, list[datetime]]:
    """Return when people said that they are back (`on`) or out (`out`); of each person only the last word."""
    last: dict[int, tuple[Meaning, datetime]] = {}
    for reply, point, meaning, at in tx.tuples(
        """SELECT id, contact_point_id, meaning, received_at FROM replies
           WHERE incident_id = :id AND meaning IN ('on', 'out') AND received_at >= :since ORDER BY received_at, id""",
        id=incident_id,
        since=to_micros(since),
    ):
        last[-reply if point is None else point] = Meaning(meaning), to_instant(at)
    return {
        wanted: sorted(at for meaning, at in last.values() if meaning is wanted) for wanted in (Meaning.ON, Meaning.OUT)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What the alarms of an incident say."""

    is_open: bool
    over_at: datetime | None  # when the last of them was over; None: none was, or one is open
    names: tuple[str, ...]  # of those that are over


def alarms(tx: Transaction, incident_id: int, since: datetime) -> Alarms:
    """Return what the alarms of an incident say: what lapsed without a word says nothing, nor what was over before."""
    rows = tx.tuples(
        """SELECT s.name, s.state, s.ended_at FROM incident_signals AS l JOIN signals AS s ON s.id = l.signal_id
           WHERE l.incident_id = :id AND (s.state = 'open' OR (s.state = 'resolved' AND s.ended_at >= :since))
           ORDER BY s.id""",
        id=incident_id,
        since=to_micros(since),
    )
    is_open = any(state == "open" for _, state, _ in rows)
    over_at = max((ended for _, _, ended in rows if ended is not None), default=None)
    return Alarms(
        is_open=is_open,
        over_at=None if is_open else to_instant(over_at),
        names=tuple(dict.fromkeys(name for name, state, _ in rows if state == "resolved")),
    )


def ordinary_per_hour(tx: Transaction, service: str, regions: Sequence[int]) -> float:
    """Return the complaints an hour of average weight that are expected in some regions, by their stored levels."""
    if not regions:
        return 0.0
    listed = ", ".join(str(int(region)) for region in regions)
    found = tx.scalar(
        f"SELECT SUM(level_sum / level_weight) FROM baselines WHERE service = :service AND region_id IN ({listed})",
        service=service,
    )
    return float(found or 0.0) / 24


# --- the suggestion ---------------------------------------------------------------------------------------------------


def note(tx: Transaction, incident_id: int, event: str, view: LooksOverView | None, *, now: datetime) -> None:
    """Write into the timeline that an incident looks over, or does not any more."""
    detail = {} if view is None else from_json(to_json(view), dict[str, object])
    incidents.record(tx, incident_id, at=now, event=event, actor="daemon", detail=detail)


def standing(tx: Transaction, incident_id: int) -> LooksOverView | None:
    """Return what says that an incident that is out looks over, or None."""
    row = tx.row(
        f"""SELECT t.event, t.detail FROM timeline AS t WHERE t.incident_id = :id
              AND t.event IN ('looks_over', 'looks_over_withdrawn', 'reopen_sent', 'out_again', 'taken_back')
              AND EXISTS (SELECT 1 FROM incidents AS i
                          WHERE i.id = :id AND i.state IN ('suspected', 'confirmed')
                            AND {parts.has_one("i.id", PartState.OUT)})
            ORDER BY t.id DESC LIMIT 1""",
        id=incident_id,
    )
    if row is None or row["event"] != SUGGESTED:
        return None
    return from_json(row["detail"], LooksOverView)
