"""What the demo says about what the API answers: one line each. Values in, text out."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from notifier.domain.text import expectation
from notifier.sandbox.terminal import bar

ZONE = ZoneInfo("America/Los_Angeles")


def clock_time(at: datetime) -> str:
    """Return the time of day in the town."""
    return f"{at.astimezone(ZONE):%H:%M}"


def cell_line(cells: list[dict[str, Any]]) -> str:
    """Return the cell with the highest score."""
    if not cells:
        return "nothing unusual"
    top = cells[0]
    grade = f", {top['grade']}" if top["grade"] else ""
    return (
        f"{top['region']}: {top['observed']}, {expectation(top['expected'])} expected, score {top['score']:.1f}{grade}"
    )


def proposal_line(card: dict[str, Any]) -> str:
    """Return what the daemon proposes."""
    return (
        f"#{card['id']} {card['state']}: {card['service']} in {card['place']} since about"
        f" {clock_time(datetime.fromisoformat(card['started_at']))}; {card['customers']:,} customers there,"
        f" {card['told']} told"
    )


def evidence_line(evidence: dict[str, Any]) -> str:
    """Return why one cell is anomalous."""
    return (
        f"{evidence['region']:<22} {evidence['observed']:>3} complaints, {expectation(evidence['expected'])} expected:"
        f" {evidence['grade']}"
    )


def calls_that_opened(view: dict[str, Any]) -> int:
    """Return how many complaints an incident was opened by, 0 when it was not opened by any."""
    seen = [int(entry["detail"]["observed"]) for entry in view["timeline"] if entry["event"] == "evidence"]
    return seen[0] if seen else 0


def progress_line(broadcast: dict[str, Any]) -> str:
    """Return how far a broadcast is."""
    states = broadcast["progress"]["states"]
    whole = sum(states.values())
    done = sum(states.get(state, 0) for state in ("sent", "delivered"))
    kind = broadcast["kind"].replace("_", " ") + (" (automatic)" if broadcast["automatic"] else "")
    return f"{kind:<20} {broadcast['state']:<9} {bar(done, whole)}"


def waiting_line(view: dict[str, Any]) -> str:
    """Return which promise falls due next."""
    due = [datetime.fromisoformat(one["due_at"]) for one in view["promises"] if one["state"] == "open"]
    return f"promise due {clock_time(min(due))}" if due else "waiting"
