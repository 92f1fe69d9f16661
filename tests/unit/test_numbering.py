"""The area-code table says what NANPA says, and overlays are one region."""

import csv
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from notifier.domain.numbering import PUBLIC_PLAN, NumberingPlan, area_code_of, problems

REPORT = Path(__file__).parents[3] / "shared/contracts/phones/npa_report_2025-11-26.csv"
IN_TWO_COMPLEXES = {"917", "564", "872", "878", "943"}
ZONES_BY_PLACE = {"709", "879", "907", "986"}  # more than the report's letters say
SUSPENDED = {"734"}  # the report's list is that of a relief that is suspended


def is_in_service(code: str) -> bool:
    known = PUBLIC_PLAN.find(code)
    return known is not None and known.in_service


def codes_of(region: str, plan: NumberingPlan = PUBLIC_PLAN) -> set[str]:
    return {known.code for known in plan if known.region == region}


@pytest.fixture(scope="module")
def report() -> dict[str, dict[str, str]]:
    """Read NANPA's report: line 1 is its date, line 2 the header."""
    if not REPORT.exists():
        pytest.skip(f"NANPA's report is not beside this checkout ({REPORT})")
    with REPORT.open(newline="", encoding="utf-8-sig") as file:
        next(file)
        return {row["NPA_ID"]: row for row in csv.DictReader(file)}


def test_the_same_codes_are_in_service(report: dict[str, dict[str, str]]) -> None:
    in_service = {code for code, row in report.items() if row["IN_SERVICE"] == "Y"}
    dated = {code for code, row in report.items() if row["IN_SERVICE"] != "Y" and row["IN_SERVICE_DT"]}
    assert len(in_service) == 481
    assert {known.code for known in PUBLIC_PLAN if known.in_service} == in_service | dated


def test_the_same_codes_are_geographic(report: dict[str, dict[str, str]]) -> None:
    geographic = {code for code, row in report.items() if row["IN_SERVICE"] == "Y" and row["USE"] == "G"}
    assert len(geographic) == 451
    assert {known.code for known in PUBLIC_PLAN if known.is_geographic} >= geographic
    assert {code for code in report if report[code]["IN_SERVICE"] == "Y"} - geographic == {
        known.code for known in PUBLIC_PLAN if known.in_service and not known.is_geographic
    }


def _pairs(report: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for code, row in report.items():
        if row["USE"] == "G" and code not in SUSPENDED:
            for other in row["OVERLAY_COMPLEX"].replace(",", "/").replace(" ", "").split("/"):
                if other:
                    yield code, other


def test_codes_that_list_each_other_are_one_region_and_no_others(report: dict[str, dict[str, str]]) -> None:
    related: dict[str, set[str]] = {known.code: {known.code} for known in PUBLIC_PLAN if known.region}
    for one, other in _pairs(report):
        if not {one, other} & IN_TWO_COMPLEXES:
            joined = related[one] | related[other]
            for member in joined:
                related[member] = joined
    assert {known.code: codes_of(known.region) for known in PUBLIC_PLAN if known.region} == related


def test_two_zones_are_given_where_the_report_gives_two(report: dict[str, dict[str, str]]) -> None:
    single = {"E", "C", "M", "P", "A", "N", "AK"}
    several = {
        code
        for code, row in report.items()
        if row["USE"] == "G" and row["TIME_ZONE"].strip() not in {*single, ""} and "UTC" not in row["TIME_ZONE"]
    }
    given = {known.code for known in PUBLIC_PLAN if len(known.time_zones) > 1}
    overlaid = {code for region in map(PUBLIC_PLAN.region_of, several) for code in codes_of(region or "")}
    assert given == several | overlaid | ZONES_BY_PLACE
    assert len(several & {known.code for known in PUBLIC_PLAN if known.in_service}) >= 24


def test_every_zone_exists_and_the_first_of_each_code_fits_its_letter(report: dict[str, dict[str, str]]) -> None:
    letters = {"E": "America/New_York", "C": "America/Chicago", "P": "America/Los_Angeles"}
    known_zones = available_timezones()
    for known in PUBLIC_PLAN:
        assert set(known.time_zones) <= known_zones
        assert bool(known.time_zones) == known.is_geographic
        row = report[known.code]
        if row["COUNTRY"] == "US" and row["USE"] == "G" and row["TIME_ZONE"] in letters:
            assert letters[row["TIME_ZONE"]] in known.time_zones


def test_a_code_in_two_complexes_joins_none() -> None:
    for code in IN_TWO_COMPLEXES:
        assert is_in_service(code)
        assert PUBLIC_PLAN.region_of(code) is None
    assert PUBLIC_PLAN.region_of("212") == "212/332/646"
    assert PUBLIC_PLAN.region_of("718") == "347/465/718/929"
    assert PUBLIC_PLAN.region_of("206") != PUBLIC_PLAN.region_of("360")


def test_a_non_geographic_code_is_in_service_and_no_region() -> None:
    for code in ("800", "833", "900", "500", "521", "710", "600"):
        assert is_in_service(code)
        assert PUBLIC_PLAN.region_of(code) is None
        assert PUBLIC_PLAN.time_zones_of(code) == ()
        assert PUBLIC_PLAN.region_named(code) is None


@pytest.mark.parametrize("typed", ["415", "628", "415/628", "628/415", " 415 ", "+1415", "+1 628"])
def test_an_overlay_is_meant_by_any_of_its_codes(typed: str) -> None:
    assert PUBLIC_PLAN.region_named(typed) == "415/628"


def test_the_labels_of_the_public_plan_name_the_same_regions() -> None:
    assert PUBLIC_PLAN.region_named("212/332/646/917") == "212/332/646"
    assert PUBLIC_PLAN.region_named("347/465/718/917/929") == "347/465/718/929"


@pytest.mark.parametrize("typed", ["", "917", "999", "415/212", "415/999", "94110", "abc", "*", "/"])
def test_what_is_no_one_region_names_none(typed: str) -> None:
    assert PUBLIC_PLAN.region_named(typed) is None


def test_a_suspended_relief_joins_nothing() -> None:
    assert PUBLIC_PLAN.region_of("313") == PUBLIC_PLAN.region_of("679") == "313/679"
    assert PUBLIC_PLAN.region_of("734") == "734"


def test_a_configured_overlay_takes_its_codes_out_of_the_public_complex() -> None:
    plan = NumberingPlan([("Manhattan", ("212", "917")), ("North Bay", ("707", "369"))])
    assert plan.region_of("212") == plan.region_of("917") == "Manhattan"
    assert plan.region_of("332") == plan.region_of("646") == "332/646"
    assert codes_of("North Bay", plan) == {"369", "707"}
    assert plan.region_named("917") == "Manhattan"
    assert plan.time_zones_of("Manhattan") == ("America/New_York",)
    assert PUBLIC_PLAN.region_of("212") == "212/332/646"


def test_a_configured_overlay_never_makes_a_non_geographic_code_a_region() -> None:
    plan = NumberingPlan([("Free", ("800", "415"))])
    assert plan.region_of("800") is None
    assert plan.region_of("415") == "Free"
    assert problems([("Free", ("800", "415")), ("Bay", ("415", "999"))]) == [
        "overlay 'Free': 800 is not geographic (toll-free or the like), so never a region",
        "overlay 'Bay': 415 is already in overlay 'Free'",
        "overlay 'Bay': 999 is not an area code of the North American plan",
    ]


def test_a_state_in_one_zone_tells_its_zone_and_one_in_two_does_not() -> None:
    assert PUBLIC_PLAN.time_zone_of_place("ca") == "America/Los_Angeles"
    assert PUBLIC_PLAN.time_zone_of_place("TX") == ""
    assert PUBLIC_PLAN.time_zone_of_place("ZZ") == ""


def test_the_area_code_of_a_number_is_taken_from_e164_of_the_plan_only() -> None:
    assert area_code_of("+14155550123") == "415"
    assert area_code_of("+442079460958") is None
