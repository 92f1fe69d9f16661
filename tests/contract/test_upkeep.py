"""Old facts go and nothing else does; a ledger and an audience that disagree are found. On both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import gauges, glance, ledger
from notifier.storage.repositories import upkeep

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = to_micros(NOW)
LONG_AGO = to_micros(NOW - timedelta(days=1000))


def complaint(tx: Transaction, external_id: str, at: int) -> None:
    tx.run(
        "INSERT INTO complaints (source, external_id, reporter, service, occurred_at, received_at, effective_at,"
        " regions, counted_regions, correlation_id)"
        " VALUES ('api', :external, 'customer:1', 'power', :at, :at, :at, '[]', '[]', 'c')",
        external=external_id,
        at=at,
    )


def incident(tx: Transaction, *, state: str = "confirmed", at: int = AT) -> int:
    """One incident with a completed broadcast that told one customer by one accepted mail; return the broadcast."""
    incident_id = tx.scalar(
        "INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, closed_at, correlation_id)"
        " VALUES ('power', :state, 'p', :at, :at, 'daemon', :closed, 'c') RETURNING id",
        state=state,
        at=at,
        closed=at if state == "closed" else None,
    )
    part_id = tx.scalar("INSERT INTO parts (incident_id) VALUES (:id) RETURNING id", id=incident_id)
    broadcast_id = tx.scalar(
        "INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by, correlation_id)"
        " VALUES (:incident, :part, 'acknowledged', 'completed', '{}', :at, 'ann', 'c') RETURNING id",
        incident=incident_id,
        part=part_id,
        at=at,
    )
    told(tx, int(broadcast_id), at)
    return int(broadcast_id)


def told(tx: Transaction, broadcast_id: int, at: int) -> None:
    name = f"b{broadcast_id}"
    customer = tx.scalar(
        "INSERT INTO customers (reference, created_at, updated_at) VALUES (:name, :at, :at) RETURNING id",
        name=name,
        at=at,
    )
    site = tx.scalar(
        "INSERT INTO sites (customer_id, reference, services, status, updated_at)"
        " VALUES (:customer, '1', '|power|', 'active', :at) RETURNING id",
        customer=customer,
        at=at,
    )
    point = tx.scalar(
        "INSERT INTO contact_points (kind, address, created_at) VALUES ('email', :address, :at) RETURNING id",
        address=f"{name}@example.net",
        at=at,
    )
    notification = tx.scalar(
        "INSERT INTO notifications"
        " (broadcast_id, contact_point_id, channel, state, reason, due_at, attempts, planned_at)"
        " VALUES (:broadcast, :point, 'email', 'sent', 'accepted', :at, 1, :at) RETURNING id",
        broadcast=broadcast_id,
        point=point,
        at=at,
    )
    attempt(tx, int(notification), 1)
    tx.run(
        "INSERT INTO audience (broadcast_id, customer_id, outcome) VALUES (:broadcast, :customer, 'told')",
        broadcast=broadcast_id,
        customer=customer,
    )
    tx.run(
        "INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)"
        " VALUES (:broadcast, :point, :site, :customer)",
        broadcast=broadcast_id,
        point=point,
        site=site,
        customer=customer,
    )


def attempt(tx: Transaction, notification_id: int, number: int) -> None:
    tx.run(
        "INSERT INTO attempts (notification_id, number, provider, began_at, ended_at, outcome)"
        " VALUES (:id, :number, 'outbox', :at, :at, 'accepted')",
        id=notification_id,
        number=number,
        at=AT,
    )


def count(database: Database, table: str) -> int:
    return int(database.read_now(lambda tx: tx.scalar(f"SELECT COUNT(*) FROM {table}")))


def test_complaints_go_when_they_are_old_and_only_then(database: Database) -> None:
    database.write_now(lambda tx: [complaint(tx, "old", LONG_AGO), complaint(tx, "new", AT)])
    before = NOW - timedelta(days=400)
    assert database.write_now(lambda tx: upkeep.remove_complaints(tx, before=before)) == 1
    assert database.write_now(lambda tx: upkeep.remove_complaints(tx, before=before)) == 0
    assert database.read_now(lambda tx: tx.scalar("SELECT external_id FROM complaints")) == "new"


def test_replies_and_answers_go_when_they_are_old_and_dealt_with(database: Database) -> None:
    def fill(tx: Transaction) -> None:
        point = tx.scalar(
            "INSERT INTO contact_points (kind, address, created_at) VALUES ('mobile', '+1', :at) RETURNING id", at=AT
        )
        for number, (at, handled) in enumerate(((LONG_AGO, AT), (LONG_AGO, None), (AT, AT))):
            tx.run(
                "INSERT INTO replies (source, external_id, meaning, received_at, handled_at)"
                " VALUES ('sms', :number, 'note', :at, :handled)",
                number=str(number),
                at=at,
                handled=handled,
            )
            tx.run(
                "INSERT INTO notifications (contact_point_id, cause_kind, cause_id, channel, state, answer, due_at,"
                " planned_at, ended_at) VALUES (:point, 'reply', :number, 'sms', 'sent', '{}', :at, :at, :ended)",
                point=point,
                number=number,
                at=at,
                ended=at if handled else None,
            )

    database.write_now(fill)
    before = NOW - timedelta(days=90)
    assert database.write_now(lambda tx: upkeep.remove_replies(tx, before=before)) == 1
    assert database.write_now(lambda tx: upkeep.remove_answers(tx, before=before)) == 1
    assert database.read_now(lambda tx: tx.scalar("SELECT COUNT(*) FROM replies")) == 2
    assert database.read_now(lambda tx: tx.scalar("SELECT COUNT(*) FROM notifications")) == 2


def test_the_ledger_of_an_incident_that_is_long_over_goes_whole(database: Database) -> None:
    database.write_now(lambda tx: incident(tx, state="closed", at=LONG_AGO))
    rounds = 0
    while database.write_now(lambda tx: upkeep.remove_ledger(tx, before=NOW)):
        rounds += 1
    assert rounds == 2
    assert [count(database, table) for table in LEDGER] == [0, 0, 0, 0]
    assert (count(database, "broadcasts"), count(database, "incidents")) == (1, 1)
    assert database.read_now(lambda tx: ledger.disagreements(tx, since=NOW - timedelta(days=2_000))) == {}


LEDGER = ("notifications", "attempts", "audience", "audience_notifications")


@pytest.mark.parametrize(("state", "at"), [("confirmed", LONG_AGO), ("resolved", LONG_AGO), ("closed", AT)])
def test_the_ledger_of_an_incident_that_is_not_long_over_stays(database: Database, state: str, at: int) -> None:
    database.write_now(lambda tx: incident(tx, state=state, at=at))
    assert database.write_now(lambda tx: upkeep.remove_ledger(tx, before=NOW - timedelta(days=800))) == 0
    assert [count(database, table) for table in LEDGER] == [1, 1, 1, 1]


def test_the_ledger_of_an_incident_that_went_over_to_an_open_one_stays(database: Database) -> None:
    """What its customers were told and promised is theirs there: also of one that went over in two steps."""

    def fill(tx: Transaction) -> None:
        for state in ("merged", "closed", "confirmed"):
            incident(tx, state=state, at=LONG_AGO)
        tx.run("UPDATE parts SET became = id + 1 WHERE id < 3")

    before = NOW - timedelta(days=400)
    database.write_now(fill)
    assert database.write_now(lambda tx: upkeep.remove_ledger(tx, before=before)) == 0
    over = "UPDATE incidents SET state = 'closed', closed_at = :at WHERE state = 'confirmed'"
    database.write_now(lambda tx: tx.run(over, at=LONG_AGO))
    assert database.write_now(lambda tx: upkeep.remove_ledger(tx, before=before)) == 3


def test_a_healthy_ledger_agrees_with_its_audience(database: Database) -> None:
    database.write_now(incident)
    assert database.read_now(lambda tx: ledger.disagreements(tx, since=NOW)) == {}


@pytest.mark.parametrize(
    ("damage", "rules"),
    [
        ("DELETE FROM audience_notifications", {"told without a message": 1, "a message for nobody": 1}),
        ("DELETE FROM attempts; DELETE FROM notifications", {"a site without its message": 1}),
        ("DELETE FROM audience", {"a message to a customer who was not to be told": 1}),
        ("UPDATE audience SET outcome = 'opted_out'", {"a message to a customer who was not to be told": 1}),
        ("DELETE FROM attempts", {"sent without an accepted attempt": 1}),
        ("UPDATE notifications SET state = 'pending'", {"waiting though its broadcast is finished": 1}),
    ],
)
def test_every_way_to_disagree_is_found(database: Database, damage: str, rules: dict[str, int]) -> None:
    database.write_now(incident)
    database.write_now(lambda tx: [tx.run(sql) for sql in damage.split("; ")])
    assert database.read_now(lambda tx: ledger.disagreements(tx, since=NOW)) == rules


def test_a_second_acceptance_is_found_unless_it_was_in_doubt(database: Database) -> None:
    database.write_now(incident)

    def again(tx: Transaction) -> None:
        attempt(tx, int(tx.scalar("SELECT id FROM notifications")), 2)
        tx.run("UPDATE notifications SET attempts = 2")

    database.write_now(again)
    assert database.read_now(lambda tx: ledger.disagreements(tx, since=NOW)) == {"accepted twice and never in doubt": 1}
    database.write_now(lambda tx: tx.run("UPDATE notifications SET in_doubt_at = :at", at=AT))
    assert database.read_now(lambda tx: ledger.disagreements(tx, since=NOW)) == {}


def test_gauges_count_what_is_open_and_waiting(database: Database) -> None:
    def build(tx: Transaction) -> None:
        incident(tx, state="closed")
        incident(tx)
        tx.run("UPDATE notifications SET state = 'pending' WHERE id = 1")
        tx.run("UPDATE notifications SET state = 'held' WHERE id = 2")
        tx.run("UPDATE broadcasts SET state = 'sending' WHERE id = 1")
        complaint(tx, "a", AT)

    database.write_now(build)
    found = database.read_now(gauges.measure)
    assert found.incidents == {("confirmed", "power"): 1}
    assert (found.broadcasts, found.pending, found.in_doubt) == ({"sending": 1}, {"email": 1}, {"email": 1})
    assert (found.detector_lag, found.promises_open, found.next_promise_at, found.paused) == (1, 0, None, False)


def test_a_glance_counts_the_last_hour_and_what_is_on_its_way(database: Database) -> None:
    def build(tx: Transaction) -> None:
        incident(tx)
        tx.run("UPDATE broadcasts SET state = 'sending'")
        for minutes in (-5, 5, 55, 65):
            complaint(tx, str(minutes), to_micros(NOW - timedelta(minutes=minutes)))
        complaint(tx, "imported", to_micros(NOW - timedelta(minutes=5)))
        tx.run("UPDATE complaints SET not_counted = 'history' WHERE external_id = 'imported'")

    database.write_now(build)
    found = database.read_now(lambda tx: glance.glance(tx, NOW))
    assert (found.complaints_last_hour, found.notifications) == (2, {"sent": 1})
