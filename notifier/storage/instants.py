"""Instants and JSON as the database stores them.

An instant is a BIGINT of microseconds since 1970-01-01 UTC, in both databases: exact, comparable in SQL and free of
time-zone conversions by drivers. JSON is text, written by msgspec.
"""

from datetime import UTC, datetime, timedelta
from typing import TypeVar, overload

import msgspec

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@overload
def to_micros(instant: datetime) -> int: ...
@overload
def to_micros(instant: None) -> None: ...
def to_micros(instant: datetime | None) -> int | None:
    """Return microseconds since the epoch of an aware instant; None stays None."""
    return None if instant is None else (instant - EPOCH) // MICROSECOND


@overload
def to_instant(micros: int) -> datetime: ...
@overload
def to_instant(micros: None) -> None: ...
def to_instant(micros: int | None) -> datetime | None:
    """Return the aware UTC instant of microseconds since the epoch; None stays None."""
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


def to_json(value: object) -> str:
    """Return the JSON text of a msgspec-encodable value."""
    return msgspec.json.encode(value).decode()


def from_json(text: str, type_: type[T]) -> T:
    """Parse JSON text that we wrote ourselves into a type."""
    return msgspec.json.decode(text, type=type_)
