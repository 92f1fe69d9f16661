"""Explaining: why a cell or an incident is what the detector says, from what is stored, with the detector's own code.

In comes an incident, or a cell and a moment. Out goes an explanation for people. A cell is made again from its stored
complaints and the baseline of that day; of an incident that is the moment of the evidence that opened it, with the
complaints that had been decided by then. Nothing is written, and the running detector is not asked.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain import explanation
from notifier.domain.any_service import ANY
from notifier.domain.cell import Window
from notifier.domain.complaint import Region
from notifier.domain.detection import CellKey
from notifier.domain.errors import InvalidInput, NotFound, nearest
from notifier.domain.evidence_words import opening_words
from notifier.domain.local_time import US_PER_HOUR
from notifier.domain.playbook import Mode, Playbook
from notifier.domain.region import RegionKinds, label
from notifier.domain.text import lasting
from notifier.stages.detection import alarm_words
from notifier.stages.detection.moments import Moment, Moments
from notifier.storage.database import Database, Row, Transaction
from notifier.storage.explained import (
    BucketView,
    CallerView,
    CellExplained,
    Explanation,
    IncidentExplained,
    RegionExplained,
    WindowView,
)
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries import explain, reporters
from notifier.storage.queries.explain import FirstEvidence, Stretch
from notifier.storage.repositories import detector

CALLERS_AT_MOST = 100  # who counted, and as many who did not
REGIONS_AT_MOST = 12  # of an incident; each is scored anew
PERIOD_US = 4 * US_PER_HOUR  # up to the moment in question: who is listed, and where the plot begins


class Explaining:
    """Answers why."""

    def __init__(self, database: Database, config: Config, clock: Clock, playbooks: Mapping[str, Playbook]) -> None:
        self._database, self._clock, self._playbooks = database, clock, playbooks
        self._services = tuple(service.name for service in config.services)
        self._kinds = RegionKinds(config.regions.kinds, country=config.regions.country)
        self._watched = config.regions.watched
        self._config = config

    async def cell(self, region: str, service: str, *, at: datetime | None = None, named: bool) -> Explanation:
        """Explain a cell now, or as it was; raise `InvalidInput` for a region or service that does not exist.

        `named`: the customers who complained are named.
        """
        if service == "any" and len(self._services) > 1 and service not in self._services:
            service = ANY
        if service not in (*self._services, ANY):
            raise InvalidInput(
                f"there is no service '{service}'{nearest(service, self._services)}",
                field="service",
                value=service,
                expected="one of " + ", ".join(self._services),
            )
        return await self._database.read(lambda tx: self._explain_cell(tx, region, service, at, named=named))

    async def incident(self, incident_id: int, *, named: bool, typed: str = "") -> Explanation:
        """Explain an incident: what opened it, what brought each region in, and how they are now.

        Raises `NotFound`; where the number, as it was typed, is the code of a region, the error says so.
        """
        typed = typed or str(incident_id)
        return await self._database.read(lambda tx: self._explain_incident(tx, incident_id, typed, named=named))

    # --- a cell -----------------------------------------------------------------------------------------------------

    def _explain_cell(
        self, tx: Transaction, text: str, service: str, at: datetime | None, *, named: bool
    ) -> Explanation:
        region = reporters.region_named(tx, self._typed(text), self._kinds)
        now_us = to_micros(self._clock.now())
        at_us = now_us if at is None else min(to_micros(at), now_us)
        row = detector.load(tx)
        moments = Moments(tx, self._config, self._playbooks)
        moment = moments.at(CellKey(region.id, service), region.label, at_us, row.position)
        view = self._view(tx, moment, until_us=at_us, named=named)
        words = [*view.words, *self._never(region, service)]
        if at is None:
            reports = self._config.signals.reports
            words += alarm_words.of_cell(tx, region.id, service, to_instant(now_us), reports=reports)
        behind = detector.newest_position(tx) - row.position
        if behind > 0 and at_us == now_us:
            words.append(f"The detector has not looked at the newest {behind} complaints yet.")
        return Explanation(words=words, incident=None, regions=[], regions_left_out=0, cell=view, customers_named=named)

    def _typed(self, text: str) -> str:
        """Return a region as it is asked for: lists show `postal_code 94110`, and that is copied."""
        kinds = [(kind, shown) for kind in self._kinds.kinds for shown in (kind, label(kind))]
        found = (f"{kind}:{text[len(shown) + 1 :]}" for kind, shown in kinds if text.startswith(f"{shown} "))
        return next(found, text)

    def _never(self, region: Region, service: str) -> list[str]:
        """Return why this cell opens nothing, whatever it shows."""
        if region.kind not in self._watched:
            return [f"Regions of the kind {label(region.kind)} are not watched (regions.watched)."]
        if service != ANY and self._playbooks[service].mode is Mode.OBSERVE:
            return [f"The playbook of {service} only observes: evidence opens no incident."]
        return []

    # --- an incident ------------------------------------------------------------------------------------------------

    def _explain_incident(self, tx: Transaction, incident_id: int, typed: str, *, named: bool) -> Explanation:
        row = explain.incident_row(tx, incident_id)
        if row is None:
            raise NotFound("incident", incident_id, instead=self._as_region(tx, typed))
        first = explain.first_evidence(tx, incident_id)
        now_us, position = to_micros(self._clock.now()), detector.load(tx).position
        leading = first[0] if first and first[0].evidence is not None else None
        moments = Moments(tx, self._config, self._playbooks)
        regions = [_region(moments, row["service"], each, now_us, position) for each in first[:REGIONS_AT_MOST]]
        since: dict[str, int] = {}
        view, words = None, [f"It was opened by {row['opened_by']}: no complaints were evidence for it."]
        if leading is not None and leading.evidence is not None:
            evidence, key = leading.evidence, CellKey(leading.region_id, leading.service or row["service"])
            at_us = to_micros(evidence.at)
            moment = moments.at(key, leading.label, at_us, leading.position)
            view = self._view(tx, moment, until_us=max(now_us, at_us), named=named, stream=position)
            since = explain.tally(tx, key, Stretch(after=leading.position, position=position, until_us=now_us))
            words = [
                opening_words(
                    evidence.observed, evidence.verified, evidence.expected, evidence.at - evidence.window_from
                ),
                *_since(moments, moment, since.get("", 0), now_us, position),
                *view.words[1:],
            ]
            if moment.found.best is None:
                words.append("The complaints of then are not stored any more: these are the figures of that time.")
        opened_at = to_instant(row["opened_at"])
        words += alarm_words.of_incident(tx, incident_id, opened_at=opened_at, reports=self._config.signals.reports)
        return Explanation(
            words=words,
            incident=_incident(row, since),
            regions=regions,
            regions_left_out=max(0, len(first) - REGIONS_AT_MOST),
            cell=view,
            customers_named=named,
        )

    def _as_region(self, tx: Transaction, typed: str) -> str:
        """Return how the cells of a region are asked for, where a number that is no incident is the code of one."""
        try:
            region = reporters.region_named(tx, typed, self._kinds)
        except InvalidInput:
            return ""
        service = self._services[0] if len(self._services) == 1 else "SERVICE"
        which = "" if len(self._services) == 1 else f" ({', '.join(self._services)})"
        return f"{region.label} is a region: notifier detection explain {typed} {service}{which}"

    # --- for people ---------------------------------------------------------------------------------------------------

    def _view(
        self, tx: Transaction, moment: Moment, *, until_us: int, named: bool, stream: int | None = None
    ) -> CellExplained:
        """Return a cell for people; the plot goes on until `until_us`, with complaints up to the position `stream`."""
        found, at_us = moment.found, moment.at_us
        period = Stretch(since_us=at_us - PERIOD_US, until_us=at_us, position=moment.position)
        tally = explain.tally(tx, moment.key, period)
        counted = tally.pop("", 0)
        complaints = [
            each
            for counts in (True, False)
            for each in explain.complaints(tx, moment.key, period, CALLERS_AT_MOST, counted=counts)
        ]
        window_from = found.shown.from_us if found.shown is not None else until_us + 1
        callers = [_caller(each, window_from, named=named) for each in complaints]
        plotted = Stretch(since_us=at_us - PERIOD_US, until_us=until_us, position=stream or moment.position)
        times = sorted(time_us for time_us, _ in explain.counted(tx, moment.key, plotted))
        steps = explanation.steps(times, moment.cell.shape, moment.cell.per_hour, plotted.since_us, until_us)
        evidence = found.evidence
        return CellExplained(
            region=moment.label,
            service=moment.key.service,
            at=to_instant(at_us),
            words=explanation.words(found, moment.needed, tally),
            grade="" if evidence is None else (moment.needed.thresholds.grade(evidence.score) or ""),
            likely=moment.needed.thresholds.likely,
            certain=moment.needed.thresholds.certain,
            customers_at_least=moment.needed.customers_at_least,
            normal_per_day=moment.per_hour * 24,
            windows=[_window(each.kind, each.window, at_us) for each in found.windows],
            nothing_normal=[
                explanation.unheard_words(moment.key.service, each, moment.first_heard_us) for each in moment.unheard
            ],
            period_from=to_instant(period.since_us),
            counted=counted,
            not_counted=tally,
            without_place=explain.without_place(tx, moment.key.service, period),
            callers=callers,
            callers_left_out=max(0, counted + sum(tally.values()) - len(callers)),
            buckets=[
                BucketView(from_at=to_instant(step.from_us), observed=step.observed, expected=step.expected)
                for step in steps
            ],
        )


def _window(kind: str, window: Window, at_us: int) -> WindowView:
    return WindowView(
        kind=kind,
        from_at=to_instant(window.from_us),
        until_at=to_instant(at_us),
        observed=window.observed,
        expected=window.expected,
        score=window.score,
        verified=window.verified,
    )


def _caller(complaint: explain.CellComplaint, window_from: int, *, named: bool) -> CallerView:
    return CallerView(
        complaint_id=complaint.id,
        at=to_instant(complaint.at_us),
        customer=complaint.customer if named else None,
        name=complaint.name if named else "",
        source=complaint.source,
        verified=complaint.verified,
        counted=complaint.why_not is None,
        not_counted=complaint.why_not,
        in_window=complaint.why_not is None and complaint.at_us >= window_from,
    )


def _incident(row: Row, since: Mapping[str, int]) -> IncidentExplained:
    return IncidentExplained(
        id=row["id"],
        service=row["service"],
        state=row["state"],
        place=row["place"],
        opened_at=to_instant(row["opened_at"]),
        opened_by=row["opened_by"],
        counted_since=since.get("", 0),
        not_counted_since={why: number for why, number in since.items() if why},
    )


def _since(moments: Moments, opened: Moment, more: int, now_us: int, position: int) -> list[str]:
    """Say what has come since an incident was opened, and how its place is now."""
    now = moments.at(opened.key, opened.label, max(now_us, opened.at_us), position)
    ago = lasting(timedelta(microseconds=now.at_us - opened.at_us))
    said = explanation.since_words(ago, more, now.cell.last_hour(now.at_us))
    return [said, *explanation.now_words(opened.found, now.found, now.needed.thresholds)]


def _region(moments: Moments, service: str, first: FirstEvidence, now_us: int, position: int) -> RegionExplained:
    at_us = now_us if first.evidence is None else max(now_us, to_micros(first.evidence.at))
    moment = moments.at(CellKey(first.region_id, first.service or service), first.label, at_us, position)
    shown, evidence = moment.found.shown, moment.found.evidence
    return RegionExplained(
        region=first.label,
        role=first.role,
        opened=first.evidence,
        now=None if shown is None else _window("most_surprising", shown, at_us),
        grade="" if evidence is None else (moment.needed.thresholds.grade(evidence.score) or ""),
    )
