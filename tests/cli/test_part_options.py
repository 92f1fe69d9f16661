"""A part of an incident on the command line: how it is named, and where each part stands afterwards."""

from pathlib import Path
from typing import Any

import pytest

from notifier.storage.views import PartView
from tests.cli.conftest import Run
from tests.cli_views import MINUTE, broadcast, card, draft, incident, preview
from tests.fake_daemon import NOON, FakeDaemon, problem


def part(**changes: Any) -> PartView:
    return PartView(
        **{
            "id": 2,
            "name": "94112",
            "state": "believed_back",
            "customers": 590,
            "cause": "",
            "crew": "",
            "eta_at": None,
            "next_update_by": None,
            "believed_back_at": NOON - 8 * MINUTE,
            "restored_at": None,
            **changes,
        }
    )


REST = part(id=1, name="rest", state="out", customers=624, believed_back_at=None, eta_at=NOON + 150 * MINUTE)


@pytest.mark.parametrize("command", [("restored", "42"), ("eta", "42", "+2h"), ("reopen", "42"), ("tell", "42")])
def test_what_is_no_region_and_no_file_is_said_to_be_neither(
    notifier: Run, daemon: FakeDaemon, command: tuple[str, ...]
) -> None:
    reason = "there is no region 'nofile.txt' in the directory"
    for action in ("restored", "eta", "reopen"):
        refused = problem(422, reason, field="regions", value="nofile.txt", expected="one of 94110, 94112")
        daemon.on("POST", f"/v1/incidents/42/{action}", refused)
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed")))
    result = notifier(*command, "--part", "nofile.txt")
    assert result.exit_code == 2
    assert " ".join(result.stderr.split()) == (
        f"Error: {reason}; nor is there a file nofile.txt here (regions 'nofile.txt'); expected one of 94110, 94112"
    )


def test_a_folder_is_no_file_of_sites(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    refused = problem(422, "there is no region", field="regions", value=str(tmp_path))
    daemon.on("POST", "/v1/incidents/42/restored", refused)
    said = " ".join(notifier("restored", "42", "--part", str(tmp_path)).stderr.split())
    assert f"there is no region; {tmp_path} is no file" in said


def test_many_regions_are_no_name_of_a_file(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/restored", draft())
    many = [f"postal_code:{code}" for code in range(94000, 94100)]
    notifier("restored", "42", "--part", ",".join(many), "--yes", "--no-wait")
    assert daemon.last("POST", "/v1/incidents/42/restored").json()["part"] == many


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (4, "10 min from 03:35, since when it is back: they are told from 03:45 PDT (in 6 min), unless it drops"),
        (30, "10 min from 03:09, since when it is back: that is over, they are told at once (03:39 PDT (in 30 s))"),
    ],
)
def test_the_preview_says_from_when_the_hold_counts_and_when_they_are_told(
    notifier: Run, daemon: FakeDaemon, ago: int, said: str
) -> None:
    back_at = NOON - ago * MINUTE
    begins = max(NOON + MINUTE / 2, back_at + 10 * MINUTE)
    shown = preview(kind="restored", back_at=back_at, hold_seconds=600.0, begins_at=begins)
    daemon.on("POST", "/v1/incidents/42/restored", draft(preview=shown))
    daemon.on("POST", "/v1/broadcasts/17/cancel", broadcast(state="cancelled"))
    result = notifier("restored", "42", "--part", "rest", "--at", f"-{ago}m")
    assert said in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("typed", "body"),
    [
        (("--part", "postal_code:94112, OLT-7"), {"part": ["postal_code:94112", "OLT-7"]}),
        (("--part", "rest"), {"part": ["rest"]}),
        (("--part", "FILE"), {"part_sites": ["C-1", "C-2,7"]}),
        ((), {}),
    ],
)
@pytest.mark.parametrize("action", ["restored", "reopen", "eta"])
def test_a_part_is_regions_its_name_or_a_file(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, action: str, typed: tuple[str, ...], body: dict[str, object]
) -> None:
    daemon.on("GET", "/v1/incidents/42", incident())
    daemon.on("POST", f"/v1/incidents/42/{action}", draft())
    file = tmp_path / "sites.csv"
    file.write_text("C-1\nC-2,7\n")
    options = [str(file) if each == "FILE" else each for each in typed]
    notifier(action, "42", *(["none"] if action == "eta" else []), *options)
    said = daemon.last("POST", f"/v1/incidents/42/{action}").json()
    assert {name: value for name, value in said.items() if name.startswith("part")} == body


def test_restoring_a_part_says_who_is_believed_back_and_who_keeps_which_time(notifier: Run, daemon: FakeDaemon) -> None:
    held = broadcast(kind="restored", state="sending", started_at=None, part="94112", not_before_at=NOON + 2 * MINUTE)
    daemon.on("POST", "/v1/incidents/42/restored", draft())
    daemon.on("POST", "/v1/broadcasts/17/send", held)
    daemon.on("GET", "/v1/incidents/42", incident(parts=[REST, part()], broadcasts=[held]))
    result = notifier("restored", "42", "--part", "94112", "--yes", "--no-wait")
    assert "590 believed back 03:31, held 10 min in case it drops. 624 keep 06:09." in " ".join(result.stdout.split())


def test_a_new_time_for_a_part_is_beside_what_that_part_was_told(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/eta", draft())
    east = part(state="out", eta_at=NOON + 60 * MINUTE)
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed"), parts=[REST, east]))
    said = " ".join(notifier("eta", "42", "+2h", "--part", "94112").stdout.split())
    assert "They were told 04:39 PDT (in 1 h): this says we will not make it." in said
    said = " ".join(notifier("eta", "42", "+2h").stdout.split())
    assert "They were told 06:09 PDT (in 2 h 30): this is earlier." in said


def test_the_card_has_a_line_for_each_part(notifier: Run, daemon: FakeDaemon) -> None:
    waits = part(id=3, name="7 sites", customers=1, state="out", cause="cable-cut", next_update_by=NOON + MINUTE)
    back = part(state="restored", restored_at=NOON - 9 * MINUTE)
    daemon.on("GET", "/v1/incidents/42", incident(parts=[REST, back, waits]))
    shown = " ".join(notifier("incidents", "show", "42").stdout.split())
    assert "part rest: 624 customers, out, ETA 06:09" in shown
    assert "part 94112: 590 customers, restored 03:30" in shown
    assert "part 7 sites: 1 customer, out, update by 03:40, cable cut" in shown
