"""`notifier bounces ingest`: mails from a pipe, files, folders and maildirs; what is said about each."""

import json
from pathlib import Path

import pytest

from tests.bounces import bounce
from tests.cli.conftest import Run
from tests.fake_daemon import FakeDaemon, problem

PATH = "/v1/bounces"


def understood(**fields: object) -> dict[str, object]:
    return {
        "kind": "dsn",
        "effect": "suppressed",
        "notification": 1893,
        "verdict": "suppress_address",
        "code": "550 5.1.1",
        "words": "550 5.1.1 no such user",
        "duplicate": False,
        **fields,
    }


@pytest.fixture(autouse=True)
def taking(daemon: FakeDaemon) -> None:
    daemon.on("POST", PATH, understood())


def test_one_mail_from_a_pipe_goes_to_the_daemon_as_it_is(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("bounces", "ingest", "-", given=bounce())
    asked = daemon.last("POST", PATH)
    assert asked.body == bounce()
    assert asked.headers["Content-Type"] == "message/rfc822"
    assert result.exit_code == 0
    assert "dsn #1893" in result.stdout
    assert "550 5.1.1" in result.stdout
    assert "1 mail taken" in result.stdout


def test_the_recipient_of_the_envelope_may_be_given(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("bounces", "ingest", "-", "--recipient", "bounces+1@example.com", given=b"From: x\n\nx")
    assert daemon.last("POST", PATH).query == {"recipient": "bounces+1@example.com"}


def test_a_folder_of_files_and_a_maildir_are_read_in_the_order_of_names(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    for name in ("b.eml", "a.eml", "notes.txt"):
        (tmp_path / name).write_text(name)
    for name in ("new/1", "cur/2:2,S", "tmp/3"):
        (tmp_path / "maildir" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "maildir" / name).write_text(name)
    daemon.on("POST", PATH, [understood(), understood(duplicate=True), understood(effect="none"), understood()])
    result = notifier("bounces", "ingest", str(tmp_path), str(tmp_path / "maildir"))
    assert [asked.body for asked in daemon.asked] == [b"a.eml", b"b.eml", b"cur/2:2,S", b"new/1"]
    assert "4 mails taken" in result.stdout
    assert "known already  1" in result.stdout


def test_json_is_one_line_per_mail(notifier: Run, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(bounce())
    said = json.loads(notifier("bounces", "ingest", str(tmp_path), "--json").stdout)
    assert said == {"mail": str(tmp_path / "a.eml"), **understood()}


def test_a_mail_that_is_refused_leaves_the_others_alone(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    for name in ("a.eml", "b.eml"):
        (tmp_path / name).write_bytes(bounce())
    daemon.on("POST", PATH, [problem(422, "the mail is empty"), understood()])
    result = notifier("bounces", "ingest", str(tmp_path))
    assert result.exit_code == 1
    assert "1 mail taken" in result.stdout
    assert "1 mail was not taken: the mail is empty" in result.stdout


def test_a_delivery_agent_is_told_to_keep_what_the_store_does_not_take_now(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", PATH, problem(503, "the store takes nothing now"))
    assert notifier("bounces", "ingest", "-", given=bounce()).exit_code == 75
    daemon.on("POST", PATH, problem(422, "the mail is empty"))
    assert notifier("bounces", "ingest", "-", given=bounce()).exit_code == 1


def test_a_key_that_may_not_hand_in_mail_ends_it_at_once(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    for name in ("a.eml", "b.eml"):
        (tmp_path / name).write_bytes(bounce())
    daemon.on("POST", PATH, problem(403, "key 'x' has the role agent"))
    assert notifier("bounces", "ingest", str(tmp_path)).exit_code == 1
    assert len(daemon.asked) == 1


def test_a_place_that_is_not_there_is_wrong_usage(notifier: Run) -> None:
    result = notifier("bounces", "ingest", "nowhere")
    assert result.exit_code == 2
    assert "cannot read nowhere" in result.stderr
