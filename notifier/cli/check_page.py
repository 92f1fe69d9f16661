"""The check page of `tell`: in a few lines, what is to be known before the number is typed.

How many hear by which channel and in which language, whom nobody can reach, who hears now and who waits and why, what
the texts cost, whether it is done before the promise, and whether a second person is needed. What each customer reads
is one key away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import click

from notifier.cli import place_doubts, printing
from notifier.cli.preview import not_told, second_person
from notifier.cli.printing import BAD, STRONG, WARN, number, plural, safe
from notifier.cli.times import Moment
from notifier.storage.views import Preview

_LABEL_CELLS = 11
_KEYS = "p all texts   e change a fact"
_CHANNELS = {"sms": "SMS", "email": "e-mail", "voice": "call"}
_WARNINGS = 12  # shown
_NO_WAY = ("no_contact_point", "no_channel", "suppressed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the page needs to know beside the preview."""

    take_back: timedelta
    promise: datetime | None  # the earliest time that the message gives: it must have arrived before
    save: Callable[[Preview], str]  # keeps the list of those with no way to be reached; returns where, or ""


def show_check(
    preview: Preview, moment: Moment, checked: Checked, *, label: str = "4 Check", keys: str = _KEYS
) -> None:
    """Print the check page; `label` stands beside its first line, and the last one says what `keys` do."""
    said: list[tuple[str, str | None]] = [(_who(preview, checked), STRONG)]
    said += [(each, None) for each in (_languages(preview), _now(preview), *_waits(preview, moment), _texts(preview))]
    done, fits = _done(preview, moment, checked)
    said += [(done, None if fits else BAD), (f"Second person: {second_person(preview, moment)}", None)]
    said += [(f"! {moment.localised(warning)}", WARN) for warning in preview.warnings[:_WARNINGS]]
    if (more := len(preview.warnings) - _WARNINGS) > 0:
        said.append((f"! {plural(more, 'more warning')}", WARN))
    said += [(f"! {place_doubts.said(each)}", WARN) for each in preview.doubts[: place_doubts.SHOWN]]
    if (more := len(preview.doubts) - place_doubts.SHOWN) > 0:
        said.append((f"! {plural(more, 'more region')} of which one cannot tell", WARN))
    said.append((keys, printing.DIM))
    for text, style in said:
        if not text:
            continue
        first, *rest = printing.wrap(text, width=printing.columns() - _LABEL_CELLS, hang=2)
        click.echo(printing.paint(f"{label:<{_LABEL_CELLS}}", printing.DIM) + printing.paint(first, style))
        for each in rest:
            click.echo(" " * _LABEL_CELLS + printing.paint(each, style))
        label = ""


def _who(preview: Preview, checked: Checked) -> str:
    by_channel = ", ".join(_by_channel(preview.by_channel)) or "nobody can be reached"
    no_way = sum(preview.not_told.get(reason, 0) for reason in _NO_WAY)
    others = {reason: count for reason, count in preview.not_told.items() if reason not in _NO_WAY}
    text = f"{plural(preview.customers, 'customer')}, {plural(preview.notifications, 'message')}: {by_channel}"
    if no_way:
        where = checked.save(preview)
        text += f"; no\u00a0way to reach {plural(no_way, 'customer')}" + (f" (saved: {where})" if where else "")
    return text + (f"; {not_told(others)}" if others else "")


def _by_channel(counts: Mapping[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: list(_CHANNELS).index(item[0]))
    return [f"{_CHANNELS[channel]}\u00a0{number(count)}" for channel, count in ordered if count]


def _languages(preview: Preview) -> str:
    return printing.counts(preview.by_locale, name=safe)


def _now(preview: Preview) -> str:
    """Say who hears now; by night with why the texts among them go out."""
    parts = []
    night = bool(preview.waits) and not preview.wake_reason
    for channel, name in _CHANNELS.items():
        count = preview.now.get(channel, 0)
        if not count:
            continue
        words = name if channel == "sms" or count == 1 else f"{name}s"
        why = " (priority, and who wrote)" if channel == "sms" and night else ""
        if channel == "email" and preview.mail_instead:
            why = f" ({number(preview.mail_instead)} in place of a text)"
        parts.append(f"{number(count)} {words}{why}")
    woken = f", all woken: {safe(preview.wake_reason)}" if preview.wake_reason else ""
    return f"NOW {' + '.join(parts) or 'nobody'}{woken}"


def _waits(preview: Preview, moment: Moment) -> list[str]:
    keys = "" if preview.wake_reason else " (w = wake all, asks why)"
    nights = " + ".join(f"{number(each.messages)} SMS until {moment.clock(each.until)}" for each in preview.waits)
    capped = sum(preview.capped.values())
    return [
        f"WAIT {nights}: quiet hours{keys}" if nights else "",
        f"WAIT {plural(capped, 'message')}: told enough lately" if capped else "",
    ]


def _texts(preview: Preview) -> str:
    if not preview.segments:
        return ""
    cost = f", {preview.currency} {Decimal(preview.cost):,.2f}" if preview.cost is not None else ""
    return f"all SMS: {plural(preview.segments, 'segment')}{cost}"


def _done(preview: Preview, moment: Moment, checked: Checked) -> tuple[str, bool]:
    """Say when the last message that goes now has gone, and whether that is before what was, or is, promised."""
    done_at = moment.now + checked.take_back + timedelta(seconds=preview.finishes_in_seconds)
    text = f"done {moment.clock(done_at)}"
    due_at = preview.promise_due_at or checked.promise
    if due_at is None:
        return text, True
    fits = preview.fits and done_at <= due_at
    return f"{text}, promise {moment.clock(due_at)}: " + ("fits" if fits else "TOO LATE"), fits
