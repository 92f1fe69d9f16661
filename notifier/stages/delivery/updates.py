"""Updates on their way: what of the broadcasts that send may be handed over at this very moment.

In: pending notifications that are due. Out: claimed ones, with the personal facts of this minute frozen; and those that
may not be told any more, ended with their reason.
"""

from collections.abc import Mapping
from datetime import datetime

from notifier.config import Config
from notifier.domain.broadcast import ONLY_TO_TOLD, BroadcastKind, Facts, is_overtaken
from notifier.domain.consent import Basis, ConsentState, purpose_of
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Next, stale_after
from notifier.domain.lease import Lease
from notifier.domain.notification import Channel, NotificationFacts, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.stages.delivery.claimed import Claimed, Taken
from notifier.stages.delivery.personal import PersonalFacts
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.repositories import claims, notifications
from notifier.storage.repositories.claims import Candidate, SendingBroadcast


class Updates:
    """A source of messages: the notifications of broadcasts."""

    def __init__(self, config: Config, playbooks: Mapping[str, Playbook], personal: PersonalFacts) -> None:
        """Keep the parts; `playbooks` are by service."""
        self._playbooks, self._personal = playbooks, personal
        self._basis = config.consent.covers()
        self._facts: dict[int, Facts] = {}  # of broadcasts that send: frozen with them

    def take(self, tx: Transaction, channel: Channel, limit: int, lease: Lease, now: datetime) -> Taken:
        """Claim up to `limit` messages that are due, shared among the broadcasts that send."""
        claimed: list[Claimed] = []
        suppressed: dict[int, Next] = {}
        broadcasts = claims.sending_broadcasts(tx)
        self._forget_facts({broadcast.id for broadcast in broadcasts})
        for place, broadcast in enumerate(broadcasts):
            # what one broadcast leaves of its share, the next ones may take
            share = -(-(limit - len(claimed)) // (len(broadcasts) - place))
            found = claims.candidates(tx, broadcast, channel, now=now, limit=share)
            overtaken = is_overtaken(self._facts_of(broadcast), now)
            suppressed |= {
                one.id: stop
                for one in found
                if (stop := _stopped(one, broadcast.kind, channel, self._basis, overtaken=overtaken)) is not None
            }
            may_be_told = [one for one in found if one.id not in suppressed]
            if may_be_told:
                personal = self._personal.freeze(tx, broadcast.id, may_be_told, now)
                claims.claim(tx, personal, lease, now=now)
                claimed += [self._claimed(broadcast, one, personal[one.id], channel, lease) for one in may_be_told]
        notifications.end(tx, suppressed, from_state=NotificationState.PENDING, now=now)
        return Taken(claimed=claimed, ended=suppressed)

    def _claimed(
        self, broadcast: SendingBroadcast, one: Candidate, personal: NotificationFacts, channel: Channel, lease: Lease
    ) -> Claimed:
        return Claimed(
            id=one.id,
            broadcast_id=broadcast.id,
            kind=BroadcastKind(broadcast.kind),
            channel=channel,
            contact_point_id=one.contact_point_id,
            address=one.address,
            number=one.attempts + 1,
            facts=self._facts_of(broadcast),
            personal=personal,
            due_at=to_instant(one.due_at),
            since=max(broadcast.started_at, to_instant(one.planned_at)),
            stale_after=stale_after(self._playbooks.get(broadcast.service)),
            lease=lease,
            correlation_id=broadcast.correlation_id,
        )

    def _facts_of(self, broadcast: SendingBroadcast) -> Facts:
        facts = self._facts.get(broadcast.id)
        if facts is None:
            facts = self._facts[broadcast.id] = from_json(broadcast.facts, Facts)
        return facts

    def _forget_facts(self, sending: set[int]) -> None:
        for broadcast_id in [known for known in self._facts if known not in sending]:
            del self._facts[broadcast_id]


def _stopped(one: Candidate, kind: str, channel: Channel, basis: Basis, *, overtaken: bool) -> Next | None:
    """Return why a message may not be handed over at this very moment; None when it may."""
    consent = one.consent or basis.default(purpose_of(BroadcastKind(kind)))
    if consent == ConsentState.REFUSED or one.suppressed == SuppressionReason.OPTED_OUT:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)
    if one.suppressed:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.SUPPRESSED)
    if one.paused:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.PAUSED_BY_CUSTOMER)
    if f"|{channel}|" in one.channels_off:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.CHANNEL_OFF)
    if overtaken:
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.NO_LONGER_TRUE)
    if kind in ONLY_TO_TOLD and not one.told_before:
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.NOT_TOLD_BEFORE)
    if not one.is_served and not one.told_before:  # who was told before also hears how it ends
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.SITE_ENDED)
    return None
