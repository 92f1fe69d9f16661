"""Looks over: open incidents are looked at once a minute, and whoever works on one is told that it may be over.

In come the complaints behind a position kept in memory, the replies, and the stored levels. Out goes an event in the
timeline when an incident begins to look over, and another when it does not any more. Nobody else is told: "restored" is
a person's to say. Where nobody can be heard nothing looks over: while a source of complaints has stopped, or nothing
came of a service anywhere although some was due. A feed of which so little is due cannot be missed.
What is in memory is read again after a restart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from notifier.domain.baseline_day import BaselineState
from notifier.domain.feed import silence_before
from notifier.domain.local_time import LocalTime
from notifier.domain.looks_over import NOT_BEFORE, Heard, Outlook, is_suggested, outlook
from notifier.domain.on_call import CallReason
from notifier.domain.reply import Meaning
from notifier.domain.shape import Shape
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import heard as store
from notifier.storage.queries.heard import OpenIncident, PlacedComplaint
from notifier.storage.repositories import baselines, detector, on_call
from notifier.storage.views import LooksOverView

MISSED_AT_MOST = 3.0  # complaints of a service that were due and did not come: by chance once in 20 times
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Place:
    """What came from the place of an incident."""

    incident: OpenIncident
    calls: dict[tuple[int, int], datetime] = field(default_factory=dict)  # (customer, hour) -> its first complaint

    def is_as(self, incident: OpenIncident) -> bool:
        """Tell whether the place is still the same, and nothing has begun anew."""
        mine = self.incident
        return (mine.regions, mine.customers, mine.started_at) == (
            incident.regions,
            incident.customers,
            incident.started_at,
        )

    def take(self, complaints: Iterable[PlacedComplaint]) -> None:
        """Keep what belongs here: of each customer one complaint an hour."""
        mine = self.incident
        for each in complaints:
            if each.service != mine.service or each.at < mine.started_at:
                continue
            if each.regions & mine.regions or each.customer_id in mine.customers:
                key = each.customer_id, int(each.at.timestamp() // 3600)
                self.calls[key] = min(each.at, self.calls.get(key, each.at))


class LooksOver:
    """Suggests that incidents are over."""

    def __init__(self, around: Surroundings) -> None:
        self._database, self._clock = around.database, around.clock
        self._local = LocalTime(around.config.regions.time_zone)
        self._places: dict[int, _Place] = {}
        self._position: int | None = None

    async def look(self) -> None:
        """Look at every open incident, and write down what has changed."""
        now = self._clock.now()
        changed = await self._database.read(lambda tx: self._changed(tx, now))
        if not changed:
            return
        await self._database.write(lambda tx: _note(tx, changed, now))
        for incident_id, view in changed.items():
            log.info("incident looks over" if view else "incident looks over no longer", incident=incident_id)

    def _changed(self, tx: Transaction, now: datetime) -> dict[int, LooksOverView | None]:
        """Return the incidents that begin to look over, with what says so, and those that no longer do."""
        found = store.still_out(tx)
        self._listen(tx, found)
        if not found:
            return {}
        shapes = {service: Shape(stored.weights, self._local) for service, stored in baselines.shapes(tx).items()}
        changed: dict[int, LooksOverView | None] = {}
        deaf = self._deaf(tx, {incident.service for incident in found}, shapes, now)
        for incident in found:
            is_deaf = incident.service in deaf
            seen = None if is_deaf else self._outlook(tx, incident, shapes.get(incident.service), now)
            suggested = is_suggested(seen, before=incident.is_suggested)
            if suggested != incident.is_suggested:
                over = store.alarms(tx, incident.id, incident.started_at)
                changed[incident.id] = _view(seen, over) if suggested and seen is not None else None
        return changed

    def _deaf(self, tx: Transaction, services: set[str], shapes: Mapping[str, Shape], now: datetime) -> set[str]:
        """Return the services of which nobody can be heard: a source has stopped, or nothing comes that was due."""
        if any(alarm.reason is CallReason.SOURCE_SILENT for alarm in on_call.open_alarms(tx)):
            return services
        state = detector.load(tx).state
        return {service for service in services if self._is_silent(tx, state, service, shapes.get(service), now)}

    def _is_silent(
        self, tx: Transaction, state: BaselineState, service: str, shape: Shape | None, now: datetime
    ) -> bool:
        if any(each.until_us > to_micros(now - NOT_BEFORE) for each in state.silences.get(service, ())):
            return True  # it was silent until just now: who could not be heard may still be out
        known = state.services.get(service)
        last_at = store.last_heard(tx, service)
        if known is None or known.daily_mean is None or shape is None or last_at is None:
            return False
        missed = min(MISSED_AT_MOST, known.patience or MISSED_AT_MOST)
        silence = silence_before(
            to_micros(now), to_micros(last_at), daily_mean=known.daily_mean, patience=missed, shape=shape
        )
        return silence is not None

    def _listen(self, tx: Transaction, found: list[OpenIncident]) -> None:
        """Take in what came since the last look; for an incident that is new, or elsewhere now, what came before."""
        until = store.position(tx)
        if found and self._places:
            new = store.complaints_behind(tx, self._position or 0, until)
            for place in self._places.values():
                place.take(new)
        places: dict[int, _Place] = {}
        for incident in found:
            known = self._places.get(incident.id)
            if known is None or not known.is_as(incident):
                known = _Place(incident)
                known.take(store.complaints_since(tx, incident.started_at, incident.service, until))
            places[incident.id] = known
        self._places, self._position = places, until

    def _outlook(self, tx: Transaction, incident: OpenIncident, shape: Shape | None, now: datetime) -> Outlook | None:
        per_hour = store.ordinary_per_hour(tx, incident.service, sorted(incident.regions))
        said = store.answers(tx, incident.id, incident.started_at)
        alarms = store.alarms(tx, incident.id, incident.started_at)
        heard = Heard(
            started_at=incident.started_at,
            complaints=sorted(self._places[incident.id].calls.values()),
            said_on=said[Meaning.ON],
            said_out=said[Meaning.OUT],
            alarm_over_at=alarms.over_at,
            is_alarm_open=alarms.is_open,
        )

        def ordinary(since: datetime, until: datetime) -> float:
            start, end = to_micros(since), to_micros(until)
            hours = (end - start) / 3.6e9 if shape is None else shape.integral(end) - shape.integral(start)
            return per_hour * hours

        return outlook(heard, ordinary, now=now)


def _note(tx: Transaction, changed: dict[int, LooksOverView | None], now: datetime) -> None:
    for incident_id, view in changed.items():
        store.note(tx, incident_id, store.WITHDRAWN if view is None else store.SUGGESTED, view, now=now)


def _view(seen: Outlook, alarms: store.Alarms) -> LooksOverView:
    return LooksOverView(
        since=seen.since.replace(second=0, microsecond=0),
        chance=round(seen.chance, 3),
        complaints=seen.complaints,
        ordinary=round(seen.ordinary, 2),
        if_still_out=round(seen.if_still_out, 1),
        said_on=seen.said_on,
        said_out=seen.said_out,
        alarms_over=[] if alarms.is_open else list(alarms.names),
    )
