"""A part of an incident on the command line: `--part`, and where each part stands.

A part is named by regions, by a file of its sites, as it is called on the incident's card, or `rest`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from notifier.cli import printing
from notifier.cli.client import Client, Reply, WrongInput
from notifier.cli.printing import number, phrase, plural, words
from notifier.cli.site_list import read_sites
from notifier.cli.times import Moment
from notifier.storage.views import BroadcastView, IncidentView, PartView

F = TypeVar("F", bound=Callable[..., Any])
_NAME_AT_MOST = 255  # letters of a file's name


def part_option(command: F) -> F:
    """Add `--part`."""
    return click.option(
        "--part",
        metavar="REGION|FILE",
        default="",
        help="Only these: regions, a file of lines customer_id or customer_id,site_id, or 'rest'.",
    )(command)


def named(part: str) -> dict[str, object]:
    """Return how a request names the part that was typed."""
    if not part:
        return {}
    if part == "-" or is_file(part):
        return {"part_sites": read_sites(Path(part))}
    return {"part": [code.strip() for code in part.split(",") if code.strip()]}


def ask(client: Client, path: str, body: dict[str, object] | None) -> Reply:
    """Ask for something, perhaps of a part; of one that is no region say that it is no file here either."""
    try:
        return client.post(path, body)
    except WrongInput as problem:
        typed = problem.value
        if body and "part" in body and problem.field == "regions" and isinstance(typed, str) and not is_file(typed):
            named = printing.safe(typed)
            is_folder = Path(typed).exists() if len(typed) < _NAME_AT_MOST else False
            problem.instead = f"; {named} is no file" if is_folder else f"; nor is there a file {named} here"
        raise


def is_file(typed: str) -> bool:
    """Tell whether what was typed is a file here; a list of regions may be longer than any name."""
    try:
        return Path(typed).is_file()
    except OSError:
        return False


def told_eta(incident: IncidentView, part: str) -> datetime | None:
    """Return the time that customers of a part were told: of one that is new, what the rest was told."""
    called = {each.name: each for each in incident.parts}
    found = called.get(part) or (incident.parts[0] if incident.parts else None)
    return incident.card.eta_at if found is None else found.eta_at


def say_where_they_stand(client: Client, incident_id: int) -> None:
    """Say in a line who is believed back and who keeps which time; nothing of an incident of one part."""
    view = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
    if view.parts:
        moment = client.moment()
        printing.line(" ".join(_stands(part, view.broadcasts, moment) for part in _back_first(view.parts)), hang=4)


def rows(parts: Sequence[PartView], moment: Moment) -> list[tuple[str, str]]:
    """Return a line for each part, for the incident's card."""
    return [("part", _row(part, moment)) for part in parts]


def _back_first(parts: Sequence[PartView]) -> list[PartView]:
    order = ("believed_back", "restored", "out")
    return sorted(parts, key=lambda part: order.index(part.state))


def _stands(part: PartView, broadcasts: Sequence[BroadcastView], moment: Moment) -> str:
    if part.state == "restored":
        return f"{number(part.customers)} are back."
    if part.state == "believed_back" and part.believed_back_at is not None:
        held = [
            each for each in broadcasts if each.part == part.name and each.kind == "restored" and each.not_before_at
        ]
        until = held[-1].not_before_at if held else None
        minutes = round((until - part.believed_back_at).total_seconds() / 60) if until else 0
        hold = f", held {minutes} min in case it drops" if minutes > 0 else ""
        return f"{number(part.customers)} believed back {moment.clock(part.believed_back_at)}{hold}."
    due = part.eta_at or part.next_update_by
    return f"{number(part.customers)} keep {moment.clock(due)}." if due else f"{number(part.customers)} are still out."


def _row(part: PartView, moment: Moment) -> str:
    said = [plural(part.customers, "customer"), words(part.state)]
    if part.state == "out":
        said += [f"ETA {moment.clock(part.eta_at)}"] if part.eta_at else []
        said += [f"update by {moment.clock(part.next_update_by)}"] if part.next_update_by else []
    else:
        back = part.restored_at or part.believed_back_at
        said[-1] += f" {moment.clock(back)}" if back else ""
    said += [phrase(each) for each in (part.cause, part.crew) if each]
    return f"{part.name}: {', '.join(said)}"
