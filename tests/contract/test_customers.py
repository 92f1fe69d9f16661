"""What a support agent sees of a customer, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.clock import SystemClock
from notifier.config import Config
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.directory import Directory, DirectoryRow
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import customers
from notifier.storage.views import CustomerCard, CustomerView

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
async def directory(database: Database) -> Directory:
    loaded = Directory(database, Config(), SystemClock(), EmbeddedQueue(), {})
    await loaded.load(
        [
            DirectoryRow(
                customer_id="C-1",
                site_id="1",
                name="Jane Doe",
                label="Barn",
                address="1 Oak St, Springfield",
                services="internet|power",
                account_type="residential",
                priority="yes",
                email="jane@example.com",
                phone="415 555 0101",
                plan="Home 100",
                regions={"postal_code": "94110", "city": "Springfield"},
            ),
            DirectoryRow(customer_id="C-1", site_id="2", services="power", status="paused", phone="415 555 0101"),
            DirectoryRow(customer_id="C-2", site_id="1", name="Jim Roe", services="power", email="jane@example.com"),
        ]
    )
    return loaded


def found(database: Database, wanted: str) -> list[str]:
    return [card.reference for card in database.read_now(lambda tx: customers.find(tx, wanted))]


def shown(database: Database, reference: str = "C-1") -> CustomerView:
    view = database.read_now(lambda tx: customers.show(tx, reference))
    assert view is not None
    return view


def insert(tx: Transaction, table: str, **values: object) -> int:
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    return int(tx.scalar(f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING 1", **values))


def tell(tx: Transaction, number: int, *, outcome: str = "told", address: str = "jane@example.com") -> None:
    """Make broadcast `number` of incident `number`, and what became of customer C-1 in it."""
    at = to_micros(NOON + timedelta(hours=number))
    customer_id, site_id = tx.tuples("SELECT customer_id, id FROM sites WHERE reference = '1' ORDER BY id")[0]
    common = {"id": number, "state": "confirmed", "service": "power", "playbook": "p", "correlation_id": "x"}
    insert(tx, "incidents", **common, started_at=at, opened_at=at, opened_by="daemon")
    insert(tx, "parts", id=number, incident_id=number)
    broadcast = {"id": number, "incident_id": number, "part_id": number, "kind": "eta", "state": "sending"}
    insert(tx, "broadcasts", **broadcast, facts="{}", created_at=at, created_by="key", correlation_id="x")
    promise = {"incident_id": number, "part_id": number, "broadcast_id": number, "kind": "eta", "made_at": at}
    insert(tx, "promises", **promise, due_at=at + 3_600_000_000)
    insert(tx, "audience", broadcast_id=number, customer_id=customer_id, outcome=outcome)
    if outcome == "told":
        point = tx.scalar("SELECT id FROM contact_points WHERE address = :address", address=address)
        carried = {"broadcast_id": number, "contact_point_id": point}
        insert(tx, "audience_notifications", **carried, site_id=site_id, customer_id=customer_id)
        state = {"state": "sent", "reason": "accepted", "due_at": at, "planned_at": at, "ended_at": at}
        insert(tx, "notifications", **carried, channel="email", **state)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("wanted", "references"),
    [
        ("jane@example.com", ["C-1", "C-2"]),
        (" JANE@Example.com ", ["C-1", "C-2"]),
        ("(415) 555-0101", ["C-1"]),
        ("+14155550101", ["C-1"]),
        ("C-2", ["C-2"]),
        (" C-2\n", ["C-2"]),
        ("415 555 0102", []),
        ("nobody@example.com", []),
        ("jane@", []),
        ("c", []),
        ("%", []),
        ("", []),
        ("' OR 1=1 --", []),
    ],
)
def test_a_customer_is_found_by_number_mail_or_reference(
    database: Database, wanted: str, references: list[str]
) -> None:
    assert found(database, wanted) == references


@pytest.mark.usefixtures("directory")
def test_a_customer_found_is_named_with_the_number_of_sites_and_an_address(database: Database) -> None:
    (card,) = database.read_now(lambda tx: customers.find(tx, "C-1"))
    assert card == CustomerCard(id=card.id, reference="C-1", name="Jane Doe", sites=2, address="1 Oak St, Springfield")


@pytest.mark.usefixtures("directory")
def test_a_customer_is_shown_with_sites_and_contact_points(database: Database) -> None:
    view = shown(database)
    assert (view.reference, view.name, view.account_type, view.plan) == ("C-1", "Jane Doe", "residential", "Home 100")
    barn, second = view.sites
    assert (barn.reference, barn.label, barn.services, barn.status, barn.priority) == (
        *("1", "Barn", ["internet", "power"], "active"),
        True,
    )
    assert barn.regions == ["city Springfield", "postal_code 94110"]
    assert (second.status, second.regions) == ("paused", ["area_code 415/628 (from the phone number)"])
    assert [(each.address, each.kind, each.role, each.sites) for each in view.contact_points] == [
        ("jane@example.com", "email", "owner", ["1"]),
        ("+14155550101", "mobile", "owner", ["1", "2"]),
    ]
    assert (view.complaints, view.told, view.not_told, view.promises) == ([], [], [], [])


@pytest.mark.usefixtures("directory")
def test_nobody_is_shown_for_an_unknown_reference(database: Database) -> None:
    assert database.read_now(lambda tx: customers.show(tx, "C-3")) is None


@pytest.mark.usefixtures("directory")
def test_complaints_are_shown_newest_first_with_what_became_of_them(database: Database) -> None:
    def complain(tx: Transaction) -> None:
        customer_id = tx.scalar("SELECT id FROM customers WHERE reference = 'C-1'")
        for hour, reason in enumerate((None, "repeat")):
            at = to_micros(NOON + timedelta(hours=hour))
            insert(
                tx,
                "complaints",
                source="api",
                reporter="+14155550101",
                customer_id=customer_id,
                service="power",
                text=f"dark for {hour} h",
                occurred_at=at,
                received_at=at,
                effective_at=at,
                regions="[]",
                counted_regions="[]",
                not_counted=reason,
                correlation_id="x",
            )

    database.write_now(complain)
    newest, oldest = shown(database).complaints
    assert (newest.text, newest.counted, newest.not_counted) == ("dark for 1 h", False, "repeat")
    assert (oldest.text, oldest.counted, oldest.occurred_at) == ("dark for 0 h", True, NOON)
    assert shown(database, "C-2").complaints == []


@pytest.mark.usefixtures("directory")
def test_what_a_customer_was_told_is_shown_newest_first_with_address_and_time(database: Database) -> None:
    def told(tx: Transaction) -> None:
        tell(tx, 1)
        tell(tx, 2, address="+14155550101")

    database.write_now(told)
    view = shown(database)
    assert [(each.incident_id, each.kind, each.address, each.state, each.at) for each in view.told] == [
        (2, "eta", "+14155550101", "sent", NOON + timedelta(hours=2)),
        (1, "eta", "jane@example.com", "sent", NOON + timedelta(hours=1)),
    ]
    assert [(each.kind, each.state, each.due_at) for each in view.promises] == [
        ("eta", "open", NOON + timedelta(hours=3)),
        ("eta", "open", NOON + timedelta(hours=2)),
    ]
    assert shown(database, "C-2").told == []


async def test_the_address_that_was_written_to_is_shown_after_it_has_changed(
    database: Database, directory: Directory
) -> None:
    await database.write(lambda tx: tell(tx, 1))
    changed = DirectoryRow(customer_id="C-1", site_id="1", services="power", email="new@example.com")
    await directory.load([changed])
    view = shown(database)
    assert [each.address for each in view.told] == ["jane@example.com"]
    assert "jane@example.com" not in [each.address for each in view.contact_points]


@pytest.mark.usefixtures("directory")
def test_what_a_customer_was_not_told_is_shown_with_the_reason(database: Database) -> None:
    database.write_now(lambda tx: tell(tx, 1, outcome="opted_out"))
    view = shown(database)
    at = NOON + timedelta(hours=1)
    assert view.not_told == [{"broadcast_id": 1, "incident_id": 1, "kind": "eta", "reason": "opted_out", "at": at}]
    assert (view.told, view.promises) == ([], [])


@pytest.mark.usefixtures("directory")
def test_a_promise_whose_message_never_left_was_not_made_to_the_customer(database: Database) -> None:
    def tell_two(tx: Transaction) -> None:
        tell(tx, 1)
        tell(tx, 2)
        tx.run("UPDATE notifications SET state = 'cancelled' WHERE broadcast_id = 2")

    database.write_now(tell_two)
    view = shown(database)
    assert [each.state for each in view.told] == ["cancelled", "sent"]
    assert [each.due_at for each in view.promises] == [NOON + timedelta(hours=2)]


@pytest.mark.usefixtures("directory")
def test_an_answer_to_a_contact_point_is_shown_without_an_incident(database: Database) -> None:
    def answer(tx: Transaction) -> None:
        point = tx.scalar("SELECT id FROM contact_points WHERE address = 'jane@example.com'")
        at = to_micros(NOON)
        cause = {"cause_kind": "complaint", "cause_id": 7, "contact_point_id": point, "channel": "email"}
        insert(tx, "notifications", **cause, answer='{"kind":"received"}', due_at=at, planned_at=at)

    database.write_now(answer)
    (told,) = shown(database).told
    assert (told.kind, told.incident_id, told.state, told.at) == ("received", None, "pending", None)


@pytest.mark.usefixtures("directory")
def test_what_a_customer_wrote_back_is_shown_newest_first(database: Database) -> None:
    def write(tx: Transaction) -> None:
        point = tx.scalar("SELECT id FROM contact_points WHERE address = 'jane@example.com'")
        for number, meaning in enumerate(("out", "on")):
            said = {"source": "email", "external_id": f"m{number}", "sender": "jane@example.com", "text": meaning}
            at = to_micros(NOON + timedelta(minutes=number))
            insert(tx, "replies", **said, contact_point_id=point, meaning=meaning, received_at=at)

    database.write_now(write)
    assert [(each.meaning, each.source, each.sender) for each in shown(database).wrote] == [
        ("on", "email", "jane@example.com"),
        ("out", "email", "jane@example.com"),
    ]
