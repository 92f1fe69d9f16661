"""What becomes of promises: no minute passes in which one is forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.incident import PartState
from notifier.domain.playbook import Playbook
from notifier.domain.promise import (
    Answer,
    Promise,
    PromiseId,
    PromiseKind,
    PromiseState,
    Verdict,
    ended_by_restoration,
    ended_by_update,
    watch,
)

DUE = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLAN = Playbook(name="p", services=("power",), warn_before=20 * MINUTE, delay_before=5 * MINUTE)


def promise(**facts: object) -> Promise:
    values: dict[str, object] = {
        "id": PromiseId(1),
        "incident_id": 1,
        "part_id": 1,
        "broadcast_id": 1,
        "kind": PromiseKind.ETA,
        "due_at": DUE,
        "state": PromiseState.OPEN,
        "automatic_in_row": 0,
        "may_delay": True,
    }
    return Promise(**(values | facts))  # type: ignore[arg-type]


def verdict(minutes: float, part: PartState = PartState.OUT, *, finish: int = 0, **facts: object) -> Verdict:
    options = {name: facts.pop(name) for name in ("update_at", "answer", "paused") if name in facts}
    return watch(
        promise(**facts),
        part,
        now=DUE + minutes * MINUTE,
        playbook=PLAN,
        to_finish=finish * MINUTE,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("minutes", "what"),
    [
        (-30, "nothing"),
        (-20.1, "nothing"),
        (-20, "warn"),
        (-5.1, "warn"),
        (-5, "delay"),
        (-0.1, "delay"),
        (0, "late"),  # the watcher looks every few seconds: nobody did
        (239, "late"),
        (240, "missed"),  # no news any more
    ],
)
def test_each_minute_has_its_verdict(minutes: float, what: str) -> None:
    assert verdict(minutes) == what


def test_the_time_to_finish_moves_everything_forward() -> None:
    assert verdict(-34, finish=15) is Verdict.WARN
    assert verdict(-20, finish=15) is Verdict.DELAY


def test_a_warning_is_given_once_and_a_person_is_called_once_more_when_it_lapses() -> None:
    warned = DUE - 18 * MINUTE
    assert verdict(-17, warned_at=warned) is Verdict.NOTHING
    assert verdict(-4, warned_at=warned, may_delay=False) is Verdict.PERSON
    assert verdict(-3, warned_at=DUE - 4 * MINUTE, may_delay=False) is Verdict.NOTHING


@pytest.mark.parametrize("facts", [{"may_delay": False}, {"automatic_in_row": 2}, {"paused": True}])
def test_the_daemon_goes_on_by_itself_only_where_it_may(facts: dict[str, object]) -> None:
    assert verdict(-4, **facts) is Verdict.PERSON


def test_an_update_on_its_way_is_enough_only_when_it_comes_in_time() -> None:
    assert verdict(-4, update_at=DUE - MINUTE) is Verdict.NOTHING
    assert verdict(-4, update_at=DUE + MINUTE) is Verdict.DELAY
    assert verdict(1, update_at=DUE - MINUTE) is Verdict.MISSED


@given(minutes=st.floats(min_value=-10_000, max_value=10_000))
def test_nothing_is_done_about_service_that_is_believed_back(minutes: float) -> None:
    assert verdict(minutes, PartState.BELIEVED_BACK) is Verdict.NOTHING


@given(minutes=st.integers(-10_000, 10_000))
def test_when_service_is_back_only_what_nobody_was_told_in_time_is_missed(minutes: float) -> None:
    done = verdict(minutes, PartState.RESTORED, kind=PromiseKind.NEXT_UPDATE)
    assert done is (Verdict.MISSED if minutes >= 0 else Verdict.NOTHING)


@pytest.mark.parametrize(
    ("answer", "minutes", "what"),
    [
        ("going_out", -4, "nothing"),
        ("going_out", 0, "missed"),
        ("paused", -4, "person"),
        ("paused", 0, "missed"),
        ("in_vain", -4, "person"),  # the daemon speaks once
        ("in_vain", 0, "missed"),
        ("handed_over", -4, "nothing"),
        ("handed_over", 90, "nothing"),  # when it was, decides
        ("none", -4, "delay"),
        ("none", 0, "late"),
    ],
)
def test_a_promise_waits_for_its_answer_to_be_handed_over(answer: str, minutes: int, what: str) -> None:
    assert verdict(minutes, answer=Answer(answer)) == what


def test_an_answer_on_its_way_keeps_nothing_while_everything_is_paused() -> None:
    assert verdict(-4, answer=Answer.GOING_OUT, paused=True) is Verdict.PERSON


@given(minutes=st.floats(min_value=0, max_value=10_000), in_row=st.integers(0, 2), may=st.booleans())
def test_a_promise_that_fell_due_is_always_missed(minutes: float, in_row: int, may: bool) -> None:
    done = verdict(minutes, automatic_in_row=in_row, may_delay=may)
    assert done is (Verdict.LATE if may and in_row < 2 and minutes < 240 else Verdict.MISSED)


def test_what_lapsed_is_not_spoken_of_late_while_everything_is_paused() -> None:
    assert verdict(3, paused=True) is Verdict.MISSED


@given(kind=st.sampled_from(PromiseKind), late=st.integers(-100, 100))
def test_a_promise_is_missed_when_its_answer_was_handed_over_too_late(kind: PromiseKind, late: int) -> None:
    state = ended_by_update(kind, DUE, handed_over_at=DUE + late * MINUTE)
    in_time = {PromiseKind.ETA: PromiseState.REVISED, PromiseKind.NEXT_UPDATE: PromiseState.KEPT}[kind]
    assert state is (in_time if late <= 0 else PromiseState.MISSED)


@given(late=st.integers(-100, 100))
def test_an_eta_is_kept_by_service_that_was_back_in_time(late: int) -> None:
    state = ended_by_restoration(DUE, back_at=DUE + late * MINUTE)
    assert state is (PromiseState.KEPT if late <= 0 else PromiseState.MISSED)
