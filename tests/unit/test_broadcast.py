"""What an update is, which times may be told, and when it may start."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.broadcast import (
    ASSUMED_RATE,
    BroadcastKind,
    check_eta,
    check_next_update,
    check_started,
    not_before,
    time_to_finish,
    update_kind,
)
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.notification import Channel

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
HOUR, MINUTE, TAKE_BACK = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=30)
instants = st.integers(-48 * 60, 100 * 60).map(lambda minutes: NOW + minutes * MINUTE)


@pytest.mark.parametrize(
    ("told", "new", "words", "kind"),
    [
        (None, None, {"is_first": True}, BroadcastKind.ACKNOWLEDGED),
        (None, None, {}, BroadcastKind.DELAYED),
        (None, NOW, {}, BroadcastKind.ETA),
        (None, NOW, {"is_first": True}, BroadcastKind.ETA),
        (NOW, NOW + HOUR, {}, BroadcastKind.DELAYED),
        (NOW, NOW + HOUR, {"new_cause": True}, BroadcastKind.DELAYED),
        (NOW, None, {}, BroadcastKind.DELAYED),
        (NOW, NOW - HOUR, {}, BroadcastKind.ETA_CHANGED),
        (NOW, NOW, {"new_cause": True}, BroadcastKind.ETA_CHANGED),
        (NOW, NOW, {"new_crew": True}, BroadcastKind.ETA_CHANGED),
    ],
)
def test_an_update_is_named_by_what_it_changes(
    told: datetime | None, new: datetime | None, words: dict[str, bool], kind: BroadcastKind
) -> None:
    assert update_kind(told, new, **words) is kind


def test_an_update_with_nothing_new_is_refused() -> None:
    with pytest.raises(Refused, match="told 2026-03-02 14:00 UTC already"):
        update_kind(NOW, NOW)


@given(eta=instants, started=instants)
def test_an_eta_is_told_only_when_it_lies_ahead_after_the_start_and_within_reach(
    eta: datetime, started: datetime
) -> None:
    may = eta > started and NOW + TAKE_BACK < eta <= NOW + 72 * HOUR

    def told() -> datetime:
        return check_eta(eta, now=NOW, started_at=started, at_most=72 * HOUR, take_back=TAKE_BACK)

    if may:
        assert told() == eta
    else:
        with pytest.raises(InvalidInput) as refused:
            told()
        assert refused.value.field == "eta_at"


@pytest.mark.parametrize("by", [NOW - HOUR, NOW + timedelta(seconds=10), NOW + 61 * MINUTE])
def test_a_next_update_outside_the_playbooks_silence_is_refused(by: datetime) -> None:
    with pytest.raises(InvalidInput, match="next_update_within"):
        check_next_update(by, now=NOW, within=HOUR, take_back=TAKE_BACK)


def test_a_next_update_within_the_playbooks_silence_is_taken() -> None:
    assert check_next_update(NOW + HOUR, now=NOW, within=HOUR, take_back=TAKE_BACK) == NOW + HOUR


def test_an_outage_cannot_begin_in_the_future() -> None:
    assert check_started(NOW, now=NOW) == NOW
    with pytest.raises(InvalidInput, match="cannot have begun"):
        check_started(NOW + MINUTE, now=NOW)


def test_channels_work_side_by_side_at_their_rates() -> None:
    messages = {Channel.EMAIL: 1000, Channel.SMS: 50}
    assert time_to_finish(messages, {Channel.EMAIL: 100, Channel.SMS: 1}) == timedelta(seconds=50)
    assert time_to_finish(messages, {Channel.EMAIL: 0.0}) == timedelta(seconds=1000 / ASSUMED_RATE)
    assert time_to_finish({}, {}) == timedelta()


def test_restored_waits_until_it_has_held_and_others_only_for_the_take_back_time() -> None:
    def start(kind: BroadcastKind, back_at: datetime | None = None) -> timedelta:
        at = not_before(kind, now=NOW, take_back=TAKE_BACK, hold_before_restored=10 * MINUTE, back_at=back_at)
        return at - NOW

    assert start(BroadcastKind.ETA) == TAKE_BACK
    assert start(BroadcastKind.RESTORED) == 10 * MINUTE
    assert start(BroadcastKind.RESTORED, NOW - 4 * MINUTE) == 6 * MINUTE
    assert start(BroadcastKind.RESTORED, NOW - HOUR) == TAKE_BACK
