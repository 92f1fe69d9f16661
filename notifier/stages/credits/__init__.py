"""Credits: counted on restoration, decided by people above the baselines, posted to billing. Shipped switched off."""

from collections.abc import Sequence

from notifier.domain.tariff import Tariff
from notifier.stages import Surroundings
from notifier.stages.credits.counting import Counting, rules_of
from notifier.stages.credits.deciding import Deciding
from notifier.stages.credits.posting import Books, Posting
from notifier.stages.credits.previewing import Previewing
from notifier.stages.credits.reconciling import Reconciling
from notifier.stages.credits.requests import Because, Decide, DecideAll, Grant, Loaded, Post, Reconcile
from notifier.stages.credits.tidying import Tidying
from notifier.storage.repositories import credit_lines

__all__ = ["Because", "Credits", "Decide", "DecideAll", "Grant", "Loaded", "Post", "Reconcile"]


class Credits:
    """Every part of credits, as requests and the scheduler need them."""

    def __init__(self, around: Surroundings, tariffs: Sequence[Tariff], biller: Books | None = None) -> None:
        """Build the parts; `tariffs` are those of the configuration, also those switched off."""
        self.settings = around.config.credits
        self._database, self._metrics = around.database, around.metrics
        self.counting = Counting(around, tariffs)
        self.deciding = Deciding(around, rules_of(around, tariffs))
        self.previewing = Previewing(around, tariffs)
        self.posting = Posting(around, biller)
        self.reconciling = Reconciling(around, rules_of(around, tariffs))
        self._tidying = Tidying(around)

    async def step(self) -> bool:
        """Do what is to be done without a person, but for posting; return whether there may be more."""
        return await self._tidying.step() or await self.counting.step()

    async def measure(self) -> None:
        """Count the lines that wait."""
        open_lines = await self._database.read(credit_lines.open_lines)
        for state, number in open_lines.items():
            self._metrics.credit_lines_open.labels(state).set(number)
