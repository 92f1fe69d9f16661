"""When an intake source has said nothing for too long: seldom wrong, never deaf."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from notifier.domain.silence import Rhythm, learn, slot_of

ZONE = ZoneInfo("America/Los_Angeles")
NOW = datetime(2026, 6, 27, 12, tzinfo=UTC)  # 05:00 in Los Angeles
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def arrivals(
    per_hour: Callable[[datetime], float], *, days: float, until: datetime = NOW, seed: int = 1
) -> list[datetime]:
    """Return complaints at random, so many in an hour as `per_hour` says of the local time."""
    chance, found = random.Random(seed), []  # noqa: S311 - a rehearsal, no secret
    at = until - timedelta(days=days)
    while at < until:
        rate = per_hour(at.astimezone(ZONE))
        if rate > 0:
            first = at + timedelta(hours=chance.expovariate(rate))
            while first < at + HOUR:
                found.append(first)
                first += timedelta(hours=chance.expovariate(rate))
        at += HOUR
    return [each for each in found if each < until]


def counted(times: Sequence[datetime]) -> Counter[int]:
    return Counter(map(slot_of, times))


def rhythm(times: Sequence[datetime], now: datetime = NOW) -> Rhythm:
    found = learn(counted(times), ZONE, now=now)
    assert found is not None
    return found


def by_day(local: datetime) -> float:
    """Return twenty an hour by day, one in two hours by night."""
    return 20 if 7 <= local.hour < 23 else 0.5


def office(local: datetime) -> float:
    """Return a desk that is open on working days only."""
    return 15 if local.weekday() < 5 and 8 <= local.hour < 18 else 0


def sparse(local: datetime) -> float:
    del local
    return 4 / 24


def test_too_little_history_judges_nothing() -> None:
    assert learn(counted(arrivals(by_day, days=10)), ZONE, now=NOW) is None
    assert learn({}, ZONE, now=NOW) is None


def test_a_source_that_spoke_only_once_in_bulk_is_not_judged() -> None:
    assert learn({slot_of(NOW - 3 * DAY): 250_000}, ZONE, now=NOW) is None


def test_silence_by_day_is_news_within_the_hour_and_by_night_only_in_the_morning() -> None:
    found = rhythm(arrivals(by_day, days=28))
    noon = datetime(2026, 6, 27, 19, tzinfo=UTC)
    assert timedelta(minutes=20) < found.news_at(noon) - noon < timedelta(minutes=75)
    midnight = datetime(2026, 6, 27, 7, tzinfo=UTC)
    assert 7 * HOUR < found.news_at(midnight) - midnight < 9 * HOUR


def test_an_office_that_closes_at_the_weekend_is_not_missed_on_sunday() -> None:
    found = rhythm(arrivals(office, days=28))
    friday = datetime(2026, 6, 26, 17, 50, tzinfo=ZONE)
    assert found.news_at(friday) > datetime(2026, 6, 29, 8, 30, tzinfo=ZONE)
    monday = datetime(2026, 6, 29, 9, tzinfo=ZONE)
    assert timedelta(minutes=20) < found.news_at(monday) - monday < timedelta(hours=2)


def test_one_outage_of_the_intake_does_not_make_the_watch_deaf() -> None:
    times = arrivals(by_day, days=28)
    cut = [each for each in times if not NOW - 10 * DAY < each < NOW - 8 * DAY]
    noon = datetime(2026, 6, 27, 19, tzinfo=UTC)
    assert rhythm(cut).news_at(noon) - noon < timedelta(hours=2)


def test_a_storm_of_complaints_is_not_taken_for_the_usual() -> None:
    times = arrivals(by_day, days=28)
    storm = [NOW - 5 * DAY + timedelta(seconds=n) for n in range(7200)]
    noon = datetime(2026, 6, 27, 19, tzinfo=UTC)
    quiet, loud = rhythm(times), rhythm(sorted(times + storm))
    assert sum(loud.hourly) < sum(quiet.hourly) * 1.2
    assert loud.news_at(noon) - noon > timedelta(minutes=20)


def test_a_busy_source_may_be_silent_for_ten_minutes() -> None:
    found = rhythm(arrivals(lambda _: 600, days=16))
    assert found.news_at(NOW) - NOW == timedelta(minutes=10)


def test_expected_complaints_follow_the_hours() -> None:
    plain = Rhythm(hourly=((2.0,) * 12 + (6.0,) * 12) * 2, zone=ZoneInfo("UTC"), longest=9.0)
    assert plain.expected(NOW - HOUR, NOW + timedelta(minutes=30)) == pytest.approx(2 + 3)
    assert plain.news_at(NOW - HOUR) == NOW + timedelta(hours=7 / 6)
    assert plain.expected(NOW, NOW) == 0


def test_the_clock_may_change_meanwhile() -> None:
    spring = datetime(2026, 3, 9, 19, tzinfo=UTC)
    found = rhythm(arrivals(by_day, days=28, until=spring), now=spring)
    assert timedelta(minutes=20) < found.news_at(spring) - spring < timedelta(minutes=75)


@pytest.mark.parametrize("pace", [by_day, office, sparse], ids=["by day", "office", "sparse"])
def test_a_source_that_keeps_its_rhythm_raises_no_alarm_in_a_year(pace: Callable[[datetime], float]) -> None:
    times = arrivals(pace, days=365)
    slots = counted(times)
    known, learnt_on, alarms = None, -1, 0
    for before, after in pairwise(times):
        if before < NOW - 337 * DAY:
            continue
        if before.toordinal() // 7 != learnt_on:  # learnt once a week here, to be quick
            learnt_on = before.toordinal() // 7
            last = slot_of(before)
            known = learn({slot: n for slot, n in slots.items() if last - 4100 < slot <= last}, ZONE, now=before)
        alarms += known is not None and after > known.news_at(before)
    assert alarms == 0
