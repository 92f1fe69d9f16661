"""Mode `automatic`, as processes: refused until it is earned, then complaints become messages without a person.

What takes weeks (a backtest by night, ten proposals judged by people) is put into the store between two starts.
"""

import contextlib
import json
import re
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest

from notifier.config import Detection
from notifier.sandbox.twilio_messages import read_texts
from tests.e2e.test_kill import call, until
from tests.telephones import import_people, number, read_by

PEOPLE = 40
ANN = "+14155560001"
PLAYBOOK = {
    "name": "test",
    "services": ["internet", "power", "water"],
    "mode": "automatic",
    "channels": ["sms"],
    "night": {"begins": "00:00", "ends": "00:00"},
}

pytestmark = [pytest.mark.timeout(200), pytest.mark.xdist_group("automatic")]


@pytest.fixture
def rehearsal(rehearse):
    people = [{"name": "Ann", "sms": ANN}]
    return rehearse(PLAYBOOK, on_call={"answer_within": "60 s", "people": people})


def complain(rehearsal, customers):
    for customer in customers:
        call(rehearsal, "/v1/complaints", {"customer_id": f"K{customer:05d}", "service": "power", "text": "dark"})


def said(rehearsal):
    return [need["text"] for need in call(rehearsal, "/v1/needs") if need["kind"] == "automatic"]


def earn(store):
    """Put a backtest of last night and ten judged proposals into the store of a daemon that is down."""
    now = datetime.now(UTC)
    limits = Detection()
    done = {
        "ran_at": now.isoformat(),
        "days": 40,
        "complaints": 900,
        "would_confirm": 1,
        "likely": limits.likely,
        "certain": limits.certain,
    }
    with contextlib.closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(
            "INSERT INTO control (name, value, changed_at, changed_by) VALUES ('backtest', ?, 0, 'daemon')",
            [json.dumps(done)],
        )
        for judged in range(10):
            at = int((now - timedelta(days=1, minutes=judged)).timestamp() * 1_000_000)
            judgement = connection.execute(
                "INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, confirmed_at,"
                " confirmed_by, resolved_at, closed_at, correlation_id)"
                " VALUES ('power', 'closed', 'test', ?, ?, 'daemon', ?, 'ann', ?, ?, 'c')",
                [at] * 5,
            )
            connection.execute(
                "INSERT INTO evidence (incident_id, region_id, service, at, window_from_at, observed, expected, score,"
                " grade, distinct_customers, verified, position)"
                " VALUES (?, (SELECT MIN(id) FROM regions), 'power', ?, ?, 9, 0.1, 20, 'certain', 9, 9, 0)",
                [judgement.lastrowid, at, at],
            )


def test_it_proposes_until_it_has_earned_it_and_then_customers_hear_without_a_person(rehearsal, store):
    daemon = rehearsal.start_daemon()
    import_people(rehearsal, PEOPLE)
    (text,) = until(lambda: said(rehearsal))
    assert re.search(r"no backtest .* has been run yet.*; 0 of 10 proposals are judged\. Until then it proposes", text)
    complain(rehearsal, range(10))
    until(lambda: call(rehearsal, "/v1/incidents?state=suspected"))
    time.sleep(12)  # longer than it takes to look at proposals
    (card,) = call(rehearsal, "/v1/incidents")
    assert (card["state"], card["grade"]) == ("suspected", "certain")
    daemon.stop()
    rehearsal.forget(daemon)

    earn(store)
    rehearsal.start_daemon()
    until(lambda: call(rehearsal, "/v1/incidents/1")["card"]["state"] == "confirmed")
    assert said(rehearsal) == []
    until(lambda: all(read_by(rehearsal, number(customer)) for customer in range(PEOPLE)))
    assert len([text for text in read_texts(rehearsal.folder) if text.to == number(3)]) == 1
    view = call(rehearsal, "/v1/incidents/1")
    assert view["confirmed_by"] == "daemon"
    (event,) = [entry for entry in view["timeline"] if entry["event"] == "confirmed_by_itself"]
    assert event["detail"]["customers"] == PEOPLE
    until(lambda: "confirmed_by_itself" in [alarm["reason"] for alarm in call(rehearsal, "/v1/on-call")["alarms"]])
