"""Reconciling: the biller's own list is held against the credits here, and what it has is never paid again.

In: rows of a list with its control total. Out: lines that are posted from then on, lines that a restore had lost, and
the rows that nobody can tell, with the reason. After a restore nothing is posted until a list agreed, or a manager says
that nothing is lost. What was judged is looked at again when it is written: a line may have been decided since.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import structlog

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.credit import CreditReason, CreditState, month_of
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.money import parse_amount
from notifier.domain.reconciling import BilledRow, Found, Known, OurLine, Verdict, judged
from notifier.domain.tariff import OwedFor
from notifier.domain.text import clean_line
from notifier.stages import Surroundings
from notifier.stages.credits.counting import Rules
from notifier.stages.credits.requests import Because, BilledLine, Reconcile
from notifier.storage.database import Transaction
from notifier.storage.queries.credits import amount
from notifier.storage.repositories import audit, control, credit_reconciling
from notifier.storage.views import ReconciledRow, ReconciledSum, ReconciledView

ROWS_AT_MOST = 50_000
LOOKED_UP = 500  # rows in one query
CHUNK = 50  # rows in one transaction
POSTED_CHUNK = 20_000
SHOWN = 200
REFERENCE_AT_MOST = 100
_BILL_MONTH = re.compile("[0-9]{4}-(0[1-9]|1[0-2])")
_INT_AT_MOST = 2**63 - 1

N = TypeVar("N")
K = TypeVar("K")
V = TypeVar("V")

log = structlog.get_logger(__name__)


class Reconciling:
    """Holds lists of the biller against the credits of this store."""

    def __init__(self, around: Surroundings, rules: Rules) -> None:
        self._database, self._clock, self._metrics = around.database, around.clock, around.metrics
        self._currency, self._zone = rules.currency, rules.zone
        self._tariffs = frozenset(tariff.name for tariff in rules.tariffs) - {
            tariff.name
            for tariff in rules.tariffs
            if tariff.per is OwedFor.SITE  # a list does not say for which
        }
        self._alone = asyncio.Lock()

    async def reconcile(self, request: Reconcile, actor: Actor) -> ReconciledView:
        """Say what a list comes to, and with its control total do what it says."""
        actor.require(KeyRole.MANAGER)
        if len(request.lines) > ROWS_AT_MOST:
            raise InvalidInput(
                f"the list has {len(request.lines):,} rows", field="lines", expected=f"at most {ROWS_AT_MOST:,} at once"
            )
        if len({line.row for line in request.lines}) < len(request.lines):
            raise InvalidInput("two rows have the same number", field="lines", expected="each row once")
        rows = await asyncio.to_thread(lambda: [read(line, self._currency) for line in request.lines])
        async with self._alone:
            known = await self._known(request, rows)
            since = request.since
            if since is not None and known.restored_at is not None:
                await self._require_whole(since, known.restored_at)
            verdicts = await asyncio.to_thread(judged, rows, known)  # a second of work for a long list
            if request.total:
                self._check_total(request, verdicts)
                verdicts = await self._apply(verdicts, actor)
            missing = await self._not_there(verdicts, since)
            is_whole = not missing and all(verdict.found is not Found.REFUSED for verdict in verdicts)
            held = await self._finish(request, verdicts, missing, actor, is_whole=is_whole)
        return self._view(request, verdicts, missing, held=held)

    async def none_lost(self, request: Because, actor: Actor) -> bool:
        """Post again after a restore without a list, because a manager answers for it; tell whether it was held."""
        actor.require(KeyRole.MANAGER)
        why = clean_line(request.reason)
        if not why:
            raise InvalidInput("the reason is missing", field="reason", expected="how you know, in a few words")

        def work(tx: Transaction) -> bool:
            if not control.clear(tx, control.CREDITS_HELD):
                raise Refused("credits are not held: the store was not restored, or was reconciled since")
            audit.record(
                tx,
                at=self._clock.now(),
                actor=actor,
                action="credits.none_lost",
                target="credits",
                detail={"why": why[:300]},
            )
            return True

        return await self._database.write(work)

    # --- what the list may mean -------------------------------------------------------------------------------------

    async def _known(self, request: Reconcile, rows: Sequence[BilledRow]) -> Known:
        renamed = _renamed(request)
        references = sorted({row.customer for row in rows if row.customer})
        ids = {id_ for row in rows for id_ in (row.id_given, row.line_id, row.reverses) if id_ is not None}
        named = {row.incident for row in rows if row.incident is not None} | set(renamed.values())
        restored, held = await self._database.read(
            lambda tx: (control.since(tx, control.RESTORED), control.get(tx, control.CREDITS_HELD))
        )
        customers = await self._looked_up(references, credit_reconciling.customers)
        incidents = await self._looked_up(sorted(named), credit_reconciling.incidents)
        lines: dict[int, OurLine] = {}

        def by_id(tx: Transaction, some: Sequence[int]) -> dict[int, OurLine]:
            return {line.id: line for line in credit_reconciling.lines(tx, some, currency=self._currency)}

        def by_pair(tx: Transaction, some: Sequence[int]) -> dict[int, OurLine]:
            of = {each.id for each in incidents.values()}
            return {line.id: line for line in credit_reconciling.lines_of(tx, of, some, currency=self._currency)}

        lines |= await self._looked_up(sorted(ids), by_id)
        lines |= await self._looked_up(sorted(customers.values()), by_pair)
        others = {line.reverses for line in lines.values()} | {line.reversed_by for line in lines.values()}
        lines |= await self._looked_up(sorted({id_ for id_ in others if id_ is not None} - lines.keys()), by_id)
        return Known(
            lines=lines,
            incidents=incidents,
            customers=customers,
            tariffs=self._tariffs,
            restored_at=None if restored is None else restored.at,
            renamed=renamed,
            gone=frozenset(request.gone),
            is_held=held is not None,
        )

    async def _looked_up(
        self, names: Sequence[N], look: Callable[[Transaction, Sequence[N]], dict[K, V]]
    ) -> dict[K, V]:
        found: dict[K, V] = {}
        for at in range(0, len(names), LOOKED_UP):
            some = names[at : at + LOOKED_UP]
            found |= await self._database.read(lambda tx, some=some: look(tx, some))  # type: ignore[misc]
        return found

    async def _not_there(self, verdicts: Sequence[Verdict], since: datetime | None) -> list[tuple[int, int]]:
        """Return the lines that are posted here and not in the list."""
        there = {verdict.line_id for verdict in verdicts}
        found: list[tuple[int, int]] = []
        after = 0
        while True:
            page = await self._database.read(
                lambda tx, after=after: credit_reconciling.posted(  # type: ignore[misc]
                    tx, since=since, currency=self._currency, after=after, at_most=POSTED_CHUNK
                )
            )
            found += [each for each in page if each[0] not in there]
            if len(page) < POSTED_CHUNK:
                return found
            after = page[-1][0]

    # --- what is done about it --------------------------------------------------------------------------------------

    async def _apply(self, verdicts: Sequence[Verdict], actor: Actor) -> list[Verdict]:
        """Do what the rows say, what gives money first, chunk by chunk; return what they came to in the end."""
        made: dict[int, int] = {}  # row -> line
        done: dict[int, Verdict] = {}
        giving = [each for each in verdicts if (each.row.amount or 0) >= 0]
        taking = [each for each in verdicts if (each.row.amount or 0) < 0]
        for ordered in (giving, taking):
            for at in range(0, len(ordered), CHUNK):
                some = ordered[at : at + CHUNK]
                came_to = await self._database.write(
                    lambda tx, some=some: [self._one(tx, verdict, made, actor) for verdict in some]  # type: ignore[misc]
                )
                for verdict in came_to:
                    done[verdict.row.row] = verdict
                    if verdict.found is Found.RECOVERED and verdict.line_id is not None:
                        made[verdict.row.row] = verdict.line_id
                    if verdict.found in (Found.NOTED, Found.RECOVERED):
                        self._metrics.credit_lines.labels(CreditState.POSTED, CreditReason.RECONCILED).inc()
        return [done[verdict.row.row] for verdict in verdicts]

    def _one(self, tx: Transaction, verdict: Verdict, made: dict[int, int], actor: Actor) -> Verdict:
        now, row = self._clock.now(), verdict.row
        made_at = row.made_at or now
        bill_month = row.bill_month or month_of(made_at, self._zone, later=1)
        match verdict.found:
            case Found.NOTED:
                assert verdict.line_id is not None  # noqa: S101 - it names a line
                reference = self._reference(tx, verdict.line_id, row)
                noted = credit_reconciling.note(
                    tx, verdict.line_id, reference=reference, bill_month=bill_month, now=now, by=actor.name
                )
                return verdict if noted else _changed(verdict)
            case Found.RECOVERED:
                assert verdict.incident_id is not None  # noqa: S101 - it was placed
                assert verdict.customer_id is not None  # noqa: S101
                reverses = verdict.reverses_line
                if verdict.reverses_row is not None:
                    reverses = made.get(verdict.reverses_row)
                    if reverses is None:
                        return _changed(verdict)
                if credit_reconciling.is_recovered(tx, verdict.customer_id, row.name):
                    return _changed(verdict)
                line_id = credit_reconciling.recover(
                    tx,
                    verdict.incident_id,
                    verdict.customer_id,
                    tariff=verdict.tariff,
                    amount=row.amount or 0,
                    currency=self._currency,
                    reference=row.name or row.reference,
                    made_month=month_of(made_at, self._zone),
                    bill_month=bill_month,
                    reverses=reverses,
                    now=now,
                    by=actor.name,
                )
                return replace(verdict, line_id=line_id)
        return verdict

    def _reference(self, tx: Transaction, line_id: int, row: BilledRow) -> str:
        """Return what billing calls a line: its key there, where that is another than ours."""
        (line,) = credit_reconciling.lines(tx, [line_id], currency=self._currency)
        return row.reference if row.name in ("", line.key, f"credit-{line.id}") else row.name

    async def _finish(
        self,
        request: Reconcile,
        verdicts: Sequence[Verdict],
        missing: Sequence[tuple[int, int]],
        actor: Actor,
        *,
        is_whole: bool,
    ) -> bool:
        """Note it in the audit log, and let lines be posted again when all agrees; return whether they are held."""
        if not request.total:
            return await self._database.read(lambda tx: control.get(tx, control.CREDITS_HELD)) is not None

        def work(tx: Transaction) -> bool:
            held = control.get(tx, control.CREDITS_HELD) is not None
            if held and is_whole:
                control.clear(tx, control.CREDITS_HELD)
            counts = {str(found): sum(each.found is found for each in verdicts) for found in Found}
            detail = {
                "total": request.total,
                **{name: number for name, number in counts.items() if number},
                "not_there": len(missing),
                "gone": request.gone,
                "incidents": request.incidents,
                "posting": "goes on" if held and is_whole else "held" if held else "",
            }
            audit.record(
                tx,
                at=self._clock.now(),
                actor=actor,
                action="credits.reconcile",
                target="credits",
                detail={name: value for name, value in detail.items() if value},
            )
            return held and not is_whole

        held = await self._database.write(work)
        log.info("credits reconciled", rows=len(verdicts), held=held)
        return held

    async def _require_whole(self, since: datetime, restored_at: datetime) -> None:
        """Raise `InvalidInput` for a list that may begin after the copy was made: what was lost would not be in it."""
        newest = await self._database.read(lambda tx: credit_reconciling.newest_known(tx, before=restored_at))
        if newest is None or since > newest:
            said = "nothing of" if newest is None else f"nothing later than {newest:%Y-%m-%dT%H:%M:%SZ} of"
            raise InvalidInput(
                f"the list may begin after the copy was made, and what was lost is older: the copy knows {said} before"
                " the restore",
                field="since",
                expected="a whole list" if newest is None else f"at the latest {newest:%Y-%m-%dT%H:%M:%SZ}",
            )

    # --- figures ----------------------------------------------------------------------------------------------------

    def _check_total(self, request: Reconcile, verdicts: Sequence[Verdict]) -> None:
        """Refuse a list that comes to something else; a row without an amount counts as the line that it means."""
        comes_to = sum(verdict.row.amount or 0 for verdict in verdicts)
        if _signed(request.total, self._currency) != comes_to:
            shown = f"{amount(comes_to, self._currency)} {self._currency}"
            raise Refused(f"the {len(verdicts):,} rows come to {shown}, not to that: is the list whole?")

    def _view(
        self, request: Reconcile, verdicts: Sequence[Verdict], missing: Sequence[tuple[int, int]], *, held: bool
    ) -> ReconciledView:
        def of(found: Found | None) -> ReconciledSum:
            some = [each for each in verdicts if found is None or each.found is found]
            total = sum(each.row.amount or 0 for each in some)
            return ReconciledSum(lines=len(some), amount=amount(total, self._currency))

        refused = [verdict for verdict in verdicts if verdict.found is Found.REFUSED]
        return ReconciledView(
            applied=bool(request.total),
            held=held,
            currency=self._currency,
            rows=of(None),
            agreed=of(Found.AGREED),
            noted=of(Found.NOTED),
            recovered=of(Found.RECOVERED),
            left_out=of(Found.LEFT_OUT),
            refused=of(Found.REFUSED),
            refusals=[ReconciledRow(row=each.row.row, why=each.why) for each in refused[:SHOWN]],
            not_there=ReconciledSum(
                lines=len(missing), amount=amount(sum(minor for _, minor in missing), self._currency)
            ),
            not_there_ids=[line_id for line_id, _ in missing[:SHOWN]],
        )


def read(line: BilledLine, currency: str) -> BilledRow:
    """Return a row of a list as values; what cannot be read is said in its `problem`."""
    problem, minor = "", None
    try:
        minor = _signed(line.amount, currency) if line.amount.strip() else None
    except InvalidInput as error:
        problem = f"'{line.amount[:20]}' {error}"
    said = line.currency.strip().upper()
    if said and said != currency:
        problem = f"it is in {said[:10]}, and credits are in {currency}"
    numbers = (line.id, line.incident, line.reverses)
    if any(number is not None and not 0 < number <= _INT_AT_MOST for number in numbers):
        problem, numbers = "a number in it is none of ours", (None, None, None)
    return BilledRow(
        row=line.row,
        key=clean_line(line.key),
        line_id=numbers[0],
        customer=_plain(clean_line(line.customer)),
        incident=numbers[1],
        tariff=clean_line(line.tariff),
        amount=minor,
        reverses=numbers[2],
        reference=clean_line(line.reference)[:REFERENCE_AT_MOST],
        bill_month=_month(line.bill_month),
        problem=problem,
    )


def _signed(text: str, currency: str) -> int:
    text = text.strip()
    return parse_amount(text.removeprefix("-"), currency) * (-1 if text.startswith("-") else 1)


def _month(text: str) -> int:
    """Return a month such as `2026-12` as 202612; 0 where none is said."""
    return int(text[:4] + text[5:]) if _BILL_MONTH.fullmatch(text) else 0


def _plain(reference: str) -> str:
    """Return a reference without the mark that our own files put before what a spreadsheet would take for a formula."""
    return reference[1:] if reference[:1] == "'" and reference[1:2] in tuple("=+-@") else reference


def _renamed(request: Reconcile) -> dict[int, int]:
    given = request.incidents
    if all(old.isascii() and old.isdecimal() and len(old) <= 18 and 0 < given[old] <= _INT_AT_MOST for old in given):
        return {int(old): new for old, new in given.items()}
    raise InvalidInput("an incident of the list is no number", field="incidents", expected='such as {"57": 58}')


def _changed(verdict: Verdict) -> Verdict:
    return replace(verdict, found=Found.REFUSED, why="it was changed meanwhile: reconcile again")
