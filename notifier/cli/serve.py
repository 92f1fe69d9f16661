"""`notifier serve`: the daemon in the foreground, until SIGTERM or SIGINT.

In: the configuration. Out: where it listens, on standard output; events, on standard error. It refuses to start where
it could do harm: on a database of another daemon, on an older schema, or rehearsing with a carrier that reaches people.
SIGHUP reloads the configuration.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from notifier.app import App
    from notifier.clock import Clock
    from notifier.config import Config

RATE_AT_MOST = 100_000.0
SWITCH_SECONDS = 0.0005
"""How long one thread keeps the interpreter from another that waits. SQLite gives it away in every statement, and at
the usual 5 ms the writer would wait longer for its turn than it works whenever the loop is busy."""
GARBAGE_AFTER = 10_000
"""New objects after which the youngest are searched for circles; the usual 700 are ten requests."""


@click.command("serve")
@click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file; else NOTIFIER_CONFIG, else config/notifier.yaml.",
)
@click.option("--migrate", is_flag=True, help="Bring the database to the newest schema first.")
@click.option(
    "--clock",
    "rehearsal",
    metavar="START,RATE",
    help="Rehearse: begin at START (ISO with zone), RATE times as fast; only where nothing can leave this machine.",
)
def serve(file: Path | None, migrate: bool, rehearsal: str | None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C.

    What is being sent is finished first, for server.drain at most. As
    shipped it listens on 127.0.0.1:8080, and messages become files.
    SIGHUP reloads the configuration, as `notifier reload` does.
    """
    from notifier import logs
    from notifier.app import App
    from notifier.cli.reading import read, read_again
    from notifier.domain.errors import NotifierError

    try:
        found = read(file, os.environ)
        config = found.config
        clock = _clock(rehearsal, config)
        logs.configure(config.log)
        for warning in found.warnings:
            click.echo(f"warning: {warning}", err=True)
        again = partial(read_again, file, dict(os.environ), rehearsal=rehearsal is not None)
        failed = _run(lambda: _serve(App(found, clock, migrate=migrate, read=again)))
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    if failed:
        raise SystemExit(1)


async def _serve(app: "App") -> bool:
    """Run the daemon until a signal; return whether it ended because a part of it failed."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):  # the second one ends it at once, as `kill -9` does
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    under_way: set[asyncio.Task[None]] = set()

    def hang_up() -> None:
        task = loop.create_task(_reload(app), name="reload")
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    return await app.run(stop, started=_announce, renewed=_settle)


async def _reload(app: "App") -> None:
    """Reload by signal: nobody waits for an answer, so that what came of it goes to standard error."""
    from notifier.domain.actor import DAEMON
    from notifier.stages.reloading import NotReloaded

    try:
        view = await app.reload(replace(DAEMON, origin="SIGHUP"))
    except NotReloaded as error:
        for problem in error.problems:
            click.echo(f"not reloaded: {problem}", err=True)
        return
    for warning in view.warnings:
        click.echo(f"warning: {warning}", err=True)
    if view.needs_restart:
        click.echo(f"warning: these take a restart: {', '.join(view.needs_restart)}", err=True)
    click.echo(f"reloaded: {', '.join(view.changed) or 'nothing has changed'}", err=True)


def _settle() -> None:
    """Never search what lives as long as the daemon: every search of all of it would stop the loop for its length.

    After a reload, what the daemon was before is let go first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])


def _announce(app: "App") -> None:
    _settle()
    if app.token_file:
        click.echo(f"the first manager key is in {app.token_file}")
    if app.metrics_url:
        click.echo(f"metrics on {app.metrics_url}/metrics")
    click.echo(f"listening on {app.url}")


def _run(main: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
    """Run on uvloop where there is one, else on asyncio's own loop."""
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] | None
    try:
        from uvloop import new_event_loop
    except ImportError:
        new_event_loop = None
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main())


def _clock(rehearsal: str | None, config: "Config") -> "Clock":
    """Return the clock of the machine, or the rehearsed one where nothing can leave this machine."""
    from notifier.cli.reading import reaching_people
    from notifier.clock import RehearsalClock, SystemClock

    if rehearsal is None:
        return SystemClock()
    if leaving := reaching_people(config):
        raise click.UsageError(
            f"--clock is refused: {', '.join(leaving)} can reach people; a rehearsal needs every provider to be of"
            " kind file, or to have a loopback host"
        )
    start, rate = parse_rehearsal(rehearsal)
    return RehearsalClock(start=start, rate=rate)


def parse_rehearsal(text: str) -> tuple[Any, float]:
    """Return start (UTC) and rate of `2026-03-01T07:00:00-08:00,60`; raise a usage error that says what is wrong."""
    from datetime import UTC, datetime

    expected = "expected START,RATE such as 2026-03-01T07:00:00-08:00,60"
    start_text, comma, rate_text = text.rpartition(",")
    try:
        start, rate = datetime.fromisoformat(start_text.strip()), float(rate_text)
    except ValueError:
        raise click.UsageError(f"--clock '{text}' is no start and rate; {expected}") from None
    if not comma or start.tzinfo is None:
        raise click.UsageError(f"--clock '{text}': the start has no zone; {expected}")
    if not 0 < rate <= RATE_AT_MOST:
        raise click.UsageError(f"--clock '{text}': the rate must be above 0 and at most {RATE_AT_MOST:.0f}; {expected}")
    return start.astimezone(UTC), rate
