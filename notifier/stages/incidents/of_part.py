"""Which part of an incident a request means: the one that it names, else the rest, else the only one that fits.

A part is named as it is called, by regions, or by a list of its sites.

What is named is looked for beside the writer, because it walks sites. A part that there is not yet is stored with the
draft, and stands for nothing before that is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.incident import Action, may_act
from notifier.domain.region import RegionKinds
from notifier.stages.incidents.requests import OfPart, lines_of
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import cutting, incidents, parts, places
from notifier.storage.repositories.cutting import Choice
from notifier.storage.repositories.named_sites import Names

LISTED_AT_ONCE = 5_000  # sites in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a request names; nothing, when it is the rest that it names (`is_rest`) or no part at all."""

    choice: Choice | None = None
    is_rest: bool = False
    unknown: tuple[str, ...] = ()  # lines of a list that nobody knows


class PartChoices:
    """Finds the part of a request."""

    def __init__(self, kinds: RegionKinds) -> None:
        """Keep how regions are written."""
        self._kinds = kinds

    def choose(self, tx: Transaction, incident_id: int, action: Action, request: OfPart | None) -> Chosen:
        """Return what a request names; raise `InvalidInput` or `Refused` when it is no part of the incident."""
        if request is None or not (request.part or request.part_sites):
            return Chosen()
        if request.part and request.part_sites:
            raise InvalidInput("both regions and sites name the part", field="part_sites", expected="one of the two")
        if request.part == (parts.REST,):
            return Chosen(is_rest=True)
        incident = incidents.load(tx, incident_id)
        called = [part for part in parts.own(tx, incident_id) if part.name and part.name == ", ".join(request.part)]
        if len(called) == 1:
            return Chosen(choice=Choice(part=called[0]))
        if request.part:
            names = Names(region_ids=tuple(places.regions(tx, request.part, self._kinds)))
            return Chosen(choice=cutting.choose(tx, incident, names, action))
        listed = places.sites(tx, lines_of(request.part_sites))
        choice = cutting.choose(tx, incident, Names(site_ids=tuple(listed.site_ids)), action)
        return Chosen(choice=choice, unknown=listed.unknown)

    async def listed(self, database: Database, incident_id: int, chosen: Chosen) -> Chosen:
        """Store a list of sites that is named, some at a time, before the decision about it is; nothing of regions."""
        choice = chosen.choice
        if choice is None or choice.names is None or not choice.site_ids:
            return chosen
        names = choice.names
        part_id = await database.write(lambda tx: cutting.begin(tx, incidents.load(tx, incident_id), choice, names))
        await list_sites(database, part_id, choice.site_ids)
        return replace(chosen, choice=replace(choice, listed_by=part_id))

    def draft(self, tx: Transaction, incident_id: int, action: Action, chosen: Chosen, *, now: datetime) -> int | None:
        """Return the part that is acted on, stored when only this draft names it; None = the first."""
        if chosen.choice is not None:
            return cutting.name(tx, incidents.load(tx, incident_id), chosen.choice, now=now)
        own = parts.own(tx, incident_id)
        if chosen.is_rest or len(own) < 2:
            return None
        state = incidents.load(tx, incident_id).state
        fitting = [part for part in own if may_act(action, state, part.state)]
        rest_will_do = action is not Action.REOPEN and own[0] in fitting
        if len(fitting) > 1 and not rest_will_do and action in (Action.ETA, Action.RESTORED, Action.REOPEN):
            named = ", ".join(part.name or parts.REST for part in fitting)
            raise Refused(f"incident {incident_id} has several parts for which this is possible: {named}; say which")
        return None if rest_will_do or len(fitting) != 1 else fitting[0].id


async def list_sites(database: Database, part_id: int, site_ids: Sequence[int]) -> None:
    """Put sites into the list of a part, some at a time: it stands for nothing yet, so nobody sees half of it."""
    for start in range(0, len(site_ids), LISTED_AT_ONCE):
        some = site_ids[start : start + LISTED_AT_ONCE]
        await database.write(lambda tx, some=some: parts.list_sites(tx, part_id, some))  # type: ignore[misc]
