"""Answers on their way: one message to one contact point, because of something it did.

In: pending answers that are due. Out: claimed ones, which say what is true at this very minute; and those that may not
be told any more, ended with their reason. An answer is never held by the night, because it answers somebody who is
awake; after an hour it answers nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.answer import Answer, AnswerKind
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.consent import ConsentState, Purpose
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Next
from notifier.domain.lease import Lease
from notifier.domain.notification import Channel, NotificationFacts, NotificationReason, NotificationState
from notifier.stages.delivery.claimed import Claimed, Taken
from notifier.stages.delivery.personal import PersonalFacts
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.repositories import answers, claims, notifications, planned
from notifier.storage.repositories.answers import Candidate

STALE_AFTER = timedelta(hours=1)
REPEATS_FACTS = frozenset({AnswerKind.STATUS, AnswerKind.NOTED_OUT})
ABOUT_CONSENT = frozenset({AnswerKind.OPTED_OUT})
"""What somebody hears who wants to hear nothing: that it was understood, once."""
OVERTAKEN = Next(state=NotificationState.EXPIRED, reason=NotificationReason.NO_LONGER_TRUE)


class Answers:
    """A source of messages: the answers to single contact points."""

    def __init__(self, config: Config, personal: PersonalFacts) -> None:
        self._personal, self._basis = personal, config.consent.covers()
        self._only_to = frozenset(config.delivery.only_to)

    def take(self, tx: Transaction, channel: Channel, limit: int, lease: Lease, now: datetime) -> Taken:
        """Claim up to `limit` answers that are due, oldest first."""
        found = answers.candidates(tx, channel, now=now, limit=limit)
        if not found:
            return Taken()
        stopped: dict[int, Next] = {}
        saying: dict[int, Answer] = {}
        for one in found:
            answer = from_json(one.answer, Answer)
            stop = self._stopped(one, answer.kind, channel, now)
            if stop is None and (fresh := _refreshed(tx, answer, now)) is not None:
                saying[one.id] = fresh
            else:
                stopped[one.id] = stop or OVERTAKEN
        taken = [one for one in found if one.id in saying]
        personal = freeze_answers(self._personal, tx, {one: saying[one.id] for one in taken}, now)
        answers.keep(tx, saying)
        claims.claim(tx, personal, lease, now=now, versions=self._personal.versions)
        notifications.end(tx, stopped, from_state=NotificationState.PENDING, now=now)
        claimed = [_claimed(one, saying[one.id], personal[one.id], channel, lease) for one in taken]
        return Taken(claimed=claimed, ended=stopped)

    def _stopped(self, one: Candidate, kind: AnswerKind, channel: Channel, now: datetime) -> Next | None:
        """Return why an answer may not be handed over; None when it may."""
        consent = one.consent or self._basis.default(Purpose.OUTAGE)
        opted_out = one.suppressed == SuppressionReason.OPTED_OUT or consent == ConsentState.REFUSED
        if one.suppressed not in (None, SuppressionReason.OPTED_OUT):
            return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.SUPPRESSED)
        if opted_out and kind not in ABOUT_CONSENT:
            return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)
        if self._only_to and one.address not in self._only_to:
            return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.NOT_ON_GUEST_LIST)
        if f"|{channel}|" in one.channels_off and kind not in ABOUT_CONSENT:
            return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.CHANNEL_OFF)
        if now - to_instant(one.planned_at) > STALE_AFTER:
            return Next(state=NotificationState.EXPIRED, reason=NotificationReason.STALE)
        return None


def freeze_answers(
    facts: PersonalFacts, tx: Transaction, saying: Mapping[Candidate, Answer], now: datetime
) -> dict[int, NotificationFacts]:
    """Return the personal facts of each answer, as they are at this minute."""
    if not saying:
        return {}
    known = answers.sites(tx, [site for answer in saying.values() for site in answer.site_ids])
    about = [(one, [known[site] for site in answer.site_ids if site in known], False) for one, answer in saying.items()]
    return facts.freeze_about(tx, about, now)


def _refreshed(tx: Transaction, answer: Answer, now: datetime) -> Answer | None:
    """Return what is true now: the newest facts of its incident; None when nothing of it is told any more."""
    if answer.incident_id is None or answer.kind not in REPEATS_FACTS:
        return answer
    newest = answers.newest_update(tx, answer.incident_id, answer.site_ids)
    if newest is None:
        return None
    kind, facts = newest
    if kind is BroadcastKind.CORRECTION:  # there is no outage
        return replace(answer, kind=AnswerKind.NO_OUTAGE, incident_id=None, update=None, facts=None)
    fresh = _without_past(facts, now)
    if fresh.missed_eta_at is not None and fresh.restored_at is None and fresh.next_update_by is None:
        fresh = replace(fresh, next_update_by=planned.next_word_at(tx, answer.incident_id, now))
    return replace(answer, update=kind, facts=fresh)


def _without_past(facts: Facts, now: datetime) -> Facts:
    """Leave out the times that have passed: nobody stands behind them any more."""
    eta, next_update, end = facts.eta_at, facts.next_update_by, facts.window_until_at
    if end is not None and end <= now and facts.restored_at is None:  # planned work that goes on after its end
        missed = None if eta is not None and eta > now else eta or end
        facts = replace(facts, window_from_at=None, window_until_at=None, missed_eta_at=missed)
    return replace(
        facts,
        eta_at=eta if eta is not None and eta > now else None,
        next_update_by=next_update if next_update is not None and next_update > now else None,
    )


def _claimed(one: Candidate, answer: Answer, personal: NotificationFacts, channel: Channel, lease: Lease) -> Claimed:
    return Claimed(
        id=one.id,
        broadcast_id=None,
        kind=answer.kind,
        channel=channel,
        contact_point_id=one.contact_point_id,
        address=one.address,
        number=one.attempts + 1,
        facts=answer.facts or Facts(service=answer.service),
        personal=personal,
        due_at=to_instant(one.due_at),
        since=to_instant(one.planned_at),
        stale_after=STALE_AFTER,
        lease=lease,
        correlation_id=f"answer-{one.id}",
        answer=answer,
    )
