"""A full list of the directory: what it does not have has ended, unless that would be too much to be true.

In: the rows of an import that says it is everything. Out: which sites it does not have, and that they have ended.
Nothing ends by a list that was cut off, of which a row could not be understood (nobody knows whose it is), or that
lacks more than one site in twenty: that is a broken export more often than a lost town. A refused row ends nothing.
"""

import asyncio
from array import array
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial

import msgspec

from notifier.clock import Clock
from notifier.domain.directory import DirectoryRow
from notifier.domain.errors import Overloaded
from notifier.domain.seen_sites import SeenSites
from notifier.domain.text import clean_line
from notifier.storage.database import Database
from notifier.storage.repositories import absent_sites

MOST_SHARE = 0.05  # of the sites before; more are ended only when somebody says so
PAGE = 5_000  # sites looked at in one read
ENDED_AT_ONCE = 500  # sites in one transaction
PATIENCE_SECONDS = 0.1


class NotEnded(StrEnum):
    """Why absent sites were left as they are."""

    DRY_RUN = "dry_run"  # nothing is stored
    CUT_OFF = "cut_off"  # the list did not say that it is complete
    UNKNOWN_ROWS = "unknown_rows"  # rows without a customer or a site: nobody knows whose they are
    TOO_MANY = "too_many"  # more than one in twenty


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """What a full list did not have."""

    sites: int  # that have not ended and are not in the list
    of: int  # that had not ended before it
    ended: int
    not_ended: str = ""  # a `NotEnded`; "" = they were


class FullList:
    """One import that is everything: what it had, and what becomes of the rest."""

    def __init__(self, database: Database, clock: Clock, *, before: int, however_many: bool) -> None:
        self._database, self._clock = database, clock
        self._before, self._however_many = before, however_many
        self._began = clock.now()
        self._refused = SeenSites()
        self._has_unknown = False
        self.is_complete = False

    @classmethod
    async def begin(cls, database: Database, clock: Clock, *, however_many: bool = False) -> "FullList":
        """Count what there is before the first row is stored."""
        before = await database.read(absent_sites.count)
        return cls(database, clock, before=before, however_many=however_many)

    def unknown(self) -> None:
        """Take note of a row that could not be read."""
        self._has_unknown = True

    def refused(self, row: DirectoryRow, line: int) -> None:
        """Take note of a row that was refused: its site is in the list all the same."""
        customer, site = clean_line(row.customer_id), clean_line(row.site_id)
        if customer and site:
            self._refused.first_line(customer, site, line)
        else:
            self._has_unknown = True

    async def end(self, seen: SeenSites, *, dry_run: bool = False) -> Absent:
        """End what the list did not have, where that may be; `seen` are the sites of the rows that were right."""
        ids = await self._absent(seen)
        reason = self._reason(len(ids), dry_run=dry_run)
        ended = 0
        if not reason:
            for at in range(0, len(ids), ENDED_AT_ONCE):
                ended += await self._end(ids[at : at + ENDED_AT_ONCE])
        return Absent(sites=len(ids), of=self._before, ended=ended, not_ended=reason)

    def _reason(self, count: int, *, dry_run: bool) -> str:
        if not self.is_complete:
            return NotEnded.CUT_OFF
        if self._has_unknown:
            return NotEnded.UNKNOWN_ROWS
        if count > MOST_SHARE * self._before and not self._however_many:
            return NotEnded.TOO_MANY
        return NotEnded.DRY_RUN if dry_run else ""

    async def _absent(self, seen: SeenSites) -> "array[int]":
        found, after = array("q"), 0
        began = int(self._began.timestamp() * 1_000_000)
        while rows := await self._database.read(partial(absent_sites.page, after=after, most=PAGE)):
            for site_id, customer, site, changed in rows:
                known = seen.has(customer, site) or self._refused.has(customer, site)
                if not known and changed <= began:  # else somebody has brought it meanwhile
                    found.append(site_id)
            after = rows[-1][0]
        return found

    async def _end(self, ids: Sequence[int]) -> int:
        """End some; a full writer makes the list wait."""
        began: datetime = self._began
        while True:
            try:
                return await self._database.write(
                    lambda tx: absent_sites.end(tx, ids, began=began, now=self._clock.now())
                )
            except Overloaded:
                await asyncio.sleep(PATIENCE_SECONDS)
