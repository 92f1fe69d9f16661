"""`notifier timeline`, `note` and `assign`: plain words, the reader's time, and who has it."""

import json
from typing import Any

import pytest

from notifier.cli import happenings
from notifier.cli.times import Moment
from notifier.storage.views import AlarmView, OnCallView, TimelineEntry
from tests.cli.conftest import Run
from tests.cli_views import MINUTE, asker, broadcast, card, incident, need, progress, status
from tests.fake_daemon import NOON, FakeDaemon, problem


def entry(event: str, actor: str = "anna", **detail: Any) -> TimelineEntry:
    return TimelineEntry(at=NOON - 5 * MINUTE, event=event, actor=actor, detail=detail)


def said(one: TimelineEntry) -> str:
    return happenings.sentence(one, Moment(NOON))


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (entry("opened", "daemon", place="94110", state="suspected"), "the daemon opened it: 94110 (suspected)"),
        (entry("confirm_sent", broadcast=17), "anna confirmed it and sent update 17"),
        (entry("confirm_sent", "on-call:Bert via sms", broadcast=17), "Bert, by text, confirmed it and sent update 17"),
        (entry("telling", broadcast=17, kind="eta"), "customers are being told: update 17 (eta)"),
        (entry("note", note="crew called"), "anna notes: crew called"),
        (entry("assigned", to="Ann"), "anna assigned it to Ann"),
        (entry("assigned"), "anna assigned it to nobody"),
        (entry("wakes_everyone", broadcast=17, reason="gas"), "anna wakes everyone with update 17: gas"),
        (
            entry("evidence", "daemon", region="postal_code 94110", observed=20, expected=1.3, grade="certain"),
            "postal code 94110: 20 customers, 1.3 expected: certain",
        ),
        (
            entry(
                "evidence",
                "daemon",
                region="postal_code 94110",
                observed=4,
                expected=0.00053,
                grade="certain",
                seconds=900,
            ),
            "postal code 94110: 4 people in 15 min, under 0.1 expected: certain",
        ),
        (
            entry("part_cut", part="94112", customers=590, of="rest"),
            "anna made 94112 a part of its own (590 customers), out of rest",
        ),
        (entry("part_cut", part="94112", customers=0, of="rest"), "anna made 94112 a part of its own, out of rest"),
        (
            entry("service", "daemon", service="internet", before="power"),
            "it is internet, not power: that has evidence of its own there",
        ),
        (
            entry("extended", "daemon", broadcast=17),
            "an import brought more customers into its place: update 17 goes to them, too",
        ),
        (entry("unjudged", "daemon", because="nobody looked"), "it was never judged: nobody looked"),
        (entry("followed", "daemon", incident=2), "hours after its last evidence #2 began in its place"),
        (
            entry("promise_due_soon", "daemon", kind="next_update", due_at=NOON.isoformat()),
            f"the promise of next update by {Moment(NOON).clock(NOON)} falls due soon",
        ),
    ],
)
def test_an_event_is_a_sentence(one: TimelineEntry, sentence: str) -> None:
    assert said(one) == sentence


@pytest.mark.parametrize("one", [entry("of_tomorrow", what="x"), entry("telling"), entry("looks_over", chance="high")])
def test_an_event_of_another_version_is_shown_as_it_is(one: TimelineEntry) -> None:
    assert said(one).startswith(f"anna: {one.event.replace('_', ' ')}")


def test_the_timeline_is_told_in_the_readers_time(notifier: Run, daemon: FakeDaemon) -> None:
    entries = [entry("opened", "daemon", place="94110", state="suspected"), entry("note", note="a long note " * 12)]
    daemon.on("GET", "/v1/incidents/42", incident(timeline=entries))
    lines = notifier("timeline", "42").stdout.splitlines()
    assert lines[1] == "03:34  the daemon opened it: 94110 (suspected)"
    assert max(map(len, lines)) <= 72
    assert json.loads(notifier("timeline", "42", "--json").stdout)[0]["event"] == "opened"
    daemon.on("GET", "/v1/incidents/42", incident(timeline=[]))
    assert "Nothing has happened." in notifier("timeline", "42").stdout


def test_the_card_tells_what_happened_in_the_same_sentences(notifier: Run, daemon: FakeDaemon) -> None:
    cut = entry("part_cut", part="a place with a long name in the east of the town", customers=0, of="rest")
    daemon.on("GET", "/v1/incidents/42", incident(timeline=[cut, entry("eta_sent", broadcast=17)]))
    shown = notifier("incidents", "show", "42").stdout
    assert "  03:34  anna sent update 17\n" in shown
    assert "customers 0" not in shown
    assert max(map(len, shown.splitlines())) <= 72


@pytest.mark.parametrize("command", [("timeline", "42"), ("incidents", "show", "42")])
def test_an_update_that_told_nobody_is_not_said_to_be_told(
    notifier: Run, daemon: FakeDaemon, command: tuple[str, ...]
) -> None:
    nobody = progress(customers_told=0, states={"superseded": 5})
    ended = [
        broadcast(id=17, state="superseded", progress=nobody),
        broadcast(id=18, state="cancelled", progress=nobody),
        broadcast(id=19, state="superseded"),
        broadcast(id=20, state="sending", progress=nobody),
    ]
    entries = [entry("telling", broadcast=which, kind="eta") for which in (17, 18, 19, 20)]
    daemon.on("GET", "/v1/incidents/42", incident(timeline=entries, broadcasts=ended))
    text = " ".join(notifier(*command).stdout.split())
    assert "update 17 (eta) began, and a newer one took its place: nobody was told by it" in text
    assert "update 18 (eta) began, and was stopped: nobody was told by it" in text
    for told in (19, 20):
        assert f"customers are being told: update {told} (eta)" in text


def test_a_note_is_one_text(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/notes", entry("note", note="crew called"))
    result = notifier("note", "42", "crew", "called")
    assert (result.exit_code, result.stdout) == (0, "Noted: notifier timeline 42\n")
    assert daemon.asked[-1].json() == {"text": "crew called"}
    assert json.loads(notifier("note", "42", "x", "--json").stdout)["event"] == "note"
    assert notifier("note", "42").exit_code == 2
    daemon.on("POST", "/v1/incidents/42/notes", problem(422, "the note is empty", field="text"))
    assert notifier("note", "42", " ").exit_code == 2


def test_an_incident_is_assigned_to_somebody_me_or_nobody(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/me", asker(name="bert"))
    daemon.on("POST", "/v1/incidents/42/assign", card(assigned_to="Ann"))
    assert notifier("assign", "42", "Ann").stdout == "#42 is assigned to Ann.\n"
    assert daemon.asked[-1].json() == {"to": "Ann"}
    notifier("assign", "42", "me")
    assert daemon.asked[-1].json() == {"to": "bert"}
    daemon.on("POST", "/v1/incidents/42/assign", card())
    assert notifier("assign", "42", "--nobody").stdout == "#42 is assigned to nobody.\n"
    assert daemon.asked[-1].json() == {"to": ""}
    for wrong in (["42"], ["42", "Ann", "--nobody"], ["42", ""], ["42", " "]):
        assert notifier("assign", *wrong).exit_code == 2


def test_who_has_it_is_on_the_card_with_its_needs_and_with_its_alarms(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/status", status(needs=[need(assigned_to="Ann")]))
    daemon.on("GET", "/v1/incidents/42", incident(card=card(assigned_to="Ann")))
    alarm = AlarmView(
        id=1,
        reason="suspected",
        about="suspected 42",
        incident_id=42,
        broadcast_id=None,
        opened_at=NOON,
        answered_at=None,
        answered_by="",
        answer="",
        rests_until=None,
        assigned_to="Ann",
    )
    people = [{"name": "Ann", "routes": {}}]
    view = OnCallView(people=[], answer_within_seconds=600, alarms=[alarm], calls=[], sources=[])
    daemon.on("GET", "/v1/on-call", {**json.loads(_json(view)), "people": people})
    assert "            assigned to Ann\n" in notifier().stdout
    assert "  assigned  Ann\n" in notifier("incidents", "show", "42").stdout
    shown = " ".join(notifier("on-call").stdout.split())
    assert "suspected #42 since 03:39, assigned to Ann: nobody has answered" in shown


def _json(value: object) -> bytes:
    import msgspec

    return msgspec.json.encode(value)
