"""Builders of what a backtest found: each takes what a test changes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from notifier.backtest.record import (
    AROUND,
    BIN,
    CellRecord,
    CurvePoint,
    Interval,
    KnownOutage,
    Opening,
    Record,
    Verdict,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WARM = BEGIN + timedelta(days=28)
END = BEGIN + timedelta(days=200)
BINS = 2 * AROUND // BIN


def opening(number: int, **changes: Any) -> Opening:
    """Build an incident, one a day."""
    at = WARM + timedelta(days=number % 170, minutes=number)
    usual: dict[str, Any] = {
        "number": number,
        "region": f"9{number % 40:04}",
        "service": "power",
        "detected_at": at,
        "line": 100 * number,
        "window_from": at - timedelta(minutes=12),
        "observed": 6,
        "expected": 0.42,
        "score": 21.34,
        "grade": "certain",
        "highest": 80.0,
        "until": at + timedelta(hours=1),
        "also": ("San Francisco",),
        "is_false": None,
        "around_from": at - AROUND,
        "observed_around": tuple(6 if n == BINS // 2 else n % 2 for n in range(BINS)),
        "expected_around": tuple(0.3 + n / 1000 for n in range(BINS)),
    }
    return Opening(**(usual | changes))


def cell(number: int, **changes: Any) -> CellRecord:
    """Build a cell with three complaints a day."""
    usual: dict[str, Any] = {
        "region": f"9{number:04}",
        "service": "power",
        "counted": 600,
        "openings": 2,
        "days": {date(2026, 1, 1) + timedelta(days=day): 3 for day in range(200)},
    }
    return CellRecord(**(usual | changes))


def verdict(*known: KnownOutage, **changes: Any) -> Verdict:
    """Build what became of the incidents."""
    delays = tuple(one.delay for one in known if one.delay is not None)
    usual: dict[str, Any] = {
        "outages": len(known),
        "found": len(delays),
        "right": len(delays),
        "false": 1,
        "delays": delays,
        "cell_months": 230.0,
        "false_per_cell_month": Interval(value=0.0043, low=0.0001, high=0.024),
        "false_per_month": Interval(value=0.17, low=0.004, high=0.97),
        "known": known,
    }
    return Verdict(**(usual | changes))


def known(number: int, *, opening: int | None = None, minutes: float = 5.25) -> KnownOutage:
    """Build an outage, found by an incident or missed."""
    return KnownOutage(
        region=f"9{number:04}",
        service="",
        began_at=WARM + timedelta(days=number % 170),
        opening=opening,
        delay=None if opening is None else timedelta(minutes=minutes),
    )


def found(openings: int | Sequence[Opening] = 3, **changes: Any) -> Record:
    """Build a whole backtest without a truth, with so many incidents or with these."""
    usual: dict[str, Any] = {
        "file": "2026.csv",
        "grade": "certain",
        "threshold": 17.5,
        "clock": "America/Los_Angeles",
        "complaints": 24_100,
        "refused": 0,
        "counted": 24_000,
        "not_counted": {"repeat": 99, "duplicate": 1},
        "first_at": BEGIN,
        "last_at": END,
        "warm_up_until": WARM,
        "openings": tuple([opening(n) for n in range(1, openings + 1)] if isinstance(openings, int) else openings),
        "cells": tuple(cell(number) for number in range(40)),
        "curve": tuple(
            CurvePoint(threshold=x, incidents=int(4000 / x**2), false=None, per_month=500 / x**2)
            for x in (5.0, 8.5, 12.0, 17.5, 30.0, 900.0)
        ),
        "verdict": None,
    }
    return Record(**(usual | changes))
