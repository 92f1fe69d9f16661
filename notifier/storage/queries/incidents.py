"""Incidents as they are shown: cards for lists and one incident, whole."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from notifier.domain.any_service import shown
from notifier.domain.incident import IncidentState, PartState
from notifier.domain.playbook import Playbook
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.queries import broadcasts, heard, place_doubts, promises, rejections, signals
from notifier.storage.repositories import audience, incidents, named_sites, parts, replies
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.parts import StoredPart
from notifier.storage.views import (
    EvidenceView,
    IncidentCard,
    IncidentView,
    PartView,
    PromiseView,
    RegionView,
    TimelineEntry,
)

CARDS_AT_MOST = 200
NEWEST = 2**63 - 1
TIMELINE_AT_MOST = 500


def cards(tx: Transaction, states: Sequence[str] | None = None, *, before: int | None = None) -> list[IncidentCard]:
    """Return at most 200 incidents in these states, newest first; None = all of them. `before` is an id: older ones."""
    wanted = list(states) if states is not None else list(IncidentState)
    names = {f"s{number}": state for number, state in enumerate(wanted)}
    if not names:
        return []
    listed = ", ".join(f":{name}" for name in names)
    rows = tx.rows(
        f"{_ROWS} WHERE i.state IN ({listed}) AND i.id < :before ORDER BY i.id DESC LIMIT {CARDS_AT_MOST}",
        before=NEWEST if before is None else before,
        **names,
    )
    return [_card(tx, row) for row in rows]


def card(tx: Transaction, incident_id: int) -> IncidentCard:
    """Return the card of one incident; raise `NotFound`."""
    return _card(tx, _row(tx, incident_id))


def view(tx: Transaction, incident_id: int, playbooks: Mapping[str, Playbook]) -> IncidentView:
    """Return one incident, whole; raise `NotFound`. `playbooks` are by service."""
    row = _row(tx, incident_id)
    scope = _scope(tx, row)
    sites, priority = _sites(tx, scope)
    playbook = playbooks.get(row["service"])
    return IncidentView(
        card=_card(tx, row),
        playbook=row["playbook"],
        mode="" if playbook is None else playbook.mode,
        confirmed_at=to_instant(row["confirmed_at"]),
        confirmed_by=row["confirmed_by"],
        resolved_at=to_instant(row["resolved_at"]),
        closed_at=to_instant(row["closed_at"]),
        dismissed_at=to_instant(row["dismissed_at"]),
        dismiss_reason=row["dismiss_reason"],
        dismissed_by=_dismissed_by(tx, row),
        merged_into=row["merged_into"],
        cause=row["cause"],
        crew=row["crew"],
        regions=_regions(tx, incident_id),
        sites=sites,
        priority_sites=priority,
        evidence=newest_evidence(tx, incident_id),
        promises=_promises(tx, incident_id),
        broadcasts=broadcasts.of_incident(tx, incident_id),
        timeline=_timeline(tx, incident_id),
        replies=replies.counts(tx, incident_id),
        looks_over=heard.standing(tx, incident_id),
        parts=_parts(tx, incident_id),
        rejected=[each.broadcast_id for each in rejections.unanswered(tx, incident_id)],
        doubts=place_doubts.standing(tx, incident_id, scope.region_ids),
        signals=signals.of_incident(tx, incident_id),
    )


def newest_evidence(tx: Transaction, incident_id: int) -> list[EvidenceView]:
    """Return the newest evidence of each region, the highest score first."""
    rows = tx.rows(
        """SELECT e.*, r.kind, r.code FROM evidence AS e JOIN regions AS r ON r.id = e.region_id
           WHERE e.id IN (SELECT MAX(id) FROM evidence WHERE incident_id = :id GROUP BY region_id, service)
           ORDER BY e.score DESC, e.id""",
        id=incident_id,
    )
    return [evidence_view(row) for row in rows]


def evidence_view(row: Row) -> EvidenceView:
    """Return evidence as it is shown; the row has the kind and the code of its region, too."""
    return EvidenceView(
        region=shown(f"{row['kind']} {row['code']}", row["service"]),
        at=to_instant(row["at"]),
        window_from=to_instant(row["window_from_at"]),
        observed=row["observed"],
        expected=row["expected"],
        score=row["score"],
        grade=row["grade"],
        distinct_customers=row["distinct_customers"],
        verified=row["verified"],
    )


_ROWS = """SELECT i.*, p.state AS part_state, p.cause, p.crew, p.eta_at, p.next_update_by
           FROM incidents AS i JOIN parts AS p ON p.incident_id = i.id AND p.cut_from IS NULL"""


def _row(tx: Transaction, incident_id: int) -> Row:
    incidents.load(tx, incident_id)
    return tx.rows(f"{_ROWS} WHERE i.id = :id ORDER BY p.id LIMIT 1", id=incident_id)[0]


def _scope(tx: Transaction, row: Row) -> Scope:
    return Scope(
        incident_id=row["id"],
        service=row["service"],
        region_ids=tuple(incidents.place_regions(tx, row["id"])),
        channels=(),
        part=parts.scope_of(tx, row["id"], None),
    )


def _parts(tx: Transaction, incident_id: int) -> list[PartView]:
    """Return the parts, where there are several, with their affected customers of now."""
    own = parts.own(tx, incident_id)
    if len(own) < 2:
        return []
    customers = named_sites.customers_by_part(tx, incidents.load(tx, incident_id))
    return [
        PartView(
            id=part.id,
            name=part.name or parts.REST,
            state=part.state,
            customers=customers.get(part.id, 0),
            cause=part.cause,
            crew=part.crew,
            eta_at=part.eta_at,
            next_update_by=part.next_update_by,
            believed_back_at=part.believed_back_at,
            restored_at=part.restored_at,
        )
        for part in own
    ]


def _owed(tx: Transaction, row: Row) -> StoredPart | None:
    """Return the part that a card speaks of where there are several: the one that is out and owes a word first."""
    own = parts.own(tx, row["id"])
    if len(own) < 2:
        return None
    order = [PartState.OUT, PartState.BELIEVED_BACK, PartState.RESTORED]

    def owes(part: StoredPart) -> tuple[int, bool, datetime | None]:
        due = min((at for at in (part.eta_at, part.next_update_by) if at is not None), default=None)
        return order.index(part.state), due is None, due

    return min(own, key=owes)


def _card(tx: Transaction, row: Row) -> IncidentCard:
    owed = _owed(tx, row)
    grade = tx.scalar("SELECT MIN(grade) FROM evidence WHERE incident_id = :id", id=row["id"])
    return IncidentCard(
        id=row["id"],
        service=row["service"],
        impact=row["impact"],
        state=row["state"],
        place=row["place"],
        started_at=to_instant(row["started_at"]),
        opened_at=to_instant(row["opened_at"]),
        opened_by=row["opened_by"],
        customers=audience.customers(tx, _scope(tx, row)),
        told=told(tx, row["id"]),
        eta_at=owed.eta_at if owed else to_instant(row["eta_at"]),
        next_update_by=owed.next_update_by if owed else to_instant(row["next_update_by"]),
        grade=grade or "",  # "certain" comes before "likely" in the alphabet
        part_state=owed.state if owed else row["part_state"],
        assigned_to=row["assigned_to"] or "",
        kind=row["kind"],
        window_from_at=to_instant(row["window_from_at"]),
        window_until_at=to_instant(row["window_until_at"]),
    )


def told(tx: Transaction, incident_id: int) -> int:
    """Return how many customers were told of an incident by any broadcast, or may have been."""
    kin = parts.kin(tx, incident_id)
    scope = Scope(
        incident_id=incident_id,
        service="",
        region_ids=tuple(incidents.place_regions(tx, incident_id)) if kin else (),
        channels=(),
        only_told=True,
        part=parts.scope_of(tx, incident_id, None),
        kin=kin,
    )
    return audience.customers(tx, scope)


def _sites(tx: Transaction, scope: Scope) -> tuple[int, int]:
    row = tx.tuples(
        f"""SELECT count(*), COALESCE(SUM(s.priority), 0)
            FROM (SELECT DISTINCT site_id FROM ({audience.affected(scope)}) AS a) AS d
            JOIN sites AS s ON s.id = d.site_id""",
        incident=scope.incident_id,
        pattern=scope.pattern,
    )[0]
    return int(row[0]), int(row[1])


def _regions(tx: Transaction, incident_id: int) -> list[RegionView]:
    rows = tx.rows(
        """SELECT r.kind, r.code, r.name, ir.role FROM incident_regions AS ir JOIN regions AS r ON r.id = ir.region_id
           WHERE ir.incident_id = :id ORDER BY ir.role DESC, r.kind, r.code""",
        id=incident_id,
    )
    return [RegionView(kind=row["kind"], code=row["code"], name=row["name"], role=row["role"]) for row in rows]


def _promises(tx: Transaction, incident_id: int) -> list[PromiseView]:
    rows = tx.rows("SELECT * FROM promises WHERE incident_id = :id ORDER BY id", id=incident_id)
    return [promises.view(row) for row in rows]


def _dismissed_by(tx: Transaction, row: Row) -> str | None:
    if row["dismissed_at"] is None:
        return None
    actor: str | None = tx.scalar(
        "SELECT actor FROM timeline WHERE incident_id = :id AND event = 'dismissed' ORDER BY id DESC LIMIT 1",
        id=row["id"],
    )
    return actor


def _timeline(tx: Transaction, incident_id: int) -> list[TimelineEntry]:
    rows = tx.rows(
        "SELECT * FROM timeline WHERE incident_id = :id ORDER BY id DESC LIMIT :most",
        id=incident_id,
        most=TIMELINE_AT_MOST,
    )
    return [
        TimelineEntry(
            at=to_instant(row["at"]),
            event=row["event"],
            actor=row["actor"],
            detail=from_json(row["detail"], dict),
        )
        for row in reversed(rows)
    ]
