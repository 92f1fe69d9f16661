"""The night: who is woken, who waits and until when, across zones and changes of the clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.night import (
    AFTER_RELEASE,
    Decision,
    Hours,
    Message,
    Reader,
    Verdict,
    Why,
    decide,
    hours_of,
    quiet_until,
    rule_of,
    told_by,
)
from notifier.domain.notification import Channel
from notifier.domain.playbook import Night, NightDecision, NightRule

LA = "America/Los_Angeles"
NIGHT = Hours(21 * 60, 8 * 60)
HOLD = NightDecision(rule=NightRule.HOLD)


def at(hour: int, minute: int = 0, *, zone: str = LA, day: int = 10) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def message(**given_: object) -> Message:
    return Message(**{"channel": Channel.SMS, "hours": NIGHT, "rule": HOLD, **given_})  # type: ignore[arg-type]


def reader(**given_: object) -> Reader:
    return Reader(**{"zones": LA, **given_})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hour", "minute", "until"),
    [(20, 59, None), (21, 0, at(8, day=11)), (23, 30, at(8, day=11)), (3, 0, at(8)), (7, 59, at(8)), (8, 0, None)],
)
def test_texts_wait_from_the_beginning_of_the_night_to_its_end(hour: int, minute: int, until: datetime | None) -> None:
    decided = decide(at(hour, minute), message(), reader())
    assert decided == (Decision(Verdict.GOES, Why.DAY) if until is None else Decision(Verdict.WAITS, Why.NIGHT, until))


def test_a_mail_is_never_held() -> None:
    sleeper = reader(own=Hours(0, 23 * 60))
    assert decide(at(3), message(channel=Channel.EMAIL), sleeper) == Decision(Verdict.GOES, Why.MAIL_NEVER_WAKES)


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ({"is_priority": True}, Why.PRIORITY),
        ({"wrote_recently": True}, Why.WROTE),
        ({"corrects_a_wake": True}, Why.CORRECTS_A_WAKE),
    ],
)
def test_some_are_never_held_by_the_night(who: dict[str, object], why: Why) -> None:
    assert decide(at(3), message(), reader(**who)) == Decision(Verdict.GOES, why)


def test_a_person_may_wake_everyone_but_those_with_hours_of_their_own() -> None:
    assert decide(at(3), message(wakes_all=True), reader()) == Decision(Verdict.GOES, Why.WAKE_ALL)
    own = reader(own=Hours(22 * 60, 6 * 60))
    assert decide(at(3), message(wakes_all=True), own) == Decision(Verdict.WAITS, Why.OWN_HOURS, at(6))


def test_own_hours_win_over_priority_and_over_a_rule_that_wakes() -> None:
    own = reader(own=Hours(22 * 60, 6 * 60), is_priority=True, corrects_a_wake=True)
    for rule in NightRule:
        decided = decide(at(3), message(rule=NightDecision(rule=rule)), own)
        assert decided == Decision(Verdict.WAITS, Why.OWN_HOURS, at(6))


def test_own_hours_take_the_place_of_the_night_also_where_they_are_shorter() -> None:
    own = reader(own=Hours(23 * 60, 5 * 60))
    for hour in (22, 6):
        assert decide(at(hour), message(), own) == Decision(Verdict.GOES, Why.OWN_HOURS_OVER)
    never = reader(own=Hours(0, 0))
    assert decide(at(3), message(), never).verdict is Verdict.GOES


def test_safety_wakes_also_in_own_hours() -> None:
    rule = NightDecision(rule=NightRule.HOLD, safety=True)
    assert decide(at(3), message(rule=rule), reader(own=Hours(0, 23 * 60))) == Decision(Verdict.GOES, Why.SAFETY)


def test_who_has_written_is_answered_also_in_own_hours() -> None:
    assert decide(at(3), message(), reader(own=Hours(0, 23 * 60), wrote_recently=True)).why is Why.WROTE


def test_a_rule_may_wake_or_send_a_mail_in_the_place_of_a_text() -> None:
    assert decide(at(3), message(rule=NightDecision(rule=NightRule.WAKE)), reader()).why is Why.RULE_WAKES
    only = message(rule=NightDecision(rule=NightRule.EMAIL_ONLY))
    assert decide(at(3), only, reader(has_mail=True)) == Decision(Verdict.MAIL, Why.NIGHT)
    assert decide(at(3), only, reader()) == Decision(Verdict.WAITS, Why.NIGHT, at(8))
    assert decide(at(12), only, reader(has_mail=True)).why is Why.DAY


def test_with_several_zones_all_must_be_awake() -> None:
    both = f"America/New_York|{LA}"
    assert quiet_until(at(20), both, NIGHT) == at(8, day=11)  # 23:00 in New York; awake together when LA is
    assert quiet_until(at(6), both, NIGHT) == at(8)  # New York has been up for an hour
    assert quiet_until(at(12), both, NIGHT) is None


def test_zones_that_sleep_in_turns_do_not_wait_for_ever() -> None:
    long_nights = Hours(14 * 60, 11 * 60)  # 21 hours
    until = quiet_until(at(12), "Asia/Tokyo|America/New_York|Europe/Paris", long_nights)
    assert until is not None
    assert until <= at(12) + timedelta(days=1)


def test_a_night_that_ends_when_it_begins_is_none() -> None:
    assert quiet_until(at(3), LA, Hours(8 * 60, 8 * 60)) is None


def test_a_night_of_some_hours_of_one_day() -> None:
    siesta = Hours(13 * 60, 15 * 60)
    assert quiet_until(at(14), LA, siesta) == at(15)
    assert quiet_until(at(12, 59), LA, siesta) is None
    assert quiet_until(at(15), LA, siesta) is None


def test_an_end_that_spring_leaves_out_wakes_nobody_early() -> None:
    """On 2026-03-08 clocks go from 2:00 to 3:00 in Los Angeles."""
    hours = Hours(22 * 60, 2 * 60 + 30)
    before = datetime(2026, 3, 8, 9, 30, tzinfo=UTC)  # 1:30
    assert quiet_until(before, LA, hours) == datetime(2026, 3, 8, 10, 30, tzinfo=UTC)  # 3:30


def test_an_end_that_comes_twice_in_autumn_is_the_second_one() -> None:
    """On 2026-11-01 clocks go from 2:00 back to 1:00 in Los Angeles."""
    hours = Hours(22 * 60, 90)
    first, second = datetime(2026, 11, 1, 8, 30, tzinfo=UTC), datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
    assert quiet_until(first - timedelta(minutes=1), LA, hours) == second
    assert quiet_until(first + timedelta(minutes=40), LA, hours) == second  # 1:10 again
    assert quiet_until(second, LA, hours) is None


_zones = st.sampled_from(
    [
        LA,
        "America/New_York",
        "America/Havana",  # changes at midnight
        "Australia/Lord_Howe",  # by half an hour
        "Africa/Cairo",
        "America/Phoenix",  # never
        f"{LA}|America/Denver",
        "America/Chicago|America/New_York|America/Denver",
    ]
)
_instants = st.datetimes(
    min_value=datetime(2025, 1, 1),  # noqa: DTZ001  # the zone is the strategy's
    max_value=datetime(2028, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(_instants, _zones, st.integers(0, 1439), st.integers(1, 16 * 60))
def test_release_is_after_the_night_in_every_zone_and_within_a_day(
    now: datetime, zones: str, begins: int, length: int
) -> None:
    hours = Hours(begins, (begins + length) % 1440)
    until = quiet_until(now, zones, hours)
    if until is None:
        until = now
        for name in zones.split("|"):  # awake by the clock on the wall, too
            local = now.astimezone(ZoneInfo(name))
            minutes = local.hour * 60 + local.minute
            assert not (minutes - begins) % 1440 < length
    assert quiet_until(until, zones, hours) is None
    assert now <= until <= now + timedelta(hours=24)


@given(_instants, st.booleans())
def test_nobody_who_would_be_asleep_is_promised_a_word(promised: datetime, is_priority: bool) -> None:
    who = reader(is_priority=is_priority)
    told = told_by(promised, message(), who)
    assert told >= promised
    assert decide(told, message(), who).verdict is Verdict.GOES


def test_a_promise_in_the_night_is_moved_to_just_after_it_only_for_those_who_sleep() -> None:
    assert told_by(at(21, 50), message(), reader()) == at(8, day=11) + AFTER_RELEASE
    assert told_by(at(20, 50), message(), reader()) == at(20, 50)
    assert told_by(at(21, 50), message(), reader(is_priority=True)) == at(21, 50)
    assert told_by(at(21, 50), message(channel=Channel.EMAIL), reader()) == at(21, 50)
    only = message(rule=NightDecision(rule=NightRule.EMAIL_ONLY))
    assert told_by(at(21, 50), only, reader(has_mail=True)) == at(21, 50)
    assert told_by(at(21, 50), message(wakes_all=True), reader(wrote_recently=True)) == at(8, day=11) + AFTER_RELEASE


def test_hours_and_rule_come_from_the_playbook() -> None:
    degraded = NightDecision(rule=NightRule.EMAIL_ONLY)
    night = Night(begins="22:15", ends="07:30", degraded=degraded)
    assert hours_of(night) == Hours(22 * 60 + 15, 7 * 60 + 30)
    assert rule_of(night, "degraded") is degraded
    assert rule_of(night, "down") is night.down
    assert rule_of(night, "intermittent") is night.intermittent
