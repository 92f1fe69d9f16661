"""So many at once, then so many per time, each caller by itself."""

from datetime import timedelta

from notifier.web import rate_limit
from notifier.web.rate_limit import RateLimit


def test_a_caller_has_so_many_turns_at_once_and_then_one_after_each_interval() -> None:
    limit = RateLimit(at_once=2, every=timedelta(seconds=10))
    assert [limit.wait("a", 0.0) for _ in range(3)] == [0.0, 0.0, 10.0]
    assert limit.wait("a", 9.0) == 1.0
    assert limit.wait("a", 10.0) == 0.0
    assert limit.wait("a", 10.0) == 10.0


def test_callers_do_not_wait_for_each_other() -> None:
    limit = RateLimit(at_once=1, every=timedelta(seconds=10))
    assert [limit.wait(who, 0.0) for who in "abab"] == [0.0, 0.0, 10.0, 10.0]


def test_the_memory_is_bounded() -> None:
    limit = RateLimit(at_once=1, every=timedelta(seconds=10))
    for caller in range(rate_limit.KEPT_AT_MOST + 5):
        limit.wait(caller, 0.0)
    assert len(limit._full_at) == rate_limit.KEPT_AT_MOST
