"""What people decide about credits: grant goodwill, approve, reject, reverse. Each decision is in the audit log.

An agent grants one customer up to the agent's baseline; what is above waits for a manager, and nobody approves what
they granted themselves. The budget of an incident stops approvals too, until a manager goes over it and says why. Many
lines are approved chunk by chunk, each committed; what was shown before is compared first.
"""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.credit import (
    GOODWILL,
    NOTE_LENGTH,
    REVERSIBLE,
    CreditReason,
    CreditState,
    Line,
    by_hand,
    month_of,
    require_second_person,
)
from notifier.domain.credit_waiting import SortedOut, sorted_out
from notifier.domain.errors import InvalidInput, NotFound, Refused
from notifier.domain.incident import IncidentState
from notifier.domain.money import parse_amount
from notifier.domain.text import clean_line
from notifier.stages import Surroundings
from notifier.stages.credits.counting import Rules
from notifier.stages.credits.requests import Because, Decide, DecideAll, Grant
from notifier.storage.database import Transaction
from notifier.storage.queries import credits as shown
from notifier.storage.repositories import audit, credit_lines, incidents
from notifier.storage.repositories.credit_lines import NewLine, StoredLine
from notifier.storage.views import CreditLineView, CreditsDecidedView

CHUNK = 500  # lines in one transaction
_NO_CREDITS_OF = (IncidentState.DISMISSED, IncidentState.MERGED, IncidentState.SUSPECTED, IncidentState.SCHEDULED)


@dataclass(slots=True)
class _Chunk:
    """What one chunk of approvals came to."""

    approved: list[StoredLine]
    over_budget: int
    own: int
    upto: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """What the typed total stands for: nothing else is approved."""

    line_ids: frozenset[int]
    upto: int


class Deciding:
    """Grants, approves, rejects and reverses."""

    def __init__(self, around: Surroundings, rules: Rules) -> None:
        self._database, self._clock, self._metrics = around.database, around.clock, around.metrics
        self._settings, self._rules = around.config.credits, rules

    async def grant(self, request: Grant, actor: Actor, *, key: str | None = None) -> CreditLineView:
        """Grant goodwill; the same Idempotency-Key again returns the same line."""
        actor.require(KeyRole.AGENT)
        self._require_enabled()
        amount, note = parse_amount(request.amount, self._rules.currency), _reason(request.reason)

        def work(tx: Transaction) -> int:
            now = self._clock.now()
            customer = tx.scalar("SELECT id FROM customers WHERE reference = :ref", ref=request.customer)
            if customer is None:
                raise NotFound("customer", request.customer)
            if key is not None and (known := credit_lines.by_idempotency_key(tx, actor.name, key)) is not None:
                if (known.incident_id, known.customer_id, known.amount) != (request.incident, int(customer), amount):
                    raise Refused(f"this Idempotency-Key was used for credit {known.id}, which is another grant")
                return known.id
            self._require_incident(tx, request.incident)
            had, step = credit_lines.goodwill_of(tx, request.incident, int(customer), GOODWILL)
            state, reason = by_hand(
                amount,
                actor,
                self._rules.limits,
                of_customer=had,
                of_incident=credit_lines.owed_by(tx, request.incident, self._rules.currency),
            )
            after = self._settings.bill_after_months
            line = Line(
                customer_id=int(customer),
                tariff=GOODWILL,
                tariff_from="",
                step=step,
                amount=amount,
                bill_after_months=after,
            )
            approved = state is CreditState.APPROVED
            month = month_of(now, self._rules.zone, later=after) if approved else None
            line_id = credit_lines.add(
                tx,
                request.incident,
                NewLine(line=line, state=state, reason=reason, bill_month=month),
                currency=self._rules.currency,
                month=month_of(now, self._rules.zone),
                now=now,
                by=actor.name,
                note=note,
                idempotency_key=key,
            )
            self._audit(tx, now, actor, "grant", f"credit {line_id}", amount=amount, state=str(state), why=note)
            self._metrics.credit_lines.labels(state, reason).inc()
            return line_id

        return await self._answer(await self._database.write(work))

    async def approve(self, line_id: int, request: Decide, actor: Actor) -> CreditLineView:
        """Approve one proposed line."""
        actor.require(KeyRole.MANAGER)
        self._require_enabled()
        over = _over_budget(request.over_budget)

        def work(tx: Transaction) -> int:
            now, line = self._clock.now(), credit_lines.load(tx, line_id)
            require_second_person(actor, line.created_by)
            self._require_incident(tx, line.incident_id)
            if self._is_over(tx, line, 0) and not over:
                raise Refused(
                    f"incident {line.incident_id} would cost more than its budget"
                    f" ({self._settings.budget} {self._rules.currency}); say why it may: --over-budget WHY"
                )
            credit_lines.approve(tx, [line], bill_months=self._months(now), now=now, by=actor.name)
            self._audit(tx, now, actor, "approve", f"credit {line_id}", amount=line.amount, over_budget=over)
            return line.id

        found = await self._answer(await self._database.write(work))
        self._metrics.credit_lines.labels(CreditState.APPROVED, CreditReason.BY_PERSON).inc()
        return found

    async def approve_all(self, incident_id: int, request: DecideAll, actor: Actor) -> CreditsDecidedView:
        """Approve what waits of an incident, within its budget; refused when that is another total than was typed."""
        actor.require(KeyRole.MANAGER)
        self._require_enabled()
        total = parse_amount(request.total, self._rules.currency)
        over = _over_budget(request.over_budget)

        def check(tx: Transaction) -> _Checked:
            self._require_incident(tx, incident_id)
            waiting = credit_lines.waiting(tx, incident_id)
            owed = credit_lines.owed_by(tx, incident_id, self._rules.currency)
            found = sorted_out(waiting, owed=owed, budget=None if over else self._rules.limits.budget, by=actor.name)
            if found.amount != total:
                raise Refused(self._another_total(incident_id, found, total))
            self._audit(
                tx, self._clock.now(), actor, "approve_all", f"incident {incident_id}", amount=total, over_budget=over
            )

            return _Checked(line_ids=found.approved, upto=waiting[-1].line_id if waiting else 0)

        checked = await self._database.write(check)
        after, approved, amount, over_budget, own = 0, 0, 0, 0, 0
        while True:
            chunk = await self._database.write(
                lambda tx, after=after: self._approve_chunk(tx, incident_id, after, actor, checked, over=bool(over))  # type: ignore[misc]
            )
            after, approved = chunk.upto, approved + len(chunk.approved)
            amount += sum(line.amount for line in chunk.approved)
            over_budget, own = over_budget + chunk.over_budget, own + chunk.own
            self._metrics.credit_lines.labels(CreditState.APPROVED, CreditReason.BY_PERSON).inc(len(chunk.approved))
            if chunk.is_last:
                break
        return CreditsDecidedView(
            incident_id=incident_id,
            decided=approved,
            amount=shown.amount(amount, self._rules.currency),
            over_budget=over_budget,
            own=own,
        )

    async def reject(self, line_id: int, request: Because, actor: Actor) -> CreditLineView:
        """Reject a proposed line, or give up one that billing did not take, with what reverses it."""
        actor.require(KeyRole.MANAGER)
        note = _reason(request.reason)

        def work(tx: Transaction) -> None:
            now, line = self._clock.now(), credit_lines.load(tx, line_id)
            if line.state is CreditState.APPROVED:
                raise Refused(f"credit {line_id} is approved: reverse it; customers may have been told")
            if line.reason is CreditReason.TRIED_IN_VAIN:
                raise Refused(f"nobody knows whether billing has credit {line_id}: post it again, under the same key")
            lines = [line]
            if (reversal := credit_lines.reversal_of(tx, line_id)) is not None:
                lines.append(credit_lines.load(tx, reversal))
            credit_lines.reject(tx, lines, CreditReason.BY_PERSON, now=now, by=actor.name, note=note)
            self._audit(tx, now, actor, "reject", f"credit {line_id}", amount=line.amount, why=note)

        await self._database.write(work)
        self._metrics.credit_lines.labels(CreditState.REJECTED, CreditReason.BY_PERSON).inc()
        return await self._answer(line_id)

    async def reject_all(self, incident_id: int, request: Because, actor: Actor) -> CreditsDecidedView:
        """Reject what waits of an incident, chunk by chunk."""
        actor.require(KeyRole.MANAGER)
        note, number, amount = _reason(request.reason), 0, 0

        def work(tx: Transaction) -> list[StoredLine]:
            now = self._clock.now()
            incidents.load(tx, incident_id)
            lines = credit_lines.in_state(tx, CreditState.PROPOSED, incident_id=incident_id, at_most=CHUNK)
            credit_lines.reject(tx, lines, CreditReason.BY_PERSON, now=now, by=actor.name, note=note)
            self._audit(tx, now, actor, "reject_all", f"incident {incident_id}", lines=len(lines), why=note)
            return lines

        while True:
            lines = await self._database.write(work)
            number, amount = number + len(lines), amount + sum(line.amount for line in lines)
            self._metrics.credit_lines.labels(CreditState.REJECTED, CreditReason.BY_PERSON).inc(len(lines))
            if len(lines) < CHUNK:
                break
        return CreditsDecidedView(
            incident_id=incident_id, decided=number, amount=shown.amount(amount, self._rules.currency)
        )

    async def reverse(self, line_id: int, request: Because, actor: Actor) -> CreditLineView:
        """Take a line back by a new, negative one, which billing gets after it."""
        actor.require(KeyRole.MANAGER)
        note = _reason(request.reason)

        def work(tx: Transaction) -> int:
            now, line = self._clock.now(), credit_lines.load(tx, line_id)
            if line.reverses is not None:
                raise Refused(f"credit {line_id} is a reversal itself; grant anew what is owed after all")
            if (known := credit_lines.reversal_of(tx, line_id)) is not None:
                raise Refused(f"credit {line_id} is reversed already, by credit {known}")
            if line.state not in REVERSIBLE:
                raise Refused(f"credit {line_id} is {line.state}{_INSTEAD.get(line.state, '')}")
            new = Line(
                customer_id=line.customer_id,
                tariff=line.tariff,
                tariff_from="",
                step=-line.step,
                amount=-line.amount,
                bill_after_months=line.bill_after_months,
                site_id=line.site_id,
            )
            month = max(month_of(now, self._rules.zone), line.bill_month or 0)
            reversal = credit_lines.add(
                tx,
                line.incident_id,
                NewLine(line=new, state=CreditState.APPROVED, reason=CreditReason.REVERSAL, bill_month=month),
                currency=line.currency,
                month=line.month,
                now=now,
                by=actor.name,
                note=note,
                reverses=line_id,
            )
            self._audit(tx, now, actor, "reverse", f"credit {line_id}", amount=line.amount, by=reversal, why=note)
            return reversal

        found = await self._answer(await self._database.write(work))
        self._metrics.credit_lines.labels(CreditState.APPROVED, CreditReason.REVERSAL).inc()
        return found

    # --- parts of a decision ----------------------------------------------------------------------------------------

    def _approve_chunk(
        self, tx: Transaction, incident_id: int, after: int, actor: Actor, checked: _Checked, *, over: bool
    ) -> _Chunk:
        now = self._clock.now()
        self._require_incident(tx, incident_id)
        lines = credit_lines.in_state(tx, CreditState.PROPOSED, incident_id=incident_id, after=after, at_most=CHUNK)
        chunk = _Chunk(
            approved=[], over_budget=0, own=0, upto=lines[-1].id if lines else after, is_last=len(lines) < CHUNK
        )
        stopped: list[int] = []
        more = 0
        for line in lines:
            if line.id > checked.upto:  # came after the total was checked
                continue
            if line.created_by == actor.name:
                chunk.own += 1
            elif line.id not in checked.line_ids or (not over and self._is_over(tx, line, more)):
                stopped.append(line.id)
            else:
                chunk.approved.append(line)
                more += line.amount
        chunk.over_budget = len(stopped)
        credit_lines.mark_over_budget(tx, stopped)
        credit_lines.approve(tx, chunk.approved, bill_months=self._months(now), now=now, by=actor.name)
        return chunk

    def _another_total(self, incident_id: int, found: SortedOut, total: int) -> str:
        """Say what may be approved, and what stops the rest, to somebody who typed another amount."""
        may, typed = (shown.amount(each, self._rules.currency) for each in (found.amount, total))
        left = [
            f"the budget stops {found.over_budget} (--over-budget WHY)" if found.over_budget else "",
            f"{found.own} you granted yourself" if found.own else "",
        ]
        why = "; ".join(filter(None, left))
        lines = f"{len(found.approved)} line{'' if len(found.approved) == 1 else 's'}"
        return (
            f"what may be approved of incident {incident_id} is {may} ({lines}), not {typed}{f'; {why}' if why else ''}"
        )

    def _is_over(self, tx: Transaction, line: StoredLine, more: int) -> bool:
        return (
            credit_lines.owed_by(tx, line.incident_id, line.currency) + more + line.amount > self._rules.limits.budget
        )

    def _months(self, now: datetime) -> dict[int, int]:
        return {after: month_of(now, self._rules.zone, later=after) for after in range(13)}

    def _require_enabled(self) -> None:
        if not self._settings.enabled:
            raise Refused("credits are switched off (credits.enabled)")

    def _require_incident(self, tx: Transaction, incident_id: int) -> None:
        state = incidents.load(tx, incident_id).state
        if state in _NO_CREDITS_OF:
            raise Refused(f"incident {incident_id} is {state}: there are no credits for it")

    def _audit(self, tx: Transaction, at: datetime, actor: Actor, action: str, target: str, **detail: object) -> None:
        said = {name: value for name, value in detail.items() if value not in ("", None)}
        audit.record(tx, at=at, actor=actor, action=f"credits.{action}", target=target, detail=said)

    async def _answer(self, line_id: int) -> CreditLineView:
        return await self._database.read(lambda tx: shown.line(tx, line_id))


_INSTEAD = {
    CreditState.PROPOSED: ": reject it",
    CreditState.POSTING: ": wait for billing's answer",
    CreditState.FAILED: ": billing does not have it; reject it",
}


def _over_budget(text: str | None) -> str:
    """Return why the budget may be gone over, "" where nobody asked for that; an empty reason is none."""
    return "" if text is None else _reason(text, "over_budget")


def _reason(text: str, field: str = "reason") -> str:
    """Return why somebody does it, on one line; raise `InvalidInput` without one."""
    found = clean_line(text)
    if not found or len(found) > NOTE_LENGTH:
        wrong = "is missing" if not found else f"is over {NOTE_LENGTH} characters"
        raise InvalidInput(f"the reason {wrong}", field=field, expected="why, in a few words")
    return found
