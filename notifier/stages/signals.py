"""Signals: what machines report is stored, placed by the directory, and made evidence of the incidents it belongs to.

In come bodies of reports, again and again the same ones. Out go alarms in the store, which wake people and which the
detector reads beside the complaints. An alarm that names no known place is kept and shown, and is evidence nowhere.
No alarm is ever a complaint, and none feeds the baseline.
"""

from collections.abc import Mapping, Sequence

import msgspec
import structlog

from notifier.domain.errors import InvalidInput
from notifier.domain.incident import IncidentState
from notifier.domain.region import RegionKinds
from notifier.domain.signal import Report, SignalResult, SignalSource, SignalState, calls_from, change
from notifier.domain.signal_forms import Labels, Unreadable, read
from notifier.logs import correlation_id
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.queries import reporters
from notifier.storage.queries import signals as shown
from notifier.storage.repositories import incidents, places
from notifier.storage.repositories import signals as stored
from notifier.storage.repositories.signals import OpenSignal, Place
from notifier.storage.views import SignalView

AT_ONCE = 100  # reports in one transaction
REFUSED_SHOWN = 20
APART_AT_MOST = 100_000  # pairs that are remembered

log = structlog.get_logger(__name__)


class RefusedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of a body that can never be read."""

    alert: int  # from 1
    why: str


class SignalsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a body: what became of its alerts."""

    signals: list[int]  # ids, in the order of the alerts that could be read
    results: dict[str, int]  # opened | repeated | resolved | late | refused -> alerts
    without_place: int  # stored and shown, but evidence nowhere
    refused: list[RefusedSignal]  # the first ones
    left_out: int  # alerts that the sender had cut off


class Signals:
    """Takes and keeps alarms."""

    def __init__(self, around: Surroundings) -> None:
        self._database, self._clock, self._queue = around.database, around.clock, around.queue
        self._metrics = around.metrics
        self._settings, self._services = around.config.signals, tuple(each.name for each in around.config.services)
        self._kinds = RegionKinds(around.config.regions.kinds, country=around.config.regions.country)
        self._labels = Labels(
            regions=self._settings.region_labels,
            sites=self._settings.sites_label,
            service=self._settings.service_label,
            names=self._settings.name_labels,
        )
        self._apart: set[tuple[int, int, str]] = set()  # (alarm, incident, its place) that share no site

    # --- taking ---------------------------------------------------------------------------------------------------

    async def take(self, body: object) -> SignalsTaken:
        """Store what a body reports; raise `InvalidInput` when nothing of it can ever be right."""
        try:
            source, alerts, left_out = read(body, self._labels)
        except InvalidInput:
            self._count(SignalSource.JSON, SignalResult.REFUSED)
            raise
        good = [each for each in alerts if isinstance(each, Report)]
        bad = [each for each in alerts if isinstance(each, Unreadable)]
        ids: list[int] = []
        results: dict[str, int] = {}
        unplaced = 0
        for start in range(0, len(good), AT_ONCE):
            chunk = good[start : start + AT_ONCE]
            # looked at beside the writer, because many alarms and many incidents come on the same night
            met = await self._database.read(lambda tx, chunk=chunk: self._meeting(tx, chunk))  # type: ignore[misc]
            taken = await self._database.write(lambda tx, chunk=chunk, met=met: self._store(tx, chunk, met))  # type: ignore[misc]
            for signal_id, result, place in taken:
                ids.append(signal_id)
                results[result] = results.get(result, 0) + 1
                unplaced += bool(place.why_not)
                self._count(source, result)
        for _ in bad:
            self._count(source, SignalResult.REFUSED)
        if bad:
            results[SignalResult.REFUSED] = len(bad)
            log.warning("alerts that cannot be read", source=source, alerts=len(bad), first=bad[0].why[:200])
        if left_out:
            log.warning("the sender of alerts has cut some off: their places are not known", alerts=left_out)
        if SignalResult.OPENED in results or SignalResult.RESOLVED in results:
            self._queue.wake(Topic.COMPLAINTS)  # the detector looks at the alarms, too
            self._queue.wake(Topic.ON_CALL)
        if bad and not good:
            raise InvalidInput(f"none of {len(bad)} alerts can be read; the first: {bad[0].why}", field="alerts")
        return SignalsTaken(
            signals=ids,
            results=results,
            without_place=unplaced,
            refused=[RefusedSignal(alert=each.number, why=each.why) for each in bad[:REFUSED_SHOWN]],
            left_out=left_out,
        )

    def _meeting(self, tx: Transaction, reports: Sequence[Report]) -> dict[Place, list[int]]:
        """Return, by the place of each alarm that goes off, the open incidents that it meets."""
        now, met = self._clock.now(), dict[Place, list[int]]()
        open_now = incidents.with_state(tx, IncidentState.SUSPECTED, IncidentState.CONFIRMED)
        for report in reports if open_now else ():
            found = change(report, stored.known(tx, report.source, report.alarm), now)
            place = self.place(tx, report) if found.result is SignalResult.OPENED else None
            if place is not None and not place.why_not and place not in met:
                met[place] = [incident.id for incident in open_now if stored.is_in(tx, place, incident)]
        return met

    def _store(
        self, tx: Transaction, reports: Sequence[Report], met: Mapping[Place, Sequence[int]]
    ) -> list[tuple[int, SignalResult, Place]]:
        """Store reports; what belongs to an incident that was open a moment ago calls nobody by itself."""
        taken, now = [], self._clock.now()
        for report in reports:
            place = self.place(tx, report)
            earlier = stored.known(tx, report.source, report.alarm)
            found = change(report, earlier, now)
            signal_id = stored.apply(
                tx,
                report,
                found,
                place,
                now=now,
                calls_at=calls_from(earlier, now, every=self._settings.calls_every),
                correlation_id=correlation_id(),
            )
            taken.append((signal_id, found.result, place))
            for incident_id in met.get(place, ()) if found.result is SignalResult.OPENED else ():
                if incidents.load(tx, incident_id).state in (IncidentState.SUSPECTED, IncidentState.CONFIRMED):
                    stored.link(tx, incident_id, signal_id, now=now)
        return taken

    def place(self, tx: Transaction, report: Report) -> Place:
        """Return where an alarm is; one that names no known place is nowhere, never everywhere."""
        service = report.service or self._settings.service or (self._services[0] if len(self._services) == 1 else "")
        regions: list[int] = []
        sites: tuple[int, ...] = ()
        why_not = ""
        for kind, code in report.regions:
            try:
                named = f"{kind}:{code}" if kind else code
                regions.append(reporters.region_named(tx, named, self._kinds).id)
            except InvalidInput as error:
                why_not = why_not or error.reason
        if report.sites:
            try:
                sites = places.sites(tx, report.sites).site_ids
            except InvalidInput as error:
                why_not = why_not or error.reason
        if regions or sites:
            why_not = ""
        elif not why_not:
            why_not = "it names no region and no site"
        if service not in self._services:
            unknown = f"there is no service '{service}'" if service else "it names no service"
            why_not = f"{why_not}; {unknown}" if why_not else unknown
        return Place(service=service, regions=tuple(dict.fromkeys(regions)), sites=sites, why_not=why_not)

    def _count(self, source: SignalSource, result: SignalResult) -> None:
        self._metrics.signals.labels(source, result).inc()

    # --- while time passes ----------------------------------------------------------------------------------------

    async def tidy(self) -> None:
        """Give open alarms to the incidents they belong to, and end those that nobody reports any more."""
        now = self._clock.now()
        open_now, missing, silent = await self._database.read(
            lambda tx: (
                shown.open_count(tx),
                self._unlinked(tx),
                stored.lapsed(tx, before=now - self._settings.lapses_after),
            )
        )
        self._metrics.signals_open.set(open_now - len(silent))
        if missing or silent:
            await self._database.write(lambda tx: self._tidy(tx, missing, silent))

    def _tidy(self, tx: Transaction, missing: Sequence[tuple[int, int]], silent: Sequence[int]) -> None:
        now = self._clock.now()
        still = set(stored.lapsed(tx, before=now - self._settings.lapses_after))
        for incident_id, signal_id in missing:
            if signal_id not in still:
                stored.link(tx, incident_id, signal_id, now=now)
        for signal_id in still.intersection(silent):
            stored.end(tx, signal_id, SignalState.LAPSED, at=now, now=now)
            log.warning("an alarm is not reported any more", signal=signal_id)

    def _unlinked(self, tx: Transaction) -> list[tuple[int, int]]:
        """Return (incident, alarm) that belong together and are not yet; a pair is looked at once."""
        signals = stored.open_signals(tx)
        if not signals:
            self._apart.clear()
            return []
        known = stored.links(tx)
        open_incidents = incidents.with_state(tx, IncidentState.SUSPECTED, IncidentState.CONFIRMED)
        return [
            (incident.id, signal.id)
            for incident in open_incidents
            for signal in signals
            if (incident.id, signal.id) not in known and self._meet(tx, signal, incident)
        ]

    def _meet(self, tx: Transaction, signal: OpenSignal, incident: incidents.StoredIncident) -> bool:
        key = signal.id, incident.id, incident.place
        if signal.service != incident.service or key in self._apart:
            return False
        if stored.is_in(tx, signal, incident):
            return True
        if len(self._apart) >= APART_AT_MOST:
            self._apart.clear()
        self._apart.add(key)
        return False

    # --- for people -----------------------------------------------------------------------------------------------

    async def every(self, *, ended: bool = False, before: int | None = None) -> list[SignalView]:
        """Return the open alarms, or with `ended` all of them, the newest first."""
        return await self._database.read(lambda tx: shown.signals(tx, ended=ended, before=before))
