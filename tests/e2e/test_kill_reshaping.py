"""`kill -9` within extend, split, merge, parts and an import.

Afterwards every site is in one open incident, what it was told last is still promised or was ended rightly, nobody had
a first message twice, and nobody was forgotten.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from notifier.storage.database import Database
from notifier.storage.opening import store_at
from tests import reshaping_night
from tests.contract.test_parts_at_random import RandomNight
from tests.control_room import ControlRoom
from tests.stores import ON_BOTH, TestStore

KILLS = 8
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("kill")]


@ON_BOTH
def test_nothing_is_half_done(store: TestStore, tmp_path: Path) -> None:
    with store_at(store.url).daemon(migrate=True) as database:
        reshaping_night.begin(database)
    done: set[str] = set()
    for kill in range(KILLS):
        log = tmp_path / f"night-{kill}.log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                [sys.executable, "-m", "tests.reshaping_night", store.url, str(kill)],
                cwd=Path(__file__).parents[2],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            try:
                wait_for(log, lines=4 + 3 * kill, running=running)
                time.sleep(0.013 * kill)
            finally:
                running.kill()
                running.wait()
        said = log.read_text()
        assert "Traceback" not in said, said
        done.update(said.splitlines())
        with store_at(store.url).daemon(migrate=False) as database:
            check(database, said)
    assert {"extend", "split", "merge", "eta", "restored", "join"} <= done


def wait_for(log: Path, *, lines: int, running: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and running.poll() is None:
        if log.read_text().count("\n") >= lines:
            return
        time.sleep(0.005)
    pytest.fail(f"it did not come so far: {log.read_text()}")


def check(database: Database, did: str) -> None:
    """Let what was begun come to its end as a start would, and look."""
    room = reshaping_night.room_on(database)
    asyncio.run(room.work())
    night = RandomNight.__new__(RandomNight)
    night.room, night.did = room, did
    where = night.where()  # each site in one incident at most
    night.check_promises(where)
    places = room.rows(
        """SELECT COUNT(DISTINCT r.site_id) AS number FROM site_regions AS r JOIN regions AS g ON g.id = r.region_id
           WHERE g.code IN ('1', '2')"""
    )
    told = {site: number for site, number in first_messages(room).items() if number}
    assert len(where) >= places[0]["number"], f"sites are nowhere after {did}"
    twice = {site for site, number in told.items() if number > 1}
    assert not twice, f"{twice} had their first message twice after {did}"
    assert not room.rows("SELECT id FROM broadcasts WHERE state IN ('sending', 'paused')")
    stopped = bool(room.rows("SELECT id FROM broadcasts WHERE reason = 'incident_merged' AND sent_at IS NOT NULL"))
    out = {site for site, (_, part) in where.items() if state_of(room, part) == "out"}
    forgotten = out - heard_anything(room)
    assert not forgotten or stopped, f"{sorted(forgotten)} were never told after {did}"


def state_of(room: ControlRoom, part_id: int) -> str:
    return str(room.rows("SELECT state FROM parts WHERE id = :id", id=part_id)[0]["state"])


def first_messages(room: ControlRoom) -> dict[int, int]:
    rows = room.rows(
        """SELECT a.site_id, count(*) AS number FROM audience_notifications AS a
           JOIN notifications AS n ON n.broadcast_id = a.broadcast_id AND n.contact_point_id = a.contact_point_id
           JOIN broadcasts AS b ON b.id = a.broadcast_id
           WHERE n.state = 'sent' AND (b.changes LIKE '%"action":"extend"%' OR b.changes LIKE '%"action":"confirm"%')
           GROUP BY a.site_id"""
    )
    return {row["site_id"]: row["number"] for row in rows}


def heard_anything(room: ControlRoom) -> set[int]:
    rows = room.rows(
        """SELECT DISTINCT a.site_id FROM audience_notifications AS a JOIN notifications AS n
             ON n.broadcast_id = a.broadcast_id AND n.contact_point_id = a.contact_point_id
           WHERE n.state = 'sent'"""
    )
    return {row["site_id"] for row in rows}
