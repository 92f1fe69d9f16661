"""A receipt moves a message forward, whenever and in whatever order it comes."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.notification import NOTIFICATION, NotificationReason, NotificationState
from notifier.domain.receipt import Fate, ReceiptStatus, Reported, Standing, after_receipt, standing

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FINAL = Fate()
TRY_AGAIN = Fate(tries=2, wait=timedelta(minutes=30))
N, S = NotificationState, ReceiptStatus


def _reported(state: NotificationState, **changes: object) -> Reported:
    reason = NotificationReason.RESENT_BY_POLICY if state is N.PENDING else NotificationReason.ACCEPTED
    return Reported(**{"state": state, "reason": reason, "attempts": 1} | changes)  # type: ignore[arg-type]


def _next(state: NotificationState, found: Standing, fate: Fate = FINAL, attempt: int = 1, **changes: object) -> object:
    next_ = after_receipt(found, fate, attempt=attempt, reported=_reported(state, **changes), now=NOW)
    return next_.state if next_ else None


@pytest.mark.parametrize("order", list(permutations([S.QUEUED, S.SENT, S.DELIVERED, S.SENT])))
def test_the_order_of_receipts_makes_no_difference(order: tuple[ReceiptStatus, ...]) -> None:
    assert standing(order) is Standing.ARRIVED


def test_of_two_end_states_the_first_one_stands() -> None:
    assert standing([S.SENT, S.DELIVERED, S.UNDELIVERED]) is Standing.ARRIVED
    assert standing([S.UNDELIVERED, S.SENT, S.DELIVERED]) is Standing.NOT_ARRIVED


@given(st.sampled_from(N), st.sampled_from(Standing), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_no_receipt_makes_a_step_that_the_table_does_not_know(
    state: NotificationState, found: Standing, attempt: int, attempts: int, may_try_again: bool
) -> None:
    reported = _reported(state, attempts=attempts, may_try_again=may_try_again)
    next_ = after_receipt(found, TRY_AGAIN, attempt=attempt, reported=reported, now=NOW)
    if next_ is not None:
        NOTIFICATION.require(state, next_.state)


@pytest.mark.parametrize("state", [one for one in N if NOTIFICATION.is_final(one)])
@pytest.mark.parametrize("found", list(Standing))
def test_an_end_state_stays(state: NotificationState, found: Standing) -> None:
    assert _next(state, found, may_try_again=True) is None


@pytest.mark.parametrize("found", list(Standing))
def test_what_is_being_handed_over_waits_for_its_outcome(found: Standing) -> None:
    assert _next(N.SENDING, found) is None


@pytest.mark.parametrize("state", [N.IN_DOUBT, N.HELD])
def test_a_receipt_settles_a_doubt(state: NotificationState) -> None:
    assert _next(state, Standing.TAKEN) is N.SENT
    assert _next(state, Standing.ARRIVED) is N.DELIVERED
    assert _next(state, Standing.NOT_ARRIVED) is N.UNDELIVERED


def test_a_message_about_to_be_sent_again_is_not_when_the_first_one_turns_out_taken() -> None:
    assert _next(N.PENDING, Standing.TAKEN) is N.SENT
    assert _next(N.PENDING, Standing.ARRIVED) is N.DELIVERED


def test_a_message_that_was_out_of_reach_is_not_sent_by_a_late_receipt_of_that_try() -> None:
    assert _next(N.PENDING, Standing.TAKEN, reason=NotificationReason.TEMPORARY_FAILURE) is None


def test_a_message_out_of_reach_is_tried_again_while_it_is_news() -> None:
    soon, later = NOW + timedelta(minutes=30), NOW + timedelta(minutes=29)
    again = {"may_try_again": True, "failures": 1}
    assert _next(N.SENT, Standing.NOT_ARRIVED, TRY_AGAIN, **again, news_until=soon) is N.PENDING
    assert _next(N.SENT, Standing.NOT_ARRIVED, TRY_AGAIN, **again, news_until=later) is N.UNDELIVERED
    assert _next(N.SENT, Standing.NOT_ARRIVED, TRY_AGAIN, failures=1) is N.UNDELIVERED
    assert _next(N.SENT, Standing.NOT_ARRIVED, TRY_AGAIN, may_try_again=True, failures=2) is N.PENDING
    assert _next(N.SENT, Standing.NOT_ARRIVED, TRY_AGAIN, may_try_again=True, failures=3) is N.UNDELIVERED


def test_a_failure_of_an_earlier_try_says_nothing_about_the_last_one() -> None:
    assert _next(N.SENT, Standing.NOT_ARRIVED, attempt=1, attempts=2) is None
    assert _next(N.SENT, Standing.ARRIVED, attempt=1, attempts=2) is N.DELIVERED
