"""The worker with a real store and a real relay: everyone once, whatever the relay does."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from notifier.clock import SystemClock
from notifier.config import Config, InDoubt, InDoubtPolicy, Provider, ProviderKind, Server
from notifier.config import Delivery as DeliverySettings
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.delivery import Outcome, Result
from notifier.domain.errors import Overloaded
from notifier.domain.notification import Channel, NotificationReason
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.messages.mime import Mail
from notifier.metrics import Metrics
from notifier.providers import create
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages import Surroundings
from notifier.stages.broadcasts import Broadcasts, Course
from notifier.stages.control import Control
from notifier.stages.delivery import Claimed, Delivery, Doubts
from notifier.storage.migrate import upgrade
from notifier.storage.repositories import control
from notifier.storage.sqlite import SqliteDatabase
from notifier.worker import Worker
from tests.broadcasts import NOW, broadcast, contact_point, incident, notification, states
from tests.integration.relay import HANG_UP, Relay, running

ANN = Actor(name="ann", role=KeyRole.COMMANDER)
PLAYBOOKS = {"power": Playbook(name="power", services=("power",))}


class SkipClock(SystemClock):
    """The real time, moved to the tests' day; a test may skip some of the wall clock."""

    def __init__(self) -> None:
        self.offset = NOW - super().now()

    def now(self) -> datetime:
        return super().now() + self.offset

    def skip(self, duration: timedelta) -> None:
        self.offset += duration


class Bench:
    """A worker on a store of its own."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        drain: float = 5,
        lease: float = 300,
        email: InDoubt = InDoubt.RESEND,
        **changes: object,
    ):
        values: dict[str, object] = {
            "name": "relay",
            "kind": ProviderKind.SMTP,
            "port": port,
            "timeout": timedelta(seconds=60),  # longer than any test: a busy machine must not put anything in doubt
            "directory": str(folder / "outbox"),
        }
        self.config = Config(
            providers=(Provider(**{**values, **changes}),),  # type: ignore[arg-type]
            delivery=DeliverySettings(in_doubt=InDoubtPolicy(email=email), lease=timedelta(seconds=lease)),
            server=Server(drain=timedelta(seconds=drain)),
        )
        self.path = folder / "notifier.db"
        self.database = SqliteDatabase(self.path)
        self.clock, self.queue, self.metrics = SkipClock(), EmbeddedQueue(), Metrics(providers=["relay"])
        messages = Messages(self.config, PLAYBOOKS)
        self.delivery = Delivery(
            self.database, self.config, self.clock, self.queue, self.metrics, PLAYBOOKS, messages, "a secret"
        )
        self.control = Control(self.database, self.clock, self.queue)
        around = Surroundings(
            database=self.database,
            config=self.config,
            clock=self.clock,
            queue=self.queue,
            metrics=self.metrics,
            playbooks=PLAYBOOKS,
        )
        self.broadcasts = Broadcasts(around, messages)
        self.course = Course(around)
        self.provider = create(self.config.providers[0])
        self.doubts = Doubts(
            self.database, self.config, self.clock, self.queue, self.metrics, PLAYBOOKS, self.delivery.owner
        )
        self.worker = Worker(
            self.delivery, self.doubts, [self.provider], self.queue, self.clock, self.config, self.metrics
        )
        self.stop = asyncio.Event()

    def plan(self, recipients: int) -> None:
        id_ = broadcast(self.database, incident(self.database))
        for number in range(1, recipients + 1):
            notification(self.database, id_, contact_point(self.database, number))

    async def until(self, done: Callable[[], bool], *, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not done():  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.02)

    def count(self, state: str) -> int:
        return Counter(state for state, _ in states(self.database))[state]

    def sample(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.worker.run(self.stop))
        try:
            yield
        finally:
            self.stop.set()
            await task


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def make(tmp_path: Path, migrated: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []
    shutil.copyfile(migrated, tmp_path / "notifier.db")

    def bench(port: int = 0, **changes: object) -> Bench:
        made.append(Bench(tmp_path, port, **changes))  # type: ignore[arg-type]
        return made[-1]

    yield bench
    for one in made:
        one.database.close()


Make = Callable[..., Bench]
Command = Callable[[Bench], Awaitable[None]]


def recipients(relay: Relay) -> Counter[str]:
    return Counter(recipient for recipient, _ in relay.received)


async def test_everyone_is_told_once_and_ledger_and_relay_agree(make: Make) -> None:
    async with running(Relay(pipelining=True)) as relay:
        bench = make(relay.port)
        bench.plan(300)
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 300)
    assert recipients(relay) == {f"customer{number}@example.net": 1 for number in range(1, 301)}
    assert bench.database.read_now(
        lambda tx: tx.tuples("SELECT COUNT(*), COUNT(DISTINCT notification_id), MIN(outcome) FROM attempts")
    ) == [(300, 300, "accepted")]
    assert bench.sample("notifier_attempts_total", provider="relay", outcome="accepted") == 300
    assert bench.sample("notifier_notifications_total", channel="email", state="sent", reason="accepted") == 300


async def test_refused_and_deferred_ones_do_not_stop_the_others(make: Make) -> None:
    answers = {"customer3@example.net": "550 5.1.1 unknown", "customer4@example.net": "451 4.3.0 later"}
    async with running(Relay(rcpt=answers.get)) as relay:
        bench = make(relay.port)
        bench.plan(20)
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 18 and bench.count("pending") == 1)
            relay.rcpt = lambda _: None
            bench.clock.skip(timedelta(minutes=2))
            await bench.until(lambda: bench.count("sent") == 19)
    assert states(bench.database)[2] == ("failed", "permanent_failure")
    assert states(bench.database)[3] == ("sent", "accepted")


async def test_a_login_that_fails_stops_the_provider_and_costs_nobody_anything(make: Make) -> None:
    async with running(Relay(mail=lambda _: "530 5.7.0 log in first")) as relay:
        bench = make(relay.port)
        bench.plan(40)
        async with bench.working():
            await bench.until(lambda: bench.worker.provider_states()["relay"].startswith("stopped: 530 5.7.0"))
            await bench.until(lambda: bench.count("pending") == 40)
            assert bench.sample("notifier_provider_up", provider="relay") == 0
            assert "; tried again by itself " in bench.worker.provider_states()["relay"]
            relay.mail = lambda _: None
            bench.clock.skip(timedelta(minutes=2))
            await bench.until(lambda: bench.count("sent") == 40)
    assert bench.worker.provider_states() == {"relay": "up"}
    assert bench.sample("notifier_provider_up", provider="relay") == 1
    assert recipients(relay) == {f"customer{number}@example.net": 1 for number in range(1, 41)}


async def test_an_answer_lost_after_the_dot_is_resent_by_policy_and_listed(make: Make) -> None:
    lost = iter([HANG_UP])
    async with running(Relay(dot=lambda address: next(lost, None) if "customer2@" in address else None)) as relay:
        bench = make(relay.port)
        bench.plan(5)
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 5)
    doubted = bench.database.read_now(lambda tx: tx.tuples("SELECT id FROM notifications WHERE in_doubt_at > 0"))
    assert doubted == [(2,)]
    offered = Counter(recipient for recipient, _ in relay.offered)
    assert [recipient for recipient, count in offered.items() if count > 1] == ["customer2@example.net"]
    ids = {line for _, content in relay.offered for line in content.split(b"\r\n") if line.startswith(b"Message-ID")}
    assert len(ids) == 5  # the double has the Message-ID of the first


async def test_an_answer_lost_after_the_dot_is_held_by_policy(make: Make) -> None:
    async with running(Relay(dot=lambda address: HANG_UP if "customer2@" in address else None)) as relay:
        bench = make(relay.port, email=InDoubt.HOLD)
        bench.plan(5)
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 4 and bench.count("held") == 1)
    assert Counter(recipient for recipient, _ in relay.offered)["customer2@example.net"] == 1


async def test_stopping_finishes_what_is_in_flight_and_gives_back_the_rest(make: Make) -> None:
    async with running(SlowRelay(0.3)) as relay:
        bench = make(relay.port, connections=4)
        bench.plan(50)
        async with bench.working():
            await bench.until(lambda: bench.count("sending") > 0)
            await asyncio.sleep(0.1)
        assert bench.count("sending") == 0
        assert bench.count("sent") == len(relay.received) > 0
        assert bench.count("pending") == 50 - bench.count("sent")
        assert bench.count("in_doubt") == 0


async def pause_all(bench: Bench) -> None:
    await bench.control.pause(ANN)


async def pause(bench: Bench) -> None:
    await bench.broadcasts.pause(1, ANN)


async def cancel(bench: Bench) -> None:
    await bench.broadcasts.cancel(1, ANN)


@pytest.mark.parametrize("stop", [pause_all, pause, cancel])
async def test_what_is_claimed_and_not_begun_goes_back_when_it_is_stopped(make: Make, stop: Command) -> None:
    async with running(WaitingRelay()) as relay:
        bench = make(relay.port, connections=2)
        bench.plan(20)
        async with bench.working():
            await bench.until(lambda: len(relay.offered) == 2 and bench.count("sending") == 8)
            await stop(bench)
            await bench.until(lambda: bench.count("sending") == 4)  # two are being answered, two wait for their turn
            relay.go.set()
            await bench.until(lambda: bench.count("sending") == 0)
            await asyncio.sleep(0.2)
        assert bench.count("sent") == len(relay.received) == len(relay.senders) == 2
        await bench.course.sweep()
        assert bench.count("cancelled" if stop is cancel else "pending") == 18
        assert bench.count("in_doubt") == 0


async def test_what_went_back_leaves_after_resume(make: Make) -> None:
    async with running(WaitingRelay()) as relay:
        bench = make(relay.port, connections=2)
        bench.plan(12)
        async with bench.working():
            await bench.until(lambda: len(relay.offered) == 2)
            await bench.control.pause(ANN)
            await bench.until(lambda: bench.count("pending") == 8)
            relay.go.set()
            await bench.control.resume(ANN)
            await bench.until(lambda: bench.count("sent") == 12)
    assert set(recipients(relay).values()) == {1}


async def test_paused_and_resumed_quickly_and_cancelled_at_last_nobody_is_told_twice_or_kept_back(make: Make) -> None:
    async with running(SlowRelay(0.02)) as relay:
        bench = make(relay.port, connections=3)
        bench.plan(200)
        async with bench.working():
            await bench.until(lambda: len(relay.received) > 3)
            for number in range(40):
                await pause(bench)
                await asyncio.sleep(0.003 * (number % 3))
                await bench.broadcasts.resume(1, ANN)
                await asyncio.sleep(0.003 * (number % 5))
            await bench.until(lambda: len(relay.received) > 60)
            await asyncio.gather(pause(bench), cancel(bench))
            await bench.until(lambda: bench.count("sending") == 0)
            await bench.course.sweep()
            told = len(relay.received)
            await asyncio.sleep(0.2)
        assert told == len(relay.received) == bench.count("sent") < 200
        assert bench.count("cancelled") == 200 - told
        assert set(recipients(relay).values()) == {1}
        assert bench.sample("notifier_attempts_total", provider="relay", outcome="unknown") == 0


async def test_what_the_store_is_too_busy_to_take_back_goes_back_later(make: Make) -> None:
    async with running(WaitingRelay()) as relay:
        bench = make(relay.port, connections=2)
        bench.plan(20)
        release, busy = bench.delivery.release, iter([Overloaded("the writer's queue")] * 2)

        async def refused(unbegun: Sequence[Claimed], *, reason: NotificationReason) -> None:
            for error in busy:
                raise error
            await release(unbegun, reason=reason)

        bench.delivery.release = refused  # type: ignore[method-assign]
        async with bench.working():
            await bench.until(lambda: bench.count("sending") == 8)
            await bench.control.pause(ANN)
            await bench.until(lambda: bench.count("pending") == 16)
            relay.go.set()
            await bench.until(lambda: bench.count("sent") == 2 and bench.count("pending") == 18)


async def test_a_message_that_waits_for_its_place_under_the_rate_goes_back_at_once(make: Make) -> None:
    async with running(Relay()) as relay:
        bench = make(relay.port, connections=2, rate=0.1)
        bench.plan(4)
        async with bench.working():
            await bench.until(lambda: bench.count("sending") > 0)
            await bench.control.pause(ANN)
            await bench.until(lambda: bench.count("sending") == 0, seconds=5)


async def test_a_claim_that_was_under_way_when_everything_was_paused_goes_back(make: Make) -> None:
    async with running(Relay()) as relay:
        bench = make(relay.port)
        bench.plan(5)
        claim = bench.delivery.claim

        async def slow(channel: Channel, limit: int) -> list[Claimed]:
            claimed = await claim(channel, limit)
            if claimed:
                await bench.control.pause(ANN)
            return claimed

        bench.delivery.claim = slow  # type: ignore[method-assign]
        async with bench.working():
            await bench.until(lambda: bench.database.read_now(control.is_paused))
            await bench.until(lambda: bench.count("pending") == 5)
            await asyncio.sleep(0.1)
        assert relay.senders == []


async def test_a_hand_over_that_outlives_its_lease_keeps_it(make: Make) -> None:
    async with running(SlowRelay(2.5)) as relay:
        bench = make(relay.port, connections=2, lease=0.6)
        bench.plan(2)
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 2)
    assert recipients(relay) == {"customer1@example.net": 1, "customer2@example.net": 1}
    assert bench.database.read_now(lambda tx: tx.scalar("SELECT COUNT(in_doubt_at) FROM notifications")) == 0


async def test_what_the_drain_cuts_off_is_in_doubt_at_the_next_start(make: Make) -> None:
    async with running(SlowRelay(10)) as relay:
        bench = make(relay.port, connections=2, drain=0.3)
        bench.plan(9)
        async with bench.working():
            await bench.until(lambda: len(relay.offered) == 2)
        cut_off = bench.count("sending")
        assert 2 <= cut_off <= 4  # those being answered, and those that wait behind them
        later = make(relay.port, email=InDoubt.HOLD)
        await later.doubts.settle_at_start()
        assert Counter(state for state, _ in states(later.database)) == {"held": cut_off, "pending": 9 - cut_off}


async def test_a_rate_is_kept(make: Make) -> None:
    async with running(Relay()) as relay:
        bench = make(relay.port, rate=20)
        bench.plan(30)
        began = asyncio.get_running_loop().time()
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 30)
        assert asyncio.get_running_loop().time() - began >= 1.2


async def test_a_bad_message_does_not_stop_the_loop(make: Make) -> None:
    async with running(Relay()) as relay:
        bench = make(relay.port)
        bench.plan(10)
        bench.database.write_now(
            lambda tx: tx.run("UPDATE contact_points SET address = 'no address' || char(10) WHERE id = 4")
        )
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 9 and bench.count("failed") == 1)
    assert states(bench.database)[3] == ("failed", "render_failed")


async def test_a_provider_that_raises_leaves_the_message_in_doubt_and_the_loop_alive(make: Make) -> None:
    async with running(Relay()) as relay:
        bench = make(relay.port, email=InDoubt.HOLD)
        bench.plan(6)
        send = bench.provider.send

        async def broken(mail: Mail, recalled: asyncio.Event) -> Outcome:
            if "customer3@" in mail.recipient:
                raise RuntimeError("a defect")
            return await send(mail, recalled)

        bench.provider.send = broken  # type: ignore[method-assign]
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 5 and bench.count("held") == 1)


async def test_outcomes_wait_while_the_store_is_busy_and_are_recorded_then(make: Make) -> None:
    async with running(Relay()) as relay:
        bench = make(relay.port)
        bench.plan(20)
        record, failures = bench.delivery.record, iter([OSError("disk full"), OSError("disk full")])

        async def failing(handed: object) -> None:
            for error in failures:
                raise error
            await record(handed)  # type: ignore[arg-type]

        bench.delivery.record = failing  # type: ignore[method-assign,assignment]
        async with bench.working():
            await bench.until(lambda: bench.count("sent") == 20)
    assert all(count == 1 for count in recipients(relay).values())


async def test_messages_to_files_are_whole_and_one_each(make: Make, tmp_path: Path) -> None:
    bench = make(kind=ProviderKind.FILE)
    bench.plan(25)
    async with bench.working():
        await bench.until(lambda: bench.count("sent") == 25)
    files = sorted((tmp_path / "outbox" / "new").iterdir())
    assert len(files) == 25
    assert not list((tmp_path / "outbox" / "tmp").iterdir())
    assert {file.name for file in files} == {
        name for (name,) in bench.database.read_now(lambda tx: tx.tuples("SELECT provider_id FROM notifications"))
    }
    assert all(file.read_bytes().startswith(b"Return-Path: <bounces+") for file in files)


async def test_a_maildir_that_cannot_be_written_stops_the_provider(make: Make, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file is in the way")
    bench = make(kind=ProviderKind.FILE)
    bench.plan(3)
    async with bench.working():
        await bench.until(lambda: bench.worker.provider_states()["relay"].startswith("stopped"))
    assert bench.count("pending") == 3


async def test_drain_ends_the_run(make: Make) -> None:
    async with running(Relay()) as relay:
        bench = make(relay.port)
        bench.plan(5)
        task = asyncio.create_task(bench.worker.run(bench.stop))
        await bench.until(lambda: bench.count("sent") == 5)
        await bench.worker.drain(2)
        await task


class WaitingRelay(Relay):
    """A relay that answers no message before it is told to go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def handle_DATA(self, server, session, envelope):  # type: ignore[no-untyped-def]  # noqa: N802
        self.offered.append((envelope.rcpt_tos[0], b""))
        await self.go.wait()
        self.offered.pop()
        return await super().handle_DATA(server, session, envelope)


class SlowRelay(Relay):
    """A relay that thinks about every message."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def handle_DATA(self, server, session, envelope):  # type: ignore[no-untyped-def]  # noqa: ARG002, N802
        self.offered.append((envelope.rcpt_tos[0], b""))
        await asyncio.sleep(self._seconds)
        self.received.append((envelope.rcpt_tos[0], b""))
        return "250 Ok"


def test_results_have_their_metric_labels() -> None:
    from notifier.metrics import ATTEMPT_OUTCOMES

    assert set(ATTEMPT_OUTCOMES) == set(Result)
