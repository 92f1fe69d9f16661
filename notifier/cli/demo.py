"""`notifier demo`: the whole product in two minutes, on this machine alone."""

import asyncio
import fcntl
import signal
import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--keep", is_flag=True, help="Leave it running at the end and say what to try.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Where mails, logs and the database are kept. What an earlier demo left there is removed.",
)
@click.option(
    "--rate", default=60.0, show_default=True, type=click.FloatRange(10, 240), help="How fast the clock runs."
)
@click.option(
    "--customers", default=20_000, show_default=True, type=click.IntRange(1_000, 200_000), help="Customers in the town."
)
@click.option("--seed", default=1, show_default=True, help="Another seed is another town.")
def demo(keep: bool, folder: Path, rate: float, customers: int, seed: int) -> None:
    """Play an outage from the first complaint to restoration.

    Starts the real daemon and receivers of mails and texts on free ports, imports a made-up town, plays a morning on an
    accelerated clock, and checks at the end that everyone affected was told once and nobody else. Nothing leaves this
    machine. Exits 1 when a check fails.
    """
    from notifier.domain.errors import NotifierError
    from notifier.sandbox.demo import DemoPlan

    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            click.echo(f"a demo is running in {folder}; end it with Ctrl-C there, or give another --dir", err=True)
            sys.exit(1)
        plan = DemoPlan(keep=keep, folder=folder, rate=rate, customers=customers, seed=seed)
        try:
            sys.exit(asyncio.run(_run(plan)))
        except NotifierError as error:
            raise click.ClickException(str(error)) from error
        except (KeyboardInterrupt, asyncio.CancelledError):
            click.echo("\nstopped; everything it started has ended")
            sys.exit(0 if keep else 130)


async def _run(plan: object) -> int:
    from notifier.sandbox.demo import DemoPlan, run

    assert isinstance(plan, DemoPlan)  # noqa: S101 - narrows for the type checker
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    return await run(plan, _sentence)


def _sentence(entry: dict[str, Any]) -> str:
    """Return an entry of a timeline in the words of `notifier timeline`, its times as in the town."""
    from msgspec import convert

    from notifier.cli.happenings import sentence
    from notifier.cli.times import Moment, Zone
    from notifier.sandbox.narration import ZONE
    from notifier.storage.views import TimelineEntry

    found = convert(entry, TimelineEntry)
    return sentence(found, Moment(now=found.at, zone=Zone(ZONE)))
