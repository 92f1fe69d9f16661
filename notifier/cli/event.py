"""`notifier event`: a storm, its incidents under one commander, and by when customers hear a first estimate."""

from datetime import datetime

import click

from notifier.cli import event_tell, printing
from notifier.cli.client import Client
from notifier.cli.drafting import split_codes
from notifier.cli.event_tell import show_waiting
from notifier.cli.options import Id, connect, incident_argument, json_option
from notifier.cli.printing import GOOD, WARN, Column, plural
from notifier.cli.times import Moment, future
from notifier.domain.errors import InvalidInput
from notifier.storage.views import EventCard, EventView, IncidentCard

_event_argument = click.argument("event_id", metavar="EVENT", type=Id)
_NOBODY = "none"


@click.group(short_help="A storm: incidents under one commander.")
def event() -> None:
    """Open a storm, and lead its incidents as one.

    While an incident is in a storm, nothing about it is confirmed by
    itself, and customers get no time before somebody has assessed it.
    """


@event.command("open")
@click.argument("kind", type=click.Choice(["storm"]), metavar="storm")
@click.option("--name", metavar="NAME", required=True, help="What people call it, such as Ada.")
@click.option("--service", metavar="SERVICE", default="", help="What it takes away; needed where there are several.")
@click.option(
    "--regions",
    metavar="KIND:CODE,...",
    multiple=True,
    help="Where, such as state:CA; wherever the service fails otherwise. May be repeated.",
)
@click.option("--commander", metavar="NAME", default="", help="Who leads it; you otherwise.")
@click.option("--first-estimate-by", metavar="TIME", help="By when customers are promised a first estimate.")
@json_option
def open_(
    kind: str,
    name: str,
    service: str,
    regions: tuple[str, ...],
    commander: str,
    first_estimate_by: str | None,
    as_json: bool,
) -> None:
    """Open a storm: its open incidents come in, and those that open later.

    Nobody is told by it.

    \b
    Example: notifier event open storm --name Ada --service power --first-estimate-by +4h
    """
    client = connect()
    body: dict[str, object] = {"kind": kind, "name": name, "service": service, "commander": commander}
    body["regions"] = split_codes(regions)
    if first_estimate_by is not None:
        body["estimate_by"] = _ahead(client, first_estimate_by, "--first-estimate-by", as_json=as_json)
    reply = client.post("/v1/events", body)
    _answer(client, reply.body, reply.read(EventView), as_json=as_json)


@event.command("list")
@click.option("--all", "every", is_flag=True, help="Those that are closed, too.")
@json_option
def list_(every: bool, as_json: bool) -> None:
    """List storms that are open.

    Example: notifier event list
    """
    client = connect()
    reply = client.get("/v1/events", all="1" if every else None)
    if as_json:
        printing.answer(reply.body)
        return
    cards = reply.read(list[EventCard])
    if not cards:
        printing.line("No storm" + (" yet." if every else " is open."))
    for number, card in enumerate(cards):
        if number:
            printing.line()
        _show_card(card, client.moment())


@event.command("show")
@_event_argument
@json_option
def show(event_id: int, as_json: bool) -> None:
    """Show a storm with its incidents.

    Example: notifier event show 3
    """
    client = connect()
    reply = client.get(f"/v1/events/{event_id}")
    _answer(client, reply.body, reply.read(EventView), as_json=as_json)


@event.command("add")
@_event_argument
@incident_argument
@json_option
def add(event_id: int, incident_id: int, as_json: bool) -> None:
    """Put an incident into a storm.

    Example: notifier event add 3 42
    """
    client = connect()
    reply = client.post(f"/v1/events/{event_id}/add", {"incident": incident_id})
    _answer(client, reply.body, reply.read(EventView), as_json=as_json)


@event.command("remove")
@_event_argument
@incident_argument
@json_option
def remove(event_id: int, incident_id: int, as_json: bool) -> None:
    """Take an incident out of a storm; what was promised stands.

    Example: notifier event remove 3 42
    """
    client = connect()
    reply = client.post(f"/v1/events/{event_id}/remove", {"incident": incident_id})
    _answer(client, reply.body, reply.read(EventView), as_json=as_json)


@event.command("estimate-by")
@_event_argument
@click.argument("when", metavar="TIME|none")
@json_option
def estimate_by(event_id: int, when: str, as_json: bool) -> None:
    """Say by when the first estimate comes; none = nobody can say.

    The next update of each incident promises it. Nobody is told by this.

    Example: notifier event estimate-by 3 +2h
    """
    client = connect()
    by = None if when == _NOBODY else _ahead(client, when, "TIME", as_json=as_json)
    reply = client.post(f"/v1/events/{event_id}/estimate-by", {"estimate_by": by})
    _answer(client, reply.body, reply.read(EventView), as_json=as_json)


@event.command("assessed")
@_event_argument
@click.argument("incident_ids", metavar="[ID]...", type=Id, nargs=-1)
@json_option
def assessed(event_id: int, incident_ids: tuple[int, ...], as_json: bool) -> None:
    """Say that somebody has assessed incidents: times may be given.

    Without ids, all of them that are out.

    Example: notifier event assessed 3 42
    """
    client = connect()
    reply = client.post(f"/v1/events/{event_id}/assessed", {"incidents": list(incident_ids)})
    _answer(client, reply.body, reply.read(EventView), as_json=as_json)


@event.command("close")
@_event_argument
@json_option
def close(event_id: int, as_json: bool) -> None:
    """Close a storm; its incidents go on, and every promise stands.

    Example: notifier event close 3
    """
    client = connect()
    reply = client.post(f"/v1/events/{event_id}/close", {})
    _answer(client, reply.body, reply.read(EventView), as_json=as_json)


for _command in (event_tell.tell, event_tell.approve, event_tell.reject, event_tell.take_back):
    event.add_command(_command)


def _answer(client: Client, body: bytes, view: EventView, *, as_json: bool) -> None:
    if as_json:
        printing.answer(body)
        return
    moment = client.moment()
    _show_card(view.card, moment)
    if view.incidents:
        printing.line()
        printing.table(
            [
                Column("id", right=True),
                Column("state"),
                Column("place", gives=True),
                Column("out"),
                Column("next word"),
            ],
            [
                _row(card, moment, assessed=view.card.closed_at is not None or card.id in view.assessed)
                for card in view.incidents
            ],
        )
    else:
        printing.line("No incident is in it yet: those that open there come in by themselves.")
    show_waiting(view, moment)
    if view.card.closed_at is None and view.card.not_assessed:
        printing.line(f"Times may be given once assessed: notifier event assessed {view.card.id} ID", hang=4)


def _show_card(card: EventCard, moment: Moment) -> None:
    state, style = ("closed", GOOD) if card.closed_at is not None else ("open", WARN)
    title = f"{card.kind} {card.id} {printing.safe(card.name)}: {printing.words(card.service)}"
    printing.heading(title, state, style=style)
    number = sum(card.incidents.values())
    counts = printing.counts(card.incidents)
    is_over = card.closed_at is not None or not card.not_assessed
    waiting = "" if is_over else f"; {printing.number(card.not_assessed)} not assessed"
    out = f"{plural(card.customers, 'customer')} out, {printing.number(card.told)} of them told"
    estimate = "nobody has said by when" if card.estimate_by is None else f"by {moment.short(card.estimate_by)}"
    due = ""
    if card.next_promise_at is not None:
        due = f"{moment.short(card.next_promise_at)}, #{card.next_promise_of}"
        due += ", which has passed" if card.next_promise_at <= moment.now else ""
    printing.fields(
        [
            ("where", ", ".join(printing.region(each) for each in card.regions) or "wherever it fails"),
            ("commander", printing.safe(card.commander)),
            ("incidents", f"{number}{f' ({counts})' if counts else ''}{waiting}"),
            ("customers", out),
            ("first estimate", estimate),
            ("next promise", due),
            ("opened", f"{moment.short(card.opened_at)} by {printing.safe(card.opened_by)}"),
            ("closed", "" if card.closed_at is None else f"{moment.short(card.closed_at)} by {card.closed_by}"),
        ]
    )


def _row(card: IncidentCard, moment: Moment, *, assessed: bool) -> list[str]:
    due = min((at for at in (card.eta_at, card.next_update_by) if at is not None), default=None)
    state = card.state if card.state != "confirmed" or assessed else "not assessed"
    return [
        f"#{card.id}",
        printing.words(state),
        printing.safe(card.place),
        printing.number(card.customers),
        "" if due is None else f"{'ETA ' if due == card.eta_at else ''}{moment.clock(due)}",
    ]


def _ahead(client: Client, text: str, option: str, *, as_json: bool) -> datetime:
    """Return a time to come, and echo it in full."""
    moment = client.moment()
    try:
        instant = future(text, moment)
    except InvalidInput as error:
        raise click.UsageError(f"{option}: {error}") from error
    if not as_json:
        printing.line(f"First estimate by {moment.in_full(instant)}.", hang=4)
    return instant
