"""Intake and detection on one store with a clock that shows what it is told: builders for tests of both."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from notifier.config import Config, Source
from notifier.config import Detection as DetectionSettings
from notifier.config import Regions as RegionSettings
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.detection import CellKey
from notifier.domain.errors import NotifierError
from notifier.domain.playbook import Mode, Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.detection import Detection
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.stages.intake import Accepted, ComplaintRequest, Intake
from notifier.storage.database import Database, Row
from tests.incident_town import Town

NOON = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)  # in California
SYSTEM = Actor(name="helpdesk", role=KeyRole.SYSTEM, key_id=7)
SERVICES = ("internet", "power", "water")


class SetClock:
    """A wall clock that shows what it is told."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the time set last."""
        return self.at

    def monotonic(self) -> float:
        """Return real seconds."""
        return time.monotonic()

    def real_seconds(self, duration: timedelta) -> float:
        """Return the duration in seconds."""
        return duration.total_seconds()


class Desk:
    """A store with a small town, its intake and its detector."""

    def __init__(
        self, database: Database, *, mode: Mode = Mode.PROPOSE, strangers: int = 2, customers: int = 3
    ) -> None:
        self.database, self.clock, self.queue = database, SetClock(), EmbeddedQueue()
        self.town = Town(database)
        self.config = Config(
            sources=(Source(name="api", trusted=True), Source(name="web", trusted=False)),
            regions=RegionSettings(kinds=("node", "postal_code", "city"), watched=("postal_code", "city")),
            detection=DetectionSettings(unverified_at_most=strangers),
        )
        self.metrics = Metrics(services=SERVICES, sources=("api", "web"))
        self.playbook = Playbook(name="standard", services=SERVICES, mode=mode, minimum_customers=customers)
        playbooks = dict.fromkeys(SERVICES, self.playbook)
        self.intake = Intake(database, self.config, self.clock, self.queue, self.metrics, playbooks)
        self.detection = self.new_detection()

    def new_detection(self, database: Database | None = None) -> Detection:
        """Return a detector that knows nothing yet, as after a restart; `database` stands before that of the desk."""
        playbooks = dict.fromkeys(SERVICES, self.playbook)
        return Detection(database or self.database, self.config, self.clock, self.queue, self.metrics, playbooks)

    def level(self, code: str = "94110") -> float:
        """Return the complaints of power a day that are expected in a postal code, needed by somebody or not."""
        key, watching = CellKey(self.town.region(code), "power"), self.detection._surveillance
        made = self.database.read_now(lambda tx: watching.level(StoredCounts(tx, Regions()), key))
        return made.total / made.weight

    def place(
        self, code: str = "94110", city: str = "San Francisco", households: int = 8, services: str = "|power|"
    ) -> None:
        """Add a postal code in a city, with households `CODE-1`, `CODE-2`, ..."""
        regions = [self.town.region(code), self.town.region(city, kind="city")]
        for number in range(1, households + 1):
            self.town.household(f"{code}-{number}", *regions, services=services)

    async def complain(self, *customers: str, at: datetime | None = None, **fields: object) -> list[Accepted]:
        """Let customers complain one after the other, and return the answers."""
        if at is not None:
            self.clock.at = at
        return [
            await self.intake.submit(request(customer_id=customer, **fields), actor=SYSTEM) for customer in customers
        ]

    async def import_history(self, requests: Sequence[ComplaintRequest]) -> list[Accepted | NotifierError]:
        """Import history rows."""
        return await self.intake.submit_many(requests, actor=SYSTEM, history=True)

    async def decide(self) -> None:
        """Let the detector decide about everything that is stored."""
        while await self.detection.step():
            pass

    def rows(self, sql: str) -> list[Row]:
        """Return rows of the store."""
        return self.database.read_now(lambda tx: tx.rows(sql))

    def incidents(self) -> list[tuple[int, str, str]]:
        """Return (id, place, state) of every incident."""
        return [(row["id"], row["place"], row["state"]) for row in self.rows("SELECT * FROM incidents ORDER BY id")]


def request(**fields: object) -> ComplaintRequest:
    """Return a request about power."""
    return ComplaintRequest(**{"service": "power", **fields})  # type: ignore[arg-type]
