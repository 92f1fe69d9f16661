"""`notifier serve`: the daemon in the foreground, until SIGTERM or SIGINT.

In: the configuration. Out: where it listens, on standard output; events, on standard error. It refuses to start where
it could do harm: on a database of another daemon, on an older schema, or rehearsing with a carrier that reaches people.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
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
    """
    from notifier import logs
    from notifier.app import App
    from notifier.domain.errors import ConfigError, NotifierError
    from notifier.messages.proof import proofread
    from notifier.settings import load, load_playbooks, warnings

    try:
        config = load(file, os.environ)
        playbooks = load_playbooks(config)
        if mistakes := proofread(config):  # a misspelled placeholder would reach customers as it is
            raise ConfigError(mistakes)
        clock = _clock(rehearsal, config)
        logs.configure(config.log)
        for warning in warnings(config):
            click.echo(f"warning: {warning}", err=True)
        failed = _run(lambda: _serve(App(config, playbooks, clock, migrate=migrate)))
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
    return await app.run(stop, started=_announce)


def _settle() -> None:
    """Never search what lives as long as the daemon: every search of all of it would stop the loop for its length."""
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
    from notifier.clock import RehearsalClock, SystemClock
    from notifier.settings.advice import stays_here, webhooks_elsewhere

    if rehearsal is None:
        return SystemClock()
    leaving = [provider.name for provider in config.providers if not stays_here(provider)]
    leaving += [f"the webhook of {person}" for person in webhooks_elsewhere(config)]
    if leaving:
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
