"""What becomes of a message after a hand-over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.broadcast import BroadcastState
from notifier.domain.delivery import (
    RESENDS_AT_MOST,
    RETRY_AT_MOST,
    Next,
    Outcome,
    Result,
    after,
    claim_size,
    retry_wait,
    settle,
)
from notifier.domain.notification import NOTIFICATION, NotificationReason, NotificationState

NOW = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
STALE = timedelta(hours=4)


def decided(
    outcome: Outcome, *, attempts: int = 1, since: datetime = NOW, broadcast: BroadcastState = BroadcastState.SENDING
) -> Next:
    return after(outcome, attempts=attempts, now=NOW, since=since, stale_after=STALE, broadcast=broadcast, jitter=0.5)


def settled(
    *,
    may_resend: bool = True,
    doubts: int = 1,
    since: datetime = NOW,
    broadcast: BroadcastState = BroadcastState.SENDING,
) -> Next:
    return settle(
        may_resend=may_resend,
        doubts=doubts,
        now=NOW,
        since=since,
        stale_after=STALE,
        broadcast=broadcast,
        jitter=0.5,
    )


@given(
    st.sampled_from(Result),
    st.sampled_from(BroadcastState),
    st.integers(1, 50),
    st.timedeltas(timedelta(), timedelta(days=2)),
)
def test_every_outcome_follows_an_arrow_of_the_state_machine(
    result: Result, broadcast: BroadcastState, attempts: int, age: timedelta
) -> None:
    next_ = decided(Outcome(result=result), attempts=attempts, since=NOW - age, broadcast=broadcast)
    assert NOTIFICATION.may(NotificationState.SENDING, next_.state)
    assert (next_.due_at is None) == (next_.state is not NotificationState.PENDING)


@given(
    st.booleans(), st.sampled_from(BroadcastState), st.integers(1, 50), st.timedeltas(timedelta(), timedelta(days=2))
)
def test_every_settlement_follows_an_arrow_of_the_state_machine(
    may_resend: bool, broadcast: BroadcastState, doubts: int, age: timedelta
) -> None:
    next_ = settled(may_resend=may_resend, doubts=doubts, since=NOW - age, broadcast=broadcast)
    assert NOTIFICATION.may(NotificationState.IN_DOUBT, next_.state)


@given(st.integers(0, 1000), st.floats(0, 1, exclude_max=True))
def test_a_retry_waits_longer_each_time_within_bounds(attempts: int, jitter: float) -> None:
    assert timedelta(seconds=15) <= retry_wait(attempts, jitter) <= RETRY_AT_MOST * 1.5


def test_a_temporary_failure_is_tried_again_no_sooner_than_the_provider_asks() -> None:
    next_ = decided(Outcome(result=Result.TEMPORARY, retry_after=timedelta(minutes=7)))
    assert next_ == Next(
        state=NotificationState.PENDING,
        reason=NotificationReason.TEMPORARY_FAILURE,
        due_at=NOW + timedelta(minutes=7),
    )


def test_news_that_is_no_news_any_more_is_given_up() -> None:
    next_ = decided(Outcome(result=Result.TEMPORARY), since=NOW - STALE)
    assert (next_.state, next_.reason) == (NotificationState.FAILED, NotificationReason.STALE)


@pytest.mark.parametrize(
    ("broadcast", "ends"),
    [
        (BroadcastState.SUPERSEDED, NotificationState.SUPERSEDED),
        (BroadcastState.CANCELLED, NotificationState.CANCELLED),
        (BroadcastState.PAUSED, NotificationState.PENDING),
    ],
)
def test_a_retry_of_a_broadcast_that_no_longer_sends_goes_to_its_end(
    broadcast: BroadcastState, ends: NotificationState
) -> None:
    assert decided(Outcome(result=Result.TEMPORARY), broadcast=broadcast).state is ends


def test_a_message_taken_is_sent_though_its_broadcast_was_superseded_meanwhile() -> None:
    next_ = decided(Outcome(result=Result.ACCEPTED), broadcast=BroadcastState.SUPERSEDED)
    assert next_.state is NotificationState.SENT


def test_an_outcome_of_ours_blames_no_recipient() -> None:
    next_ = decided(Outcome(result=Result.OURS, code="535"))
    assert (next_.state, next_.reason) == (NotificationState.PENDING, NotificationReason.PROVIDER_STOPPED)


def test_doubt_is_settled_at_once_the_first_time_and_later_the_next() -> None:
    assert settled().due_at == NOW
    again = settled(doubts=2)
    assert again.due_at is not None
    assert again.due_at > NOW


def test_doubt_is_held_by_policy() -> None:
    assert settled(may_resend=False).state is NotificationState.HELD


def test_a_message_in_doubt_again_and_again_is_held_for_a_person() -> None:
    assert settled(doubts=RESENDS_AT_MOST).state is NotificationState.PENDING
    assert settled(doubts=RESENDS_AT_MOST + 1).state is NotificationState.HELD


def test_doubt_about_a_superseded_update_is_not_sent_again() -> None:
    assert settled(broadcast=BroadcastState.SUPERSEDED).state is NotificationState.SUPERSEDED


@given(st.integers(0, 10**6), st.integers(1, 64))
def test_a_claim_takes_what_was_taken_last_second_at_least_the_concurrency_at_most_500(
    taken: int, concurrency: int
) -> None:
    size = claim_size(taken_last_second=taken, concurrency=concurrency)
    assert concurrency <= size <= 500
    assert size == concurrency or size <= taken
