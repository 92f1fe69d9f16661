"""People on call, as processes: complaints wake the first, nobody answers, the second says SEND, customers are told.

The daemon is killed in the middle of the first call; the receiver's texts are what telephones show, and the answers are
signed webhooks. A code is tried from the wrong telephones before it is used from the right one.
"""

import json
import os
import re
import subprocess
from collections import Counter

import pytest

from notifier.sandbox.processes import notifier
from notifier.sandbox.twilio_faults import Faults, write_faults
from notifier.sandbox.twilio_messages import read_texts
from tests.e2e.test_kill import call, until
from tests.stores import ON_BOTH
from tests.telephones import import_people, number, read_by, run, say

PEOPLE = 40
ANN, BEA = "+14155560001", "+14155560002"
PLAYBOOK = {
    "name": "test",
    "services": ["internet", "power", "water"],
    "channels": ["sms"],
    "night": {"begins": "00:00", "ends": "00:00"},
}

pytestmark = [pytest.mark.timeout(200), pytest.mark.xdist_group("on call")]


@pytest.fixture
def rehearsal(rehearse):
    people = [{"name": "Ann", "sms": ANN}, {"name": "Bea", "sms": BEA}]
    return rehearse(PLAYBOOK, on_call={"answer_within": "5 s", "people": people})


def complain(rehearsal):
    for customer in range(PEOPLE // 2):
        call(rehearsal, "/v1/complaints", {"customer_id": f"K{customer:05d}", "service": "power", "text": "dark"})


def wait_for_text(rehearsal, telephone):
    (text,) = until(lambda: read_by(rehearsal, telephone))
    return text


def code_of(text, verb):
    return re.search(rf"Reply (\w{{3}}) {verb}", text)[1]


def state(rehearsal):
    return call(rehearsal, "/v1/incidents/1")["card"]["state"]


@ON_BOTH
def test_somebody_is_woken_and_with_one_word_customers_are_told(rehearsal, store):
    daemon = rehearsal.start_daemon()
    import_people(rehearsal, PEOPLE)
    write_faults(rehearsal.folder, Faults(hang_before=1.0))
    complain(rehearsal)
    until(lambda: call(rehearsal, "/v1/on-call")["calls"])
    daemon.kill()  # the call is stored and has not left
    rehearsal.forget(daemon)
    assert read_by(rehearsal, ANN) == []
    write_faults(rehearsal.folder, Faults())

    rehearsal.start_daemon()
    (first,) = until(lambda: read_by(rehearsal, ANN))
    assert re.match(
        r"NOTIFIER #1 power 94110: \d+ people in \d+ min, .* expected: certain, \d+ verified, 40 customers", first
    )
    (second,) = until(lambda: read_by(rehearsal, BEA))
    code = re.search(r"Reply (\w{3}) SEND", second)[1]
    assert code not in first
    assert "Ann called" in run(rehearsal)  # `notifier`: what needs me, and who was woken for it

    for stranger in (ANN, "+14155569999", number(1)):
        say(rehearsal, stranger, f"{code} SEND")
    say(rehearsal, BEA, "AA2 SEND")
    assert state(rehearsal) == "suspected"
    say(rehearsal, BEA, f"{code.lower()} send")
    assert state(rehearsal) == "confirmed"
    until(lambda: all(read_by(rehearsal, number(customer)) for customer in range(PEOPLE)))
    until(
        lambda: [
            text for text in read_by(rehearsal, ANN) if re.search(r"over \((confirmed|customers told) by Bea", text)
        ]
    )

    told = Counter(text.to for text in read_texts(rehearsal.folder))
    assert {told[number(customer)] for customer in range(PEOPLE)} == {1}
    assert len(read_by(rehearsal, BEA)) == 1
    assert {row[0] for row in store.query("SELECT sent_by FROM broadcasts")} == {"on-call:Bea via sms"}
    calls = {each["person"]: each for each in call(rehearsal, "/v1/on-call")["calls"]}
    assert (calls["Ann"]["outcome"], calls["Bea"]["outcome"]) == ("unanswered", "answered")
    until(lambda: call(rehearsal, "/v1/on-call/calls/2")["routes"][0]["receipt"] == "delivered")


def test_a_test_by_command_line_calls_everybody_and_takes_an_answer(rehearsal):
    rehearsal.start_daemon()
    environ = {**os.environ, **rehearsal.environ}
    arguments = notifier("on-call", "test", "--wait", "60", "--json")
    testing = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environ)
    for telephone in (ANN, BEA):
        say(rehearsal, telephone, f"{code_of(wait_for_text(rehearsal, telephone), 'WAIT')} WAIT")
    said, _ = testing.communicate(timeout=60)
    assert testing.returncode == 0
    assert {each["person"]: each["answer"] for each in json.loads(said)} == {"Ann": "wait", "Bea": "wait"}
