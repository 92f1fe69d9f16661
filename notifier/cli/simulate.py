"""`notifier simulate`: a town and its complaints, made up but consistent, with the truth beside them."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from notifier.cli import access

if TYPE_CHECKING:
    from notifier.sandbox.caller import CallFailed
    from notifier.sandbox.simulate import Complaint


@click.group(invoke_without_command=True)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/town"),
    show_default=True,
    help="Folder for town.csv, history.csv, live.csv and truth.csv.",
)
@click.option(
    "--customers", default=20_000, show_default=True, type=click.IntRange(1, 2_000_000), help="How many customers."
)
@click.option("--sites", default=0, type=click.IntRange(0), help="How many sites; 0 = 7.5 % more than customers.")
@click.option(
    "--postal-codes", default=40, show_default=True, type=click.IntRange(1, 5_000), help="How many postal codes."
)
@click.option(
    "--weeks",
    default=8,
    show_default=True,
    type=click.IntRange(0, 520),
    help="Weeks of history before the live stream.",
)
@click.option(
    "--from",
    "live_from",
    default="",
    metavar="TIME",
    help="When the live stream begins: ISO with offset; now if absent.",
)
@click.option(
    "--for", "live_for", default="2 h", show_default=True, metavar="DURATION", help="How long the live stream lasts."
)
@click.option(
    "--background", default=8.0, show_default=True, help="Complaints per 1,000 customers and day without any outage."
)
@click.option(
    "--outage",
    "outages",
    multiple=True,
    metavar='"PLACE,START,SIZE,DELAY[,SERVICE]"',
    help="An outage, as in 94110+94112,+20min,12%,6min,power: places (postal codes, or kind:CODE+CODE), start (+20min "
    "after the live stream begins, or ISO), callers (share of the affected customers, or their number), median time "
    "until they call. May be given several times.",
)
@click.option(
    "--abusers",
    default=3,
    show_default=True,
    help="Customers who complain forty times, and as many crowds of strangers.",
)
@click.option("--zone", default="America/Los_Angeles", show_default=True, help="Time zone of the town.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same town and streams.")
@click.pass_context
def simulate(
    context: click.Context,
    folder: Path,
    customers: int,
    sites: int,
    postal_codes: int,
    weeks: int,
    live_from: str,
    live_for: str,
    background: float,
    outages: tuple[str, ...],
    abusers: int,
    zone: str,
    seed: int,
) -> None:
    """Make up a town, weeks of complaints, a live stream, and the truth about its outages.

    Only reserved addresses are used: mail at example.com and telephone numbers 555-01XX. About half of the
    customers have a telephone. truth.csv lists every affected site and the mail address that must
    hear of it, so that what a rehearsal did can be checked against what was right.
    """
    if context.invoked_subcommand is not None:
        return
    from notifier.domain.errors import InvalidInput
    from notifier.sandbox import simulate as streams
    from notifier.sandbox.town import TownPlan, sites_of, write_town
    from notifier.settings.durations import parse_duration

    try:
        start = datetime.fromisoformat(live_from) if live_from else datetime.now(UTC).replace(microsecond=0)
        plan = streams.StreamPlan(
            live_from=start,
            live_for=parse_duration(live_for),
            weeks=weeks,
            background=background,
            outages=tuple(streams.parse_outage(text, start) for text in outages),
            abusers=abusers,
            time_zone=zone,
            seed=seed,
        )
    except (InvalidInput, ValueError) as error:
        raise click.UsageError(str(error)) from error
    if start.tzinfo is None:
        raise click.BadParameter("give the offset too, as in 2026-03-01T18:00:00-08:00", param_hint="--from")
    town = list(sites_of(TownPlan(customers=customers, sites=sites, postal_codes=postal_codes, seed=seed)))
    try:
        streams.check_outages(plan, town)
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    rows = {
        "town.csv": write_town(folder / "town.csv", town),
        "history.csv": streams.write_complaints(folder / "history.csv", streams.history(plan, town)),
        "live.csv": streams.write_complaints(folder / "live.csv", streams.live(plan, town)),
        "truth.csv": streams.write_truth(folder / "truth.csv", streams.truth(plan, town)),
    }
    for name, count in rows.items():
        click.echo(f"{count:>9,} rows  {folder / name}")


@simulate.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--as-recorded", is_flag=True, help="Keep the times of the file instead of moving it so that it begins now."
)
@click.option("--quiet", is_flag=True, help="Print only the totals.")
def play(file: Path, as_recorded: bool, quiet: bool) -> None:
    """Post a live stream to the running daemon, at the pace of its clock.

    Each complaint is posted by itself when the daemon's clock shows its time. With `serve --clock START,60` an hour
    takes a minute.
    """
    from notifier.sandbox.caller import CallFailed
    from notifier.sandbox.simulate import read_complaints

    stream = read_complaints(file)
    if not stream:
        click.echo("the stream is empty")
        return
    daemon = access.find()
    try:
        posted, refused = asyncio.run(_play(stream, daemon, as_recorded=as_recorded, quiet=quiet))
    except* CallFailed as group:
        click.echo(str(group.exceptions[0]), err=True)
        sys.exit(1)
    click.echo(f"{posted:,} complaints posted, {refused:,} refused")
    sys.exit(1 if refused else 0)


async def _play(stream: list["Complaint"], at: access.Access, *, as_recorded: bool, quiet: bool) -> tuple[int, int]:
    from notifier.sandbox.caller import Caller, CallFailed
    from notifier.sandbox.play import moved, play

    posted, refused = 0, 0

    def seen(complaint: "Complaint", answer: "dict[str, Any] | CallFailed") -> None:
        nonlocal posted, refused
        posted += 1
        if isinstance(answer, CallFailed):
            refused += 1
            click.echo(f"{complaint.external_id}: {answer}", err=True)
        elif not quiet:
            counted = "counted" if answer["counted"] else f"not counted: {answer['not_counted']}"
            click.echo(f"{complaint.occurred_at:%H:%M:%S} {complaint.service:<10} {complaint.region:<20} {counted}")

    async with Caller(at.url, at.token) as daemon:
        await daemon.follow_clock()
        await play(stream if as_recorded else moved(stream, daemon.now() - stream[0].occurred_at), daemon, seen)
    return posted, refused
