"""Files that were made for another program: guessed, shown, confirmed, kept; never used unseen, never half."""

from pathlib import Path

import pytest

from tests.cli.conftest import At, Run
from tests.cli.test_imports import Bulk, written
from tests.fake_daemon import FakeDaemon

TEXT = (
    "Kundennummer;Name;PLZ;E-Mail;Telefon;Sparte;Geburtstag\n"
    "1;Zoé;94110;zoe@example.net;+14155550101;Strom;1980-01-02\n"
)
ROW = {
    "customer_id": "1",
    "site_id": "1",
    "name": "Zoé",
    "email": "zoe@example.net",
    "phone": "+14155550101",
    "services": "power",
    "regions": {"postal_code": "94110"},
}
FIXTURES = Path(__file__).parent.parent / "imports"


@pytest.fixture
def customers(daemon: FakeDaemon) -> Bulk:
    return Bulk(daemon, "/v1/customers/bulk")


def test_a_guess_that_nobody_has_seen_sends_nothing(notifier: Run, customers: Bulk, tmp_path: Path) -> None:
    result = notifier("customers", "import", str(written(tmp_path, TEXT)))
    assert (result.exit_code, customers.rows) == (2, {})
    assert "Columns can be guessed: at a terminal, with --yes, or with --map FILE" in " ".join(result.stderr.split())


def test_yes_takes_the_guess_and_shows_it_with_addresses_masked(notifier: Run, customers: Bulk, tmp_path: Path) -> None:
    result = notifier("customers", "import", str(written(tmp_path, TEXT)), "--yes")
    assert result.exit_code == 0
    assert customers.rows == {2: ROW}
    assert "Sparte" in result.stderr
    assert "Not used: Geburtstag (dates; none of ours is called so)" in result.stderr
    assert "zoe@" not in result.output + result.stderr
    assert "5550101" not in result.output + result.stderr


def test_a_guess_is_kept_to_be_looked_at_and_used_from_then_on(notifier: Run, customers: Bulk, tmp_path: Path) -> None:
    file, kept = str(written(tmp_path, TEXT)), tmp_path / "own.yaml"
    first = notifier("customers", "import", file, "--map", str(kept))
    assert (first.exit_code, customers.rows) == (1, {})
    assert "nothing is sent. Look through it and repeat" in " ".join(first.stderr.split())
    again = notifier("customers", "import", file, "--map", str(kept))
    assert (again.exit_code, customers.rows) == (0, {2: ROW})
    assert "not used: Geburtstag" in again.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "windows-1252", "utf-16"])
def test_letters_arrive_however_the_file_is_written(
    notifier: Run, customers: Bulk, tmp_path: Path, encoding: str
) -> None:
    notifier("customers", "import", str(written(tmp_path, TEXT.encode(encoding))), "--yes")
    assert customers.rows == {2: ROW}


def test_our_own_columns_in_windows_letters_are_a_guess_too(notifier: Run, customers: Bulk, tmp_path: Path) -> None:
    file = written(tmp_path, "customer_id,site_id,services,name\n1,1,power,Zoé\n".encode("windows-1252"))
    assert notifier("customers", "import", str(file)).exit_code == 2
    assert notifier("customers", "import", str(file), "--yes").exit_code == 0
    assert customers.rows[2]["name"] == "Zoé"


@pytest.mark.parametrize(
    ("named", "more", "count"), [("cis", (), 3), ("splynx", (), 3), ("freshdesk", ("--same", "services=internet"), 3)]
)
def test_a_shipped_map_is_used_by_its_name(
    notifier: Run, customers: Bulk, tmp_path: Path, named: str, more: tuple[str, ...], count: int
) -> None:
    file = written(tmp_path, (FIXTURES / f"{named}.csv").read_bytes(), f"{named}.csv")
    result = notifier("customers", "import", str(file), "--map", named, *more)
    assert (result.exit_code, len(customers.rows)) == (0, count), result.stderr
    assert all(row["services"] and row["site_id"] for row in customers.rows.values())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("--map", "splinx"), "'splinx' is no shipped map; did you mean 'splynx'?"),
        (("--map", "freshdesk"), "the file has no column 'Unique external ID or External ID or Contact ID or ID'"),
        (("--map", "splynx"), "the file has no column 'ID' for customer_id"),
        (("--map", "{map}"), "own.yaml:2: columns.mail: is no column"),
        (("--set", "mail=E-Mail"), "--set 'mail=E-Mail' is not such as phone=Mobile"),
        (("--yes", "--same", "services="), "nothing says what services is"),
    ],
)
def test_a_map_that_does_not_fit_is_wrong_usage(
    notifier: Run, customers: Bulk, tmp_path: Path, said: tuple[str, ...], words: str
) -> None:
    own = written(tmp_path, "columns:\n  mail: [E-Mail]\n", "own.yaml")
    result = notifier("customers", "import", str(written(tmp_path, TEXT)), *(each.format(map=own) for each in said))
    assert (result.exit_code, customers.rows) == (2, {})
    assert words.replace("own.yaml:2: ", "") in " ".join(result.stderr.split())


def test_a_column_gone_from_an_export_is_refused_and_one_that_a_shipped_map_may_have_is_said(
    notifier: Run, customers: Bulk, tmp_path: Path
) -> None:
    own = written(
        tmp_path, "columns: {customer_id: [No], email: [Mail]}\nsame: {site_id: '1', services: power}\n", "o.yaml"
    )
    file = str(written(tmp_path, "No;Name\n1;Ana\n"))
    refused = notifier("customers", "import", file, "--map", str(own))
    assert (refused.exit_code, customers.rows) == (2, {})  # it would empty every mail address that is known
    assert "the file has no column 'Mail'" in refused.stderr
    assert "without it: --set email=" in " ".join(refused.stderr.split())
    assert notifier("customers", "import", file, "--map", str(own), "--set", "email=").exit_code == 0
    contacts = str(written(tmp_path, "Full name,Email,ID\nAna,ana@example.net,1\n", "f.csv"))
    assert "nothing says what services is" in notifier("customers", "import", contacts, "--map", "freshdesk").stderr
    less = str(written(tmp_path, "ID,Full name,Email\n1,Ana,ana@example.net\n", "s.csv"))
    result = notifier("customers", "import", less, "--map", "splynx")
    assert result.exit_code == 0
    assert "the file has nothing for: address, status" in " ".join(result.stderr.split())


def test_a_mistake_in_a_map_is_said_with_its_line(notifier: Run, customers: Bulk, tmp_path: Path) -> None:
    own = written(tmp_path, "colums:\n  email: [E-Mail]\n", "own.yaml")
    result = notifier("customers", "import", str(written(tmp_path, TEXT)), "--map", str(own))
    assert result.exit_code == 2
    assert "own.yaml:1: colums: unknown key; did you mean 'columns'?" in "".join(result.stderr.split("\n"))


def test_columns_are_for_csv(notifier: Run, customers: Bulk, tmp_path: Path) -> None:
    result = notifier(
        "customers", "import", str(written(tmp_path, '{"customer_id":"1"}\n', "x.ndjson")), "--map", "cis"
    )
    assert (result.exit_code, customers.rows) == (2, {})


def test_a_person_sees_the_guess_changes_it_and_it_is_kept(at: At, customers: Bulk, tmp_path: Path) -> None:
    file = written(tmp_path, TEXT)
    with at("customers", "import", str(file)) as terminal:
        terminal.sees("zoe@example.net")  # in full: as in `customers show`
        terminal.sees("Use it?")
        terminal.type("label=PLZZ\n")
        terminal.sees("the file has no column 'PLZZ'; did you mean 'PLZ'?")
        terminal.type("phone=\n")
        terminal.sees("Not used: Telefon")
        terminal.type("locale:de\n")
        terminal.sees("locale is de in every row.")
        terminal.type("y\n")
        terminal.sees("Kept in")
        assert terminal.ends() == 0
    row = {**ROW, "locale": "de"}
    del row["phone"]
    assert customers.rows == {2: row}
    assert "Telefon" not in (tmp_path / "file.csv.map.yaml").read_text()


def test_a_person_who_leaves_has_sent_nothing(at: At, customers: Bulk, tmp_path: Path) -> None:
    file = written(tmp_path, "Kundennummer;Name\n1;Zoé\n2;Jan\n")
    with at("customers", "import", str(file)) as terminal:
        terminal.sees("Missing: nothing says what services is")
        terminal.type("y\n")
        terminal.sees("Missing: nothing says what services is")
        terminal.type("q\n")
        assert terminal.ends() == 1
    assert (customers.rows, list(tmp_path.iterdir())) == ({}, [file])


OWN = "customer_id,site_id,services\nC-1,1,power\n"


def absent(daemon: FakeDaemon, **said: object) -> list[bytes]:
    """Let the daemon answer a full list; return the lines that arrive."""
    arrived: list[bytes] = []

    def keep(_number: int, line: bytes) -> list[object]:
        arrived.append(line)
        return []

    answer = {"sites": 3, "of": 40, "ended": 0, "not_ended": "", **said}
    end = {"done": True, "loaded": 1, "rejected": 0, "reach": None, "absent": answer}
    daemon.on_lines("/v1/customers/bulk", keep, lambda: [end])
    return arrived


def test_a_full_list_says_that_it_is_whole_and_what_ended(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    arrived = absent(daemon, ended=3)
    result = notifier("customers", "import", str(written(tmp_path, OWN)), "--full", "--yes")
    assert daemon.last("POST", "/v1/customers/bulk").query == {"full": "1", "however_many": "1"}
    assert arrived[-1] == b'{"complete":true}'
    assert (result.exit_code, result.stdout.splitlines()[1]) == (
        0,
        "3 of 40 sites (7.5%) are not in the file; 3 ended.",
    )


def test_a_list_that_lacks_too_much_is_refused_with_the_count_first(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    absent(daemon, not_ended="too_many")
    result = notifier("customers", "import", str(written(tmp_path, OWN)), "--full")
    assert daemon.last("POST", "/v1/customers/bulk").query == {"full": "1"}
    assert result.exit_code == 1
    assert "3 of 40 sites (7.5%) are not in the file." in result.stdout
    assert "more than one in twenty, so that nothing ended." in " ".join(result.stderr.split())


def test_a_full_list_with_a_row_that_cannot_be_sent_does_not_say_that_it_is_whole(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    arrived = absent(daemon, not_ended="cut_off")
    result = notifier("customers", "import", str(written(tmp_path, OWN + "C-2,1,power,x\n")), "--full")
    assert b"complete" not in b"".join(arrived)
    assert result.exit_code == 1
    assert "nobody knows whose they are; nothing ended" in " ".join(result.stderr.split())
