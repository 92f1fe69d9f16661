"""When a provider is used, slowed or stopped."""

import pytest

from notifier.domain.delivery import Outcome, Result
from notifier.providers.brake import STOP_AT_MOST_SECONDS, TEMPORARY_IN_ROW, Brake, Bucket

OURS = Outcome(result=Result.OURS, code="535 5.7.8", answer="login refused")
ACCEPTED = Outcome(result=Result.ACCEPTED)
TEMPORARY = Outcome(result=Result.TEMPORARY)


def test_an_outcome_of_ours_stops_it_and_a_probe_that_passes_brings_it_back() -> None:
    brake = Brake()
    assert brake.observe(OURS, began=0, monotonic=1)
    assert (brake.is_stopped, brake.reason) == (True, "535 5.7.8 login refused")
    assert brake.wait(monotonic=1) == 5
    assert brake.wait(monotonic=6) == 0
    assert not brake.observe(ACCEPTED, began=6, monotonic=6)
    assert not brake.is_stopped


def test_what_was_under_way_when_it_stopped_does_not_stop_it_again() -> None:
    brake = Brake()
    assert brake.observe(OURS, began=0, monotonic=1)
    assert not brake.observe(OURS, began=0.5, monotonic=2)
    assert brake.wait(monotonic=2) == 4


def test_each_probe_that_fails_doubles_the_wait_up_to_a_limit() -> None:
    brake, now, waits = Brake(), 0.0, []
    for _ in range(10):
        assert brake.observe(OURS, began=now, monotonic=now)
        waits.append(brake.wait(monotonic=now))
        now += waits[-1]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == STOP_AT_MOST_SECONDS


def test_a_refusal_that_is_the_recipients_means_that_it_works() -> None:
    brake = Brake()
    brake.observe(OURS, began=0, monotonic=0)
    brake.observe(Outcome(result=Result.PERMANENT), began=5, monotonic=5)
    assert not brake.is_stopped


def test_many_temporary_failures_in_a_row_slow_it_and_one_success_ends_that() -> None:
    brake = Brake()
    for _ in range(TEMPORARY_IN_ROW - 1):
        brake.observe(TEMPORARY, began=0, monotonic=0)
    assert brake.wait(monotonic=0) == 0
    brake.observe(TEMPORARY, began=0, monotonic=0)
    assert brake.wait(monotonic=0) == 1
    assert not brake.is_stopped
    for _ in range(TEMPORARY_IN_ROW):
        brake.observe(TEMPORARY, began=1, monotonic=1)
    assert brake.wait(monotonic=1) == 2


def test_a_rate_is_kept_with_a_small_burst() -> None:
    bucket, now = Bucket(10), 100.0
    places = []
    for _ in range(31):
        now += bucket.reserve(monotonic=now)
        places.append(now)
    assert places[0] == 100.0
    assert 2.7 <= places[-1] - places[0] <= 3.0


def test_no_rate_never_waits() -> None:
    assert all(Bucket(0).reserve(monotonic=0) == 0 for _ in range(100))


def test_what_carriers_report_halts_it_for_longer_than_an_answer_does() -> None:
    brake = Brake()
    assert brake.halt("30034 reported", monotonic=0)
    assert (brake.is_stopped, brake.reason, brake.wait(monotonic=0)) == (True, "30034 reported", 600)
    assert not brake.halt("30034 reported", monotonic=10)  # of what went out before
    assert brake.wait(monotonic=10) == 590


def test_a_probe_that_is_taken_proves_nothing_before_it_arrives() -> None:
    brake = Brake()
    brake.halt("30034 reported", monotonic=0)
    brake.observe(ACCEPTED, began=1, monotonic=2)  # was under way
    assert brake.wait(monotonic=2) == 598
    brake.observe(ACCEPTED, began=600, monotonic=601)
    assert (brake.is_stopped, brake.wait(monotonic=601)) == (True, 60)
    brake.arrived()
    assert (brake.is_stopped, brake.wait(monotonic=602)) == (False, 0)


def test_a_probe_that_is_reported_again_halts_it_for_twice_as_long() -> None:
    brake = Brake()
    brake.halt("30034 reported", monotonic=0)
    brake.observe(ACCEPTED, began=600, monotonic=600)
    assert brake.halt("30034 reported", monotonic=610)
    assert brake.wait(monotonic=610) == 1_200
    for monotonic in range(2_000, 40_000, 4_000):
        brake.observe(ACCEPTED, began=monotonic, monotonic=monotonic)
        brake.halt("30034 reported", monotonic=monotonic + 1)
    assert brake.wait(monotonic=monotonic + 1) == 3_600


def test_probes_that_nobody_complains_about_end_it() -> None:
    brake = Brake()
    brake.halt("30007 reported", monotonic=0)
    for monotonic in (600, 660, 720):
        assert brake.is_stopped
        brake.observe(ACCEPTED, began=monotonic, monotonic=monotonic)
    assert not brake.is_stopped


def test_an_arrival_of_what_went_out_before_does_not_end_it() -> None:
    brake = Brake()
    brake.halt("30007 reported", monotonic=0)
    brake.arrived()
    assert brake.wait(monotonic=1) == 599


def test_a_message_of_several_places_waits_for_all_of_them() -> None:
    bucket = Bucket(10)
    assert [bucket.reserve(monotonic=100.0, places=2) for _ in range(3)] == pytest.approx([0.0, 0.0, 0.2])
    bucket.give_back(2)
    assert bucket.reserve(monotonic=100.0, places=2) == pytest.approx(0.2)
