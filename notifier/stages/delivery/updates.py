"""Updates on their way: what of the broadcasts that send may be handed over at this very moment.

In: pending notifications that are due. Out: claimed ones, with the personal facts of this minute frozen; those that may
not be told any more, ended with their reason; and those that wait, for the end of a night or until they fit under the
caps, put off until then so that nothing looks at them before.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from notifier.config import Config
from notifier.domain.broadcast import ONLY_TO_TOLD, BroadcastKind, Facts, is_overtaken
from notifier.domain.consent import Basis, ConsentState, purpose_of
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Next, stale_after
from notifier.domain.incident import IncidentState
from notifier.domain.lease import Lease
from notifier.domain.night import as_told
from notifier.domain.notification import Channel, NotificationFacts, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.stages.delivery.claimed import Claimed, Taken
from notifier.stages.delivery.hearing import Hearings
from notifier.stages.delivery.owed import Owed
from notifier.stages.delivery.personal import PersonalFacts
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.repositories import claims, fallbacks, leaving, mornings, notifications
from notifier.storage.repositories.claims import Candidate, SendingBroadcast

LOOK_AGAIN_AT = 1_000  # notifications, when those that were looked at first all wait
LOOK_AT_MOST = 2_000  # in one claim, whose transaction others wait for
FRESH_WITHIN = timedelta(minutes=1)  # what was overtaken while it waited is said afresh by the watcher of promises


class Updates:
    """A source of messages: the notifications of broadcasts."""

    def __init__(self, config: Config, playbooks: Mapping[str, Playbook], personal: PersonalFacts) -> None:
        """Keep the parts; `playbooks` are by service."""
        self._playbooks, self._personal = playbooks, personal
        self._basis, self._guests = config.consent.covers(), frozenset(config.delivery.only_to)
        self._hearings, self._owed = Hearings(config, playbooks), Owed(config.credits)
        self._facts: dict[int, Facts] = {}  # of broadcasts that send: frozen with them

    def take(self, tx: Transaction, channel: Channel, limit: int, lease: Lease, now: datetime) -> Taken:
        """Claim up to `limit` messages that are due, shared among the broadcasts that send."""
        claimed: list[Claimed] = []
        ended: dict[int, Next] = {}
        put_off = looked_at = 0
        broadcasts = claims.sending_broadcasts(tx)
        self._forget_facts({broadcast.id for broadcast in broadcasts})
        for place, broadcast in enumerate(broadcasts):
            if self._owed.waits(tx, broadcast, channel, now):
                continue
            # what one broadcast leaves of its share, the next ones may take
            left = -(-(limit - len(claimed)) // (len(broadcasts) - place))
            size = left
            while left > 0 and looked_at <= LOOK_AT_MOST:
                found = claims.candidates(tx, broadcast, channel, now=now, limit=size)
                sorted_ = self._sort(tx, broadcast, channel, found, left, now)
                first = {one.id: sorted_.goes[one.id] for one in sorted_.first}
                claims.claim(tx, first, lease, now=now, versions=self._personal.versions)
                claimed += [self._claimed(broadcast, one, first[one.id], channel, lease) for one in sorted_.first]
                ended |= sorted_.ended
                put_off += sorted_.put_off
                left -= len(sorted_.first)
                looked_at += len(found)
                if len(found) < size or len(sorted_.first) == len(found):
                    break
                size = LOOK_AGAIN_AT
        return Taken(claimed=claimed, ended=ended, put_off=put_off)

    def _sort(
        self,
        tx: Transaction,
        broadcast: SendingBroadcast,
        channel: Channel,
        found: Sequence[Candidate],
        most: int,
        now: datetime,
    ) -> "_Sorted":
        """Decide about what is due; write all but the claims."""
        facts = self._facts_of(broadcast)
        result = _Sorted()
        ends = {one.id: end for one in found if (end := self._stopped(one, broadcast, channel)) is not None}
        ends |= _muted(tx, broadcast, [one for one in found if one.id not in ends])
        ends |= _told_anew(tx, broadcast, [one.id for one in found if one.id not in ends])
        rest = [one for one in found if one.id not in ends]
        if rest and is_overtaken(facts, now):
            waiting = [one.id for one in rest if _was_held(one)] if mornings.may_say_afresh(tx, broadcast.id) else []
            claims.put_off(tx, waiting, until=now + FRESH_WITHIN, reason=NotificationReason.QUIET_HOURS)
            overtaken = Next(state=NotificationState.EXPIRED, reason=NotificationReason.NO_LONGER_TRUE)
            ends |= {one.id: overtaken for one in rest if one.id not in waiting}
            result.put_off += len(waiting)
            rest = []
        if rest:
            ends |= self._by_the_hour(tx, broadcast, channel, rest, now, result)
        notifications.end(tx, ends, from_state=NotificationState.PENDING, now=now)
        result.ended = ends
        result.first = [one for one in rest if one.id in result.goes][:most]
        return result

    def _stopped(self, one: Candidate, broadcast: SendingBroadcast, channel: Channel) -> Next | None:
        if self._guests and one.address not in self._guests:
            return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.NOT_ON_GUEST_LIST)
        return _stopped(one, broadcast, channel, self._basis)

    def _by_the_hour(
        self,
        tx: Transaction,
        broadcast: SendingBroadcast,
        channel: Channel,
        rest: Sequence[Candidate],
        now: datetime,
        result: "_Sorted",
    ) -> dict[int, Next]:
        """Decide who may hear at this hour, and what; return those that end because a mail goes instead, or nothing."""
        facts = self._facts_of(broadcast)
        personal = self._personal.freeze(tx, broadcast.id, rest, now)
        personal = self._owed.named(tx, broadcast, channel, rest, personal)
        hearings = self._hearings.decide(tx, broadcast, facts, channel, {one.id: one for one in rest}, personal, now)
        waits: defaultdict[tuple[datetime, NotificationReason], list[int]] = defaultdict(list)
        ends: dict[int, Next] = {}
        for id_, heard in hearings.items():
            if heard.ends_as is not None:
                ends[id_] = Next(state=NotificationState.EXPIRED, reason=heard.ends_as)
            elif heard.until is not None:
                waits[heard.until, heard.waits_for].append(id_)
            else:
                result.goes[id_] = heard.personal
        instead = {id_: heard.mail for id_, heard in hearings.items() if heard.mail}
        result.put_off += fallbacks.tell_instead(tx, broadcast.id, instead, now=now)
        for (until, reason), ids in waits.items():
            claims.put_off(tx, ids, until=until, reason=reason)
            result.put_off += len(ids)
        return ends

    def _claimed(
        self, broadcast: SendingBroadcast, one: Candidate, personal: NotificationFacts, channel: Channel, lease: Lease
    ) -> Claimed:
        return Claimed(
            id=one.id,
            broadcast_id=broadcast.id,
            kind=BroadcastKind(personal.kind or broadcast.kind),
            channel=channel,
            contact_point_id=one.contact_point_id,
            address=one.address,
            number=one.attempts + 1,
            facts=as_told(self._facts_of(broadcast), personal),
            personal=personal,
            due_at=to_instant(one.due_at),
            since=self._since(broadcast, one),
            stale_after=stale_after(self._playbooks.get(broadcast.service)),
            lease=lease,
            correlation_id=broadcast.correlation_id,
        )

    def _since(self, broadcast: SendingBroadcast, one: Candidate) -> datetime:
        """Return when it could first have gone out: what had to wait is no older than its release."""
        since = max(broadcast.started_at, to_instant(one.planned_at))
        if one.reason in _WAITED or one.first_try_at is None:  # also what was given back, or let go for who wrote
            return max(since, to_instant(one.due_at))
        return max(since, to_instant(one.first_try_at))

    def _facts_of(self, broadcast: SendingBroadcast) -> Facts:
        facts = self._facts.get(broadcast.id)
        if facts is None:
            facts = self._facts[broadcast.id] = from_json(broadcast.facts, Facts)
        return facts

    def _forget_facts(self, sending: set[int]) -> None:
        for broadcast_id in [known for known in self._facts if known not in sending]:
            del self._facts[broadcast_id]


@dataclass(slots=True)
class _Sorted:
    """What was decided about the candidates of one look."""

    goes: dict[int, NotificationFacts] = field(default_factory=dict)
    first: Sequence[Candidate] = ()  # of those that go, as many as may be claimed
    ended: dict[int, Next] = field(default_factory=dict)
    put_off: int = 0


_WAITED = (NotificationReason.QUIET_HOURS, NotificationReason.FREQUENCY_CAP)
_NO_INCIDENT_ANY_MORE = (IncidentState.DISMISSED, IncidentState.MERGED)


def _was_held(one: Candidate) -> bool:
    return one.reason == NotificationReason.QUIET_HOURS


def _told_anew(tx: Transaction, broadcast: SendingBroadcast, rest: Sequence[int]) -> dict[int, Next]:
    """End what is about nothing but sites of parts that were told something newer since."""
    left = leaving.leave_late(tx, broadcast.id, rest) if broadcast.is_cut and rest else set()
    superseded = Next(state=NotificationState.SUPERSEDED, reason=NotificationReason.NEWER_UPDATE)
    return dict.fromkeys(left, superseded)


def _muted(tx: Transaction, broadcast: SendingBroadcast, rest: Sequence[Candidate]) -> dict[int, Next]:
    """End what is about nothing but sites that were switched off while it waited, or was with a worker."""
    muted = claims.all_muted(tx, broadcast.id, [one.contact_point_id for one in rest]) if rest else set()
    stopped = Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)
    return {one.id: stopped for one in rest if one.contact_point_id in muted}


def _stopped(one: Candidate, broadcast: SendingBroadcast, channel: Channel, basis: Basis) -> Next | None:
    """Return why a message may not be handed over at all any more; None when it may."""
    consent = one.consent or basis.default(purpose_of(BroadcastKind(broadcast.kind)))
    if consent == ConsentState.REFUSED or one.suppressed == SuppressionReason.OPTED_OUT:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)
    if one.suppressed:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.SUPPRESSED)
    if one.paused:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.PAUSED_BY_CUSTOMER)
    if f"|{channel}|" in one.channels_off:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.CHANNEL_OFF)
    if broadcast.kind in ONLY_TO_TOLD:
        is_told = Next(state=NotificationState.EXPIRED, reason=NotificationReason.NOT_TOLD_BEFORE)
        return None if one.told_before else is_told
    if broadcast.incident_state in _NO_INCIDENT_ANY_MORE:  # it was held, and there is nothing to say
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.OVER_BEFORE_RELEASE)
    if not one.is_served and not one.told_before:  # who was told before also hears how it ends
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.SITE_ENDED)
    return None
