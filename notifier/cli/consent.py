"""`notifier consent ...`: what a contact point may be written to about; words noted for customers who call."""

import click

from notifier.cli import printing
from notifier.cli.consent_card import show_card
from notifier.cli.options import Id, connect, json_option
from notifier.domain.consent import ConsentState, Purpose
from notifier.storage.views import ConsentsView

_argument = click.argument("contact_point", metavar="CONTACT_POINT", type=Id)
_source = click.option(
    "--source", required=True, metavar="TEXT", help='Where you have it from, such as "call of 2026-11-22".'
)
_wording = click.option("--wording", default="", metavar="TEXT", help="What they said, in their own words.")


@click.group(short_help="Who may be written to, and about what.")
def consent() -> None:
    """Who may be written to, and about what.

    CONTACT_POINT is the number that `notifier customers show` gives
    beside each address.
    """


@consent.command()
@_argument
@json_option
def show(contact_point: int, as_json: bool) -> None:
    """Show what a contact point may be written to about, and why.

    Example: notifier consent show 42
    """
    _do(contact_point, None, {}, as_json=as_json)


@consent.command("set")
@_argument
@click.argument("purpose", metavar="PURPOSE", type=click.Choice([str(each) for each in Purpose]))
@click.argument("state", metavar="STATE", type=click.Choice([str(each) for each in ConsentState]))
@_source
@_wording
@click.option("--basis", default="", metavar="TEXT", help='What it rests on, such as "web form of 2025".')
@json_option
def set_(contact_point: int, purpose: str, state: str, source: str, wording: str, basis: str, as_json: bool) -> None:
    """Note what a customer said: STATE is granted or refused.

    PURPOSE is outage, planned, survey or offer. Holds for the very next
    message; every word is kept.

    Example: notifier consent set 42 survey refused --source "call"
    """
    body = {"purpose": purpose, "state": state, "source": source, "wording": wording, "basis": basis}
    _do(contact_point, "consents", body, as_json=as_json)


@consent.command()
@_argument
@_source
@_wording
@click.option(
    "--reason",
    type=click.Choice(["opted_out", "by_person"]),
    default="opted_out",
    show_default=True,
    help="opted_out: they asked for it. by_person: we decided.",
)
@json_option
def suppress(contact_point: int, source: str, wording: str, reason: str, as_json: bool) -> None:
    """Write nothing more to an address, whoever it belongs to.

    Example: notifier consent suppress 42 --source "call"
    """
    _do(contact_point, "suppress", {"reason": reason, "source": source, "wording": wording}, as_json=as_json)


@consent.command()
@_argument
@_source
@json_option
def unsuppress(contact_point: int, source: str, as_json: bool) -> None:
    """Write to an address again, whatever it was stopped for.

    Example: notifier consent unsuppress 42 --source "asked by call"
    """
    _do(contact_point, "unsuppress", {"source": source}, as_json=as_json)


def _do(contact_point: int, action: str | None, body: dict[str, str], *, as_json: bool) -> None:
    client, path = connect(), f"/v1/contact-points/{contact_point}"
    reply = client.get(f"{path}/consents") if action is None else client.post(f"{path}/{action}", body)
    if as_json:
        printing.answer(reply.body)
        return
    show_card(reply.read(ConsentsView), client.moment())
