"""Posting: approved lines reach billing, by webhook or as files with a control total.

By webhook every line is committed as `posting` before it is handed over, with the time of the next try; the outcome is
written for that try only. What a crash leaves behind is due again and goes out under the same key. A line that billing
refuses is `failed` with its reason, and so is one that could not be handed over for long. By file, lines are `posting`
from the moment they are in it until a person confirms its control total; the same file can be written again.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from notifier.config import PostingKind
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.credit import CreditReason, CreditState
from notifier.domain.delivery import retry_wait
from notifier.domain.errors import Refused
from notifier.domain.money import parse_amount
from notifier.stages import Surroundings
from notifier.stages.credits.biller import Biller, BillersAnswer, Taken
from notifier.stages.credits.requests import Loaded, Post
from notifier.storage.database import Transaction
from notifier.storage.queries import credits as shown
from notifier.storage.repositories import audit, control, credit_posting
from notifier.storage.repositories.credit_posting import ToPost
from notifier.storage.views import CreditBatchView, CreditsDecidedView

CHUNK = 1_000  # lines in one transaction
CLAIMED_AT_MOST = 200  # lines in one round of hand-overs
LONGEST_WAIT = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Books(Protocol):
    """Whoever takes lines: the biller's webhook."""

    async def post(self, line: ToPost, now: datetime, /) -> BillersAnswer:
        """Hand a line over once."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Posting:
    """Hands credits over to billing."""

    def __init__(self, around: Surroundings, biller: Books | None = None) -> None:
        self._database, self._clock, self._metrics = around.database, around.clock, around.metrics
        self._enabled = around.config.credits.enabled
        self._settings, self._currency = around.config.credits.posting, around.config.credits.currency
        self._biller: Books = biller or Biller(self._settings)

    async def close(self) -> None:
        """Close what is open to the biller."""
        await self._biller.close()

    async def ask(self, request: Post, actor: Actor) -> CreditsDecidedView | CreditBatchView:
        """Let what is approved be posted: by webhook from now on, or as one file that is returned.

        With nothing left to post no file is made.
        """
        actor.require(KeyRole.MANAGER)
        if not self._enabled:
            raise Refused("credits are switched off (credits.enabled)")
        if self._settings.kind is PostingKind.NONE:
            raise Refused("there is no biller; expected credits.posting.kind webhook or csv")
        if await self._database.read(lambda tx: control.get(tx, control.CREDITS_HELD)) is not None:
            raise Refused(
                "nothing is posted since the store was restored: billing may have what it lost; reconcile with"
                " billing's own list first (`notifier credits reconcile`)"
            )
        view: CreditsDecidedView | CreditBatchView
        if self._settings.kind is PostingKind.CSV:
            filled = await self._fill(request, actor)
            if filled is None:
                return CreditsDecidedView(incident_id=request.incident, decided=0, amount="")
            view, target = filled, f"batch {filled.id}"
        else:
            number = await self._ask_all(request)
            view = CreditsDecidedView(incident_id=request.incident, decided=number, amount="")
            target = "credits" if request.incident is None else f"incident {request.incident}"
        now = self._clock.now()
        await self._database.write(
            lambda tx: audit.record(tx, at=now, actor=actor, action="credits.post", target=target)
        )
        return view

    async def step(self) -> bool:
        """Hand over the lines that are due; return whether there may be more.

        Nothing leaves while all is paused, nor after a restore until billing's own list was held against what is here.
        """
        if not self._enabled or self._settings.kind is not PostingKind.WEBHOOK:
            return False
        if await self._database.read(lambda tx: control.is_paused(tx) or control.get(tx, control.CREDITS_HELD)):
            return False
        if self._settings.by_itself:
            await self._ask_all(Post())
        now = self._clock.now()
        again_at = now + self._settings.timeout * 3
        claimed = await self._database.write(
            lambda tx: credit_posting.claim(tx, now=now, again_at=again_at, at_most=CLAIMED_AT_MOST)
        )
        if not claimed:
            return False
        gate = asyncio.Semaphore(self._settings.at_once)
        async with asyncio.TaskGroup() as tasks:
            for line in claimed:
                tasks.create_task(self._hand_over(line, gate), name=f"posting credit {line.id}")
        return len(claimed) == CLAIMED_AT_MOST

    async def loaded(self, batch_id: int, request: Loaded, actor: Actor) -> CreditBatchView:
        """Note that billing has all of a file; refused unless it says the same total."""
        actor.require(KeyRole.MANAGER)
        negative = request.total.strip().startswith("-")
        total = parse_amount(request.total.strip().removeprefix("-"), self._currency) * (-1 if negative else 1)

        def check(tx: Transaction) -> None:
            credit_posting.require_open(tx, batch_id)
            lines, amount = credit_posting.total_of(tx, batch_id)
            if amount != total:
                said = shown.amount(amount, self._currency)
                raise Refused(f"batch {batch_id} has {lines} lines that come to {said} {self._currency}, not to that")

        await self._database.read(check)
        while True:
            now = self._clock.now()
            number = await self._database.write(
                lambda tx, now=now: credit_posting.confirm(tx, batch_id, at_most=CHUNK, now=now)  # type: ignore[misc]
            )
            self._metrics.credit_lines.labels(CreditState.POSTED, CreditReason.TAKEN).inc(number)
            if number < CHUNK:
                break

        def close(tx: Transaction) -> CreditBatchView:
            now = self._clock.now()
            credit_posting.close_loaded(tx, batch_id, now=now, by=actor.name)
            audit.record(
                tx,
                at=now,
                actor=actor,
                action="credit_lines.loaded",
                target=f"batch {batch_id}",
                detail={"total": request.total},
            )
            return shown.batches(tx, batch_id)[0]

        return await self._database.write(close)

    async def _ask_all(self, request: Post) -> int:
        number, after = 0, 0
        while True:
            now, at = self._clock.now(), after
            asked, upto = await self._database.write(
                lambda tx, now=now, at=at: credit_posting.ask(  # type: ignore[misc]
                    tx, incident_id=request.incident, failed=request.failed, after=at, at_most=CHUNK, now=now
                )
            )
            number += asked
            self._metrics.credit_lines.labels(CreditState.POSTING, CreditReason.ASKED).inc(asked)
            if upto is None:
                return number
            after = upto

    async def _fill(self, request: Post, actor: Actor) -> CreditBatchView | None:
        """Put all lines into one file; one that a crash left half filled is gone on with, an empty one is none."""
        now, batch_id = self._clock.now(), 0

        def fill(tx: Transaction) -> tuple[int, int]:
            """Begin with the first lines in one transaction, so that nobody ever sees an empty file."""
            which = batch_id or credit_posting.open_batch(tx, now=now, by=actor.name)
            number = credit_posting.fill(
                tx, which, incident_id=request.incident, failed=request.failed, at_most=CHUNK, now=now
            )
            return (0 if not number and credit_posting.drop_empty(tx, which) else which), number

        while True:
            batch_id, number = await self._database.write(fill)
            self._metrics.credit_lines.labels(CreditState.POSTING, CreditReason.ASKED).inc(number)
            if batch_id == 0:
                return None
            if number == 0:
                break
        await self._database.write(lambda tx: credit_posting.close_batch(tx, batch_id, now=now))
        return await self._database.read(lambda tx: shown.batches(tx, batch_id)[0])

    async def _hand_over(self, line: ToPost, gate: asyncio.Semaphore) -> None:
        async with gate:
            answer = await self._biller.post(line, self._clock.now())
        state, reason = await self._database.write(lambda tx: self._record(tx, line, answer))
        if state is not None:
            self._metrics.credit_lines.labels(state, reason).inc()
        if answer.taken is not Taken.YES:
            log.warning("billing did not take a credit", credit=line.id, attempt=line.attempt, taken=answer.taken)

    def _record(self, tx: Transaction, line: ToPost, answer: BillersAnswer) -> tuple[CreditState | None, CreditReason]:
        now = self._clock.now()
        match answer.taken:
            case Taken.YES:
                done = credit_posting.posted(tx, line.id, line.attempt, reference=answer.reference, now=now)
                return (CreditState.POSTED if done else None), CreditReason.TAKEN
            case Taken.NO:
                done = credit_posting.failed(tx, line.id, line.attempt, CreditReason.REFUSED, answer.problem)
                return (CreditState.FAILED if done else None), CreditReason.REFUSED
        if now - line.asked_at >= self._settings.give_up_after:
            done = credit_posting.failed(tx, line.id, line.attempt, CreditReason.TRIED_IN_VAIN, answer.problem)
            return (CreditState.FAILED if done else None), CreditReason.TRIED_IN_VAIN
        wait = min(answer.retry_after or retry_wait(line.attempt, 0.5), LONGEST_WAIT)
        credit_posting.put_off(tx, line.id, line.attempt, answer.problem, due_at=now + wait)
        return None, CreditReason.TRIED_AGAIN
