"""`notifier tell 42`: four questions with answers that Enter takes, the check page, the number, and customers hear."""

import stat
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from notifier.storage.views import (
    BroadcastView,
    ChoicesView,
    DoubtView,
    PartView,
    PhraseView,
    Preview,
    UnreachedView,
    Waiting,
    Waits,
)
from tests.cli.conftest import At, Run
from tests.cli_views import MINUTE, broadcast, card, draft, incident, preview, progress, status, within_take_back
from tests.fake_daemon import NOON, Answer, FakeDaemon, problem

pytestmark = pytest.mark.usefixtures("_night")
BY = NOON + 31 * MINUTE


def choices(**changes: object) -> ChoicesView:
    codes = ("cable-cut", "equipment", "power-loss", "storm")
    return ChoicesView(
        **{
            "impacts": ["down", "degraded", "intermittent"],
            "causes": [PhraseView(code=code, text=f"It was {code}.") for code in codes],
            "crews": [],
            "next_update_within_seconds": 3600.0,
            "eta_at_most_seconds": 172800.0,
            "take_back_seconds": 30.0,
            "warn_before_seconds": 1200.0,
            "on_call": ["Ann", "Bert"],
            **changes,
        }  # type: ignore[arg-type]
    )


def at_night(**changes: object) -> Preview:
    """Build the check page of MESSAGES.md."""
    return preview(
        **{
            "by_channel": {"email": 141, "sms": 1031},
            "by_locale": {"en": 860, "es": 281, "fr": 31},
            "not_told": {"no_contact_point": 42},
            "now": {"sms": 25, "email": 141},
            "waits": [Waits(until=NOON + timedelta(hours=3, minutes=21), messages=1006)],
            "segments": 2062,
            "segments_now": 50,
            "cost": "16.2898",
            "currency": "USD",
            "finishes_in_seconds": 20.0,
            "promise_due_at": None,
            "audience_limit": 5000,
            **changes,
        }
    )


def done() -> BroadcastView:
    """Build what has left after the countdown."""
    facts = {"next_update_by": BY.isoformat()}
    return broadcast(progress=progress(states={"sent": 166}), facts=facts, not_before_at=NOON - MINUTE)


@pytest.fixture
def _night(daemon: FakeDaemon, outage: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the outage be one at night, and work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    daemon.on("GET", "/v1/incidents/42/choices", choices())
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night()))
    daemon.on("POST", "/v1/incidents/42/eta", draft(preview=at_night()))
    daemon.on("GET", "/v1/broadcasts/17/preview", at_night())
    daemon.on("POST", "/v1/broadcasts/17/send", done())
    site = UnreachedView(
        customer="C-1", name="=Ana", site="1", label="", address="1 Elm St", priority=True, call=[], why=["nothing"]
    )
    lines = b"\n".join(map(msgspec.json.encode, (site, {"done": True, "sites": 1}))) + b"\n"
    daemon.on("GET", "/v1/broadcasts/17/unreached", Answer(200, lines))


def part_view(**changes: object) -> PartView:
    times = dict.fromkeys(("eta_at", "next_update_by", "believed_back_at", "restored_at"))
    given = {"id": 1, "state": "out", "customers": 600, "cause": "", "crew": "", **times, **changes}
    return PartView(**given)  # type: ignore[arg-type]


def told(daemon: FakeDaemon, action: str = "confirm") -> dict[str, object]:
    body: dict[str, object] = daemon.last("POST", f"/v1/incidents/42/{action}").json()
    return body


def test_a_number_of_no_incident_is_answered_with_those_that_are_open(notifier: Run, daemon: FakeDaemon) -> None:
    beyond = "9" * 20
    daemon.on("GET", f"/v1/incidents/{beyond}", problem(404, f"there is no incident {beyond}"))
    daemon.on("GET", "/v1/incidents", [card(id=42), *(card(id=number) for number in range(50, 57))])
    result = notifier("tell", beyond)
    said = " ".join(result.stderr.split())
    assert result.exit_code == 1
    assert said.startswith(f"Error: there is no incident {beyond}; open are #42 power, {card().place} (suspected); #50")
    assert said.endswith("; 3 more")


def test_four_enters_and_the_number_tell_customers(at: At, daemon: FakeDaemon) -> None:
    with at("tell", "42") as person:
        person.sees("1 What?    d down  s slow or weak  i on and off [d]: ")
        person.type("\n")
        person.sees("5 not known yet [5]: ")
        person.type("\n")
        person.sees("3 Back by? 6:30, +3h, Enter = not known: ")
        person.type("\n")
        person.sees("next update by [04:39]: ")
        person.type("\n")
        person.sees("Type 1214 to send, w to wake all, q to leave: ")
        person.type("1214\n")
        person.sees("Ann is called at 03:49.")
        assert person.ends() == 0
        lines = person.text.splitlines()
    assert told(daemon) == {"impact": "down", "cause": ""}
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1214}
    for line in (
        "#42 power, 94110, 94112: 1,214 customers, 9 priority           SUSPECTED",
        "2 Cause?   1 cable cut  2 equipment  3 power loss  4 storm",
        "4 Check    1,214 customers, 1,172 messages: SMS 1,031, e-mail 141;",
        "             no way to reach 42 customers (saved: unreachable-42.csv)",
        "           en 860, es 281, fr 31",
        "           NOW 25 SMS (priority, and who wrote) + 141 e-mails",
        "           WAIT 1,006 SMS until 07:00: quiet hours (w = wake all, asks",
        "           all SMS: 2,062 segments, USD 16.29",
        "           Second person: no (limit 5,000)",
        "           p all texts   e change a fact",
        "Done: sent 166, failed 0.",
        "Promise: next update by 04:10 PDT (in 31 min).",
    ):
        assert line in lines, line
    assert max(map(len, lines)) <= 72


def test_a_telephone_held_upright_shows_all_of_it(at: At, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(place="Riverside, Springfield and 3 more")))
    with at("tell", "42", columns="40") as person:
        _enters(person, 4)
        person.type("q\n")
        person.ends()
    assert max(map(len, person.text.split("Type 1214")[0].splitlines())) <= 40


def test_who_cannot_be_reached_is_in_a_file_that_only_its_owner_reads(at: At, tmp_path: Path) -> None:
    with at("tell", "42") as person:
        _enters(person, 4)
        person.type("q\n")
        assert person.ends() == 1
        person.sees("Not sent, nobody was told. The draft is cancelled.")
        assert "notifier tell 42, or notifier dismiss" in " ".join(person.text.split())
    file = tmp_path / "unreachable-42.csv"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "'=Ana" in file.read_text()


@pytest.mark.parametrize("there", ["a link", "somebody's own file", "a folder"])
def test_a_list_that_cannot_be_saved_stops_nobody(at: At, tmp_path: Path, there: str) -> None:
    path = tmp_path / "unreachable-42.csv"
    if there == "a link":
        path.symlink_to("elsewhere")
    elif there == "a folder":
        path.mkdir()
    else:
        path.write_text("mine\n")
    with at("tell", "42") as person:
        _enters(person, 4)
        person.sees("is not saved")
        person.sees("no way to reach 42 customers\n")
        person.type("q\n")
        assert person.ends() == 1
    assert not (tmp_path / "elsewhere").exists()
    assert there != "somebody's own file" or path.read_text() == "mine\n"
    assert not list(tmp_path.glob("*.part"))


def test_a_list_that_breaks_off_leaves_the_earlier_one(at: At, daemon: FakeDaemon, tmp_path: Path) -> None:
    earlier = "priority,customer,name,site,label,address,call,why\r\nyes,C-7,,1,,,,\r\n"
    (tmp_path / "unreachable-42.csv").write_text(earlier, newline="")
    daemon.on("GET", "/v1/broadcasts/17/unreached", Answer(200, b""))
    with at("tell", "42") as person:
        _enters(person, 4)
        person.sees("the answer broke off before its end")
        person.type("q\n")
        person.ends()
    assert (tmp_path / "unreachable-42.csv").read_bytes().decode() == earlier
    assert not list(tmp_path.glob("*.part"))


def test_every_answer_may_be_given(at: At, daemon: FakeDaemon) -> None:
    with at("tell", "42", "--no-wait") as person:
        for question, answer in (("[d]: ", "s"), ("[5]: ", "2"), ("not known: ", "6:30")):
            person.sees(question)
            person.type(f"{answer}\n")
        person.sees('they read: "It was equipment."')
        person.sees("ETA 06:30 PDT today, Sat 27 June 2026 (in 2 h 51)")
        person.sees("q to leave: ")
        assert "next update by" not in person.text.split("4 Check")[0]
        person.type("q\n")
        person.ends()
    body = told(daemon)
    assert body == {"impact": "degraded", "cause": "equipment", "eta_at": "2026-06-27T13:30:00Z"}


@pytest.mark.parametrize(
    ("number", "wrong", "said"),
    [
        (0, "x", "'x' is none of d, s, i"),
        (1, "9", "'9' is no cause; expected a number from 1 to 5, or a name"),
        (1, "strom", "did you mean 'storm'?"),
        (2, "soon", "'soon' is not a time"),
        (2, "3:00", "today has passed"),
        (3, "maybe", "'maybe' is not a time"),
    ],
)
def test_a_wrong_answer_says_why_and_asks_again(at: At, daemon: FakeDaemon, number: int, wrong: str, said: str) -> None:
    with at("tell", "42") as person:
        _enters(person, number)
        person.type(f"{wrong}\n")
        assert said in " ".join(person.sees(said[-8:]).split())
        person.type("\x03")
        assert person.ends() == 1
        person.sees("Left. Nobody was told.")
    assert "POST /v1/incidents/42/confirm" not in daemon.paths()


def test_a_cause_is_found_by_its_name(at: At, daemon: FakeDaemon) -> None:
    with at("tell", "42") as person:
        _enters(person, 1)
        person.type("cable cut\n")
        _enters(person, 2, after=("not known: ", "[04:39]: "))
        person.sees("q to leave: ")
        person.type("q\n")
        person.ends()
    assert told(daemon)["cause"] == "cable-cut"


def test_what_the_daemon_refuses_is_asked_for_again(at: At, daemon: FakeDaemon) -> None:
    refused = problem(422, "the ETA is further away than the playbook's eta_at_most", field="eta_at")
    daemon.on("POST", "/v1/incidents/42/confirm", [refused, draft(preview=at_night())])
    with at("tell", "42", "--impact", "down", "--cause", "storm", "--eta", "+90h") as person:
        person.sees("eta_at_most")
        person.sees("3 Back by?")
        person.type("+2h\n")
        person.sees("q to leave: ")
        person.type("q\n")
        person.ends()
    assert told(daemon)["impact"] == "down"


def test_p_shows_all_texts_and_e_changes_a_fact(at: At, daemon: FakeDaemon) -> None:
    with at("tell", "42") as person:
        _enters(person, 4)
        person.type("p\n")
        person.sees("Sample 2 of 2: email, en")
        assert daemon.last("GET", "/v1/broadcasts/17/preview").query["every_text"] == "1"
        person.type("e\n")
        person.sees("Change which?")
        person.type("2\n")
        person.sees("[5]: ")
        daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(broadcast_id=18, customers=1215)))
        person.type("4\n")
        person.sees("Type 1215 to send")
        daemon.on("POST", "/v1/broadcasts/18/cancel", broadcast(id=18, state="cancelled"))
        person.type("q\n")
        person.ends()
    assert told(daemon)["cause"] == "storm"
    assert daemon.paths()[-1] == "POST /v1/broadcasts/18/cancel"


def test_what_cannot_be_told_of_the_place_is_on_the_page_and_e_changes_where(at: At, daemon: FakeDaemon) -> None:
    doubt = DoubtView(region="postal_code 94112", named=True, callers=1, expected=0.2, sites=41, chance=0.5)
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(doubts=[doubt] * 8)))
    with at("tell", "42") as person:
        _enters(person, 4)
        person.sees("! postal code 94112: told with weak support: 1 caller of 41")
        person.sees("! 2 more regions of which one cannot tell")
        person.type("e\n")
        person.sees("4 where")
        person.type("4\n")
        person.sees("Where?")
        daemon.on("POST", "/v1/incidents/42/confirm", problem(422, "there is no region 9", field="regions"))
        person.type("9\n")
        person.sees("The draft is as it was.")
        daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(customers=700)))
        person.type("e\n")
        person.type("4\n")
        person.type("94110, node:OLT-7\n")
        person.sees("Type 700 to send")
        person.type("q\n")
        person.ends()
    assert told(daemon)["regions"] == ["94110", "node:OLT-7"]


def test_what_the_crew_does_is_changed_on_the_page_and_not_asked_for(at: At, daemon: FakeDaemon) -> None:
    crews = [PhraseView(code=code, text=f"A crew is {code}.") for code in ("on-the-way", "on-site")]
    daemon.on("GET", "/v1/incidents/42/choices", choices(crews=crews))
    with at("tell", "42") as person:
        _enters(person, 4)
        assert "crew" not in told(daemon)
        person.type("e\n")
        person.sees("5 crew")
        person.type("5\n")
        person.sees("1 on the way  2 on site  none")
        person.type("3\n")
        person.sees("'3' is nothing a crew does")
        daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(customers=1215)))
        person.type("on-s\n")
        person.sees('they read: "A crew is on-site."')
        person.sees("Type 1215 to send")
        assert told(daemon)["crew"] == "on-site"
        person.type("e\n")
        person.sees("Change which?")
        person.type("5\n")
        person.sees("[on-site]")
        daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(customers=1216)))
        person.type("none\n")
        person.sees("Type 1216 to send")
        person.type("q\n")
        person.ends()
    assert told(daemon)["crew"] == ""


def test_the_crew_is_given_as_an_option(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("tell", "42", "--crew", "on-site", "--yes")
    assert told(daemon) == {"crew": "on-site"}


def test_where_is_given_as_an_option_before_it_is_told_only(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("tell", "42", "--regions", "94110, node:OLT-7", "--yes")
    assert told(daemon) == {"regions": ["94110", "node:OLT-7"]}
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed")))
    result = notifier("tell", "42", "--regions", "94110", "--yes")
    assert result.exit_code == 2
    assert "where it is was told already" in " ".join(result.stderr.split())


def test_of_what_is_confirmed_the_next_update_is_told(at: At, daemon: FakeDaemon) -> None:
    confirmed = card(state="confirmed", told=1172, eta_at=NOON + 171 * MINUTE)
    daemon.on("GET", "/v1/incidents/42", incident(card=confirmed, cause="storm"))
    nothing = problem(409, "customers have been told 2026-06-27 13:30 UTC already, and nothing else is new")
    daemon.on("POST", "/v1/incidents/42/eta", [nothing, draft(preview=at_night(kind="delayed"))])
    with at("tell", "42") as person:
        _enters(person, 2, after=("[d]: ", "[4]: "))
        person.sees("Enter = 06:30 as told, none = not known: ")
        person.type("\n")
        person.sees("already, and nothing else")
        person.sees("3 Back by?")
        person.type("none\n")
        person.sees("next update by")
        person.type("+30m\n")
        person.sees("q to leave: ")
        assert daemon.last("POST", "/v1/incidents/42/eta").json()["eta_at"] is None
        person.type("q\n")
        person.ends()
        assert "stays suspected" not in person.text
    assert told(daemon, "eta")["next_update_by"]


def test_enter_at_what_is_not_new_leaves(at: At, daemon: FakeDaemon) -> None:
    confirmed = card(state="confirmed", told=1172, eta_at=NOON + 171 * MINUTE)
    daemon.on("GET", "/v1/incidents/42", incident(card=confirmed, cause="storm"))
    nothing = problem(409, "customers have been told 2026-06-27 13:30 UTC already, and nothing else is new")
    daemon.on("POST", "/v1/incidents/42/eta", nothing)
    with at("tell", "42") as person:
        _enters(person, 3, after=("[d]: ", "[4]: ", "not known: "))
        person.sees("Enter = leave it at that, none = not known: ")
        person.type("\n")
        person.sees("Left. Nobody was told.")
        assert person.ends() == 1


def test_what_is_believed_back_is_told_by_itself_unless_it_is_out_again(at: At, daemon: FakeDaemon) -> None:
    back = card(state="confirmed", part_state="believed_back")
    held = broadcast(kind="restored", state="sending", not_before_at=NOON + 10 * MINUTE, started_at=None)
    daemon.on("GET", "/v1/incidents/42", incident(card=back, broadcasts=[held]))
    with at("tell", "42") as person:
        person.sees("Believed back. Customers hear it 03:49 PDT")
        person.type("\n")
        assert person.ends() == 0
    assert "POST /v1/incidents/42/reopen" not in daemon.paths()
    daemon.on("POST", "/v1/incidents/42/reopen", draft(broadcast=None, preview=None))
    daemon.on("GET", "/v1/incidents/42", [incident(card=back), incident(card=card(state="confirmed"))])
    with at("tell", "42") as person:
        person.sees("o it is out again [b]: ")
        person.type("o\n")
        person.sees("1 What?")
        person.type("q\n")
        assert person.ends() == 1


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("resolved", "incident 42 is resolved; when it is out again: notifier reopen 42"),
        ("dismissed", "incident 42 is dismissed; there is nothing to tell"),
        ("merged", "it is part of #7 now: notifier tell 7"),
    ],
)
def test_what_is_over_is_not_told(notifier: Run, daemon: FakeDaemon, state: str, said: str) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state=state), merged_into=7 if state == "merged" else None))
    result = notifier("tell", "42")
    assert result.exit_code == 1
    assert said in result.stderr


def test_without_a_terminal_nothing_is_asked_and_nothing_sent(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("tell", "42", "--cause", "storm")
    assert result.exit_code == 2
    assert told(daemon) == {"cause": "storm"}
    assert daemon.paths()[-1] == "POST /v1/broadcasts/17/cancel"
    sent = notifier("tell", "42", "--count", "1214", "--json")
    assert (sent.exit_code, msgspec.json.decode(sent.stdout)["id"]) == (0, 17)


def test_a_script_says_only_what_is_new_of_what_is_confirmed(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", eta_at=BY)))
    notifier("tell", "42", "--cause", "storm", "--yes")
    assert told(daemon, "eta") == {"eta_at": "2026-06-27T11:10:00Z", "cause": "storm"}
    notifier("tell", "42", "--eta", "none", "--yes")
    assert told(daemon, "eta") == {"eta_at": None}
    result = notifier("tell", "42", "--eta", "soon", "--yes")
    assert result.exit_code == 2
    assert "--eta: 'soon' is not a time" in result.stderr


def test_a_part_is_told_by_its_name(at: At, notifier: Run, daemon: FakeDaemon) -> None:
    parts = [
        part_view(name="rest", eta_at=NOON + 60 * MINUTE),
        part_view(id=2, name="94112", cause="equipment", eta_at=NOON + 171 * MINUTE),
    ]
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", told=1172), parts=parts))
    with at("tell", "42", "--part", "94112") as person:
        _enters(person, 2, after=("[d]: ", "[2]: "))
        person.sees("Enter = 06:30 as told")
        person.type("+5h\n")
        person.sees("q to leave: ")
        person.type("q\n")
        person.ends()
    assert (told(daemon, "eta")["part"], told(daemon, "eta")["cause"]) == (["94112"], "equipment")
    notifier("tell", "42", "--part", "94112", "--yes")
    assert told(daemon, "eta") == {"eta_at": "2026-06-27T13:30:00Z", "part": ["94112"]}
    daemon.on("GET", "/v1/incidents/42", incident())
    suspected = notifier("tell", "42", "--part", "94112")
    assert suspected.exit_code == 2
    assert "a suspected incident has no parts yet" in " ".join(suspected.stderr.split())


def test_nobody_on_call_is_said(at: At, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42/choices", choices(on_call=[]))
    with at("tell", "42") as person:
        _enters(person, 4)
        person.type("1214\n")
        person.sees("Nobody is on call")
        assert person.ends() == 0


def test_while_everyone_sleeps_nobody_is_called(at: At, daemon: FakeDaemon) -> None:
    asleep = broadcast(progress=progress(states={"pending": 1172}), state="sending", facts=done().facts)
    waiting = [Waiting(reason="quiet_hours", messages=1172, until=NOON + timedelta(hours=3))]
    asleep = replace(asleep, progress=replace(asleep.progress, waiting=waiting), not_before_at=NOON - MINUTE)
    daemon.on("POST", "/v1/broadcasts/17/send", asleep)
    with at("tell", "42") as person:
        _enters(person, 4)
        person.type("1214\n")
        assert person.ends() == 0
        person.sees("Waiting: 1,172 until")
        assert "is called at" not in person.text


def test_a_key_takes_it_back(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/broadcasts/17/send", within_take_back())
    daemon.on("GET", "/v1/status", status())
    with at("tell", "42") as person:
        _enters(person, 4)
        person.type("1214\n")
        person.sees("any key takes it back")
        person.type(" ")
        assert person.ends() == 1
        person.sees("Taken back. Nobody was told.")


def _enters(
    person: object, number: int, after: tuple[str, ...] = ("[d]: ", "[5]: ", "not known: ", "[04:39]: ")
) -> None:
    """Answer so many questions with Enter, and wait for the next one."""
    for question in after[:number]:
        person.sees(question)  # type: ignore[attr-defined]
        person.type("\n")  # type: ignore[attr-defined]
    every = ("[d]: ", "[5]: ", "not known: ", "[04:39]: ", "q to leave: ")
    if after == every[:4]:
        person.sees(every[number])  # type: ignore[attr-defined]
