"""A storm of alarms while many incidents are open: what meets is looked at beside the writer, on both databases."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifier.domain.errors import StoreUnavailable
from notifier.domain.incident import IncidentState
from notifier.stages.signals import LOOKS_AGAIN_AFTER, Signals
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import signals as shown
from notifier.storage.queries.needs import waking
from notifier.storage.repositories import incidents, places
from notifier.storage.repositories import signals as stored
from notifier.storage.repositories.meeting import Meeting
from tests.complaint_desk import NOON, SERVICES, Desk
from tests.signals import alert, body, stage

PLACES, OPEN = 30, 10


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = Desk(database)
    for number in range(PLACES):
        desk.place(f"{95000 + number}", households=1)

    def fill(tx: Transaction) -> None:
        for number in range(OPEN):
            region = tx.scalar("SELECT id FROM regions WHERE code = :code", code=f"{95000 + number}")
            incidents.open_incident(
                tx,
                service="power",
                impact="down",
                playbook="p",
                state=IncidentState.CONFIRMED,
                region_ids=[int(region)],
                started_at=NOON,
                now=NOON,
                by="ann",
                correlation_id="c",
            )

    database.write_now(fill)
    desk.clock.at = NOON
    return desk


def alerts(*numbers: int) -> Sequence[Any]:
    return [alert(f"postal_code:{95000 + number}", fingerprint=f"f{number}") for number in numbers]


def pairs(desk: Desk) -> int:
    return int(desk.database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM incident_signals")))


async def test_alarms_of_open_incidents_are_theirs_at_once_and_the_others_call(desk: Desk) -> None:
    await stage(desk).take(body(*alerts(*range(PLACES))))
    assert pairs(desk) == OPEN
    called = desk.database.read_now(lambda tx: [key for key, _ in shown.unattended(tx, desk.clock.now())])
    assert len(called) == PLACES - OPEN


async def test_the_writer_never_looks_whether_places_meet(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 150 incidents that took seconds, in which nothing else could be stored."""
    looked: list[bool] = []
    within: list[Transaction] = []
    real, store = Meeting.is_met, Signals._store

    def is_met(self: Meeting, *values: Any) -> bool:
        looked.append(self._tx in within)
        return real(self, *values)

    def storing(self: Signals, tx: Transaction, *values: Any) -> Any:
        within.append(tx)
        return store(self, tx, *values)

    monkeypatch.setattr(Meeting, "is_met", is_met)
    monkeypatch.setattr(Signals, "_store", storing)
    await stage(desk).take(body(*alerts(*range(PLACES))))
    assert looked == [False] * (PLACES * OPEN)
    looked.clear()
    await stage(desk).take(body(*alerts(*range(PLACES))))  # after a restart, the same group once more
    assert looked == []
    await stage(desk).take(body(alert("postal_code:95001", fingerprint="new")))
    assert looked == [False] * OPEN


async def test_an_incident_that_ended_meanwhile_gets_no_alarm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Signals._store

    def closed_first(self: Signals, tx: Transaction, seen: Sequence[Any]) -> Any:
        assert [len(each.met) for each in seen] == [1]
        tx.run("UPDATE incidents SET state = 'closed' WHERE id = 2")
        return store(self, tx, seen)

    monkeypatch.setattr(Signals, "_store", closed_first)
    await stage(desk).take(body(*alerts(1)))
    assert pairs(desk) == 0


async def test_alarms_and_incidents_are_matched_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 alarms beside 200 incidents were matched anew every few seconds."""
    signals, looked = stage(desk), list[int]()
    await signals.take(body(*alerts(*range(PLACES))))
    real = Meeting.is_met

    def is_met(self: Meeting, *values: Any) -> bool:
        looked.append(1)
        return real(self, *values)

    async def looks() -> int:
        looked.clear()
        await signals.tidy()
        return len(looked)

    monkeypatch.setattr(Meeting, "is_met", is_met)
    assert await looks() == PLACES * OPEN - OPEN  # those that are linked already are not looked at
    assert await looks() == 0
    await signals.take(body(*alerts(PLACES)))  # of a place that nobody knows: evidence nowhere
    assert await looks() == 0
    await signals.take(body(alert("postal_code:95001", fingerprint="new")))
    assert await looks() == OPEN - 1
    desk.database.write_now(lambda tx: incidents.extend_place(tx, 1, [region(tx, PLACES - 1)]))
    assert await looks() == PLACES
    assert pairs(desk) == OPEN + 2
    desk.clock.at += LOOKS_AGAIN_AFTER
    assert await looks() == (PLACES + 1) * OPEN - (OPEN + 2)  # the directory may have changed
    assert await looks() == 0


async def test_what_is_too_much_for_one_look_goes_on_in_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage(desk).take(body(*alerts(*range(PLACES))))
    desk.database.write_now(lambda tx: tx.run("DELETE FROM incident_signals"))
    monkeypatch.setattr("notifier.stages.signals.LOOKS_AT_ONCE", 4 * PLACES)
    signals, new = stage(desk), list[bool]()
    while True:
        new.append(await signals.tidy())
        if not new[-1]:
            break
    assert (new, pairs(desk)) == ([True, True, False], OPEN)


async def test_what_could_not_be_stored_is_looked_at_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage(desk).take(body(*alerts(*range(PLACES))))
    desk.database.write_now(lambda tx: tx.run("DELETE FROM incident_signals"))
    signals = stage(desk)
    with monkeypatch.context() as patched:
        patched.setattr(stored, "link", _full)
        with pytest.raises(StoreUnavailable):
            await signals.tidy()
    await signals.tidy()
    assert pairs(desk) == OPEN


async def test_long_lists_of_sites_are_stored_a_thousand_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred alarms of a thousand sites each were one transaction, which looked all of them up."""
    chunks: list[list[int]] = []
    within: list[Transaction] = []
    looked_up: list[bool] = []
    store, sites = Signals._store, places.sites

    def storing(self: Signals, tx: Transaction, seen: Sequence[Any]) -> Any:
        within.append(tx)
        chunks.append([len(each.report.sites) for each in seen])
        return store(self, tx, seen)

    def looking(tx: Transaction, lines: Any) -> Any:
        looked_up.append(tx in within)
        return sites(tx, lines)

    monkeypatch.setattr(Signals, "_store", storing)
    monkeypatch.setattr(places, "sites", looking)
    listed = " ".join(f"{95000 + number}-1" for number in range(PLACES)) + " " + " ".join(["95001-1"] * 370)
    await stage(desk).take(body(*(alert("", fingerprint=f"l{number}", sites=listed) for number in range(6))))
    assert chunks == [[400, 400], [400, 400], [400, 400]]
    assert looked_up == [False] * 6
    assert pairs(desk) == 6 * OPEN
    await stage(desk).tidy()


async def test_an_alarm_at_very_many_sites_of_few_customers_is_placed(desk: Desk) -> None:
    """So many ids are more than one statement may hold."""

    def fill(tx: Transaction) -> None:
        tx.insert_many(
            "sites",
            ("customer_id", "reference", "services", "status", "updated_at"),
            [(1, f"s{number}", "|power|", "active", 0) for number in range(SITES)],
        )
        tx.run(
            "INSERT INTO site_regions (region_id, site_id) SELECT :there, id FROM sites WHERE reference LIKE 's%'",
            there=region(tx, 3),
        )

    desk.database.write_now(fill)
    signals = stage(desk)
    await signals.take(body(alert("", sites="95000-1")))
    assert pairs(desk) == 2  # where the customer lives, and where those sites are
    desk.database.write_now(lambda tx: tx.run("DELETE FROM incident_signals"))
    await stage(desk).tidy()
    assert pairs(desk) == 2
    for number in range(3):
        desk.clock.at += timedelta(minutes=1)
        await desk.complain(f"{95020 + number}-1")
    await desk.decide()


SITES = 70_000


def region(tx: Transaction, number: int) -> int:
    return int(tx.scalar("SELECT id FROM regions WHERE code = :code", code=f"{95000 + number}"))


def _full(*_: Any, **__: Any) -> None:
    raise StoreUnavailable("the disk is full")


async def test_the_newest_of_very_many_alarms_calls_people_too(desk: Desk) -> None:
    """Beyond the 200 that are shown nobody was called, not even hours later about another place."""
    number = shown.AT_MOST + 5
    old = [alert("postal_code:95029", fingerprint=f"o{each}") for each in range(number)]
    await stage(desk).take(body(*old))
    desk.clock.at += timedelta(hours=5)
    await stage(desk).take(body(alert("postal_code:95028", name="OLT-9", since=desk.clock.at, fingerprint="new")))
    playbooks = dict.fromkeys(SERVICES, desk.playbook)
    found = desk.database.read_now(lambda tx: waking.waking(tx, desk.clock.now(), ZoneInfo("UTC"), playbooks))
    assert len(found) == number + 1
    assert found[-1].text.startswith("alarm OLT-9 since ")
    said = waking.together([each.text for each in found])
    assert said.startswith(f"{number + 1} things need you: alarm ")
    assert said.endswith(f"; and {number + 1 - waking.NAMED_AT_MOST} more")
    assert len(await stage(desk).every()) == shown.AT_MOST


async def test_an_alarm_that_lists_very_many_sites_is_no_mistake(desk: Desk) -> None:
    """It was refused, so nobody was called."""
    listed = " ".join(f"9500{number % 2 + 1}-1" for number in range(20_000))
    taken = await stage(desk).take(body(alert("", sites=listed, fingerprint="long")))
    assert (taken.results, taken.refused) == ({"opened": 1}, [])
