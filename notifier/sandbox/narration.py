"""What the demo says about what the API answers: one line each. Values in, text out."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from notifier.sandbox.terminal import bar

ZONE = ZoneInfo("America/Los_Angeles")


def clock_time(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%H:%M}"


def cell_line(cells: list[dict[str, Any]]) -> str:
    if not cells:
        return "nothing unusual"
    top = cells[0]
    grade = f", {top['grade']}" if top["grade"] else ""
    return (
        f"highest: {top['service']} in {top['region']}: {top['observed']} seen, {top['expected']:.1f} expected,"
        f" score {top['score']:.1f}{grade}"
    )


def evidence_line(card: dict[str, Any], evidence: dict[str, Any]) -> str:
    return (
        f"#{card['id']} suspected: {card['service']} in {card['place']}: {evidence['distinct_customers']} customers,"
        f" {evidence['observed']} seen, {evidence['expected']:.1f} expected, {evidence['grade']},"
        f" {evidence['verified']} verified; {card['customers']:,} customers live there"
    )


def event_line(entry: dict[str, Any]) -> str:
    detail = "  ".join(f"{key} {value}" for key, value in entry["detail"].items() if value not in ("", None, [], {}))
    return f"{entry['event'].replace('_', ' ')} by {entry['actor']}  {detail}"[:150].rstrip()


def progress_line(broadcast: dict[str, Any]) -> str:
    states = broadcast["progress"]["states"]
    whole = sum(states.values())
    done = sum(states.get(state, 0) for state in ("sent", "delivered"))
    kind = broadcast["kind"] + (" (automatic)" if broadcast["automatic"] else "")
    return f"{kind:<24} {broadcast['state']:<10} {bar(done, whole)}"


def waiting_line(view: dict[str, Any]) -> str:
    due = [datetime.fromisoformat(one["due_at"]) for one in view["promises"] if one["state"] == "open"]
    return f"promise due {clock_time(min(due))}" if due else "waiting"
