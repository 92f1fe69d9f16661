"""State machines refuse what has no arrow, and say so usefully."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.broadcast import BROADCAST, BroadcastState
from notifier.domain.credit import CREDIT
from notifier.domain.errors import TransitionRefused
from notifier.domain.incident import INCIDENT, PART, IncidentState
from notifier.domain.notification import NOTIFICATION, NotificationState
from notifier.domain.promise import PROMISE, PromiseState

MACHINES = [INCIDENT, PART, BROADCAST, NOTIFICATION, PROMISE, CREDIT]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda each: each.name)
def test_every_state_has_its_row_in_the_table(machine):
    states = type(next(iter(machine.arrows)))
    assert set(machine.arrows) == set(states)


@given(st.sampled_from(IncidentState), st.sampled_from(IncidentState))
def test_a_refused_transition_names_both_states_and_what_is_possible(current, wanted):
    if INCIDENT.may(current, wanted):
        assert INCIDENT.require(current, wanted) is wanted
        return
    with pytest.raises(TransitionRefused) as refusal:
        INCIDENT.require(current, wanted, which=42)
    text = str(refusal.value)
    assert text.startswith(f"incident 42 is {current} and cannot become {wanted}")
    for possible in INCIDENT.arrows[current]:
        assert possible in text


def test_a_state_without_arrows_is_final():
    assert NOTIFICATION.is_final(NotificationState.DELIVERED)
    assert not NOTIFICATION.is_final(NotificationState.SENT)
    assert PROMISE.is_final(PromiseState.KEPT)


def test_nothing_that_may_have_been_handed_over_can_become_pending_without_being_in_doubt_or_refused_first():
    # from `sent` only when its provider has reported that it did not arrive
    assert NOTIFICATION.sources(NotificationState.PENDING) == ("held", "in_doubt", "sending", "sent")


def test_a_cancelled_broadcast_never_sends_again():
    assert BROADCAST.is_final(BroadcastState.CANCELLED)
    assert BROADCAST.is_final(BroadcastState.SUPERSEDED)
