"""The dialogue of everything that sends: the count is typed, nothing else sends; scripts say it beforehand."""

import json

import pytest

from notifier.storage.views import AskerView
from tests.cli.conftest import At, Run
from tests.cli_views import asker, broadcast, card, draft, incident, preview, within_take_back
from tests.fake_daemon import FakeDaemon, problem

pytestmark = pytest.mark.usefixtures("outage")


def sent(daemon: FakeDaemon) -> bool:
    """Tell whether the daemon was told to send."""
    return any(path.endswith(("/send", "/approve")) for path in daemon.paths())


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_without_a_terminal_nothing_is_sent_and_no_draft_is_left(
    notifier: Run, daemon: FakeDaemon, options: list[str]
) -> None:
    result = notifier("confirm", "42", *options)
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "Nobody was told, the draft is cancelled; send it with the same command and --count 1214" in said
    assert "#42 stays suspected" in said
    assert daemon.paths() == ["POST /v1/incidents/42/confirm", "POST /v1/broadcasts/17/cancel"]


def test_without_a_terminal_a_draft_that_stood_before_waits(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="draft"))
    daemon.on("GET", "/v1/broadcasts/17/preview", preview())
    result = notifier("broadcasts", "send", "17")
    assert result.exit_code == 2
    assert "Broadcast 17 waits; send it with: notifier broadcasts send 17 --count 1214" in result.stderr
    assert not any(path.endswith("/cancel") for path in daemon.paths())


def test_the_preview_says_who_hears_who_does_not_and_whether_it_is_in_time(notifier: Run, daemon: FakeDaemon) -> None:
    changes = {
        "kind": "delayed",
        "fits": False,
        "first_contact": 12,
        "warnings": ["the phrase 'tree' has no wording in fr"],
    }
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=preview(**changes)))
    text = notifier("confirm", "42").stdout
    for line in (
        "Sample 1 of 2: email, en, a***@example.com",
        "  | Power out at 12 Oak St: next update by 4:10 am",
        "1 more sample: notifier broadcasts preview 17",
        "Broadcast 17, delayed: 1,172 of 1,214 customers hear, by 1,172 messages",
        "  channel     email 1,172",
        "  language    en 889, es 252, fr 31",
        "  where       postal code 94110: 1,031, 94112: 183",
        "  first time  12 messages to people not told before",
        "  not told    42: no way to reach them 40, asked not to hear from us 2",
        "  done        2 min after it begins; promised by 04:10 PDT (in 31 min):",
        "              TOO LATE",
        "  2nd person  no (limit 20,000)",
        "  ! the phrase 'tree' has no wording in fr",
        "  ! It will not be done before the time we promised.",
    ):
        assert line in text.splitlines()


def test_one_sample_stands_in_the_dialogue_and_every_one_in_the_preview(notifier: Run, daemon: FakeDaemon) -> None:
    assert "Sample 2 of 2" not in notifier("confirm", "42").stdout
    daemon.on("GET", "/v1/broadcasts/17/preview", preview())
    text = notifier("broadcasts", "preview", "17").stdout
    assert "Sample 2 of 2: email" in text
    assert "more sample" not in text


def test_yes_sends_the_number_of_the_preview(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("confirm", "42", "--yes")
    assert result.exit_code == 0
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1214}
    assert "Take it back until then: notifier broadcasts cancel 17" in result.stdout


def test_a_count_given_beforehand_is_what_the_daemon_compares(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/broadcasts/17/send", problem(409, "the count is 1214 now, not 1200"))
    result = notifier("confirm", "42", "--count", "1200")
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1200}
    said = "Error: the count is 1214 now, not 1200. Not sent; the draft is cancelled\n"
    assert (result.exit_code, result.stderr) == (1, said)
    assert daemon.paths()[-1] == "POST /v1/broadcasts/17/cancel"


def test_a_wrong_count_leaves_a_draft_that_stood_before(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="draft"))
    daemon.on("GET", "/v1/me", asker(role="manager"))
    daemon.on("POST", "/v1/broadcasts/17/send", problem(409, "the count is 1214 now, not 1200"))
    result = notifier("broadcasts", "send", "17", "--count", "1200")
    assert (result.exit_code, result.stderr) == (1, "Error: the count is 1214 now, not 1200\n")
    assert daemon.paths()[-1] == "POST /v1/broadcasts/17/send"


def test_yes_does_not_send_to_nobody(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=preview(customers=0)))
    result = notifier("confirm", "42", "--yes")
    assert result.exit_code == 1
    assert "it is for 0 customers" in result.stderr
    assert not sent(daemon)
    assert daemon.paths()[-1] == "POST /v1/broadcasts/17/cancel"


@pytest.mark.parametrize(("kind", "options"), [("restored", ["--yes"]), ("acknowledged", ["--count", "0"])])
def test_nobody_is_told_when_that_is_meant(notifier: Run, daemon: FakeDaemon, kind: str, options: list[str]) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=preview(kind=kind, customers=0)))
    assert notifier("confirm", "42", *options).exit_code == 0
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 0}


def test_json_with_yes_prints_the_broadcast_alone(notifier: Run) -> None:
    result = notifier("confirm", "42", "--yes", "--json")
    assert json.loads(result.stdout)["state"] == "sending"


def test_json_without_yes_prints_the_draft_and_refuses(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("confirm", "42", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["preview"]["customers"] == 1214
    assert not sent(daemon)


def test_above_the_limit_it_says_who_approves_and_how(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=preview(audience_limit=1000, needs_approval=True)))
    daemon.on("POST", "/v1/broadcasts/17/send", broadcast(state="awaiting_approval", started_at=None))
    result = notifier("confirm", "42", "--yes")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "WAITS FOR APPROVAL: 1,214 customers are more than the 1,000" in text
    assert "anyone else with a key of role commander or manager, not anna" in text
    assert "notifier broadcasts approve 17" in text
    assert "notifier broadcasts reject 17 --reason TEXT" in text


def test_typing_the_count_sends(at: At, daemon: FakeDaemon) -> None:
    with at("confirm", "42", "--no-wait") as person:
        person.sees("Type 1214 to send, q to leave: ")
        person.type("1,214\n")
        assert person.ends() == 0
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1214}


def test_an_empty_answer_asks_again_and_a_wrong_one_says_what_is_right(at: At, daemon: FakeDaemon) -> None:
    with at("confirm", "42", "--no-wait") as person:
        person.sees("q to leave: ")
        person.type("\n")
        person.sees("q to leave: \nType 1214 to send")
        person.type("1241\n")
        person.sees("That is not the count: it is 1214, you typed 1241.")
        assert not sent(daemon)
        person.type("1214\n")
        assert person.ends() == 0
    assert sent(daemon)


@pytest.mark.parametrize("keys", ["q\n", "\x04", "\x03", "1\n2\n3\n"], ids=["q", "end", "ctrl-c", "three wrong"])
def test_leaving_cancels_the_draft_and_sends_nothing(at: At, daemon: FakeDaemon, keys: str) -> None:
    with at("confirm", "42") as person:
        person.sees("q to leave: ")
        person.type(keys)
        assert person.ends() == 1
        person.sees("Not sent, nobody was told. The draft is cancelled.")
        person.sees("stays suspected")
    assert daemon.paths()[-1] == "POST /v1/broadcasts/17/cancel"
    assert not sent(daemon)


def test_leaving_an_update_of_what_is_confirmed_says_nothing_of_deciding(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(incident=incident(card=card(state="confirmed"))))
    with at("confirm", "42") as person:
        person.sees("q to leave: ")
        person.type("q\n")
        assert person.ends() == 1
        assert "suspected" not in person.text


def test_leaving_an_approval_leaves_what_another_has_sent(at: At, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="awaiting_approval"))
    with at("broadcasts", "approve", "17") as person:
        person.sees("Type 1214 to approve, q to leave: ")
        person.type("q\n")
        assert person.ends() == 1
        person.sees("Not approved. Broadcast 17 still waits")
    assert daemon.paths() == ["GET /v1/broadcasts/17", "GET /v1/me", "GET /v1/broadcasts/17/preview"]


@pytest.mark.parametrize(
    ("action", "who", "said"),
    [
        ("approve", asker(), "was sent by 'anna', your own key; another one has to approve it"),
        ("approve", asker(role="viewer"), "key 'anna' has the role viewer; to approve needs commander or manager"),
        ("send", asker(role="viewer"), "key 'anna' has the role viewer; to send needs commander or manager"),
    ],
)
def test_a_key_that_may_not_is_told_before_the_count_is_asked_for(
    notifier: Run, daemon: FakeDaemon, action: str, who: AskerView, said: str
) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="draft" if action == "send" else "awaiting_approval"))
    daemon.on("GET", "/v1/me", who)
    result = notifier("broadcasts", action, "17")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert daemon.paths() == ["GET /v1/broadcasts/17", "GET /v1/me"]


@pytest.mark.parametrize(
    ("action", "state", "said"),
    [
        ("send", "superseded", "is superseded and cannot be sent; nothing more can be done with it"),
        (
            "send",
            "awaiting_approval",
            "is waiting for approval and cannot be sent; possible is: approve, reject, cancel",
        ),
        ("approve", "draft", "is a draft and cannot be approved; possible is: send, cancel"),
    ],
)
def test_what_can_no_longer_be_sent_is_refused_before_its_count_is_asked_for(
    notifier: Run, daemon: FakeDaemon, action: str, state: str, said: str
) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state=state))
    result = notifier("broadcasts", action, "17")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: broadcast 17 {said}\n")
    assert daemon.paths() == ["GET /v1/broadcasts/17"]


def test_a_number_that_changed_meanwhile_is_shown_and_asked_for_again(at: At, daemon: FakeDaemon) -> None:
    changed = problem(409, "the count is 1215 now, not 1214")
    daemon.on("POST", "/v1/broadcasts/17/send", [changed, within_take_back()])
    daemon.on("GET", "/v1/broadcasts/17/preview", preview(customers=1215))
    with at("confirm", "42", "--no-wait") as person:
        person.sees("Type 1214 to send")
        person.type("1214\n")
        person.sees("The number has changed meanwhile: 1,214 then, 1,215 now.")
        person.sees("Type 1215 to send")
        person.type("1215\n")
        assert person.ends() == 0
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1215}


def test_what_tells_nobody_needs_no_count(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/close", draft(broadcast=None, preview=None))
    result = notifier("close", "42")
    assert result.exit_code == 0
    assert result.stdout.startswith("#42 power down, 94110, 94112")
