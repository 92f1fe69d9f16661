"""What the demo says about what the API answers: one line each. Values in, text out."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from notifier.domain.text import figure
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
        f"highest: {top['service']} in {top['region']}: {top['observed']} seen, {figure(top['expected'])} expected,"
        f" score {top['score']:.1f}{grade}"
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
        f"{evidence['region']:<22} {evidence['observed']:>3} complaints, {figure(evidence['expected'])} expected, score"
        f" {evidence['score']:>5.1f} ({evidence['grade']}); {evidence['distinct_customers']} customers,"
        f" {evidence['verified']} verified"
    )


def calls_that_opened(view: dict[str, Any]) -> int:
    """Return how many complaints an incident was opened by, 0 when it was not opened by any."""
    seen = [int(entry["detail"]["observed"]) for entry in view["timeline"] if entry["event"] == "evidence"]
    return seen[0] if seen else 0


def event_line(entry: dict[str, Any]) -> str:
    """Return one entry of a timeline."""
    detail = "  ".join(f"{key} {value}" for key, value in entry["detail"].items() if value not in ("", None, [], {}))
    return f"{entry['event'].replace('_', ' ')} by {entry['actor']}  {detail}"[:150].rstrip()


def progress_line(broadcast: dict[str, Any]) -> str:
    """Return how far a broadcast is."""
    states = broadcast["progress"]["states"]
    whole = sum(states.values())
    done = sum(states.get(state, 0) for state in ("sent", "delivered"))
    kind = broadcast["kind"] + (" (automatic)" if broadcast["automatic"] else "")
    return f"{kind:<24} {broadcast['state']:<10} {bar(done, whole)}"


def waiting_line(view: dict[str, Any]) -> str:
    """Return which promise falls due next."""
    due = [datetime.fromisoformat(one["due_at"]) for one in view["promises"] if one["state"] == "open"]
    return f"promise due {clock_time(min(due))}" if due else "waiting"
