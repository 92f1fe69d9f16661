"""`notifier event tell, approve, reject, take-back`: all incidents of a storm by one preview and one typed number."""

from datetime import timedelta
from typing import Any

import click

from notifier.cli import drafting, printing, round_dialogue
from notifier.cli.client import Client
from notifier.cli.dialogue import Sending
from notifier.cli.options import Id, alone_option, approving_options, connect, json_option, sending_options
from notifier.cli.printing import WARN
from notifier.cli.round_page import show_stopped
from notifier.cli.times import Moment
from notifier.domain.actor import KeyRole
from notifier.storage.views import AskerView, EventView, RoundPreview, RoundView

_SOON = timedelta(hours=1)
_MAY = (KeyRole.COMMANDER, KeyRole.MANAGER)
_event_argument = click.argument("event_id", metavar="EVENT", type=Id)
_round_option = click.option("--round", "round_id", metavar="ROUND", type=Id, help="Which, where several wait.")


@click.command()
@_event_argument
@click.argument("incident_ids", metavar="[ID]...", type=Id, nargs=-1)
@click.option("--again", is_flag=True, help="Also those who were told, or have a time already.")
@click.option("--eta", metavar="TIME", help="When service is back, for all that are assessed: 18:00, +6h or ISO.")
@drafting.facts_options
@_round_option
@alone_option
@sending_options
@json_option
def tell(event_id: int, incident_ids: tuple[int, ...], round_id: int | None, **options: Any) -> None:
    """Tell the customers of all incidents of a storm at once.

    Without ids those that nobody has assessed and nobody was told of:
    they hear that we assess, and by when a first estimate comes. With
    --eta those that are assessed and have no time. One check page, one
    number: each customer counts once, also against the limit of a
    second person. On the page, x ID leaves an incident out. All of them
    are sent, or none; any key takes all of it back for a while.

    Example: notifier event tell 3
    """
    client, alone = connect(), options["alone"]
    how = Sending(
        yes=options["yes"],
        count=options["count"],
        no_wait=options["no_wait"],
        wake=options["wake"],
        alone=alone,
        as_json=options["as_json"],
    )
    if alone is not None:
        _send_alone(client, event_id, incident_ids, round_id, how, options)
        return
    if round_id is not None:
        raise click.UsageError("--round: goes with --alone; without it, all that is to be told is drafted anew")
    body: dict[str, object] = {"incidents": list(incident_ids), "again": options["again"]}
    body |= drafting.said(client, options) | ({"wake_reason": how.wake} if how.wake else {})
    reply = client.post(f"/v1/events/{event_id}/tell", body)
    if how.as_json and how.asks:
        printing.answer(reply.body)
    round_dialogue.send(client, reply.read(RoundPreview), how, is_new=True)


@click.command()
@_event_argument
@_round_option
@approving_options
@json_option
def approve(event_id: int, round_id: int | None, yes: bool, count: int | None, no_wait: bool, as_json: bool) -> None:
    """Approve what another key tells a storm; its count is typed.

    Example: notifier event approve 3
    """
    client = connect()
    seen = client.get(f"/v1/rounds/{_waiting(client, event_id, round_id)}/preview").read(RoundPreview)
    asker = client.get("/v1/me").read(AskerView)
    if asker.role not in _MAY:
        raise click.ClickException(
            f"key '{asker.name}' has the role {asker.role}; to approve needs {' or '.join(_MAY)}"
        )
    for name, done in ((seen.drafted_by, "drafted"), (seen.sent_by or "", "sent")):
        if name.casefold() == asker.name.casefold():
            raise click.ClickException(
                f"round {seen.round_id} was {done} by '{asker.name}', your own key; another one has to approve it"
            )
    how = Sending(yes=yes, count=count, no_wait=no_wait, as_json=as_json)
    round_dialogue.send(client, seen, how, action="approve")


@click.command()
@_event_argument
@_round_option
@click.option("--reason", default="", metavar="TEXT", help="Why, for the other commander.")
@json_option
def reject(event_id: int, round_id: int | None, reason: str, as_json: bool) -> None:
    """Say no to what another key tells a storm; nobody is told.

    Example: notifier event reject 3 --reason "not the coast"
    """
    client = connect()
    reply = client.post(f"/v1/rounds/{_waiting(client, event_id, round_id)}/reject", {"reason": reason})
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(RoundView)
    printing.line(f"Round {view.id} is rejected. Nobody is told; {view.sent_by or 'who sent it'} sees that.")


@click.command("take-back")
@_event_argument
@click.option("--round", "round_id", metavar="ROUND", type=Id, help="Which; the newest otherwise.")
@json_option
def take_back(event_id: int, round_id: int | None, as_json: bool) -> None:
    """Take back what a storm was told last, or stop what has not left.

    Before it begins, nobody is told. It closes no storm.

    Example: notifier event take-back 3
    """
    client = connect()
    if round_id is None:
        round_id = _event(client, event_id).newest_round
        if round_id is None:
            raise click.ClickException(
                f"nothing was told to all of storm {event_id} yet: notifier event tell {event_id}"
            )
    if as_json:
        printing.answer(client.post(f"/v1/rounds/{round_id}/cancel").body)
        return
    show_stopped(round_dialogue.take_back(client, round_id))


def _send_alone(
    client: Client,
    event_id: int,
    incident_ids: tuple[int, ...],
    round_id: int | None,
    how: Sending,
    options: dict[str, Any],
) -> None:
    """Send a round that waits for a second person, as it is, once that person had their time."""
    facts = ("again", "eta", "cause", "crew", "next_update", "no_delay")
    given = [f"--{name.replace('_', '-')}" for name in facts if options[name]] + ["ID"] * bool(incident_ids)
    if given:
        raise click.UsageError(
            f"--alone sends what waits as it is; leave out {', '.join(given)}, or draft it anew without --alone"
        )
    if not (how.alone or "").strip():
        raise click.UsageError("--alone takes a reason: why nobody else is waited for")
    seen = client.get(f"/v1/rounds/{_waiting(client, event_id, round_id)}/preview").read(RoundPreview)
    moment = client.moment()
    if seen.alone_from_at is not None and moment.now < seen.alone_from_at:
        who = f"{seen.second_person} was asked first" if seen.second_person else "a second person is asked"
        raise click.ClickException(
            f"{who} and may still answer: it can be sent alone from {moment.short(seen.alone_from_at)}"
        )
    round_dialogue.send(client, seen, how)


def _waiting(client: Client, event_id: int, round_id: int | None) -> int:
    """Return the round of a storm that waits for a second person: the one named, or the only one."""
    waiting = _event(client, event_id).waiting
    if round_id is not None and round_id in waiting:
        return round_id
    if not waiting:
        raise click.ClickException(f"nothing that is told to all of storm {event_id} waits for a second person")
    if round_id is not None:
        raise click.ClickException(
            f"round {round_id} of storm {event_id} waits for nobody; waiting: {', '.join(map(str, waiting))}"
        )
    if len(waiting) > 1:
        which = " or ".join(f"--round {each}" for each in waiting)
        raise click.ClickException(f"{len(waiting)} rounds of storm {event_id} wait for a second person: {which}")
    return waiting[0]


def _event(client: Client, event_id: int) -> EventView:
    return client.get(f"/v1/events/{event_id}").read(EventView)


def show_waiting(view: EventView, moment: Moment) -> None:
    """Say what waits for a second person, whom nobody has told yet, and which word falls due within an hour."""
    for which in view.waiting:
        named = f" --round {which}" if len(view.waiting) > 1 else ""
        printing.line(
            f"Round {which} waits for a second person: notifier event approve {view.card.id}{named}", hang=4, style=WARN
        )
    untold = [each for each in view.incidents if each.state in ("suspected", "confirmed") and not each.told]
    left = [each for each in untold if each.id not in view.assessed]
    if left and view.card.closed_at is None and not view.waiting:
        printing.line(
            f"Nobody was told of {printing.plural(len(left), 'incident')}: notifier event tell {view.card.id}",
            hang=4,
            style=WARN,
        )
    due_at, due_of = view.card.next_promise_at, view.card.next_promise_of
    if due_at is not None and view.card.closed_at is None and due_at <= moment.now + _SOON:
        how = f"eta {due_of} TIME" if due_of in view.assessed else f"event tell {view.card.id} --again"
        printing.line(f"#{due_of} waits for a word by {moment.clock(due_at)}: notifier {how}", hang=4, style=WARN)
