"""Finding customers for an agent: by what is exactly theirs, else by words and parts, as far as two seconds go.

In: what was typed. Out: at most fifty customers, and why the list may not have everyone. What is exactly somebody's
reference, number or mail address is found by index; words are looked for in a region where one is typed with them, else
in page after page of the directory, oldest customers first.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial

import msgspec

from notifier.clock import Clock
from notifier.domain.customer_search import Wanted, wanted
from notifier.storage.database import Database
from notifier.storage.queries import customer_search, customers
from notifier.storage.queries.customers import FOUND_AT_MOST
from notifier.storage.views import CustomerCard

LOOKED_FOR_SECONDS = 2.0
PAGE = 10_000  # customers, sites of a region or contact points looked at in one read

Page = Callable[[int], Awaitable[tuple[list[int], int | None]]]


class Incomplete(StrEnum):
    """Why a list may not have everyone."""

    MANY = "many"  # there are more than fifty
    TIME = "time"  # not everyone was looked at


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Who was found."""

    cards: list[CustomerCard]
    incomplete: str = ""  # an `Incomplete`


async def find(database: Database, clock: Clock, text: str, *, country: str) -> Found:
    """Find customers by what was typed."""
    exact = await database.read(lambda tx: customers.find(tx, text, country=country))
    asked = wanted(text)
    if exact or asked.is_nothing:
        return Found(cards=exact)
    search = _Search(database, clock)
    await search.run(asked)
    ids = list(search.ids)[:FOUND_AT_MOST]
    return Found(cards=await database.read(lambda tx: customer_search.cards(tx, ids)), incomplete=search.incomplete)


class _Search:
    """One look-up: who was found so far, and until when there is time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.ids: dict[int, None] = {}
        self.incomplete = ""
        self._database, self._clock = database, clock
        self._until = clock.monotonic() + LOOKED_FOR_SECONDS

    async def run(self, asked: Wanted) -> None:
        """Look where it is quickest first."""
        last_customer, last_contact = await self._database.read(customer_search.ends)
        if asked.part:
            await self._through(partial(self._contacts, asked.part, last_contact))
        if not self.ids and asked.words:
            await self._regions(asked.words)
        if not self.ids and asked.words:
            await self._through(partial(self._customers, asked.words, last_customer))

    async def _regions(self, words: tuple[str, ...]) -> None:
        """Look in the region that one of the words names; the others must be found there."""
        for word in words if len(words) > 1 else ():
            region = await self._database.read(partial(customer_search.region_of, word=word))
            others = tuple(each for each in words if each != word)
            if region is not None:
                await self._through(partial(self._in_region, region, others))

    async def _through(self, page: Page) -> None:
        """Go from page to page until the end, enough, or no more time."""
        after: int | None = 0
        while after is not None:
            if self._clock.monotonic() > self._until:
                self.incomplete = Incomplete.TIME
                return
            found, after = await page(after)
            self.ids |= dict.fromkeys(found)
            if len(self.ids) > FOUND_AT_MOST:
                self.incomplete = Incomplete.MANY
                return

    async def _contacts(self, part: str, last: int, after: int) -> tuple[list[int], int | None]:
        upto = after + PAGE
        most = FOUND_AT_MOST + 1
        found = await self._database.read(lambda tx: customer_search.by_contact(tx, part, after, upto, most))
        return found, upto if upto < last else None

    async def _in_region(self, region: int, words: tuple[str, ...], after: int) -> tuple[list[int], int | None]:
        return await self._database.read(lambda tx: customer_search.in_region(tx, region, words, after, PAGE))

    async def _customers(self, words: tuple[str, ...], last: int, after: int) -> tuple[list[int], int | None]:
        upto = after + PAGE
        found = await self._database.read(lambda tx: customer_search.page(tx, words, after, upto))
        return found, upto if upto < last else None
