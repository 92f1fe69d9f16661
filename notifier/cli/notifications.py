"""`notifier notifications ...`: one message as it was sent, rendered again, and what becomes of one in doubt."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from notifier.cli import held, printing
from notifier.cli.options import Id, connect, json_option
from notifier.cli.printing import BAD, GOOD, WARN, Column, plural, words
from notifier.cli.times import Moment
from notifier.storage.views import AttemptView, NotificationView, ReceiptView

_STYLES = {
    "sent": GOOD,
    "delivered": GOOD,
    "failed": BAD,
    "undelivered": BAD,
    "in_doubt": WARN,
    "held": WARN,
}
_argument = click.argument("notification_id", metavar="ID", type=Id)
F = TypeVar("F", bound=Callable[..., Any])


def _one_or_all(command: F) -> F:
    """Add the ways to say which held messages: one by its id, or all of a broadcast."""
    for option in (
        click.option("--yes", is_flag=True, help="With --all: do not ask for the count; for scripts."),
        click.option(
            "--count",
            type=click.IntRange(min=1),
            metavar="N",
            help="With --all: decide about N messages without asking; refused when the number is another by now.",
        ),
        click.option("--all", "every", is_flag=True, help="All that are held of the broadcast."),
        click.option("--broadcast", "broadcast_id", type=Id, metavar="ID", help="The broadcast of --all."),
        click.argument("notification_id", metavar="[ID]", type=Id, required=False),
    ):
        command = option(command)
    return command


@click.group(short_help="Show, resend or give up one message.")
def notifications() -> None:
    """Show one message, or decide about one that is held in doubt."""


@notifications.command()
@_argument
@click.option("--html", is_flag=True, help="Print the HTML part alone, for a browser.")
@json_option
def show(notification_id: int, html: bool, as_json: bool) -> None:
    """Show one message with all that explains it, as it was sent.

    Example: notifier notifications show 90210
    """
    client = connect()
    reply = client.get(f"/v1/notifications/{notification_id}")
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(NotificationView)
    if html:
        click.echo(view.html)
        return
    _show(view, client.moment())


@notifications.command()
@_one_or_all
@json_option
def resend(**which: Any) -> None:
    """Send a held message again: perhaps they hear twice.

    One message by its ID; or, with --broadcast and --all, all that are
    held of a broadcast, after their count was typed.

    Example: notifier notifications resend --broadcast 17 --all
    """
    _decide(held.RESEND, "It will be sent again.", **which)


@notifications.command()
@_one_or_all
@json_option
def abandon(**which: Any) -> None:
    """Give a held message up: perhaps they never hear.

    One message by its ID; or, with --broadcast and --all, all that are
    held of a broadcast, after their count was typed.

    Example: notifier notifications abandon --broadcast 17 --all
    """
    _decide(held.ABANDON, "It will not be sent again.", **which)


def _decide(
    decision: held.Decision,
    said: str,
    *,
    notification_id: int | None,
    broadcast_id: int | None,
    every: bool,
    count: int | None,
    yes: bool,
    as_json: bool,
) -> None:
    if broadcast_id is not None and every and notification_id is None:
        held.settle_all(connect(), broadcast_id, decision, yes=yes, count=count, as_json=as_json)
        return
    if notification_id is None or broadcast_id is not None or every or yes or count is not None:
        raise click.UsageError("give the ID of one message, or --broadcast ID --all")
    reply = connect().post(f"/v1/notifications/{notification_id}/{decision.action}")
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(NotificationView)
    printing.line(f"Message {view.id} to {view.contact_point} is {words(view.state)}. {said}")


def _show(view: NotificationView, moment: Moment) -> None:
    printing.heading(
        f"Message {view.id}, {words(view.kind)}, {view.channel} to {view.contact_point}",
        words(view.state),
        style=_STYLES.get(view.state),
    )
    printing.fields(
        [
            ("of", _origin(view)),
            ("for", plural(view.customers, "customer")),
            ("why", words(view.reason)),
            ("planned", moment.short(view.planned_at)),
            ("due", moment.short(view.due_at) if view.ended_at is None else ""),
            ("in doubt", f"since {moment.short(view.in_doubt_at)}" if view.in_doubt_at else ""),
            ("ended", moment.short(view.ended_at) if view.ended_at else ""),
            ("carrier", f"{view.provider} {view.provider_id or ''}" if view.provider else ""),
            ("template", view.template_version or ""),
        ]
    )
    _attempts(view.attempts, moment)
    _receipts(view.receipts, moment)
    click.echo()
    printing.line("As the customer sees it", style=printing.STRONG)
    printing.message(view.subject, view.text)
    if view.state == "held":
        click.echo()
        printing.line("Nobody knows whether it arrived. Decide:")
        printing.line(f"notifier notifications resend {view.id}    perhaps they hear twice", indent=2)
        printing.line(f"notifier notifications abandon {view.id}   perhaps they never hear", indent=2)


def _origin(view: NotificationView) -> str:
    parts = [f"broadcast {view.broadcast_id}"] if view.broadcast_id else []
    parts += [f"incident #{view.incident_id}"] if view.incident_id else []
    return ", ".join(parts)


def _attempts(attempts: list[AttemptView], moment: Moment) -> None:
    if not attempts:
        return
    click.echo()
    printing.line("Attempts", style=printing.STRONG)
    printing.table(
        [Column("#", right=True), Column("AT"), Column("CARRIER"), Column("OUTCOME"), Column("ANSWER", gives=True)],
        [
            [
                str(each.number),
                f"{moment.zone.show(each.began_at):%H:%M:%S}",
                each.provider,
                words(each.outcome),
                f"{each.code} {each.answer}".strip(),
            ]
            for each in attempts
        ],
        indent=2,
    )


def _receipts(receipts: list[ReceiptView], moment: Moment) -> None:
    if not receipts:
        return
    click.echo()
    printing.line("Reported by the carrier", style=printing.STRONG)
    printing.table(
        [Column("#", right=True), Column("AT"), Column("CARRIER"), Column("STATUS"), Column("CODE", gives=True)],
        [
            [
                str(each.attempt),
                f"{moment.zone.show(each.received_at):%H:%M:%S}",
                each.provider,
                words(each.status),
                each.code,
            ]
            for each in receipts
        ],
        indent=2,
    )
