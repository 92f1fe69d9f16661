"""Who is woken, when, and about what: nobody is forgotten, nobody is called fifty times, and it never ends silently."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain import on_call
from notifier.domain.on_call import CallReason, NextCall, Roster, Turn, Verb, answers_of, gathered, next_call

NOW = datetime(2026, 3, 2, 3, 6, tzinfo=UTC)
TEN = timedelta(minutes=10)
ROSTER = Roster(people=("ann", "bea", "cem"), answer_within=TEN)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


# --- whom to call ----------------------------------------------------------------------------------------------------


def test_the_first_of_the_list_is_called_at_once() -> None:
    assert next_call([], ROSTER, since=NOW) == NextCall(person="ann", due_at=NOW)


def test_without_an_answer_the_next_one_is_called_when_the_time_is_over() -> None:
    assert next_call([Turn(person="ann", called_at=NOW)], ROSTER, since=NOW) == NextCall(person="bea", due_at=at(10))


def test_when_every_route_of_a_person_failed_the_next_one_is_called_at_once() -> None:
    lost = Turn(person="ann", called_at=NOW, is_lost=True)
    assert next_call([lost], ROSTER, since=NOW) == NextCall(person="bea", due_at=NOW)


def test_after_the_last_of_the_list_the_first_is_called_again() -> None:
    turns = [Turn(person=name, called_at=at(10 * n)) for n, name in enumerate(ROSTER.people)]
    assert next_call(turns, ROSTER, since=NOW) == NextCall(person="ann", due_at=at(30))


def test_each_round_begins_after_a_longer_pause_up_to_an_hour() -> None:
    pauses = [on_call.pause_after(rounds, TEN) // MINUTE for rounds in range(1, 7)]
    assert pauses == [10, 20, 40, 60, 60, 60]


def test_when_nobody_can_be_reached_the_rounds_do_not_race() -> None:
    turns = [Turn(person=name, called_at=NOW, is_lost=True) for name in ROSTER.people]
    found = next_call(turns, ROSTER, since=NOW)
    assert found == NextCall(person="ann", due_at=at(10))


def test_who_answered_that_they_wait_is_asked_again_first() -> None:
    assert next_call([], ROSTER, since=at(30), first="cem") == NextCall(person="cem", due_at=at(30))
    after_cem = next_call([Turn(person="cem", called_at=at(30))], ROSTER, since=at(30), first="cem")
    assert after_cem == NextCall(person="ann", due_at=at(40))


def test_who_is_not_on_the_list_any_more_does_not_stop_it() -> None:
    found = next_call([Turn(person="gone", called_at=NOW)], ROSTER, since=NOW, first="gone")
    assert found is not None
    assert found.person in ROSTER.people


def test_an_empty_list_calls_nobody() -> None:
    assert next_call([], Roster(people=(), answer_within=TEN), since=NOW) is None


def test_without_everybody_the_roster_stays_whole() -> None:
    assert ROSTER.without(["ann"]).people == ("bea", "cem")
    assert ROSTER.without(ROSTER.people).people == ROSTER.people


@given(
    people=st.integers(1, 6),
    minutes=st.integers(1, 120),
    lost=st.lists(st.booleans(), min_size=60, max_size=60),
    first=st.integers(0, 5),
)
def test_while_nobody_answers_somebody_is_always_called_again(
    people: int, minutes: int, lost: list[bool], first: int
) -> None:
    names = tuple(f"p{n}" for n in range(people))
    roster = Roster(people=names, answer_within=timedelta(minutes=minutes))
    longest = max(timedelta(hours=1), roster.answer_within)
    turns: list[Turn] = []
    for is_lost in lost:
        found = next_call(turns, roster, since=NOW, first=f"p{first}")
        assert found is not None
        if turns:
            waited = found.due_at - turns[-1].called_at
            assert timedelta() <= waited <= longest
            assert waited >= roster.answer_within or turns[-1].is_lost
        turns.append(Turn(person=found.person, called_at=found.due_at, is_lost=is_lost))
    for n in range(len(turns) - people):
        assert {turn.person for turn in turns[n : n + people]} == set(names)  # nobody is passed over
    for n in range(len(turns) - people):
        # also when nobody can be reached: a whole round takes at least the time that one person has
        assert turns[n + people].called_at - turns[n].called_at >= roster.answer_within


# --- about what ------------------------------------------------------------------------------------------------------


def test_what_comes_up_at_the_same_time_is_one_call() -> None:
    waiting = {f"suspected {n}": NextCall(person="ann", due_at=NOW) for n in range(50)}
    calls = gathered(waiting, {}, now=NOW)
    assert list(calls) == ["ann"]
    assert len(calls["ann"]) == 50


def test_who_was_called_a_moment_ago_is_not_called_again_yet() -> None:
    waiting = {"suspected 2": NextCall(person="ann", due_at=at(0.5))}
    assert gathered(waiting, {"ann": NOW}, now=at(1)) == {}
    assert gathered(waiting, {"ann": NOW}, now=at(2)) == {"ann": ("suspected 2",)}


def test_a_call_takes_along_what_would_be_due_a_moment_later() -> None:
    waiting = {"suspected 1": NextCall(person="bea", due_at=NOW), "suspected 2": NextCall(person="bea", due_at=at(2))}
    assert gathered(waiting, {}, now=NOW) == {"bea": ("suspected 1", "suspected 2")}


def test_what_is_due_much_later_is_not_taken_along_nor_brings_a_call() -> None:
    waiting = {"suspected 1": NextCall(person="bea", due_at=NOW), "suspected 2": NextCall(person="bea", due_at=at(3))}
    assert gathered(waiting, {}, now=NOW) == {"bea": ("suspected 1",)}
    assert gathered({"x": NextCall(person="bea", due_at=at(1))}, {}, now=NOW) == {}


def test_two_people_are_called_beside_each_other() -> None:
    waiting = {"suspected 1": NextCall(person="ann", due_at=NOW), "approval 2": NextCall(person="bea", due_at=NOW)}
    assert gathered(waiting, {"ann": at(-9)}, now=NOW) == {"ann": ("suspected 1",), "bea": ("approval 2",)}


@given(st.lists(st.integers(0, 1200), min_size=1, max_size=60))
def test_a_storm_is_a_call_every_two_minutes_at_most_and_nothing_waits_longer(seconds: list[int]) -> None:
    due = {f"suspected {n}": NOW + timedelta(seconds=second) for n, second in enumerate(seconds)}
    called: dict[str, datetime] = {}
    times: list[datetime] = []
    for tick in range(0, 1200 + 130, 10):
        now = NOW + timedelta(seconds=tick)
        waiting = {key: NextCall(person="ann", due_at=when) for key, when in due.items() if key not in called}
        for keys in gathered(waiting, {"ann": times[-1]} if times else {}, now=now).values():
            times.append(now)
            called |= dict.fromkeys(keys, now)
    assert set(called) == set(due)
    assert all(later - earlier >= on_call.GATHER for earlier, later in pairwise(times))
    assert all(called[key] - due[key] <= on_call.GATHER + timedelta(seconds=10) for key in due)


# --- answers ---------------------------------------------------------------------------------------------------------


def test_what_is_suspected_is_sent_by_text_only_where_its_place_is_settled() -> None:
    assert Verb.SEND in answers_of([CallReason.SUSPECTED])
    assert answers_of([CallReason.SUSPECTED], may_send=False) == (Verb.WAIT, Verb.NO)


def test_one_suspected_incident_can_be_sent_and_dismissed_by_text() -> None:
    assert answers_of([CallReason.SUSPECTED]) == (Verb.SEND, Verb.WAIT, Verb.NO)


def test_an_approval_can_be_given_by_text_only_by_who_may() -> None:
    assert answers_of([CallReason.APPROVAL_WAITING]) == (Verb.YES, Verb.NO, Verb.WAIT)
    assert answers_of([CallReason.APPROVAL_WAITING], may_approve=False) == (Verb.WAIT,)


@pytest.mark.parametrize(
    "reasons",
    [
        [CallReason.SUSPECTED, CallReason.SUSPECTED],
        [CallReason.SUSPECTED, CallReason.APPROVAL_WAITING],
        [CallReason.PROVIDER_STOPPED],
        [CallReason.SOURCE_SILENT],
        [CallReason.PROMISE_IN_DANGER],
        [CallReason.TEST],
    ],
)
def test_of_several_and_of_the_rest_it_can_only_be_said_that_it_is_known(reasons: list[CallReason]) -> None:
    assert answers_of(reasons) == (Verb.WAIT,)


def test_a_call_about_several_counts_under_the_most_urgent() -> None:
    assert on_call.most_urgent([CallReason.TEST, CallReason.SUSPECTED, CallReason.APPROVAL_WAITING]) == (
        CallReason.APPROVAL_WAITING
    )


def test_an_answered_alarm_rests_for_half_an_hour() -> None:
    assert on_call.asked_again_at(NOW, None) == at(30)
    assert on_call.asked_again_at(NOW, at(120)) == at(30)
    assert on_call.asked_again_at(NOW, at(-5)) == at(30)


def test_a_promise_is_asked_about_again_shortly_before_it_falls_due() -> None:
    assert on_call.asked_again_at(NOW, at(20)) == at(15)
    assert on_call.asked_again_at(NOW, at(7)) == at(5)


def test_a_person_is_the_same_by_text_and_by_key() -> None:
    keys = {"Ann Miller": "ann", "Bea": ""}
    assert on_call.identity(on_call.actor_name("Ann Miller"), keys) == on_call.identity("Ann", keys)
    assert on_call.identity(on_call.actor_name("Bea"), keys) == on_call.identity("bea", keys)
    assert on_call.identity("cem", keys) != on_call.identity("bea", keys)
    assert on_call.person_behind("on-call:Ann Miller via sms") == "Ann Miller"
    assert on_call.person_behind("ann") is None


def test_a_failing_route_is_tried_again_soon_and_then_less_often() -> None:
    assert [on_call.try_again_after(n).total_seconds() for n in range(1, 7)] == [15, 30, 60, 120, 120, 120]
