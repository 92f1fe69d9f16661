"""A process that extends, splits and merges incidents and takes late joiners in until it is killed; and what must hold.

`python -m tests.reshaping_night URL SEED` writes a line for each thing that it has begun.
"""

import asyncio
import random
import sys
from datetime import timedelta
from typing import Any

from notifier.config import Config
from notifier.domain.errors import NotifierError
from notifier.domain.playbook import Playbook
from notifier.stages.directory import Directory, DirectoryRow
from notifier.stages.incidents import RestoreIncident, SetEta, of_part
from notifier.stages.incidents.reshaping import ExtendIncident, MergeIncident, SplitIncident
from notifier.storage.database import Database
from notifier.storage.instants import to_instant
from notifier.storage.opening import store_at
from tests.control_room import ANN, MINUTE, ControlRoom
from tests.incident_town import MORNING

CODES = ("1", "2", "3")
HOMES = 40  # in each
HOUR = timedelta(hours=1)


def room_on(database: Database) -> ControlRoom:
    """Return a control room that goes on when the last thing happened."""
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=10_000))
    last = room.rows("SELECT MAX(at) AS at FROM timeline")[0]["at"]
    room.clock.time = MORNING if last is None else to_instant(last) + 15 * MINUTE
    return room


class Night:
    """Does things at random."""

    def __init__(self, room: ControlRoom, seed: int) -> None:
        self.room, self.chance = room, random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.directory = Directory(room.database, Config(), room.clock, room.queue, {"power": room.playbook})

    async def go_on(self) -> None:
        """Do one thing after the other for ever."""
        while True:
            what = self.chance.choice(["extend", "split", "split", "merge", "merge", "eta", "restored", "join", "join"])
            say(what)
            try:
                await getattr(self, what)()
            except NotifierError as error:
                say(f"refused: {error}")
            self.room.clock.go_on(11 * MINUTE)
            await self.room.work()

    def some(self, state: str = "confirmed") -> int:
        rows = self.room.rows("SELECT id FROM incidents WHERE state = :state", state=state)
        return int(self.chance.choice(rows)["id"]) if rows else 1

    def homes(self, incident_id: int | None = None) -> tuple[str, ...]:
        """Return some homes of one part of an incident, or of the place where nobody was told yet."""
        rows = self.room.rows(
            """SELECT c.reference, s.id FROM sites AS s JOIN customers AS c ON c.id = s.customer_id
               JOIN site_regions AS r ON r.site_id = s.id JOIN regions AS g ON g.id = r.region_id
               WHERE g.code = :code ORDER BY s.id""",
            code="3" if incident_id is None else self.chance.choice(CODES),
        )
        return tuple(row["reference"] for row in self.chance.sample(rows, min(len(rows), 9)))

    async def send(self, draft: Any) -> None:
        assert draft.broadcast is not None
        await self.room.broadcasts.send(draft.broadcast.id, draft.preview.customers, ANN)
        await self.room.course.start_due()

    async def extend(self) -> None:
        await self.send(await self.room.reshaping.extend(self.some(), ExtendIncident(sites=self.homes()), ANN))

    async def split(self) -> None:
        which = self.some()
        await self.room.reshaping.split(which, SplitIncident(part_sites=self.homes(which)), ANN)

    async def merge(self) -> None:
        await self.room.reshaping.merge(self.some(), MergeIncident(into=self.some()), ANN)

    async def eta(self) -> None:
        which, at = self.some(), self.room.clock.now() + 5 * HOUR
        await self.send(await self.room.incidents.eta(which, SetEta(eta_at=at, part_sites=self.homes(which)), ANN))

    async def restored(self) -> None:
        which = self.some()
        part = RestoreIncident(part_sites=self.homes(which)[:3])
        await self.send(await self.room.incidents.restored(which, part, ANN))

    async def join(self) -> None:
        """Let an import bring new homes to a place that was told of an incident."""
        code, number = self.chance.choice(CODES[:2]), self.chance.randrange(10**9)
        rows = [
            DirectoryRow(
                customer_id=f"new-{number}-{each}",
                services="power",
                regions={"postal_code": code},
                site_id="1",
                address="9 Ash St",
                email=f"new-{number}-{each}@example.net",
            )
            for each in range(2)
        ]
        await self.directory.load(rows)


def say(what: str) -> None:
    """Write a line at once: the next moment may be the last."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def begin(database: Database) -> None:
    """Build the town, and tell two places of it of an incident each."""
    room = room_on(database)

    async def tell() -> None:
        for code in CODES:
            room.homes(HOMES, code)
        for code in CODES[:2]:
            await room.deliver(await room.open(code, eta_at=room.clock.now() + 6 * HOUR))

    asyncio.run(tell())


def main() -> None:
    """Go on until killed."""
    of_part.LISTED_AT_ONCE = 2
    url, seed = sys.argv[1:]
    with store_at(url).daemon(migrate=False) as database:
        asyncio.run(Night(room_on(database), int(seed)).go_on())


if __name__ == "__main__":
    main()
