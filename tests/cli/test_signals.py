"""`notifier signals list` and the alarm on the card of an incident: 72 columns, safe to print."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from notifier.cli.happenings import sentence
from notifier.cli.times import Moment, Zone
from notifier.storage.views import SignalView, TimelineEntry
from tests.cli.conftest import Run
from tests.cli_views import MINUTE, incident
from tests.fake_daemon import NOON, FakeDaemon


def signal(**changes: Any) -> SignalView:
    values: dict[str, Any] = {
        "id": 7,
        "source": "alertmanager",
        "alarm": "6d44e5e58a641003",
        "name": "OLT-7",
        "service": "power",
        "regions": ["node OLT-7"],
        "sites": 0,
        "why_not": "",
        "state": "open",
        "started_at": NOON - 50 * MINUTE,
        "ended_at": None,
        "received_at": NOON - 50 * MINUTE,
        "heard_at": NOON,
        "times": 12,
        "left_out": 0,
        "summary": "No light on the uplink",
        "labels": {"device": "OLT-7", "severity": "critical"},
        "incidents": [42],
    }
    return SignalView(**values | changes)


def test_alarms_are_cards_of_72_columns(notifier: Run, daemon: FakeDaemon) -> None:
    nowhere = signal(
        id=8,
        name="temp\x1b[2J" + "x" * 60,
        regions=[],
        why_not="it names no region and no site",
        left_out=3,
        incidents=[],
    )
    over = signal(id=6, state="resolved", ended_at=NOON, sites=3)
    daemon.on("GET", "/v1/signals", [[nowhere, signal(), over]])
    text = notifier("signals", "list", "--all").stdout
    assert daemon.last("GET", "/v1/signals").query == {"all": "1"}
    assert max(map(len, text.splitlines())) <= 72
    assert "\x1b" not in text
    for said in ("7 OLT-7", "OPEN", "node OLT-7", "#42", "12 times, last 03:39", "No light on the uplink", "3 sites"):
        assert said in text
    assert "no evidence: it names no region and no site" in text
    assert "cut off 3 alerts behind it" in text


def test_json_is_the_answer_of_the_api_and_nothing_is_said(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/signals", [[signal()]])
    assert json.loads(notifier("signals", "list", "--json").stdout)[0]["name"] == "OLT-7"
    daemon.on("GET", "/v1/signals", [[]])
    assert notifier("signals", "list").stdout == "No alarm is open.\n"
    assert notifier("signals", "list", "--all", "--before", "7").stdout == "No alarm.\n"


def test_the_card_of_an_incident_names_the_alarm_and_the_people(notifier: Run, daemon: FakeDaemon) -> None:
    view = incident(signals=[signal(), signal(id=9, name="OLT-8", state="resolved", ended_at=NOON)])
    daemon.on("GET", "/v1/incidents/42", view)
    text = " ".join(notifier("incidents", "show", "42").stdout.split())
    people = max(each.distinct_customers for each in view.evidence)
    assert f"alarm OLT-7 since 02:49; OLT-8 since 02:49, over 03:39; {people} people" in text


def test_the_timeline_says_it_in_words() -> None:
    moment = Moment(NOON, Zone(ZoneInfo("America/Los_Angeles")))
    began: dict[str, object] = {"alarm": "OLT-7", "since": (NOON - 50 * MINUTE).isoformat(), "people": 3}
    over: dict[str, object] = {"alarm_over": "OLT-7", "since": NOON.isoformat(), "state": "resolved"}
    entries = [
        TimelineEntry(at=NOON, event=event, actor="daemon", detail=detail)
        for event, detail in (("alarm", began), ("alarm_over", over), ("alarm_over", {**over, "state": "lapsed"}))
    ]
    assert [sentence(each, moment) for each in entries] == [
        "alarm OLT-7 since 02:49 is evidence of it, beside 3 people",
        "alarm OLT-7 is over since 03:39",
        "alarm OLT-7 is not reported any more",
    ]
