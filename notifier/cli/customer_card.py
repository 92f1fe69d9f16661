"""One customer for a support agent on the phone: what they were told and promised first, then the rest.

The only place where addresses are shown in full: the agent must be able to say which one was written to.
"""

import click

from notifier.cli import printing
from notifier.cli.consent_card import show_consents
from notifier.cli.counting import why_not
from notifier.cli.incident_card import show_promises
from notifier.cli.preview import not_told
from notifier.cli.printing import BAD, Column, plural, safe, words
from notifier.cli.times import Moment, instant
from notifier.storage.views import ComplaintView, ContactPointView, CustomerView, ReplyView, SiteView, ToldView

_SHOWN = 20
_NEVER_LEFT = ("failed", "abandoned", "superseded", "cancelled", "expired", "suppressed")


def show_customer(view: CustomerView, moment: Moment) -> None:
    """Print everything known about one customer."""
    printing.heading(f"{safe(view.reference)}  {safe(view.name)}", view.account_type)
    printing.fields([("plan", view.plan), ("has", f"{plural(len(view.sites), 'site')}, {_addresses(view)}")])
    _told([each for each in view.told if each.state not in _NEVER_LEFT], moment)
    _not_told(view.not_told, [each for each in view.told if each.state in _NEVER_LEFT], moment)
    if view.promises:
        show_promises(view.promises, moment)
    _wrote(view.wrote, moment)
    _complaints(view.complaints, moment)
    _sites(view.sites)
    _contact_points(view.contact_points, moment)


def _addresses(view: CustomerView) -> str:
    return plural(len(view.contact_points), "address", "addresses") if view.contact_points else "NO WAY TO REACH THEM"


def _told(told: list[ToldView], moment: Moment) -> None:
    _title("What they were told")
    if not told:
        printing.line("nothing", indent=2)
    for each in told[:_SHOWN]:
        when = moment.short(each.at) if each.at else "not yet"
        incident = f" of #{each.incident_id}" if each.incident_id else ""
        line = f"{when}  {words(each.kind)}{incident}, {each.channel} {each.address}: {words(each.state)}"
        printing.line(line, indent=2, hang=4)
        if each.subject:
            printing.line(f'"{each.subject}"', indent=4)
        printing.line(f"(notifier notifications show {each.notification_id})", indent=4)
    _more(len(told))


def _not_told(entries: list[dict[str, object]], unsent: list[ToldView], moment: Moment) -> None:
    if not entries and not unsent:
        return
    _title("What they were not told, and why")
    for message in unsent[:_SHOWN]:
        incident = f" of #{message.incident_id}" if message.incident_id else ""
        when = f"{moment.short(message.at)}  " if message.at else ""
        line = f"{when}{words(message.kind)}{incident}, {message.channel} {message.address}: {words(message.state)}"
        printing.line(line, indent=2, hang=4, style=BAD)
        printing.line(f"(notifier notifications show {message.notification_id})", indent=4)
    _more(len(unsent))
    for each in entries[:_SHOWN]:
        why = not_told({str(each.get("reason")): 1}).removesuffix(" 1").removesuffix("\u00a01")
        incident = f" of #{each['incident_id']}" if each.get("incident_id") else ""
        at = instant(each.get("at"))
        when = f"{moment.short(at)}  " if at else ""
        printing.line(f"{when}{words(str(each.get('kind')))}{incident}: {why}", indent=2, hang=4, style=BAD)
    _more(len(entries))


def _wrote(wrote: list[ReplyView], moment: Moment) -> None:
    if not wrote:
        return
    _title("What they wrote back")
    for each in wrote[:_SHOWN]:
        incident = f" of #{each.incident_id}" if each.incident_id else ""
        line = f"{moment.short(each.received_at)}  {words(each.meaning).upper()}{incident}, {each.source} {each.sender}"
        printing.line(line, indent=2, hang=4)
        if each.text:
            printing.line(f'"{safe(each.text)}"', indent=4)
    _more(len(wrote))


def _complaints(complaints: list[ComplaintView], moment: Moment) -> None:
    _title("What they said")
    if not complaints:
        printing.line("nothing", indent=2)
    for each in complaints[:_SHOWN]:
        counted = "counted" if each.counted else f"not counted: {why_not(each.not_counted)}"
        printing.line(f"{moment.short(each.occurred_at)}  {each.service} by {each.source}, {counted}", indent=2, hang=4)
        if each.text:
            printing.line(f'"{each.text}"', indent=4)
    _more(len(complaints))


def _sites(sites: list[SiteView]) -> None:
    _title("Sites")
    for each in sites[:_SHOWN]:
        name = ", ".join(part for part in (each.label, each.address) if part) or "no address on file"
        printing.line(f"{each.reference}  {name}", indent=2, hang=4, style=printing.STRONG)
        state = "" if each.status == "active" else f" ({each.status.upper()})"
        facts = [", ".join(each.services) + state, "priority" if each.priority else "", each.time_zone]
        printing.line("; ".join(fact for fact in facts if fact), indent=4)
        if each.regions:
            printing.line(", ".join(printing.region(region) for region in each.regions), indent=4)
    _more(len(sites))


def _contact_points(points: list[ContactPointView], moment: Moment) -> None:
    if not points:
        return
    _title("How they are reached")
    printing.table(
        [Column("ADDRESS", gives=True), Column("KIND"), Column("WHOSE"), Column("LANGUAGE"), Column("BLOCKED")],
        [
            [each.address, each.kind, words(each.role), each.locale, words(each.suppressed) if each.suppressed else ""]
            for each in points[:_SHOWN]
        ],
        indent=2,
    )
    _more(len(points))
    _title("What we may write to them about")
    for each in points[:_SHOWN]:
        _consent(each, moment)
    _more(len(points))


def _consent(point: ContactPointView, moment: Moment) -> None:
    """Print what one contact point may be written to about and why, and what it chose for itself."""
    printing.line(f"{safe(point.address)}  (contact point {point.id})", indent=2, hang=4, style=printing.STRONG)
    show_consents(point.consents, point.suppression, moment, indent=4)
    hours = f"no texts from {point.quiet_from} until {point.quiet_until}" if point.quiet_from else ""
    off = f"not by {', '.join(point.channels_off)}" if point.channels_off else ""
    muted = f"not about site {', '.join(point.muted_sites)}" if point.muted_sites else ""
    paused = ", ".join(f"#{incident}" for incident in point.paused_incidents)
    wishes = [off, hours, muted, f"nothing more about {paused}" if paused else ""]
    if any(wishes):
        printing.line("by its own choice: " + "; ".join(wish for wish in wishes if wish), indent=4, hang=6)


def _more(count: int) -> None:
    if count > _SHOWN:
        printing.line(f"... and {count - _SHOWN} more: --json shows all", indent=2)


def _title(text: str) -> None:
    click.echo()
    printing.line(text, style=printing.STRONG)
