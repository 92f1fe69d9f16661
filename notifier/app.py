"""The composition root: builds every part of the daemon, starts them in order and stops them in reverse.

Start: lock, schema, first key, what was in doubt, the detector's memory, worker and pollers, listeners. Stop: not ready
any more, listeners closed, the worker drained within `server.drain`, pollers ended, the database closed, the lock given
back. Whatever is cut off in between is a fact in the store and is found there at the next start. A reload builds all
parts anew on the same store and sockets, and lets them begin as a start would.
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

from notifier import __version__, logs
from notifier.backtest.own import OwnBacktest
from notifier.clock import Clock, RehearsalClock
from notifier.config import Config
from notifier.domain.actor import Actor
from notifier.domain.errors import NotifierError
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.messages.briefs import Briefs
from notifier.metrics import Metrics
from notifier.providers import Provider, create
from notifier.queue.embedded import POLL_SECONDS, EmbeddedQueue, Topic
from notifier.scheduler import CalendarJob, Memory, Poller, Scheduler
from notifier.settings.tariffs import load_tariffs
from notifier.stages import Surroundings, guest_list
from notifier.stages.auditing import Auditing
from notifier.stages.automatic import Acting, Automatic
from notifier.stages.broadcasts import Broadcasts, Course
from notifier.stages.consents import Consents, OwnPreferences
from notifier.stages.control import Control
from notifier.stages.credits import Credits
from notifier.stages.delivery import Asking, Delivery, Doubts, Held, Letters, Receipts, Suppressions
from notifier.stages.detection import Detection, Explaining
from notifier.stages.directory import Directory
from notifier.stages.events import Events
from notifier.stages.helpdesk import Helpdesk
from notifier.stages.incidents import ConfirmIncident, DismissIncident, Incidents
from notifier.stages.incidents.briefs import Briefing
from notifier.stages.incidents.choices import Choices
from notifier.stages.incidents.notes import Notes
from notifier.stages.incidents.planned import PlannedWork
from notifier.stages.incidents.reshaping import Reshaping
from notifier.stages.intake import Intake
from notifier.stages.keys import Keys
from notifier.stages.looks_over import LooksOver
from notifier.stages.mail_reports import MailReports
from notifier.stages.on_call import Deciding, OnCall
from notifier.stages.persons import Persons
from notifier.stages.planned import Calendar
from notifier.stages.planning import Planning
from notifier.stages.promises import Promises
from notifier.stages.reloading import NotReloaded, Read, Reading, Reloading
from notifier.stages.replies import Inbox
from notifier.stages.signals import Signals
from notifier.stages.test_sends import TestSends
from notifier.stages.upkeep import Upkeep
from notifier.storage.database import Database
from notifier.storage.opening import store_at
from notifier.storage.queries.newest import newest
from notifier.storage.views import ReloadView
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
PLANNED_EVERY = timedelta(seconds=10)
ON_CALL_EVERY = timedelta(seconds=10)
SUBSIDED_EVERY = timedelta(minutes=1)
LOOKS_OVER_EVERY = timedelta(minutes=1)
SIGNALS_EVERY = timedelta(seconds=5)
AUTOMATIC_EVERY = timedelta(seconds=10)
GAUGES_EVERY = timedelta(seconds=5)
CREDIT_GAUGES_EVERY = timedelta(minutes=1)
POSTING_EVERY = timedelta(seconds=5)
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
    """One daemon: `run` starts it, waits, and stops it; `reload` lets it go over to what lies on disk by then."""

    def __init__(self, found: Reading, clock: Clock, *, migrate: bool = False, read: Read | None = None) -> None:
        """Keep what it works by; `read` reads it anew."""
        self.url = self.metrics_url = self.lmtp_address = ""  # where it listens, once it does
        self.token_file: Path | None = None  # where the first key was written, if it was by this start
        self._config, self._playbooks, self._clock, self._migrate = found.config, found.playbooks, clock, migrate
        self._found, self._read = found, read
        self._not_ready = ["starting"]
        self._failed = False
        self._queue, self._metrics = EmbeddedQueue(), build_metrics(found.config)
        self._keys: Keys | None = None
        self._reloading: Reloading | None = None
        self._lmtp: LmtpListener | None = None

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
        self._stop, self._renewed = stop, renewed
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._not_ready.clear()
            started(self)
            log.info("started", version=__version__, url=self.url)
            await stop.wait()
            self._not_ready.append("stopping")
            log.info("stopping", drain_seconds=self._config.server.drain.total_seconds())
        log.info("stopped")
        return self._failed

    async def _start(self, stack: AsyncExitStack) -> None:
        """Start every part in order; the stack stops them in reverse."""
        self._database = database = stack.enter_context(
            store_at(self._config.storage.url).daemon(migrate=self._migrate)
        )
        await self._check_rehearsal(database)
        machine = await self._build(database)
        if self._read is not None:
            self._reloading = Reloading(
                database, self._clock, self._metrics, self._read, self._take_up, started_with=self._found
            )
        self._at_work, self._at_the_end = AsyncExitStack(), AsyncExitStack()  # of this machine; a reload makes others
        stack.push_async_callback(self._end)
        self._begin(stack, "store", database.keep)
        stack.push_async_callback(self._end_work)
        await self._begin_work(machine)
        server, parts = self._config.server, machine.parts
        if server.metrics_listen:
            app = build_metrics_app(parts.metrics)
            self.metrics_url = await self._listen(stack, Listener(app, server.metrics_listen, "server.metrics_listen"))
        self._public = Listener(build_app(parts), server.listen, "server.listen")
        self.url = await self._listen(stack, self._public)
        if self._config.inbound.lmtp_listen:
            self._lmtp = LmtpListener(parts.mail_reports, self._config.inbound.lmtp_listen)
            self.lmtp_address = await self._lmtp.start()
            stack.push_async_callback(self._lmtp.stop)
            log.info("taking mail by LMTP", address=self.lmtp_address)

    async def _begin_work(self, machine: Machine) -> None:
        """Let a machine work on the store, from what it finds there."""
        parts = machine.parts
        for close in (parts.on_call.close, parts.helpdesk.close, parts.test_sends.close, parts.credits.posting.close):
            self._at_the_end.push_async_callback(close)
        await guest_list.publish(self._database, self._config)
        await machine.doubts.settle_at_start()
        await parts.detection.rebuild()
        self._begin(self._at_work, "scheduler", machine.scheduler.run)
        self._begin(self._at_work, "detection", parts.detection.run)
        self._begin(self._at_work, "worker", machine.worker.run)

    async def _end_work(self) -> None:
        await self._at_work.aclose()

    async def _end(self) -> None:
        await self._at_the_end.aclose()

    async def _take_up(self, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        """Build every part anew by other settings, and let those take over: a restart that nobody notices.

        What cannot be built changes nothing. The store, the keys in memory, metrics, queue and sockets stay; the old
        parts end their work first, and answer the requests that they have begun to answer.
        """
        before, asked = (self._config, self._playbooks), self._queue.asked()
        self._config, self._playbooks = config, playbooks
        try:
            machine = await self._build(self._database)
        except BaseException:
            self._config, self._playbooks = before
            raise
        try:
            await self._at_work.aclose()
            self._queue.forget(asked)
            ended, self._at_work, self._at_the_end = self._at_the_end, AsyncExitStack(), AsyncExitStack()
            await self._begin_work(machine)
            if self._lmtp is not None:
                self._lmtp.reports = machine.parts.mail_reports
            await self._public.switch(build_app(machine.parts), then=ended.aclose)
        except BaseException:  # half taken up: only a new start can tell what is true
            self._failed = True
            self._stop.set()
            raise
        logs.configure(config.log)
        for name in {each.name for each in before[0].providers} - {each.name for each in config.providers}:
            self._metrics.provider_up.remove(name)  # an alarm about it would never end
        self._renewed()

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
        config, clock, playbooks, queue = self._config, self._clock, self._playbooks, self._queue
        metrics = self._metrics
        expect(metrics, config)
        keys, control = self._keys or Keys(database, clock), Control(database, clock, queue)
        if self._keys is None:
            await self._make_first_key(keys)
            self._keys = keys
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
                approve=broadcasts.approve_as_shown,
                reject=broadcasts.reject,
            ),
            secret=link_secret,
            provider_states=worker.provider_states,
        )
        consents = Consents(database, config, clock, queue, metrics, link_secret)
        intake = Intake(database, config, clock, queue, metrics, playbooks)
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
            signals=Signals(around),
            detection=Detection(database, config, clock, queue, metrics, playbooks),
            explaining=Explaining(database, config, clock, playbooks),
            incidents=incidents,
            reshaping=Reshaping(around, messages),
            planned=PlannedWork(around, messages),
            choices=Choices(around, messages),
            briefing=Briefing(around, Briefs(messages)),
            notes=Notes(around),
            events=Events(around),
            broadcasts=broadcasts,
            held=Held(database, clock, queue, metrics),
            letters=letters,
            suppressions=suppressions,
            receipts=receipts,
            consents=consents,
            own_preferences=OwnPreferences(database, config, clock, queue, consents),
            credits=Credits(around, load_tariffs(config)),
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
            persons=Persons(database, clock),
            auditing=Auditing(database, clock),
            reload=self.reload,
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
            Calendar(around),
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

    def _begin(self, stack: AsyncExitStack, name: str, run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        """Run a part in a task of its own; when it fails, the daemon stops."""
        own_stop, drain = asyncio.Event(), self._config.server.drain.total_seconds()

        async def watched() -> None:
            try:
                await run(own_stop)
            except Exception:  # whatever it is, the daemon ends in order and says so by its exit code
                log.exception("a part failed", part=name)
                self._failed = True
                self._stop.set()
            finally:
                if not own_stop.is_set():
                    self._stop.set()

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
    metrics = Metrics()
    expect(metrics, config)
    metrics.build_info.labels(__version__).set(1)
    return metrics


def expect(metrics: Metrics, config: Config) -> None:
    """Let every series of a configuration exist."""
    metrics.expect(
        services=[service.name for service in config.services],
        sources=[source.name for source in config.sources],
        providers=[provider.name for provider in config.providers],
    )


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
    calendar: Calendar,
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
            Poller(name="planned", every=PLANNED_EVERY, run=calendar.watch),
            Poller(name="on_call", every=ON_CALL_EVERY, run=parts.on_call.watch, topic=Topic.ON_CALL),
            Poller(name="replies", every=timedelta(seconds=POLL_SECONDS), run=parts.inbox.handle, topic=Topic.REPLIES),
            Poller(name="reporters", every=REPORTERS_EVERY, run=parts.inbox.tell_reporters),
            Poller(name="helpdesk", every=HELPDESK_EVERY, run=parts.helpdesk.step),
            Poller(name="subsided", every=SUBSIDED_EVERY, run=parts.detection.dismiss_subsided),
            Poller(name="signals", every=SIGNALS_EVERY, run=parts.signals.tidy),
            Poller(name="automatic", every=AUTOMATIC_EVERY, run=automatic.step),
            Poller(name="looks_over", every=LOOKS_OVER_EVERY, run=looks_over.look),
            Poller(name="credits", every=timedelta(seconds=POLL_SECONDS), run=parts.credits.step),
            Poller(name="posting", every=POSTING_EVERY, run=parts.credits.posting.step),
            Poller(name="credit_gauges", every=CREDIT_GAUGES_EVERY, run=parts.credits.measure),
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
