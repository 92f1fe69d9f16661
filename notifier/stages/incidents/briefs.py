"""Briefs of an incident for others than its customers: the facts of each part, as the newest update tells them.

Comes in: an incident and whom the brief is for. Goes out: texts. An update that is about to leave is briefed before it
does, and the answer says so; nothing here reads what colleagues note.
"""

from datetime import datetime

from msgspec.structs import replace

from notifier.domain.brief import BriefFor, Figures, PartFacts, standing_of
from notifier.domain.broadcast import BroadcastState, Facts
from notifier.domain.incident import IncidentState, PartState
from notifier.messages.briefs import Briefs
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.queries import incidents as shown
from notifier.storage.repositories import broadcasts, incidents, parts
from notifier.storage.repositories.parts import StoredPart
from notifier.storage.views import BriefView, IncidentView

_TELL = (
    BroadcastState.DRAFT,
    BroadcastState.AWAITING_APPROVAL,
    BroadcastState.SENDING,
    BroadcastState.PAUSED,
    BroadcastState.COMPLETED,
)
PUBLIC_KINDS = ("postal_code", "city", "area_code", "state")  # customers know where they live, not which node is theirs
NAMED_AT_MOST = 4


class Briefing:
    """Briefs others about incidents."""

    def __init__(self, around: Surroundings, briefs: Briefs) -> None:
        self._database, self._clock, self._briefs = around.database, around.clock, briefs
        self._playbooks = around.playbooks

    async def brief(self, incident_id: int, reader: BriefFor) -> BriefView:
        """Return the brief of an incident for a reader; raise `NotFound`."""
        now = self._clock.now()

        def look(tx: Transaction) -> tuple[IncidentView, list[PartFacts]]:
            return shown.view(tx, incident_id, self._playbooks), _parts(tx, incident_id)

        view, told = await self._database.read(look)
        card = view.card
        figures = Figures(
            incident=card.id,
            affected=card.customers,
            told=card.told,
            priority=view.priority_sites,
            assigned_to=card.assigned_to,
        )
        return BriefView(
            incident_id=incident_id,
            reader=reader,
            made_at=now,
            is_pending=any(part.is_pending for part in told),
            told=card.told,
            texts=self._briefs.write(reader, told, figures, now=now),
        )


def _parts(tx: Transaction, incident_id: int) -> list[PartFacts]:
    own = parts.own(tx, incident_id)
    return [_facts(tx, incident_id, part, is_one_of_several=len(own) > 1) for part in own]


def _facts(tx: Transaction, incident_id: int, part: StoredPart, *, is_one_of_several: bool) -> PartFacts:
    """Return what is told of a part: by its newest update that was not stopped, else what is stored."""
    incident = incidents.load(tx, incident_id)
    newest = next(iter(reversed(broadcasts.told_to(tx, part.id, *_TELL))), None)
    told = Facts(
        service=incident.service,
        impact=incident.impact,
        started_at=incident.started_at,
        cause=part.cause,
        crew=part.crew,
        eta_at=part.eta_at,
        next_update_by=part.next_update_by,
        restored_at=part.restored_at,
        window_from_at=incident.window_from_at,
        window_until_at=incident.window_until_at,
    )
    if newest is not None:
        told = replace(newest.facts, restored_at=newest.facts.restored_at or _back_at(part))
    customers = shown.card(tx, incident_id).customers if not is_one_of_several else 0
    return PartFacts(
        where=(part.name or parts.REST) if is_one_of_several else _where(tx, incident_id),
        standing=standing_of(
            None if newest is None else newest.kind,
            is_restored=part.state is PartState.RESTORED,
            is_dismissed=incident.state is IncidentState.DISMISSED,
            is_planned=incident.is_planned,
        ),
        facts=replace(told, customers=customers),
        is_pending=newest is not None and newest.started_at is None,
    )


def _back_at(part: StoredPart) -> datetime | None:
    return part.restored_at if part.state is PartState.RESTORED else None


def _where(tx: Transaction, incident_id: int) -> str:
    """Return the place as the public knows it; "" where it is a list of sites or has no public name."""
    kinds = ", ".join(f"'{kind}'" for kind in PUBLIC_KINDS)
    names = [
        name or code
        for name, code in tx.tuples(
            f"""SELECT r.name, r.code FROM incident_regions AS ir JOIN regions AS r ON r.id = ir.region_id
                WHERE ir.incident_id = :id AND ir.role = 'place' AND (r.kind IN ({kinds}) OR r.name <> '')
                ORDER BY r.code""",
            id=incident_id,
        )
    ]
    named = list(dict.fromkeys(names))
    return ", ".join(named[:NAMED_AT_MOST]) if len(named) <= NAMED_AT_MOST else ""
