"""What may be done with an incident where it stands, and which incidents disappear into a confirmed one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.errors import Refused, TransitionRefused
from notifier.domain.incident import (
    INCIDENT,
    Action,
    IncidentState,
    PartState,
    actions,
    may_act,
    merged_by,
    require_action,
)

LEADS_TO = {
    Action.CONFIRM: IncidentState.CONFIRMED,
    Action.DISMISS: IncidentState.DISMISSED,
    Action.CLOSE: IncidentState.CLOSED,
}
states, parts = st.sampled_from(IncidentState), st.sampled_from(PartState)


@given(state=states, part=parts, action=st.sampled_from(Action))
def test_whatever_may_be_done_follows_an_arrow_and_whatever_may_not_is_refused(
    state: IncidentState, part: PartState, action: Action
) -> None:
    if may_act(action, state, part):
        require_action(action, state, part, which=42)
        if action in LEADS_TO:
            assert INCIDENT.may(state, LEADS_TO[action])
    else:
        with pytest.raises(Refused, match="42"):
            require_action(action, state, part, which=42)


@given(state=states, part=parts)
def test_a_final_incident_offers_nothing(state: IncidentState, part: PartState) -> None:
    if INCIDENT.is_final(state):
        assert actions(state, part) == ()


def test_a_refusal_names_both_states_and_what_is_possible() -> None:
    with pytest.raises(TransitionRefused, match="incident 42 is dismissed and cannot become confirmed"):
        require_action(Action.CONFIRM, IncidentState.DISMISSED, PartState.OUT, which=42)
    with pytest.raises(Refused, match=r"suspected, its service out: 'eta' .* possible is: confirm, dismiss"):
        require_action(Action.ETA, IncidentState.SUSPECTED, PartState.OUT, which=42)
    with pytest.raises(Refused, match=r"believed back: 'eta' .* possible is: dismiss, reopen"):
        require_action(Action.ETA, IncidentState.CONFIRMED, PartState.BELIEVED_BACK, which=42)
    with pytest.raises(Refused, match=r"resolved.* possible is: reopen, close"):
        require_action(Action.CONFIRM, IncidentState.RESOLVED, PartState.RESTORED, which=42)


def test_only_suspected_incidents_that_are_covered_disappear_into_a_confirmed_one() -> None:
    others = [
        (1, IncidentState.SUSPECTED, 0),
        (2, IncidentState.SUSPECTED, 1),
        (3, IncidentState.CONFIRMED, 0),
    ]
    assert merged_by(others) == [1]
