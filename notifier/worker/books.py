"""What a lane must still tell the store: outcomes, what goes back, and leases to prolong; written in groups.

Nothing is dropped while the store is busy or full: it is kept and tried again. What cannot be written in time, or at
the end, stays `sending` and is in doubt when its lease has lapsed or its owner is gone.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from notifier.clock import Clock
from notifier.domain.delivery import Result
from notifier.domain.errors import LeaseLost, NotifierError, Overloaded, StoreUnavailable
from notifier.domain.notification import NotificationReason
from notifier.providers.brake import Brake
from notifier.stages.delivery import Claimed, Delivery, Handed

RECORD_EVERY_SECONDS = 0.03  # outcomes wait this long for company
RECORD_AGAIN_SECONDS = 1.0  # after the store refused them
RECORD_AT_MOST = 1_000  # outcomes in one transaction

log = structlog.get_logger(__name__)


class Books:
    """Keeps the books of one lane."""

    def __init__(self, name: str, delivery: Delivery, clock: Clock, brake: Brake) -> None:
        """Keep the parts; `name` and `brake` are those of the lane's provider."""
        self._name, self._delivery, self._clock, self._brake = name, delivery, clock, brake
        self._lease_seconds = delivery.config.delivery.lease.total_seconds()
        self._in_hand: set[int] = set()  # notifications that a sender is busy with
        self._unbegun: list[Claimed] = []
        self._outcomes: list[Handed] = []
        self._something = asyncio.Event()  # to record or to give back
        self._taken: deque[tuple[float, int]] = deque()  # when, how many the provider took
        self._ending = False

    def begin(self, claimed: Claimed) -> None:
        """Note that a message is in hand: its lease is prolonged until `end`."""
        self._in_hand.add(claimed.id)

    def end(self, claimed: Claimed) -> None:
        """Note that a message is in hand no more."""
        self._in_hand.discard(claimed.id)

    def record(self, handed: Handed) -> None:
        """Take the outcome of a hand-over."""
        self._outcomes.append(handed)
        self._something.set()

    def give_back(self, unbegun: Sequence[Claimed]) -> None:
        """Take what was claimed and not begun."""
        self._unbegun += unbegun
        if self._unbegun:
            self._something.set()

    def taken_last_second(self) -> int:
        """Return how many messages the provider took in the last second, as far as the store knows."""
        now = self._clock.monotonic()
        while self._taken and self._taken[0][0] < now - 1.0:
            self._taken.popleft()
        return sum(count for _, count in self._taken)

    def open(self) -> None:
        """Begin; what was left from an earlier run is kept."""
        self._ending = False

    def close(self) -> None:
        """Let `run` return as soon as everything is written."""
        self._ending = True
        self._something.set()

    async def run(self) -> None:
        """Write what there is, in groups, until the books are closed."""
        while not (self._ending and not self._outcomes and not self._unbegun):
            await self._something.wait()
            if not self._ending:
                await asyncio.sleep(RECORD_EVERY_SECONDS)
            self._something.clear()
            await self._record()
            await self._give_back()

    async def renew(self) -> None:
        """Prolong the leases of what is in hand, however slow the provider is: well before half of one is over."""
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            try:
                await self._delivery.renew([*self._in_hand, *(one.claimed.id for one in self._outcomes)])
            except Exception:  # tried again, and once more, before the first lease lapses
                log.exception("leases could not be renewed", provider=self._name)

    async def _record(self) -> None:
        while self._outcomes:
            group, self._outcomes = self._outcomes[:RECORD_AT_MOST], self._outcomes[RECORD_AT_MOST:]
            try:
                await self._delivery.record(group)
            except LeaseLost as error:
                log.error("outcomes not recorded", provider=self._name, reason=str(error))  # noqa: TRY400
            except (NotifierError, OSError) as error:
                log.warning("outcomes not recorded yet", provider=self._name, reason=type(error).__name__)
                await self._keep(group, error)
                return
            except Exception as error:  # the store may be full: the outcomes are kept
                log.exception("outcomes not recorded yet", provider=self._name)
                await self._keep(group, error)
                return
            accepted = sum(1 for one in group if one.outcome.result is Result.ACCEPTED)
            self._taken.append((self._clock.monotonic(), accepted))

    async def _keep(self, group: list[Handed], error: Exception) -> None:
        """Try again soon; when its lease lapses before, its message is in doubt and the outcome refused."""
        self._something.set()
        if self._ending and not isinstance(error, Overloaded):
            return
        self._outcomes = group + self._outcomes
        await asyncio.sleep(RECORD_AGAIN_SECONDS)

    async def _give_back(self) -> None:
        unbegun, self._unbegun = self._unbegun, []
        if not unbegun:
            return
        reason = NotificationReason.PROVIDER_STOPPED if self._brake.is_stopped else NotificationReason.PLANNED
        try:
            await self._delivery.release(unbegun, reason=reason)
        except (Overloaded, StoreUnavailable) as error:  # not stored, so that it is not given back twice
            if self._ending and not isinstance(error, Overloaded):
                return  # nobody waits for a full disk: in doubt at the next start
            self._unbegun = unbegun + self._unbegun
            self._something.set()
            await asyncio.sleep(RECORD_AGAIN_SECONDS)
        except Exception:  # they stay `sending` until their lease lapses, and are settled then
            log.exception("claimed messages could not be given back", provider=self._name)
