"""Alarms beside complaints: where one is open, a few customers are evidence that would be none by themselves.

Which alarms are open is read once for each look at the stream, what each says once. They are kept by cell;
only complaints in one of those cells cost anything more. What they bring is attached and stored as all evidence is, in
the transaction that saves the position, and with it the alarm becomes evidence of that incident. An alarm that comes
after the complaints is looked at as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.detection import CellKey, CountedComplaint, Finding
from notifier.domain.signal import begins_us, supported
from notifier.domain.surveillance import Surveillance
from notifier.stages.detection.opening import Group
from notifier.stages.detection.surroundings import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.queries import alarmed
from notifier.storage.repositories import signals
from notifier.storage.repositories.signals import OpenSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarmed:
    """Evidence that an alarm and customers have brought together."""

    signal_id: int
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """An open alarm, the regions of its cells, and the customers of the sites that it lists."""

    signal: OpenSignal
    regions: tuple[int, ...]
    customers: tuple[int, ...]


class Alarms:
    """The open alarms, by the cells in which they are."""

    def __init__(self, around: Surroundings, *, reports: int) -> None:
        """`reports`: how many verified customers it takes."""
        self._around, self._reports = around, reports
        self._known: list[int] = []
        self._placed: dict[int, _Placed] = {}
        self._by_cell: dict[CellKey, list[OpenSignal]] = {}

    def refresh(self, tx: Transaction) -> None:
        """Read which alarms are open; only those that have gone off since are placed."""
        open_now = signals.open_ids(tx)
        if open_now == self._known:
            return
        new = set(open_now).difference(self._placed)
        for signal in signals.open_signals(tx, new) if new else ():
            self._placed[signal.id] = self._place(tx, signal)
        self._placed = {signal_id: self._placed[signal_id] for signal_id in open_now}
        self._known, self._by_cell = open_now, {}
        for placed in self._placed.values():
            for region_id in placed.regions:
                self._by_cell.setdefault(CellKey(region_id, placed.signal.service), []).append(placed.signal)

    def _place(self, tx: Transaction, signal: OpenSignal) -> "_Placed":
        regions, customers = list(signal.regions), tuple[int, ...]()
        if signal.sites:
            customers = alarmed.customers_of(tx, signal.sites)
            for path in alarmed.regions_of(tx, signal.sites):
                regions += self._around.path(tx, path)[:1]  # the narrowest that is watched
        return _Placed(signal=signal, regions=tuple(dict.fromkeys(regions)), customers=customers)

    def look(self, tx: Transaction, surveillance: Surveillance, position: int) -> Iterator[tuple[Group, Alarmed]]:
        """Yield what the alarms and the complaints decided so far say together."""
        for key, here in self._by_cell.items():
            yield from self._look_at(tx, surveillance, key, here, position, ())

    def of(self, findings: Iterable[Finding]) -> Iterator[Alarmed]:
        """Yield the alarms that are open where complaints are evidence by themselves."""
        if self._by_cell:
            for finding in findings:
                for signal in self._by_cell.get(finding.cell, ()):
                    yield Alarmed(signal_id=signal.id, finding=finding)

    def beside(
        self, tx: Transaction, surveillance: Surveillance, complaint: CountedComplaint
    ) -> Iterator[tuple[Group, Alarmed]]:
        """Yield what the alarms say with a complaint that was taken in just now."""
        if not self._by_cell or not complaint.verified:
            return
        for region_id in complaint.regions:
            key = CellKey(region_id, complaint.service)
            if here := self._by_cell.get(key):
                yield from self._look_at(tx, surveillance, key, here, complaint.position, complaint.regions)

    def _look_at(
        self,
        tx: Transaction,
        surveillance: Surveillance,
        key: CellKey,
        here: Sequence[OpenSignal],
        position: int,
        regions: Sequence[int],
    ) -> Iterator[tuple[Group, Alarmed]]:
        for signal in here:
            whole = key.region_id in signal.regions
            customers = None if whole else self._callers(tx, surveillance, key, signal, position)
            finding = supported(
                surveillance.detector,
                key,
                signal.started_us,
                reports=self._reports,
                position=position,
                customers=customers,
            )
            if finding is not None:
                surveillance.detector.mark_recorded(key, finding.at_us, finding.grade)
                group = Group([finding], signal.correlation_id, regions or (key.region_id,))
                yield group, Alarmed(signal_id=signal.id, finding=finding)
                return

    def _callers(
        self, tx: Transaction, surveillance: Surveillance, key: CellKey, signal: OpenSignal, position: int
    ) -> int:
        """Return how many customers of the listed sites complain."""
        cell = surveillance.detector.cells.get(key)
        if cell is None or not cell.times:
            return 0
        at_us = cell.times[-1]
        return alarmed.callers(
            tx,
            key.service,
            self._placed[signal.id].customers,
            since_us=begins_us(surveillance.detector, key, signal.started_us, at_us),
            until_us=at_us,
            position=position,
        )


def link(tx: Transaction, found: Sequence[Alarmed], now: datetime) -> None:
    """Make alarms evidence of the incidents to which what they brought was given."""
    for each in found:
        cell = each.finding.cell
        incident_id = signals.incident_of_evidence(tx, cell.region_id, cell.service, each.finding.at_us)
        if incident_id is not None:
            signals.link(tx, incident_id, each.signal_id, now=now)
