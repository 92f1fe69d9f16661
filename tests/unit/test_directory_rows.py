"""Rows of the directory: what is stored of a right one, and every mistake of a wrong one."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.customer import ContactKind, Role, SiteStatus
from notifier.domain.directory import COLUMNS, DirectoryRow, RejectedRow, RowWarning, SiteEntry
from notifier.domain.directory_check import check
from notifier.domain.directory_rules import DirectoryRules, NamedPlace
from notifier.domain.numbering import NumberingPlan
from notifier.domain.region import RegionKey, RegionKinds

ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "Europe/Berlin")
SF = RegionKey("postal_code", "94110")


def rules(*, kinds: tuple[str, ...] = ("node", "postal_code", "city", "area_code", "state")) -> DirectoryRules:
    plan = NumberingPlan([("Manhattan", ("212", "917"))])
    return DirectoryRules(
        services=("internet", "power"),
        kinds=RegionKinds(kinds, plan=plan),
        locales=("en", "es", "fr-CA"),
        time_zones=ZONES,
        named={SF: NamedPlace(name="Mission", time_zone="America/Los_Angeles")},
        plan=plan,
    )


def row(**columns: str) -> DirectoryRow:
    regions = {kind.removeprefix("region_"): columns.pop(kind) for kind in list(columns) if kind[:7] == "region_"}
    given = {"customer_id": "C-1", "site_id": "1", "services": "internet", **columns}
    return DirectoryRow(**given, regions=regions)


def stored(**columns: str) -> SiteEntry:
    result, _ = check(rules(), row(**columns), 7)
    assert isinstance(result, SiteEntry), result
    return result


def rejected(**columns: str) -> RejectedRow:
    result, _ = check(rules(), row(**columns), 7)
    assert isinstance(result, RejectedRow), result
    return result


def warned(**columns: str) -> list[RowWarning]:
    result, warnings = check(rules(), row(**columns), 7)
    assert isinstance(result, SiteEntry), result
    return list(warnings)


def test_the_columns_are_those_of_the_file_in_its_order() -> None:
    assert (
        *("customer_id", "site_id", "name", "label", "address", "services", "status", "account_type", "priority"),
        *("email", "phone", "phone2", "phone2_role", "phone_kind", "locale", "time_zone", "plan", "monthly_price"),
        *("currency", "quiet_from", "quiet_until"),
        *("consent.outage", "consent.planned", "consent.survey", "consent.offer", "consent.basis", "consent.source"),
    ) == COLUMNS


def test_the_least_a_row_can_say_is_an_active_site_without_anything_else() -> None:
    entry = stored()
    assert (entry.customer, entry.site, entry.services, entry.status) == ("C-1", "1", "|internet|", SiteStatus.ACTIVE)
    assert (entry.contacts, entry.regions, entry.priority, entry.price_minor) == ((), (), False, None)
    assert entry.line == 7


def test_a_full_row_is_stored_as_it_says() -> None:
    entry = stored(
        name="Jane  Doe",
        label="Barn",
        address="1 Oak St,\nSpringfield",
        services=" Power | internet|power ",
        status=" Paused ",
        account_type="residential",
        priority="Yes",
        locale="es_mx",
        time_zone="america/chicago",
        plan="Home 100",
        monthly_price="39.90",
        currency="usd",
    )
    assert (entry.name, entry.label, entry.address) == ("Jane Doe", "Barn", "1 Oak St, Springfield")
    assert (entry.services, entry.status, entry.priority) == ("|internet|power|", SiteStatus.PAUSED, True)
    assert (entry.locale, entry.time_zone) == ("es", "America/Chicago")
    assert (entry.plan, entry.price_minor, entry.currency) == ("Home 100", 3990, "USD")


def test_contact_points_keep_the_order_of_the_row_and_have_a_role_each() -> None:
    entry = stored(email="Jane@Example.com", phone="415 555 0101", phone2="(415) 555-0102", phone2_role="Site Manager")
    assert [(each.address, each.kind, each.role, each.position) for each in entry.contacts] == [
        ("jane@example.com", ContactKind.EMAIL, Role.OWNER, 0),
        ("+14155550101", ContactKind.MOBILE, Role.OWNER, 1),
        ("+14155550102", ContactKind.MOBILE, Role.SITE_MANAGER, 2),
    ]
    assert not any(each.is_kind_given for each in entry.contacts)


def test_phone_kind_is_that_of_the_first_number_and_the_second_is_the_households() -> None:
    first, second = stored(phone="415 555 0101", phone_kind="landline", phone2="415 555 0102").contacts
    assert (first.kind, first.is_kind_given) == (ContactKind.LANDLINE, True)
    assert (second.kind, second.is_kind_given, second.role) == (ContactKind.MOBILE, False, Role.HOUSEHOLD)


def test_the_same_number_twice_is_one_contact_point() -> None:
    assert len(stored(phone="415 555 0101", phone2="+1 415 555 0101").contacts) == 1


def test_a_number_with_an_extension_is_stored_without_it_and_said_so() -> None:
    (contact,) = stored(phone="415 555 0101 x12").contacts
    assert (contact.address, contact.kind, contact.is_kind_given) == ("+14155550101", ContactKind.LANDLINE, True)
    (warning,) = warned(phone="415 555 0101 x12")
    assert (warning.line, warning.column, warning.value) == (7, "phone", "415 555 0101 x12")
    assert "extension" in warning.reason


def test_a_locale_without_messages_is_kept_and_said_so() -> None:
    assert stored(locale="de-AT").locale == "de-AT"
    (warning,) = warned(locale="de-AT")
    assert (warning.column, warning.value) == ("locale", "de-AT")
    assert stored(locale="fr_CA").locale == "fr-CA"
    assert stored(locale="en-GB").locale == "en"


def test_regions_come_narrowest_first_with_what_is_configured_of_them() -> None:
    entry = stored(region_state="ca", region_postal_code="94110-1234", region_area_code="628", region_city=" ")
    assert [(str(each.key), each.name, each.derived) for each in entry.regions] == [
        ("postal_code:94110", "Mission", False),
        ("area_code:415/628", "", False),
        ("state:CA", "", False),
    ]


def test_an_area_code_is_a_region_only_when_the_row_gives_none() -> None:
    (derived,) = stored(phone="628 555 0101").regions
    assert (str(derived.key), derived.derived) == ("area_code:415/628", True)
    (given,) = stored(phone="628 555 0101", region_city="Springfield").regions
    assert (str(given.key), given.derived) == ("city:Springfield", False)


@pytest.mark.parametrize("phone", ["800 555 0101", "564 555 0101", "+44 20 7946 0958"])
def test_a_number_of_no_place_or_of_two_gives_no_region(phone: str) -> None:
    assert stored(phone=phone).regions == ()


def test_the_second_number_gives_the_region_when_the_first_cannot() -> None:
    (derived,) = stored(phone="800 555 0101", phone2="916 555 0101").regions
    assert str(derived.key) == "area_code:279/916"


def test_a_configured_overlay_decides_for_its_codes() -> None:
    assert str(stored(phone="917 555 0101").regions[0].key) == "area_code:Manhattan"


def test_without_the_kind_area_code_numbers_give_no_region() -> None:
    result, _ = check(rules(kinds=("postal_code",)), row(phone="628 555 0101"), 1)
    assert isinstance(result, SiteEntry)
    assert result.regions == ()
    assert result.time_zone == "America/Los_Angeles"


@pytest.mark.parametrize(
    ("columns", "zone"),
    [
        ({"time_zone": "Europe/Berlin", "region_postal_code": "94110", "phone": "212 555 0101"}, "Europe/Berlin"),
        ({"region_postal_code": "94110", "phone": "212 555 0101"}, "America/Los_Angeles"),
        ({"region_postal_code": "10001", "region_state": "NY"}, "America/New_York"),
        ({"region_area_code": "415"}, "America/Los_Angeles"),
        ({"region_city": "Somewhere", "phone": "212 555 0101"}, "America/New_York"),
        ({"region_state": "TX", "phone": "915 555 0101"}, "America/Denver|America/Chicago"),
        ({"phone": "850 555 0101"}, "America/New_York|America/Chicago"),
        ({"phone": "800 555 0101"}, ""),
        ({}, ""),
    ],
)
def test_the_time_zone_is_that_of_the_row_else_its_regions_else_its_area_code(
    columns: dict[str, str], zone: str
) -> None:
    assert stored(**columns).time_zone == zone


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("customer_id", "", "is empty"),
        ("customer_id", "  ", "is empty"),
        ("customer_id", "1.23457E+11", "spreadsheet"),
        ("customer_id", "x" * 65, "longer than 64"),
        ("site_id", "", "is empty"),
        ("name", "x" * 201, "longer than 200"),
        ("label", "x" * 201, "longer than 200"),
        ("address", "x" * 301, "longer than 300"),
        ("services", "", "is empty"),
        ("services", "|", "is empty"),
        ("services", "internet|pwoer", "did you mean 'power'"),
        ("services", "internet,power", "is not a service"),
        ("status", "acitve", "did you mean 'active'"),
        ("priority", "maybe", "neither yes nor no"),
        ("email", "jane@", "after the @"),
        ("email", "josé@example.com", "SMTPUTF8"),
        ("phone", "555 0101", "no area code"),
        ("phone", "999 555 0101", "not in service"),
        ("phone2", "12", "too few"),
        ("phone2_role", "neighbour", "is not one of owner"),
        ("phone_kind", "cell", "is not one of mobile"),
        ("phone_kind", "email", "no kind of telephone"),
        ("locale", "English (US)", "is not a locale"),
        ("time_zone", "America/New_Yrok", "did you mean 'America/New_York'"),
        ("time_zone", "../../etc/passwd", "not an IANA time zone"),
        ("account_type", "x" * 201, "longer than 200"),
        ("plan", "x" * 201, "longer than 200"),
        ("monthly_price", "39.90", "no currency"),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_column(column: str, value: str, reason: str) -> None:
    found = rejected(**{column: value})
    assert (found.line, found.column) == (7, column)
    assert found.value == value.strip()[:200]
    assert reason in found.reason


@pytest.mark.parametrize(("price", "currency"), [("$39.90", "USD"), ("1,299", "USD"), ("-1", "USD"), ("39.90", "US$")])
def test_a_wrong_price_is_named(price: str, currency: str) -> None:
    assert rejected(monthly_price=price, currency=currency).column == "monthly_price"


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("postal_code", "*", "is not a postal code"),
        ("postal_code", "2138", "ZIP"),
        ("area_code", "564", "two regions"),
        ("area_code", "888", "no place"),
        ("postcode", "94110", "did you mean 'postal_code'"),
    ],
)
def test_a_wrong_region_is_named(kind: str, code: str, reason: str) -> None:
    found = rejected(**{f"region_{kind}": code, "region_city": "Springfield"})
    assert (found.column, found.value) == (f"region.{kind}", code)
    assert reason in found.reason


def test_all_mistakes_of_a_row_are_named_at_once() -> None:
    found = rejected(site_id="", email="jane@", status="gone", region_postal_code="12")
    assert found.column == "email"
    for other in ("also region.postal_code", "also site_id", "also status"):
        assert other in found.reason


def test_a_value_that_is_repeated_holds_no_line_end_and_is_cut() -> None:
    found = rejected(status="gone\r\n" + "x" * 1000)
    assert "\n" not in found.value
    assert len(found.value) == 200


def test_an_unknown_field_is_no_row() -> None:
    with pytest.raises(msgspec.ValidationError, match="emial"):
        msgspec.json.decode(b'{"customer_id": "C-1", "emial": "a@example.com"}', type=DirectoryRow)


@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, st.text(max_size=20))))
def test_any_row_is_stored_or_rejected_with_a_reason(columns: dict[str, str]) -> None:
    result, _ = check(rules(), msgspec.convert(columns, DirectoryRow), 1)
    if isinstance(result, RejectedRow):
        assert result.reason
        assert result.column in COLUMNS
    else:
        msgspec.json.encode(result)
