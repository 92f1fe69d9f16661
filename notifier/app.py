"""The composition root: builds every part of the daemon, starts them in order and stops them in reverse.

Start: lock, schema, first key, what was in doubt, the detector's memory, worker and pollers, listeners. Stop: not ready
any more, listeners closed, the worker drained within `server.drain`, pollers ended, the database closed, the lock given
back. Whatever is cut off in between is a fact in the store and is found there at the next start.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from msgspec.structs import replace

from notifier import __version__
from notifier.backtest.own import OwnBacktest
from notifier.clock import Clock, RehearsalClock
from notifier.config import Config
from notifier.domain.errors import NotifierError
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.metrics import Metrics
from notifier.providers import Provider, create
from notifier.queue.embedded import POLL_SECONDS, EmbeddedQueue, Topic
from notifier.scheduler import CalendarJob, Memory, Poller, Scheduler
from notifier.stages import Surroundings, guest_list
from notifier.stages.automatic import Acting, Automatic
from notifier.stages.broadcasts import Broadcasts, Course
from notifier.stages.consents import Consents, OwnPreferences
from notifier.stages.control import Control
from notifier.stages.delivery import Asking, Delivery, Doubts, Held, Letters, Receipts, Suppressions
from notifier.stages.detection import Detection, Explaining
from notifier.stages.directory import Directory
from notifier.stages.helpdesk import Helpdesk
from notifier.stages.incidents import ConfirmIncident, DismissIncident, Incidents
from notifier.stages.incidents.choices import Choices
from notifier.stages.intake import Intake
from notifier.stages.keys import Keys
from notifier.stages.looks_over import LooksOver
from notifier.stages.mail_reports import MailReports
from notifier.stages.on_call import Deciding, OnCall
from notifier.stages.planning import Planning
from notifier.stages.promises import Promises
from notifier.stages.replies import Inbox
from notifier.stages.test_sends import TestSends
from notifier.stages.upkeep import Upkeep
from notifier.storage.database import Database
from notifier.storage.opening import store_at
from notifier.storage.queries.newest import newest
from notifier.token_file import TokenFile
from notifier.web.exposition import build_metrics_app
from notifier.web.listener import Listener
from notifier.web.lmtp import LmtpListener
from notifier.web.parts import Parts
from notifier.web.server import build_app
from notifier.worker import Lanes, Worker

BASELINE_AT = time(0, 10)  # local: the day that ended is complete
LEDGER_AT = time(3, 10)
RETENTION_AT = time(3, 40)
BACKTEST_AT = time(4, 10)
PROMISES_EVERY = timedelta(seconds=10)
ON_CALL_EVERY = timedelta(seconds=10)
SUBSIDED_EVERY = timedelta(minutes=1)
LOOKS_OVER_EVERY = timedelta(minutes=1)
AUTOMATIC_EVERY = timedelta(seconds=10)
GAUGES_EVERY = timedelta(seconds=5)
REPORTERS_EVERY = timedelta(seconds=1)
HELPDESK_EVERY = timedelta(seconds=15)
CUT_OFF_SECONDS = 2.0  # after `server.drain`; the worker keeps that time by itself

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Every part that works by itself, and the parts that requests are handed to."""

    parts: Parts
    doubts: Doubts
    planning: Planning
    promises: Promises
    worker: Worker
    scheduler: Scheduler


class App:
    """One daemon: `run` starts it, waits, and stops it."""

    def __init__(
        self, config: Config, playbooks: Mapping[str, Playbook], clock: Clock, *, migrate: bool = False
    ) -> None:
        self.url = self.metrics_url = self.lmtp_address = ""  # where it listens, once it does
        self.token_file: Path | None = None  # where the first key was written, if it was by this start
        self._config, self._playbooks, self._clock, self._migrate = config, playbooks, clock, migrate
        self._not_ready = ["starting"]
        self._failed = False

    async def run(self, stop: asyncio.Event, *, started: Callable[["App"], None]) -> bool:
        """Run until `stop` is set or a part fails; return whether one failed."""
        async with AsyncExitStack() as stack:
            await self._start(stack, stop)
            self._not_ready.clear()
            started(self)
            log.info("started", version=__version__, url=self.url)
            await stop.wait()
            self._not_ready.append("stopping")
            log.info("stopping", drain_seconds=self._config.server.drain.total_seconds())
        log.info("stopped")
        return self._failed

    async def _start(self, stack: AsyncExitStack, stop: asyncio.Event) -> None:
        """Start every part in order; the stack stops them in reverse."""
        database = stack.enter_context(store_at(self._config.storage.url).daemon(migrate=self._migrate))
        await self._check_rehearsal(database)
        await guest_list.publish(database, self._config)
        machine = await self._build(database)
        parts = machine.parts
        stack.push_async_callback(parts.on_call.close)
        stack.push_async_callback(parts.helpdesk.close)
        stack.push_async_callback(parts.test_sends.close)
        await machine.doubts.settle_at_start()
        await parts.detection.rebuild()
        self._begin(stack, stop, "store", database.keep)
        self._begin(stack, stop, "scheduler", machine.scheduler.run)
        self._begin(stack, stop, "detection", parts.detection.run)
        self._begin(stack, stop, "worker", machine.worker.run)
        server = self._config.server
        if server.metrics_listen:
            app = build_metrics_app(parts.metrics)
            self.metrics_url = await self._listen(stack, Listener(app, server.metrics_listen, "server.metrics_listen"))
        self.url = await self._listen(stack, Listener(build_app(parts), server.listen, "server.listen"))
        if self._config.inbound.lmtp_listen:
            lmtp = LmtpListener(parts.mail_reports, self._config.inbound.lmtp_listen)
            self.lmtp_address = await lmtp.start()
            stack.push_async_callback(lmtp.stop)
            log.info("taking mail by LMTP", address=self.lmtp_address)

    async def _check_rehearsal(self, database: Database) -> None:
        """Refuse to rehearse from a time before what the store has seen: what is due would wait, news lie ahead."""
        if not isinstance(self._clock, RehearsalClock):
            return
        seen = await database.read(newest)
        if seen is None or seen <= self._clock.start:
            return
        zone = ZoneInfo(self._config.regions.time_zone)
        start, until = (at.astimezone(zone).isoformat(timespec="seconds") for at in (self._clock.start, seen))
        minute = (seen + timedelta(minutes=1)).replace(second=0, microsecond=0).astimezone(zone)
        raise NotifierError(
            f"--clock begins at {start}, but {database.name} holds what happened until {until}, and time must not go"
            f" back; expected --clock {minute.isoformat(timespec='seconds')},{self._clock.rate:g} or later, or a new"
            " database (storage.url)"
        )

    async def _build(self, database: Database) -> Machine:
        """Build every part; none of them does anything yet."""
        config, clock, playbooks, queue = self._config, self._clock, self._playbooks, EmbeddedQueue()
        metrics = build_metrics(config)
        keys, control = Keys(database, clock), Control(database, clock, queue)
        await self._make_first_key(keys)
        link_secrets = await control.link_secrets(config.sender)
        link_secret = link_secrets[0]
        messages = Messages(config, playbooks)
        delivery = Delivery(database, config, clock, queue, metrics, playbooks, messages, link_secret)
        suppressions = Suppressions(database, clock, metrics, link_secret)
        providers, lanes = [create(each) for each in config.providers], Lanes()
        receipts = Receipts(database, clock, queue, metrics, playbooks, suppressions, lanes, config.consent.covers())
        letters = Letters(database, config, clock, messages, link_secret)
        asking = Asking(database, clock, playbooks, receipts, providers, letters)
        doubts = Doubts(database, config, clock, queue, metrics, playbooks, delivery.owner, asking)
        worker = Worker(delivery, doubts, providers, queue, clock, config, metrics, lanes)
        around = Surroundings(
            database=database, config=config, clock=clock, queue=queue, metrics=metrics, playbooks=playbooks
        )
        incidents, broadcasts = Incidents(around, messages), Broadcasts(around, messages)
        on_call = OnCall(
            around,
            Deciding(
                confirm=lambda which, actor: incidents.confirm(which, ConfirmIncident(), actor),
                dismiss=lambda which, actor: incidents.dismiss(which, DismissIncident(), actor),
                preview=broadcasts.preview,
                send=broadcasts.send,
                approve=broadcasts.approve,
            ),
            secret=link_secret,
            provider_states=worker.provider_states,
        )
        consents = Consents(database, config, clock, queue, metrics, link_secret)
        intake = Intake(database, config, clock, queue, metrics)
        inbox = Inbox(
            around,
            messages.reply_words(),
            consents,
            lambda request, actor, again: intake.submit(request, actor=actor, hears_back=False, again=again),
            link_secret,
        )
        parts = Parts(
            config=config,
            playbooks=playbooks,
            clock=clock,
            metrics=metrics,
            database=database,
            keys=keys,
            control=control,
            directory=Directory(database, config, clock, queue, playbooks, link_secrets),
            intake=intake,
            detection=Detection(database, config, clock, queue, metrics, playbooks),
            explaining=Explaining(database, config, clock, playbooks),
            incidents=incidents,
            choices=Choices(around, messages),
            broadcasts=broadcasts,
            held=Held(database, clock, queue, metrics),
            letters=letters,
            suppressions=suppressions,
            receipts=receipts,
            consents=consents,
            own_preferences=OwnPreferences(database, config, clock, queue, consents),
            mail_reports=MailReports(around, link_secrets, inbox),
            inbox=inbox,
            helpdesk=Helpdesk(around, helpdesk_provider(config)),
            test_sends=TestSends(around, messages, link_secret, trial_providers(config)),
            upkeep=Upkeep(database, config, clock, metrics),
            on_call=on_call,
            link_secret=link_secret,
            link_secrets=link_secrets,
            provider_states=worker.provider_states,
            not_ready=lambda: list(self._not_ready),
        )
        planning = Planning(database, config, clock, queue, metrics, playbooks)
        promises = Promises(database, config, clock, queue, metrics, playbooks)
        acting = Acting(
            confirm=lambda which, actor: incidents.confirm(which, ConfirmIncident(), actor),
            send=broadcasts.send,
            cancel=broadcasts.cancel,
        )
        scheduler = build_scheduler(
            parts,
            Course(around),
            planning,
            promises,
            LooksOver(around),
            Automatic(around, acting),
            OwnBacktest(database, config, clock, tuple(playbooks.values())),
            queue,
        )
        return Machine(
            parts=parts, doubts=doubts, planning=planning, promises=promises, worker=worker, scheduler=scheduler
        )

    async def _make_first_key(self, keys: Keys) -> None:
        """Make a manager key when there is none, and write it to a file that only this user may read."""
        await keys.load()
        if keys.are_there():
            return
        with TokenFile(Path(self._config.server.token_file)) as file:  # opened first: a key nobody can read is lost
            made = await keys.first()
            file.write(made.key)
        self.token_file = file.path

    async def _listen(self, stack: AsyncExitStack, listener: Listener) -> str:
        url = await listener.start()
        stack.push_async_callback(listener.stop)
        return url

    def _begin(
        self, stack: AsyncExitStack, stop: asyncio.Event, name: str, run: Callable[[asyncio.Event], Awaitable[None]]
    ) -> None:
        """Run a part in a task of its own; when it fails, the daemon stops."""
        own_stop, drain = asyncio.Event(), self._config.server.drain.total_seconds()

        async def watched() -> None:
            try:
                await run(own_stop)
            except Exception:  # whatever it is, the daemon ends in order and says so by its exit code
                log.exception("a part failed", part=name)
                self._failed = True
            finally:
                stop.set()

        task = asyncio.create_task(watched(), name=name)

        async def end() -> None:
            own_stop.set()
            done, _ = await asyncio.wait({task}, timeout=drain + CUT_OFF_SECONDS)
            if not done:
                log.warning("a part was cut off", part=name)
                task.cancel()
                await asyncio.wait({task})

        stack.push_async_callback(end)


def build_metrics(config: Config) -> Metrics:
    """Return the metrics of this configuration."""
    metrics = Metrics(
        services=[service.name for service in config.services],
        sources=[source.name for source in config.sources],
        providers=[provider.name for provider in config.providers],
    )
    metrics.build_info.labels(__version__).set(1)
    return metrics


def helpdesk_provider(config: Config) -> Provider | None:
    """Return the provider of mail to the helpdesk: the first one, on a connection of its own."""
    mail = [provider for provider in config.providers if provider.channel is Channel.EMAIL]
    return create(replace(mail[0], connections=1)) if mail and config.inbound.helpdesk_address else None


def trial_providers(config: Config) -> dict[Channel, Provider]:
    """Return a provider per channel for test sends: the first configured one, on a connection of its own."""
    found: dict[Channel, Provider] = {}
    for settings in config.providers:
        if settings.channel not in found:
            found[settings.channel] = create(replace(settings, connections=1))
    return found


def build_scheduler(
    parts: Parts,
    course: Course,
    planning: Planning,
    promises: Promises,
    looks_over: LooksOver,
    automatic: Automatic,
    backtest: OwnBacktest,
    queue: EmbeddedQueue,
) -> Scheduler:
    """Return everything that happens because time passed."""

    async def look_after_broadcasts() -> bool:
        await course.start_due()
        more = await planning.step()
        await course.sweep()
        return more

    return Scheduler(
        clock=parts.clock,
        queue=queue,
        metrics=parts.metrics,
        time_zone=ZoneInfo(parts.config.regions.time_zone),
        pollers=(
            Poller(
                name="broadcasts",
                every=timedelta(seconds=POLL_SECONDS),
                run=look_after_broadcasts,
                topic=Topic.BROADCASTS,
            ),
            Poller(name="promises", every=PROMISES_EVERY, run=promises.watch),
            Poller(name="on_call", every=ON_CALL_EVERY, run=parts.on_call.watch, topic=Topic.ON_CALL),
            Poller(name="replies", every=timedelta(seconds=POLL_SECONDS), run=parts.inbox.handle, topic=Topic.REPLIES),
            Poller(name="reporters", every=REPORTERS_EVERY, run=parts.inbox.tell_reporters),
            Poller(name="helpdesk", every=HELPDESK_EVERY, run=parts.helpdesk.step),
            Poller(name="subsided", every=SUBSIDED_EVERY, run=parts.detection.dismiss_subsided),
            Poller(name="automatic", every=AUTOMATIC_EVERY, run=automatic.step),
            Poller(name="looks_over", every=LOOKS_OVER_EVERY, run=looks_over.look),
            Poller(name="gauges", every=GAUGES_EVERY, run=parts.upkeep.measure),
        ),
        jobs=(
            CalendarJob(name="baseline", at=BASELINE_AT, run=parts.detection.refresh_baseline),
            CalendarJob(name="ledger", at=LEDGER_AT, run=parts.upkeep.check_ledger),
            CalendarJob(name="retention", at=RETENTION_AT, run=parts.upkeep.retain),
            CalendarJob(name="backtest", at=BACKTEST_AT, run=backtest.run),
        ),
        memory=Memory(last_run=parts.upkeep.last_run, ran=parts.upkeep.ran),
    )
