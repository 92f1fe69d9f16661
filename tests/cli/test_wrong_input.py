"""What people type or hand over by mistake: one sentence says what is wrong and what is wanted, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from notifier.cli.csv_file import no_text
from tests.cli.conftest import Run
from tests.cli_views import card
from tests.fake_daemon import TOKEN, FakeDaemon, problem

BINARY = b"\x7fELF\x02\x01\x01,\xbd\xff\xfe\n\x03\x00\x01"
EMPTY = "the file is empty; expected a line of column names"
NO_TEXT = "the file is no text but a binary file; expected CSV in UTF-8"


@pytest.mark.parametrize("command", ["customers import", "complaints import", "rehearse"])
@pytest.mark.parametrize(("data", "said"), [(b"", EMPTY), (BINARY, NO_TEXT)], ids=["empty", "binary"])
def test_a_file_of_nothing_or_of_anything_is_named_for_what_it_is(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, command: str, data: bytes, said: str
) -> None:
    file = tmp_path / "some.csv"
    file.write_bytes(data)
    result = notifier(*command.split(), str(file))
    assert (result.exit_code, said in result.stderr) == (2, True)
    assert len(result.stderr) < 400
    assert [asked.method for asked in daemon.asked if asked.method == "POST"] == []


@pytest.mark.parametrize(
    ("header", "begins"),
    [
        ("a,b\n", ""),
        ("\udcff\udcfea\x00,\x00b\x00", "the file is UTF-16"),
        ("a\x00,\x00b\x00", "the file is UTF-16"),
        ("customer_id,site_id\x00,services", "the file is no text"),
        ("PK\x03\x04", "the file is no text"),
        ("a\tb\r\n", ""),
        ("", ""),
    ],
)
def test_a_first_line_tells_what_a_file_is(header: str, begins: str) -> None:
    assert no_text(header).startswith(begins)
    assert bool(no_text(header)) is bool(begins)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("credits", "shwo"), "there is no command 'credits shwo'; there are approve, count, export,"),
        (("credits", "aprove"), "there is no command 'credits aprove'; did you mean 'approve'?; there are approve,"),
        (("planned", "show"), "there is no command 'planned show'; there are cancel, change, open"),
    ],
)
def test_a_command_that_a_group_has_not_is_answered_with_those_that_it_has(
    notifier: Run, typed: tuple[str, ...], said: str
) -> None:
    result = notifier(*typed)
    assert (result.exit_code, said in " ".join(result.stderr.split())) == (2, True)


def test_wherever_an_incident_is_named_its_absence_names_those_that_are_open(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/detection/explain", problem(404, "there is no incident 7"))
    daemon.on("GET", "/v1/incidents", [card(id=42)])
    result = notifier("detection", "explain", "7")
    assert "there is no incident 7; open are #42 power" in " ".join(result.stderr.split())
    daemon.on("GET", "/v1/incidents", problem(403, "not with this key"))
    assert notifier("detection", "explain", "7").stderr == "Error: there is no incident 7\n"


def test_an_export_into_a_file_that_is_there_is_refused(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    result = notifier("audit", "export", "--to", str(tmp_path))
    assert (result.exit_code, "is there and is not overwritten; name a new file" in result.stderr) == (1, True)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["audit export", "customers forget C-1 --reason x"])
def test_a_stream_that_is_closed_is_no_traceback(daemon: FakeDaemon, closed: str, command: str) -> None:
    daemon.on("GET", "/v1/audit", [])
    daemon.on("GET", "/v1/customers/C-1/export", {"customers": [{"name": "Maria Quirke"}]})
    script = f"'{sys.executable}' -m notifier {command} {closed}"
    environment = {**os.environ, "NOTIFIER_URL": daemon.url, "NOTIFIER_TOKEN": TOKEN, "COLUMNS": "72"}
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode in (0, 1)


def test_a_foreign_file_of_one_row_is_shown_with_its_first_row(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    file = tmp_path / "foreign.csv"
    file.write_text("Account Number,Premise,Services,E-mail\nA1,1,power,a@example.com\n")
    result = notifier("customers", "import", str(file), "--map", str(tmp_path / "map.yaml"))
    assert "FIRST ROW\n" in result.stderr
    assert daemon.asked == []
