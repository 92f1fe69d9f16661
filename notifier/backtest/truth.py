"""The truth beside a file of complaints: the outages there really were, to hold incidents against.

In come rows with the columns `region, onset` and, where known, `end, size, category`. Out come windows in which an
incident is right. An onset is often written down late, so an incident may be up to an hour earlier; without an end it
may be four hours later. Rows of one region and category that overlap are one outage, written down more than once. A
region `*` means everywhere: a time that is not judged, such as a storm.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import accumulate

from notifier.backtest.complaint_stream import Refused
from notifier.domain.errors import InvalidInput, nearest

COLUMNS = ("region", "onset", "end", "size", "category")
EVERYWHERE = "*"
EARLY = timedelta(hours=1)
LASTS = timedelta(hours=4)  # without an end: later complaints are about something else

_EXPECTED_TIME = "a time with its offset, such as 2026-03-01T18:30:00-08:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """An outage there was."""

    line: int
    region: str  # as the file of complaints writes it; `*` for everywhere
    category: str  # the service; empty for every one
    onset_us: int
    until_us: int  # through which an incident is right
    size: int | None
    rows: int = 1  # of the truth that it is written down in

    @property
    def from_us(self) -> int:
        """Return from when on an incident is right."""
        return self.onset_us - int(EARLY.total_seconds()) * 1_000_000


def wrong_header(names: Sequence[str]) -> str:
    """Return what is wrong with the names of the columns, or an empty string."""
    for name in ("region", "onset"):
        if name not in names:
            return f"the truth has no column '{name}'{nearest(name, names)}; expected {', '.join(COLUMNS)}"
    return ""


def read_outages(
    rows: Iterable[tuple[int, Mapping[str, str]]], zone: tzinfo | None = None
) -> Iterator[Outage | Refused]:
    """Yield the outages of numbered rows, and what is wrong with the others; a zone is for times without an offset."""
    for line, cells in rows:
        try:
            yield _outage(line, cells, zone)
        except InvalidInput as error:
            reason = f"{error.reason}; expected {error.expected}"
            yield Refused(line, error.field, str(error.value), reason)


def _outage(line: int, cells: Mapping[str, str], zone: tzinfo | None) -> Outage:
    region = cells.get("region", "").strip()
    if not region:
        raise InvalidInput("region is empty", field="region", value="", expected="a region of the complaints, or *")
    onset_us = _us(cells, "onset", zone)
    until_us = (
        _us(cells, "end", zone) if cells.get("end", "").strip() else onset_us + int(LASTS.total_seconds()) * 1_000_000
    )
    if until_us < onset_us:
        raise InvalidInput("end is before onset", field="end", value=cells["end"], expected="a time after it")
    size = cells.get("size", "").strip()
    if size and not size.isdigit():
        raise InvalidInput(f"size '{size}' is no number", field="size", value=size, expected="how many were affected")
    return Outage(
        line=line,
        region=region,
        category=cells.get("category", cells.get("service", "")).strip(),
        onset_us=onset_us,
        until_us=until_us,
        size=int(size) if size else None,
    )


def _us(cells: Mapping[str, str], column: str, zone: tzinfo | None) -> int:
    text = cells.get(column, "").strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    if at is None or at.tzinfo is None:
        what = "is no time" if at is None else "has no UTC offset"
        raise InvalidInput(f"{column} '{text}' {what}", field=column, value=text, expected=_EXPECTED_TIME)
    return int(at.timestamp()) * 1_000_000 + at.microsecond


class Windows:
    """When incidents are right, or not judged, by region and service."""

    def __init__(self, outages: Iterable[Outage]) -> None:
        self.outages = sorted(_apart(outages), key=lambda outage: outage.from_us)
        self._by_cell: dict[tuple[str, str], list[Outage]] = {}
        for outage in self.outages:
            self._by_cell.setdefault((outage.region, outage.category), []).append(outage)
        self._starts = {cell: [one.from_us for one in of_cell] for cell, of_cell in self._by_cell.items()}
        self._latest = {
            cell: list(accumulate((one.until_us for one in of_cell), max)) for cell, of_cell in self._by_cell.items()
        }

    def has(self, regions: Iterable[str], service: str, at_us: int) -> bool:
        """Tell whether an incident in one of these regions is right then, if it is judged at all."""
        return any(self._covers(cell, at_us) for cell in _cells(regions, service))

    def at(self, regions: Iterable[str], service: str, at_us: int) -> list[Outage]:
        """Return the outages that an incident in these regions then is about: of a region and category at most one.

        Of two that follow each other within the hour in which incidents are early, it is the one that has begun.
        """
        found = []
        for cell in _cells(regions, service):
            if self._covers(cell, at_us):
                last = bisect_right(self._starts[cell], at_us)
                found.append(next(one for one in self._by_cell[cell][:last] if one.until_us >= at_us))
        return found

    def is_judged(self, service: str, at_us: int) -> bool:
        """Tell whether an incident of a service then is right or false at all."""
        return not any(one.onset_us <= at_us <= one.until_us for one in self._not_judged(service))

    def not_judged_us(self, service: str, from_us: int, until_us: int) -> int:
        """Return how much of a stretch of time is not judged for a service."""
        total, reached = 0, from_us
        for one in sorted(self._not_judged(service), key=lambda one: one.onset_us):
            begin, end = max(one.onset_us, reached), min(one.until_us, until_us)
            if end > begin:
                total, reached = total + end - begin, end
        return total

    def _not_judged(self, service: str) -> list[Outage]:
        return [one for cell in _cells((EVERYWHERE,), service) for one in self._by_cell.get(cell, ())]

    def _covers(self, cell: tuple[str, str], at_us: int) -> bool:
        starts = self._starts.get(cell)
        if starts is None:
            return False
        last = bisect_right(starts, at_us) - 1
        return last >= 0 and self._latest[cell][last] >= at_us


def _cells(regions: Iterable[str], service: str) -> Iterator[tuple[str, str]]:
    for region in regions:
        yield region, service
        if service:
            yield region, ""


def _apart(outages: Iterable[Outage]) -> Iterator[Outage]:
    """Yield the outages of a truth; rows of one region and category that overlap are one."""
    current: Outage | None = None
    for one in sorted(outages, key=lambda one: (one.region, one.category, one.onset_us, one.until_us)):
        if (
            current is not None
            and (one.region, one.category) == (current.region, current.category)
            and one.onset_us <= current.until_us
        ):
            until_us, size = max(current.until_us, one.until_us), max(current.size or 0, one.size or 0) or None
            current = replace(current, until_us=until_us, size=size, rows=current.rows + one.rows)
            continue
        if current is not None:
            yield current
        current = one
    if current is not None:
        yield current
