"""`notifier rehearse`: what would have opened in the last weeks, whom it would have told, for how much, in which words.

In: past tickets as `detection backtest` takes them, and the directory of the daemon as it is today. Nothing is stored
or sent. What cannot be known is said: it is a rehearsal, not a record.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from notifier.cli import history, places, printing
from notifier.cli.client import Client
from notifier.cli.options import connect, json_option
from notifier.cli.printing import STRONG, WARN, Column, number, plural
from notifier.cli.rejects import Rejects

if TYPE_CHECKING:
    from notifier.backtest.record import Opening, Record
    from notifier.config import Config

SHOWN_AT_MOST = 20  # incidents on the terminal
MESSAGES_EACH = 2  # the first one, and that it is over
UNKNOWN = (
    "who lived there then: the directory is that of today",
    "what you would have dismissed, and estimates in between: two messages each are counted, the first and the last",
    "where it ended: the daemon knows which regions lie in each other and joins neighbors, a file does not say it",
    "nights, opt-outs from planned messages and caps: fewer may hear at once, nobody more",
)


class Place(msgspec.Struct, kw_only=True):
    """Answer of GET /v1/reach/place."""

    region: str
    sites: int = 0
    customers: int = 0
    reached: int = 0
    emails: int = 0
    mobiles: int = 0


class Rehearsed(msgspec.Struct, kw_only=True):
    """One incident that would have been opened."""

    opened_at: str
    region: str
    service: str
    tickets: int
    place: Place


@click.command("rehearse")
@history.history_argument
@click.option("--weeks", type=click.IntRange(1, 520), default=4, show_default=True, help="How many of the last weeks.")
@history.zone_option
@history.config_option
@json_option
def rehearse(file: Path, weeks: int, zone: str, config_file: Path | None, as_json: bool) -> None:
    """Play past tickets: what would have opened, who told, the cost.

    FILE is CSV as for detection backtest, with at least 28 days before
    the weeks that are looked at. Whom it would have told is asked of
    the daemon's directory. Nothing is stored or sent.

    Example: notifier rehearse tickets.csv --weeks 8
    """
    config = history.configuration(config_file)
    rejected = places.refused_lines(file, None)
    places.check({"FILE": file, "the configuration": places.configuration(config_file)}, {}, rejected)
    client = connect()
    with Rejects(rejected) as rejects:
        found = _played(file, rejects, zone, config)
    openings = _of_last_weeks(found, weeks)
    services = {service.name for service in config.services}
    rehearsed = [_asked(client, one, services) for one in openings]
    if as_json:
        price = _price(config)
        printing.answer(
            msgspec.json.encode(
                {
                    "incidents": rehearsed,
                    "weeks": weeks,
                    "texts_cost_at_most": None if price is None else str(_cost(rehearsed, config, price)),
                    "currency": config.sms.currency,
                    "unknown": UNKNOWN,
                }
            )
        )
    else:
        _print(found, rehearsed, weeks, config)
    history.end(rejects)


def _played(file: Path, rejects: Rejects, zone: str, config: "Config") -> "Record":
    from notifier.backtest.recording import record
    from notifier.backtest.running import Backtest
    from notifier.domain.detection import Thresholds

    certain = config.detection.certain
    thresholds = Thresholds(likely=certain, certain=certain)
    stream = history.read_complaints(file, rejects, zone)
    run = Backtest(stream, history.clock(zone, stream), thresholds, scores_from=float("inf"))
    history.played(stream, run.play)
    return record(
        run,
        stream,
        file=file.name,
        grade="certain",
        thresholds=thresholds,
        windows=None,
        refused=rejects.count,
    )


def _of_last_weeks(found: "Record", weeks: int) -> list["Opening"]:
    from notifier.backtest.report_words import judged_openings

    if found.last_at is None:
        return []
    since = found.last_at - timedelta(weeks=weeks)
    return [one for one in judged_openings(found) if one.detected_at >= since]


def _asked(client: Client, one: "Opening", services: set[str]) -> Rehearsed:
    place = Place(region="")
    if one.service in services:
        place = client.get("/v1/reach/place", service=one.service, region=one.region).read(Place)
    return Rehearsed(
        opened_at=f"{one.detected_at:%Y-%m-%d %H:%M}",
        region=one.region,
        service=one.service,
        tickets=one.observed,
        place=place,
    )


def _price(config: "Config") -> Decimal | None:
    """Return what a segment costs with the provider of texts, where it is known."""
    said = next((each.price_per_segment for each in config.providers if each.channel == "sms"), "")
    return Decimal(said) if said else None


def _cost(rehearsed: Sequence[Rehearsed], config: "Config", price: Decimal) -> Decimal:
    mobiles = sum(each.place.mobiles for each in rehearsed)
    return price * mobiles * MESSAGES_EACH * config.sms.segments_at_most


def _print(found: "Record", rehearsed: Sequence[Rehearsed], weeks: int, config: "Config") -> None:
    from notifier.backtest.report_words import TOO_SHORT, is_too_short

    if is_too_short(found):
        printing.line(TOO_SHORT, style=STRONG)
        return
    what = f"{plural(len(rehearsed), 'incident')} would have been opened in the last {plural(weeks, 'week')}"
    printing.line(f"{what}, by {plural(found.counted, 'ticket')} in all.", style=STRONG)
    if rehearsed:
        columns = [Column("OPENED"), Column("PLACE", gives=True), Column("SERVICE"), Column("TICKETS", right=True)]
        printing.table(
            [*columns, Column("CUSTOMERS", right=True), Column("HEAR", right=True)],
            [
                [
                    each.opened_at,
                    each.region,
                    each.service,
                    number(each.tickets),
                    number(each.place.customers) if each.place.region else "?",
                    number(each.place.reached) if each.place.region else "?",
                ]
                for each in rehearsed[-SHOWN_AT_MOST:]
            ],
        )
        if len(rehearsed) > SHOWN_AT_MOST:
            printing.line(f"The last {SHOWN_AT_MOST} are shown; --json has all of them.", style=printing.DIM)
        _print_sums(rehearsed, config)
        _print_texts(rehearsed, config)
    printing.line()
    printing.line("What this cannot know:")
    for each in UNKNOWN:
        printing.line(f"- {each}", hang=2)


def _print_sums(rehearsed: Sequence[Rehearsed], config: "Config") -> None:
    unplaced = sum(not each.place.region for each in rehearsed)
    price = _price(config)
    cost = "not known: providers.price_per_segment"
    if price is not None:
        cost = f"at most {_cost(rehearsed, config, price):.2f} {config.sms.currency} for texts"
    mails, texts = (
        number(MESSAGES_EACH * sum(counts))
        for counts in ([each.place.emails for each in rehearsed], [each.place.mobiles for each in rehearsed])
    )
    printing.fields(
        [
            ("messages", f"up to {mails} mails and {texts} texts, {MESSAGES_EACH} for each address"),
            ("by none", plural(sum(each.place.customers - each.place.reached for each in rehearsed), "customer")),
            ("cost", cost),
        ]
    )
    if unplaced:
        printing.line(
            f"{plural(unplaced, 'place is', 'places are')} not in the directory (?), or the service is not configured:"
            " import your customers first, with the regions and services of the tickets.",
            hang=2,
            style=WARN,
        )


def _print_texts(rehearsed: Sequence[Rehearsed], config: "Config") -> None:
    """Print what a customer would have read first, per service; the facts are made up."""
    from notifier.messages import Messages
    from notifier.messages.gallery import choose, gallery
    from notifier.settings import load_playbooks

    known = [service.name for service in config.services]
    services = tuple(name for name in known if any(each.service == name for each in rehearsed))
    if not services:
        return
    messages = Messages(config, load_playbooks(config))
    locales = (config.locales.default,)
    choice = choose(config, kinds=("acknowledged",), locales=locales, channels=("sms",), services=services)
    seen: set[str] = set()
    for shown in gallery(messages, choice):
        if shown.service not in seen:
            seen.add(shown.service)
            printing.line()
            printing.line(f"A text about {shown.service}, with made-up facts ({plural(len(shown.parts), 'segment')}):")
            printing.message("", shown.text)
