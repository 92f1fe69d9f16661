"""What the demo prints fits a terminal of 80 columns, and says what happened in the words of the product."""

from datetime import UTC, datetime

import pytest

from notifier.cli.demo import _sentence
from notifier.sandbox.narration import ZONE, calls_that_opened, cell_line, progress_line
from notifier.sandbox.terminal import Screen

AT = datetime(2026, 3, 4, 15, 55, tzinfo=UTC)


def test_a_long_line_goes_on_under_itself(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(ZONE).line("the place is 94112, because " + "nobody else there complains " * 4, at=AT)
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("07:55:00  the place is 94112")
    assert rest
    assert all(each.startswith(" " * 12) for each in rest)
    assert max(len(each) for each in (first, *rest)) <= 80


def test_progress_of_the_largest_town_fits(capsys: pytest.CaptureFixture[str]) -> None:
    progress = {"states": {"sent": 1_000, "pending": 199_000}}
    broadcast = {"kind": "planned_restored", "state": "completed", "automatic": False, "progress": progress}
    Screen(ZONE).line(progress_line(broadcast), at=AT)
    (line,) = capsys.readouterr().out.splitlines()
    assert "planned restored" in line
    assert len(line) <= 80


def test_a_timeline_is_told_in_sentences_and_in_the_time_of_the_town() -> None:
    entry = {"at": AT.isoformat(), "event": "work_begun", "actor": "daemon", "detail": {}}
    assert _sentence(entry) == "the planned work began"
    due = {"kind": "eta", "due_at": AT.isoformat()}
    assert "07:55" in _sentence(entry | {"event": "promise_due_soon", "detail": due})


def test_how_many_calls_opened_an_incident_is_read_from_its_timeline() -> None:
    evidence = [{"event": "evidence", "detail": {"observed": count}} for count in (3, 5)]
    assert calls_that_opened({"timeline": [{"event": "opened", "detail": {}}, *evidence]}) == 3
    assert calls_that_opened({"timeline": [{"event": "opened", "detail": {}}]}) == 0


def test_where_nothing_is_unusual_that_is_said() -> None:
    assert cell_line([]) == "nothing unusual"
    cell = {"region": "city Oakdale", "observed": 4, "expected": 0.005, "score": 15.13, "grade": "certain"}
    assert cell_line([cell]) == "city Oakdale: 4, under 0.1 expected, score 15.1, certain"
