"""What changes when somebody saves their page: only what is different, and never what is not theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.consent import Purpose
from notifier.domain.notification import Channel
from notifier.domain.preferences import (
    Changes,
    Choices,
    Incident,
    Mistake,
    Preferences,
    Site,
    clock_time,
    compare,
    parse_hours,
)

LOCALES = {"en": None, "es": None}
NOW = Preferences(
    contact_point_id=1,
    masked="j***@example.com",
    locale="",
    language="en",
    stopped=False,
    blocked=False,
    purposes=frozenset({Purpose.OUTAGE, Purpose.PLANNED}),
    channels=(Channel.SMS,),
    channels_off=frozenset({Channel.EMAIL}),
    quiet=(1320, 420),
    sites=(Site(id=1, name="12 Oak St", heard_of=True), Site(id=2, name="Barn", heard_of=False)),
    incidents=(Incident(id=7, service="power", paused=False),),
)
SAME = {
    "locale": "en",
    "purposes": NOW.purposes,
    "channels": frozenset({Channel.SMS}),
    "quiet_from": "22:00",
    "quiet_until": "7:00",
    "sites": frozenset({1}),
}


def choose(**choices: object) -> Changes | list[Mistake]:
    return compare(NOW, Choices(**{**SAME, **choices}), LOCALES)  # type: ignore[arg-type]


def test_a_page_that_is_saved_as_it_was_shown_changes_nothing() -> None:
    assert choose() == Changes(quiet=(1320, 420))
    assert Changes(quiet=(1320, 420)).named() == []


@pytest.mark.parametrize(
    ("choices", "names"),
    [
        ({"locale": "es"}, ["language"]),
        ({"purposes": frozenset({Purpose.OUTAGE, Purpose.OFFER})}, ["consent.planned", "consent.offer"]),
        ({"channels": frozenset()}, ["channels"]),
        ({"quiet_from": "23:00"}, ["quiet hours"]),
        ({"quiet_from": "", "quiet_until": ""}, ["quiet hours"]),
        ({"sites": frozenset({2})}, ["sites"]),
        ({"paused": frozenset({7})}, ["pauses"]),
    ],
)
def test_each_change_is_found_and_named_without_its_value(choices: dict[str, object], names: list[str]) -> None:
    changes = choose(**choices)
    assert isinstance(changes, Changes)
    assert changes.named() == names


def test_sites_incidents_and_channels_of_others_change_nothing() -> None:
    assert choose(
        sites=frozenset({1, 99}), paused=frozenset({8}), channels=frozenset({Channel.SMS, Channel.EMAIL})
    ) == Changes(quiet=(1320, 420))


def test_every_mistake_is_said_at_once() -> None:
    assert choose(locale="tlh", quiet_from="") == [Mistake.LANGUAGE_UNKNOWN, Mistake.HOURS_INCOMPLETE]


@pytest.mark.parametrize(
    ("begin", "until", "expected"),
    [
        ("", "", None),
        (" ", "", None),
        ("22:00", "07:00", (1320, 420)),
        ("0:00", "23:59", (0, 1439)),
        ("22:00:00", "7:00", (1320, 420)),
        ("22:00", "", Mistake.HOURS_INCOMPLETE),
        ("24:00", "7:00", Mistake.HOURS_WRONG),
        ("22:60", "7:00", Mistake.HOURS_WRONG),
        ("٢٢:00", "7:00", Mistake.HOURS_WRONG),
        ("10 pm", "7:00", Mistake.HOURS_WRONG),
        ("7:00", "07:00", Mistake.HOURS_EQUAL),
    ],
)
def test_hours_are_two_different_times_of_the_day_or_none(begin: str, until: str, expected: object) -> None:
    assert parse_hours(begin, until) == expected


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_hours_are_shown_as_they_are_read(begin: int, until: int) -> None:
    expected = Mistake.HOURS_EQUAL if begin == until else (begin, until)
    assert parse_hours(clock_time(begin), clock_time(until)) == expected


@pytest.mark.parametrize(
    "other",
    [
        {"language": "es"},
        {"stopped": True},
        {"blocked": True},
        {"purposes": frozenset()},
        {"channels_off": frozenset()},
        {"quiet": None},
        {"sites": ()},
        {"incidents": ()},
    ],
)
def test_the_fingerprint_differs_whenever_a_setting_does(other: dict[str, object]) -> None:
    from dataclasses import replace

    assert replace(NOW, **other).fingerprint != NOW.fingerprint  # type: ignore[arg-type]
    assert replace(NOW, masked="x").fingerprint == NOW.fingerprint
