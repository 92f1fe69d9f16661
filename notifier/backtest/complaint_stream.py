"""A file of complaints as a stream in memory: who, where, about what, when; a million of them in some 100 MB.

In come rows with the columns `ts, region, category, customer`, or with those of `notifier complaints import`. Out comes
a `ComplaintStream`, in the order of time; rows of one instant keep the order of the file. A row that cannot be meant is
`Refused` with what would be right, and the others go on. What counts is decided later.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import NamedTuple

from notifier.domain.complaint import AHEAD_AT_MOST, OLDEST_AT, Region
from notifier.domain.contact import normalise_email, normalise_phone
from notifier.domain.errors import InvalidInput, nearest

NESTED = "|"  # between the regions of one complaint, narrow before wide
TIMES = ("ts", "occurred_at")
SERVICES = {"ts": "category", "occurred_at": "service"}  # by the column of the time
CUSTOMERS = {"ts": ("customer",), "occurred_at": ("customer_id", "reporter")}

_SECOND = 1_000_000  # microseconds
_EXPECTED_TIME = "a time with its offset, such as 2026-03-01T18:30:00-08:00"


class Refused(NamedTuple):
    """A row that cannot be meant, and what would be right."""

    line: int
    column: str
    value: str
    reason: str


class Complaint(NamedTuple):
    """One complaint of the stream."""

    at_us: int
    service: str
    place: int  # index into `places`
    customer: int
    line: int


@dataclass(slots=True)
class ComplaintStream:
    """The complaints of a file, column by column."""

    services: list[str] = field(default_factory=list)
    places: list[tuple[Region, ...]] = field(default_factory=list)  # narrow before wide; empty where none is named
    regions: dict[int, Region] = field(default_factory=dict)  # by id
    at_us: "array[int]" = field(default_factory=lambda: array("q"))
    offset_s: "array[int]" = field(default_factory=lambda: array("i"))
    service: "array[int]" = field(default_factory=lambda: array("i"))
    place: "array[int]" = field(default_factory=lambda: array("i"))
    customer: "array[int]" = field(default_factory=lambda: array("i"))
    line: "array[int]" = field(default_factory=lambda: array("i"))
    replayed: int = 0  # rows whose source and external id were there before

    def __len__(self) -> int:
        return len(self.at_us)

    def __iter__(self) -> Iterator[Complaint]:
        names = self.services
        for at_us, service, place, customer, line in zip(
            self.at_us, self.service, self.place, self.customer, self.line, strict=True
        ):
            yield Complaint(at_us, names[service], place, customer, line)

    def moment(self, index: int) -> datetime:
        """Return when a complaint was made, on the wall clock of its row."""
        return self.on_the_wall(self.at_us[index], index)

    def known_by(self, index: int) -> datetime:
        """Return when a complaint and all before it were there: the end of its second, if others of it stand before.

        A file in whole seconds does not say when within a second a complaint came, only that it did not come before
        those above it.
        """
        at_us = self.at_us[index]
        in_a_row = at_us % _SECOND == 0 and index > 0 and self.at_us[index - 1] == at_us
        return self.on_the_wall(at_us + _SECOND if in_a_row else at_us, index)

    def on_the_wall(self, at_us: int, index: int) -> datetime:
        """Return an instant on the wall clock of a row."""
        return from_us(at_us).astimezone(timezone(timedelta(seconds=self.offset_s[index])))

    def in_order(self) -> "ComplaintStream":
        """Return the stream in the order of time."""
        at_us = self.at_us
        if all(earlier <= later for earlier, later in pairwise(at_us)):
            return self
        order = sorted(range(len(at_us)), key=at_us.__getitem__)
        for name in ("at_us", "offset_s", "service", "place", "customer", "line"):
            column: array[int] = getattr(self, name)
            setattr(self, name, array(column.typecode, map(column.__getitem__, order)))
        return self


def from_us(at_us: int) -> datetime:
    """Return an aware instant of microseconds since 1970-01-01 UTC."""
    return datetime.fromtimestamp(at_us // _SECOND, UTC) + timedelta(microseconds=at_us % _SECOND)


def wrong_header(names: Sequence[str]) -> str:
    """Return what is wrong with the names of the columns, or an empty string; columns not needed are passed over."""
    time = next((name for name in TIMES if name in names), None)
    both = "ts, region, category, customer, or those of complaints import: occurred_at, service, region, customer_id"
    if time is None:
        return f"there is no column 'ts'{_near('ts', names)}; expected {both}"
    for name in ("region", SERVICES[time]):
        if name not in names:
            return f"there is no column '{name}'{_near(name, names)}; expected {both}"
    if not any(name in names for name in CUSTOMERS[time]):
        wanted = " or ".join(CUSTOMERS[time])
        return f"there is no column {wanted}{_near(CUSTOMERS[time][0], names)}: a customer counts once a day"
    return ""


def _near(wanted: str, names: Sequence[str]) -> str:
    return nearest(wanted, names)


class Reader:
    """Takes rows, one after the other, into a stream."""

    def __init__(self, now: datetime, zone: tzinfo | None = None) -> None:
        """Prepare; with a zone, times without an offset are of its clock, and all of them are shown on it."""
        self.stream = ComplaintStream()
        self._zone = zone
        self._time = ""  # the column; as the rows say where there was no header
        self._latest = now + AHEAD_AT_MOST
        self._services: dict[str, int] = {}
        self._places: dict[str, int] = {}
        self._regions: dict[tuple[str, str], Region] = {}
        self._customers: dict[str, int] = {}
        self._external: set[tuple[str, str]] = set()

    def header(self, names: Sequence[str]) -> str:
        """Take the names of the columns; return what is wrong with them, or an empty string."""
        self._time = next((name for name in TIMES if name in names), "")
        return wrong_header(names)

    def take(self, rows: Iterable[tuple[int, Mapping[str, str]]]) -> Iterator[Refused]:
        """Take numbered rows in; yield those that are refused."""
        for line, cells in rows:
            try:
                self._take(line, cells)
            except InvalidInput as error:
                yield Refused(line, error.field, str(error.value), f"{error.reason}; expected {error.expected}")

    def _take(self, line: int, cells: Mapping[str, str]) -> None:
        time = self._time or ("ts" if "ts" in cells else "occurred_at")
        at = self._moment(cells, time)
        service = cells.get(SERVICES[time], "").strip()
        if not service:
            raise _refused(SERVICES[time], "", "is empty", "what does not work")
        customer = self._who(cells, CUSTOMERS[time])
        place = cells.get("region", "").strip()
        for column, name in (("region", place), (SERVICES[time], service)):
            if "\x00" in name:
                raise _refused(column, name.replace("\x00", "?"), "holds a NUL character", "text")
        external = cells.get("external_id", "")
        if external:
            known = len(self._external)
            self._external.add((cells.get("source", ""), external))
            if len(self._external) == known:
                self.stream.replayed += 1
                return
        stream = self.stream
        if (number := self._services.get(service)) is None:
            number = self._services[service] = len(stream.services)
            stream.services.append(service)
        if (where := self._places.get(place)) is None:
            where = self._places[place] = self._new_place(place)
        stream.at_us.append(int(at.timestamp()) * _SECOND + at.microsecond)
        offset = at.utcoffset()
        stream.offset_s.append(offset.days * 86400 + offset.seconds if offset else 0)
        stream.service.append(number)
        stream.place.append(where)
        stream.customer.append(self._customers.setdefault(customer, len(self._customers)))
        stream.line.append(line)

    def _moment(self, cells: Mapping[str, str], column: str) -> datetime:
        text = cells.get(column, "").strip()
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise _refused(column, text, "is no time", _EXPECTED_TIME) from None
        if self._zone is not None:
            at = at.replace(tzinfo=self._zone) if at.tzinfo is None else at.astimezone(self._zone)
        if at.tzinfo is None:
            raise _refused(column, text, "has no UTC offset", f"{_EXPECTED_TIME}, or --zone to say whose clock it is")
        if not OLDEST_AT <= at <= self._latest:
            raise _refused(column, text, "cannot be when it happened", "a time from the year 2000 to tomorrow")
        return at

    def _who(self, cells: Mapping[str, str], columns: Sequence[str]) -> str:
        for column in columns:
            text = cells.get(column, "").strip()
            if text:
                return text if column != "reporter" else _address(text)
        raise _refused(
            columns[0], "", "is empty: nobody complains", "who it was, by any reference that is always theirs"
        )

    def _new_place(self, text: str) -> int:
        names = [name.strip() for name in text.split(NESTED)]
        self.stream.places.append(tuple(self._region(name, at) for at, name in enumerate(names) if name))
        return len(self.stream.places) - 1

    def _region(self, name: str, at: int) -> Region:
        kind, colon, _ = name.partition(":")
        if not colon or not kind.isidentifier() or not kind.islower():
            kind = f"level {at + 1}"
        region = self._regions.get((kind, name))
        if region is None:
            region = self._regions[kind, name] = Region(len(self._regions) + 1, kind, name)
            self.stream.regions[region.id] = region
        return region


def _address(text: str) -> str:
    """Return a reporter's address as intake writes it; one that intake would refuse is who it says."""
    try:
        return normalise_email(text) if "@" in text else normalise_phone(text)
    except InvalidInput:
        return text


def _refused(column: str, value: str, reason: str, expected: str) -> InvalidInput:
    return InvalidInput(f"{column} '{value}' {reason}", field=column, value=value, expected=expected)
