"""The truth beside a file of complaints: the outages there really were, to hold incidents against.

In come rows with the columns `region, onset` and, where known, `end, size, category`. Out come windows in which an
incident is right. An onset is often written down late, so an incident may be up to an hour earlier; without an end it
may be four hours later. A region `*` means everywhere: a time that is not judged, such as a storm.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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


def read_outages(rows: Iterable[tuple[int, Mapping[str, str]]]) -> Iterator[Outage | Refused]:
    """Yield the outages of numbered rows, and what is wrong with the others."""
    for line, cells in rows:
        try:
            yield _outage(line, cells)
        except InvalidInput as error:
            reason = f"{error.reason}; expected {error.expected}"
            yield Refused(line, error.field, str(error.value), reason)


def _outage(line: int, cells: Mapping[str, str]) -> Outage:
    region = cells.get("region", "").strip()
    if not region:
        raise InvalidInput("region is empty", field="region", value="", expected="a region of the complaints, or *")
    onset_us = _us(cells, "onset")
    until_us = _us(cells, "end") if cells.get("end", "").strip() else onset_us + int(LASTS.total_seconds()) * 1_000_000
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


def _us(cells: Mapping[str, str], column: str) -> int:
    text = cells.get(column, "").strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        what = "is no time" if at is None else "has no UTC offset"
        raise InvalidInput(f"{column} '{text}' {what}", field=column, value=text, expected=_EXPECTED_TIME)
    return int(at.timestamp()) * 1_000_000 + at.microsecond


class Windows:
    """When incidents are right, or not judged, by region and service."""

    def __init__(self, outages: Iterable[Outage]) -> None:
        self.outages = sorted(outages, key=lambda outage: outage.from_us)
        self._by_cell: dict[tuple[str, str], list[Outage]] = {}
        for outage in self.outages:
            self._by_cell.setdefault((outage.region, outage.category), []).append(outage)
        self._starts = {cell: [one.from_us for one in of_cell] for cell, of_cell in self._by_cell.items()}
        self._latest = {
            cell: list(accumulate((one.until_us for one in of_cell), max)) for cell, of_cell in self._by_cell.items()
        }

    def has(self, regions: Iterable[str], service: str, at_us: int) -> bool:
        """Tell whether an incident in one of these regions is no false one then."""
        return any(self._covers((region, category), at_us) for region, category in _cells(regions, service))

    def at(self, regions: Iterable[str], service: str, at_us: int) -> list[Outage]:
        """Return the outages that an incident in these regions then is about; not times that are not judged."""
        found = []
        for cell in _cells(regions, service):
            if cell[0] == EVERYWHERE or not self._covers(cell, at_us):
                continue
            last = bisect_right(self._starts[cell], at_us)
            found += [one for one in self._by_cell[cell][:last] if one.until_us >= at_us]
        return found

    def _covers(self, cell: tuple[str, str], at_us: int) -> bool:
        starts = self._starts.get(cell)
        if starts is None:
            return False
        last = bisect_right(starts, at_us) - 1
        return last >= 0 and self._latest[cell][last] >= at_us


def _cells(regions: Iterable[str], service: str) -> Iterator[tuple[str, str]]:
    for region in (*regions, EVERYWHERE):
        yield region, service
        yield region, ""
