"""Done-criterion 3: `kill -9` three times in the middle of a broadcast of 20,000 over real SMTP.

The daemon and the receiver are processes; complaints come by HTTP; what was received is compared with the ledger line
by line: each received mail names its notification in the envelope sender and in the Message-ID, and must have gone to
that notification's contact point.
"""

import csv
import http.client
import json
import os
import subprocess
import time
from collections import Counter

import pytest

from notifier.messages.links import Purpose, read_token
from notifier.sandbox.processes import Rehearsal, notifier
from notifier.sandbox.smtp_receiver import read_receipts
from notifier.sandbox.town import COLUMNS
from tests.stores import ON_BOTH

PEOPLE = {"resend": 20_000, "hold": 8_000}  # by policy: what it takes to be killed in the middle is proven by the first
SECRET = "a secret of the test"
KILLS_AT = (1 / 8, 3 / 8, 5 / 8)  # of the mails were received
SECONDS = 120  # for any one thing to happen; the whole takes about 40 s on two idle cores
PLAYBOOK = {"name": "test", "services": ["internet", "power", "water"], "audience_limit": 100_000}

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("kill")]


@pytest.fixture
def rehearsal(tmp_path, store, request):
    settings = {
        "storage": {"url": store.url},
        "delivery": {"in_doubt": {"email": request.param}, "take_back": "0 s"},
        "sender": {"link_secret": SECRET},
    }
    rehearsal = Rehearsal(tmp_path / request.param, settings=settings, playbook=PLAYBOOK)
    try:
        rehearsal.start_receiver()
        yield rehearsal
    finally:
        rehearsal.stop()


def call(rehearsal, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {rehearsal.token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", rehearsal.port, timeout=30)
    connection.request("GET" if body is None else "POST", path, data, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status < 300, text
    return json.loads(text)


def until(what, seconds=SECONDS):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def import_people(rehearsal, people):
    path = rehearsal.folder / "people.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for number in range(1, people + 1):
            writer.writerow(
                {
                    "customer_id": f"K{number:05d}",
                    "site_id": "1",
                    "address": f"{number} Oak St, Springfield",
                    "services": "power",
                    "status": "active",
                    "email": f"k{number:05d}@example.com",
                    "region.postal_code": "94110",
                }
            )
    environ = {**os.environ, **rehearsal.environ}
    subprocess.run(notifier("customers", "import", str(path)), check=True, capture_output=True, env=environ)


def confirm_by_complaints(rehearsal, people):
    """Let customers complain until an incident is suspected, confirm it and send; return the broadcast's id."""
    for number in range(1, 31):
        body = {"customer_id": f"K{number * people // 40:05d}", "service": "power", "external_id": f"e{number}"}
        call(rehearsal, "/v1/complaints", body)
    (card, *_) = until(lambda: call(rehearsal, "/v1/incidents?state=suspected"))
    draft = call(rehearsal, f"/v1/incidents/{card['id']}/confirm", {})
    assert draft["preview"]["customers"] == people
    call(rehearsal, f"/v1/broadcasts/{draft['broadcast']['id']}/send", {"count": people})
    return draft["broadcast"]["id"]


def received(rehearsal):
    path = rehearsal.folder / "receipts.csv"
    return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def broadcast_through_three_kills(rehearsal, store, people):
    """Send to everyone while the daemon is killed three times; return ledger rows and receipts."""
    daemon = rehearsal.start_daemon()
    import_people(rehearsal, people)
    broadcast = confirm_by_complaints(rehearsal, people)
    for part in KILLS_AT:
        until(lambda part=part: received(rehearsal) >= part * people)
        assert daemon.is_running()
        daemon.kill()
        assert received(rehearsal) < people, "the kill came too late to mean anything"
        rehearsal.forget(daemon)
        daemon = rehearsal.start_daemon()
    until(lambda: call(rehearsal, f"/v1/broadcasts/{broadcast}")["state"] == "completed")
    rehearsal.stop()
    return ledger(store, broadcast), read_receipts(rehearsal.folder)


def ledger(store, broadcast):
    """Return the notifications by id: address, state, and whether it was ever in doubt."""
    rows = store.query(
        "SELECT n.id, c.address, n.state, n.in_doubt_at IS NOT NULL FROM notifications n"
        f" JOIN contact_points c ON c.id = n.contact_point_id WHERE n.broadcast_id = {broadcast}"
    )
    return {row[0]: row[1:] for row in rows}


def by_notification(receipts, rows):
    """Return how often each notification was received; every receipt must agree with the ledger about its recipient."""
    counts = Counter()
    for receipt in receipts:
        token = receipt.sender.removeprefix("bounces+").partition("@")[0]
        number = read_token(SECRET, Purpose.BOUNCE, token)
        assert receipt.message_id.startswith(f"<{token}@")
        assert rows[number][0] == receipt.recipient
        counts[number] += 1
    return counts


@ON_BOTH
@pytest.mark.parametrize("rehearsal", ["resend"], indirect=True)
def test_under_resend_nobody_is_missed_and_only_those_in_doubt_may_hear_twice(rehearsal, store):
    rows, receipts = broadcast_through_three_kills(rehearsal, store, PEOPLE["resend"])
    counts = by_notification(receipts, rows)
    in_doubt = {number for number, (_, _, doubt) in rows.items() if doubt}
    assert len(rows) == PEOPLE["resend"]
    assert set(counts) == set(rows), "nobody is missed"
    assert {number for number, count in counts.items() if count > 1} <= in_doubt, "doubles are listed in doubt"
    assert {state for _, state, _ in rows.values()} == {"sent"}
    assert in_doubt, "a kill in the middle leaves something in doubt"


@ON_BOTH
@pytest.mark.parametrize("rehearsal", ["hold"], indirect=True)
def test_under_hold_nobody_hears_twice_and_only_those_held_may_be_missing(rehearsal, store):
    rows, receipts = broadcast_through_three_kills(rehearsal, store, PEOPLE["hold"])
    counts = by_notification(receipts, rows)
    held = {number for number, (_, state, _) in rows.items() if state == "held"}
    assert len(rows) == PEOPLE["hold"]
    assert max(counts.values()) == 1, "nobody hears twice"
    assert set(rows) - set(counts) <= held, "whoever is missing is held and shown"
    assert {number for number, (_, state, _) in rows.items() if state == "sent"} <= set(counts)
    assert {state for _, state, _ in rows.values()} == {"sent", "held"}
    assert {number for number, (_, _, doubt) in rows.items() if doubt} == held
