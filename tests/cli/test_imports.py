"""Imports: every line keeps its number, wrong ones are written down with it, the others load, and exit 1 says so."""

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import Run
from tests.fake_daemon import FakeDaemon

REACH = {"customers": 20, "email": 15, "sms": 3, "landline": 0, "none": 2, "suppressed": 1}


class Bulk:
    """A daemon's side of an import: keeps what came, refuses what a test calls wrong."""

    def __init__(self, daemon: FakeDaemon, path: str) -> None:
        self.rows: dict[int, Any] = {}
        self.wrong: dict[int, dict[str, object]] = {}
        daemon.on_lines(path, self._customer if "customers" in path else self._complaint, self._end)
        self._is_directory = "customers" in path

    def _complaint(self, number: int, line: bytes) -> list[object]:
        self.rows[number] = msgspec.json.decode(line)
        if number in self.wrong:
            return [{"line": number, "status": 422, "title": "No", **self.wrong[number]}]
        counted = "late" not in line.decode()
        said = {"id": number, "duplicate": False, "customer": None, "verified": False, "regions": [], "incident": None}
        return [{"line": number, "status": 201, **said, "counted": counted, "not_counted": None if counted else "late"}]

    def _customer(self, number: int, line: bytes) -> list[object]:
        self.rows[number] = msgspec.json.decode(line)
        return [{"line": number, **self.wrong[number]}] if number in self.wrong else []

    def _end(self) -> list[object]:
        if not self._is_directory:
            return []
        loaded, rejected = len(self.rows) - len(self.wrong), len(self.wrong)
        totals = {"loaded": loaded, "rejected": rejected}
        return [totals, {"done": True, **totals, "reach": REACH}]


@pytest.fixture
def complaints(daemon: FakeDaemon) -> Bulk:
    return Bulk(daemon, "/v1/complaints/bulk")


@pytest.fixture
def customers(daemon: FakeDaemon) -> Bulk:
    return Bulk(daemon, "/v1/customers/bulk")


def written(folder: Path, text: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rejected(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_complaints_of_a_csv_are_sent_by_their_columns(notifier: Run, complaints: Bulk, tmp_path: Path) -> None:
    file = written(
        tmp_path, 'reporter,service,text\n+14155550101,power,"dark, all of it"\n,,\nana@example.com,water,\n'
    )
    result = notifier("complaints", "import", str(file))
    assert result.exit_code == 0
    assert complaints.rows == {
        2: {"source": "import", "reporter": "+14155550101", "service": "power", "text": "dark, all of it"},
        4: {"source": "import", "reporter": "ana@example.com", "service": "water"},
    }
    assert result.stdout.startswith("2 complaints loaded.\n")
    assert not (tmp_path / "file.rejected.csv").exists()


def test_ndjson_is_taken_as_it_is_but_for_a_missing_source(notifier: Run, complaints: Bulk, tmp_path: Path) -> None:
    lines = '\n{"service":"power","customer_id":"C-1"}\n{"service":"power","source":"web"}\n{}\n'
    assert notifier("complaints", "import", str(written(tmp_path, lines, "x.ndjson"))).exit_code == 0
    assert complaints.rows == {
        2: {"source": "import", "service": "power", "customer_id": "C-1"},
        3: {"service": "power", "source": "web"},
        4: {"source": "import"},
    }


def test_refused_complaints_are_written_with_their_lines_and_the_others_load(
    notifier: Run, complaints: Bulk, tmp_path: Path
) -> None:
    complaints.wrong[3] = {"detail": "'pwr' is not configured", "field": "service", "value": "pwr", "expected": "power"}
    text = b'service,customer_id\npower,C-1\npwr,C-2\npower,C-3,x\npower,\xff\npower,"C-\n5"\npower,C"6"\npower,C-7\n'
    file = written(tmp_path, text)
    result = notifier("complaints", "import", str(file))
    assert result.exit_code == 1
    assert sorted(complaints.rows) == [2, 3, 6, 8, 9]
    assert rejected(tmp_path / "file.rejected.csv")[1:] == [
        ["3", "service", "pwr", "'pwr' is not configured; expected power"],
        ["4", "", "x", "there are 3 cells under 2 columns; is a cell with a comma not quoted?"],
        ["5", "customer_id", "\ufffd", "is not UTF-8 (Windows-1252, perhaps); save the file as UTF-8"],
    ]
    assert f"3 lines were refused; see {tmp_path / 'file.rejected.csv'}" in result.stderr


def test_refused_complaints_of_standard_input_go_to_standard_error(notifier: Run, complaints: Bulk) -> None:
    complaints.wrong[2] = {"detail": "is empty", "field": "service", "value": "\x1b[2J"}
    result = notifier("complaints", "import", "-", given="service\nx\npower\n")
    assert result.exit_code == 1
    assert "line 2: service ' [2J': is empty" in result.stderr
    assert "1 complaint loaded." in result.stdout


def test_what_is_wrong_is_not_said_twice(notifier: Run, complaints: Bulk) -> None:
    complaints.wrong[2] = {"detail": "service 'pwr' is not configured", "field": "service", "value": "pwr"}
    assert (
        "line 2: service 'pwr' is not configured\n"
        in notifier("complaints", "import", "-", given="service\npwr\n").stderr
    )


def test_history_is_said_to_the_daemon(notifier: Run, complaints: Bulk, daemon: FakeDaemon, tmp_path: Path) -> None:
    notifier("complaints", "import", str(written(tmp_path, "service\npower\n")), "--history")
    assert daemon.last("POST", "/v1/complaints/bulk").query == {"history": "1"}


def test_what_did_not_count_is_summed_up_by_reason(notifier: Run, complaints: Bulk, tmp_path: Path) -> None:
    file = written(tmp_path, "service,text\npower,late\npower,late\npower,now\n")
    text = notifier("complaints", "import", str(file)).stdout
    assert "over 15 minutes old: baseline only  2" in text
    summary = json.loads(notifier("complaints", "import", str(file), "--json").stdout)
    assert (summary["loaded"], summary["counted"], summary["not_counted"]) == (3, 1, {"late": 2})


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("servic,text", "column 'servic' is unknown; did you mean 'service'?"),
        ("service,service", "column 'service' is there twice"),
        ("", "the file is empty"),
    ],
)
def test_a_header_that_is_not_understood_is_wrong_usage(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, header: str, words: str
) -> None:
    result = notifier("complaints", "import", str(written(tmp_path, header and f"{header}\na,b\n")))
    assert result.exit_code == 2
    assert words in result.stderr
    assert daemon.asked == []  # it is refused before the daemon hears of it


def test_a_file_that_is_not_there_is_wrong_usage(notifier: Run, tmp_path: Path) -> None:
    result = notifier("complaints", "import", str(tmp_path / "none.csv"))
    assert result.exit_code == 2
    assert "No such file" in result.stderr


def test_lines_that_are_too_long_stop_nothing(notifier: Run, complaints: Bulk, tmp_path: Path) -> None:
    long = '{"text":"' + "x" * 200_000 + '"}\n'
    file = written(tmp_path, '{"a":1}\n' + long + '{"a":2}\n' + long, "x.ndjson")
    assert notifier("complaints", "import", str(file)).exit_code == 1
    assert sorted(complaints.rows) == [1, 3]
    assert [row[0] for row in rejected(tmp_path / "x.ndjson.rejected.csv")[1:]] == ["2", "4"]


@pytest.mark.parametrize("command", ["complaints", "customers"])
@pytest.mark.parametrize("begin", ["[", "\ufeff\n [\n"])
def test_a_json_array_is_no_ndjson_and_is_told_so(
    notifier: Run, complaints: Bulk, customers: Bulk, tmp_path: Path, command: str, begin: str
) -> None:
    file = written(tmp_path, begin + '{"service":"power"},\n{"service":"water"}]\n', "x.json")
    result = notifier(command, "import", str(file))
    assert result.exit_code == 2
    assert "is a JSON array, not NDJSON; expected one object per line" in result.stderr
    assert (complaints.rows, customers.rows) == ({}, {})


def test_rejects_are_in_the_order_of_the_file_whoever_found_them(
    notifier: Run, complaints: Bulk, tmp_path: Path
) -> None:
    complaints.wrong = {line: {"detail": "is odd"} for line in range(3, 1000, 3)}
    rows = "".join("x,y\n" if line % 5 == 0 else "power\n" for line in range(2, 1000))
    result = notifier("complaints", "import", str(written(tmp_path, "service\n" + rows)))
    lines = [int(row[0]) for row in rejected(tmp_path / "file.rejected.csv")[1:]]
    assert lines == [line for line in range(2, 1000) if line % 3 == 0 or line % 5 == 0]
    assert f"{len(lines)} lines were refused" in result.stderr
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".part")] == []


def test_where_no_list_of_rejects_can_be_written_they_are_said(notifier: Run, complaints: Bulk, tmp_path: Path) -> None:
    (tmp_path / "file.rejected.csv").mkdir()
    complaints.wrong[3] = {"detail": "is odd"}
    result = notifier("complaints", "import", str(written(tmp_path, "service\npower\npower\nx,y\n")))
    assert result.exit_code == 1
    assert "2 lines were refused\n" in result.stderr
    assert "cannot write" in result.stderr
    assert "line 3: is odd\n" in result.stderr
    assert "line 4: there are 2 cells under 1 columns" in result.stderr


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(
    notifier: Run, complaints: Bulk, tmp_path: Path
) -> None:
    notifier("complaints", "import", str(written(tmp_path, b"\xef\xbb\xbfservice\r\npower\r\n")))
    assert complaints.rows == {2: {"source": "import", "service": "power"}}


def test_a_reject_cannot_be_a_formula_for_a_spreadsheet(notifier: Run, complaints: Bulk, tmp_path: Path) -> None:
    complaints.wrong[2] = {"detail": "is odd", "field": "service", "value": "=HYPERLINK(1)"}
    notifier("complaints", "import", str(written(tmp_path, "service\n=x\n")))
    assert rejected(tmp_path / "file.rejected.csv")[1][2] == "'=HYPERLINK(1)"


def test_what_was_stored_not_quite_as_given_is_said_for_the_first_few_rows(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    def answer(number: int, _line: bytes) -> list[object]:
        return [{"line": number, "column": "phone", "value": "+14155550101x9", "warning": "the extension is dropped"}]

    totals = {"loaded": 7, "rejected": 0}
    daemon.on_lines("/v1/customers/bulk", answer, lambda: [totals, {"done": True, **totals, "reach": REACH}])
    rows = "".join(f"C-{number},1,power\n" for number in range(7))
    result = notifier("customers", "import", str(written(tmp_path, "customer_id,site_id,services\n" + rows)))
    assert result.exit_code == 0
    assert "warning: line 2, phone: the extension is dropped" in result.stderr
    assert "warning: 2 more rows were stored not quite as given" in result.stderr
    assert "5550101" not in result.stderr + result.stdout


def test_customers_are_sent_with_their_regions_and_end_with_reach(
    notifier: Run, customers: Bulk, tmp_path: Path
) -> None:
    text = "customer_id,site_id,services,email,region.postal_code,region.node\nC-1,1,power|water,a@b.org,94110,\n"
    result = notifier("customers", "import", str(written(tmp_path, text)))
    assert result.exit_code == 0
    row = {"customer_id": "C-1", "site_id": "1", "services": "power|water", "email": "a@b.org"}
    assert customers.rows == {2: {**row, "regions": {"postal_code": "94110"}}}
    assert result.stdout.splitlines() == [
        "1 row loaded.",
        "Reach of 20 customers with an active site",
        "  e-mail         15",
        "  SMS            3",
        "  landline only  0",
        "  by none        2, of whom 1 with a blocked address",
        "2 customers would never hear from us.",
    ]


def test_a_directory_may_be_ndjson(notifier: Run, customers: Bulk, tmp_path: Path) -> None:
    row = {"customer_id": "C-1", "site_id": "1", "services": "power", "regions": {"postal_code": "94110"}}
    file = written(tmp_path, "\n" + json.dumps(row) + "\n", "x.ndjson")
    assert notifier("customers", "import", str(file)).exit_code == 0
    assert customers.rows == {2: row}


def test_refused_rows_are_written_with_line_column_value_and_reason(
    notifier: Run, customers: Bulk, tmp_path: Path
) -> None:
    customers.wrong[3] = {"column": "email", "value": "a@", "reason": "is not an address"}
    text = "customer_id,site_id,services,email\nC-1,1,power,\nC-2,1,power,a@\nC-3,1,power,\n"
    result = notifier("customers", "import", str(written(tmp_path, text)))
    assert result.exit_code == 1
    assert rejected(tmp_path / "file.rejected.csv") == [
        ["line", "column", "value", "reason"],
        ["3", "email", "a@", "is not an address"],
    ]
    assert "2 rows loaded." in result.stdout
    assert "1 row was refused; see" in result.stderr


def test_a_dry_run_stores_nothing_and_shows_no_reach(
    notifier: Run, customers: Bulk, daemon: FakeDaemon, tmp_path: Path
) -> None:
    text = "customer_id,site_id,services\nC-1,1,power\n"
    result = notifier("customers", "import", str(written(tmp_path, text)), "--dry-run")
    assert daemon.last("POST", "/v1/customers/bulk").query == {"dry_run": "1"}
    assert result.stdout == "1 row would load; nothing is stored (--dry-run).\n"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("customer_id,site_id", "there is no column 'services'"),
        ("customer_id,site_id,services,region.", "column 'region.' is unknown"),
        ("customer_id,site_id,services,e-mail", "column 'e-mail' is unknown; did you mean 'email'?"),
        ("customer_id,site_id,services,postal_code", "did you mean 'region.postal_code'?"),
    ],
)
def test_a_directory_without_the_right_columns_is_wrong_usage(
    notifier: Run, customers: Bulk, tmp_path: Path, header: str, words: str
) -> None:
    result = notifier("customers", "import", str(written(tmp_path, f"{header}\n")))
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_import_that_breaks_off_is_not_taken_for_a_whole_one(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    daemon.on_lines("/v1/customers/bulk", lambda _number, _line: [])
    result = notifier("customers", "import", str(written(tmp_path, "customer_id,site_id,services\nC-1,1,power\n")))
    assert result.exit_code == 1
    assert "repeat the import, that is harmless" in result.stderr


def test_an_earlier_list_of_rejects_does_not_stay(notifier: Run, complaints: Bulk, tmp_path: Path) -> None:
    written(tmp_path, "line,column,value,reason\n2,service,pwr,is odd\n", "file.rejected.csv")
    notifier("complaints", "import", str(written(tmp_path, "service\npower\n")))
    assert not (tmp_path / "file.rejected.csv").exists()


@pytest.mark.parametrize("command", ["complaints", "customers"])
@pytest.mark.parametrize("name", ["file.csv", "file.ndjson"])
def test_a_file_of_ones_own_where_rejects_would_go_is_left_and_nothing_is_sent(
    notifier: Run, complaints: Bulk, tmp_path: Path, command: str, name: str
) -> None:
    file = written(tmp_path, "service\npwr\n", name)
    own = written(tmp_path, "note\nmine\n", f"{name.removesuffix('.csv')}.rejected.csv")
    result = notifier(command, "import", str(file))
    assert (result.exit_code, complaints.rows) == (2, {})
    assert f"{own} and overwrite a file that is no list of such lines" in " ".join(result.stderr.split())
    assert own.read_text() == "note\nmine\n"
