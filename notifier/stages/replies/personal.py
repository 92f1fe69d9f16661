"""The newest facts for one customer who wrote or complained: by the channel they wrote on, never more than once.

In: a customer's sites, the service, and the contact point they wrote from, if it is on file. Out, in the caller's
transaction: they join the update that is being told; or what the night holds of theirs is due now; or the newest facts
are repeated to them; or, while nobody has been told anything, that we have their report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_dataclass
from datetime import datetime
from enum import StrEnum

from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.answer import Answer, AnswerKind
from notifier.domain.notification import Channel, NotificationState
from notifier.domain.playbook import Playbook
from notifier.storage.database import Transaction
from notifier.storage.repositories import answers, late_joiners, personal, planned
from notifier.storage.repositories.answers import CauseKind
from notifier.storage.repositories.personal import Reachable


class Told(StrEnum):
    """What one customer who wrote is told."""

    JOINED = "joined"  # the update that is being told: by the path of late joiners
    RELEASED = "released"  # what the night held of it
    REPEATED = "repeated"  # the newest facts once more
    RECEIVED = "received"  # that we have the report
    NOTHING = "nothing"  # they have just heard, or cannot be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Who wrote about what."""

    cause: CauseKind
    cause_id: int
    customer_id: int
    service: str
    site_ids: Sequence[int]  # of the customer, with the service
    contact_point_id: int | None  # that they wrote from


class Personal:
    """Tells single customers."""

    def __init__(self, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        """Keep the parts; `playbooks` are by service."""
        self._playbooks, self._every = playbooks, config.inbound.personal_every
        self._carried = frozenset(provider.channel for provider in config.providers)
        self._basis = config.consent.covers()

    def tell(self, tx: Transaction, about: About, now: datetime) -> Told:
        """Tell one customer what is known."""
        playbook = self._playbooks.get(about.service)
        if playbook is None or not about.site_ids:
            return Told.NOTHING
        channels = tuple(channel for channel in playbook.channels if channel in self._carried)
        reachable = personal.reachable(tx, about.site_ids, about.customer_id, self._basis)
        wrote = _wrote_from(reachable, about.contact_point_id, self._carried)
        incident = personal.told_at(tx, about.site_ids, about.service)
        if incident is None:
            return self._received(tx, about, playbook, wrote or _best(reachable, channels), now)
        if not personal.is_in_audience(tx, incident.broadcast_id, about.customer_id):
            first = (wrote[1],) if wrote else ()
            plan = replace(playbook, channels=tuple(dict.fromkeys((*first, *playbook.channels))))
            joined = late_joiners.join(tx, about.site_ids, {about.service: plan}, now=now, basis=self._basis)
            if any(each.incident_id == incident.id and each.notifications for each in joined):
                return Told.JOINED
        points = [one.contact_point_id for one in reachable]
        if personal.release(tx, incident.broadcast_id, points, now=now):
            return Told.RELEASED
        heard = personal.heard(tx, incident.broadcast_id, points)
        if any(state in (NotificationState.PENDING, NotificationState.SENDING) for state in heard.values()):
            return Told.NOTHING  # it is on its way
        told = next((_way(one, self._carried) for one in reachable if one.contact_point_id in heard), None)
        to = wrote or told or _best(reachable, channels)
        told_now = self._repeat(tx, replace_dataclass(about, site_ids=incident.site_ids), incident.id, to, now)
        if told_now is Told.REPEATED:  # of work whose end was missed it says when they hear next
            planned.promise_next_word(tx, incident.id, now=now, within=playbook.next_update_within)
        return told_now

    def _repeat(
        self, tx: Transaction, about: About, incident_id: int, to: tuple[int, Channel] | None, now: datetime
    ) -> Told:
        """Repeat the newest facts to one contact point, unless it has heard of the incident within the interval."""
        if to is None or personal.has_heard(tx, to[0], incident_id, since=now - self._every):
            return Told.NOTHING
        since = answers.given(tx, to[0], since=now - self._every)
        if any(each.incident_id == incident_id for each in since):
            return Told.NOTHING
        answer = Answer(
            kind=AnswerKind.STATUS, incident_id=incident_id, service=about.service, site_ids=tuple(about.site_ids)
        )
        return Told.REPEATED if self._give(tx, about, to, answer, now) else Told.NOTHING

    def _received(
        self, tx: Transaction, about: About, playbook: Playbook, to: tuple[int, Channel] | None, now: datetime
    ) -> Told:
        """Say that we have the report, where the playbook wants it, once in a while."""
        if not playbook.received or to is None or answers.given(tx, to[0], since=now - self._every):
            return Told.NOTHING
        answer = Answer(kind=AnswerKind.RECEIVED, service=about.service, site_ids=tuple(about.site_ids))
        return Told.RECEIVED if self._give(tx, about, to, answer, now) else Told.NOTHING

    def _give(self, tx: Transaction, about: About, to: tuple[int, Channel], answer: Answer, now: datetime) -> bool:
        return answers.give(
            tx,
            cause=about.cause,
            cause_id=about.cause_id,
            contact_point_id=to[0],
            channel=to[1],
            answer=answer,
            now=now,
        )


def _wrote_from(
    reachable: Sequence[Reachable], contact_point_id: int | None, carried: frozenset[Channel]
) -> tuple[int, Channel] | None:
    """Return the contact point they wrote from and its channel, when it may be written to."""
    return next((_way(one, carried) for one in reachable if one.contact_point_id == contact_point_id), None)


def _best(reachable: Sequence[Reachable], channels: Sequence[Channel]) -> tuple[int, Channel] | None:
    """Return the first contact point in the playbook's order of channels."""
    for channel in channels:
        for one in reachable:
            if channel in one.channels:
                return one.contact_point_id, channel
    return None


def _way(one: Reachable, carried: frozenset[Channel]) -> tuple[int, Channel] | None:
    channel = next((channel for channel in one.channels if channel in carried), None)
    return None if channel is None else (one.contact_point_id, channel)
