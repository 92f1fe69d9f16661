"""Running: the stream of a file through the production detector, complaint by complaint.

In come a `ComplaintStream` and thresholds. Out comes a `Run`: the incidents that would have been opened, and every
score worth remembering. Each decision depends on the complaints up to its own and nothing after: a file that is cut
anywhere gives the same incidents up to there.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from notifier.backtest.complaint_stream import ComplaintStream
from notifier.backtest.tallies import Reporters, Tallies, whereabouts
from notifier.domain.any_service import ANY, Together
from notifier.domain.cell import Rhythm
from notifier.domain.detection import CellKey, CountedComplaint, Detector, Finding, Thresholds
from notifier.domain.local_time import US_PER_HOUR, LocalTime
from notifier.domain.surveillance import Surveillance

SUBSIDES_AFTER_US = 2 * US_PER_HOUR  # an incident without new evidence for this time is over: the default of playbooks
CUSTOMERS_AT_LEAST = 3  # distinct ones, without whom there is no evidence: the default of playbooks
TICK_EVERY = 2_000  # complaints between two movements of a progress bar

Tick = Callable[[int], None]


@dataclass(slots=True)
class OpenedIncident:
    """An incident that would have been opened; the evidence is that of its opening."""

    index: int  # of the complaint in the stream
    finding: Finding
    per_hour: float  # the level of its cell then
    shape: Rhythm
    until_us: int  # its newest evidence
    highest: float
    also: set[int] = field(default_factory=set)  # other regions that were evidence of it
    of_any: tuple[str, ...] = ()  # customers named several services: all of them; `finding` is of the one most named
    is_guess: bool = False  # no service has evidence of its own yet


@dataclass(slots=True)
class Scores:
    """The scores of one cell, at complaints where they were worth remembering; times ascend."""

    at_us: "array[int]" = field(default_factory=lambda: array("q"))
    score: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Run:
    """What the detector did with a file."""

    incidents: list[OpenedIncident] = field(default_factory=list)
    scores: defaultdict[CellKey, Scores] = field(default_factory=lambda: defaultdict(Scores))
    times: dict[CellKey, "array[int]"] = field(default_factory=dict)  # of counted complaints
    counted: int = 0
    counted_at: "array[int]" = field(default_factory=lambda: array("q"))  # when each of them was made
    not_counted: Counter[str] = field(default_factory=Counter)


class Backtest:
    """The production detector over a file."""

    def __init__(
        self,
        stream: ComplaintStream,
        local: LocalTime,
        thresholds: Thresholds,
        *,
        scores_from: float = float("inf"),
        of_any_service: bool = True,
    ) -> None:
        """Prepare for a stream in order; scores from `scores_from` on are remembered."""
        self.run = Run()
        self.local = local
        self.tallies = Tallies(local, stream.regions)
        wanted = dict.fromkeys(stream.services, CUSTOMERS_AT_LEAST)
        self.surveillance = Surveillance(local, thresholds, wanted, kind_ranks(stream), of_any_service=of_any_service)
        if scores_from < float("inf"):
            self.surveillance.detector.scores_from = scores_from
        self._stream, self._scores_from = stream, scores_from
        self._open: dict[CellKey, OpenedIncident] = {}

    def play(self, tick: Tick = lambda _: None) -> Run:
        """Decide about every complaint."""
        where = [whereabouts(regions) for regions in self._stream.places]
        reporters, run, several = Reporters(), self.run, len(self._stream.services) > 1
        for index, complaint in enumerate(self._stream):
            if index % TICK_EVERY == 0:
                tick(index)
            counting = reporters.count(
                complaint.customer, complaint.service, complaint.at_us, where[complaint.place], several=several
            )
            if counting.not_counted is not None:
                run.not_counted[counting.not_counted] += 1
                continue
            run.counted += 1
            run.counted_at.append(complaint.at_us)
            counted = CountedComplaint(
                position=index,
                service=complaint.service,
                at_us=complaint.at_us,
                verified=True,
                regions=list(counting.regions),
                named_before=counting.named_before,
            )
            self._decide(counted)
        tick(len(self._stream))
        return run

    def _decide(self, complaint: CountedComplaint) -> None:
        day = self.surveillance.baseline.day
        findings = self.surveillance.observe(self.tallies, complaint)
        if self.surveillance.baseline.day != day:
            self.tallies.keep(self.surveillance.take_changes())
        self.tallies.add(complaint.service, complaint.at_us, complaint.regions)
        cells = self.surveillance.detector.cells
        for region_id in complaint.regions:
            key = CellKey(region_id, complaint.service)
            if (times := self.run.times.get(key)) is None:
                times = self.run.times[key] = array("q")
            times.append(complaint.at_us)
            if cells[key].score < self._scores_from:
                continue
            score = evidence_score(self.surveillance.detector, key, complaint.at_us)
            if score >= self._scores_from:
                scores = self.run.scores[key]
                scores.at_us.append(complaint.at_us)
                scores.score.append(score)
        own = [finding for finding in findings if finding.cell.service != ANY]
        if own:
            self._attach_or_open(own, complaint.position)
        if len(own) < len(findings):
            self._attach_or_open_of_any([finding for finding in findings if finding.cell.service == ANY], complaint)

    def _attach_or_open(self, findings: Sequence[Finding], index: int) -> None:
        """Give the evidence of one complaint to an incident, as the daemon does, or open one."""
        narrowest = findings[0]
        incident = self._standing(findings) or self._taken_over(findings)
        if incident is None:
            level = self.surveillance.changes.levels.get(narrowest.cell) or self.tallies.level(narrowest.cell)
            incident = OpenedIncident(
                index=index,
                finding=narrowest,
                per_hour=level.per_hour if level is not None else 0.0,
                shape=self.surveillance.detector.shape(narrowest.cell.service),
                until_us=narrowest.at_us,
                highest=narrowest.window.score,
            )
            self.run.incidents.append(incident)
        for finding in findings:
            incident.until_us = finding.at_us
            incident.highest = max(incident.highest, finding.window.score)
            self._open[finding.cell] = incident
            if finding.cell != incident.finding.cell:
                incident.also.add(finding.cell.region_id)

    def _attach_or_open_of_any(self, findings: Sequence[Finding], complaint: CountedComplaint) -> None:
        """Give the evidence of customers who name several services to an incident, where none of one service stands."""
        if any(self._is_of_one(finding) for finding in findings):
            return
        narrowest = findings[0]
        incident = next((each for each in map(self._known_of_any, findings) if each is not None), None)
        if incident is None:
            parts = self.surveillance.parts(self.tallies, narrowest.cell.region_id)
            incident = OpenedIncident(
                index=complaint.position,
                finding=replace(narrowest, cell=CellKey(narrowest.cell.region_id, narrowest.named)),
                per_hour=1.0,
                shape=Together(parts, self.local),
                until_us=narrowest.at_us,
                highest=narrowest.window.score,
                of_any=tuple(self._stream.services),
                is_guess=True,
            )
            self.run.incidents.append(incident)
        for finding in findings:
            incident.until_us = finding.at_us
            incident.highest = max(incident.highest, finding.window.score)
            self._open[finding.cell] = incident
            if finding.cell.region_id != incident.finding.cell.region_id:
                incident.also.add(finding.cell.region_id)

    def _is_of_one(self, finding: Finding) -> bool:
        """Tell whether an incident of a single service has the region of evidence of any service."""
        known = (self._open.get(CellKey(finding.cell.region_id, service)) for service in self._stream.services)
        return any(each is not None and not each.of_any and _is_open(each, finding) for each in known)

    def _known_of_any(self, finding: Finding) -> OpenedIncident | None:
        known = self._open.get(CellKey(finding.cell.region_id, ANY))
        return known if known is not None and _is_open(known, finding) else None

    def _taken_over(self, findings: Sequence[Finding]) -> OpenedIncident | None:
        """Return the incident whose service was guessed and which evidence of one service has just named."""
        if len(self._stream.services) == 1:
            return None
        known = self._known_of_any(findings[0])
        if known is None or not known.is_guess:
            return None
        known.is_guess = False
        known.finding = replace(known.finding, cell=CellKey(known.finding.cell.region_id, findings[0].cell.service))
        return known

    def _standing(self, findings: Sequence[Finding]) -> OpenedIncident | None:
        """Return the open incident that has the narrowest cell, else one that a wider cell has opened."""
        known = self._open.get(findings[0].cell)
        if known is not None and _is_open(known, findings[0]):
            return known
        for finding in findings[1:]:
            known = self._open.get(finding.cell)
            if known is not None and known.finding.cell == finding.cell and _is_open(known, finding):
                return known
        return None


def evidence_score(detector: Detector, key: CellKey, at_us: int) -> float:
    """Return the score of a cell at its newest complaint, 0 when too few customers stand behind it."""
    window = detector.cells[key].evaluate(at_us, verified_at_least=CUSTOMERS_AT_LEAST)
    return window.score + detector.bonus(key.service, at_us) if window.observed else 0.0


def _is_open(incident: OpenedIncident, finding: Finding) -> bool:
    return finding.at_us - incident.until_us <= SUBSIDES_AFTER_US


def kind_ranks(stream: ComplaintStream) -> Mapping[str, int]:
    """Return the kinds of region in a file with their rank, narrow before wide: as far as one stands before others."""
    distance: dict[str, int] = {}
    for place in stream.places:
        for after, region in enumerate(reversed(place)):
            distance[region.kind] = max(distance.get(region.kind, 0), after)
    ordered = sorted(distance, key=lambda kind: -distance[kind])
    return {kind: rank for rank, kind in enumerate(ordered)}
