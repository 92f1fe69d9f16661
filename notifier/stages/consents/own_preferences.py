"""The preferences of one contact point, set by whoever holds its signed link.

In: the choices of a form, and the settings it was shown with. Out: the settings as they are now, and what was changed.
A form that was shown with other settings changes nothing: two pages that are open at a time do not undo each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import CUSTOMER
from notifier.domain.answer import Answer, AnswerKind
from notifier.domain.consent import ConsentState, Purpose, decide
from notifier.domain.contact import mask
from notifier.domain.customer import ContactKind, SuppressionReason
from notifier.domain.notification import Channel
from notifier.domain.preferences import Changes, Choices, Incident, Mistake, Preferences, Site, compare
from notifier.messages.places import site_name
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.consents.consents import Consents, Sources
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import answers, audit, consents, contact_points
from notifier.storage.repositories.answers import CauseKind
from notifier.storage.repositories.contact_points import ContactPoint

SITES_AT_MOST = 200  # on one page
_CARRIED_BY = {
    ContactKind.EMAIL: (Channel.EMAIL,),
    ContactKind.MOBILE: (Channel.SMS, Channel.VOICE),
    ContactKind.LANDLINE: (Channel.VOICE,),
}
_STOPPED = (SuppressionReason.OPTED_OUT, SuppressionReason.COMPLAINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What became of a form."""

    now: Preferences
    changes: Changes | None = None  # None: nothing was saved
    mistakes: tuple[Mistake, ...] = ()
    outdated: bool = False  # the settings had changed since it was shown
    audit_id: int = 0  # of the change, 0 when there was none: what its confirmation is unique by


Shown = Callable[[Preferences], bool]
"""Whether a form was shown with these settings."""


class OwnPreferences:
    """Reads and saves what a contact point sets for itself."""

    def __init__(self, database: Database, config: Config, clock: Clock, queue: EmbeddedQueue, noted: Consents) -> None:
        self._database, self._config, self._clock, self._queue, self._noted = database, config, clock, queue, noted
        self._locales: Mapping[str, object] = dict.fromkeys(config.locales.available)
        carried = {provider.channel for provider in config.providers}
        self._channels = {kind: tuple(c for c in every if c in carried) for kind, every in _CARRIED_BY.items()}

    async def read(self, contact_point_id: int) -> Preferences:
        """Return the settings; raise `NotFound`."""
        return await self._database.read(lambda tx: self._read(tx, contact_points.load(tx, contact_point_id)))

    async def save(self, contact_point_id: int, wanted: Choices, was_shown: Shown, *, wording: str = "") -> Saved:
        """Save a page; raise `NotFound`."""
        now = self._clock.now()

        def work(tx: Transaction) -> Saved:
            point = contact_points.load(tx, contact_point_id, for_update=True)
            before = self._read(tx, point)
            if not was_shown(before):
                return Saved(now=before, outdated=True)
            changes = compare(before, wanted, self._locales)
            if isinstance(changes, list):
                return Saved(now=before, mistakes=tuple(changes))
            self._apply(tx, point, changes, wording, now)
            names = changes.named()
            audit_id = self._audit(tx, point.id, names, now) if names else 0
            self._confirm(tx, point, audit_id, AnswerKind.PREFERENCES, now)
            after = self._read(tx, contact_points.load(tx, point.id))
            return Saved(now=after, changes=changes, audit_id=audit_id)

        saved = await self._write(work)
        if saved.audit_id:
            self._queue.recall()  # less may be wanted: what is claimed and not begun is looked at again
        return saved

    async def stop_all(self, contact_point_id: int, was_shown: Shown, *, wording: str = "") -> Saved:
        """Write nothing more to a contact point, whatever the configured scope is; raise `NotFound`."""
        now = self._clock.now()

        def work(tx: Transaction) -> Saved:
            before = self._read(tx, contact_points.load(tx, contact_point_id, for_update=True))
            if not was_shown(before):
                return Saved(now=before, outdated=True)
            change = self._noted.stop_all_in(
                tx, contact_point_id, source=Sources.PAGE, wording=wording, actor=CUSTOMER, now=now
            )
            if Purpose.OUTAGE not in before.purposes:  # it has opted out before, and that was confirmed
                return Saved(now=self._read(tx, contact_points.load(tx, contact_point_id)), audit_id=change)
            return self._done(tx, contact_point_id, change, AnswerKind.OPTED_OUT, now)

        saved = await self._database.write(work)
        if saved.audit_id:
            self._noted.count_opt_out()
            self._queue.recall()  # what is claimed and not begun is looked at again
            self._queue.wake(Topic.NOTIFICATIONS)
        return saved

    async def start_again(self, contact_point_id: int, was_shown: Shown, *, wording: str = "") -> Saved:
        """Write to a contact point again, about outages at least; raise `NotFound`."""
        now = self._clock.now()

        def work(tx: Transaction) -> Saved:
            before = self._read(tx, contact_points.load(tx, contact_point_id, for_update=True))
            if not was_shown(before):
                return Saved(now=before, outdated=True)
            change = self._noted.opt_in_in(
                tx, contact_point_id, (Purpose.OUTAGE,), source=Sources.PAGE, wording=wording, now=now
            )
            return self._done(tx, contact_point_id, change, AnswerKind.OPTED_IN, now)

        return await self._write(work)

    async def _write(self, work: Callable[[Transaction], Saved]) -> Saved:
        saved = await self._database.write(work)
        if saved.audit_id:
            self._queue.wake(Topic.NOTIFICATIONS)
        return saved

    def _confirm(self, tx: Transaction, point: ContactPoint, change: int, kind: AnswerKind, now: datetime) -> None:
        """Confirm a change by a message, once, where one can be sent: somebody else may have had the link."""
        channels = self._channels[point.kind]
        if change and channels:
            answers.give(
                tx,
                cause=CauseKind.PREFERENCES,
                cause_id=change,
                contact_point_id=point.id,
                channel=channels[0],
                answer=Answer(kind=kind),
                now=now,
            )

    def _done(self, tx: Transaction, contact_point_id: int, change: int, kind: AnswerKind, now: datetime) -> Saved:
        point = contact_points.load(tx, contact_point_id)
        self._confirm(tx, point, change, kind, now)
        after = self._read(tx, point)
        return Saved(now=after, changes=Changes(), audit_id=change)

    def _read(self, tx: Transaction, point: ContactPoint) -> Preferences:
        stored = consents.of_contact_point(tx, point.id)
        basis = self._noted.basis
        quiet = None if point.quiet_from is None or point.quiet_until is None else (point.quiet_from, point.quiet_until)
        return Preferences(
            contact_point_id=point.id,
            masked=mask(point.address),
            locale=point.locale,
            language=self._language(point.locale),
            stopped=point.suppressed in _STOPPED,
            blocked=point.suppressed is not None and point.suppressed not in _STOPPED,
            purposes=frozenset(
                purpose
                for purpose in Purpose
                if decide(purpose, stored.get(purpose), basis=basis, suppressed=None).allowed
            ),
            channels=self._channels[point.kind],
            channels_off=point.channels_off,
            quiet=quiet,
            sites=tuple(
                Site(id=site.id, name=_name(site.address, site.label), heard_of=not site.muted)
                for site in contact_points.sites(tx, point.id)[:SITES_AT_MOST]
            ),
            incidents=tuple(
                Incident(id=each.id, service=each.service, paused=each.paused)
                for each in contact_points.open_incidents(tx, point.id)
            ),
        )

    def _language(self, locale: str) -> str:
        """Return the language of messages in which a contact point is written to."""
        normal = locale.replace("_", "-")
        for known in (normal, normal.partition("-")[0]):
            if known in self._locales:
                return known
        return self._config.locales.default

    def _apply(self, tx: Transaction, point: ContactPoint, changes: Changes, wording: str, now: datetime) -> None:
        for purpose, is_wanted in changes.purposes.items():
            state = ConsentState.GRANTED if is_wanted else ConsentState.REFUSED
            self._noted.put_in(tx, point, purpose, state, source=Sources.PAGE, wording=wording, now=now)
        if changes.locale is not None:
            contact_points.choose_locale(tx, point, changes.locale)
            point = contact_points.load(tx, point.id)  # two choices are marked in one column
        if changes.quiet_changed:
            contact_points.choose_quiet_hours(tx, point, changes.quiet)
        if changes.channels_off is not None:
            unknown = point.channels_off - frozenset(self._channels[point.kind])
            contact_points.choose_channels(tx, point.id, changes.channels_off | unknown)
        if changes.mute:
            contact_points.mute(tx, point.id, changes.mute, now=now)
        contact_points.unmute(tx, point.id, changes.unmute)
        for incident_id in changes.pause:
            contact_points.pause(tx, point.id, incident_id, now=now)
        for incident_id in changes.unpause:
            contact_points.unpause(tx, point.id, incident_id)

    def _audit(self, tx: Transaction, contact_point_id: int, names: list[str], now: datetime) -> int:
        return audit.record(
            tx,
            at=now,
            actor=CUSTOMER,
            action="contact_points.preferences",
            target=f"contact point {contact_point_id}",
            detail={"source": Sources.PAGE, "changed": names},
        )


def _name(address: str, label: str) -> str:
    """Return how a page names a site: by its label beside the street line, never by more of the address."""
    name = site_name(address=address, label=label)
    return f"{name.label}, {name.street}" if name.label and name.street else name.label or name.street
