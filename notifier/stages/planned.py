"""What time does with planned work: those who had its notice are reminded, it begins, or nobody had sent its notice.

Comes in: scheduled incidents, looked at each time this is called. Goes out: the reminder that was authorised with the
notice, and confirmed incidents; a beginning tells nobody. What was due while the daemon was down is done when it is up,
as long as it is true: nobody is reminded of work that has begun.
"""

from functools import partial

import structlog
from msgspec.structs import replace

from notifier.domain.broadcast import BroadcastKind, BroadcastReason, BroadcastState
from notifier.domain.incident import DismissReason, IncidentState
from notifier.domain.planned import reminded_at
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import broadcasts, control, course, incidents, planned
from notifier.storage.repositories.incidents import StoredIncident

WATCHER = "daemon"
_UNSENT = (BroadcastState.AWAITING_APPROVAL, BroadcastState.SENDING, BroadcastState.PAUSED)

log = structlog.get_logger(__name__)


class Calendar:
    """Does with planned work what its time asks for."""

    def __init__(self, around: Surroundings) -> None:
        self._database, self._clock = around.database, around.clock
        self._queue, self._metrics, self._playbooks = around.queue, around.metrics, around.playbooks

    async def watch(self) -> None:
        """Do what this minute asks for."""
        for each in await self._database.read(planned.scheduled):
            if not await self._database.read(partial(self._is_due, incident_id=each.id)):
                continue
            done = await self._database.write(partial(self._act, incident_id=each.id))
            if done is None:
                continue
            log.info("planned work", incident=each.id, done=done)
            if done == "reminded":
                self._metrics.broadcasts_sent.labels(BroadcastKind.PLANNED_REMINDER).inc()
                self._queue.wake(Topic.BROADCASTS)
                self._queue.wake(Topic.NOTIFICATIONS)
            elif done == "dismissed":
                self._metrics.incidents_dismissed.labels(DismissReason.NEVER_SENT).inc()

    def _is_due(self, tx: Transaction, incident_id: int) -> bool:
        incident = incidents.load(tx, incident_id)
        return self._has_come(tx, incident) or self._is_to_be_reminded(tx, incident)

    def _act(self, tx: Transaction, incident_id: int) -> str | None:
        """Decide again on what is stored now, then do it; return what was done."""
        incident = incidents.load(tx, incident_id)
        if incident.state is not IncidentState.SCHEDULED:
            return None
        if self._has_come(tx, incident):
            return self._begin(tx, incident)
        if self._is_to_be_reminded(tx, incident):
            self._remind(tx, incident)
            return "reminded"
        return None

    def _has_come(self, tx: Transaction, incident: StoredIncident) -> bool:
        """Tell whether the work begins: not while it is called off and the word of that can still be taken back."""
        if incident.window_from_at is None or self._clock.now() < incident.window_from_at:
            return False
        return not planned.is_being_called_off(tx, incident)

    def _begin(self, tx: Transaction, incident: StoredIncident) -> str:
        now = self._clock.now()
        if not broadcasts.was_told(tx, incident.id) and planned.announced_by(tx, incident) is None:
            for unsent in broadcasts.of_part(tx, incident.part.id, incident.id, *_UNSENT):
                broadcasts.end(tx, unsent, BroadcastState.CANCELLED, BroadcastReason.NO_LONGER_TRUE, now=now)
            incidents.dismiss(tx, incident.id, now=now, reason=DismissReason.NEVER_SENT, actor=WATCHER)
            return "dismissed"
        incidents.set_state(tx, incident.id, IncidentState.CONFIRMED)
        tx.run(
            "UPDATE incidents SET confirmed_at = :now, confirmed_by = :by WHERE id = :id",
            now=to_micros(now),
            by=incident.opened_by,  # it was a person who decided: nobody is called as for what the daemon confirms
            id=incident.id,
        )
        incidents.record(tx, incident.id, at=now, event="work_begun", actor=WATCHER)
        return "begun"

    def _is_to_be_reminded(self, tx: Transaction, incident: StoredIncident) -> bool:
        """Tell whether the reminder is due: it is not while everything is paused, or somebody has news to come."""
        playbook = self._playbooks.get(incident.service)
        if playbook is None or incident.window_from_at is None:
            return False
        at = reminded_at(incident.window_from_at, playbook.planned_reminder)
        if at is None or not at <= self._clock.now() < incident.window_from_at or control.is_paused(tx):
            return False
        announced = planned.announced_by(tx, incident)
        if announced is None or announced.state is BroadcastState.PAUSED or announced.started_at is None:
            return False
        is_news = announced.started_at >= at  # it was told of, or given another time, later than that
        return not (is_news or planned.is_reminded(tx, incident) or planned.has_news_to_come(tx, incident))

    def _remind(self, tx: Transaction, incident: StoredIncident) -> None:
        """Say once more what was announced, to those who were told; it starts at once."""
        announced, now = planned.announced_by(tx, incident), self._clock.now()
        assert announced is not None  # noqa: S101 - else it is not due
        facts = replace(
            announced.facts, customers=0, previous_window_from_at=None, previous_window_until_at=None, upcoming=True
        )
        broadcast_id = broadcasts.create(
            tx,
            incident_id=incident.id,
            part_id=incident.part.id,
            kind=BroadcastKind.PLANNED_REMINDER,
            facts=facts,
            changes=None,
            now=now,
            by=WATCHER,
            correlation_id=incident.correlation_id,
            may_delay=announced.may_delay,
            automatic=True,
        )
        broadcasts.authorise(
            tx,
            broadcasts.load(tx, broadcast_id),
            facts=facts,
            changes=None,
            customers=broadcasts.customers_told(tx, announced.id),
            not_before_at=now,
            by=WATCHER,
            now=now,
            reason=BroadcastReason.BY_PROMISE,
        )
        course.start(tx, broadcasts.load(tx, broadcast_id), now=now)
