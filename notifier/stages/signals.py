"""Signals: what machines report is stored, placed by the directory, and made evidence of the incidents it belongs to.

In come bodies of reports, again and again the same ones. Out go alarms in the store, which wake people and which the
detector reads beside the complaints. An alarm that names no known place is kept and shown, and is evidence nowhere.
No alarm is ever a complaint, and none feeds the baseline.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

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
from notifier.storage.repositories.meeting import Meeting
from notifier.storage.repositories.signals import OpenSignal, Place
from notifier.storage.views import SignalView

AT_ONCE = 100  # reports in one transaction
SITES_AT_ONCE = 1_000  # that they list, unless it is one report
REFUSED_SHOWN = 20
LOOKS_AT_ONCE = 20_000  # pairs of an incident and an alarm in one look
LOOKS_AGAIN_AFTER = timedelta(minutes=15)  # at all of them: the directory may have changed

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
        self._looked: dict[int, tuple[str, frozenset[int]]] = {}  # by incident: its place, and the alarms looked at
        self._open: frozenset[int] = frozenset()  # alarms, when they were looked at last
        self._looked_since: datetime | None = None

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
        for chunk in _chunks(good):
            # looked at beside the writer, because many alarms and many incidents come on the same night
            seen = await self._database.read(lambda tx, chunk=chunk: self._look(tx, chunk))  # type: ignore[misc]
            taken = await self._database.write(lambda tx, seen=seen: self._store(tx, seen))  # type: ignore[misc]
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

    def _look(self, tx: Transaction, reports: Sequence[Report]) -> list["_Seen"]:
        """Return where alarms are, and which open incidents those that go off meet."""
        now, met = self._clock.now(), dict[Place, list[int]]()
        open_now = incidents.with_state(tx, IncidentState.SUSPECTED, IncidentState.CONFIRMED)
        meeting, found = Meeting(tx, open_now), list[_Seen]()
        for report in reports:
            place = self.place(tx, report)
            opens = change(report, stored.known(tx, report.source, report.alarm), now).result is SignalResult.OPENED
            if opens and not place.why_not and place not in met:
                met[place] = [incident.id for incident in open_now if meeting.is_met(place, incident)]
            found.append(_Seen(report=report, place=place, met=met.get(place, []) if opens else []))
        return found

    def _store(self, tx: Transaction, seen: Sequence["_Seen"]) -> list[tuple[int, SignalResult, Place]]:
        """Store reports; what belongs to an incident that was open a moment ago calls nobody by itself."""
        taken, now = [], self._clock.now()
        for each in seen:
            report, place = each.report, each.place
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
            for incident_id in each.met if found.result is SignalResult.OPENED else ():
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

    async def tidy(self) -> bool:
        """Give open alarms to the incidents they belong to, and end those that nobody reports any more.

        Return whether there is more to look at.
        """
        now = self._clock.now()
        open_now, look, silent = await self._database.read(
            lambda tx: (
                shown.open_count(tx),
                self._unlinked(tx, now),
                stored.lapsed(tx, before=now - self._settings.lapses_after),
            )
        )
        self._metrics.signals_open.set(open_now - len(silent))
        for start in range(0, len(look.missing), AT_ONCE):
            some = look.missing[start : start + AT_ONCE]
            await self._database.write(lambda tx, some=some: self._give(tx, some))  # type: ignore[misc]
        if silent:
            await self._database.write(lambda tx: self._end(tx, silent))
        self._looked, self._open, self._looked_since = look.looked, look.open, look.since
        return look.more

    def _give(self, tx: Transaction, missing: Sequence[tuple[int, int]]) -> None:
        now = self._clock.now()
        still = set(stored.lapsed(tx, before=now - self._settings.lapses_after))
        for incident_id, signal_id in missing:
            if signal_id not in still:
                stored.link(tx, incident_id, signal_id, now=now)

    def _end(self, tx: Transaction, silent: Sequence[int]) -> None:
        now = self._clock.now()
        for signal_id in set(stored.lapsed(tx, before=now - self._settings.lapses_after)).intersection(silent):
            stored.end(tx, signal_id, SignalState.LAPSED, at=now, now=now)
            log.warning("an alarm is not reported any more", signal=signal_id)

    def _unlinked(self, tx: Transaction, now: datetime) -> "_Look":
        """Return which alarms belong to incidents; only what is new, on either side, is looked at."""
        open_ids = frozenset(stored.open_ids(tx))
        if open_ids == self._open:
            open_ids = self._open  # the same object is found to be the same at once
        is_old = self._looked_since is None or not timedelta() <= now - self._looked_since < LOOKS_AGAIN_AFTER
        look = _Look(open=open_ids, since=now if is_old else self._looked_since)
        if not open_ids:
            return look
        every = incidents.with_state(tx, IncidentState.SUSPECTED, IncidentState.CONFIRMED)
        new: list[tuple[incidents.StoredIncident, frozenset[int]]] = []
        pairs = 0
        for incident in every:
            place, known = ("", frozenset[int]()) if is_old else self._looked.get(incident.id, ("", frozenset()))
            fresh = open_ids if place != incident.place else frozenset() if known is open_ids else open_ids - known
            if fresh and pairs >= LOOKS_AT_ONCE:
                look.more = True
                look.looked[incident.id] = place, known
                continue
            if fresh:
                new.append((incident, fresh))
                pairs += len(fresh)
            look.looked[incident.id] = incident.place, open_ids
        if new:
            look.missing = _belonging(tx, new)
        return look

    # --- for people -----------------------------------------------------------------------------------------------

    async def every(self, *, ended: bool = False, before: int | None = None) -> list[SignalView]:
        """Return the open alarms, or with `ended` all of them, the newest first."""
        return await self._database.read(lambda tx: shown.signals(tx, ended=ended, before=before))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A report, where it is, and the open incidents that it meets when it goes off."""

    report: Report
    place: Place
    met: Sequence[int]


@dataclass(slots=True, kw_only=True)
class _Look:
    """What was looked at, and which (incident, alarm) belong together."""

    open: frozenset[int]
    since: datetime | None
    looked: dict[int, tuple[str, frozenset[int]]] = field(default_factory=dict)
    missing: list[tuple[int, int]] = field(default_factory=list)
    more: bool = False


def _chunks(reports: Sequence[Report]) -> Iterator[list[Report]]:
    """Yield reports for one transaction each: not too many, nor such as list too many sites together."""
    chunk: list[Report] = []
    sites = 0
    for report in reports:
        if chunk and (len(chunk) == AT_ONCE or sites + len(report.sites) > SITES_AT_ONCE):
            yield chunk
            chunk, sites = [], 0
        chunk.append(report)
        sites += len(report.sites)
    if chunk:
        yield chunk


def _belonging(
    tx: Transaction, new: Sequence[tuple[incidents.StoredIncident, frozenset[int]]]
) -> list[tuple[int, int]]:
    """Return (incident, alarm) that share a site, of those to be looked at."""
    of_id: dict[int, OpenSignal] = {
        signal.id: signal for signal in stored.open_signals(tx, frozenset().union(*(fresh for _, fresh in new)))
    }
    meeting, linked = Meeting(tx, [incident for incident, _ in new]), stored.links(tx)
    return [
        (incident.id, signal_id)
        for incident, fresh in new
        for signal_id in sorted(fresh)
        if (incident.id, signal_id) not in linked and meeting.is_met(of_id[signal_id], incident)
    ]
