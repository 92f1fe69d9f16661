"""Why a cell is evidence: its complaints, which of them counted, and what first brought each region into an incident.

Functions of an open transaction. A complaint belongs to a cell by `regions`, and counts in it by `counted_regions`; it
may count in a city and, its reporter having called before, be a repeat in a postal code.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from notifier.domain.any_service import ANY
from notifier.domain.complaint import NotCounted
from notifier.domain.detection import CellKey, CountedComplaint
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json
from notifier.storage.queries.incidents import evidence_view
from notifier.storage.views import EvidenceView

FOR_EVER_US = 2**62
AT_A_TIME = 10_000  # complaints: in a storm there may be a million of them
WITHOUT_PLACE = (NotCounted.NO_REGION, NotCounted.AMBIGUOUS_CUSTOMER, NotCounted.NOT_SERVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the stream: complaints that took effect in a period, both ends included, and lie between positions."""

    since_us: int = -FOR_EVER_US
    until_us: int = FOR_EVER_US
    after: int = 0
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellComplaint:
    """A complaint of a cell, as it is told to people."""

    id: int
    at_us: int
    customer: str | None
    name: str
    source: str
    verified: bool
    why_not: str | None  # None: it counts


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstEvidence:
    """What first brought a region into an incident."""

    region_id: int
    label: str
    role: str  # "" when the region is not part of it any more
    position: int
    evidence: EvidenceView | None
    service: str = ""  # of the cell that showed it; "" without evidence


def counted(tx: Transaction, cell: CellKey, stretch: Stretch) -> list[tuple[int, bool]]:
    """Return (time, verified) of the complaints that are evidence in a cell, in the order of the stream."""
    rows = tx.tuples(
        f"""SELECT c.effective_at, c.verified FROM complaints AS c
            WHERE {_WHY_NOT} = '' AND {_IN_STRETCH} AND {_holds("counted_regions")} ORDER BY c.id""",
        **_values(cell, stretch),
    )
    return [(int(at_us), bool(verified)) for at_us, verified in rows]


def of_service(tx: Transaction, service: str, stretch: Stretch) -> Iterator[list[CountedComplaint]]:
    """Yield the complaints of a service that are evidence anywhere, in the order of the stream, some at a time."""
    while True:
        rows = tx.tuples(
            f"""SELECT c.id, c.effective_at, c.verified, c.counted_regions FROM complaints AS c
                WHERE c.not_counted IS NULL AND {_IN_STRETCH} ORDER BY c.id LIMIT {AT_A_TIME}""",
            **_bounds(service, stretch),
        )
        yield [
            CountedComplaint(
                position=int(position),
                service=service,
                at_us=int(at_us),
                verified=bool(verified),
                regions=from_json(regions, list[int]),
            )
            for position, at_us, verified, regions in rows
        ]
        if len(rows) < AT_A_TIME:
            return
        stretch = replace(stretch, after=int(rows[-1][0]))


def tally(tx: Transaction, cell: CellKey, stretch: Stretch) -> dict[str, int]:
    """Return how many complaints belong to a cell, by why they are no evidence there; "" = they are."""
    rows = tx.tuples(
        f"""SELECT {_WHY_NOT} AS why, COUNT(*) FROM complaints AS c
            WHERE {_IN_STRETCH} AND {_holds("regions")} GROUP BY 1""",
        **_values(cell, stretch),
    )
    return {why: int(number) for why, number in rows}


def complaints(tx: Transaction, cell: CellKey, stretch: Stretch, at_most: int, *, counted: bool) -> list[CellComplaint]:
    """Return the newest complaints of a cell that count there, or those that do not, newest first, with who complained.

    They are two lists: a flood of repeats must not push out of sight who counts.
    """
    rows = tx.tuples(
        f"""SELECT c.id, c.effective_at, u.reference, u.name, c.source, c.verified, {_WHY_NOT} AS why
            FROM complaints AS c LEFT JOIN customers AS u ON u.id = c.customer_id
            WHERE {_IN_STRETCH} AND {_holds("regions")} AND ({_WHY_NOT} = '') = (:counted = 1)
            ORDER BY c.effective_at DESC, c.id DESC LIMIT :most""",
        most=at_most,
        counted=int(counted),
        **_values(cell, stretch),
    )
    return [
        CellComplaint(
            id=int(complaint_id),
            at_us=int(at_us),
            customer=reference,
            name=name or "",
            source=source,
            verified=bool(verified),
            why_not=why or None,
        )
        for complaint_id, at_us, reference, name, source, verified, why in rows
    ]


def without_place(tx: Transaction, service: str, stretch: Stretch) -> dict[str, int]:
    """Return how many complaints of a service belong to no region at all, by why."""
    reasons = {f"r{number}": reason for number, reason in enumerate(WITHOUT_PLACE)}
    rows = tx.tuples(
        f"""SELECT c.not_counted, COUNT(*) FROM complaints AS c
            WHERE {_IN_STRETCH} AND c.not_counted IN ({", ".join(f":{name}" for name in reasons)})
            GROUP BY c.not_counted""",
        **_bounds(service, stretch),
        **reasons,
    )
    return {why: int(number) for why, number in rows}


def incident_row(tx: Transaction, incident_id: int) -> Row | None:
    """Return what an explanation says of an incident itself."""
    return tx.row(
        "SELECT id, service, state, place, opened_at, opened_by FROM incidents WHERE id = :id", id=incident_id
    )


def first_evidence(tx: Transaction, incident_id: int) -> list[FirstEvidence]:
    """Return the regions of an incident with the evidence that brought each in, in the order they came.

    Regions that a person named, and that never showed evidence, come last.
    """
    rows = tx.rows(
        """SELECT e.*, r.kind, r.code, ir.role FROM evidence AS e JOIN regions AS r ON r.id = e.region_id
           LEFT JOIN incident_regions AS ir ON ir.incident_id = e.incident_id AND ir.region_id = e.region_id
           WHERE e.id IN (SELECT MIN(id) FROM evidence WHERE incident_id = :id GROUP BY region_id) ORDER BY e.id""",
        id=incident_id,
    )
    found = [
        FirstEvidence(
            region_id=row["region_id"],
            label=f"{row['kind']} {row['code']}",
            role=row["role"] or "",
            position=row["position"],
            evidence=evidence_view(row),
            service=row["service"],
        )
        for row in rows
    ]
    silent = tx.tuples(
        """SELECT r.id, r.kind, r.code, ir.role FROM incident_regions AS ir JOIN regions AS r ON r.id = ir.region_id
           WHERE ir.incident_id = :id
             AND NOT EXISTS (SELECT 1 FROM evidence AS e WHERE e.incident_id = :id AND e.region_id = r.id)
           ORDER BY r.id""",
        id=incident_id,
    )
    return found + [
        FirstEvidence(region_id=region_id, label=f"{kind} {code}", role=role, position=0, evidence=None)
        for region_id, kind, code, role in silent
    ]


_IN_STRETCH = f"""(c.service = :service OR :service = '{ANY}') AND c.effective_at >= :since AND c.effective_at <= :until
                 AND c.id > :after AND c.id <= :position"""


def _holds(column: str) -> str:
    """Return the condition that a JSON array of region ids holds the one asked for."""
    return f"REPLACE(REPLACE(c.{column}, '[', ','), ']', ',') LIKE '' || :region"


_WHY_NOT = f"""CASE WHEN c.not_counted IS NOT NULL THEN c.not_counted
                    WHEN :service = '{ANY}' AND c.verified = 0 THEN '{NotCounted.UNVERIFIED_CAP}'
                    WHEN :service = '{ANY}' AND c.named_before IS NOT NULL AND {_holds("named_before")}
                    THEN '{NotCounted.REPEAT}'
                    WHEN {_holds("counted_regions")} THEN '' ELSE '{NotCounted.REPEAT}' END"""


def _values(cell: CellKey, stretch: Stretch) -> dict[str, object]:
    return {"region": f"%,{cell.region_id},%", **_bounds(cell.service, stretch)}


def _bounds(service: str, stretch: Stretch) -> dict[str, object]:
    return {
        "service": service,
        "since": stretch.since_us,
        "until": stretch.until_us,
        "after": stretch.after,
        "position": stretch.position,
    }
