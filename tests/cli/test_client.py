"""The HTTP client: answers, problems and silence become one line and an exit code; lists stream both ways."""

import os
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from notifier.cli import client as module
from notifier.cli.access import Access
from notifier.cli.client import Client, Problem, Unreachable, WrongInput
from tests.cli.conftest import Run
from tests.cli_views import status
from tests.fake_daemon import TOKEN, Answer, FakeDaemon, problem


@pytest.fixture
def client(daemon: FakeDaemon) -> Iterator[Client]:
    """Return a client of the fake daemon."""
    opened = Client(Access(url=daemon.url, token=TOKEN, origin="NOTIFIER_TOKEN"))
    yield opened
    opened.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_daemon_that_is_not_there_says_how_to_start_it(notifier: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_URL", f"http://127.0.0.1:{free_port()}")
    result = notifier("status")
    assert result.exit_code == 1
    assert "no daemon answers at http://127.0.0.1:" in result.stderr
    assert "notifier serve --migrate" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_wrong_key_is_blamed_on_where_it_came_from_and_not_shown(
    notifier: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFIER_TOKEN", "ntf_secret")
    result = notifier("status")
    assert result.stderr == "Error: the key from NOTIFIER_TOKEN is not accepted: this key is unknown or revoked\n"
    assert result.exit_code == 1


@pytest.mark.parametrize(("code", "kind"), [(400, WrongInput), (422, WrongInput), (403, Problem), (409, Problem)])
def test_a_problem_names_field_value_and_what_is_right(
    daemon: FakeDaemon, client: Client, code: int, kind: type[Problem]
) -> None:
    daemon.on("POST", "/v1/x", problem(code, "is not configured", field="service", value="pwr", expected="power"))
    with pytest.raises(Problem) as error:
        client.post("/v1/x", {})
    assert type(error.value) is kind
    assert error.value.exit_code == (2 if kind is WrongInput else 1)
    assert error.value.format_message() == "is not configured (service 'pwr'); expected power"


def test_times_in_a_problem_are_those_of_the_reader(commander: None, daemon: FakeDaemon, client: Client) -> None:
    daemon.on("POST", "/v1/x", problem(422, "2026-06-27 08:00 UTC has passed", expected="up to 2026-06-30 10:39 UTC"))
    with pytest.raises(WrongInput) as error:
        client.post("/v1/x")
    assert error.value.format_message() == "Sat 27 Jun 01:00 PDT has passed; expected up to Tue 30 Jun 03:39 PDT"


def test_what_the_detail_says_already_is_not_said_twice() -> None:
    error = WrongInput(422, "service 'pwr' is unknown; expected power", field="service", value="pwr", expected="power")
    assert error.format_message() == "service 'pwr' is unknown; expected power"


def test_a_problem_with_control_characters_stays_one_harmless_line() -> None:
    error = Problem(409, "a\x1b[2Jb\nc", field="x", value="\x07" * 100)
    assert error.format_message().isprintable()


def test_an_overloaded_daemon_says_when_to_try_again(daemon: FakeDaemon, client: Client) -> None:
    busy = problem(503, "the writer's queue is full")
    daemon.on("POST", "/v1/x", Answer(503, busy.body, {"Retry-After": "2"}))
    with pytest.raises(Problem, match=r"the writer's queue is full \(try again in 2 s\)"):
        client.post("/v1/x")


def test_another_server_is_recognised_as_such(daemon: FakeDaemon, client: Client) -> None:
    daemon.on("GET", "/v1/x", Answer(502, b"<html>"))
    with pytest.raises(Problem, match="answered 502 Bad Gateway: is that a Notifier daemon"):
        client.get("/v1/x")
    daemon.on("GET", "/v1/x", Answer(200, b"<html>"))
    with pytest.raises(Problem, match="is not what this version"):
        client.get("/v1/x").read(dict)


def test_fields_of_a_newer_daemon_are_ignored(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on(
        "GET",
        "/v1/keys",
        [
            {
                "id": 1,
                "name": "a",
                "role": "agent",
                "prefix": "ntf_",
                "created_at": "2026-06-27T10:00:00Z",
                "revoked_at": None,
                "news": 1,
            }
        ],
    )
    assert notifier("keys", "list").exit_code == 0


def test_a_daemon_that_does_not_answer_in_time_is_given_up(client: Client, daemon: FakeDaemon) -> None:
    release = threading.Event()
    daemon.on("GET", "/v1/x", lambda _: release.wait(5) and None)
    slow = Client(Access(url=daemon.url, token=TOKEN, origin="x"), timeout=0.2)
    with pytest.raises(Unreachable, match="did not answer in time"):
        slow.get("/v1/x")
    release.set()


def test_an_answer_that_breaks_off_is_not_an_answer(client: Client, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/x", Answer(200, b"{}", {"Content-Length": "10", "Connection": "close"}))
    with pytest.raises(Unreachable, match="broke"):
        client.get("/v1/x")


def test_a_connection_is_kept_but_not_after_a_pause(
    client: Client, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = []
    daemon.on("GET", "/v1/x", {})
    for _ in range(2):
        client.get("/v1/x")
        ports.append(client._connection.sock.getsockname())  # type: ignore[union-attr]
    assert ports[0] == ports[1]
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.0)
    client.get("/v1/x")
    assert client._connection.sock.getsockname() != ports[0]  # type: ignore[union-attr]


def test_the_clock_is_the_daemons_even_when_it_is_rehearsed(client: Client, daemon: FakeDaemon) -> None:
    daemon.now = datetime(2019, 10, 26, 12, tzinfo=UTC)
    daemon.began = datetime.now(UTC)
    assert abs(client.moment().now - daemon.clock()) < timedelta(seconds=2)


def test_times_are_those_of_the_company_where_the_machine_keeps_utc(
    commander: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.moment().zone.info is None
    monkeypatch.setattr(module.time, "localtime", lambda: type("Tm", (), {"tm_zone": "UTC"}))
    client.get("/v1/status")
    assert os.environ["TZ"]
    assert client.moment().zone.info is None, "an operator who set TZ wants that zone"
    monkeypatch.delenv("TZ")
    client.get("/v1/status")
    assert client.moment().zone.info == ZoneInfo("America/Los_Angeles")


def test_a_list_is_answered_while_it_is_still_being_sent(client: Client, daemon: FakeDaemon) -> None:
    daemon.on_lines("/v1/x", lambda number, line: [{"line": number, "said": line.decode() * 40}])
    total, received = 60_000, 0
    lines = (b"%d" % number + b"x" * 100 + b"\n" for number in range(total))
    for _ in client.stream("/v1/x", lines):
        received += 1
    assert received == total


def test_a_list_of_any_length_takes_the_same_memory(client: Client, daemon: FakeDaemon) -> None:
    daemon.on_lines("/v1/x", lambda _number, _line: [])
    line = b"x" * 1000 + b"\n"
    tracemalloc.start()
    try:
        list(client.stream("/v1/x", (line for _ in range(20_000))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000, "20 MB were sent"


def test_a_list_that_is_refused_at_once_says_why(client: Client, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/x", problem(403, "this needs manager or above"))
    endless = iter(lambda: b"x" * 1000 + b"\n", None)
    with pytest.raises(Problem, match="this needs manager or above"):
        list(client.stream("/v1/x", endless))


def test_what_is_wrong_with_the_lines_ends_the_list(client: Client, daemon: FakeDaemon) -> None:
    def lines() -> Iterator[bytes]:
        yield b"{}\n"
        raise ValueError("line 2 is odd")

    daemon.on_lines("/v1/x", lambda number, _: [{"line": number}])
    with pytest.raises(ValueError, match="line 2 is odd"):
        list(client.stream("/v1/x", lines()))


def test_an_answer_to_a_list_that_breaks_off_is_told(client: Client, daemon: FakeDaemon) -> None:
    def fail(_number: int, _line: bytes) -> list[object]:
        raise ConnectionResetError

    daemon.on_lines("/v1/x", fail)
    with pytest.raises(Unreachable, match="broke"):
        list(client.stream("/v1/x", [b"{}\n"]))


def test_lists_go_over_http_only() -> None:
    secure = Client(Access(url="https://127.0.0.1:1", token=TOKEN, origin="x"))
    with pytest.raises(Exception, match="imports go over http only"):
        list(secure.stream("/v1/x", []))


def test_status_is_read_from_a_daemon_behind_a_path(
    daemon: FakeDaemon, notifier: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFIER_URL", f"{daemon.url}/outages/")
    daemon.on("GET", "/outages/v1/status", status())
    assert notifier("status").exit_code == 0


def test_a_broken_configuration_is_said_and_stops_nobody_who_knows_where_the_daemon_is(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOTIFIER_TOKEN")
    (tmp_path / "config").mkdir()
    (tmp_path / "config/notifier.yaml").write_text("server: [")
    (tmp_path / "var").mkdir()
    (tmp_path / "var/token").write_text(TOKEN)
    daemon.on("GET", "/v1/signals", [])
    result = notifier("signals", "list")
    assert (result.exit_code, result.stdout) == (0, "No alarm is open.\n")
    assert "Warning: cannot read the configuration config/notifier.yaml, line 1" in result.stderr
