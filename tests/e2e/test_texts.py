"""A broadcast by SMS, as processes, while the receiver breaks in every way it can and the daemon is killed once.

Every text that the receiver took names its notification and try in its callback address, so what was taken can be
compared with the ledger: nothing is lost, and nothing is doubled beyond what is listed in doubt.
"""

import json
import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from notifier.sandbox.processes import Rehearsal
from notifier.sandbox.twilio_faults import Faults, write_faults
from notifier.sandbox.twilio_messages import read_texts
from tests.e2e.test_kill import call, until
from tests.stores import ON_BOTH
from tests.telephones import import_people

PEOPLE = 600
PLAYBOOK = {
    "name": "test",
    "services": ["internet", "power", "water"],
    "audience_limit": 100_000,
    "channels": ["sms"],
    "night": {"begins": "00:00", "ends": "00:00"},
}
WAYS = (  # one after the other, while the broadcast goes out
    Faults(refuse=0.3, code=20429, retry_after=0.2, callbacks="early"),
    Faults(refuse=0.2, code=20503, callbacks="twice"),
    Faults(refuse=0.2, code=20500, callbacks="reversed"),
    Faults(html=0.2, callbacks="never"),
    Faults(lost_before=0.2, callbacks="late", callback_delay=1.0),
    Faults(lost_after=0.2, callbacks="never"),
    Faults(hang_before=0.15, callbacks="early"),
    Faults(hang_after=0.15, callbacks="reversed"),
    Faults(cut=0.2, callbacks="twice"),
)
STEP = PEOPLE // (len(WAYS) + 3)  # texts taken in each way

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("texts")]


@pytest.fixture
def rehearsal(tmp_path, store):
    settings = {
        "storage": {"url": store.url},
        "delivery": {"take_back": "0 s"},
    }
    rehearsal = Rehearsal(tmp_path / "texts", settings=settings, playbook=PLAYBOOK, with_texts=True)
    config = json.loads(rehearsal.config.read_text())
    for provider in config["providers"]:
        provider["timeout"] = "1 s"
        provider["segments_per_second" if provider["kind"] == "twilio" else "rate"] = 120
    rehearsal.config.write_text(json.dumps(config))
    try:
        rehearsal.start_receiver()
        rehearsal.start_texts()
        yield rehearsal
    finally:
        rehearsal.stop()


def taken(rehearsal):
    return len(read_texts(rehearsal.folder))


def by_notification(rehearsal, rows):
    """Return how often each notification was taken; every text must agree with the ledger about its recipient."""
    counts = Counter()
    for text in read_texts(rehearsal.folder):
        query = parse_qs(urlsplit(text.callback).query)
        number = int(query["notification"][0])
        assert rows[number][0] == text.to
        counts[number] += 1
    return counts


@ON_BOTH
def test_nothing_is_lost_or_doubled_however_the_receiver_breaks(rehearsal, store):
    daemon = rehearsal.start_daemon()
    import_people(rehearsal, PEOPLE)
    for number in range(30):
        body = {"customer_id": f"K{number * 10:05d}", "service": "power", "external_id": f"e{number}"}
        call(rehearsal, "/v1/complaints", body)
    (card, *_) = until(lambda: call(rehearsal, "/v1/incidents?state=suspected"))
    draft = call(rehearsal, f"/v1/incidents/{card['id']}/confirm", {})
    write_faults(rehearsal.folder, WAYS[0])
    call(rehearsal, f"/v1/broadcasts/{draft['broadcast']['id']}/send", {"count": PEOPLE})
    for step, way in enumerate(WAYS, start=1):
        write_faults(rehearsal.folder, way)
        until(lambda step=step: taken(rehearsal) >= step * STEP)
        if step == len(WAYS) // 2:
            daemon.kill()
            rehearsal.forget(daemon)
            daemon = rehearsal.start_daemon()
    assert taken(rehearsal) < PEOPLE, "the last way came too late to mean anything"
    write_faults(rehearsal.folder, Faults())
    broadcast = draft["broadcast"]["id"]
    until(lambda: call(rehearsal, f"/v1/broadcasts/{broadcast}")["state"] == "completed", 240)
    rows = ledger(store, broadcast)
    counts = by_notification(rehearsal, rows)
    in_doubt = {number for number, (_, _, doubt) in rows.items() if doubt}
    assert len(rows) == PEOPLE
    assert set(counts) == set(rows), "nobody is missed"
    doubled = {number for number, count in counts.items() if count > 1}
    assert doubled <= in_doubt, "doubles are listed in doubt"
    assert doubled == set(), "what was in doubt was asked for before anything was sent again"
    assert in_doubt, "a hand-over without an answer is in doubt"
    assert {state for _, state, _ in rows.values()} <= {"sent", "delivered"}


def ledger(store, broadcast):
    """Return the notifications by id: address, state, and whether it was ever in doubt."""
    time.sleep(0.5)  # the last callbacks
    rows = store.query(
        "SELECT n.id, c.address, n.state, n.in_doubt_at IS NOT NULL FROM notifications n"
        f" JOIN contact_points c ON c.id = n.contact_point_id WHERE n.broadcast_id = {broadcast}"
    )
    return {row[0]: row[1:] for row in rows}
