"""The directory stage: rows of customers come in, the directory is brought up to date, mistakes are reported.

In: batches of `DirectoryRow` (one row is one site). Out: `LoadResult` with every row that was refused, and why. A wrong
row never stops the others. Sites that come to lie in the place of an incident join what is told there, in the
transaction that stores them. Reach says how many customers could be told, by which channel, and how many by none.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from zoneinfo import available_timezones

import msgspec
import structlog

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.directory import DirectoryRow, RejectedRow, RowWarning, SiteEntry
from notifier.domain.directory_check import check
from notifier.domain.directory_rules import DirectoryRules, NamedPlace
from notifier.domain.errors import ConfigError, InvalidInput
from notifier.domain.numbering import NumberingPlan
from notifier.domain.playbook import Playbook
from notifier.domain.region import RegionKey, RegionKinds
from notifier.domain.seen_sites import SeenSites
from notifier.messages.links import address_hash
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import directory, directory_wishes, late_joiners, renaming
from notifier.storage.repositories.late_joiners import Joined

__all__ = ["Directory", "DirectoryRow", "LoadResult", "Reach", "RejectedRow", "RowWarning", "rules_of"]

ROWS_AT_MOST = 2_000  # in one transaction
ROWS_AT_LEAST = 250
REGIONS_REMEMBERED = 50_000
TRANSACTION_SECONDS = 0.1  # nobody else writes for so long: about what a transaction is made to take

_log = structlog.get_logger(__name__)


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch: `loaded` + `rejected` are its rows."""

    loaded: int
    rejected: list[RejectedRow]
    warnings: list[RowWarning]  # rows that were stored, but not quite as they were given


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How many customers with an active site can be told, by the best channel each has."""

    customers: int
    email: int
    sms: int  # no mail address, but a telephone that takes text messages
    landline: int  # nothing but a landline
    none: int  # nothing that may be written to
    suppressed: int  # of `none`: those who have an address, but it must not be written to


class Directory:
    """Brings the directory up to date."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        playbooks: Mapping[str, Playbook],
        link_secrets: Sequence[str] = (),
    ) -> None:
        """Keep the parts; `playbooks` are by service; addresses are known again by hashes made with the secrets."""
        self._secrets = tuple(link_secrets)
        self._database, self._clock, self._queue, self._playbooks = database, clock, queue, playbooks
        self._rules, self._basis = rules_of(config), config.consent.covers()
        self._rows_at_once = ROWS_AT_LEAST * 2
        self._region_ids: dict[RegionKey, int] = {}
        self._renamed: Mapping[RegionKey, RegionKey] | None = None  # read once: none is renamed while the daemon runs

    async def load(
        self,
        rows: Sequence[DirectoryRow],
        *,
        first_line: int = 1,
        lines: Sequence[int] | None = None,
        dry_run: bool = False,
        seen: SeenSites | None = None,
    ) -> LoadResult:
        """Store what is right in a batch and report what is not; with `dry_run` only report.

        Rows are `lines`, or `first_line` and following. Of rows for the same site the last one holds; `seen` are the
        sites of earlier batches of the same import. The batch is stored in as many transactions as keep each short;
        repeating it changes nothing. Raises `Overloaded` when the writer's queue is full.
        """
        lines = range(first_line, first_line + len(rows)) if lines is None else lines
        if self._renamed is None:
            self._renamed = await self._database.read(renaming.renamed)
        checked = await asyncio.to_thread(_check, self._rules, rows, lines, seen or SeenSites(), self._renamed)
        start = 0
        while not dry_run and start < len(checked.entries):
            part = checked.entries[start : start + self._rows_at_once]
            await self._save(part)
            start += len(part)
        return LoadResult(
            loaded=len(rows) - len(checked.rejected), rejected=checked.rejected, warnings=checked.warnings
        )

    async def _save(self, entries: Sequence[SiteEntry]) -> None:
        """Store some rows in one transaction, and let the next one have more or fewer by how long it took."""
        now = self._clock.now()

        def work(tx: Transaction) -> tuple[float, dict[RegionKey, int], list[Joined]]:
            began = self._clock.monotonic()
            found, joined = directory.save(tx, entries, now, self._region_ids), []
            directory_wishes.save(tx, entries, self._hashes, now=now)
            if late_joiners.is_any_incident_told(tx):
                joined = late_joiners.join(tx, directory.stored_sites(tx), self._playbooks, now=now, basis=self._basis)
            return self._clock.monotonic() - began, found, joined

        seconds, found, joined = await self._database.write(work)
        self._tell(joined)
        if len(self._region_ids) < REGIONS_REMEMBERED:
            self._region_ids = self._region_ids | found
        if len(entries) == self._rows_at_once:
            fitting = int(len(entries) * TRANSACTION_SECONDS / max(seconds, TRANSACTION_SECONDS / 4))
            self._rows_at_once = max(ROWS_AT_LEAST, min(ROWS_AT_MOST, fitting))

    def _hashes(self, address: str) -> list[str]:
        """Return the keyed hashes under which an address may have been kept, the present one first."""
        return [address_hash(secret, address) for secret in self._secrets]

    def _tell(self, joined: Sequence[Joined]) -> None:
        for each in joined:
            if each.left_out:
                _log.warning(
                    "customers came too late for an update",
                    incident=each.incident_id,
                    broadcast=each.broadcast_id,
                    customers=each.left_out,
                )
        if joined:
            self._queue.wake(Topic.NOTIFICATIONS)

    async def reach(self) -> Reach:
        """Count customers with an active site by the best channel each can be reached by."""
        found = await self._database.read(directory.reach)
        email, sms, landline, none = (found.get(best, (0, 0)) for best in (1, 2, 3, 4))
        return Reach(
            customers=email[0] + sms[0] + landline[0] + none[0],
            email=email[0],
            sms=sms[0],
            landline=landline[0],
            none=none[0],
            suppressed=none[1],
        )


class _Checked(msgspec.Struct, frozen=True):
    entries: list[SiteEntry]
    rejected: list[RejectedRow]
    warnings: list[RowWarning]


def _check(
    rules: DirectoryRules,
    rows: Sequence[DirectoryRow],
    lines: Sequence[int],
    seen: SeenSites,
    renamed: Mapping[RegionKey, RegionKey],
) -> _Checked:
    entries: list[SiteEntry] = []
    rejected: list[RejectedRow] = []
    warnings: dict[tuple[str, str, str], RowWarning] = {}
    for line, row in zip(lines, rows, strict=True):
        result, found = check(rules, row, line)
        for warning in found:
            warnings.setdefault((warning.column, warning.value, warning.reason), warning)  # once a batch is enough
        if isinstance(result, RejectedRow):
            rejected.append(result)
            continue
        entries.append(result)
        for old in [region.key for region in result.regions if region.key in renamed] if renamed else ():
            reason = f"{old.code} was renamed to {renamed[old].code}; the old code is a new region, without its history"
            warning = RowWarning(line=line, column=old.kind, value=old.code, reason=reason)
            warnings.setdefault((warning.column, warning.value, warning.reason), warning)
        first = seen.first_line(result.customer, result.site, line)
        if first < line:
            reason = f"line {first} is for the same site; this row holds"
            warning = RowWarning(line=line, column="site_id", value=result.site, reason=reason)
            warnings[str(line), "", ""] = warning
    return _Checked(entries, rejected, list(warnings.values()))


def rules_of(config: Config) -> DirectoryRules:
    """Return what rows are checked against; raise `ConfigError` for a named region that cannot be."""
    overlays = [(overlay.name, overlay.codes) for overlay in config.regions.overlays]
    plan = NumberingPlan(overlays)
    kinds = RegionKinds(config.regions.kinds, country=config.regions.country, plan=plan)
    named: dict[RegionKey, NamedPlace] = {}
    problems: list[str] = []
    for number, region in enumerate(config.regions.named):
        try:
            key = kinds.key(region.kind, region.code)
        except InvalidInput as error:
            problems.append(f"regions.named[{number}]: {error}")
            continue
        named[key] = NamedPlace(name=region.name, time_zone=region.time_zone)
    if problems:
        raise ConfigError(problems)
    return DirectoryRules(
        services=[service.name for service in config.services],
        kinds=kinds,
        locales=config.locales.available,
        time_zones=_time_zones(),
        country=config.regions.country,
        named=named,
        plan=plan,
    )


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
