"""Caps: one message in a while, so many texts in a day; what must not wait does not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.broadcast import BroadcastKind
from notifier.domain.caps import DAY, NEVER_CAPPED, Caps, Heard, fits_at, next_word_at
from notifier.domain.notification import Channel

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CAPS = Caps(every=timedelta(minutes=20), sms_per_day=6)
MINUTE = timedelta(minutes=1)


def heard(*minutes_ago: int, channel: Channel = Channel.SMS) -> list[Heard]:
    return [Heard(NOW - ago * MINUTE, channel) for ago in minutes_ago]


def fits(before: list[Heard], *, kind: str = "eta", channel: Channel = Channel.SMS, **given_: object) -> object:
    return fits_at(NOW, kind, channel, before, CAPS, **given_)  # type: ignore[arg-type]


@pytest.mark.parametrize(("ago", "wait"), [(0, 20), (5, 15), (19, 1), (20, None), (300, None)])
def test_one_message_in_twenty_minutes(ago: int, wait: int | None) -> None:
    assert fits(heard(ago)) == (None if wait is None else NOW + wait * MINUTE)
    assert fits(heard(ago, channel=Channel.EMAIL), channel=Channel.EMAIL) == fits(heard(ago))


def test_nobody_who_heard_nothing_waits() -> None:
    assert fits([]) is None


def test_the_seventh_text_of_a_day_waits_for_the_first_to_be_a_day_old() -> None:
    six = heard(60, 120, 180, 240, 300, 360)
    assert fits(six) == NOW - 360 * MINUTE + DAY
    assert fits(six[:5]) is None
    assert fits(six, channel=Channel.EMAIL) is None
    assert fits(heard(60, 120, 180, 240, 300, 24 * 60)) is None  # the sixth is a day old


@pytest.mark.parametrize("kind", sorted(NEVER_CAPPED))
def test_that_it_is_over_or_was_nothing_never_waits(kind: BroadcastKind) -> None:
    assert fits(heard(1, 2, 3, 4, 5, 6, 7), kind=kind) is None


@pytest.mark.parametrize("exempt", [{"is_safety": True}, {"wrote_recently": True}])
def test_safety_and_who_wrote_never_wait(exempt: dict[str, object]) -> None:
    assert fits(heard(1, 2, 3, 4, 5, 6, 7), **exempt) is None


def test_a_promise_is_kept_though_it_comes_soon_after_the_last_message() -> None:
    assert fits(heard(5), promised_by=NOW + 10 * MINUTE) is None
    assert fits(heard(5), promised_by=NOW + 15 * MINUTE) == NOW + 15 * MINUTE
    assert fits(heard(5), promised_by=NOW - MINUTE) == NOW + 15 * MINUTE  # too late for that


def test_a_promise_does_not_lift_the_cap_of_a_day_because_none_was_given_for_before() -> None:
    six = heard(60, 120, 180, 240, 300, 360)
    assert fits(six, promised_by=NOW + 10 * MINUTE) == NOW - 360 * MINUTE + DAY
    assert next_word_at(NOW, Channel.SMS, heard(60, 120, 180, 240, 300), CAPS) == NOW - 300 * MINUTE + DAY
    assert next_word_at(NOW, Channel.SMS, [], CAPS) == NOW + CAPS.every


def test_no_cap_in_time_is_possible() -> None:
    assert fits_at(NOW, "eta", Channel.SMS, heard(1), Caps(every=timedelta(), sms_per_day=6)) is None


@given(st.lists(st.integers(0, 3000), max_size=12), st.sampled_from([Channel.SMS, Channel.EMAIL]))
def test_when_it_fits_it_fits(minutes_ago: list[int], channel: Channel) -> None:
    before = heard(*minutes_ago)
    at = fits_at(NOW, "eta", channel, before, CAPS)
    assert at is None or at > NOW
    assert fits_at(at or NOW, "eta", channel, before, CAPS) is None
