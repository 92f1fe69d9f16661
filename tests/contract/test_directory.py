"""The directory on both databases: rows are upserted, links and regions replaced, suppressions kept, reach counted."""

from datetime import UTC, datetime

import pytest

from notifier.config import Config, Locales, NamedRegion, Regions
from notifier.domain.errors import ConfigError
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.directory import ROWS_AT_MOST, Directory, DirectoryRow, LoadResult, Reach, rules_of
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import directory as repository


class StillClock:
    """A clock that shows what it is set to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time it is set to."""
        return self.at

    def monotonic(self) -> float:
        """Return always the same."""
        return 0.0


@pytest.fixture
def directory(database: Database) -> Directory:
    config = Config(locales=Locales(available=("en", "es")))
    return Directory(database, config, StillClock(), EmbeddedQueue(), {})  # type: ignore[arg-type]


def row(
    customer: str = "C-1", site: str = "1", *, regions: dict[str, str] | None = None, **columns: str
) -> DirectoryRow:
    given = {"customer_id": customer, "site_id": site, "services": "internet", **columns}
    return DirectoryRow(**given, regions=regions or {})


async def load(directory: Directory, *rows: DirectoryRow) -> LoadResult:
    result = await directory.load(rows)
    assert not result.rejected
    return result


def linked(tx: Transaction) -> list[tuple[str, str, str, str, int]]:
    return tx.tuples(
        "SELECT c.reference, s.reference, p.address, l.role, l.position FROM links l "
        "JOIN contact_points p ON p.id = l.contact_point_id JOIN sites s ON s.id = l.site_id "
        "JOIN customers c ON c.id = l.customer_id AND c.id = s.customer_id "
        "ORDER BY c.reference, s.reference, l.position"
    )


def placed(tx: Transaction) -> list[tuple[str, str, str, int]]:
    return tx.tuples(
        "SELECT s.reference, r.kind, r.code, sr.derived FROM site_regions sr JOIN sites s ON s.id = sr.site_id "
        "JOIN regions r ON r.id = sr.region_id ORDER BY s.reference, r.kind, r.code"
    )


def everything(tx: Transaction) -> list[list[tuple[object, ...]]]:
    tables = ("customers", "sites", "regions", "site_regions", "contact_points", "links")
    return [sorted(tx.tuples(f"SELECT * FROM {table}"), key=str) for table in tables]


async def test_a_row_becomes_a_customer_a_site_its_contact_points_and_regions(
    database: Database, directory: Directory
) -> None:
    result = await directory.load(
        [
            row(
                name="Jane Doe",
                label="Barn",
                address="1 Oak St, Springfield",
                services="power|internet",
                account_type="residential",
                priority="yes",
                email="Jane@Example.com",
                phone="415 555 0101",
                phone2="415 555 0102",
                phone2_role="carer",
                locale="es",
                plan="Home 100",
                monthly_price="39.90",
                currency="USD",
                regions={"postal_code": "94110", "node": "SF-1", "city": ""},
            )
        ]
    )
    assert (result.loaded, result.rejected, result.warnings) == (1, [], [])

    def look(tx: Transaction) -> None:
        (customer,) = tx.tuples(
            "SELECT reference, name, account_type, plan, monthly_price_minor, currency FROM customers"
        )
        assert customer == ("C-1", "Jane Doe", "residential", "Home 100", 3990, "USD")
        (site,) = tx.tuples("SELECT reference, label, address, services, status, priority, time_zone FROM sites")
        assert site == (
            *("1", "Barn", "1 Oak St, Springfield", "|internet|power|", "active", 1),
            "America/Los_Angeles",
        )
        assert linked(tx) == [
            ("C-1", "1", "jane@example.com", "owner", 0),
            ("C-1", "1", "+14155550101", "owner", 1),
            ("C-1", "1", "+14155550102", "carer", 2),
        ]
        assert tx.tuples("SELECT kind, locale, suppressed FROM contact_points ORDER BY id") == [
            ("email", "es", None),
            ("mobile", "es", None),
            ("mobile", "es", None),
        ]
        assert placed(tx) == [("1", "node", "SF-1", 0), ("1", "postal_code", "94110", 0)]

    await database.read(look)


async def test_loading_the_same_rows_again_changes_nothing(database: Database, directory: Directory) -> None:
    rows = [
        row(f"C-{n // 2}", str(n), email=f"u{n // 3}@example.com", phone="415 555 0101", regions={"node": f"N{n % 3}"})
        for n in range(30)
    ]
    await load(directory, *rows)
    before = await database.read(everything)
    await load(directory, *rows)
    assert await database.read(everything) == before


async def test_a_changed_number_replaces_the_links_of_its_site_only(database: Database, directory: Directory) -> None:
    await load(
        directory, row(site="1", email="a@example.com", phone="415 555 0101"), row(site="2", phone="415 555 0101")
    )
    await load(directory, row(site="1", phone="415 555 0199", email="a@example.com"))

    def look(tx: Transaction) -> None:
        assert linked(tx) == [
            ("C-1", "1", "a@example.com", "owner", 0),
            ("C-1", "1", "+14155550199", "owner", 1),
            ("C-1", "2", "+14155550101", "owner", 1),
        ]
        assert tx.scalar("SELECT count(*) FROM contact_points") == 3

    await database.read(look)


async def test_a_contact_point_without_links_stays_and_belongs_to_nobody(
    database: Database, directory: Directory
) -> None:
    await load(directory, row(email="old@example.com"))
    await load(directory, row(email="new@example.com"))
    assert await database.read(lambda tx: repository.find_by_address(tx, "old@example.com")) == []
    assert await database.read(lambda tx: tx.scalar("SELECT count(*) FROM contact_points")) == 2


async def test_a_changed_role_or_position_is_a_changed_link(database: Database, directory: Directory) -> None:
    await load(directory, row(phone="415 555 0101", phone2="415 555 0102", phone2_role="carer"))
    await load(directory, row(phone="415 555 0102", phone2="415 555 0101", phone2_role="household"))
    assert await database.read(linked) == [
        ("C-1", "1", "+14155550102", "owner", 1),
        ("C-1", "1", "+14155550101", "household", 2),
    ]


async def test_an_address_of_two_customers_is_one_contact_point(database: Database, directory: Directory) -> None:
    await load(directory, row("C-1", email="shared@example.com"), row("C-2", email="Shared@EXAMPLE.com"))
    assert await database.read(lambda tx: tx.scalar("SELECT count(*) FROM contact_points")) == 1
    found = await database.read(lambda tx: repository.find_by_address(tx, "shared@example.com"))
    assert found == [await database.read(lambda tx, c=c: repository.find_by_reference(tx, c)) for c in ("C-1", "C-2")]


async def test_a_suppression_outlives_every_import(database: Database, directory: Directory) -> None:
    await load(directory, row(email="a@example.com"))
    await database.write(lambda tx: tx.run("UPDATE contact_points SET suppressed = 'opted_out'"))
    await load(directory, row(email="b@example.com"))
    await load(directory, row(email="a@example.com", locale="es"), row("C-2", email="a@example.com"))
    stored = await database.read(
        lambda tx: tx.tuples("SELECT address, suppressed FROM contact_points ORDER BY address")
    )
    assert stored == [("a@example.com", "opted_out"), ("b@example.com", None)]


async def test_a_landline_that_was_learnt_stays_one_until_the_file_says_otherwise(
    database: Database, directory: Directory
) -> None:
    def kind(tx: Transaction) -> object:
        return tx.scalar("SELECT kind FROM contact_points")

    await load(directory, row(phone="415 555 0101"))
    await database.write(lambda tx: tx.run("UPDATE contact_points SET kind = 'landline'"))
    await load(directory, row(phone="415 555 0101"))
    assert await database.read(kind) == "landline"
    await load(directory, row(phone="415 555 0101", phone_kind="mobile"))
    assert await database.read(kind) == "mobile"
    await load(directory, row("C-2", phone="415 555 0101"), row("C-3", phone="415 555 0101", phone_kind="landline"))
    assert await database.read(kind) == "landline"


async def test_regions_are_replaced_and_derived_ones_give_way_to_given_ones(
    database: Database, directory: Directory
) -> None:
    await load(directory, row(phone="628 555 0101"))
    assert await database.read(placed) == [("1", "area_code", "415/628", 1)]
    assert await database.read(lambda tx: tx.scalar("SELECT time_zone FROM regions")) == "America/Los_Angeles"
    await load(directory, row(phone="628 555 0101", regions={"postal_code": "94110"}))
    assert await database.read(placed) == [("1", "postal_code", "94110", 0)]
    await load(directory, row(phone="628 555 0101", regions={"area_code": "415"}))
    assert await database.read(placed) == [("1", "area_code", "415/628", 0)]
    await load(directory, row())
    assert await database.read(placed) == []


async def test_a_city_is_one_region_however_its_capitals_are(database: Database, directory: Directory) -> None:
    await load(directory, row(site="1", regions={"city": "San Francisco"}))
    await load(
        directory,
        row(site="2", regions={"city": "SAN FRANCISCO"}),
        row(site="3", regions={"city": "san francisco", "node": "sf"}),
        row(site="4", regions={"node": "SF"}),
    )
    cities = await database.read(lambda tx: tx.tuples("SELECT kind, code FROM regions ORDER BY kind, id"))
    assert cities == [("city", "San Francisco"), ("node", "sf"), ("node", "SF")]
    assert len(await database.read(placed)) == 5


async def test_empty_customer_columns_leave_what_is_stored_and_the_last_that_says_something_holds(
    database: Database, directory: Directory
) -> None:
    def customer(tx: Transaction) -> tuple[object, ...]:
        return tx.tuples("SELECT name, plan, monthly_price_minor, currency FROM customers")[0]

    await load(directory, row(site="1", name="Jane", plan="Home", monthly_price="10", currency="USD"), row(site="2"))
    assert await database.read(customer) == ("Jane", "Home", 1000, "USD")
    await load(directory, row(site="1", name="Jan"), row(site="2", name="Janet"), row(site="3"))
    assert await database.read(customer) == ("Janet", "Home", 1000, "USD")


async def test_the_last_row_of_a_site_holds_and_the_double_is_said(database: Database, directory: Directory) -> None:
    result = await directory.load([row(label="first"), row(label="second")], first_line=2)
    (warning,) = result.warnings
    assert (result.loaded, warning.line, warning.column) == (2, 3, "site_id")
    assert "line 2" in warning.reason
    assert await database.read(lambda tx: tx.tuples("SELECT label FROM sites")) == [("second",)]


async def test_a_wrong_row_is_reported_with_its_line_and_the_others_load(
    database: Database, directory: Directory
) -> None:
    rows = [row("C-1"), row("C-2", email="nobody@"), row("", "1"), row("C-4"), row("C-5", services="gas")]
    result = await directory.load(rows, first_line=10)
    assert [(each.line, each.column) for each in result.rejected] == [
        (11, "email"),
        (12, "customer_id"),
        (14, "services"),
    ]
    assert result.loaded == 2
    assert await database.read(lambda tx: tx.tuples("SELECT reference FROM customers ORDER BY id")) == [
        ("C-1",),
        ("C-4",),
    ]


async def test_rows_may_be_any_lines_of_a_file(directory: Directory) -> None:
    rows = [row("C-1"), row("C-2", email="nobody@"), row("C-1"), row("")]
    result = await directory.load(rows, lines=[2, 5, 9, 40], dry_run=True)
    assert [each.line for each in result.rejected] == [5, 40]
    assert [(each.line, "line 2 " in each.reason) for each in result.warnings] == [(9, True)]


async def test_a_dry_run_reports_and_stores_nothing(database: Database, directory: Directory) -> None:
    result = await directory.load([row("C-1"), row("C-2", email="nobody@")], dry_run=True)
    assert (result.loaded, len(result.rejected)) == (1, 1)
    assert await database.read(lambda tx: tx.scalar("SELECT count(*) FROM customers")) == 0


async def test_a_batch_larger_than_one_transaction_keeps_its_lines(database: Database, directory: Directory) -> None:
    rows = [row(f"C-{n}", email=f"u{n}@example.com") for n in range(ROWS_AT_MOST + 10)]
    rows[ROWS_AT_MOST + 5] = row("")
    result = await directory.load(rows, first_line=2)
    assert [each.line for each in result.rejected] == [ROWS_AT_MOST + 7]
    assert await database.read(lambda tx: tx.scalar("SELECT count(*) FROM links")) == result.loaded == len(rows) - 1


async def test_every_character_that_a_row_may_hold_can_be_stored(database: Database, directory: Directory) -> None:
    await load(directory, row(name="a\x00b \ud800 \u2028 %s :name ' \" \\ 👍", label="%", address="?:1"))
    stored = await database.read(lambda tx: tx.tuples("SELECT name FROM customers"))
    assert stored == [("a b %s :name ' \" \\ 👍",)]


async def test_reach_counts_each_customer_once_by_the_best_channel_of_its_active_sites(
    database: Database, directory: Directory
) -> None:
    await load(
        directory,
        row("mail and phone", "1", email="a@example.com", phone="415 555 0101"),
        row("mail at the second site", "1", phone="415 555 0102"),
        row("mail at the second site", "2", email="b@example.com"),
        row("phone", email="suppressed@example.com", phone="415 555 0103"),
        row("landline", phone="415 555 0104", phone_kind="landline"),
        row("toll-free", phone="800 555 0104"),
        row("nothing"),
        row("suppressed", email="suppressed@example.com"),
        row("paused", status="paused", email="c@example.com"),
        row("ended", status="ended", email="d@example.com"),
        row("mail where it ended", "1", status="ended", email="e@example.com"),
        row("mail where it ended", "2"),
    )
    await database.write(
        lambda tx: tx.run("UPDATE contact_points SET suppressed = 'by_person' WHERE address LIKE 'suppressed%'")
    )
    assert await directory.reach() == Reach(customers=8, email=2, sms=1, landline=2, none=3, suppressed=1)


async def test_reach_of_an_empty_directory_is_nobody(directory: Directory) -> None:
    assert await directory.reach() == Reach(customers=0, email=0, sms=0, landline=0, none=0, suppressed=0)


def test_a_region_is_made_once_and_keeps_a_name_it_was_given(database: Database) -> None:
    def work(tx: Transaction) -> None:
        assert repository.region_id(tx, "postal_code", "94110") is None
        made = repository.ensure_region(tx, "postal_code", "94110")
        assert repository.ensure_region(tx, "postal_code", "94110", name="Mission", time_zone="Europe/Berlin") == made
        assert repository.ensure_region(tx, "postal_code", "94110") == made
        assert repository.region_id(tx, "postal_code", "94110") == made
        assert repository.region_id(tx, "node", "94110") is None
        assert tx.tuples("SELECT name, time_zone FROM regions") == [("Mission", "Europe/Berlin")]

    database.write_now(work)


def test_a_named_region_of_the_configuration_must_be_one() -> None:
    named = (NamedRegion(kind="postal_code", code="94110"), NamedRegion(kind="postcode", code="94110"))
    with pytest.raises(ConfigError, match=r"regions\.named\[1\].*did you mean 'postal_code'"):
        rules_of(Config(regions=Regions(named=named)))
