"""An incident in more than a thousand parts: what is said of it stays right, and is not counted part by part."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from notifier.config import Config
from notifier.domain.playbook import Playbook
from notifier.stages.directory import Directory, DirectoryRow
from notifier.stages.incidents.reshaping import ExtendIncident
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, incidents, late_joiners, named_sites, parts, promises
from tests.control_room import ANN, MINUTE, ControlRoom

PARTS, STREETS = 1_100, 5
HOUR = timedelta(hours=1)


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=1_000))
    city = room.town.region("Riverside", kind="city")
    for number in range(STREETS):
        street = room.town.region(f"{10000 + number}")
        room.town.household(f"a{number}", street, city)
        room.town.household(f"b{number}", street, city)
    chain = room.town.customer("chain")
    sites = [
        room.town.site(chain, room.town.region(f"{10000 + number}"), city, reference=str(number)) for number in (1, 2)
    ]
    room.town.contact(chain, sites, "chain@example.net")
    room.homes(2, "94112")
    return room


async def fall_apart(room: ControlRoom) -> None:
    """Let an incident go out in the city, and end in parts: a few have sites, a list and a region share some."""
    await room.deliver(await room.open("city:Riverside", eta_at=room.clock.now() + 2 * HOUR))
    now = to_micros(room.clock.now())

    def cut(tx: Transaction) -> None:
        tx.insert_many("regions", ("kind", "code"), [("postal_code", f"{20000 + number}") for number in range(PARTS)])
        named = [region for (region,) in tx.tuples("SELECT id FROM regions WHERE kind = 'postal_code' ORDER BY code")]
        for position, region in enumerate([*named[: STREETS - 1], *named[-PARTS:]]):
            part = tx.scalar(
                """INSERT INTO parts (incident_id, name, cut_from, cut_at, position)
                   VALUES (1, :name, 1, :now, :position) RETURNING id""",
                name=f"part {position}",
                now=now,
                position=position,
            )
            tx.run("INSERT INTO part_regions (part_id, region_id) VALUES (:part, :region)", part=part, region=region)
            if position == 3:  # also what the part before it names
                tx.run("INSERT INTO part_sites (part_id, site_id) SELECT :part, id FROM sites WHERE id > 6", part=part)

    room.database.write_now(cut)


async def test_each_part_is_counted_as_its_own_walk_counts_it(room: ControlRoom) -> None:
    await fall_apart(room)

    def walked(tx: Transaction) -> Iterator[tuple[str, int]]:
        incident = incidents.load(tx, 1)
        for part in parts.own(tx, 1)[: STREETS + 3]:
            of_part = named_sites.scope(tx, incident, part.id)
            yield part.name or "rest", audience.customers(tx, of_part)

    shown = {part.name: part.customers for part in (await room.incidents.show(1)).parts}
    assert len(shown) == PARTS + STREETS
    expected = room.database.read_now(lambda tx: dict(walked(tx)))
    assert shown | expected == shown
    assert sum(shown.values()) == 2 * STREETS + 2  # the chain counts in both of its parts
    owners = room.database.read_now(lambda tx: parts.of_site(tx, 1, [1, 2, 7, 8, 9, 10]))
    assert [owners[site] for site in (1, 2, 7, 8, 9, 10)] == [2, 2, 5, 5, 5, 5]


async def test_who_joins_such_an_incident_is_told(room: ControlRoom) -> None:
    """A condition for each part was more than one statement may hold: the first message never began."""
    await fall_apart(room)
    room.clock.go_on(MINUTE)
    told = await room.deliver(await room.reshaping.extend(1, ExtendIncident(regions=("94112",)), ANN))
    rows = room.rows("SELECT state FROM notifications WHERE broadcast_id = :id", id=told)
    assert [row["state"] for row in rows] == ["sent", "sent"]


async def test_the_watcher_reads_one_promise_to_decide_about_one(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 200 parts it read 200 promises for each of them: what lapsed waited for minutes."""
    await fall_apart(room)
    room.database.write_now(
        lambda tx: tx.run(
            """INSERT INTO promises (incident_id, part_id, broadcast_id, kind, due_at, made_at)
               SELECT 1, id, 1, 'eta', :due, 0 FROM parts WHERE position BETWEEN 1 AND 9""",
            due=to_micros(room.clock.now() + 2 * MINUTE),
        )
    )
    read: list[int] = []
    real = promises.open_ones

    def counted(tx: Transaction, *values: Any, **named: Any) -> Any:
        found = real(tx, *values, **named)
        read.append(len(found))
        return found

    walked: list[int] = []
    walk = named_sites.customers_by_part

    def walking(tx: Transaction, *values: Any) -> Any:
        walked.append(1)
        return walk(tx, *values)

    monkeypatch.setattr(promises, "open_ones", counted)
    monkeypatch.setattr(named_sites, "customers_by_part", walking)
    await room.promises.watch()
    assert (read, walked) == ([10, *[1] * 9], [1])


async def test_an_import_looks_at_the_parts_of_its_sites_alone(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch asked every one of a thousand parts what it is being told, in the transaction that stores it."""
    await fall_apart(room)
    looked: list[int] = []
    real = late_joiners._told_now

    def looking(tx: Transaction, incident: Any, *values: Any) -> Any:
        looked.append(incident.part.id)
        return real(tx, incident, *values)

    monkeypatch.setattr(late_joiners, "_told_now", looking)
    directory = Directory(room.database, Config(), room.clock, room.queue, {"power": room.playbook})
    row = DirectoryRow(
        customer_id="new",
        site_id="1",
        services="power",
        address="9 Ash St",
        email="new@example.net",
        regions={"postal_code": "10000", "city": "Riverside"},
    )
    assert (await directory.load([row])).loaded == 1
    assert looked == [2]
    await room.work()
    rows = room.rows(
        """SELECT n.state FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
           WHERE c.address = 'new@example.net'"""
    )
    assert [row["state"] for row in rows] == ["sent"]
