"""A reload within one process: what the daemon was before is let go, and what it has begun to answer it ends."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from notifier.app import App
from notifier.clock import SystemClock
from notifier.config import Config, Provider, ProviderKind, Retention, Sender, Server, Storage
from notifier.domain.actor import DAEMON
from notifier.domain.errors import ConfigError
from notifier.domain.notification import Channel
from notifier.settings import load_playbooks
from notifier.stages.delivery import Delivery
from notifier.stages.reloading import NotReloaded, Reading
from notifier.storage.migrate import upgrade

pytestmark = pytest.mark.timeout(60)


def reading(folder: Path, *, days: int) -> Reading:
    """Return settings that differ by how long complaints are kept."""
    config = Config(
        server=Server(listen="127.0.0.1:0", metrics_listen="", token_file=str(folder / "token")),
        storage=Storage(url=f"sqlite:///{folder / 'notifier.db'}"),
        providers=(
            Provider(name="outbox", kind=ProviderKind.FILE, directory=str(folder / "outbox")),
            Provider(name="texts", kind=ProviderKind.FILE, channel=Channel.SMS, directory=str(folder / "texts")),
        ),
        sender=Sender(company="Bay & Sons"),
        retention=Retention(complaints=timedelta(days=days)),
    )
    return Reading(config=config, playbooks=load_playbooks(config), wording="")


@asynccontextmanager
async def running(folder: Path, read: Callable[[], Reading]) -> AsyncIterator[App]:
    """Run a daemon in this process."""
    upgrade(f"sqlite:///{folder / 'notifier.db'}")
    app, stop, started = App(reading(folder, days=100), SystemClock(), read=read), asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(app.run(stop, started=lambda _: started.set()))
    await asyncio.wait({task, waiting := asyncio.create_task(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert not task.done(), task.result()
    try:
        yield app
    finally:
        waiting.cancel()
        stop.set()
        assert await task is False


def deliveries() -> int:
    gc.collect()
    return sum(1 for each in gc.get_objects() if type(each) is Delivery)


async def test_what_the_daemon_was_before_is_let_go(tmp_path: Path) -> None:
    days = iter(range(101, 200))
    before = deliveries()
    async with running(tmp_path, lambda: reading(tmp_path, days=next(days))) as app:
        for _ in range(3):
            assert (await app.reload(DAEMON)).changed == ["retention.complaints"]
        for _ in range(50):
            if deliveries() == before + 1:
                break
            await asyncio.sleep(0.1)
        assert deliveries() == before + 1
        assert app._queue.asked() == 2  # one lane for each channel


async def test_a_request_under_way_is_answered_and_new_ones_go_to_the_new_daemon(tmp_path: Path) -> None:
    sent = asyncio.Event()

    async def rows() -> AsyncIterator[bytes]:
        for number in (1, 2):
            yield b'{"customer_id":"C-%d","site_id":"1","services":"power","regions":{"city":"X"}}\n' % number
            await sent.wait()

    async with running(tmp_path, lambda: reading(tmp_path, days=101)) as app, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        lines = headers | {"Content-Type": "application/x-ndjson"}
        request = asyncio.create_task(session.post(f"{app.url}/v1/customers/bulk", data=rows(), headers=lines))
        await asyncio.sleep(0.2)
        await app.reload(DAEMON)
        async with aiohttp.ClientSession() as other, other.get(f"{app.url}/v1/status", headers=headers) as answer:
            assert answer.status == 200
        sent.set()
        async with await request as answered:
            assert b'"done":true,"loaded":2' in await answered.read()


async def test_a_mistake_changes_nothing(tmp_path: Path) -> None:
    def wrong() -> Reading:
        raise ConfigError(["notifier.yaml:3: caps.evry: unknown key"])

    async with running(tmp_path, wrong) as app:
        before = app._takeover.work
        with pytest.raises(NotReloaded, match="unknown key"):
            await app.reload(DAEMON)
        assert app._takeover.work is before
        assert app._metrics.registry.get_sample_value("notifier_config_last_reload_successful") == 0


async def test_the_log_names_the_places_of_mistakes_and_nothing_that_was_written_there(tmp_path: Path) -> None:
    def wrong() -> Reading:
        raise ConfigError(
            ["etc/notifier.yaml:3:7: is no YAML: secret", "plan.yaml:9: hold: 'secret' is too long", "so"]
        )

    async with running(tmp_path, wrong) as app:
        with capture_logs() as logs, pytest.raises(NotReloaded):
            await app.reload(DAEMON)
    (said,) = [each for each in logs if each["event"].startswith("configuration not reloaded")]
    assert (said["mistakes"], said["places"]) == (3, ["etc/notifier.yaml:3:7", "plan.yaml:9"])


async def test_parts_that_cannot_be_built_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, lambda: reading(tmp_path, days=101)) as app:
        before = app._takeover.work

        def fail(*_: object) -> None:
            raise RuntimeError("no memory")

        monkeypatch.setattr("notifier.app.assembly.Worker", fail)
        with pytest.raises(RuntimeError):
            await app.reload(DAEMON)
        monkeypatch.undo()
        assert app._takeover.work is before
        assert (await app.reload(DAEMON)).changed == ["retention.complaints"]
