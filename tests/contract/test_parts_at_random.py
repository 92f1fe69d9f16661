"""Random nights of an incident in parts: whatever is cut, restored, reopened, taken back or split, each site is told
what is said of its own part and nothing else, and what it was promised last is still promised or was ended rightly.
"""

import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from notifier.domain.errors import NotifierError
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import ReopenIncident, RestoreIncident, SetEta
from notifier.stages.incidents.reshaping import ExtendIncident, MergeIncident, SplitIncident
from notifier.storage.database import Database
from notifier.storage.repositories import parts
from tests.control_room import ANN, MINUTE, ControlRoom

CODES = ("1", "2", "3", "4")
STEPS = 12
HOUR = timedelta(hours=1)
Where = dict[int, tuple[int, int]]  # site -> incident and part


class RandomNight:
    """Does something at random, and looks whether it was right."""

    def __init__(self, database: Database, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=1_000))
        self.did = ""
        cities = [self.room.town.region(f"city-{half}", kind="city") for half in "ab"]
        for number in range(20):
            postal = self.room.town.region(self.chance.choice(CODES))
            self.room.town.household(f"home-{number}", postal, self.chance.choice(cities))
        chain = self.room.town.customer("chain")
        sites = [
            self.room.town.site(chain, self.room.town.region(code), cities[0], reference=code) for code in CODES[:3]
        ]
        self.room.town.contact(chain, sites, "chain@example.net")

    async def play(self) -> None:
        room = self.room
        await room.deliver(await room.open("1", "2", "3", eta_at=room.clock.now() + 4 * HOUR))
        for _ in range(STEPS):
            before = self.where()
            broadcast_id, named = await self.something(before)
            if broadcast_id:
                room.clock.go_on(11 * MINUTE)
                await room.work()
            self.check(before, broadcast_id, named)
            await self.let_time_pass()

    async def let_time_pass(self) -> None:
        """Let the daemon keep the promises that lapse, and look whom it tells."""
        room = self.room
        last = room.rows("SELECT MAX(id) AS id FROM broadcasts")[0]["id"]
        for _ in range(self.chance.randint(0, 8)):
            room.clock.go_on(4 * MINUTE)
            await room.promises.watch()
            await room.work()
        where = self.where()
        for row in room.rows("SELECT id, kind, facts, expected_customers FROM broadcasts WHERE id > :last", last=last):
            assert row["kind"] == "delayed", self.did
            self.check_told(row["id"], where, where, set())
        self.check_promises(where)

    def where(self) -> Where:
        """Return, by site, the incident and the part in which it lies."""
        rows = self.room.rows("SELECT id FROM incidents WHERE state IN ('confirmed', 'resolved') ORDER BY id")
        sites = [row["id"] for row in self.room.rows("SELECT id FROM sites ORDER BY id")]
        found: Where = {}
        for row in rows:
            there = self.in_place(row["id"])
            owners = self.room.database.read_now(partial(parts.of_site, incident_id=row["id"], site_ids=sites))
            for site in there:
                if site in owners:
                    assert site not in found, f"site {site} is in two incidents after {self.did}"
                    found[site] = (row["id"], owners[site])
        return found

    def in_place(self, incident_id: int) -> set[int]:
        rows = self.room.rows(
            """SELECT s.site_id FROM site_regions AS s JOIN incident_regions AS r ON r.region_id = s.region_id
               WHERE r.incident_id = :id AND r.role = 'place'
               UNION SELECT site_id FROM incident_sites WHERE incident_id = :id""",
            id=incident_id,
        )
        return {row["site_id"] for row in rows}

    async def something(self, where: Where) -> tuple[int, set[int]]:
        """Do one thing, which may be refused; return the update that was sent, and the sites that were named."""
        room, incidents = self.room, sorted({incident for incident, _ in where.values()})
        which = self.chance.choice(incidents)
        named, part = self.name(where, which)
        what = self.chance.choice(
            ["eta", "eta", "restored", "restored", "reopen", "take back", "split", "merge", "extend"]
        )
        self.did = f"{self.did} / {what} {which} {part}"
        try:
            match what:
                case "eta":
                    eta = room.clock.now() + self.chance.randint(1, 5) * HOUR
                    draft = await room.incidents.eta(which, SetEta(eta_at=eta, **part), ANN)
                case "restored":
                    draft = await room.incidents.restored(which, RestoreIncident(**part), ANN)
                case "reopen":
                    draft = await room.incidents.reopen(which, ReopenIncident(**part), ANN)
                case "extend":
                    draft = await room.reshaping.extend(which, ExtendIncident(regions=("4",)), ANN)
                    named = set()
                case "take back":
                    draft = await room.incidents.restored(which, RestoreIncident(**part), ANN)
                    await room.broadcasts.cancel((await room.send(draft)).id, ANN)
                    return 0, named
                case "split":
                    await room.reshaping.split(which, SplitIncident(**part), ANN)
                    return 0, named
                case _:
                    into = self.chance.choice([each for each in incidents if each != which] or incidents)
                    await room.reshaping.merge(which, MergeIncident(into=into), ANN)
                    return 0, named
            return (await room.send(draft)).id, named
        except NotifierError:
            return -1, named

    def name(self, where: Where, incident_id: int) -> tuple[set[int], dict[str, Any]]:
        """Return some sites, and how a request names them; none at all is the rest."""
        rows = self.room.rows(
            """SELECT s.id, c.reference, s.reference AS site FROM sites AS s
               JOIN customers AS c ON c.id = s.customer_id"""
        )
        match self.chance.randint(0, 3):
            case 0:
                return set(), {}
            case 1:  # some of one part
                one = self.chance.choice(sorted({part for incident, part in where.values() if incident == incident_id}))
                rows = [row for row in rows if where.get(row["id"]) == (incident_id, one)]
                some = self.chance.sample(rows, self.chance.randint(1, min(6, len(rows))))
                return {row["id"] for row in some}, {
                    "part_sites": tuple(f"{row['reference']},{row['site']}" for row in some)
                }
            case _:
                code = self.chance.choice(
                    ["postal_code:1", "postal_code:2", "postal_code:3", "city:city-a", "city:city-b"]
                )
                kind, _, name = code.partition(":")
                there = self.room.rows(
                    """SELECT s.site_id FROM site_regions AS s JOIN regions AS r ON r.id = s.region_id
                       WHERE r.kind = :kind AND r.code = :code""",
                    kind=kind,
                    code=name,
                )
                return {row["site_id"] for row in there}, {"part": (code,)}

    def check(self, before: Where, broadcast_id: int, named: set[int]) -> None:
        after = self.where()
        gone = before.keys() - after.keys()
        assert not gone, f"sites {gone} are nowhere after {self.did}"
        if broadcast_id == -1:
            assert after == before, f"refused, and yet something changed: {self.did}"
        if broadcast_id > 0:
            self.check_told(broadcast_id, before, after, named)
        self.check_promises(after)
        for row in self.room.rows("SELECT id, state FROM incidents WHERE state IN ('confirmed', 'resolved')"):
            own = self.room.database.read_now(partial(parts.own, incident_id=row["id"]))
            is_over = all(part.state == "restored" for part in own)
            assert is_over == (row["state"] == "resolved"), f"{row} {own} after {self.did}"

    def check_told(self, broadcast_id: int, before: Where, after: Where, named: set[int]) -> None:
        """Everybody in the part is told of exactly their sites in it, and who was not named keeps their part."""
        (sent,) = self.room.rows(
            "SELECT incident_id, part_id, kind, state FROM broadcasts WHERE id = :id", id=broadcast_id
        )
        told = {
            row["site_id"]
            for row in self.room.rows(
                """SELECT a.site_id FROM audience_notifications AS a JOIN notifications AS n
                     ON n.broadcast_id = a.broadcast_id AND n.contact_point_id = a.contact_point_id
                   WHERE a.broadcast_id = :id AND n.state = 'sent'""",
                id=broadcast_id,
            )
        }
        joined = self.room.rows("SELECT joined_at FROM parts WHERE id = :id", id=sent["part_id"])[0]["joined_at"]
        if joined is not None:
            assert told == after.keys() - before.keys(), f"who joined was told: {self.did}"
            return
        mine = {site for site, owner in after.items() if owner == (sent["incident_id"], sent["part_id"])}
        assert told == mine, f"told {sorted(told ^ mine)} wrongly after {self.did}"
        if named:
            assert mine <= named, f"{sorted(mine - named)} were not named after {self.did}"
        moved = {site for site in before if after[site] != before[site]}
        assert moved <= mine, f"{sorted(moved - mine)} have another part after {self.did}"

    def check_promises(self, after: Where) -> None:
        """What a site that is out was told last is an open promise of its part."""
        rows = self.room.rows(
            """SELECT a.site_id, MAX(b.id) AS newest FROM audience_notifications AS a
               JOIN notifications AS n ON n.broadcast_id = a.broadcast_id AND n.contact_point_id = a.contact_point_id
               JOIN broadcasts AS b ON b.id = a.broadcast_id WHERE n.state = 'sent' GROUP BY a.site_id"""
        )
        for row in rows:
            incident_id, part_id = after[row["site_id"]]
            (part,) = self.room.rows("SELECT state FROM parts WHERE id = :id", id=part_id)
            made = self.room.rows("SELECT part_id, state FROM promises WHERE broadcast_id = :id", id=row["newest"])
            if part["state"] == "out" and made:
                states = [each["state"] for each in made if each["part_id"] == part_id]
                assert states == ["open"] or (states == ["missed"] and len(made) >= 1), (
                    f"site {row['site_id']} of {incident_id}: {made} after {self.did}"
                )


@pytest.mark.parametrize("seed", range(6))
async def test_each_site_is_told_what_is_said_of_its_own_part(database: Database, seed: int) -> None:
    await RandomNight(database, seed).play()
