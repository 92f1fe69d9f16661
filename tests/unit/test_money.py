"""Amounts become minor units of their currency, and doubtful ones are refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.errors import InvalidInput
from notifier.domain.money import decimals_of, parse_amount, to_decimal


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("39.90", "USD", 3990),
        ("39,90", "EUR", 3990),
        ("39.9", "USD", 3990),
        ("39", "USD", 3900),
        ("0", "USD", 0),
        ("39.9000", "USD", 3990),
        ("4200", "JPY", 4200),
        ("4.125", "KWD", 4125),
        (" 12.00 ", "USD", 1200),
    ],
)
def test_an_amount_becomes_minor_units(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("$39.90", "USD", "not an amount"),
        ("-1", "USD", "not an amount"),
        ("NaN", "USD", "not an amount"),
        ("1e9", "USD", "not an amount"),
        ("1_000", "USD", "not an amount"),
        ("٣", "USD", "not an amount"),
        ("9" * 5000, "USD", "not an amount"),
        ("", "USD", "not an amount"),
        ("1,299", "USD", "thousands"),
        ("1.299", "USD", "thousands"),
        ("1,299.00", "USD", "not an amount"),
        ("39.9011", "USD", "more decimals"),
        ("4.5", "JPY", "more decimals"),
        ("39.90", "USF", "not a currency"),
        ("39.90", "usd", "not a currency"),
    ],
)
def test_a_doubtful_amount_is_refused_with_its_reason(text: str, currency: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_amount(text, currency)


@given(st.integers(0, 10**12 - 1), st.sampled_from(["USD", "JPY", "KWD"]))
def test_minor_units_survive_the_way_out_and_back(minor: int, currency: str) -> None:
    amount = to_decimal(minor, currency)
    assert isinstance(amount, Decimal)
    assert amount * 10 ** decimals_of(currency) == minor
    assert parse_amount(f"{amount:f}", currency) == minor
