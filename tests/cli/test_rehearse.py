"""A rehearsal of past tickets: what would have opened lately, whom it would have told, and what nobody can know."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_imports import written as file_of
from tests.fake_daemon import Answer, Asked, FakeDaemon, problem
from tests.past_complaints import MONDAY, background, in_order, outage, written

NOON = MONDAY + timedelta(days=80, hours=12)
REGIONS = tuple(f"r{n}" for n in range(6))
PLACE = {"region": "node r3", "sites": 50, "customers": 48, "reached": 45, "emails": 40, "mobiles": 20}


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    calm = background(days=84, regions=REGIONS, per_day=2.0)
    early, late = outage(NOON - timedelta(weeks=6), "r2"), outage(NOON, "r3")
    return file_of(tmp_path, written(in_order(calm, early, late)), "tickets.csv")


@pytest.fixture
def place(daemon: FakeDaemon) -> None:
    def answer(asked: Asked) -> object:
        return PLACE if asked.query["region"] == "r3" else {"region": ""}

    daemon.on("GET", "/v1/reach/place", answer)


@pytest.mark.usefixtures("place")
def test_what_would_have_opened_lately_is_shown_with_whom_it_would_have_told(
    notifier: Run, daemon: FakeDaemon, tickets: Path
) -> None:
    result = notifier("rehearse", str(tickets))
    assert result.exit_code == 0, result.output
    assert daemon.asked[-1].query == {"service": "power", "region": "r3"}
    text = " ".join(result.stdout.split())
    assert "1 incident would have been opened in the last 4 weeks" in text
    assert "r3 power" in text
    assert "48 45" in text
    assert "up to 80 mails and 40 texts, 2 for each address" in text
    assert "by none 3 customers" in text
    assert "not known: providers.price_per_segment" in text
    assert "A text about power, with made-up facts" in text
    assert "the directory is that of today" in text
    assert max(map(len, result.stdout.splitlines())) <= 72
    assert {each.method for each in daemon.asked} == {"GET"}  # it changes nothing


@pytest.mark.usefixtures("place")
def test_more_weeks_show_more_and_a_place_that_is_not_on_file_is_said(notifier: Run, tickets: Path) -> None:
    text = " ".join(notifier("rehearse", str(tickets), "--weeks", "8").stdout.split())
    assert "2 incidents would have been opened in the last 8 weeks" in text
    assert "1 place is not in the directory (?)" in text


@pytest.mark.usefixtures("place")
def test_the_cost_is_what_segments_cost_at_most(notifier: Run, tickets: Path, tmp_path: Path) -> None:
    providers = "providers:\n  - {name: t, kind: file, channel: sms, directory: var/t, price_per_segment: 0.01}\n"
    config = file_of(tmp_path, providers, "n.yaml")
    found = json.loads(notifier("rehearse", str(tickets), "--config", str(config), "--json").stdout)
    assert found["texts_cost_at_most"] == "0.80"  # 20 mobiles, 2 messages of 2 segments
    assert [each["place"]["customers"] for each in found["incidents"]] == [48]


@pytest.mark.usefixtures("place")
def test_a_service_that_is_not_configured_is_nobodys(notifier: Run, daemon: FakeDaemon, tickets: Path) -> None:
    tickets.write_text(tickets.read_text().replace(",power,", ",gas,"))
    text = " ".join(notifier("rehearse", str(tickets)).stdout.split())
    assert "or the service is not configured" in text
    assert "GET /v1/reach/place" not in daemon.paths()


def test_a_file_that_is_too_short_is_told_so(notifier: Run, tickets: Path) -> None:
    tickets.write_text(written(background(days=10, regions=REGIONS)))
    assert "would have been opened" not in notifier("rehearse", str(tickets)).stdout


def test_without_a_daemon_or_a_file_nothing_is_made_up(notifier: Run, daemon: FakeDaemon, tickets: Path) -> None:
    assert notifier("rehearse", "none.csv").exit_code == 2
    daemon.on("GET", "/v1/reach/place", problem(503, "is busy"))
    result = notifier("rehearse", str(tickets))
    assert (result.exit_code, result.stdout) == (1, "")
    daemon.on("GET", "/v1/reach/place", Answer(200, b"?"))
    assert notifier("rehearse", str(tickets)).exit_code == 1
