"""A person sees everything kept about them, and is forgotten without a trace; opt-outs and counts stay. On both."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from notifier.clock import SystemClock
from notifier.config import Config, Retention
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import InvalidInput, NotFound, Refused
from notifier.messages.links import address_hash
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.settings import load_playbooks
from notifier.stages.directory import Directory, DirectoryRow
from notifier.stages.incidents import SetEta
from notifier.stages.persons import Persons
from notifier.stages.upkeep import Upkeep
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries.persons import WHERE, everything
from notifier.storage.repositories import upkeep
from notifier.storage.schema import metadata
from tests.control_room import ControlRoom
from tests.incident_town import MORNING

ANN = Actor(name="ann", role=KeyRole.MANAGER, key_id=1, origin="10.0.0.9")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = to_micros(NOW)
SECRET = "a secret of sixteen characters"
THEIRS = (
    "Maria",
    "Quirke",
    "maria@quirke.example",
    "+14155550147",
    "12 Heron Lane",
    "Barn",
    "C-77",
    "my fridge",
    "ZX-PLAN",
)
"""Everything by which this person could be known."""

NOT_PERSONAL = {
    "alembic_version": "of the schema",
    "alarms": "of incidents and the company's people",
    "api_keys": "of the company's people",
    "audit": "what the company's people did; customers by their number",
    "baseline_shapes": "counts",
    "baselines": "counts",
    "broadcasts": "facts for everyone",
    "call_alarms": "of the company's people",
    "call_routes": "of the company's people",
    "calls": "of the company's people",
    "cell_days": "counts",
    "control": "switches",
    "credit_batches": "of files for billing",
    "credit_runs": "of an incident",
    "credit_totals": "sums",
    "detector": "a position",
    "editions": "wording for everyone",
    "event_regions": "places of many",
    "events": "of storms",
    "evidence": "counts",
    "guests": "from the configuration",
    "incident_regions": "places of many",
    "incident_signals": "of machines",
    "incidents": "places of many",
    "part_regions": "places of many",
    "parts": "facts for everyone",
    "place_doubts": "counts",
    "promises": "made to everyone",
    "regions": "places of many",
    "rounds": "of storms",
    "service_hours": "counts",
    "signals": "of machines",
    "timeline": "of an incident; notes of the company's people",
    "writers": "of the daemon",
}


def insert(tx: Transaction, table: str, **values: Any) -> int:
    """Insert a row and return its first column."""
    first = next(iter(metadata.tables[table].columns)).name
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return int(tx.scalar(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {first}", **values))


def person(tx: Transaction, *, state: str = "sent", credit: str = "posted") -> None:
    """One customer with something in every table, and a neighbour who shares a telephone with them."""
    maria = insert(tx, "customers", reference="C-77", name="Maria Quirke", plan="ZX-PLAN", created_at=AT, updated_at=AT)
    other = insert(tx, "customers", reference="C-78", name="Other", created_at=AT, updated_at=AT)
    site = insert(
        tx,
        "sites",
        customer_id=maria,
        reference="Barn",
        label="Barn",
        address="12 Heron Lane, Springfield",
        services="|power|",
        status="active",
        updated_at=AT,
    )
    next_door = insert(
        tx,
        "sites",
        customer_id=other,
        reference="1",
        address="14 Heron Way",
        services="|power|",
        status="active",
        updated_at=AT,
    )
    region = insert(tx, "regions", kind="postal_code", code="94110")
    insert(tx, "site_regions", region_id=region, site_id=site)
    mail = insert(
        tx, "contact_points", kind="email", address="maria@quirke.example", suppressed="opted_out", created_at=AT
    )
    phone = insert(tx, "contact_points", kind="mobile", address="+14155550199", created_at=AT)
    own_phone = insert(tx, "contact_points", kind="mobile", address="+14155550147", created_at=AT)
    for point, customer, at in (
        (mail, maria, site),
        (own_phone, maria, site),
        (phone, maria, site),
        (phone, other, next_door),
    ):
        insert(tx, "links", contact_point_id=point, site_id=at, role="owner", customer_id=customer)
    insert(tx, "former_links", contact_point_id=own_phone, customer_id=maria, left_at=AT)
    hashed = address_hash(SECRET, "maria@quirke.example")
    insert(
        tx,
        "suppressions",
        contact_point_id=mail,
        address_hash=hashed,
        reason="opted_out",
        source="reply",
        wording="Maria says stop",
        created_at=AT,
    )
    insert(tx, "consents", contact_point_id=mail, purpose="survey", state="refused", source="call", changed_at=AT)
    insert(
        tx,
        "consent_log",
        contact_point_id=mail,
        address_hash=hashed,
        purpose="survey",
        state="refused",
        source="call",
        wording="Quirke: no surveys",
        actor="ann",
        at=AT,
    )
    insert(tx, "muted_sites", contact_point_id=mail, site_id=site, created_at=AT)
    complaint = {
        "service": "power",
        "occurred_at": AT,
        "received_at": AT,
        "effective_at": AT,
        "regions": "[]",
        "counted_regions": "[]",
        "correlation_id": "c",
    }
    insert(
        tx,
        "complaints",
        source="api",
        external_id="t1",
        reporter="maria@quirke.example",
        customer_id=maria,
        text="my fridge is warm, Maria",
        answer_to="maria@quirke.example",
        body_hash="x",
        **complaint,
    )
    insert(
        tx, "complaints", source="api", external_id="t2", reporter="customer:C-77", text="again my fridge", **complaint
    )
    incident = insert(
        tx,
        "incidents",
        service="power",
        state="closed",
        playbook="p",
        started_at=AT,
        opened_at=AT,
        opened_by="daemon",
        closed_at=AT,
        correlation_id="c",
    )
    part = insert(tx, "parts", incident_id=incident)
    broadcast = insert(
        tx,
        "broadcasts",
        incident_id=incident,
        part_id=part,
        kind="acknowledged",
        state="completed",
        facts="{}",
        created_at=AT,
        created_by="ann",
        correlation_id="c",
    )
    insert(tx, "audience", broadcast_id=broadcast, customer_id=maria, outcome="told")
    facts = json.dumps({"sites": [{"street": "12 Heron Lane", "label": "Barn"}], "locale": "en"})
    for point in (mail, phone):
        message = insert(
            tx,
            "notifications",
            broadcast_id=broadcast,
            contact_point_id=point,
            channel="email",
            state=state,
            reason="accepted",
            due_at=AT,
            planned_at=AT,
            facts=facts,
        )
        insert(
            tx,
            "audience_notifications",
            broadcast_id=broadcast,
            contact_point_id=point,
            site_id=site,
            customer_id=maria,
        )
        insert(
            tx,
            "attempts",
            notification_id=message,
            number=1,
            provider="p",
            began_at=AT,
            ended_at=AT,
            outcome="accepted",
            answer="ok for Maria",
        )
        insert(
            tx,
            "receipts",
            notification_id=message,
            provider="p",
            provider_id=str(message),
            status="delivered",
            received_at=AT,
            detail='{"To": "+14155550147"}',
        )
        insert(
            tx,
            "mail_reports",
            key=f"k{message}",
            kind="dsn",
            notification_id=message,
            effect="noted",
            words="no Maria here",
            received_at=AT,
        )
    insert(tx, "pauses", contact_point_id=mail, incident_id=incident, created_at=AT)
    insert(
        tx,
        "replies",
        source="sms",
        external_id="s1",
        contact_point_id=own_phone,
        customer_id=maria,
        sender="+14155550147",
        meaning="note",
        text="my fridge! Maria",
        received_at=AT,
        handled_at=AT,
    )
    insert(
        tx,
        "credit_lines",
        incident_id=incident,
        customer_id=maria,
        tariff="t",
        step=1,
        amount_minor=500,
        currency="USD",
        month=202603,
        state=credit,
        reason="granted",
        note="Maria was patient",
        created_at=AT,
        created_by="ann",
    )
    insert(
        tx,
        "follow_ups",
        incident_id=incident,
        customer_id=maria,
        kind="survey",
        state="answered",
        due_at=AT,
        text="my fridge",
    )
    insert(
        tx,
        "cases",
        incident_id=incident,
        customer_id=maria,
        state="closed",
        due_by=AT,
        opened_at=AT,
        detail='{"said": "my fridge"}',
    )


def whole_store(database: Database) -> str:
    """Return every value of every row as one text."""

    def read(tx: Transaction) -> str:
        return "\n".join(
            f"{table}: {dict(row)}" for table in metadata.tables for row in tx.rows(f"SELECT * FROM {table}")
        )

    return database.read_now(read)


@pytest.fixture
def persons(database: Database) -> Persons:
    return Persons(database, SystemClock())


def test_every_table_is_exported_or_says_why_not() -> None:
    assert set(WHERE) | set(NOT_PERSONAL) == set(metadata.tables) | {"alembic_version"}
    assert not set(WHERE) & set(NOT_PERSONAL)


async def test_an_export_has_everything_and_nothing_of_others(database: Database, persons: Persons) -> None:
    database.write_now(person)
    found = await persons.export("C-77", ANN)
    text = str(found)
    assert all(each in text for each in THEIRS), [each for each in THEIRS if each not in text]
    assert "C-78" not in text
    assert "14 Heron Way" not in text
    empty = {table for table, rows in found.items() if not rows}
    assert empty <= {"incident_sites", "part_sites"}
    ((actor, action, target, origin),) = database.read_now(
        lambda tx: tx.tuples("SELECT actor, action, target, origin FROM audit")
    )
    assert (actor, action, target, origin) == (
        "ann",
        "customers.export",
        f"customer {found['customers'][0]['id']}",
        "10.0.0.9",
    )


async def test_nothing_is_left_of_who_is_forgotten_but_counts(database: Database, persons: Persons) -> None:
    database.write_now(person)
    before = {table: len(rows) for table, rows in (await persons.export("C-77", ANN)).items()}
    view = await persons.forget("C-77", "C-77", "their letter", ANN)
    left = whole_store(database)
    assert [each for each in THEIRS if each in left] == []
    assert "14155550199" in left  # the neighbour's telephone too
    assert "14 Heron Way" in left
    after = {table: len(rows) for table, rows in database.read_now(lambda tx: everything(tx, view.id)).items()}
    stays = {"customers", "sites", "audience", "audience_notifications", "notifications", "attempts", "receipts"}
    stays |= {"replies", "credit_lines", "follow_ups", "cases", "site_regions"}
    assert {table: after[table] for table in stays} == {table: before[table] for table in stays}
    assert database.read_now(lambda tx: tx.scalar("SELECT COUNT(*) FROM complaints")) == 2
    with pytest.raises(NotFound):
        await persons.export("C-77", ANN)


async def test_an_opt_out_holds_again_when_the_address_comes_back(database: Database, persons: Persons) -> None:
    database.write_now(person)
    await persons.forget("C-77", "C-77", "their letter", ANN)
    config = Config()
    directory = Directory(database, config, SystemClock(), EmbeddedQueue(), load_playbooks(config), (SECRET,))
    row = DirectoryRow(
        customer_id="C-77",
        site_id="1",
        name="Maria Quirke",
        services="power",
        email="maria@quirke.example",
        regions={"postal_code": "94110"},
    )
    assert (await directory.load([row])).loaded == 1
    found = database.read_now(
        lambda tx: tx.tuples("SELECT suppressed FROM contact_points WHERE address = 'maria@quirke.example'")
    )
    assert found == [("opted_out",)]
    denied = database.read_now(lambda tx: tx.tuples("SELECT state FROM consents WHERE purpose = 'survey'"))
    assert denied == [("refused",)]


@pytest.mark.parametrize("is_about_both", [False, True])
async def test_a_message_that_waits_is_not_sent_any_more_unless_it_is_about_somebody_else_too(
    database: Database, persons: Persons, is_about_both: bool
) -> None:
    database.write_now(lambda tx: person(tx, state="pending"))
    if is_about_both:  # the second, to the telephone they share
        database.write_now(
            lambda tx: tx.run(
                """INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
                   SELECT n.broadcast_id, n.contact_point_id, s.id, s.customer_id FROM notifications n, sites s
                   WHERE n.id = 2 AND s.address = '14 Heron Way'"""
            )
        )
    await persons.forget("C-77", "C-77", "their letter", ANN)
    states = database.read_now(lambda tx: tx.tuples("SELECT state FROM notifications ORDER BY id"))
    assert states == [("suppressed",), ("pending" if is_about_both else "suppressed",)]


def moved(database: Database) -> tuple[Directory, DirectoryRow]:
    """A customer whose mail address an import has just replaced by another one."""
    config = Config()
    directory = Directory(database, config, SystemClock(), EmbeddedQueue(), load_playbooks(config), (SECRET,))
    row = DirectoryRow(
        customer_id="C-77",
        site_id="1",
        name="Maria",
        services="power",
        email="maria@quirke.example",
        regions={"postal_code": "94110"},
    )
    return directory, row


def addresses(database: Database) -> list[str]:
    return [
        str(address)
        for (address,) in database.read_now(lambda tx: tx.tuples("SELECT address FROM contact_points ORDER BY id"))
    ]


async def test_an_address_that_an_import_replaced_is_forgotten_with_its_customer(
    database: Database, persons: Persons
) -> None:
    directory, row = moved(database)
    await directory.load([row, replace(row, customer_id="C-78", site_id="2", email="both@quirke.example")])
    await directory.load([replace(row, email="both@quirke.example")])
    await directory.load([replace(row, email="new@quirke.example")])
    exported = await persons.export("C-77", ANN)
    known = {point["address"] for point in exported["contact_points"]}
    assert known == {"maria@quirke.example", "new@quirke.example"}  # what is another's now is not theirs
    await persons.forget("C-77", "C-77", "their letter", ANN)
    assert [each for each in addresses(database) if "@" in each] == ["both@quirke.example"]
    assert database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM former_links")) == 0


async def test_an_address_that_went_to_somebody_else_shows_neither_what_was_said_by_the_other(
    database: Database, persons: Persons
) -> None:
    directory, row = moved(database)
    theirs = replace(row, customer_id="C-78", site_id="2", name="Ben", email="both@quirke.example")
    await directory.load([replace(row, email="both@quirke.example")])

    def says(tx: Transaction, reference: str, words: str) -> None:
        at = to_micros(SystemClock().now())
        who = tx.scalar("SELECT id FROM customers WHERE reference = :it", it=reference)
        sender, customer = "both@quirke.example", {"contact_point_id": 1, "customer_id": who}
        kept = {"contact_point_id": 1, "address_hash": "x", "source": "reply", "wording": f"{words} stop"}
        insert(tx, "consent_log", purpose="survey", state="refused", actor="them", at=at, **kept)
        insert(tx, "suppressions", reason="opted_out", created_at=at, **kept)
        unknown = {"contact_point_id": 1}
        for number, whose in enumerate((customer, unknown)):
            reply = {"source": "email", "external_id": f"{words}{number}", "sender": sender, "meaning": "note"}
            cause = insert(tx, "replies", text=f"{words} asks", received_at=at, **reply, **whose)
            message = {"channel": "email", "due_at": at, "planned_at": at, "cause_kind": "reply", "cause_id": cause}
            facts = json.dumps({"sites": [{"street": f"{words} Lane"}], "locale": "en"})
            sent = insert(tx, "notifications", contact_point_id=1, facts=facts, state="sent", **message)
            tried = {"number": 1, "provider": "p", "began_at": at, "ended_at": at, "outcome": "accepted"}
            insert(tx, "attempts", notification_id=sent, answer=f"{words} is told", **tried)

    database.write_now(lambda tx: says(tx, "C-77", "Maria"))
    await directory.load([row])
    await directory.load([theirs])
    database.write_now(lambda tx: says(tx, "C-78", "Ben"))
    for reference, own, other in (("C-77", "Maria", "Ben"), ("C-78", "Ben", "Maria")):
        text = str(await persons.export(reference, ANN))
        assert f"{own} asks" in text
        assert f"{own} is told" in text
        assert f"{other} " not in text
    await directory.load([replace(theirs, email="ben@quirke.example")])
    await directory.load([replace(row, email="both@quirke.example")])
    text = str(await persons.export("C-77", ANN))
    assert "Maria stop" in text
    assert "Ben " not in text
    await persons.forget("C-78", "C-78", "their letter", ANN)  # the address is Maria's again, the answers were his
    kept = database.read_now(lambda tx: tx.tuples("SELECT facts FROM notifications ORDER BY id"))
    assert ["Maria Lane" in facts for (facts,) in kept] == [True, True, False, False]
    assert ["Ben Lane" in facts for (facts,) in kept] == [False, False, False, True]  # whose that was nobody knows


async def test_an_address_that_nobody_has_any_more_goes_after_a_while(database: Database, persons: Persons) -> None:
    directory, row = moved(database)
    await directory.load([row])
    hashed = address_hash(SECRET, "maria@quirke.example")
    words = {"address_hash": hashed, "source": "sms", "wording": "stop, Maria", "created_at": AT, "reason": "opted_out"}
    database.write_now(lambda tx: insert(tx, "suppressions", contact_point_id=1, **words))
    await directory.load([replace(row, email="new@quirke.example")])
    keeping = Upkeep(database, Config(), SystemClock(), Metrics())
    await keeping.retain()
    assert len(addresses(database)) == 2
    database.write_now(lambda tx: tx.run("UPDATE former_links SET left_at = :at", at=AT - 1))
    await persons.hold("C-77", "case 12/2026", ANN)
    await keeping.retain()
    assert len(addresses(database)) == 2
    await persons.release("C-77", "settled", ANN)
    message = {"channel": "email", "due_at": AT, "planned_at": AT, "cause_kind": "test", "cause_id": 1}
    database.write_now(lambda tx: insert(tx, "notifications", contact_point_id=1, **message))
    assert database.read_now(lambda tx: upkeep.unused_points(tx, after=0, before=OLD)) == ([], 1)
    database.write_now(lambda tx: tx.run("DELETE FROM notifications"))
    await Upkeep(database, Config(retention=Retention(unused_addresses=timedelta())), SystemClock(), Metrics()).retain()
    assert len(addresses(database)) == 2
    await keeping.retain()
    assert addresses(database) == ["new@quirke.example"]
    assert "stop, Maria" not in whole_store(database)
    await directory.load([row])  # and comes back: what was said about it holds again
    found = database.read_now(
        lambda tx: tx.scalar("SELECT suppressed FROM contact_points WHERE address = 'maria@quirke.example'")
    )
    assert found == "opted_out"


async def test_an_address_that_is_linked_again_stays(database: Database) -> None:
    directory, row = moved(database)
    await directory.load([row])
    await directory.load([replace(row, email="new@quirke.example")])
    await directory.load([replace(row, phone="+14155550147")])
    database.write_now(lambda tx: tx.run("UPDATE former_links SET left_at = :at", at=AT - 1))
    await Upkeep(database, Config(), SystemClock(), Metrics()).retain()
    assert addresses(database) == ["maria@quirke.example", "+14155550147"]


def test_complaints_are_found_by_their_reporter_in_an_index(database: Database) -> None:
    def plan(tx: Transaction) -> str:
        sql = "SELECT id FROM complaints WHERE reporter = 'x' AND counted_regions"
        if tx.dialect == "postgresql":
            tx.run("SET LOCAL enable_seqscan = off")
            return "".join(str(row[0]) for end in ("<>", "=") for row in tx.tuples(f"EXPLAIN {sql} {end} '[]'"))
        return "".join(str(row[3]) for end in ("<>", "=") for row in tx.tuples(f"EXPLAIN QUERY PLAN {sql} {end} '[]'"))

    found = database.read_now(plan)
    assert "ix_complaints_reporter_not_counted" in found
    assert found.count("ix_complaints_reporter") == 2


@pytest.mark.parametrize(
    ("state", "credit", "says"),
    [("sending", "posted", "handed over"), ("held", "posted", "in doubt"), ("sent", "approved", "credit line")],
)
async def test_what_is_under_way_comes_first(
    database: Database, persons: Persons, state: str, credit: str, says: str
) -> None:
    database.write_now(lambda tx: person(tx, state=state, credit=credit))
    with pytest.raises(Refused, match=says):
        await persons.forget("C-77", "C-77", "their letter", ANN)
    assert "maria@quirke.example" in whole_store(database)


async def test_a_legal_hold_stops_it_until_it_is_released(database: Database, persons: Persons) -> None:
    database.write_now(person)
    await persons.hold("C-77", "case 12/2026", ANN)
    with pytest.raises(Refused, match="case 12/2026"):
        await persons.forget("C-77", "C-77", "their letter", ANN)
    await persons.release("C-77", "settled", ANN)
    with pytest.raises(Refused, match="no legal hold"):
        await persons.release("C-77", "settled", ANN)
    await persons.forget("C-77", "C-77", "their letter", ANN)
    actions = database.read_now(lambda tx: tx.tuples("SELECT action FROM audit ORDER BY id"))
    assert actions == [("customers.hold",), ("customers.release",), ("customers.forget",)]


async def test_the_reference_is_typed_again_and_a_reason_given(database: Database, persons: Persons) -> None:
    database.write_now(person)
    with pytest.raises(InvalidInput):
        await persons.forget("C-77", "C-78", "their letter", ANN)
    with pytest.raises(InvalidInput):
        await persons.forget("C-77", "C-77", " ", ANN)


# retention


OLD = NOW + timedelta(days=2_000)


def test_nothing_of_a_held_customer_goes_by_age(database: Database) -> None:
    database.write_now(person)
    database.write_now(lambda tx: tx.run("UPDATE customers SET legal_hold = 'case' WHERE reference = 'C-77'"))
    database.write_now(lambda tx: tx.run("UPDATE complaints SET customer_id = 1"))
    for remove in (upkeep.remove_complaints, upkeep.remove_replies, upkeep.remove_ledger, upkeep.remove_answers):
        assert database.write_now(lambda tx, remove=remove: remove(tx, before=OLD)) == 0  # type: ignore[misc]
    database.write_now(lambda tx: tx.run("UPDATE sites SET status = 'ended'"))
    former, last = database.read_now(lambda tx: upkeep.former_customers(tx, after=0, before=OLD))
    assert (former, last) == ([2], 2)  # the neighbour
    assert database.read_now(lambda tx: upkeep.former_customers(tx, after=2, before=OLD)) == ([], None)
    assert not database.write_now(lambda tx: upkeep.forget_former_customer(tx, 1, before=OLD, now=OLD))
    assert database.write_now(lambda tx: upkeep.forget_former_customer(tx, 2, before=OLD, now=OLD))
    assert "Maria Quirke" in whole_store(database)


@pytest.mark.parametrize("credit", ["proposed", "approved", "posting", "failed"])
def test_the_ledger_stays_while_a_credit_rests_on_it(database: Database, credit: str) -> None:
    database.write_now(lambda tx: person(tx, credit=credit))
    assert database.write_now(lambda tx: upkeep.remove_ledger(tx, before=OLD)) == 0
    database.write_now(lambda tx: tx.run("UPDATE credit_lines SET state = 'posted'"))
    assert database.write_now(lambda tx: upkeep.remove_ledger(tx, before=OLD)) == 2


async def test_complaints_of_an_open_incident_stay(database: Database) -> None:
    database.write_now(person)
    old = to_micros(datetime.now(UTC) - timedelta(days=900))
    database.write_now(lambda tx: tx.run("UPDATE complaints SET effective_at = :at", at=old))
    database.write_now(lambda tx: tx.run("UPDATE incidents SET state = 'confirmed', started_at = :at", at=old))
    keeping = Upkeep(database, Config(), SystemClock(), Metrics())
    await keeping.retain()
    assert database.read_now(lambda tx: tx.scalar("SELECT COUNT(*) FROM complaints")) == 2
    database.write_now(lambda tx: tx.run("UPDATE incidents SET state = 'closed'"))
    await keeping.retain()
    assert database.read_now(lambda tx: tx.scalar("SELECT COUNT(*) FROM complaints")) == 0


async def test_former_customers_are_forgotten_when_the_configuration_says_so(database: Database) -> None:
    database.write_now(person)
    config = Config(retention=Retention(former_customers=timedelta(days=30)))
    keeping = Upkeep(database, config, SystemClock(), Metrics())
    await keeping.retain()
    assert "Maria Quirke" in whole_store(database)
    database.write_now(lambda tx: tx.run("UPDATE sites SET status = 'ended' WHERE reference = 'Barn'"))
    await Upkeep(database, Config(), SystemClock(), Metrics()).retain()
    assert "Maria Quirke" in whole_store(database)
    await keeping.retain()
    left = whole_store(database)
    assert [each for each in THEIRS if each in left] == []
    assert "Other" in left


def test_calls_go_when_they_ended_long_ago(database: Database) -> None:
    def fill(tx: Transaction) -> None:
        for ended in (AT, None):
            alarm = insert(tx, "alarms", key=f"k{ended}", reason="suspected", opened_at=AT, ended_at=ended)
            call = insert(
                tx, "calls", person="bo", reason="suspected", text="t", verbs="", called_at=AT, ended_at=ended
            )
            insert(tx, "call_alarms", alarm_id=alarm, call_id=call)
            insert(tx, "call_routes", call_id=call, route="sms", says="call", due_at=AT)

    database.write_now(fill)
    assert database.write_now(lambda tx: upkeep.remove_calls(tx, before=OLD)) == 2
    counts = [
        database.read_now(lambda tx, t=t: tx.scalar(f"SELECT COUNT(*) FROM {t}"))
        for t in ("alarms", "calls", "call_routes", "call_alarms")
    ]  # type: ignore[misc]
    assert counts == [1, 1, 1, 1]


async def test_an_export_does_not_say_told_where_nothing_was_handed_over(database: Database, persons: Persons) -> None:
    room = ControlRoom(database)
    room.homes(1)
    first = await room.open()
    await room.deliver(first)
    stopped = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + timedelta(hours=4)), ANN))
    assert stopped.not_before_at is not None
    room.clock.time = stopped.not_before_at
    await room.course.start_due()
    while await room.planning.step():
        pass

    async def outcomes() -> list[str]:
        rows = (await persons.export("94110-0", ANN))["audience"]
        return [row["outcome"] for row in sorted(rows, key=lambda row: int(row["broadcast_id"]))]

    assert await outcomes() == ["told", "waits"]
    await room.broadcasts.cancel(stopped.id, ANN)
    assert await outcomes() == ["told", "not_told"]
