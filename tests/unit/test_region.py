"""Regions as people write them, in the order of their kinds; nothing ever means everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.errors import InvalidInput
from notifier.domain.region import RegionKey, RegionKinds, label

KINDS = RegionKinds(("node", "postal_code", "city", "area_code", "state"))


@pytest.mark.parametrize(
    ("typed", "kind", "code"),
    [
        ("postal_code:94110", "postal_code", "94110"),
        (" Postal_Code : 94110 ", "postal_code", "94110"),
        ("postal_code:94110-1234", "postal_code", "94110"),
        ("postal_code:941101234", "postal_code", "94110"),
        ("postal_code:v6b 1a1", "postal_code", "V6B 1A1"),
        ("area_code:628", "area_code", "415/628"),
        ("area_code:415/628", "area_code", "415/628"),
        ("city:San  Francisco", "city", "San Francisco"),
        ("node:cmts3:port2", "node", "cmts3:port2"),
        ("state:ca", "state", "CA"),
    ],
)
def test_a_region_is_read_as_it_is_stored(typed: str, kind: str, code: str) -> None:
    key = KINDS.parse(typed)
    assert key == RegionKey(kind, code)
    assert KINDS.parse(str(key)) == key


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("94110", "does not say which kind"),
        ("", "does not say which kind"),
        ("*", "does not say which kind"),
        ("postcode:94110", "did you mean 'postal_code'"),
        ("postal_code:", "is not a postal code"),
        ("postal_code:*", "is not a postal code"),
        ("city:all", "is not a city"),
        ("city:N/A", "is not a city"),
        ("city:" + "x" * 81, "longer than 80"),
        ("postal_code:2138", "not a ZIP code"),
        ("postal_code:9.41E+04", "spreadsheet"),
        ("area_code:917", "two regions"),
        ("area_code:800", "no place"),
        ("area_code:999", "not an area code"),
    ],
)
def test_what_is_no_region_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        KINDS.parse(typed)
    assert refused.value.field == "region"


def test_outside_the_usa_postal_codes_of_digits_are_taken_as_they_are() -> None:
    assert RegionKinds(("postal_code",), country="DE").key("postal_code", "01067").code == "01067"
    assert RegionKinds(("postal_code",), country="NO").key("postal_code", "0150").code == "0150"


@given(st.permutations([*KINDS.kinds, "unknown"]))
def test_regions_are_ordered_from_narrow_to_wide(kinds: list[str]) -> None:
    ordered = KINDS.narrowest(RegionKey(kind, "x") for kind in kinds)
    assert [key.kind for key in ordered] == [*KINDS.kinds, "unknown"]


def test_a_kind_is_named_in_words() -> None:
    assert label("postal_code") == "postal code"
