"""Placing: which regions a suspected incident is about, chosen anew as callers come in, at most once a minute.

The place is what explains the excess (`notifier.domain.where`). Incidents that began together compete for it: siblings
become one incident, two causes become two. What people have opened or confirmed keeps its place; its callers explain
themselves. Everything happens in the transaction that saves the detector's position.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from notifier.domain.causes import causes
from notifier.domain.cell import SPAN_US
from notifier.domain.surveillance import Surveillance
from notifier.domain.where import Excess, Explained, Explanation, weigh
from notifier.stages.detection.doubting import doubts_about
from notifier.stages.detection.place_history import PlaceHistory
from notifier.stages.detection.surroundings import Surroundings, Suspicion
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import incidents, overlaps, place_doubts, surroundings
from notifier.storage.repositories.surroundings import OpenIncident

TOGETHER = timedelta(hours=1)  # what begins this soon after an incident began or grew may have the same cause
RESOLVED_LATELY = timedelta(microseconds=SPAN_US)  # a window of evidence may reach back into it
WHOLLY = 0.95  # of the sites of a region without a caller must lie where its siblings do


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A second cause found in the place of an incident: another incident."""

    incident_id: int  # in whose place it was
    region_ids: tuple[int, ...]
    evidence: tuple[int, ...]  # regions that have shown it


class Placing:
    """The places of the open incidents of one service, as one complaint finds them."""

    def __init__(
        self,
        tx: Transaction,
        around: Surroundings,
        surveillance: Surveillance,
        suspicion: Suspicion,
        *,
        quiet_after: timedelta,
        now: datetime,
    ) -> None:
        """`quiet_after`: what begins so long after the newest evidence of a suspicion is another outage."""
        self._tx, self._around, self._surveillance = tx, around, surveillance
        self._suspicion, self._quiet_after, self.now = suspicion, quiet_after, now
        self._service = suspicion.service
        self._known = surroundings.open_incidents(tx, self._service, resolved_since=now - RESOLVED_LATELY)
        self._open = [each for each in self._known if not each.is_over]
        self.history = PlaceHistory(tx, around, now=now)
        self._weighed = Explanation(named=())  # last
        self._taken: set[int] = set()  # regions that other incidents explain, when it was

    # --- finding ----------------------------------------------------------------------------------------------------

    def standing(self, region_id: int, path: Sequence[int] = ()) -> int | None:
        """Return the incident whose place shares a site with a region: that of its name before the newest.

        `path` are the regions of somebody who complained there: those meet without having to be looked up.
        """
        lies_in = set(path[path.index(region_id) :]) if region_id in path else {region_id}
        meeting = [
            each for each in self._known if not lies_in.isdisjoint(each.place) or self._shares_a_site(each, region_id)
        ]
        named = [each for each in meeting if region_id in each.place]
        return max((each.id for each in named or meeting), default=None)

    def may_be_placed(self, incident_id: int) -> bool:
        """Tell whether an open incident is the daemon's own suspicion, and nobody has begun on it."""
        return any(each.id == incident_id and each.may_be_placed for each in self._open)

    def has_gone_quiet(self, incident_id: int, began_us: int) -> bool:
        """Tell whether an open incident is a suspicion that has been quiet for long when something began."""
        return any(each.id == incident_id and self._is_quiet(each, to_instant(began_us)) for each in self._open)

    def gone_quiet_in(self, place: Sequence[int], began_us: int) -> list[int]:
        """Return the suspicions that had long been quiet when something began, and whose place is as wide or wider.

        A wider one says nothing of them: where it is a first place it may soon be a narrow one elsewhere.
        """
        return [
            each.id
            for each in self._open
            if self._is_quiet(each, to_instant(began_us))
            and any(
                self._around.rank(self._tx, new) <= self._around.rank(self._tx, old)
                and self._around.meet(self._tx, self._service, new, old)
                for new in place
                for old in each.place
            )
        ]

    def began_us(self, incident_id: int) -> int | None:
        """Return when the evidence of an open suspicion began; None when nobody may place it."""
        if not self.may_be_placed(incident_id):
            return None
        return surroundings.regions_with_evidence(self._tx, incident_id)[1] or None

    def _is_quiet(self, incident: OpenIncident, began_at: datetime) -> bool:
        last = incident.evidence_at
        return incident.may_be_placed and last is not None and began_at > last + self._quiet_after

    def _shares_a_site(self, incident: OpenIncident, region_id: int) -> bool:
        if any(self._around.meeting(self._tx, self._service, region_id, each) > 0 for each in incident.place):
            return True
        return incident.lists_sites and overlaps.overlaps(self._tx, incident.id, self._service, [region_id])

    def beside(self, path: Sequence[int], region_id: int, began_us: int, *, may_be_placed: bool) -> OpenIncident | None:
        """Return the newest incident whose place has a sibling of a region, and that began or grew shortly before."""
        for each in reversed(self._open):
            is_near = each.may_be_placed is may_be_placed and self._is_together(each, to_instant(began_us))
            if is_near and any(self._are_siblings(path, region_id, other) for other in each.place):
                return each
        return None

    def first_place(self, region_ids: Sequence[int]) -> tuple[int, ...]:
        """Return the place of an incident that is about to be opened by cells of these regions, narrow before wide.

        It is what has one cause with the narrowest of them; another cause shows itself by its own evidence.
        """
        since = to_instant(self._suspicion.since_us)
        others = [each for each in self._open if not self._is_quiet(each, since)]
        explained, excess = self._explain(self._suspicion.since_us, region_ids, others)
        by_id = {each.region_id: each for each in explained}
        mine = [cause for cause in self._causes(by_id, excess) if self._touches(region_ids[:1], cause)]
        return tuple(sorted(region_id for cause in mine for region_id in cause)) or (region_ids[0],)

    def note_beside(self, incident_id: int, region_ids: Sequence[int], *, likely: float) -> None:
        """Tell the commander of an incident whose place stays as it is what else its evidence says is out."""
        own = next((each for each in self._open if each.id == incident_id), None)
        if own is None or own.may_be_placed or not own.place:
            return
        explained, _ = self._explain(self._suspicion.since_us, region_ids, self._open, at_least=likely)
        known = surroundings.grown_by(self._tx, incident_id)
        for each in explained:
            if each.callers and self._around.code(self._tx, each.region_id) not in known:
                self._note(incident_id, each)

    # --- choosing anew ----------------------------------------------------------------------------------------------

    def place_anew(self, incident_id: int) -> list[Split]:
        """Choose the place of a suspected incident of the daemon's anew; return second causes found within it."""
        own = next((each for each in self._open if each.id == incident_id), None)
        if own is None or not own.may_be_placed:
            return []
        evidence, began_us = surroundings.regions_with_evidence(self._tx, own.id)
        others = [each for each in self._open if each.id != own.id and not self._is_quiet(each, to_instant(began_us))]
        rivals = [each for each in others if each.may_be_placed and self._began_with(own, each)]
        fixed = [each for each in others if each not in rivals]
        explained, excess = self._explain(began_us, evidence, fixed)
        if not explained:
            return []
        by_id = {each.region_id: each for each in explained}
        found = [each for each in self._causes(by_id, excess) if self._touches(own.place, each)]
        if not found:
            return []  # somebody else's, or nobody's yet: its own evidence opens it
        found.sort(key=lambda cause: (not self._shown(cause, evidence), -self._worth(cause, by_id), cause))
        first = found[0]
        for rival in [each for each in rivals if self._touches(each.place, first)]:
            own = self._take_in(own, rival)
            rivals.remove(rival)
        mine = [first] + [each for each in found[1:] if not any(self._touches(one.place, each) for one in rivals)]
        splits = [
            Split(incident_id=own.id, region_ids=cause, evidence=shown)
            for cause in mine[1:]
            if (shown := self._shown(cause, evidence))
        ]
        away = {region_id for each in splits for region_id in each.region_ids}
        place = sorted(region_id for cause in mine for region_id in cause if region_id not in away)
        self._set_place(own, place, by_id)
        self.note_doubts(own.id, place)
        return splits

    def _explain(
        self, began_us: int, region_ids: Iterable[int], others: Sequence[OpenIncident], *, at_least: float = -inf
    ) -> tuple[tuple[Explained, ...], Excess]:
        """Return what explains the callers in some regions since a time that no other incident explains."""
        taken = {region_id for each in others for region_id in each.place}
        suspicion = Suspicion(
            service=self._suspicion.service,
            since_us=min(began_us, self._suspicion.until_us),
            until_us=self._suspicion.until_us,
            position=self._suspicion.position,
        )
        roots = sorted(region_ids, key=lambda each: (-self._around.rank(self._tx, each), each))
        within = set(roots)
        excess = self._around.excess(
            self._tx,
            suspicion,
            self._surveillance,
            is_ours=lambda path: taken.isdisjoint(path) and not within.isdisjoint(path),
        )
        self._weighed, self._taken = weigh(excess, roots, at_least=at_least), taken
        return tuple(each for each in self._weighed.named if each.callers or self._is_free(each)), excess

    def _is_free(self, silent: Explained) -> bool:
        """Tell whether a region without a caller lies in its siblings' region, and in no other incident."""
        within = silent.within
        if within is None or self._around.share(self._tx, self._service, silent.region_id, within) < WHOLLY:
            return False
        return not any(
            self._around.meeting(self._tx, self._service, silent.region_id, each) > 0 for each in self._taken
        )

    def _worth(self, cause: Iterable[int], by_id: Mapping[int, Explained]) -> float:
        return sum(by_id[each].callers - by_id[each].expected for each in cause)

    def _causes(self, by_id: Mapping[int, Explained], excess: Excess) -> list[tuple[int, ...]]:
        paths = [each.path for each in excess.callers]
        above = {region_id: path[at:] for path in paths for at, region_id in enumerate(path)}
        paths += [(each.region_id, *above[each.within]) for each in by_id.values() if each.within and not each.callers]
        rank = {region_id: self._around.rank(self._tx, region_id) for path in paths for region_id in path}
        return causes(by_id, paths, rank, {region_id for region_id, each in by_id.items() if not each.is_sure})

    def _began_with(self, own: OpenIncident, other: OpenIncident) -> bool:
        return self._is_together(own, other.began_at) and self._is_together(other, own.began_at)

    def _is_together(self, incident: OpenIncident, began_at: datetime) -> bool:
        return incident.began_at - TOGETHER <= began_at <= incident.extended_at + TOGETHER

    def _are_siblings(self, path: Sequence[int], region_id: int, other: int) -> bool:
        wider = max(self._around.rank(self._tx, region_id), self._around.rank(self._tx, other))
        parent = next((each for each in path if self._around.rank(self._tx, each) > wider), None)
        return parent is not None and self._around.meet(self._tx, self._service, other, parent)

    def _touches(self, place: Iterable[int], cause: Iterable[int]) -> bool:
        cause = tuple(cause)
        return any(self._around.meet(self._tx, self._service, one, other) for one in place for other in cause)

    def _shown(self, cause: Sequence[int], evidence: Iterable[int]) -> tuple[int, ...]:
        """Return the regions with evidence that lie in a cause and are not wider than it."""
        return tuple(
            region_id
            for region_id in sorted(evidence)
            if any(
                self._around.rank(self._tx, region_id) <= self._around.rank(self._tx, each)
                and self._around.meet(self._tx, self._service, region_id, each)
                for each in cause
            )
        )

    # --- saving -----------------------------------------------------------------------------------------------------

    def _take_in(self, own: OpenIncident, rival: OpenIncident) -> OpenIncident:
        """Merge two incidents with one cause into the older one, and return it."""
        into, gone = sorted((own, rival), key=lambda each: each.id)
        incidents.merge(self._tx, gone.id, into=into.id, now=self.now, actor="daemon")
        return into

    def _set_place(self, own: OpenIncident, place: Sequence[int], by_id: Mapping[int, Explained]) -> None:
        if tuple(place) == own.place:
            return
        incidents.set_place(self._tx, own.id, place)
        self.history.record(own.id, [by_id[each] for each in place])
        for region_id in place:
            if by_id[region_id].callers and not self._touches(own.place, [region_id]):
                self._note(own.id, by_id[region_id])

    def _note(self, incident_id: int, explained: Explained) -> None:
        self.history.note_growth(
            incident_id, explained.region_id, distinct=explained.callers, expected=explained.expected
        )

    def note_doubts(self, incident_id: int, place: Iterable[int]) -> None:
        """Keep for the commander what cannot be told well about a place that was chosen just now."""
        place = set(place)
        named = [each for each in self._weighed.named if each.region_id in place]
        place_doubts.save(self._tx, incident_id, doubts_about(named, self._weighed.beside, self._is_free))
