"""A desk for tests of credits: a control room in which credits are switched on, with tariffs of its own."""

from collections.abc import Sequence
from dataclasses import replace as with_changes
from datetime import timedelta

from msgspec.structs import replace

from notifier.config import Credits as CreditSettings
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.tariff import Counts, Tariff, TariffTest
from notifier.stages.credits import Credits
from notifier.stages.credits.posting import Books
from notifier.stages.incidents import ReopenIncident, RestoreIncident
from notifier.storage.database import Database, Transaction
from tests.control_room import ANN, ControlRoom
from tests.incident_town import MORNING

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVE = Actor(name="eve", role=KeyRole.AGENT, key_id=3)
MIA = Actor(name="mia", role=KeyRole.MANAGER, key_id=4)
MAX = Actor(name="max", role=KeyRole.MANAGER, key_id=5)
_TEST = TariffTest(name="any", outages=("2026-03-02T08:00/2026-03-02T09:00",), credit="0")
DAILY = Tariff(
    name="daily",
    valid_from="2026-01-01",
    source="a test",
    currency="USD",
    services=("power",),
    longer_than=2 * HOUR,
    counts=Counts.BEGUN,
    amount="25.00",
    tests=(_TEST,),
    enabled=True,
)
LIMITS = {"customer_baseline": "100", "incident_baseline": "1000", "budget": "2000", "agent_baseline": "20"}


class CreditDesk:
    """A room with customers, and everything that credits are made of."""

    def __init__(self, database: Database, *tariffs: Tariff, biller: Books | None = None, **settings: object) -> None:
        self.room = ControlRoom(database)
        self.database, self.clock = database, self.room.clock
        self.tariffs: Sequence[Tariff] = tariffs or (DAILY,)
        self.biller = biller
        self.use(**settings)

    def use(self, **settings: object) -> None:
        """Build the parts anew with other settings, as a restart would."""
        chosen = CreditSettings(**{"enabled": True, **LIMITS, **settings})  # type: ignore[arg-type]
        config = replace(self.room.around.config, credits=chosen)
        self.around = with_changes(self.room.around, config=config)
        self.credits = Credits(self.around, self.tariffs, self.biller)

    async def out_for(self, outage: timedelta) -> int:
        """Let service be out for so long and be told as restored; return the incident."""
        draft = await self.room.open()
        incident_id = draft.incident.card.id
        await self.room.deliver(draft)
        await self.back_after(incident_id, outage)
        return incident_id

    async def back_after(self, incident_id: int, outage: timedelta) -> None:
        """Go on for so long, then tell that service is back; what was said before is taken as told."""
        self.clock.go_on(outage)
        await self.room.deliver(await self.room.incidents.restored(incident_id, RestoreIncident(), ANN))

    async def out_again(self, incident_id: int) -> None:
        """Tell that it is out again, from now on."""
        await self.room.deliver(await self.room.incidents.reopen(incident_id, ReopenIncident(), ANN))

    async def count(self, *, at_most: int = 10_000) -> int:
        """Do all that credits do by themselves but posting; return the steps it took."""
        for step in range(at_most):
            if not await self.credits.step():
                return step
        return at_most

    def lines(self, condition: str = "1 = 1") -> list[tuple[str, int, int, str, str]]:
        """Return (customer, step, amount, state, reason) of lines, in their order."""

        def look(tx: Transaction) -> list[tuple[str, int, int, str, str]]:
            return [
                (row[0], row[1], row[2], row[3], row[4])
                for row in tx.tuples(
                    f"""SELECT c.reference, l.step, l.amount_minor, l.state, l.reason FROM credit_lines AS l
                        JOIN customers AS c ON c.id = l.customer_id WHERE {condition} ORDER BY c.reference, l.id"""
                )
            ]

        return self.database.read_now(look)

    def owed(self, incident_id: int = 1) -> int:
        """Return the total that is kept for an incident."""
        return self.database.read_now(
            lambda tx: int(
                tx.scalar(
                    "SELECT COALESCE(SUM(owed_minor), 0) FROM credit_totals WHERE incident_id = :id", id=incident_id
                )
            )
        )


__all__ = ["ANN", "DAILY", "EVE", "HOUR", "MAX", "MIA", "MORNING", "CreditDesk"]
