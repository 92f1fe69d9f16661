"""The life of a daemon: it starts every part in order, waits, and stops them in reverse.

Start: lock, schema, first key, what was in doubt, the detector's memory, worker and pollers, listeners. Stop: not ready
any more, listeners closed, the worker drained within `server.drain`, pollers ended, the database closed, the lock given
back. Whatever is cut off in between is a fact in the store and is found there at the next start.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from notifier import __version__
from notifier.app.assembly import Machine, assemble, build_metrics
from notifier.app.at_work import Ending, Work, begin
from notifier.app.takeover import Takeover
from notifier.clock import Clock, RehearsalClock
from notifier.config import Config
from notifier.domain.actor import Actor
from notifier.domain.errors import ConfigError, NotifierError
from notifier.domain.playbook import Playbook
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages import Surroundings
from notifier.stages.keys import Keys
from notifier.stages.reloading import NotReloaded, Read, Reading, Reloading, unserved
from notifier.storage.database import Database
from notifier.storage.opening import store_at
from notifier.storage.queries.newest import newest
from notifier.storage.views import ReloadView
from notifier.token_file import TokenFile
from notifier.web.exposition import build_metrics_app
from notifier.web.listener import Listener
from notifier.web.lmtp import LmtpListener
from notifier.web.server import build_app

log = structlog.get_logger(__name__)


class App:
    """One daemon: `run` starts it, waits, and stops it; `reload` lets it go over to what lies on disk by then."""

    def __init__(self, found: Reading, clock: Clock, *, migrate: bool = False, read: Read | None = None) -> None:
        """Keep what it works by; `read` reads it anew."""
        self.url = self.metrics_url = self.lmtp_address = ""  # where it listens, once it does
        self.token_file: Path | None = None  # where the first key was written, if it was by this start
        self._found, self._read, self._clock, self._migrate = found, read, clock, migrate
        self._not_ready = ["starting"]
        self._queue, self._metrics = EmbeddedQueue(), build_metrics(found.config)
        self._reloading: Reloading | None = None

    async def reload(self, actor: Actor) -> ReloadView:
        """Take up what lies on disk now; raise `NotReloaded` with every mistake, and nothing has changed."""
        if self._reloading is None or self._not_ready:
            raise NotReloaded(["the daemon is starting or stopping"])
        return await self._reloading.reload(actor)

    async def run(
        self,
        stop: asyncio.Event,
        *,
        started: Callable[["App"], None],
        renewed: Callable[[], None] = lambda: None,
    ) -> bool:
        """Run until `stop` is set or a part fails; return whether one failed. `renewed` follows each reload."""
        ending = Ending(stop)
        async with AsyncExitStack() as stack:
            await self._start(stack, ending, renewed)
            self._not_ready.clear()
            started(self)
            log.info("started", version=__version__, url=self.url)
            await stop.wait()
            self._not_ready.append("stopping")
            config = self._takeover.work.machine.parts.config
            log.info("stopping", drain_seconds=config.server.drain.total_seconds())
        log.info("stopped")
        return ending.has_failed

    async def build(self, database: Database) -> Machine:
        """Build every part for a store, and make the first key where it has none; nothing works yet."""
        self._database, self._keys = database, Keys(database, self._clock)
        self.token_file = await make_first_key(self._keys, self._found.config.server.token_file)
        return await self._assemble(self._found.config, self._found.playbooks)

    async def _start(self, stack: AsyncExitStack, ending: Ending, renewed: Callable[[], None]) -> None:
        """Start every part in order; the stack stops them in reverse."""
        config = self._found.config
        database = stack.enter_context(store_at(config.storage.url).daemon(migrate=self._migrate))
        await check_rehearsal(database, config, self._clock)
        if waiting := await unserved(database, config):  # as a reload would: their promises would lapse unheard
            raise ConfigError(waiting)
        machine = await self.build(database)
        work, parts = Work(machine, ending), machine.parts
        public = Listener(build_app(parts), config.server.listen, "server.listen")
        lmtp = LmtpListener(parts.mail_reports, config.inbound.lmtp_listen) if config.inbound.lmtp_listen else None
        self._takeover = Takeover(
            work,
            self._assemble,
            ending=ending,
            queue=self._queue,
            metrics=self._metrics,
            public=public,
            lmtp=lmtp,
            renewed=renewed,
        )
        if self._read is not None:
            self._reloading = Reloading(
                database, self._clock, self._metrics, self._read, self._takeover.take_up, started_with=self._found
            )
        stack.push_async_callback(self._takeover.close)
        begin(stack, "store", database.keep, ending=ending, drain=config.server.drain)
        stack.push_async_callback(self._takeover.end_work)
        await work.begin()
        if config.server.metrics_listen:
            app = build_metrics_app(self._metrics)
            self.metrics_url = await _listen(
                stack, Listener(app, config.server.metrics_listen, "server.metrics_listen")
            )
        self.url = await _listen(stack, public)
        if lmtp is not None:
            self.lmtp_address = await _listen(stack, lmtp)
            log.info("taking mail by LMTP", address=self.lmtp_address)

    async def _assemble(self, config: Config, playbooks: Mapping[str, Playbook]) -> Machine:
        """Build every part by some settings, on what stays as long as the daemon runs."""
        around = Surroundings(
            database=self._database,
            config=config,
            clock=self._clock,
            queue=self._queue,
            metrics=self._metrics,
            playbooks=playbooks,
        )
        return await assemble(around, self._keys, not_ready=lambda: list(self._not_ready), reload=self.reload)


async def check_rehearsal(database: Database, config: Config, clock: Clock) -> None:
    """Refuse to rehearse from a time before what the store has seen: what is due would wait, news lie ahead."""
    if not isinstance(clock, RehearsalClock):
        return
    seen = await database.read(newest)
    if seen is None or seen <= clock.start:
        return
    zone = ZoneInfo(config.regions.time_zone)
    start, until = (at.astimezone(zone).isoformat(timespec="seconds") for at in (clock.start, seen))
    minute = (seen + timedelta(minutes=1)).replace(second=0, microsecond=0).astimezone(zone)
    raise NotifierError(
        f"--clock begins at {start}, but {database.name} holds what happened until {until}, and time must not go"
        f" back; expected --clock {minute.isoformat(timespec='seconds')},{clock.rate:g} or later, or a new"
        " database (storage.url)"
    )


async def make_first_key(keys: Keys, token_file: str) -> Path | None:
    """Make a manager key when there is none, and write it to a file that only this user may read; return where."""
    await keys.load()
    if keys.are_there():
        return None
    with TokenFile(Path(token_file)) as file:  # opened first: a key nobody can read is lost
        made = await keys.first()
        file.write(made.key)
    return file.path


async def _listen(stack: AsyncExitStack, listener: Listener | LmtpListener) -> str:
    address = await listener.start()
    stack.push_async_callback(listener.stop)
    return address
