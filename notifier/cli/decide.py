"""What a commander decides: open, confirm, dismiss, eta, restored, close, reopen.

Each one asks the daemon for the draft of an update and hands it to the dialogue; nothing happens to anyone before the
count was typed. Times are read here, echoed in full, and sent as instants.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from notifier.cli import alone as going_alone
from notifier.cli import drafting, parts, printing
from notifier.cli.options import alone_option, connect, incident_argument, json_option, sending_options
from notifier.cli.times import Moment
from notifier.storage.views import IncidentView


@click.command("open")
@click.option("--service", required=True, help="What failed: one of the configured services.")
@drafting.where_options
@drafting.what_options
@drafting.facts_options
@sending_options
@json_option
def open_(service: str, regions: tuple[str, ...], sites: Path | None, **options: Any) -> None:
    """Open an incident by hand and tell those affected.

    Say where by --regions or by --sites, never both. Unknown customers
    in the file are listed; above 5 % of them it is refused.

    \b
    Example: notifier open --service power --regions postal_code:94110
    """
    where = drafting.where(regions, sites)
    client = connect()
    drafting.tell(client, "/v1/incidents", {"service": service, **where, **drafting.said(client, options)}, options)


@click.command()
@incident_argument
@click.option("--service", help="Correct what failed.")
@click.option(
    "--regions",
    metavar="KIND:CODE,...",
    help="Correct where, such as postal_code:94110; may be repeated.",
    multiple=True,
)
@drafting.what_options
@drafting.facts_options
@alone_option
@sending_options
@json_option
def confirm(incident_id: int, service: str | None, regions: tuple[str, ...], alone: str | None, **options: Any) -> None:
    """Confirm a suspected incident and tell those affected.

    --regions and --service correct what the daemon proposes. --alone
    sends what waits for a second person who did not answer.

    \b
    Example: notifier confirm 42 --cause equipment --eta 6:30
    """
    client = connect()
    if alone is not None:
        going_alone.of_incident(client, incident_id, alone, options, {"service": service, "regions": regions})
        return
    corrected: dict[str, object] = {"service": service} if service else {}
    if regions:
        corrected["regions"] = drafting.split_codes(regions)
    drafting.tell(
        client, f"/v1/incidents/{incident_id}/confirm", {**corrected, **drafting.said(client, options)}, options
    )


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
    drafting.tell(connect(), f"/v1/incidents/{incident_id}/dismiss", {"note": note} if note else {}, options)


@click.command()
@incident_argument
@click.argument("when", metavar="TIME", nargs=-1, required=True)
@parts.part_option
@drafting.facts_options
@sending_options
@json_option
def eta(incident_id: int, when: tuple[str, ...], part: str, **options: Any) -> None:
    """Tell when service will be back: 6:30, +2h, ISO, or none.

    'none' says that nobody knows any more. A time that has passed today
    is refused: say 'tomorrow 6:30' when you mean it. Before it lapses,
    the daemon tells by itself that it takes longer, unless --no-delay.

    Example: notifier eta 42 6:30 --cause cable-cut
    """
    client = connect()
    typed = " ".join(when)
    incident = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
    told_eta = parts.told_eta(incident, part)
    said = drafting.said(client, {**options, "eta": None if typed.lower() == "none" else typed})
    body = {"eta_at": None, **parts.named(part), **said}
    if not options["as_json"]:
        moment = client.moment()
        if told_eta is not None:
            coming = [one.id for one in incident.broadcasts if one.state == "sending" and one.started_at is None]
            heard = f"Broadcast {coming[-1]}, which has not begun, will tell them" if coming else "They were told"
            beside = _beside_what_was_told(told_eta, body["eta_at"], moment)
            printing.line(f"{heard} {moment.short(told_eta)}{beside}.", hang=4, style=printing.WARN if beside else None)
    drafting.tell(client, f"/v1/incidents/{incident_id}/eta", body, options)


def _beside_what_was_told(before: datetime, now_said: object, moment: Moment) -> str:
    """Say what a new time means to those who were told another one."""
    if before <= moment.now:
        return ": this says we missed it"
    if not isinstance(now_said, datetime):
        return ": this says that nobody knows any more"
    if now_said == before:
        return ""
    return ": this says we will not make it" if now_said > before else ": this is earlier"


@click.command()
@incident_argument
@click.option("--at", metavar="TIME", help="Since when it has been back: 5:52, -10m or ISO; now otherwise.")
@parts.part_option
@sending_options
@json_option
def restored(incident_id: int, at: str | None, part: str, **options: Any) -> None:
    """Tell that service is believed back.

    The message is held for the playbook's time, in case it drops again;
    that counts from --at, and the preview says when the message leaves.
    With --part it is for these sites alone: the others keep what they
    were told, and are restored by themselves.

    Example: notifier restored 42 --part 94112 --at 5:52
    """
    client = connect()
    body = parts.named(part) | ({"restored_at": drafting.past(client, at)} if at else {})
    drafting.tell(client, f"/v1/incidents/{incident_id}/restored", body, options)
    if not options["as_json"]:
        parts.say_where_they_stand(client, incident_id)


@click.command()
@incident_argument
@json_option
def close(incident_id: int, as_json: bool) -> None:
    """Close a resolved incident: nothing more is owed. Tells nobody.

    Example: notifier close 42
    """
    drafting.tell(connect(), f"/v1/incidents/{incident_id}/close", None, {"as_json": as_json})


@click.command()
@incident_argument
@click.option("--at", metavar="TIME", help="When it went out again: 9:50, -5m or ISO; now otherwise.")
@parts.part_option
@drafting.eta_option
@drafting.facts_options
@sending_options
@json_option
def reopen(incident_id: int, at: str | None, part: str, **options: Any) -> None:
    """Tell that service went out again after it was said to be back.

    Example: notifier reopen 42 --at 9:50
    """
    client = connect()
    since = {"reopened_at": drafting.past(client, at)} if at else {}
    body = parts.named(part) | drafting.said(client, options) | since
    drafting.tell(client, f"/v1/incidents/{incident_id}/reopen", body, options)
