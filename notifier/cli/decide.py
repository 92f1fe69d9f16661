"""What a commander decides: open, confirm, dismiss, eta, restored, close, reopen.

Each one asks the daemon for the draft of an update and hands it to the dialogue; nothing happens to anyone before the
count was typed. Times are read here, echoed in full, and sent as instants.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from notifier.cli import dialogue, printing, times
from notifier.cli.client import Client
from notifier.cli.incident_card import show_incident
from notifier.cli.options import connect, incident_argument, json_option, sending_options
from notifier.cli.site_list import read_sites
from notifier.cli.take_back import NotSent
from notifier.domain.errors import InvalidInput
from notifier.storage.views import Draft, IncidentView

F = TypeVar("F", bound=Callable[..., Any])

_IMPACTS = ("down", "degraded", "intermittent")


def _facts(command: F) -> F:
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


_eta_option = click.option("--eta", metavar="TIME", help="When service will be back: 6:30, +2h or ISO.")


def _what(command: F) -> F:
    """Add the options that describe an outage."""
    for option in (
        click.option("--started", metavar="TIME", help="When service failed, about: 2:10, -40m or ISO."),
        _eta_option,
        click.option("--impact", type=click.Choice(_IMPACTS), help="How bad it is for a customer."),
    ):
        command = option(command)
    return command


@click.command("open")
@click.option("--service", required=True, help="What failed: one of the configured services.")
@click.option(
    "--regions",
    metavar="KIND:CODE,...",
    help="Where, such as postal_code:94110,postal_code:94112; may be repeated.",
    multiple=True,
)
@click.option(
    "--sites",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where, as lines customer_id or customer_id,site_id; '-' reads standard input.",
)
@_what
@_facts
@sending_options
@json_option
def open_(service: str, regions: tuple[str, ...], sites: Path | None, **options: Any) -> None:
    """Open an incident by hand and tell those affected.

    Say where by --regions or by --sites, never both. Unknown customers
    in the file are listed; above 5 % of them it is refused.

    \b
    Example: notifier open --service power --regions postal_code:94110
    """
    if bool(regions) == bool(sites):
        raise click.UsageError("say where by --regions or by --sites: one of them")
    where = {"sites": read_sites(sites)} if sites else {"regions": _split(regions)}
    client = connect()
    _tell(client, "/v1/incidents", {"service": service, **where, **_said(client, options)}, options)


@click.command()
@incident_argument
@click.option("--service", help="Correct what failed.")
@click.option(
    "--regions",
    metavar="KIND:CODE,...",
    help="Correct where, such as postal_code:94110; may be repeated.",
    multiple=True,
)
@_what
@_facts
@sending_options
@json_option
def confirm(incident_id: int, service: str | None, regions: tuple[str, ...], **options: Any) -> None:
    """Confirm a suspected incident and tell those affected.

    --regions and --service correct what the daemon proposes.

    \b
    Example: notifier confirm 42 --cause equipment --eta 6:30
    """
    client = connect()
    corrected: dict[str, object] = {"service": service} if service else {}
    if regions:
        corrected["regions"] = _split(regions)
    _tell(client, f"/v1/incidents/{incident_id}/confirm", {**corrected, **_said(client, options)}, options)


@click.command()
@incident_argument
@click.option("--note", metavar="TEXT", help="Why, for the timeline; customers never see it.")
@sending_options
@json_option
def dismiss(incident_id: int, note: str | None, **options: Any) -> None:
    """Dismiss an incident: it was nothing.

    A suspected one is dismissed at once, nobody was told. A confirmed
    one becomes a correction to those who were told, and to no one else.

    Example: notifier dismiss 42
    """
    _tell(connect(), f"/v1/incidents/{incident_id}/dismiss", {"note": note} if note else {}, options)


@click.command()
@incident_argument
@click.argument("when", metavar="TIME", nargs=-1, required=True)
@_facts
@sending_options
@json_option
def eta(incident_id: int, when: tuple[str, ...], **options: Any) -> None:
    """Tell when service will be back: 6:30, +2h, ISO, or none.

    'none' says that nobody knows any more. A time that has passed today
    is refused: say 'tomorrow 6:30' when you mean it. Before it lapses,
    the daemon tells by itself that it takes longer, unless --no-delay.

    Example: notifier eta 42 6:30 --cause cable-cut
    """
    client = connect()
    typed = " ".join(when)
    incident = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
    before = incident.card
    body = {"eta_at": None, **_said(client, {**options, "eta": None if typed.lower() == "none" else typed})}
    if not options["as_json"]:
        moment = client.moment()
        if before.eta_at is not None:
            coming = [one.id for one in incident.broadcasts if one.state == "sending" and one.started_at is None]
            heard = f"Broadcast {coming[-1]}, which has not begun, will tell them" if coming else "They were told"
            printing.line(f"{heard} {moment.in_full(before.eta_at)}.", hang=4)
            if before.eta_at <= moment.now:
                printing.line("That has passed: this message says that we missed it.", style=printing.WARN)
    _tell(client, f"/v1/incidents/{incident_id}/eta", body, options)


@click.command()
@incident_argument
@click.option("--at", metavar="TIME", help="Since when it has been back: 5:52, -10m or ISO; now otherwise.")
@sending_options
@json_option
def restored(incident_id: int, at: str | None, **options: Any) -> None:
    """Tell that service is believed back.

    The message is held for the playbook's time, in case it drops again.

    Example: notifier restored 42 --at 5:52
    """
    client = connect()
    body: dict[str, object] = {"restored_at": _past(client, at)} if at else {}
    _tell(client, f"/v1/incidents/{incident_id}/restored", body, options)


@click.command()
@incident_argument
@json_option
def close(incident_id: int, as_json: bool) -> None:
    """Close a resolved incident: nothing more is owed. Tells nobody.

    Example: notifier close 42
    """
    _tell(connect(), f"/v1/incidents/{incident_id}/close", None, {"as_json": as_json})


@click.command()
@incident_argument
@click.option("--at", metavar="TIME", help="When it went out again: 9:50, -5m or ISO; now otherwise.")
@_eta_option
@_facts
@sending_options
@json_option
def reopen(incident_id: int, at: str | None, **options: Any) -> None:
    """Tell that service went out again after it was said to be back.

    Example: notifier reopen 42 --at 9:50
    """
    client = connect()
    body = _said(client, options) | ({"reopened_at": _past(client, at)} if at else {})
    _tell(client, f"/v1/incidents/{incident_id}/reopen", body, options)


def _tell(client: Client, path: str, body: dict[str, object] | None, options: dict[str, Any]) -> None:
    """Ask for the draft, then run the dialogue; without a draft show what the incident is now."""
    if options.get("wake"):
        body = {**(body or {}), "wake_reason": options["wake"]}
    reply = client.post(path, body)
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
        raise type(stopped)(stopped.message + _still_suspected(stopped.message, draft)) from stopped


def _still_suspected(said: str, draft: Draft) -> str:
    """Say of an incident that nobody decided about that it is still there: it goes on waking people."""
    ident = draft.incident.card.id
    if draft.incident.card.state != "suspected":
        return ""
    decide = f"notifier confirm {ident}, or notifier dismiss {ident}"
    end = "" if said.endswith(".") else "."
    return f"{end} #{ident} stays suspected and wakes people until it is decided: {decide}"


def _said(client: Client, options: dict[str, Any]) -> dict[str, object]:
    """Return the facts that were typed; times become instants and are echoed in full."""
    words = ("impact", "cause", "crew")  # an empty cause or crew takes back what was said
    said: dict[str, object] = {name: options[name] for name in words if options.get(name) is not None}
    if options.get("no_delay"):
        said["may_delay"] = False
    ahead = (("eta", "eta_at", "ETA"), ("next_update", "next_update_by", "Next update by"))
    typed = [each for each in (*ahead, ("started", "started_at", "Out since")) if options.get(each[0])]
    if not typed:
        return said
    moment = client.moment()
    for option, field, label in typed:
        read = times.past if option == "started" else times.future
        instant = _read(read, options[option], moment, _name(option))
        said[field] = instant
        if not options["as_json"]:
            printing.line(f"{label} {moment.in_full(instant)}.", hang=4)
    return said


def _name(option: str) -> str:
    is_argument = option == "eta" and click.get_current_context().command is eta
    return "TIME" if is_argument else f"--{option.replace('_', '-')}"


def _past(client: Client, text: str) -> datetime:
    return _read(times.past, text, client.moment(), "--at")


def _read(read: Callable[[str, times.Moment], datetime], text: str, moment: times.Moment, option: str) -> datetime:
    try:
        return read(text, moment)
    except InvalidInput as error:
        raise click.UsageError(f"{option}: {error}") from error


def _split(regions: tuple[str, ...]) -> list[str]:
    return [code.strip() for each in regions for code in each.split(",")]
