"""`notifier tell ID`: four questions (what, cause, back by, check), the number typed, and customers hear.

For an incident that is suspected (it confirms), confirmed (the next update) or believed back (it is out again). Every
question has an answer that Enter takes; a fact given as an option is not asked for. The draft is made after the third
question, and again when a fact is changed on the check page; leaving cancels it.
"""

from typing import Any

import click

from notifier.cli import alone as going_alone
from notifier.cli import dialogue, drafting, parts, questions
from notifier.cli.client import Client
from notifier.cli.keyboard import is_terminal
from notifier.cli.options import alone_option, connect, incident_argument, json_option, sending_options
from notifier.cli.take_back import NotSent
from notifier.cli.talk import Talk, part_state
from notifier.storage.views import ChoicesView, IncidentView


@click.command()
@incident_argument
@click.option("--impact", type=click.Choice(drafting.IMPACTS), help="How bad it is for a customer.")
@click.option(
    "--regions",
    metavar="KIND:CODE,...",
    help="Of a suspected incident: correct where, such as postal_code:94110; may be repeated.",
    multiple=True,
)
@parts.part_option
@drafting.facts_options
@click.option("--eta", metavar="TIME", help="When service will be back: 6:30, +2h, ISO, or none.")
@alone_option
@sending_options
@json_option
def tell(incident_id: int, alone: str | None, **options: Any) -> None:
    """Tell customers about an incident, by four questions.

    What, cause, back by, and the check page: how many hear, who waits,
    what it costs, whether it is done in time. Enter takes what stands
    in brackets; q leaves, and nobody is told. On the check page, p
    shows all texts, e changes a fact, w wakes everyone and asks why.
    After the number is typed, any key takes it back for a while.

    A fact given as an option is not asked for. What the crew does is
    said by --crew, or by e on the check page. With --yes or --count
    nothing is asked. Above the playbook's limit a second person has to
    say yes; when none has answered in time, --alone REASON sends it.

    Example: notifier tell 42
    """
    client = connect()
    if alone is not None:
        going_alone.of_incident(client, incident_id, alone, options)
        return
    view = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
    how = dialogue.Sending(
        yes=options["yes"],
        count=options["count"],
        no_wait=options["no_wait"],
        wake=options["wake"],
        as_json=options["as_json"],
    )
    _require_something_to_tell(view, options["part"])
    if options["regions"] and view.card.state != "suspected":
        raise click.UsageError("--regions: where it is was told already; see notifier extend and notifier split")
    if not how.asks or how.as_json or not is_terminal():
        body, path = _by_options(client, view, options)
        drafting.tell(client, path, body, options)
        return
    talk = Talk(client, view, client.get(f"/v1/incidents/{incident_id}/choices").read(ChoicesView), options)
    try:
        talk.run(how)
    except questions.Left:
        still = drafting.still_suspected("", talk.view)
        raise NotSent(f"Left. Nobody was told.{still.removeprefix('.')}") from None


def _require_something_to_tell(view: IncidentView, part: str) -> None:
    """Refuse what cannot be told by `tell`, with what can be done instead."""
    card = view.card
    match card.state:
        case "suspected" if part:
            raise click.UsageError("--part: a suspected incident has no parts yet; its first message is for all of it")
        case "suspected" | "confirmed":
            return
        case "resolved" | "closed":
            instead = f"when it is out again: notifier reopen {card.id}"
        case "scheduled":
            raise click.ClickException(_instead_of_work(view))
        case "merged":
            instead = f"it is part of #{view.merged_into} now: notifier tell {view.merged_into}"
        case _:
            instead = "there is nothing to tell"
    raise click.ClickException(f"incident {card.id} is {card.state}; {instead}")


def _instead_of_work(view: IncidentView) -> str:
    """Say how customers are told about planned work that has not begun: what waits, another time, calling it off."""
    which = view.card.id
    drafts = [one.id for one in view.broadcasts if one.state == "draft"]
    waits = f"send what is drafted: notifier broadcasts send {drafts[-1]}; " if drafts else ""
    return (
        f"incident {which} is planned work that has not begun; {waits}give it another time: notifier planned change"
        f" {which} --from TIME --until TIME; call it off: notifier planned cancel {which}"
    )


def _by_options(client: Client, view: IncidentView, options: dict[str, Any]) -> tuple[dict[str, object], str]:
    """Return what a script says: what is not given stays as it is, and the ETA as it was told."""
    card, part = view.card, options["part"]
    if part_state(view, part) == "believed_back":
        raise click.ClickException(f"#{card.id} is believed back; if it is out again: notifier reopen {card.id}")
    typed = options["eta"]
    is_none = typed is not None and typed.strip().lower() == "none"
    body = drafting.said(client, {**options, "eta": None if is_none else typed})
    if card.state == "suspected":
        where = {"regions": drafting.split_codes(options["regions"])} if options["regions"] else {}
        return {**where, **body}, f"/v1/incidents/{card.id}/confirm"
    known = None if is_none else parts.told_eta(view, part)
    return {"eta_at": known, **parts.named(part), **body}, f"/v1/incidents/{card.id}/eta"
