"""`notifier detection backtest|calibrate`: as processes, on good files, wrong ones, and at a terminal."""

import csv
import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from notifier.config import Config
from notifier.settings import load
from tests.cli.conftest import At
from tests.past_complaints import MONDAY, background, in_order, outage, past, written

DAY = timedelta(days=1)
NOON = MONDAY + 40 * DAY + timedelta(hours=12)
REGIONS = tuple(f"r{n}" for n in range(20))


def run(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run `notifier detection ARGUMENTS` in a folder, without a daemon."""
    return subprocess.run(
        [sys.executable, "-m", "notifier", "detection", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "", "COLUMNS": "72", "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with past.csv and truth.csv."""
    made = tmp_path_factory.mktemp("past")
    rows = in_order(background(days=84, regions=REGIONS, per_day=2.0), outage(NOON, "r3"))
    (made / "past.csv").write_text(written(rows))
    (made / "truth.csv").write_text(f"region,onset,size\nr3,{NOON.isoformat()},500\n")
    return made


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as source:
        return list(csv.DictReader(source))


def test_a_backtest_writes_the_incidents_and_holds_them_against_a_truth(folder: Path) -> None:
    done = run(folder, "backtest", "past.csv", "--out", "incidents.csv", "--truth", "truth.csv")
    assert (done.returncode, done.stderr) == (0, "")  # no bar without a terminal
    found = [row for row in rows_of(folder / "incidents.csv") if row["region"] == "r3"]
    assert list(found[0])[:3] == ["region", "category", "detected_at"]  # as programs that score it read them
    assert float(found[0]["score"]) > float(found[0]["observed"]) > 3 > float(found[0]["expected"])
    assert NOON - timedelta(hours=7) < datetime.fromisoformat(found[0]["window_from"]) <= NOON + timedelta(hours=1)
    assert (found[0]["judged"], found[0]["verdict"]) == ("yes", "right")
    assert found[0]["category"] == "power"
    assert found[0]["detected_at"].startswith(f"{NOON:%Y-%m-%dT%H}")
    assert found[0]["detected_at"].endswith("+00:00")
    assert "1, found 1 (100%)" in done.stdout
    assert "false a month" in done.stdout
    assert "95 %:" in done.stdout


def test_a_file_that_is_all_warm_up_says_that_nothing_can_be_judged(tmp_path: Path) -> None:
    rows = in_order(background(days=20, regions=REGIONS), outage(MONDAY + 19 * DAY, "r3"))
    (tmp_path / "past.csv").write_text(written(rows))
    (tmp_path / "truth.csv").write_text(f"region,onset\nr3,{(MONDAY + 19 * DAY).isoformat()}\n")
    for truth in ((), ("--truth", "truth.csv")):
        done = run(tmp_path, "backtest", "past.csv", "--out", "out.csv", "--report", "report.html", *truth)
        assert (done.returncode, done.stderr) == (0, "")
        assert "28 days in which the baseline is learnt: nothing can be judged." in " ".join(done.stdout.split())
        assert "would have been opened" not in done.stdout
        assert "nothing can be judged" in (tmp_path / "report.html").read_text()
        assert {(row["judged"], row["verdict"]) for row in rows_of(tmp_path / "out.csv")} == {("warm-up", "")}


def test_names_that_a_spreadsheet_would_take_for_formulas_are_written_as_text(tmp_path: Path) -> None:
    names = ("=1+1", "-2+3", "red\x1b[31m", "- a", "94110")
    floods = [outage(MONDAY + (29 + n) * DAY, name) for n, name in enumerate(names)]
    rows = in_order(background(days=35, regions=names), *floods)
    (tmp_path / "past.csv").write_text(written(rows))
    done = run(tmp_path, "backtest", "past.csv", "--out", "incidents.csv")
    assert done.returncode == 0, done.stderr
    found = {row["region"] for row in rows_of(tmp_path / "incidents.csv")}
    assert found == {"'=1+1", "'-2+3", "red [31m", "'- a", "94110"}


def test_a_file_without_offsets_takes_the_zone_and_one_in_utc_is_shown_on_its_clock(tmp_path: Path) -> None:
    rows = in_order(background(days=60, regions=REGIONS), outage(NOON, "r3"))
    utc = written(rows)
    (tmp_path / "utc.csv").write_text(utc)
    (tmp_path / "bare.csv").write_text(utc.replace("+00:00", ""))
    (tmp_path / "truth.csv").write_text(f"region,onset\nr3,{NOON:%Y-%m-%d %H:%M}\n")
    plain = run(tmp_path, "backtest", "bare.csv")
    assert plain.returncode == 2
    assert "has no UTC offset; expected a time with its offset, such as" in " ".join(plain.stderr.split())
    assert "or --zone to say whose clock it is" in " ".join(plain.stderr.split())
    (tmp_path / "bare.rejected.csv").unlink()
    zone = ("--zone", "America/New_York", "--out", "out.csv")
    done = run(tmp_path, "backtest", "bare.csv", *zone, "--truth", "truth.csv")
    assert done.returncode == 0, done.stderr
    assert "1, found 1 (100%)" in done.stdout
    assert any(row["detected_at"].startswith(f"{NOON:%Y-%m-%dT%H}") for row in rows_of(tmp_path / "out.csv"))
    assert all(row["detected_at"].endswith(("-05:00", "-04:00")) for row in rows_of(tmp_path / "out.csv"))
    assert run(tmp_path, "backtest", "utc.csv", *zone).returncode == 0
    local = f"{NOON - timedelta(hours=5):%Y-%m-%dT%H}"
    assert any(row["detected_at"].startswith(local) for row in rows_of(tmp_path / "out.csv"))


def test_an_empty_time_and_a_nul_are_refused_by_the_name_of_their_column(tmp_path: Path) -> None:
    text = written([past(MONDAY + n * timedelta(hours=1), "r1", str(n)) for n in range(5)])
    (tmp_path / "past.csv").write_text(text + f",r1,power,7\n{MONDAY.isoformat()},r\x001,power,8\n")
    done = run(tmp_path, "backtest", "past.csv")
    assert done.returncode == 1
    first, second = rows_of(tmp_path / "past.rejected.csv")
    assert (first["column"], second["column"]) == ("ts", "region")
    assert "is no time" in first["reason"]
    assert "NUL" in second["reason"]


def test_an_answer_that_finds_no_room_is_no_traceback(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "notifier", "detection", "backtest", "past.csv"],
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
            env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    assert (done.returncode, done.stderr) == (1, "Error: cannot write the answer: No space left on device\n")


def test_standard_input_a_threshold_and_json_are_taken(folder: Path) -> None:
    past_text = (folder / "past.csv").read_text()
    few = run(folder, "backtest", "-", "--threshold", "30", "--json", given=past_text)
    many = run(folder, "backtest", "-", "--grade", "likely", "--json", given=past_text)
    assert few.returncode == many.returncode == 0
    assert len(json.loads(few.stdout)["incidents"]) <= len(json.loads(many.stdout)["incidents"])
    assert json.loads(few.stdout)["threshold"] == 30


def test_refused_lines_are_written_down_with_their_numbers_and_stop_nothing(tmp_path: Path) -> None:
    rows = in_order(background(days=30, regions=REGIONS), outage(MONDAY + 29 * DAY, "r3"))
    text = written(rows).splitlines()
    text[1] = "yesterday,r1,power,7"
    text[5] = "2024-01-01T10:00:00+00:00,r1,power,"
    (tmp_path / "past.csv").write_text("\n".join(text) + "\n")
    done = run(tmp_path, "backtest", "past.csv", "--out", "incidents.csv")
    assert done.returncode == 1
    assert "line 2: ts 'yesterday' is no time; expected a time with its offset, such as" in done.stderr
    assert "2 lines were refused" in done.stderr
    refused = rows_of(tmp_path / "incidents.rejected.csv")
    assert [row["line"] for row in refused] == ["2", "6"]
    assert "nobody complains" in refused[1]["reason"]
    assert any(row["region"] == "r3" for row in rows_of(tmp_path / "incidents.csv"))


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        ("ts,regoin,category,customer\n", (), "no column 'region'; did you mean 'regoin'?"),
        ("", (), "the file is empty"),
        ("ts,region,category,customer\n", (), "holds no complaint that can be read"),
        ('{"ts": 1}\n', (), "no column 'ts'"),
        (None, ("--grade", "certain", "--threshold", "3"), "say --grade or --threshold"),
        *((None, ("--threshold", x), f"'{x}' is no number above 0") for x in ("0", "-1", "nan", "inf", "abc", "1e999")),
        (None, ("--zone", "Mars"), "no time zone 'Mars'"),
        (None, ("--out", "past.csv"), "--out past.csv would overwrite FILE"),
        (None, ("--out", "nowhere/incidents.csv"), "there is no folder nowhere"),
        (None, ("--truth", "missing.csv"), "cannot read missing.csv"),
    ],
)
def test_wrong_usage_says_what_would_be_right(
    tmp_path: Path, text: str | None, arguments: tuple[str, ...], says: str
) -> None:
    good = written([past(MONDAY + n * timedelta(hours=1), "r1", str(n)) for n in range(5)])
    (tmp_path / "past.csv").write_text(good if text is None else text)
    done = run(tmp_path, "backtest", "past.csv", *arguments)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_truth_about_other_places_or_with_a_wrong_line_is_wrong_usage(folder: Path) -> None:
    (folder / "elsewhere.csv").write_text(f"region,onset\nnowhere,{NOON.isoformat()}\n")
    (folder / "wrong.csv").write_text("region,onset\nr3,soon\n")
    (folder / "other.csv").write_text(f"region,onset,category\nr3,{NOON.isoformat()},gas\n")
    (folder / "none.csv").write_text("region,onset\n")
    expected = {
        "elsewhere.csv": "no region of elsewhere.csv",
        "other.csv": "no category of other.csv is one of the complaints, such as 'power'",
        "none.csv": "none.csv holds no outage",
        "wrong.csv": "wrong.csv line 2: onset",
    }
    for file, says in expected.items():
        done = run(folder, "backtest", "past.csv", "--truth", file)
        assert done.returncode == 2
        assert says in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("backtest", "past.csv", "--truth", "t.csv", "--out", "t.csv"), "--out t.csv would overwrite --truth"),
        (("backtest", "past.csv", "--truth", "t.csv", "--report", "t.csv"), "--report t.csv would overwrite --truth"),
        (("backtest", "past.csv", "--truth", "t.csv", "--out", "same.csv"), "would overwrite --truth"),
        (("backtest", "past.csv", "--out", "link.csv"), "--out link.csv would overwrite FILE"),
        (("backtest", "past.csv", "--out", "x.csv", "--report", "x.csv"), "--report x.csv would overwrite --out"),
        (
            ("backtest", "a.rejected.csv", "--out", "a.csv"),
            "refused lines would go to a.rejected.csv and overwrite FILE",
        ),
        (("backtest", "past.csv", "--truth", "a.rejected.csv", "--out", "a.csv"), "overwrite --truth"),
        (("backtest", "past.csv", "--out", "mine.csv"), "a file that is no list of such lines"),
        (("backtest", "past.csv", "--config", "c.yaml", "--out", "c.yaml"), "would overwrite the configuration"),
        (("calibrate", "past.csv", "--out", "past.csv"), "--out past.csv would overwrite FILE"),
        (("calibrate", "past.csv", "--truth", "t.csv", "--out", "t.csv"), "--out t.csv would overwrite --truth"),
        (("calibrate", "a.rejected.csv", "--out", "a.csv"), "overwrite FILE"),
        (("backtest", "-", "--truth", "-"), "can be standard input"),
    ],
)
def test_nothing_that_is_read_is_written_to(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    text = written([past(MONDAY + n * timedelta(hours=1), "r1", str(n)) for n in range(5)]).replace("\r", "")
    files = dict.fromkeys(("past.csv", "a.rejected.csv", "mine.rejected.csv"), text)
    files |= {"t.csv": f"region,onset\nr1,{NOON.isoformat()}\n", "c.yaml": "{}\n"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "same.csv").hardlink_to(tmp_path / "t.csv")
    (tmp_path / "link.csv").symlink_to("past.csv")
    more = ("--false-incidents-per-month", "1") if arguments[0] == "calibrate" else ()
    done = run(tmp_path, *arguments, *more)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert {name: (tmp_path / name).read_text() for name in files} == files
    assert not (tmp_path / "x.csv").exists()


def test_a_truth_of_another_time_or_with_lost_offsets_is_told(tmp_path: Path) -> None:
    at = [NOON + n * 5 * DAY for n in range(5)]
    parts = [outage(each, f"r{n}") for n, each in enumerate(at)]
    (tmp_path / "past.csv").write_text(written(in_order(background(days=84, regions=REGIONS, per_day=2.0), *parts)))
    for name, by in {"late": timedelta(hours=7), "early": timedelta(hours=-5.5), "year": 365 * DAY}.items():
        lines = [f"r{n},{(each + by).isoformat()}\n" for n, each in enumerate(at)]
        (tmp_path / f"{name}.csv").write_text("region,onset\n" + "".join(lines))
    expected = {
        "late.csv": "nothing of the truth matches; with its times 7 h earlier, 100% would: check the offsets",
        "early.csv": "nothing of the truth matches; with its times 5.5 h later, 100% would",
        "year.csv": "year.csv: no outage of the truth lies in the time that is judged, 2024-01-29 to 2024-03-2",
    }
    for file, says in expected.items():
        for command in (("backtest",), ("calibrate", "--false-incidents-per-month", "2")):
            done = run(tmp_path, *command, "past.csv", "--truth", file, "--out", "out")
            assert done.returncode == 1
            assert says in " ".join(done.stderr.split())
            assert not (tmp_path / "out").exists()


def test_calibrate_writes_a_snippet_that_the_configuration_takes(folder: Path) -> None:
    done = run(folder, "calibrate", "past.csv", "--false-incidents-per-month", "2", "--out", "detection.yaml")
    assert done.returncode == 0, done.stderr
    config: Config = load(folder / "detection.yaml", {})
    assert 0 < config.detection.likely < config.detection.certain
    assert f"certain: {config.detection.certain}" in done.stdout
    assert "if every incident of the file was false" in done.stdout
    assert "The price" in done.stdout
    told = run(folder, "calibrate", "past.csv", "--false-incidents-per-month", "2", "--truth", "truth.csv")
    assert "if every incident of the file was false" not in told.stdout


def test_calibrate_says_where_a_file_makes_fewer_than_were_wanted(folder: Path) -> None:
    more = ("--false-incidents-per-month", "1", "--likely-per-month", "100000")
    done = run(folder, "calibrate", "past.csv", *more)
    assert "a month at the lowest score looked at, not 100,000." in done.stdout.replace("\n  ", " ")


def test_calibrate_on_too_little_says_how_much_it_takes(tmp_path: Path) -> None:
    (tmp_path / "past.csv").write_text(written(background(days=40, regions=REGIONS)))
    done = run(tmp_path, "calibrate", "past.csv", "--false-incidents-per-month", "2")
    assert done.returncode == 2
    assert "whole weeks after the warm-up of 28 days: 1; expected at least 4" in " ".join(done.stderr.split())
    for wanted in ("nan", "inf", "0", "-1", "few"):
        wrong = run(tmp_path, "calibrate", "past.csv", "--false-incidents-per-month", wanted)
        assert wrong.returncode == 2
        assert f"'{wanted}' is no number above 0" in " ".join(wrong.stderr.split())
    missing = run(tmp_path, "calibrate", "past.csv")
    assert missing.returncode == 2
    assert "--false-incidents-per-month" in missing.stderr


def test_at_a_terminal_a_bar_shows_how_far_it_is(at: At, folder: Path) -> None:
    with at("detection", "backtest", str(folder / "past.csv")) as person:
        person.sees("deciding")
        person.sees("%")
        assert person.ends() == 0
        person.sees("would have been opened")
