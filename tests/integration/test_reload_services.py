"""A service stays while customers wait for a word about it: nobody could give that, and a promise would lapse."""

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest

from notifier.app import App
from notifier.clock import SystemClock
from notifier.domain.actor import DAEMON
from notifier.domain.errors import ConfigError
from notifier.domain.incident import IncidentState
from notifier.settings import load_playbooks
from notifier.stages.reloading import NotReloaded, Reading
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import incidents
from tests.incident_town import MORNING
from tests.integration.test_reload import reading, running


def without_power(folder: Path) -> Reading:
    config = reading(folder, days=100).config
    config = msgspec.structs.replace(config, services=tuple(each for each in config.services if each.name != "power"))
    return Reading(config=config, playbooks=load_playbooks(config), wording="")


def database_of(app: App) -> Database:
    return app._database


def opened(tx: Transaction, state: IncidentState = IncidentState.CONFIRMED) -> int:
    return incidents.open_incident(
        tx,
        service="power",
        impact="down",
        playbook="power",
        state=state,
        region_ids=(),
        started_at=MORNING,
        now=MORNING,
        by="ann",
        correlation_id="c",
    )


@pytest.mark.parametrize("state", [IncidentState.CONFIRMED, IncidentState.SCHEDULED])
async def test_a_service_with_an_open_incident_stays(tmp_path: Path, state: IncidentState) -> None:
    async with running(tmp_path, lambda: without_power(tmp_path)) as app:
        database = database_of(app)

        which = await database.write(partial(opened, state=state))
        with pytest.raises(NotReloaded, match=rf"services: power .* incident {which} .* is {state}.*end it first"):
            await app.reload(DAEMON)
        await database.write(lambda tx: tx.run("UPDATE incidents SET state = 'closed'"))
        view = await app.reload(DAEMON)
        assert "services" in view.changed


async def test_a_restart_without_a_service_whose_customers_wait_is_refused_in_the_same_words(tmp_path: Path) -> None:
    found = reading(tmp_path, days=100)
    async with running(tmp_path, lambda: found) as app:
        await database_of(app).write(opened)
    started: list[App] = []
    with pytest.raises(ConfigError, match=r"services: power .* incident 1 .* is confirmed.*end it first"):
        await App(without_power(tmp_path), SystemClock()).run(asyncio.Event(), started=started.append)
    assert started == []
    async with running(tmp_path, lambda: found) as app:  # with the service it starts as before
        assert app.url
