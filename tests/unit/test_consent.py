"""What may be written for: said, covered by the basis, or neither; and how far an opt-out reaches."""

from datetime import UTC, date, datetime

import pytest

from notifier.config import Consent
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.consent import (
    CONTRACT,
    Basis,
    ConsentState,
    OptOutScope,
    Purpose,
    StoredConsent,
    VerdictReason,
    decide,
    purpose_of,
    scope_on,
)
from notifier.domain.customer import SuppressionReason

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2027, 1, 31)


def said(state: ConsentState, purpose: Purpose = Purpose.OUTAGE) -> StoredConsent:
    return StoredConsent(purpose=purpose, state=state, source="link", changed_at=NOON)


def test_nothing_stored_means_the_basis() -> None:
    verdict = decide(Purpose.OUTAGE, None, basis=CONTRACT, suppressed=None)
    assert (verdict.allowed, verdict.reason) == (True, VerdictReason.BASIS)
    assert verdict.explain(CONTRACT) == "nothing said; covered by the service contract"


def test_nothing_stored_is_never_a_yes_where_no_basis_covers_it() -> None:
    verdict = decide(Purpose.OFFER, None, basis=CONTRACT, suppressed=None)
    assert (verdict.allowed, verdict.reason) == (False, VerdictReason.NO_BASIS)
    assert verdict.explain(CONTRACT) == "nothing said, and the service contract does not cover it"


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("state", ConsentState)
def test_what_was_said_decides_whatever_the_basis_is(purpose: Purpose, state: ConsentState) -> None:
    for basis in (CONTRACT, Basis(name="none", purposes=frozenset()), Basis(name="all", purposes=frozenset(Purpose))):
        verdict = decide(purpose, said(state, purpose), basis=basis, suppressed=None)
        assert verdict.allowed is (state is ConsentState.GRANTED)


@pytest.mark.parametrize("reason", SuppressionReason)
def test_a_suppression_is_stronger_than_a_yes(reason: SuppressionReason) -> None:
    verdict = decide(Purpose.OUTAGE, said(ConsentState.GRANTED), basis=CONTRACT, suppressed=reason)
    assert not verdict.allowed
    assert verdict.explain(CONTRACT) in ("opted out of everything", "the address must not be written to")


def test_the_shipped_configuration_has_the_shipped_basis() -> None:
    assert Consent().covers() == CONTRACT
    assert Consent(outage=False).covers().default(Purpose.OUTAGE) is ConsentState.REFUSED


@pytest.mark.parametrize("kind", BroadcastKind)
def test_every_kind_of_update_has_a_purpose(kind: BroadcastKind) -> None:
    if kind.startswith("planned_"):
        assert purpose_of(kind) is Purpose.PLANNED
    elif kind is BroadcastKind.FOLLOW_UP:
        assert purpose_of(kind) is Purpose.SURVEY
    else:
        assert purpose_of(kind) is Purpose.OUTAGE


@pytest.mark.parametrize(
    ("day", "scope", "all_from", "expected"),
    [
        (date(2027, 1, 30), OptOutScope.PURPOSE, DAY, OptOutScope.PURPOSE),
        (date(2027, 1, 31), OptOutScope.PURPOSE, DAY, OptOutScope.ALL),
        (date(2028, 1, 1), OptOutScope.PURPOSE, DAY, OptOutScope.ALL),
        (date(2028, 1, 1), OptOutScope.PURPOSE, None, OptOutScope.PURPOSE),
        (date(2020, 1, 1), OptOutScope.ALL, DAY, OptOutScope.ALL),
    ],
)
def test_from_its_day_on_an_opt_out_stops_everything(
    day: date, scope: OptOutScope, all_from: date | None, expected: OptOutScope
) -> None:
    assert scope_on(day, scope=scope, all_from=all_from) is expected
