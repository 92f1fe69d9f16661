"""From what was said on the command line to a draft: facts as options, times echoed in full, then the dialogue.

Shared by every command that tells customers. In: options; out: the body of a request, and its draft handed to the
dialogue. Nothing happens to anyone before the count was typed.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from notifier.cli import dialogue, parts, printing, times
from notifier.cli.client import Client
from notifier.cli.incident_card import show_incident
from notifier.cli.site_list import read_sites
from notifier.cli.take_back import NotSent
from notifier.domain.errors import InvalidInput
from notifier.storage.views import Draft, IncidentView

F = TypeVar("F", bound=Callable[..., Any])

IMPACTS = ("down", "degraded", "intermittent")


def facts_options(command: F) -> F:
    """Add the options that say what is known."""
    for option in (
        click.option(
            "--no-delay",
            is_flag=True,
            help="Never let the daemon say by itself that it takes longer, before the promise lapses.",
        ),
        click.option("--next-update", metavar="TIME", help="When customers hear next; the playbook's time otherwise."),
        click.option(
            "--crew", metavar="CODE", help="What the crew does, such as on-site; a wrong code lists all of them."
        ),
        click.option(
            "--cause", metavar="CODE", help="Why, such as storm or cable-cut; a wrong code lists all of them."
        ),
    ):
        command = option(command)
    return command


def where_options(command: F) -> F:
    """Add the options that say where something new is."""
    for option in (
        click.option(
            "--sites",
            metavar="FILE",
            type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
            help="Where, as lines customer_id or customer_id,site_id; '-' reads standard input.",
        ),
        click.option(
            "--regions",
            metavar="KIND:CODE,...",
            help="Where, such as postal_code:94110,postal_code:94112; may be repeated.",
            multiple=True,
        ),
    ):
        command = option(command)
    return command


def where(regions: tuple[str, ...], sites: Path | None) -> dict[str, object]:
    """Return where it is, as a request says it; one of both has to be given."""
    if bool(regions) == bool(sites):
        raise click.UsageError("say where by --regions or by --sites: one of them")
    return {"sites": read_sites(sites)} if sites else {"regions": split_codes(regions)}


eta_option = click.option("--eta", metavar="TIME", help="When service will be back: 6:30, +2h or ISO.")


def what_options(command: F) -> F:
    """Add the options that describe an outage."""
    for option in (
        click.option("--started", metavar="TIME", help="When service failed, about: 2:10, -40m or ISO."),
        eta_option,
        click.option("--impact", type=click.Choice(IMPACTS), help="How bad it is for a customer."),
    ):
        command = option(command)
    return command


def tell(client: Client, path: str, body: dict[str, object] | None, options: dict[str, Any]) -> None:
    """Ask for the draft, then run the dialogue; without a draft show what the incident is now."""
    if options.get("wake"):
        body = {**(body or {}), "wake_reason": options["wake"]}
    reply = parts.ask(client, path, body)
    draft = reply.read(Draft)
    as_json = bool(options["as_json"])
    if draft.preview is None:
        if as_json:
            printing.answer(reply.body)
        else:
            show_incident(draft.incident, client.moment())
        return
    how = dialogue.Sending(yes=options["yes"], count=options["count"], no_wait=options["no_wait"], as_json=as_json)
    if as_json and how.asks:
        printing.answer(reply.body)
    try:
        dialogue.send(client, draft.preview, how, is_new=True)
    except (NotSent, dialogue.NotAsked) as stopped:
        raise type(stopped)(stopped.message + still_suspected(stopped.message, draft.incident)) from stopped


def still_suspected(said: str, view: IncidentView) -> str:
    """Say of an incident that nobody decided about that it is still there: it goes on waking people."""
    ident = view.card.id
    if view.card.state != "suspected":
        return ""
    decide = f"notifier tell {ident}, or notifier dismiss {ident}"
    end = "" if said.endswith(".") else "."
    return f"{end} #{ident} stays suspected and wakes people until it is decided: {decide}"


def said(client: Client, options: dict[str, Any]) -> dict[str, object]:
    """Return the facts that were typed; times become instants and are echoed in full."""
    words = ("impact", "cause", "crew")  # an empty cause or crew takes back what was said
    found: dict[str, object] = {name: options[name] for name in words if options.get(name) is not None}
    if options.get("no_delay"):
        found["may_delay"] = False
    ahead = (("eta", "eta_at", "ETA"), ("next_update", "next_update_by", "Next update by"))
    typed = [each for each in (*ahead, ("started", "started_at", "Out since")) if options.get(each[0])]
    if not typed:
        return found
    moment = client.moment()
    for option, field, label in typed:
        read = times.past if option == "started" else times.future
        instant = _read(read, options[option], moment, _name(option))
        found[field] = instant
        if not options["as_json"]:
            printing.line(f"{label} {moment.in_full(instant)}.", hang=4)
    return found


def window(client: Client, options: dict[str, Any]) -> dict[str, object]:
    """Return when planned work begins and ends, echoed in full, and whether it may be said to take longer."""
    moment = client.moment()
    found: dict[str, object] = {"may_delay": False} if options["no_delay"] else {}
    for option, typed, field, label in (
        ("--from", options["from_"], "from_at", "It begins"),
        ("--until", options["until"], "until_at", "It ends"),
    ):
        found[field] = instant = _read(times.future, typed, moment, option)
        if not options["as_json"]:
            printing.line(f"{label} {moment.in_full(instant)}.", hang=4)
    return found


def _name(option: str) -> str:
    is_argument = option == "eta" and click.get_current_context().command.name == "eta"
    return "TIME" if is_argument else f"--{option.replace('_', '-')}"


def past(client: Client, text: str) -> datetime:
    """Return the time of `--at`, which must not lie ahead."""
    return _read(times.past, text, client.moment(), "--at")


def _read(read: Callable[[str, times.Moment], datetime], text: str, moment: times.Moment, option: str) -> datetime:
    try:
        return read(text, moment)
    except InvalidInput as error:
        raise click.UsageError(f"{option}: {error}") from error


def split_codes(regions: tuple[str, ...]) -> list[str]:
    """Return the regions of an option that may be repeated and holds several, joined by commas."""
    return [code.strip() for each in regions for code in each.split(",")]
