"""A service stays while customers wait for a word about it: nobody could give that, and a promise would lapse."""

from pathlib import Path

import msgspec
import pytest

from notifier.app import App
from notifier.domain.actor import DAEMON
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


@pytest.mark.parametrize("state", [IncidentState.CONFIRMED, IncidentState.SCHEDULED])
async def test_a_service_with_an_open_incident_stays(tmp_path: Path, state: IncidentState) -> None:
    async with running(tmp_path, lambda: without_power(tmp_path)) as app:
        database = database_of(app)

        def open_one(tx: Transaction) -> int:
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

        which = await database.write(open_one)
        with pytest.raises(NotReloaded, match=rf"services: power .* incident {which} .* is {state}.*end it first"):
            await app.reload(DAEMON)
        await database.write(lambda tx: tx.run("UPDATE incidents SET state = 'closed'"))
        view = await app.reload(DAEMON)
        assert "services" in view.changed
