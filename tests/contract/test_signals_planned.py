"""Alarms while planned work is under way: its own belong to it, what reaches beyond calls, and so does what stays."""

from datetime import timedelta
from typing import Any

import pytest

from notifier.domain.incident import IncidentState
from notifier.stages.signals import Signals
from notifier.storage.database import Database
from notifier.storage.queries import signals as shown
from notifier.storage.repositories import incidents
from tests.complaint_desk import NOON, Desk
from tests.signals import alert, body, stage

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=4)
    made.place("94112", households=4)
    return made


@pytest.fixture
def signals(desk: Desk) -> Signals:
    return stage(desk)


def work(desk: Desk, *, sites: tuple[str, ...] = (), state: IncidentState = IncidentState.CONFIRMED) -> None:
    """Store work in 94110, or at the sites of some customers."""

    def save(tx: Any) -> int:
        names = ", ".join(f"'{each}'" for each in sites) or "NULL"
        listed = tx.tuples(
            f"SELECT s.id FROM sites AS s JOIN customers AS c ON c.id = s.customer_id WHERE c.reference IN ({names})"
        )
        return incidents.open_incident(
            tx,
            service="power",
            impact="down",
            playbook="standard",
            state=state,
            region_ids=[] if sites else [tx.scalar("SELECT id FROM regions WHERE code = '94110'")],
            site_ids=[row[0] for row in listed],
            started_at=NOON,
            now=NOON,
            by="ann",
            correlation_id="c",
            window=(NOON, NOON + 4 * HOUR),
        )

    desk.database.write_now(save)


def calling(desk: Desk) -> list[str]:
    return [each.name for _, each in desk.database.read_now(lambda tx: list(shown.unattended(tx, desk.clock.now())))]


def belonging(desk: Desk) -> list[str]:
    return [each.name for each in desk.database.read_now(lambda tx: shown.of_incident(tx, 1))]


async def test_an_alarm_at_its_sites_belongs_to_it_and_calls_nobody(desk: Desk, signals: Signals) -> None:
    work(desk)
    await signals.take(body(alert(), alert("", name="OLT-8", fingerprint="2", sites="94110-1 94110-2")))
    assert (belonging(desk), calling(desk)) == (["OLT-7", "OLT-8"], [])


@pytest.mark.parametrize("where", [{"region": "city:San Francisco"}, {"region": "", "sites": "94110-1 94112-1"}])
async def test_one_that_reaches_beyond_them_calls(desk: Desk, signals: Signals, where: dict[str, Any]) -> None:
    work(desk)
    await signals.take(body(alert(**where)))
    await signals.tidy()
    assert (belonging(desk), calling(desk)) == ([], ["OLT-7"])


async def test_of_a_list_only_its_sites_are_meant(desk: Desk, signals: Signals) -> None:
    work(desk, sites=("94110-1", "94110-2"))
    one, both = alert("", sites="94110-1"), alert("", name="OLT-8", fingerprint="2", sites="94110-2 94110-3")
    await signals.take(body(one, both, alert(name="OLT-9", fingerprint="3")))
    assert (belonging(desk), calling(desk)) == (["OLT-7"], ["OLT-8", "OLT-9"])


async def test_a_list_of_the_whole_place_explains_an_alarm_of_the_place(desk: Desk, signals: Signals) -> None:
    work(desk, sites=tuple(f"94110-{number}" for number in range(1, 5)))
    await signals.take(body(alert()))
    assert (belonging(desk), calling(desk)) == (["OLT-7"], [])


async def test_before_it_begins_an_alarm_calls_and_then_belongs_to_it(desk: Desk, signals: Signals) -> None:
    work(desk, state=IncidentState.SCHEDULED)
    await signals.take(body(alert()))
    assert (belonging(desk), calling(desk)) == ([], ["OLT-7"])
    desk.database.write_now(lambda tx: incidents.set_state(tx, 1, IncidentState.CONFIRMED))
    await signals.tidy()
    assert (belonging(desk), calling(desk)) == (["OLT-7"], [])


async def test_one_that_is_still_open_when_the_work_is_done_calls(desk: Desk, signals: Signals) -> None:
    work(desk)
    await signals.take(body(alert()))
    desk.database.write_now(lambda tx: incidents.set_state(tx, 1, IncidentState.RESOLVED))
    await signals.tidy()
    assert calling(desk) == ["OLT-7"]


async def test_an_outage_takes_an_alarm_that_reaches_beyond_it_as_before(desk: Desk, signals: Signals) -> None:
    for customer in ("94110-1", "94110-2", "94110-3"):
        desk.clock.at += timedelta(minutes=1)
        await desk.complain(customer)
        await desk.decide()
    await signals.take(body(alert("city:San Francisco")))
    assert (belonging(desk), calling(desk)) == (["OLT-7"], [])
