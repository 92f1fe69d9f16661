"""Customers answer by text, as processes: a STOP in the middle of a broadcast is honoured by the very next message.

The daemon, a Twilio-compatible receiver and the customers' signed webhooks are real; what was taken by the receiver is
what customers read. One text comes right before a `kill -9`, and what follows from it is not lost.
"""

from collections import Counter

import pytest

from notifier.sandbox.twilio_messages import read_texts
from tests.e2e.test_kill import call, until
from tests.stores import ON_BOTH
from tests.telephones import import_people, number, read_by, say

PEOPLE = 40
SEGMENTS_PER_SECOND = 10  # about two texts every second: there is time to say STOP
PLAYBOOK = {
    "name": "test",
    "services": ["internet", "power", "water"],
    "audience_limit": 100_000,
    "channels": ["sms"],
    "night": {"begins": "00:00", "ends": "00:00"},
    "hold_before_restored": "0 s",
}

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("replies")]


@pytest.fixture
def rehearsal(rehearse):
    twilio = {"segments_per_second": SEGMENTS_PER_SECOND}
    return rehearse(PLAYBOOK, twilio=twilio, caps={"every": "0 s", "sms_per_day": 100})


def send(rehearsal, draft):
    which = draft["broadcast"]["id"]
    call(rehearsal, f"/v1/broadcasts/{which}/send", {"count": draft["preview"]["customers"]})
    return which


@ON_BOTH
def test_a_stop_is_honoured_by_the_very_next_message_and_what_is_said_is_not_lost(rehearsal, store):
    daemon = rehearsal.start_daemon()
    import_people(rehearsal, PEOPLE)
    draft = call(rehearsal, "/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})
    which = send(rehearsal, draft)
    until(lambda: len(read_texts(rehearsal.folder)) >= 4)
    told = {text.to for text in read_texts(rehearsal.folder)}
    stopped = [customer for customer in range(PEOPLE) if number(customer) not in told][-3:]
    for customer, words in zip(stopped, ("please stop texting me", "Déjenme en paz", "STOP"), strict=True):
        say(rehearsal, number(customer), words, sid=f"SM{customer:032x}")
    assert len(read_texts(rehearsal.folder)) < PEOPLE // 2, "the broadcast was over too early to mean anything"

    until(lambda: call(rehearsal, f"/v1/broadcasts/{which}")["state"] == "completed")
    until(lambda: all(read_by(rehearsal, number(customer)) for customer in stopped))
    for customer in stopped:
        (only,) = read_by(rehearsal, number(customer))  # one confirmation, and nothing of the outage
        assert "START" in only
    per_number = Counter(text.to for text in read_texts(rehearsal.folder))
    assert set(per_number.values()) == {1}
    assert len(per_number) == PEOPLE

    incident = draft["incident"]["card"]["id"]
    back = send(rehearsal, call(rehearsal, f"/v1/incidents/{incident}/restored", {}))
    until(lambda: call(rehearsal, f"/v1/broadcasts/{back}")["state"] == "completed")
    say(rehearsal, number(0), "OUT")
    say(rehearsal, number(1), "Power is back, thank you!")
    daemon.kill()
    rehearsal.forget(daemon)
    rehearsal.start_daemon()
    until(lambda: len(read_by(rehearsal, number(0))) == 3)
    until(lambda: len(read_by(rehearsal, number(1))) == 3)
    say(rehearsal, number(stopped[0]), "please stop texting me", sid=f"SM{stopped[0]:032x}")  # delivered again
    view = call(rehearsal, f"/v1/incidents/{incident}")
    assert view["replies"] == {"on": 1, "out": 1}
    assert "still_out" in [entry["event"] for entry in view["timeline"]]
    assert store.query("SELECT count(*) FROM complaints WHERE source = 'sms' AND not_counted IS NULL")[0][0] == 1
    assert [len(read_by(rehearsal, number(customer))) for customer in stopped] == [1, 1, 1]
