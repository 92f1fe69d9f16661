"""Delivery: claims what is due, records what became of it, settles what is in doubt.

In: pending notifications of broadcasts that send. Out: claimed messages for the worker, their outcomes in the ledger,
opt-outs and suppressions. Nothing here talks to a provider: a hand-over lies between two transactions of this stage.
"""

import os
import random
import secrets
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from notifier.clock import Clock
from notifier.config import Config, InDoubt
from notifier.domain.actor import DAEMON, Actor
from notifier.domain.broadcast import (
    ONLY_TO_TOLD,
    BroadcastKind,
    BroadcastReason,
    BroadcastState,
    Facts,
    is_overtaken,
)
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Next, Outcome, Suppress, after, end_of, settle
from notifier.domain.errors import LeaseLost, Refused
from notifier.domain.lease import Lease
from notifier.domain.notification import (
    NOTIFICATION,
    Channel,
    NotificationFacts,
    NotificationReason,
    NotificationState,
)
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.messages.edition import from_json as edition_from_json
from notifier.messages.links import address_hash
from notifier.messages.mime import Mail, MailComposer
from notifier.messages.places import LISTED_AT_MOST, site_name
from notifier.messages.wording import Wording
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.queries import notifications as query
from notifier.storage.queries.notifications import StoredNotification
from notifier.storage.repositories import audit, control
from notifier.storage.repositories import notifications as repository
from notifier.storage.repositories.notifications import AffectedSite, Candidate, SendingBroadcast, Tried
from notifier.storage.views import NotificationView

SETTLE_AT_MOST = 500  # notifications in doubt settled in one transaction
GIVEN_UP = Next(state=NotificationState.ABANDONED, reason=NotificationReason.ABANDONED_BY_PERSON)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message to hand over now: committed as `sending` under a lease."""

    id: int
    broadcast_id: int
    kind: BroadcastKind
    channel: Channel
    contact_point_id: int
    address: str
    number: int  # of this attempt, from 1
    facts: Facts
    personal: NotificationFacts
    due_at: datetime
    since: datetime  # when it could first have gone out
    stale_after: timedelta
    lease: Lease
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What became of one claimed message."""

    claimed: Claimed
    outcome: Outcome
    provider: str
    began_at: datetime
    ended_at: datetime
    template_version: str = ""


class Delivery:
    """Stands between the worker and the store."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook],
        messages: Messages,
        link_secret: str,
    ) -> None:
        """Keep the parts; `playbooks` are by service."""
        self.database, self.config, self.clock, self.queue, self.metrics = database, config, clock, queue, metrics
        self.messages = messages
        self.composer = MailComposer(config.sender, link_secret)
        self._secret = link_secret
        self._playbooks = {service: book for book in playbooks.values() for service in book.services}
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._facts: dict[int, Facts] = {}  # of broadcasts that send: frozen with them
        self._kept_versions: set[str] = set()
        self._random = random.Random()  # noqa: S311  # spreads retries, guards nothing

    # --- claims

    async def claim(self, channel: Channel, limit: int) -> list[Claimed]:
        """Claim up to `limit` messages that are due; they are `sending` when this returns."""
        now, monotonic = self.clock.now(), self.clock.monotonic()
        lease = Lease(owner=self.owner, until=monotonic + self.config.delivery.lease.total_seconds())
        claimed, suppressed = await self.database.write(lambda tx: self._claim(tx, channel, limit, lease, now))
        self._count(channel, suppressed)
        if suppressed and not claimed:
            self.queue.wake(Topic.NOTIFICATIONS)  # there may be more behind them
        return claimed

    def _claim(
        self, tx: Transaction, channel: Channel, limit: int, lease: Lease, now: datetime
    ) -> tuple[list[Claimed], list[Next]]:
        if control.is_paused(tx):
            return [], []
        claimed: list[Claimed] = []
        suppressed: dict[int, Next] = {}
        broadcasts = repository.sending_broadcasts(tx)
        self._forget_facts({broadcast.id for broadcast in broadcasts})
        for place, broadcast in enumerate(broadcasts):
            # what one broadcast leaves of its share, the next ones may take
            share = -(-(limit - len(claimed)) // (len(broadcasts) - place))
            found = repository.candidates(tx, broadcast, channel, now=now, limit=share)
            overtaken = is_overtaken(self._facts_of(broadcast), now)
            suppressed |= {
                one.id: stop
                for one in found
                if (stop := _stopped(one, broadcast.kind, overtaken=overtaken)) is not None
            }
            may_be_told = [one for one in found if one.id not in suppressed]
            if may_be_told:
                personal = self._freeze(tx, broadcast.id, may_be_told, now)
                repository.claim(tx, personal, lease, now=now)
                claimed += [self._claimed(broadcast, one, personal[one.id], channel, lease) for one in may_be_told]
        repository.end(tx, suppressed, from_state=NotificationState.PENDING, now=now)
        return claimed, list(suppressed.values())

    def _freeze(
        self, tx: Transaction, broadcast_id: int, found: Sequence[Candidate], now: datetime
    ) -> dict[int, NotificationFacts]:
        """Return the personal facts of each message, as they are at this minute."""
        points = [one.contact_point_id for one in found]
        sites = repository.affected_sites(tx, broadcast_id, points)
        counts = repository.site_counts(tx, points)
        without_zone = [site.id for listed in sites.values() for site in listed if not site.time_zone]
        zones = repository.region_time_zones(tx, without_zone, self.config.regions.kinds)
        at = now.replace(second=0, microsecond=0)
        return {
            one.id: NotificationFacts(
                sites=tuple(
                    site_name(address=site.address, label=site.label)
                    for site in sites[one.contact_point_id][:LISTED_AT_MOST]
                ),
                sites_affected=len(sites[one.contact_point_id]),
                site_count=max(counts.get(one.contact_point_id, 0), len(sites[one.contact_point_id])),
                locale=self.messages.reader_locale(one.locale),
                time_zone=self._zone(one, sites[one.contact_point_id], zones),
                at=at,
                first_contact=not one.told_before,
            )
            for one in found
        }

    def _zone(self, one: Candidate, sites: Sequence[AffectedSite], by_region: Mapping[int, str]) -> str:
        """Return the zones of the sites, joined; where none has one, the contact point's, then the company's."""
        if len(sites) == 1 and sites[0].time_zone:
            return sites[0].time_zone
        named = (site.time_zone or by_region.get(site.id, "") for site in sites)
        zones = dict.fromkeys(zone for names in named for zone in names.split("|") if zone)
        return "|".join(zones) or one.time_zone or self.config.regions.time_zone

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
            stale_after=self._stale_after(broadcast.service),
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

    def _stale_after(self, service: str) -> timedelta:
        playbook = self._playbooks.get(service)
        return playbook.stale_after if playbook else timedelta(hours=4)

    async def release(self, unbegun: Sequence[Claimed], *, reason: NotificationReason) -> None:
        """Give back claimed messages that were never begun; they are due again, or end with their broadcast."""
        if not unbegun:
            return
        monotonic = self.clock.monotonic()

        def give_back(tx: Transaction) -> None:
            repository.release(tx, self._still_held(tx, unbegun, monotonic), reason=reason)

        await self.database.write(give_back)
        self.queue.wake(Topic.NOTIFICATIONS)
        self.queue.wake(Topic.BROADCASTS)

    async def renew(self, notification_ids: Sequence[int]) -> None:
        """Prolong the leases of messages that are still being handed over."""
        if not notification_ids:
            return
        until = self.clock.monotonic() + self.config.delivery.lease.total_seconds()
        lease = Lease(owner=self.owner, until=until)
        await self.database.write(lambda tx: repository.renew(tx, notification_ids, lease))

    def _still_held(self, tx: Transaction, claimed: Sequence[Claimed], monotonic: float) -> set[int]:
        tries = {one.id: one.number for one in claimed}
        return repository.still_held(tx, tries, self.owner, monotonic=monotonic)

    # --- outcomes

    async def record(self, handed: Sequence[Handed]) -> None:
        """Append the attempts and move their notifications on, in one transaction.

        Raises `LeaseLost` naming how many could not be written because their lease lapsed; the others are written.
        """
        monotonic, now = self.clock.monotonic(), self.clock.now()
        written = await self.database.write(lambda tx: self._record(tx, handed, monotonic, now))
        self._kept_versions.update(one.template_version for one, _ in written)  # now that they are committed
        for channel in {one.claimed.channel for one, _ in written}:
            self._count(channel, [next_ for one, next_ in written if one.claimed.channel is channel])
        if any(next_.state is NotificationState.IN_DOUBT for _, next_ in written):
            self.queue.wake(Topic.NOTIFICATIONS)
        if len(written) < len(handed):
            raise LeaseLost(f"the lease of {len(handed) - len(written)} messages lapsed while they were being sent")

    def _record(
        self, tx: Transaction, handed: Sequence[Handed], monotonic: float, now: datetime
    ) -> list[tuple[Handed, Next]]:
        states = repository.broadcast_states(tx, {one.claimed.broadcast_id for one in handed})
        ours = self._still_held(tx, [one.claimed for one in handed], monotonic)
        written = [
            (one, self._next(one, states[one.claimed.broadcast_id], now)) for one in handed if one.claimed.id in ours
        ]
        repository.record(tx, [_tried(one, next_) for one, next_ in written])
        for one, _ in written:
            self._suppress(tx, one, now)
            self._keep_edition(tx, one, now)
        return written

    def _next(self, one: Handed, broadcast: BroadcastState, now: datetime) -> Next:
        return after(
            one.outcome,
            attempts=one.claimed.number,
            now=now,
            since=one.claimed.since,
            stale_after=one.claimed.stale_after,
            broadcast=broadcast,
            jitter=self._random.random(),
        )

    def _suppress(self, tx: Transaction, one: Handed, now: datetime) -> None:
        match one.outcome.suppress:
            case Suppress.NO:
                return
            case Suppress.REPEATED:
                if repository.count_soft_bounce(tx, one.claimed.contact_point_id) < 2:
                    return
            case Suppress.AT_ONCE:
                pass
        repository.suppress(
            tx,
            one.claimed.contact_point_id,
            SuppressionReason.BAD_ADDRESS,
            source=f"{one.provider} {one.outcome.code}",
            hashed=address_hash(self._secret, one.claimed.address),
            now=now,
        )

    def _keep_edition(self, tx: Transaction, one: Handed, now: datetime) -> None:
        version = one.template_version
        if version and version not in self._kept_versions:
            edition = self.messages.wording(one.claimed.personal.locale).edition
            repository.keep_edition(tx, version, edition.to_json(), now=now)

    # --- doubt

    async def settle_at_start(self) -> None:
        """Put in doubt what earlier daemons left in `sending`, then settle it by policy."""
        now = self.clock.now()
        self._doubted(await self.database.write(lambda tx: repository.doubt_others(tx, self.owner, now=now)))
        while await self.settle():
            pass

    async def settle(self) -> bool:
        """Put in doubt what this owner's lapsed leases hold, and settle some of what is in doubt; True = maybe more."""
        now, monotonic = self.clock.now(), self.clock.monotonic()

        def doubt_and_settle(tx: Transaction) -> tuple[dict[Channel, int], list[tuple[Channel, Next]]]:
            lapsed = repository.doubt_lapsed(tx, self.owner, monotonic=monotonic, now=now)
            found = {one.id: one for one in repository.in_doubt(tx, limit=SETTLE_AT_MOST)}
            settled = {id_: self._settle(one, now) for id_, one in found.items()}
            repository.end(tx, settled, from_state=NotificationState.IN_DOUBT, now=now)
            return lapsed, [(found[id_].channel, next_) for id_, next_ in settled.items()]

        lapsed, settled = await self.database.write(doubt_and_settle)
        self._doubted(lapsed)
        for channel, next_ in settled:
            self._count(channel, [next_])
        if settled:
            states = Counter(str(next_.state) for _, next_ in settled)
            log.warning("settled what was in doubt", **states)
            self.queue.wake(Topic.NOTIFICATIONS)
            self.queue.wake(Topic.BROADCASTS)
        return len(settled) == SETTLE_AT_MOST

    def _settle(self, one: repository.Doubtful, now: datetime) -> Next:
        policy = self.config.delivery.in_doubt
        chosen = policy.email if one.channel is Channel.EMAIL else policy.sms
        return settle(
            may_resend=chosen is InDoubt.RESEND,
            doubts=one.doubts,
            now=now,
            since=one.since,
            stale_after=self._stale_after(one.service),
            broadcast=one.broadcast,
            jitter=self._random.random(),
        )

    def _doubted(self, counts: Mapping[Channel, int]) -> None:
        for channel, count in counts.items():
            log.warning("messages in doubt: their sender is gone", channel=channel, notifications=count)
            self.metrics.notifications.labels(channel, NotificationState.IN_DOUBT, NotificationReason.OWNER_GONE).inc(
                count
            )

    # --- people and customers

    async def resend(self, notification_id: int, actor: Actor) -> None:
        """Send a held message again, by a person's decision. Raises `NotFound`, `Refused`."""
        now = self.clock.now()

        def decide(tx: Transaction) -> None:
            broadcast_id, _ = self._require(tx, notification_id, NotificationState.PENDING)
            state = repository.broadcast_states(tx, [broadcast_id]).get(broadcast_id, BroadcastState.CANCELLED)
            if (ended := end_of(state)) is not None:
                raise Refused(f"broadcast {broadcast_id} is {state}: its message is no longer true ({ended.reason})")
            if (newer := repository.newer_update(tx, broadcast_id)) is not None:
                raise Refused(f"broadcast {newer} is newer than {broadcast_id}: its message is no longer true")
            again = Next(state=NotificationState.PENDING, reason=NotificationReason.RESENT_BY_PERSON, due_at=now)
            repository.end(tx, {notification_id: again}, from_state=NotificationState.HELD, now=now)
            if state is BroadcastState.COMPLETED:
                repository.extend_broadcast(tx, broadcast_id, reason=BroadcastReason.EXTENDED)
            audit.record(
                tx, at=now, actor=actor, action="notifications.resend", target=f"notification {notification_id}"
            )

        await self.database.write(decide)
        self.queue.wake(Topic.NOTIFICATIONS)

    async def abandon(self, notification_id: int, actor: Actor) -> None:
        """Give a held message up, by a person's decision. Raises `NotFound`, `Refused`."""
        now = self.clock.now()

        def decide(tx: Transaction) -> Channel:
            _, channel = self._require(tx, notification_id, NotificationState.ABANDONED)
            repository.end(tx, {notification_id: GIVEN_UP}, from_state=NotificationState.HELD, now=now)
            audit.record(
                tx, at=now, actor=actor, action="notifications.abandon", target=f"notification {notification_id}"
            )
            return channel

        channel = await self.database.write(decide)
        self._count(channel, [GIVEN_UP])

    def _require(self, tx: Transaction, notification_id: int, wanted: NotificationState) -> tuple[int, Channel]:
        state, broadcast_id, channel = repository.state_of(tx, notification_id)
        if state is not NotificationState.HELD:
            raise Refused(f"notification {notification_id} is {state}; a person decides only on those that are held")
        NOTIFICATION.require(state, wanted, which=notification_id)
        return broadcast_id, channel

    async def opt_out(self, contact_point_id: int, source: str) -> bool:
        """Never write to a contact point again, from the very next message on; return False when it was so already."""
        now = self.clock.now()

        def stop(tx: Transaction) -> bool:
            hashed = address_hash(self._secret, repository.address_of(tx, contact_point_id))
            changed = repository.suppress(
                tx, contact_point_id, SuppressionReason.OPTED_OUT, source=source, hashed=hashed, now=now
            )
            if changed:
                audit.record(
                    tx,
                    at=now,
                    actor=DAEMON,
                    action="contact_points.opt_out",
                    target=f"contact point {contact_point_id}",
                )
            return changed

        changed = await self.database.write(stop)
        if changed:
            self.metrics.unsubscribes.inc()
        return changed

    async def show(self, notification_id: int) -> NotificationView:
        """Return one notification with the words that were sent, or that would be sent now; raise `NotFound`."""
        now = self.clock.now()

        def load(tx: Transaction) -> tuple[StoredNotification, str | None, NotificationFacts | None]:
            stored = query.find(tx, notification_id)
            version = stored.view.template_version
            edition = repository.edition(tx, version) if version else None
            return stored, edition, stored.personal or self._would_freeze(tx, stored, now)

        stored, edition, personal = await self.database.read(load)
        if stored.kind is None or stored.facts is None or personal is None:
            return stored.view
        wording = Wording(edition_from_json(edition)) if edition else self.messages.wording(personal.locale)
        words = wording.render(
            stored.channel,
            stored.kind,
            stored.facts,
            personal,
            self.composer.unsubscribe_url(stored.contact_point_id),
        )
        return replace(stored.view, subject=words.subject, text=words.text, html=words.html)

    def _would_freeze(self, tx: Transaction, stored: StoredNotification, now: datetime) -> NotificationFacts | None:
        """Return the personal facts of a message that was never claimed, as a claim at this minute would."""
        if stored.view.broadcast_id is None or stored.view.incident_id is None:
            return None
        candidate = repository.as_candidate(tx, stored.view.id, stored.view.incident_id)
        return self._freeze(tx, stored.view.broadcast_id, [candidate], now)[stored.view.id]

    def make(self, claimed: Claimed) -> tuple[Mail, str]:
        """Return the mail of a claimed message, ready for the wire, and its template version; raise `RenderFailed`."""
        link = self.composer.unsubscribe_url(claimed.contact_point_id)
        message = self.messages.encode(
            claimed.channel, claimed.kind, claimed.facts, claimed.personal, unsubscribe_url=link
        )
        mail = self.composer.compose(
            notification_id=claimed.id,
            broadcast_id=claimed.broadcast_id,
            kind=claimed.kind,
            recipient=claimed.address,
            message=message,
            at=self.clock.now(),
            unsubscribe_url=link,
        )
        return mail, message.template_version

    def _count(self, channel: Channel, ends: Sequence[Next]) -> None:
        """Count what reached a state; what waits for another try shows in `attempts_total`."""
        for (state, reason), count in Counter((one.state, one.reason) for one in ends).items():
            if state is not NotificationState.PENDING:
                self.metrics.notifications.labels(channel, state, reason).inc(count)


def _stopped(one: Candidate, kind: str, *, overtaken: bool) -> Next | None:
    """Return why a message may not be handed over at this very moment; None when it may."""
    if one.refused or one.suppressed == SuppressionReason.OPTED_OUT:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)
    if one.suppressed:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.SUPPRESSED)
    if overtaken:
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.NO_LONGER_TRUE)
    if kind in ONLY_TO_TOLD and not one.told_before:
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.NOT_TOLD_BEFORE)
    if not one.is_served and not one.told_before:  # who was told before also hears how it ends
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.SITE_ENDED)
    return None


def _tried(one: Handed, next_: Next) -> Tried:
    return Tried(
        notification_id=one.claimed.id,
        contact_point_id=one.claimed.contact_point_id,
        number=one.claimed.number,
        provider=one.provider,
        began_at=one.began_at,
        ended_at=one.ended_at,
        outcome=one.outcome,
        next=next_,
        template_version=one.template_version,
    )
