"""A preview for people: what it will say, who hears it and who does not, and whether it is done in time.

The samples come first and the figures last, so that what is to be checked stands right above the question.
"""

from datetime import timedelta
from decimal import Decimal

import click

from notifier.cli import printing
from notifier.cli.place_doubts import show_doubts
from notifier.cli.printing import BAD, STRONG, WARN, counts, number, plural, safe, words
from notifier.cli.times import Moment, duration
from notifier.storage.views import Preview

_REASONS = {
    "no_contact_point": "no way to reach them",
    "no_channel": "no address for these channels",
    "opted_out": "asked not to hear from us",
    "suppressed": "address must not be written to",
    "site_ended": "site has ended",
    "not_told_before": "were not told before",
    "duplicate_contact_point": "told at a shared address",
    "hears_of_another": "hear of another incident there",
}
_FIRST_KINDS = ("acknowledged", "eta", "planned_notice")


def not_told(reasons: dict[str, int]) -> str:
    """Write why customers are not told: `no way to reach them 42`."""
    return counts(reasons, name=lambda code: _REASONS.get(code) or words(code))


def show_preview(preview: Preview, moment: Moment, *, whole: bool = False) -> None:
    """Print a preview; `whole` prints every sample, not only the first."""
    _samples(preview, whole=whole)
    kind = words(preview.kind)
    left_out = sum(preview.not_told.values())
    hear = f"{number(preview.customers - left_out)} of {plural(preview.customers, 'customer')}"
    printing.heading(
        f"Broadcast {preview.broadcast_id}, {kind}: {hear} {'hears' if preview.customers == 1 else 'hear'},"
        f" by {plural(preview.notifications, 'message')}",
        style=STRONG,
    )
    printing.fields(
        [
            ("channel", counts(preview.by_channel) or "none"),
            ("language", counts(preview.by_locale, name=safe)),
            ("where", printing.by_region(preview.by_region)),
            ("first time", _first_time(preview)),
            ("not told", f"{number(left_out)}: {not_told(preview.not_told)}" if left_out else "nobody is left out"),
            *_by_hour(preview, moment),
            ("texts", _texts(preview)),
            ("held", _held(preview, moment)),
            ("done", _done(preview, moment)),
            ("2nd person", second_person(preview, moment)),
        ]
    )
    if preview.waits:
        going = sum(preview.now.values())
        waiting = sum(each.messages for each in preview.waits) + sum(preview.capped.values())
        printing.line(f"{number(going)} hear now, {number(waiting)} get the newest at release.")
    _warn(preview, moment)


def show_texts(preview: Preview) -> None:
    """Print every sample of a preview, and nothing else."""
    _samples(preview, whole=True)


def show_hours(preview: Preview, moment: Moment) -> None:
    """Print who hears now and who waits, and until when it is done: what waking everyone changes."""
    printing.fields([*_by_hour(preview, moment), ("done", _done(preview, moment))])


def _samples(preview: Preview, *, whole: bool) -> None:
    shown = preview.samples if whole else preview.samples[:1]
    for n, sample in enumerate(shown):
        title = f"Sample {n + 1} of {len(preview.samples)}: {sample.channel}, {sample.locale}, {sample.contact_point}"
        printing.line(title, style=printing.DIM)
        printing.message(sample.subject, sample.text)
        click.echo()
    if more := len(preview.samples) - len(shown):
        printing.line(f"{plural(more, 'more sample')}: notifier broadcasts preview {preview.broadcast_id}", hang=4)
        click.echo()


def _by_hour(preview: Preview, moment: Moment) -> list[tuple[str, str]]:
    """Say who hears now and who in the morning, when not all hear now."""
    if not preview.waits and not preview.mail_instead and not preview.wake_reason and not preview.capped:
        return []
    now = counts(preview.now) or "nobody"
    now += f" ({plural(preview.mail_instead, 'mail')} in the place of a text)" if preview.mail_instead else ""
    waits = ", ".join(f"{number(each.messages)} SMS until {moment.short(each.until)}" for each in preview.waits)
    capped = f"{counts(preview.capped)}: told enough lately, they wait" if preview.capped else ""
    return [("now", now), ("wait", waits), ("capped", capped), ("wakes all", safe(preview.wake_reason))]


def _texts(preview: Preview) -> str:
    """Say how long the texts are together, what they cost, and how long one sender number needs for them."""
    if not preview.segments:
        return ""
    cost = f", {preview.currency} {Decimal(preview.cost):,.2f}" if preview.cost is not None else ""
    takes = timedelta(seconds=preview.texts_take_seconds)
    return f"{plural(preview.segments, 'segment')}{cost}; one number needs {duration(max(takes, timedelta(seconds=1)))}"


def _first_time(preview: Preview) -> str:
    """Say how many hear of it for the first time, unless that is what the message is for."""
    if not preview.first_contact or preview.kind in _FIRST_KINDS:
        return ""
    return f"{plural(preview.first_contact, 'message')} to people not told before"


def _held(preview: Preview, moment: Moment) -> str:
    """Say from when the hold of a word that service is back counts, and when the first message leaves."""
    if preview.back_at is None or preview.begins_at is None or not preview.hold_seconds:
        return ""
    hold = timedelta(seconds=preview.hold_seconds)
    counts_from = f"{duration(hold)} from {moment.clock(preview.back_at)}, since when it is back"
    if preview.back_at + hold <= moment.now:
        return f"{counts_from}: that is over, they are told at once ({moment.short(preview.begins_at)})"
    return f"{counts_from}: they are told from {moment.short(preview.begins_at)}, unless it drops"


def _done(preview: Preview, moment: Moment) -> str:
    length = timedelta(seconds=preview.finishes_in_seconds)
    text = f"{duration(length)} after it begins" if length >= timedelta(seconds=1) else "at once when it begins"
    if preview.promise_due_at is None:
        return text
    if preview.kind in ("planned_notice", "planned_changed"):
        fits = "fits" if preview.fits else "TOO LATE"
        return f"{text}; has to be there by {moment.short(preview.promise_due_at)}: {fits}"
    return f"{text}; promised by {moment.short(preview.promise_due_at)}: " + ("fits" if preview.fits else "TOO LATE")


def second_person(preview: Preview, moment: Moment) -> str:
    """Say whether somebody else has to say yes, who is asked, and from when it may go without."""
    limit = number(preview.audience_limit)
    if not preview.needs_approval:
        return f"no (limit {limit})"
    asked = f"{safe(preview.second_person)} is asked at once" if preview.second_person else "nobody else is on call"
    if preview.alone_from_at is not None and preview.second_person:
        asked = f"{safe(preview.second_person)} was asked first"
    alone_from = preview.alone_from_at or moment.now + timedelta(seconds=preview.second_person_wait_seconds)
    return f"yes, above {limit}; {asked}; alone from {moment.clock(alone_from)}"


def _warn(preview: Preview, moment: Moment) -> None:
    show_doubts(preview.doubts)
    for warning in preview.warnings:
        printing.line(f"! {moment.localised(warning)}", indent=2, hang=4, style=WARN)
    if not preview.fits:
        printing.line("! It will not be done before the time we promised.", indent=2, hang=4, style=BAD)
    elif preview.customers == 0:
        printing.line("! Nobody would be told.", indent=2, hang=4, style=BAD)
