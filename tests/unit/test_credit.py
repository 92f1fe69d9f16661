"""Credit lines: which are made, who approves them, and that no step is ever made twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.credit import (
    CREDIT,
    NOTHING_YET,
    CreditReason,
    CreditState,
    Granted,
    Limits,
    by_hand,
    by_rule,
    lines,
    month_of,
    require_second_person,
    steps_by_tariff,
)
from notifier.domain.errors import Forbidden, InvalidInput
from tests.unit.test_tariff import HOME, LA, NOON, OUT, PLAIN, spell

LIMITS = Limits(customer_baseline=5000, incident_baseline=20_000, budget=30_000, agent_baseline=2500)
AGENT = Actor(name="eve", role=KeyRole.AGENT)
MANAGER = Actor(name="mia", role=KeyRole.MANAGER)


def made(tariff=PLAIN, hours: float = 72, granted: Granted = NOTHING_YET):
    owed = steps_by_tariff((tariff,), OUT, [spell(0, hours)], LA)
    return [(line.step, line.amount) for line in lines(7, owed, HOME, granted)]


def test_each_step_is_a_line_and_one_that_exists_is_never_made_again():
    assert made() == [(1, 2500), (2, 2500), (3, 2500)]
    assert made(granted=Granted(steps={("plain", 1): 2500, ("plain", 2): 2500})) == [(3, 2500)]
    assert made(granted=Granted(steps={("other", 1): 2500})) == made()


def test_caps_trim_the_last_line_and_count_what_was_ever_made():
    capped = replace(PLAIN, per_incident_at_most="60.00")
    assert made(capped) == [(1, 2500), (2, 2500), (3, 1000)]
    assert made(capped, 96, Granted(steps={("plain", 1): 2500, ("plain", 2): 2500, ("plain", 3): 1000})) == []
    by_price = replace(PLAIN, price_at_most="1/1")
    assert made(by_price) == [(1, 2500), (2, 2490)]


def test_caps_per_month_and_year_count_other_incidents():
    monthly = replace(PLAIN, per_month_at_most="60.00")
    assert made(monthly, granted=Granted(steps={}, in_month={"plain": 4000})) == [(1, 2000)]
    yearly = replace(PLAIN, per_year_at_most="60.00", per_month_at_most="60.00")
    assert made(yearly, granted=Granted(steps={}, in_month={"plain": 0}, in_year={"plain": 6000})) == []


def test_all_new_lines_of_a_customer_are_decided_together():
    new = lines(7, steps_by_tariff((PLAIN,), OUT, [spell(0, 48)], LA), HOME, NOTHING_YET)
    assert by_rule(new, NOTHING_YET, LIMITS, of_incident=0)[0] is CreditState.APPROVED
    more = Granted(steps={}, owed=1)
    assert by_rule(new, more, LIMITS, of_incident=0)[1] is CreditReason.ABOVE_CUSTOMER_BASELINE
    assert by_rule(new, NOTHING_YET, LIMITS, of_incident=15_001)[1] is CreditReason.ABOVE_INCIDENT_BASELINE
    assert by_rule(new, NOTHING_YET, LIMITS, of_incident=25_001)[1] is CreditReason.OVER_BUDGET


@pytest.mark.parametrize(
    ("amount", "actor", "had", "reason"),
    [
        (2500, AGENT, 0, CreditReason.GRANTED),
        (2500, AGENT, 1, CreditReason.ABOVE_OWN_BASELINE),
        (2501, AGENT, 0, CreditReason.ABOVE_OWN_BASELINE),
        (5000, MANAGER, 0, CreditReason.GRANTED),
        (5001, MANAGER, 0, CreditReason.ABOVE_OWN_BASELINE),
        (30_001, MANAGER, 0, CreditReason.OVER_BUDGET),
    ],
)
def test_goodwill_is_approved_up_to_the_baseline_of_the_role(amount, actor, had, reason):
    state, found = by_hand(amount, actor, LIMITS, of_customer=had, of_incident=0)
    assert found is reason
    assert (state is CreditState.APPROVED) is (reason is CreditReason.GRANTED)


def test_goodwill_is_more_than_nothing_and_not_for_viewers_or_systems_to_grant():
    with pytest.raises(InvalidInput):
        by_hand(0, AGENT, LIMITS, of_customer=0, of_incident=0)
    for role in (KeyRole.VIEWER, KeyRole.SYSTEM):
        with pytest.raises(Forbidden):
            by_hand(1, Actor(name="x", role=role), LIMITS, of_customer=0, of_incident=0)


def test_nobody_approves_what_they_granted():
    require_second_person(MANAGER, "eve")
    with pytest.raises(Forbidden, match="another manager"):
        require_second_person(MANAGER, "mia")
    with pytest.raises(Forbidden):
        require_second_person(AGENT, "mia")


def test_what_is_rejected_or_posted_is_final_and_what_failed_may_be_tried_again():
    assert CREDIT.is_final(CreditState.REJECTED)
    assert CREDIT.is_final(CreditState.POSTED)
    assert CREDIT.may(CreditState.FAILED, CreditState.POSTING)
    assert not CREDIT.may(CreditState.POSTING, CreditState.REJECTED)


def test_a_month_later_than_december_is_in_the_next_year():
    assert month_of(NOON, LA) == 202603
    assert month_of(NOON, LA, later=10) == 202701
    assert month_of(NOON, LA, later=9) == 202612


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(0, 200))
def test_however_often_it_is_counted_a_customer_gets_what_the_longest_outage_owes(hours, cap):
    tariff = replace(PLAIN, per_incident_at_most=str(cap) if cap else "")
    steps: dict[tuple[str, int], int] = {}
    for long in hours:
        owed = steps_by_tariff((tariff,), OUT, [spell(0, long)], LA)
        for line in lines(7, owed, HOME, Granted(steps=steps)):
            assert (line.tariff, line.step) not in steps
            steps[line.tariff, line.step] = line.amount
    assert sum(steps.values()) == sum(amount for _, amount in made(tariff, max(hours)))
