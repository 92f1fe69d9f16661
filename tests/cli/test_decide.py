"""What a commander decides becomes one request: regions and sites as a list, times as instants, echoed in full."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Run
from tests.cli_views import MINUTE, broadcast, card, draft, incident
from tests.fake_daemon import NOON, FakeDaemon, problem

ACTIONS = ("confirm", "dismiss", "eta", "restored", "reopen")
NO_TERMINAL = 2  # the exit code of everything here that is right, because nobody types the count


@pytest.fixture(autouse=True)
def _drafts(daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents", draft())
    daemon.on("GET", "/v1/incidents/42", incident())
    for action in ACTIONS:
        daemon.on("POST", f"/v1/incidents/42/{action}", draft())


def said(daemon: FakeDaemon, action: str) -> dict[str, object]:
    """Return the body of the last request for an action."""
    body: dict[str, object] = daemon.last("POST", f"/v1/incidents{action and f'/42/{action}'}").json()
    return body


def test_open_takes_regions_and_what_is_known(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier(
        *("open", "--service", "power", "--regions", "postal_code:94110, postal_code:94112", "--regions", "node:OLT-7"),
        *("--impact", "degraded", "--cause", "tree", "--crew", "on-site", "--started", "-40m", "--eta", "6:30"),
    )
    assert result.exit_code == NO_TERMINAL
    body = said(daemon, "")
    assert body.pop("started_at")
    assert body == {
        "service": "power",
        "regions": ["postal_code:94110", "postal_code:94112", "node:OLT-7"],
        "impact": "degraded",
        "cause": "tree",
        "crew": "on-site",
        "eta_at": "2026-06-27T13:30:00Z",
    }
    assert "ETA 06:30 PDT today, Sat 27 June 2026 (in 2 h 51)." in result.stdout
    assert "Out since 02:59 PDT today, Sat 27 June 2026 (40 min ago)." in result.stdout


def test_open_takes_a_file_of_sites(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    file = tmp_path / "sites.txt"
    file.write_bytes(b"\xef\xbb\xbfcustomer_id,site_id\r\n# a note\r\nC-1\r\n\r\nC-2, 7\r\n")
    notifier("open", "--service", "power", "--sites", str(file))
    assert said(daemon, "") == {"service": "power", "sites": ["C-1", "C-2,7"]}
    notifier("open", "--service", "power", "--sites", "-", given="C-3\n")
    assert said(daemon, "") == {"service": "power", "sites": ["C-3"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no customer"),
        ("C-1,1,x\n", "sites.txt, line 1: 'C-1,1,x' is no site; expected lines customer_id or customer_id,site_id"),
        ("C-1,\n", "line 1: 'C-1,' is no site"),
        (b"C-1\n\xff\xfe\x00secret", "line 2: '\u00ff\u00fesecret' is no site (it is not UTF-8); expected"),
        (b"C-1\n\x7fELF\x02\x00\x01", "line 2: 'ELF' is no site (it holds control characters); expected"),
        ("x" * 30 + "y" * 30 + "," * 30, f"line 1: '{'x' * 30}{'y' * 10}...' is no site; expected"),
        ("z" * 5000, f"line 1: '{'z' * 40}...' is no site (it has 5,000 characters); expected"),
        ('C-1\n"open,1\n', "line 2: '\"open,1' is no site (unexpected end of data); expected"),
    ],
)
def test_a_file_that_is_no_list_of_sites_is_wrong_usage(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, text: str | bytes, words: str
) -> None:
    file = tmp_path / "sites.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = notifier("open", "--service", "power", "--sites", str(file))
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr) < 500
    assert daemon.asked == []


@pytest.mark.parametrize("where", [[], ["--regions", "a:1", "--sites", "-"]], ids=["nowhere", "both"])
def test_open_needs_one_place(notifier: Run, daemon: FakeDaemon, where: list[str]) -> None:
    result = notifier("open", "--service", "power", *where)
    assert result.exit_code == 2
    assert "say where by --regions or by --sites: one of them" in result.stderr
    assert daemon.asked == []


def test_confirm_says_only_what_was_said(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("confirm", "42")
    assert said(daemon, "confirm") == {}
    notifier("confirm", "42", "--service", "water", "--regions", "postal_code:94110", "--next-update", "+30m")
    body = said(daemon, "confirm")
    assert body.pop("next_update_by")
    assert body == {"service": "water", "regions": ["postal_code:94110"]}


def test_a_refusal_names_the_field_and_what_would_be_right(notifier: Run, daemon: FakeDaemon) -> None:
    wrong = problem(422, "'*' is no region", field="regions", value="*", expected="KIND:CODE")
    daemon.on("POST", "/v1/incidents", wrong)
    result = notifier("open", "--service", "power", "--regions", "*")
    assert result.exit_code == 2
    assert result.stderr == "Error: '*' is no region (regions '*'); expected KIND:CODE\n"


def test_an_eta_is_a_time_of_the_operators_zone(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("eta", "42", "tomorrow", "6:30", "--cause", "cable-cut")
    assert said(daemon, "eta") == {"eta_at": "2026-06-28T13:30:00Z", "cause": "cable-cut"}
    assert result.stdout.startswith("ETA 06:30 PDT tomorrow, Sun 28 June 2026 (in 26 h 51).\n")


def test_an_eta_ahead_counts_from_the_daemons_clock(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.now, daemon.began = datetime(2019, 10, 26, 12, tzinfo=UTC), datetime.now(UTC)
    notifier("eta", "42", "+2h")
    assert str(said(daemon, "eta")["eta_at"]).startswith("2019-10-26T14:00:0")


def test_no_eta_is_said_with_none(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("eta", "42", "none")
    assert said(daemon, "eta") == {"eta_at": None}
    notifier("eta", "42", "None", "--no-delay", "--cause", "")
    assert said(daemon, "eta") == {"eta_at": None, "may_delay": False, "cause": ""}


def test_an_eta_that_has_passed_is_refused_before_anything_is_asked_for(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("eta", "42", "2:30")
    assert result.exit_code == 2
    assert "02:30 PDT today has passed (1 h 09 ago); expected 14:30 or 'tomorrow 2:30' or +2h" in result.stderr
    assert not any(path.startswith("POST") for path in daemon.paths())


def test_a_time_that_cannot_be_read_is_blamed_on_its_option(notifier: Run) -> None:
    assert "Error: --eta: 'soon' is not a time" in notifier("confirm", "42", "--eta", "soon").stderr
    assert "Error: --next-update: '+5' has no unit" in notifier("eta", "42", "+2h", "--next-update", "+5").stderr
    assert "Error: TIME: 'soon' is not a time" in notifier("eta", "42", "soon").stderr


def test_a_missed_eta_is_pointed_out(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", eta_at=NOON - 5 * MINUTE)))
    text = notifier("eta", "42", "+2h").stdout
    assert "They were told 03:34 PDT (5 min ago): this says we missed it." in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("+3h", "this says we will not make it"),
        ("+1h", "this is earlier"),
        ("none", "this says that nobody knows any more"),
    ],
)
def test_what_a_new_time_means_to_those_who_were_told_another_is_said(
    notifier: Run, daemon: FakeDaemon, typed: str, said: str
) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", eta_at=NOON + 120 * MINUTE)))
    text = " ".join(notifier("eta", "42", typed).stdout.split())
    assert f"They were told 05:39 PDT (in 2 h): {said}." in text


def test_an_eta_that_can_still_be_taken_back_has_been_told_to_nobody(notifier: Run, daemon: FakeDaemon) -> None:
    coming = broadcast(id=7, state="sending", started_at=None)
    confirmed = card(state="confirmed", eta_at=NOON + 5 * MINUTE)
    daemon.on("GET", "/v1/incidents/42", incident(card=confirmed, broadcasts=[coming]))
    text = notifier("eta", "42", "+2h").stdout
    assert "Broadcast 7, which has not begun, will tell them 03:44 PDT" in text
    assert "They were told" not in text


@pytest.mark.parametrize(("command", "field"), [("restored", "restored_at"), ("reopen", "reopened_at")])
def test_what_happened_before_is_said_with_at(notifier: Run, daemon: FakeDaemon, command: str, field: str) -> None:
    notifier(command, "42")
    assert said(daemon, command) == {}
    notifier(command, "42", "--at", "3:30")
    assert said(daemon, command) == {field: "2026-06-27T10:30:00Z"}
    result = notifier(command, "42", "--at", "4:30")
    assert result.exit_code == 2
    assert "is still ahead; expected 'yesterday 4:30' or -40m" in result.stderr


def test_dismissing_what_nobody_was_told_is_done_at_once(notifier: Run, daemon: FakeDaemon) -> None:
    dismissed = incident(
        card=card(state="dismissed"), dismissed_at=NOON, dismiss_reason="by_person", dismissed_by="anna"
    )
    daemon.on("POST", "/v1/incidents/42/dismiss", draft(incident=dismissed, broadcast=None, preview=None))
    result = notifier("dismiss", "42")
    assert result.exit_code == 0
    assert "DISMISSED" in result.stdout.splitlines()[0]
    assert "by anna" in result.stdout


def test_what_is_refused_in_this_state_is_exit_1(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/close", problem(409, "incident 42 is suspected and cannot become closed"))
    result = notifier("close", "42")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: incident 42 is suspected and cannot become closed\n"


def test_requests_have_only_fields_that_the_daemon_knows(notifier: Run, daemon: FakeDaemon) -> None:
    from notifier.stages import incidents

    facts = ("--cause", "tree", "--crew", "on-site", "--next-update", "+30m", "--no-delay")
    what = ("--impact", "down", "--eta", "6:30", "--started", "-40m")
    place = ("--service", "power", "--regions", "postal_code:94110")
    for arguments, action, request in (
        (("open", *place, *what, *facts), "", incidents.OpenIncident),
        (("confirm", "42", *place, *what, *facts), "confirm", incidents.ConfirmIncident),
        (("dismiss", "42", "--note", "a drill"), "dismiss", incidents.DismissIncident),
        (("eta", "42", "6:30", *facts), "eta", incidents.SetEta),
        (("restored", "42", "--at", "-5m"), "restored", incidents.RestoreIncident),
        (("reopen", "42", "--at", "-5m", "--eta", "6:30", *facts), "reopen", incidents.ReopenIncident),
    ):
        assert notifier(*arguments).exit_code == NO_TERMINAL
        msgspec.convert(said(daemon, action), request)
