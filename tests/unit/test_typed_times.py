"""Typed times: read in the operator's zone, echoed in full; what could mean two things is refused with what to type."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.cli.times import Moment, Zone, duration, future, past, zone_name
from notifier.domain.errors import InvalidInput

LOS_ANGELES = Zone(ZoneInfo("America/Los_Angeles"))
NIGHT = Moment(datetime(2026, 6, 27, 10, 39, tzinfo=UTC), LOS_ANGELES)  # 03:39 PDT


def at(day: int, hour: int, minute: int = 0, *, month: int = 6) -> datetime:
    """Return an instant by the wall clock of Los Angeles."""
    return datetime(2026, month, day, hour, minute, tzinfo=LOS_ANGELES.info).astimezone(UTC)


@pytest.mark.parametrize(
    ("typed", "instant"),
    [
        ("6:30", at(27, 6, 30)),
        ("06:30", at(27, 6, 30)),
        ("6.30", at(27, 6, 30)),
        ("6:30 am", at(27, 6, 30)),
        ("6:30pm", at(27, 18, 30)),
        ("6 PM", at(27, 18)),
        ("12pm", at(27, 12)),
        ("18:30", at(27, 18, 30)),
        ("today 6:30", at(27, 6, 30)),
        ("tomorrow 2:30", at(28, 2, 30)),
        ("tomorrow 12am", at(28, 0)),
        ("+2h", at(27, 5, 39)),
        ("+90m", at(27, 5, 9)),
        ("+45min", at(27, 4, 24)),
        ("+1h30", at(27, 5, 9)),
        ("+1h 30m", at(27, 5, 9)),
        ("+1d", at(28, 3, 39)),
        ("2026-06-27T06:30", at(27, 6, 30)),
        ("2026-06-27 06:30", at(27, 6, 30)),
        ("2026-06-27T13:30Z", at(27, 6, 30)),
        ("2026-06-27T15:30:00+02:00", at(27, 6, 30)),
    ],
)
def test_a_time_ahead_is_read_as_it_is_meant(typed: str, instant: datetime) -> None:
    assert future(typed, NIGHT) == instant


@pytest.mark.parametrize(
    ("typed", "instant"),
    [("2:10", at(27, 2, 10)), ("-40m", at(27, 2, 59)), ("-1h30", at(27, 2, 9)), ("yesterday 23:50", at(26, 23, 50))],
)
def test_a_time_gone_by_is_read_as_it_is_meant(typed: str, instant: datetime) -> None:
    assert past(typed, NIGHT) == instant


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("2:30", "expected 14:30 or 'tomorrow 2:30' or +2h"),
        ("3:39", "expected 15:39 or 'tomorrow 3:39' or +2h"),
        ("yesterday 6:30", "expected a time ahead of us"),
        ("-2h", "expected a time ahead of us"),
        ("2026-06-27T02:30", "expected a time ahead of us"),
    ],
)
def test_a_time_that_has_passed_never_means_tomorrow_by_itself(typed: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as error:
        future(typed, NIGHT)
    assert "has passed" in str(error.value)
    assert str(error.value).endswith(hint)


def test_an_afternoon_that_has_passed_too_is_not_proposed() -> None:
    evening = Moment(at(27, 20), LOS_ANGELES)
    with pytest.raises(InvalidInput, match=r"06:30 PDT today has passed \(13 h 30 ago\); expected 'tomorrow 6:30' or"):
        future("6:30", evening)


def test_a_start_that_is_still_ahead_is_refused_with_yesterday() -> None:
    with pytest.raises(InvalidInput, match="is still ahead; expected 'yesterday 23:50' or -40m"):
        past("23:50", NIGHT)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "soon",
        "630",
        "6",
        "+",
        "+2",
        "+2x",
        "24:00",
        "6:60",
        "13pm",
        "0am",
        "friday 6:30",
        "2026-06-27",
        "none",
        "٦:٣٠",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(InvalidInput) as error:
        future(typed, NIGHT)
    assert error.value.expected


def test_an_hour_that_the_clocks_skip_or_repeat_is_refused() -> None:
    spring = Moment(at(7, 20, month=3), LOS_ANGELES)
    with pytest.raises(InvalidInput, match="there is no 02:30 on 8 March"):
        future("tomorrow 2:30", spring)
    autumn = Moment(datetime(2026, 10, 31, 20, tzinfo=UTC), LOS_ANGELES)
    with pytest.raises(InvalidInput, match=r"comes twice.*2026-11-01T01:30-07:00 or 2026-11-01T01:30-08:00"):
        future("tomorrow 1:30", autumn)


def test_an_echo_names_the_day_the_zone_and_the_distance() -> None:
    assert NIGHT.in_full(at(27, 6, 30)) == "06:30 PDT today, Sat 27 June 2026 (in 2 h 51)"
    assert NIGHT.in_full(at(28, 0, 5)) == "00:05 PDT tomorrow, Sun 28 June 2026 (in 20 h 26)"
    assert NIGHT.short(at(27, 3, 34)) == "03:34 PDT (5 min ago)"
    assert NIGHT.short(at(28, 4)) == "28 Jun 04:00 PDT (in 24 h 21)"
    assert NIGHT.clock(datetime(2025, 12, 31, 20, tzinfo=UTC)) == "31 Dec 2025 12:00"


def test_times_in_texts_of_the_daemon_are_those_of_the_reader() -> None:
    text = "the ETA 2026-06-27 13:30 UTC is before 2026-06-28 07:05; request 2026-06-27 13:30:12, 2026-99-99 10:00 UTC"
    assert NIGHT.localised(text) == (
        "the ETA Sat 27 Jun 06:30 PDT is before Sun 28 Jun 00:05 PDT; request 2026-06-27 13:30:12, 2026-99-99 10:00 UTC"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("until 2026-06-27 13:30 UTC: the ETA", "until Sat 27 Jun 06:30 PDT: the ETA"),
        ("2026-06-27 13:30: the ETA", "Sat 27 Jun 06:30 PDT: the ETA"),
        ("(2026-06-27 13:30 UTC)", "(Sat 27 Jun 06:30 PDT)"),
        ("2026-06-27 13:30 UTC, 2026-06-27 14:30 UTC.", "Sat 27 Jun 06:30 PDT, Sat 27 Jun 07:30 PDT."),
        ("2026-06-27 13:30:12 UTC", "2026-06-27 13:30:12 UTC"),
        ("since 1999-01-01 08:00 UTC", "since Fri 1 Jan 1999 00:00 PST"),
    ],
)
def test_a_time_is_shown_with_one_zone_whatever_follows_it(text: str, shown: str) -> None:
    assert NIGHT.localised(text) == shown
    in_utc = Moment(NIGHT.now, Zone(UTC)).localised(text)
    assert "UTC UTC" not in in_utc


def test_a_zone_without_letters_is_named_by_its_distance() -> None:
    assert zone_name(datetime(2026, 6, 27, tzinfo=ZoneInfo("America/Sao_Paulo"))) == "UTC-03:00"
    assert zone_name(datetime(2026, 6, 27, tzinfo=UTC)) == "UTC"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=45), "45 s"),
        (timedelta(seconds=90), "2 min"),
        (timedelta(minutes=59, seconds=29), "59 min"),
        (timedelta(minutes=59, seconds=31), "1 h"),
        (timedelta(hours=2, minutes=5), "2 h 05"),
        (timedelta(hours=50), "2 days 2 h"),
    ],
)
def test_durations_are_said_in_the_unit_that_matters(length: timedelta, words: str) -> None:
    assert duration(length) == words


@given(st.integers(0, 365 * 1440), st.times())
def test_a_time_of_day_is_today_and_ahead_or_refused(minute: int, time: object) -> None:
    moment = Moment(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute), LOS_ANGELES)
    typed = f"{time:%H:%M}"
    try:
        instant = future(typed, moment)
    except InvalidInput:
        return
    local = LOS_ANGELES.show(instant)
    assert instant > moment.now
    assert (f"{local:%H:%M}", local.date()) == (typed, LOS_ANGELES.show(moment.now).date())


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert future(text, NIGHT) > NIGHT.now
