"""The worker with a real store and the Twilio-compatible receiver: texts go out, are asked about, and stop."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from notifier.config import Config, Provider, ProviderKind, Sender
from notifier.domain.notification import Channel
from notifier.messages import Messages
from notifier.metrics import Metrics
from notifier.providers import create
from notifier.queue.embedded import EmbeddedQueue
from notifier.sandbox.twilio_faults import Callbacks, Faults
from notifier.sandbox.twilio_receiver import ACCOUNT, TOKEN, TwilioReceiver, receiving_texts
from notifier.stages.delivery import Asking, Delivery, Doubts, Letters, Receipts, Suppressions
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase
from notifier.worker import Lanes, Worker
from tests.broadcasts import FACTS, broadcast, contact_point, incident, notification, states
from tests.integration.test_worker import PLAYBOOKS, SkipClock

QUIET = Faults(callbacks=Callbacks.NEVER)


class TextBench:
    """A worker for texts on a store of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        settings = Provider(
            name="sms",
            kind=ProviderKind.TWILIO,
            channel=Channel.SMS,
            base_url=url,
            account_sid=ACCOUNT,
            auth_token=TOKEN,
            sender="55501",
            timeout=timedelta(seconds=2),
        )
        self.config = Config(providers=(settings,), sender=Sender(company="Valley Power"))
        self.database = SqliteDatabase(folder / "notifier.db")
        self.clock, self.queue, self.metrics = SkipClock(), EmbeddedQueue(), Metrics(providers=["sms"])
        messages = Messages(self.config, PLAYBOOKS)
        around = (self.clock, self.queue, self.metrics)
        self.delivery = Delivery(self.database, self.config, *around, PLAYBOOKS, messages, "a secret")
        self.lanes = Lanes()
        suppressions = Suppressions(self.database, self.clock, self.metrics, "a secret")
        receipts = Receipts(self.database, *around, PLAYBOOKS, suppressions, self.lanes)
        providers = [create(settings)]
        letters = Letters(self.database, self.config, self.clock, messages, "a secret")
        asking = Asking(self.database, self.clock, PLAYBOOKS, receipts, providers, letters)
        doubts = Doubts(self.database, self.config, *around, PLAYBOOKS, self.delivery.owner, asking)
        self.worker = Worker(
            self.delivery, doubts, providers, self.queue, self.clock, self.config, self.metrics, self.lanes
        )

    def plan(self, recipients: int, broadcast_id: int = 0) -> None:
        id_ = broadcast_id or broadcast(self.database, incident(self.database))
        for number in range(1, recipients + 1):
            point = contact_point(self.database, number, time_zone="Europe/London")  # where it is day
            address = f"+1212555{number:04d}"
            self._run("UPDATE contact_points SET kind = 'mobile', address = :a WHERE id = :p", a=address, p=point)
            one = notification(self.database, id_, point)
            self._run("UPDATE notifications SET channel = 'sms' WHERE id = :id", id=one)

    def _run(self, sql: str, **values: object) -> None:
        self.database.write_now(lambda tx: tx.run(sql, **values))

    def states(self) -> list[str]:
        return [state for state, _ in states(self.database)]

    async def until(self, done: Callable[[], bool], *, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not done():  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.02)


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[tuple[TwilioReceiver, str]]:
    async with receiving_texts(tmp_path / "texts") as (running, url):
        running.faults = QUIET
        yield running, url


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def bench(tmp_path: Path, template: Path, receiver: tuple[TwilioReceiver, str]) -> AsyncIterator[TextBench]:
    shutil.copyfile(template, tmp_path / "notifier.db")
    bench, stop = TextBench(tmp_path, receiver[1]), asyncio.Event()
    running = asyncio.create_task(bench.worker.run(stop))
    yield bench
    stop.set()
    async with asyncio.timeout(20):
        await running
    bench.database.close()


async def test_a_text_says_what_its_broadcast_says_to_its_number(
    bench: TextBench, receiver: tuple[TwilioReceiver, str]
) -> None:
    bench.plan(1)
    await bench.until(lambda: bench.states() == ["sent"])
    (taken,) = receiver[0].messages.by_sid.values()
    assert taken.to == "+12125550001"
    assert "power" in taken.body
    query = parse_qs(urlsplit(taken.callback).query)
    assert query == {"notification": ["1"], "attempt": ["1"]}
    assert FACTS.next_update_by is not None
    left = FACTS.next_update_by - bench.clock.now()
    assert abs(taken.validity - left.total_seconds()) < 30  # until the next update that it promises


async def test_a_text_whose_answer_was_lost_is_found_in_the_list_and_not_sent_again(
    bench: TextBench, receiver: tuple[TwilioReceiver, str]
) -> None:
    receiver[0].faults = Faults(lost_after=1.0, callbacks=Callbacks.NEVER)
    bench.plan(1)
    await bench.until(lambda: bench.states() == ["in_doubt"])
    await bench.until(lambda: bench.states() in (["sent"], ["delivered"]))
    assert len(receiver[0].messages.by_sid) == 1


async def test_a_stop_does_not_wait_for_what_is_being_asked(
    bench: TextBench, receiver: tuple[TwilioReceiver, str]
) -> None:
    receiver[0].faults = Faults(lost_before=1.0, callbacks=Callbacks.NEVER)
    bench.plan(1)
    await bench.until(lambda: bench.states() == ["in_doubt"])
    began = asyncio.get_running_loop().time()
    await bench.worker.drain(5)
    assert asyncio.get_running_loop().time() - began < 4
    assert bench.states() == ["in_doubt"]


async def test_a_sender_that_carriers_refuse_hands_nothing_more_over(
    bench: TextBench, receiver: tuple[TwilioReceiver, str]
) -> None:
    id_ = broadcast(bench.database, incident(bench.database))
    bench.plan(1, id_)
    await bench.until(lambda: bench.states() == ["sent"])
    bench.lanes.halt("sms", "30034 reported by the carrier")
    bench.lanes.halt("unknown", "nobody")
    point = contact_point(bench.database, 2, time_zone="Europe/London")
    bench._run("UPDATE contact_points SET kind = 'mobile', address = '+12125550002' WHERE id = :p", p=point)
    second = notification(bench.database, id_, point)
    bench._run("UPDATE notifications SET channel = 'sms' WHERE id = :id", id=second)
    await asyncio.sleep(0.5)
    assert bench.states() == ["sent", "pending"]
    assert bench.worker.provider_states()["sms"].startswith("stopped: 30034 reported by the carrier")
    assert bench.metrics.registry.get_sample_value("notifier_provider_up", {"provider": "sms"}) == 0
    assert len(receiver[0].messages.by_sid) == 1


async def test_everyone_is_told_though_twilio_is_asked_too_much(
    bench: TextBench, receiver: tuple[TwilioReceiver, str]
) -> None:
    receiver[0].faults = Faults(refuse=0.3, code=20429, retry_after=0.05, callbacks=Callbacks.NEVER)
    bench.plan(60)
    await bench.until(lambda: bench.states().count("sent") >= 30)
    receiver[0].faults = QUIET

    def all_are_sent() -> bool:
        bench.clock.skip(timedelta(seconds=1))  # what was refused waits half a minute
        return bench.states() == ["sent"] * 60

    await bench.until(all_are_sent, seconds=40)
    assert len({one.to for one in receiver[0].messages.by_sid.values()}) == 60
    assert len(receiver[0].messages.by_sid) == 60
