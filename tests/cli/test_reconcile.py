"""`notifier credits reconcile`: which columns are understood, what is asked before anything changes, what is shown."""

from pathlib import Path
from typing import Any

import pytest

from notifier.storage.views import ReconciledRow, ReconciledSum, ReconciledView
from tests.cli.conftest import Run
from tests.fake_daemon import FakeDaemon

NOTHING = ReconciledSum(lines=0, amount="0.00")
PATH = "/v1/credits/reconcile"


def view(**more: Any) -> ReconciledView:
    known: dict[str, Any] = {
        "applied": True,
        "held": False,
        "currency": "USD",
        "rows": ReconciledSum(lines=2, amount="50.00"),
        "agreed": ReconciledSum(lines=1, amount="25.00"),
        "noted": NOTHING,
        "recovered": ReconciledSum(lines=1, amount="25.00"),
        "left_out": NOTHING,
        "refused": NOTHING,
        "refusals": [],
        "not_there": NOTHING,
        "not_there_ids": [],
    }
    return ReconciledView(**{**known, **more})


def written(folder: Path, text: str) -> str:
    file = folder / "billing.csv"
    file.write_text(text)
    return str(file)


def test_the_control_total_of_the_file_confirms_it(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.on("POST", PATH, view())
    file = written(
        tmp_path,
        "record,id,customer,amount,currency,incident,Idempotency-Key,due\n"
        "line,7,C-1,25.00,USD,42,credit-7-1,soon\nline,8,C-2,25.00,USD,42,credit-8-1,\ntotal,2,,50.00,USD,,,\n",
    )
    result = notifier("credits", "reconcile", file, "--incident", "57=58", "--gone", "60")
    body = daemon.last("POST", PATH).json()
    assert body["total"] == "50.00"
    assert (body["incidents"], body["gone"], body["since"]) == ({"57": 58}, [60], None)
    assert body["lines"][0] == {
        "row": 2,
        "id": 7,
        "customer": "C-1",
        "amount": "25.00",
        "currency": "USD",
        "incident": 42,
        "key": "credit-7-1",
    }
    assert result.exit_code == 0
    for said in ("both have", "were lost", "1 line, 25.00 USD", "Credits are posted as before."):
        assert said in result.stdout
    assert all(len(row) <= 72 for row in result.stdout.splitlines())


def test_without_one_it_is_shown_first_and_the_total_is_typed(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    daemon.on("POST", PATH, view(applied=False, held=True))
    file = written(tmp_path, "id\n7\n8\n")
    result = notifier("credits", "reconcile", file, given="50.00\n")
    assert "NOTHING IS CHANGED YET" in result.stdout
    asked = [each.json() for each in daemon.asked if each.path == PATH]
    assert [each.get("total") for each in asked] == [None, "50.00"]
    assert result.exit_code == 1  # posting is held


def test_a_dry_run_never_sends_a_total(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.on("POST", PATH, view(applied=False, held=True))
    notifier("credits", "reconcile", written(tmp_path, "id\n7\n"), "--dry-run", "--total", "25.00")
    assert "total" not in daemon.last("POST", PATH).json()


def test_what_is_refused_and_what_is_missing_is_said_row_by_row(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    refused = [ReconciledRow(row=3, why="there is no incident 57 here")]
    daemon.on(
        "POST",
        PATH,
        view(
            held=True,
            refused=ReconciledSum(lines=1, amount="25.00"),
            refusals=refused,
            not_there=ReconciledSum(lines=1, amount="25.00"),
            not_there_ids=[9],
        ),
    )
    result = notifier("credits", "reconcile", written(tmp_path, "key\ncredit-7-1\n"), "--total", "25.00")
    for said in (
        "line 3: there is no incident 57 here",
        "not in the list: 9",
        "Nothing is posted until a list agrees.",
    ):
        assert said in result.stdout
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,sum\nx,1\n", "does not say which credits it is about"),
        ("customer,amount\nC-1,1\n", "columns key or id, or customer, incident and amount"),
        ("id\nseven\n", "line 2 of"),
        ("record,id,amount\nline,7,25.00\ntotal,2,25.00\n", "1 row and says 2: is it whole?"),
        ("record,id,amount\ntotal,0,0\nline,7,25.00\n", "stands behind the control total"),
        ("record,id,amount\nTOTAL,0,0\nline,7,25.00\n", "stands behind the control total"),
        ("id,amount,state\n6,25.00,posted\n7,25.00,Approved\n", "is approved, so that billing does not have it"),
        ("id,line,amount\n7,8,25.00\n", "the columns id, line are all taken for id; leave one"),
    ],
)
def test_a_file_that_is_not_a_list_is_refused_before_anything_is_sent(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, text: str, said: str
) -> None:
    result = notifier("credits", "reconcile", written(tmp_path, text))
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not [each for each in daemon.asked if each.path == PATH]


def test_a_manager_answers_for_it_without_a_list(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/credits/none-lost", {"held": False})
    result = notifier("credits", "reconcile", "--none-lost", "billing was away")
    assert daemon.last("POST", "/v1/credits/none-lost").json() == {"reason": "billing was away"}
    assert result.stdout == "Credits are posted again.\n"
    assert notifier("credits", "reconcile").exit_code == 2
