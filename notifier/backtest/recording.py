"""Recording: a run is turned into what people are shown of it, and held against the truth where there is one."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection
from datetime import date, timedelta
from itertools import pairwise

from notifier.backtest.complaint_stream import ComplaintStream
from notifier.backtest.rates import MONTH_US, WARM_UP_US, rate
from notifier.backtest.record import AROUND, BIN, CellRecord, CurvePoint, KnownOutage, Opening, Record, Verdict
from notifier.backtest.running import Backtest, OpenedIncident, Run
from notifier.backtest.scored import Scored, thresholds_of
from notifier.backtest.truth import EVERYWHERE, Outage, Windows
from notifier.domain.detection import CellKey, Thresholds

_AROUND_US = AROUND // timedelta(microseconds=1)
_BIN_US = BIN // timedelta(microseconds=1)
_EPOCH_DAY = date(1970, 1, 1)


def record(
    backtest: Backtest,
    stream: ComplaintStream,
    *,
    file: str,
    grade: str,
    thresholds: Thresholds,
    windows: Windows | None,
    refused: int,
) -> Record:
    """Return what a backtest that has been played found; without `windows` there is no verdict."""
    run, exposed = backtest.run, Exposure(stream, backtest.run.times, windows)
    verdict = None if windows is None else judge(run, stream, windows, exposed)
    return Record(
        file=file,
        grade=grade,
        threshold=thresholds.likely,
        clock=backtest.local.time_zone,
        complaints=len(stream) + stream.replayed,
        refused=refused,
        counted=run.counted,
        not_counted={**run.not_counted, **({"duplicate": stream.replayed} if stream.replayed else {})},
        first_at=stream.moment(0) if len(stream) else None,
        last_at=stream.moment(len(stream) - 1) if len(stream) else None,
        warm_up_until=stream.on_the_wall(exposed.from_us, 0) if len(stream) else None,
        openings=tuple(
            _opening(number, incident, run, stream, windows, thresholds, exposed)
            for number, incident in enumerate(run.incidents, 1)
        ),
        cells=tuple(_cells(backtest, stream)),
        curve=tuple(_curve(run, stream, windows, thresholds, exposed)),
        verdict=verdict,
    )


class Exposure:
    """What was watched after the warm-up, without the times that are not judged."""

    def __init__(self, stream: ComplaintStream, cells: Collection[CellKey], windows: Windows | None = None) -> None:
        self.cells = len(cells)
        self._services = Counter(key.service for key in cells)
        self._windows = windows or Windows(())
        self.from_us = stream.at_us[0] + WARM_UP_US if len(stream) else 0
        self.until_us = stream.at_us[-1] if len(stream) else 0

    @property
    def months(self) -> float:
        """Return months of 30 days: of the mean cell, where a time is not judged for some services only."""
        return self.between(self.from_us, self.until_us)

    def between(self, from_us: int, until_us: int) -> float:
        """Return the months that are judged in a stretch of time."""
        left_out = sum(
            number * self._windows.not_judged_us(service, from_us, until_us)
            for service, number in self._services.items()
        )
        return (max(until_us - from_us, 0) - left_out / max(self.cells, 1)) / MONTH_US


def judge(run: Run, stream: ComplaintStream, windows: Windows, exposed: Exposure) -> Verdict | None:
    """Hold the incidents after the warm-up against the truth; None when the file is all warm-up, or not judged."""
    if not exposed.months:
        return None
    first: dict[int, tuple[int, int]] = {}  # outage -> when the first incident about it was opened, and its number
    right = false = not_judged = 0
    for number, incident in enumerate(run.incidents, 1):
        at_us, service = incident.finding.at_us, incident.finding.cell.service
        if at_us < exposed.from_us:
            continue
        if not windows.is_judged(service, at_us):
            not_judged += 1
            continue
        regions = regions_of(incident, stream)
        for outage in windows.at(regions, service, at_us):
            first.setdefault(outage.line, (at_us, number))
        if windows.has(regions, service, at_us):
            right += 1
        else:
            false += 1
    asked = [
        one
        for one in windows.outages
        if one.region != EVERYWHERE
        and exposed.from_us <= one.onset_us <= exposed.until_us
        and windows.is_judged(one.category, one.onset_us)
    ]
    known = tuple(_known(one, first.get(one.line), stream) for one in sorted(asked, key=lambda one: one.onset_us))
    delays = tuple(one.delay for one in known if one.delay is not None)
    months = exposed.months
    return Verdict(
        outages=len(asked),
        found=len(delays),
        right=right,
        false=false,
        delays=delays,
        cell_months=exposed.cells * months,
        false_per_cell_month=rate(false, exposed.cells * months),
        false_per_month=rate(false, months),
        not_judged=not_judged,
        rows=sum(one.rows for one in asked),
        known=known,
    )


def _known(outage: Outage, first: tuple[int, int] | None, stream: ComplaintStream) -> KnownOutage:
    index = min(bisect_right(stream.at_us, outage.onset_us), len(stream) - 1)
    return KnownOutage(
        region=outage.region,
        service=outage.category,
        began_at=stream.on_the_wall(outage.onset_us, index),
        opening=None if first is None else first[1],
        delay=None if first is None else timedelta(microseconds=max(0, first[0] - outage.onset_us)),
    )


def regions_of(incident: OpenedIncident, stream: ComplaintStream) -> list[str]:
    """Return the region that an incident was opened in, and those around it that the same complaint names."""
    own = stream.regions[incident.finding.cell.region_id].code
    place = [region.code for region in stream.places[stream.place[incident.index]]]
    return place[place.index(own) :]


def _opening(
    number: int,
    incident: OpenedIncident,
    run: Run,
    stream: ComplaintStream,
    windows: Windows | None,
    thresholds: Thresholds,
    exposed: Exposure,
) -> Opening:
    finding, index = incident.finding, incident.index
    window = finding.window
    judged = (
        windows is not None
        and finding.at_us >= exposed.from_us
        and windows.is_judged(finding.cell.service, finding.at_us)
    )
    edges = range(finding.at_us - _AROUND_US, finding.at_us + _AROUND_US + 1, _BIN_US)
    return Opening(
        number=number,
        region=stream.regions[finding.cell.region_id].code,
        service=finding.cell.service,
        detected_at=stream.known_by(index),
        line=stream.line[index],
        window_from=stream.on_the_wall(window.from_us, index),
        observed=window.observed,
        expected=window.expected,
        score=window.score,
        grade=thresholds.grade(window.score) or "",
        highest=incident.highest,
        until=stream.on_the_wall(incident.until_us, index),
        also=tuple(sorted(stream.regions[region_id].code for region_id in incident.also)),
        is_false=not windows.has(regions_of(incident, stream), finding.cell.service, finding.at_us)
        if judged and windows is not None
        else None,
        around_from=stream.on_the_wall(edges[0], index),
        of_any=bool(incident.of_any),
        observed_around=tuple(
            sum(_between(times, start, end) for times in _times(incident, run)) for start, end in pairwise(edges)
        ),
        expected_around=tuple(
            incident.per_hour * (incident.shape.integral(end) - incident.shape.integral(start))
            for start, end in pairwise(edges)
        ),
    )


def _times(incident: OpenedIncident, run: Run) -> list["array[int]"]:
    """Return when the complaints of an incident's cell were made, service by service where several were named."""
    cell = incident.finding.cell
    keys = [CellKey(cell.region_id, service) for service in incident.of_any or (cell.service,)]
    return [run.times[key] for key in keys if key in run.times]


def _between(times: "array[int]", after_us: int, until_us: int) -> int:
    return bisect_right(times, until_us) - bisect_right(times, after_us)


def _cells(backtest: Backtest, stream: ComplaintStream) -> list[CellRecord]:
    openings: dict[CellKey, int] = {}
    for incident in backtest.run.incidents:
        openings[incident.finding.cell] = openings.get(incident.finding.cell, 0) + 1
    return [
        CellRecord(
            region=stream.regions[key.region_id].code,
            service=key.service,
            counted=len(times),
            openings=openings.get(key, 0),
            days={_EPOCH_DAY + timedelta(days=day): n for day, n in sorted(backtest.tallies.days[key].items())},
        )
        for key, times in sorted(backtest.run.times.items())
    ]


def _curve(
    run: Run, stream: ComplaintStream, windows: Windows | None, thresholds: Thresholds, exposed: Exposure
) -> list[CurvePoint]:
    if not exposed.months:
        return []
    scored = Scored(run, stream, windows or Windows(()), from_us=exposed.from_us)
    grades = {"likely": thresholds.likely, "certain": thresholds.certain}
    points = []
    for threshold in thresholds_of(grades, scored.peaks()):
        openings = scored.openings(threshold)
        false = sum(not is_right for _, is_right in openings)
        points.append(
            CurvePoint(
                threshold=threshold,
                incidents=len(openings),
                false=None if windows is None else false,
                per_month=false / exposed.months,
            )
        )
    return points
