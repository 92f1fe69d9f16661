"""What one contact point may be written to about, and why: per purpose, with the word or basis behind it."""

import click

from notifier.cli import printing
from notifier.cli.printing import BAD, GOOD, Column, safe, words
from notifier.cli.times import Moment
from notifier.storage.views import ConsentsView, ConsentView, SuppressionView


def show_consents(
    consents: list[ConsentView], suppression: SuppressionView | None, moment: Moment, *, indent: int
) -> None:
    """Print the verdict for every purpose; one line says it when the address is stopped for all."""
    if suppression is not None:
        since = f" since {moment.short(suppression.since)}" if suppression.since else ""
        source = f", source: {safe(suppression.source)}" if suppression.source else ""
        printing.line(f"NOTHING: {words(suppression.reason)}{since}{source}", indent=indent, hang=indent + 2, style=BAD)
        if suppression.wording:
            printing.line(f'"{suppression.wording}"', indent=indent + 2)
    for each in consents:
        if suppression is not None and each.changed_at is None:
            continue
        verdict = "yes" if each.allowed else "no"
        why = f"{verdict}: {each.explanation}"
        if each.source:
            why += f", source: {safe(each.source)}"
        if each.source and each.basis:
            why += f", basis: {safe(each.basis)}"
        if each.changed_at is not None:
            why += f", {moment.short(each.changed_at)}"
        style = GOOD if each.allowed else BAD
        printing.line(f"{each.purpose.ljust(8)}{why}", indent=indent, hang=indent + 8, style=style)
        if each.wording:
            printing.line(f'"{each.wording}"', indent=indent + 8)


def show_card(view: ConsentsView, moment: Moment) -> None:
    """Print everything about the consent of one contact point, with every word that was ever said."""
    stopped = view.suppression is not None
    printing.heading(f"Contact point {view.id}, {view.contact_point}", "stopped" if stopped else "", style=BAD)
    show_consents(view.consents, view.suppression, moment, indent=2)
    hours = f"from {view.quiet_from} until {view.quiet_until}" if view.quiet_from else ""
    printing.fields(
        [
            ("language", view.locale),
            ("quiet hours", hours),
            ("not by", ", ".join(view.channels_off)),
            ("not about", ", ".join(view.muted_sites)),
            ("paused", ", ".join(f"#{incident}" for incident in view.paused_incidents)),
        ]
    )
    if not view.history:
        return
    click.echo()
    printing.line("Every word, newest first", style=printing.STRONG)
    printing.table(
        [Column("AT"), Column("ABOUT"), Column("SAID"), Column("BY"), Column("SOURCE", gives=True)],
        [
            [moment.short(each.at), each.purpose, each.state, each.actor, _source(each.source, each.wording)]
            for each in view.history
        ],
        indent=2,
    )


def _source(source: str, wording: str) -> str:
    return f'{source}: "{wording}"' if wording else source
