"""Mode `automatic`: when it may, which one it may, and what people are told when it may not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from notifier.domain.automatic import Backtested, Candidate, Record, closed_because, left_because

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TEN = Record(confirmed=(True,) * 10)


def backtest(*, days: int = 40, age: timedelta = timedelta(hours=8)) -> Backtested:
    return Backtested(ran_at=NOW - age, days=days, complaints=900, would_confirm=2, likely=8.5, certain=17.5)


# --- may it at all? -------------------------------------------------------------------------------------------------


def test_with_a_backtest_and_ten_confirmed_proposals_it_may() -> None:
    assert closed_because(backtest(), TEN, now=NOW) == []
    assert (
        closed_because(backtest(days=28), replace(TEN, confirmed=(True,) * 5 + (False,) + (True,) * 4), now=NOW) == []
    )


@pytest.mark.parametrize(
    ("found", "record", "reason"),
    [
        (None, TEN, "no backtest over your own complaints has been run yet; one is run every night"),
        (backtest(days=27), TEN, "the backtest needs 28 days of your own complaints, and there are 27"),
        (backtest(age=9 * DAY), TEN, "the last backtest was 9 days ago"),
        (
            msgspec.structs.replace(backtest(), complaints=199),
            TEN,
            "the backtest needs 200 complaints within 28 days, and there are 199",
        ),
        (
            msgspec.structs.replace(backtest(), would_confirm=85),
            TEN,
            (
                "the backtest would have confirmed 85 incidents within 28 days, and more than 84 are not believed:"
                " raise detection.certain"
            ),
        ),
        (
            msgspec.structs.replace(backtest(days=3), cut=True),
            TEN,
            "28 days hold more complaints than a backtest replays, so it says too little",
        ),
        (backtest(), Record(confirmed=(True,) * 6), "6 of 10 proposals are judged"),
        (
            backtest(),
            Record(confirmed=(True,) * 8 + (False,) * 2),
            "of the last 10 judged proposals 8 were confirmed, and 9 are needed",
        ),
        (
            backtest(),
            Record(confirmed=(), taken_back=42),
            "0 of 10 proposals are judged since it wrongly confirmed #42",
        ),
    ],
)
def test_what_is_missing_is_said(found: Backtested | None, record: Record, reason: str) -> None:
    assert closed_because(found, record, now=NOW) == [reason]


def test_everything_that_is_missing_is_said() -> None:
    assert len(closed_because(None, Record(confirmed=()), now=NOW)) == 2


# --- may it this one? -----------------------------------------------------------------------------------------------

GOOD = Candidate(
    grade="certain", verified=5, last_evidence_at=NOW - timedelta(minutes=1), customers=800, has_draft=False
)


def left(candidate: Candidate, *, lately: int = 0) -> str:
    return left_because(candidate, now=NOW, minimum_customers=3, audience_limit=1000, lately=lately, per_hour_at_most=3)


def test_what_is_certain_small_and_of_now_is_confirmed() -> None:
    assert left(GOOD) == ""
    assert left(replace(GOOD, customers=1000), lately=2) == ""


@pytest.mark.parametrize(
    ("candidate", "lately", "why"),
    [
        (replace(GOOD, grade="likely"), 0, "its evidence is not certain"),
        (replace(GOOD, verified=2), 0, "2 verified customers complained, and 3 are needed"),
        (replace(GOOD, last_evidence_at=NOW - timedelta(minutes=31)), 0, "its evidence is not of now"),
        (replace(GOOD, last_evidence_at=None), 0, "its evidence is not of now"),
        (replace(GOOD, has_draft=True), 0, "somebody is working on it"),
        (replace(GOOD, dismissed=7), 0, "a person dismissed #7 there within a day"),
        (replace(GOOD, customers=0), 0, "nobody would be told"),
        (replace(GOOD, customers=1001), 0, "1,001 customers would be told, and more than 1,000 are for a person"),
        (GOOD, 3, "3 were confirmed by themselves within an hour: in a storm a person decides"),
    ],
)
def test_everything_else_is_left_to_a_person(candidate: Candidate, lately: int, why: str) -> None:
    assert left(candidate, lately=lately) == why
