"""Opt-outs, opt-ins and single words of consent, stored with their source and wording, and told to the audit log.

A word is about an address, so it holds for every customer the address belongs to, and for every sender. How much an
opt-out stops is a setting with a day: the purpose of the message it answers, or everything. The functions that end in
`_in` work in a transaction of the caller, for those who must note the cause and the word together.
"""

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import CUSTOMER, Actor
from notifier.domain.consent import (
    LIFTED_BY_OPTING_IN,
    Basis,
    ConsentState,
    OptOutScope,
    Purpose,
    StoredConsent,
    decide,
    scope_on,
)
from notifier.domain.customer import SuppressionReason
from notifier.domain.errors import InvalidInput
from notifier.domain.notification import Channel
from notifier.messages.links import address_hash
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import consents as shown
from notifier.storage.repositories import audit, consents, contact_points, suppressions
from notifier.storage.repositories.contact_points import ContactPoint
from notifier.storage.views import ConsentsView

BY_AGENT = (SuppressionReason.OPTED_OUT, SuppressionReason.BY_PERSON)


class Sources(StrEnum):
    """Where a customer's own word came from; an agent writes where they have it from."""

    LINK = "link"
    SMS = "sms"
    MAIL = "mail"
    PAGE = "preference page"


class Consents:
    """Notes what contact points say."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        link_secret: str,
    ) -> None:
        """Keep the parts; addresses are logged under a hash made with the secret."""
        self._database, self._clock, self._queue, self._metrics = database, clock, queue, metrics
        self._secret = link_secret
        self._scope = config.consent.optout_scope
        day = config.consent.optout_all_from
        self._all_from = date.fromisoformat(day) if day else None
        self._zone = ZoneInfo(config.regions.time_zone)
        self.basis: Basis = config.consent.covers()

    # --- a customer's own word

    async def opt_out(
        self, contact_point_id: int, source: str, *, purpose: Purpose = Purpose.OUTAGE, wording: str = ""
    ) -> bool:
        """Write no more to a contact point, from the very next message on; return False when it was so already.

        `purpose` is that of the message the opt-out answers. Raises `NotFound`.
        """
        now = self._clock.now()
        change = await self._database.write(
            lambda tx: self.opt_out_in(tx, contact_point_id, purpose, source=source, wording=wording, now=now)
        )
        if change:
            self.count_opt_out()
            self._queue.recall()  # what is claimed and not begun is looked at again
        return change > 0

    def opt_out_in(
        self,
        tx: Transaction,
        contact_point_id: int,
        purpose: Purpose,
        *,
        source: str,
        wording: str = "",
        actor: Actor = CUSTOMER,
        now: datetime,
    ) -> int:
        """Note an opt-out that answers a message of a purpose; return its number in the audit log, 0 if it is not new.

        The caller confirms it only when it is new, and counts it by `count_opt_out` after the commit.
        """
        if self.scope(now) is OptOutScope.ALL:
            return self.stop_all_in(tx, contact_point_id, source=source, wording=wording, actor=actor, now=now)
        point = contact_points.load(tx, contact_point_id, for_update=True)
        stored = consents.of_contact_point(tx, point.id)
        if point.suppressed is SuppressionReason.OPTED_OUT or _is(stored.get(purpose), ConsentState.REFUSED):
            return 0
        self._put(tx, point, purpose, ConsentState.REFUSED, source=source, wording=wording, actor=actor, now=now)
        return self._audit(tx, point.id, "opt_out", actor, now, source=source, purpose=purpose)

    def stop_all_in(
        self, tx: Transaction, contact_point_id: int, *, source: str, wording: str = "", actor: Actor, now: datetime
    ) -> int:
        """Note that somebody wants no message of any kind; return its number in the audit log, 0 if it is not new."""
        point = contact_points.load(tx, contact_point_id, for_update=True)
        changed = suppressions.suppress(
            tx,
            point.id,
            SuppressionReason.OPTED_OUT,
            source=source,
            wording=wording,
            actor=actor.name,
            hashed=self._hash(point),
            now=now,
        )
        return self._audit(tx, point.id, "opt_out", actor, now, source=source, purpose="all") if changed else 0

    async def opt_in(
        self, contact_point_id: int, source: str, *, purpose: Purpose = Purpose.OUTAGE, wording: str = ""
    ) -> bool:
        """Write to a contact point again because it asked for it; return False when it was written to already."""
        now = self._clock.now()
        change = await self._database.write(
            lambda tx: self.opt_in_in(tx, contact_point_id, (purpose,), source=source, wording=wording, now=now)
        )
        return change > 0

    def opt_in_in(
        self,
        tx: Transaction,
        contact_point_id: int,
        purposes: Collection[Purpose],
        *,
        source: str,
        wording: str = "",
        actor: Actor = CUSTOMER,
        proves_address: bool = False,
        channel: Channel | None = None,
        now: datetime,
    ) -> int:
        """Note that somebody wants messages again; return its number in the audit log, 0 if they get them anyway.

        `channel` is the one that they asked by: where they had switched it off, it is on again, and so are their sites
        where they had switched off every one; the word would mean nothing otherwise.

        Lifts an opt-out and a spam complaint, which were theirs to make; and a bad address only where the word came
        from that very address (`proves_address`): a number that texts is no landline either. What an agent stopped, an
        agent lifts.
        """
        point = contact_points.load(tx, contact_point_id, for_update=True)
        lifts = LIFTED_BY_OPTING_IN | ({SuppressionReason.BAD_ADDRESS} if proves_address else frozenset())
        changed = suppressions.lift(tx, point.id, lifts, source=source, now=now)
        if proves_address:
            changed |= suppressions.make_mobile(tx, point.id)
        if channel is not None:
            changed |= _switch_on(tx, point, channel)
        stored = consents.of_contact_point(tx, point.id)
        for purpose in purposes:
            if _is(stored.get(purpose), ConsentState.GRANTED):
                continue
            if not decide(purpose, stored.get(purpose), basis=self.basis, suppressed=None).allowed:
                changed = True
            self._put(tx, point, purpose, ConsentState.GRANTED, source=source, wording=wording, actor=actor, now=now)
        said = ", ".join(sorted(purposes))
        return self._audit(tx, point.id, "opt_in", actor, now, source=source, purpose=said) if changed else 0

    def scope(self, now: datetime) -> OptOutScope:
        """Return what an opt-out of this moment stops, by the company's local day."""
        return scope_on(now.astimezone(self._zone).date(), scope=self._scope, all_from=self._all_from)

    def count_opt_out(self) -> None:
        """Count an opt-out that was committed."""
        self._metrics.unsubscribes.inc()

    # --- an agent's note

    async def show(self, contact_point_id: int) -> ConsentsView:
        """Return what may be written to a contact point, why, and every word behind it; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, contact_point_id, self.basis))

    async def note(
        self,
        contact_point_id: int,
        purpose: Purpose,
        state: ConsentState,
        *,
        source: str,
        wording: str,
        basis: str,
        actor: Actor,
    ) -> ConsentsView:
        """Note what a customer told an agent about a purpose; raise `NotFound`, `InvalidInput`."""
        _require_source(source)
        now = self._clock.now()

        def save(tx: Transaction) -> ConsentsView:
            point = contact_points.load(tx, contact_point_id, for_update=True)
            self._put(tx, point, purpose, state, source=source, wording=wording, basis=basis, actor=actor, now=now)
            self._audit(tx, point.id, "consent", actor, now, source=source, purpose=purpose, state=state)
            return shown.view(tx, contact_point_id, self.basis)

        view = await self._database.write(save)
        if state is ConsentState.REFUSED:
            self._queue.recall()  # what is claimed and not begun is looked at again
        return view

    async def suppress(
        self, contact_point_id: int, reason: SuppressionReason, *, source: str, wording: str, actor: Actor
    ) -> ConsentsView:
        """Write nothing to an address any more, in every customer it belongs to; raise `NotFound`, `InvalidInput`."""
        if reason not in BY_AGENT:
            expected = " or ".join(BY_AGENT)
            raise InvalidInput("an agent cannot give this reason", field="reason", value=reason, expected=expected)
        _require_source(source)
        now = self._clock.now()

        def save(tx: Transaction) -> ConsentsView:
            point = contact_points.load(tx, contact_point_id, for_update=True)
            suppressions.suppress(
                tx,
                point.id,
                reason,
                source=source,
                wording=wording,
                actor=actor.name,
                hashed=self._hash(point),
                now=now,
            )
            self._audit(tx, point.id, "suppress", actor, now, source=source, reason=reason)
            return shown.view(tx, contact_point_id, self.basis)

        view = await self._database.write(save)
        self._queue.recall()  # what is claimed and not begun is looked at again
        return view

    async def unsuppress(self, contact_point_id: int, *, source: str, actor: Actor) -> ConsentsView:
        """Write to an address again, whatever it was stopped for; raise `NotFound`, `InvalidInput`."""
        _require_source(source)
        now = self._clock.now()

        def save(tx: Transaction) -> ConsentsView:
            point = contact_points.load(tx, contact_point_id, for_update=True)
            suppressions.lift(tx, point.id, tuple(SuppressionReason), source=source, now=now)
            self._audit(tx, point.id, "unsuppress", actor, now, source=source)
            return shown.view(tx, contact_point_id, self.basis)

        return await self._database.write(save)

    # --- shared

    def put_in(
        self,
        tx: Transaction,
        point: ContactPoint,
        purpose: Purpose,
        state: ConsentState,
        *,
        source: str,
        wording: str,
        now: datetime,
    ) -> None:
        """Note one word of a customer; the caller writes the audit log."""
        self._put(tx, point, purpose, state, source=source, wording=wording, actor=CUSTOMER, now=now)

    def _put(
        self,
        tx: Transaction,
        point: ContactPoint,
        purpose: Purpose,
        state: ConsentState,
        *,
        source: str,
        wording: str = "",
        basis: str = "",
        actor: Actor,
        now: datetime,
    ) -> None:
        consents.put(
            tx,
            point.id,
            purpose,
            state,
            source=source,
            basis=basis,
            wording=wording,
            actor=actor.name,
            hashed=self._hash(point),
            now=now,
        )

    def _hash(self, point: ContactPoint) -> str:
        return address_hash(self._secret, point.address)

    def _audit(
        self, tx: Transaction, contact_point_id: int, action: str, actor: Actor, now: datetime, **detail: object
    ) -> int:
        return audit.record(
            tx,
            at=now,
            actor=actor,
            action=f"contact_points.{action}",
            target=f"contact point {contact_point_id}",
            detail=detail,
        )


def _switch_on(tx: Transaction, point: ContactPoint, channel: Channel) -> bool:
    """Undo what keeps every message of a channel away; return whether anything did. Single sites stay as chosen."""
    is_off = channel in point.channels_off
    if is_off:
        contact_points.choose_channels(tx, point.id, point.channels_off - {channel})
    sites = contact_points.sites(tx, point.id)
    are_off = bool(sites) and all(site.muted for site in sites)
    if are_off:
        contact_points.unmute(tx, point.id, [site.id for site in sites])
    return is_off or are_off


def _is(stored: StoredConsent | None, state: ConsentState) -> bool:
    return stored is not None and stored.state is state


def _require_source(source: str) -> None:
    if not source.strip():
        raise InvalidInput(
            "says not where this is from", field="source", value=source, expected="such as 'call of 2026-11-22'"
        )
