"""Credit lines: money owed to one customer for one incident, by one tariff, and every state a line can be in.

In: what tariffs owe for a customer's outage, what was granted before, and the limits. Out: new lines, each approved by
rule or left to a person, with the reason. Amounts are integer minor units of one currency; nothing here is ever paid
twice, because a step that has a line is never made again, whatever became of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import Forbidden, InvalidInput
from notifier.domain.lifecycle import Lifecycle
from notifier.domain.tariff import (
    Disruption,
    Payer,
    Spell,
    Tariff,
    in_force,
    is_for,
    is_for_payer,
    limit_of,
    price_limit,
    step_amount,
    steps,
)

CreditLineId = NewType("CreditLineId", int)

GOODWILL = "goodwill"  # the tariff of what people grant by hand; no file may have its name
WHOLE = 0  # instead of a site: the customer as a whole
BILLED = "billed"  # of what billing has, by its own list, and nobody knows which tariff it was of; no file has its name
NOTE_LENGTH = 300


class CreditState(StrEnum):
    """Where a credit line stands."""

    PROPOSED = "proposed"  # computed or asked for; nobody has answered for it
    APPROVED = "approved"  # owed: within the baselines by rule, above them by a person
    REJECTED = "rejected"  # not owed
    POSTING = "posting"  # being handed over to billing
    POSTED = "posted"  # billing has it
    FAILED = "failed"  # billing refused it, or could not be reached for long


CREDIT = Lifecycle(
    name="credit line",
    arrows={
        # straight to posted: billing's own list has it, and the store was restored from a copy that was older
        CreditState.PROPOSED: frozenset({CreditState.APPROVED, CreditState.REJECTED, CreditState.POSTED}),
        CreditState.APPROVED: frozenset(
            {
                CreditState.POSTING,
                CreditState.POSTED,
                CreditState.REJECTED,  # only the reversal of a line that billing never took, with that line
            }
        ),
        CreditState.REJECTED: frozenset(),
        CreditState.POSTING: frozenset({CreditState.POSTED, CreditState.FAILED}),
        CreditState.POSTED: frozenset(),
        CreditState.FAILED: frozenset({CreditState.POSTING, CreditState.POSTED, CreditState.REJECTED}),
    },
)

OWED_STATES = (CreditState.APPROVED, CreditState.POSTING, CreditState.POSTED, CreditState.FAILED)
"""Somebody has answered for the amount: it counts against the budget, and may be named to the customer."""

REVERSIBLE = (CreditState.APPROVED, CreditState.POSTED)
"""What may be taken back by a negative line; of what billing is asked about, its answer is waited for first."""


class CreditReason(StrEnum):
    """Why a credit line came to its present state."""

    WITHIN_BASELINES = "within_baselines"  # approved by rule
    ABOVE_CUSTOMER_BASELINE = "above_customer_baseline"  # waits for a manager
    ABOVE_INCIDENT_BASELINE = "above_incident_baseline"
    OVER_BUDGET = "over_budget"
    ABOVE_OWN_BASELINE = "above_own_baseline"  # granted by hand, more than its role may alone
    GRANTED = "granted"  # by hand, within the baseline of its role
    BY_PERSON = "by_person"  # a manager approved or rejected it
    REVERSAL = "reversal"
    INCIDENT_DISMISSED = "incident_dismissed"
    TWIN_AFTER_MERGE = "twin_after_merge"  # the other incident had the same step
    ASKED = "asked"  # to be posted
    TRIED_AGAIN = "tried_again"  # billing could not take it yet
    TAKEN = "taken"  # by billing
    REFUSED = "refused"  # by billing
    TRIED_IN_VAIN = "tried_in_vain"
    RECONCILED = "reconciled"  # billing's own list has it
    BILLED_ALREADY = "billed_already"  # waits: billing has money for this incident, and nobody knows what for


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is granted without a person, in minor units of one currency."""

    customer_baseline: int
    incident_baseline: int
    budget: int
    agent_baseline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A credit line to be made."""

    customer_id: int
    tariff: str
    tariff_from: str
    step: int
    amount: int
    bill_after_months: int
    site_id: int = WHOLE  # which site it is owed for, by a tariff that is per site


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a customer has of one incident already: amounts by (tariff, step), whatever became of them."""

    steps: Mapping[tuple[str, int], int]
    of_sites: Mapping[int, Mapping[tuple[str, int], list[int]]] | None = None  # by site: the amounts of each line
    owed: int = 0  # of these, what somebody has answered for, reversals taken off
    in_month: Mapping[str, int] | None = None  # by tariff: of other incidents in the same month
    in_year: Mapping[str, int] | None = None
    number: Mapping[str, int] | None = None  # by tariff: lines, where several incidents each have the same step
    billed: Mapping[int, int] | None = None  # by line: of which only billing knew what for


NOTHING_YET = Granted(steps={})


def steps_by_tariff(
    tariffs: Collection[Tariff], disruption: Disruption, spells: Sequence[Spell], zone: ZoneInfo
) -> list[tuple[Tariff, int]]:
    """Return the tariffs that owe something for an outage, each with its steps; the same for all who were out so."""
    if not spells:
        return []
    began = spells[0].from_at.astimezone(zone).date()
    found = ((tariff, steps(tariff, spells, zone)) for tariff in in_force(tariffs, began) if is_for(tariff, disruption))
    return [(tariff, number) for tariff, number in found if number]


def of_site(granted: Granted, site_id: int) -> Granted:
    """Return what was granted for one site of a customer; what the customer got as a whole was for each of them."""
    had = [lines for site in (WHOLE, site_id) for lines in ((granted.of_sites or {}).get(site) or {}).items()]
    steps: dict[tuple[str, int], int] = {}
    number: dict[str, int] = {}
    for (tariff, step), amounts in had:
        steps[tariff, step] = steps.get((tariff, step), 0) + sum(amounts)
        number[tariff] = number.get(tariff, 0) + len(amounts)
    return Granted(steps=steps, number=number)


def lines(
    customer_id: int, owed: Iterable[tuple[Tariff, int]], payer: Payer, granted: Granted, *, site_id: int = WHOLE
) -> list[Line]:
    """Return the lines that are owed and have not been made yet, in the order of their steps.

    Limits count every line that was ever made, also those rejected or reversed: rejecting one makes no other.
    """
    found: list[Line] = []
    for tariff, number in owed:
        if not is_for_payer(tariff, payer):
            continue
        room = _room(tariff, payer, granted)
        left = number - (granted.number or {}).get(tariff.name, 0)  # two incidents may each have begun a first step
        for step in range(1, number + 1):
            if (tariff.name, step) in granted.steps or left <= 0:
                continue
            left -= 1
            amount = step_amount(tariff, step, payer)
            amount = amount if room is None else min(amount, room)
            if amount <= 0:
                continue
            room = None if room is None else room - amount
            found.append(
                Line(
                    customer_id=customer_id,
                    tariff=tariff.name,
                    tariff_from=tariff.valid_from,
                    step=step,
                    amount=amount,
                    bill_after_months=tariff.bill_after_months,
                    site_id=site_id,
                )
            )
    return found


def _room(tariff: Tariff, payer: Payer, granted: Granted) -> int | None:
    """Return how much a tariff may still give a customer; None = no limit."""
    had = sum(amount for (name, _), amount in granted.steps.items() if name == tariff.name)
    of_others = (
        (tariff.per_incident_at_most, 0),
        (tariff.per_month_at_most, (granted.in_month or {}).get(tariff.name, 0)),
        (tariff.per_year_at_most, (granted.in_year or {}).get(tariff.name, 0)),
    )
    limits = [(limit, others) for text, others in of_others if (limit := limit_of(text, tariff.currency)) is not None]
    if (by_price := price_limit(tariff, payer)) is not None:
        limits.append((by_price, 0))
    return min((max(0, limit - others - had) for limit, others in limits), default=None)


def by_rule(
    new: Sequence[Line], granted: Granted, limits: Limits, *, of_incident: int, is_doubtful: bool = False
) -> tuple[CreditState, CreditReason]:
    """Decide about all new lines of one customer together; `of_incident` is what its incident owes by now.

    `is_doubtful`: billing has money for it, and nobody knows what for.
    """
    if is_doubtful:
        return CreditState.PROPOSED, CreditReason.BILLED_ALREADY
    amount = sum(line.amount for line in new)
    if of_incident + amount > limits.budget:
        return CreditState.PROPOSED, CreditReason.OVER_BUDGET
    if granted.owed + amount > limits.customer_baseline:
        return CreditState.PROPOSED, CreditReason.ABOVE_CUSTOMER_BASELINE
    if of_incident + amount > limits.incident_baseline:
        return CreditState.PROPOSED, CreditReason.ABOVE_INCIDENT_BASELINE
    return CreditState.APPROVED, CreditReason.WITHIN_BASELINES


def already_billed(new: Sequence[Line], granted: Granted) -> tuple[dict[int, Line], list[Line], bool]:
    """Return which lines of billing's own list new ones are, by amount; which are left; and whether a person compares.

    A restore may have lost what a line was for. One that comes to the same is that line; while some of that money is
    for nobody knows what, nothing else is approved.
    """
    if not granted.billed:
        return {}, list(new), False
    unknown = dict(granted.billed)
    became: dict[int, Line] = {}
    left: list[Line] = []
    for line in new:
        found = next((id_ for id_, amount in unknown.items() if amount == line.amount), None)
        if found is None:
            left.append(line)
        else:
            became[found] = line
            del unknown[found]
    return became, left, bool(unknown)


def by_hand(
    amount: int, actor: Actor, limits: Limits, *, of_customer: int, of_incident: int
) -> tuple[CreditState, CreditReason]:
    """Decide about goodwill: within what the role may grant one customer alone it is approved, else it waits.

    `of_customer` is the goodwill that this customer has for this incident by now, whoever granted it.
    """
    actor.require(KeyRole.AGENT)
    if amount <= 0:
        raise InvalidInput("a grant is more than nothing", field="amount", expected="an amount above 0")
    alone = limits.customer_baseline if actor.role is KeyRole.MANAGER else limits.agent_baseline
    if of_incident + amount > limits.budget:
        return CreditState.PROPOSED, CreditReason.OVER_BUDGET
    if of_customer + amount > alone:
        return CreditState.PROPOSED, CreditReason.ABOVE_OWN_BASELINE
    return CreditState.APPROVED, CreditReason.GRANTED


def require_second_person(actor: Actor, created_by: str) -> None:
    """Raise `Forbidden` unless a manager other than whoever granted it decides."""
    actor.require(KeyRole.MANAGER)
    if actor.name == created_by:
        raise Forbidden(f"'{actor.name}' granted it; another manager approves it")


def month_of(at: datetime, zone: ZoneInfo, *, later: int = 0) -> int:
    """Return the local month of an instant, or one some months later, as 202612."""
    local = at.astimezone(zone)
    months = local.year * 12 + local.month - 1 + later
    return months // 12 * 100 + months % 12 + 1


def month_name(month: int) -> str:
    """Return a month as `2026-12`."""
    return f"{month // 100}-{month % 100:02}"
