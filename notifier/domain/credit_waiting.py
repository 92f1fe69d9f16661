"""Credit lines that wait for a manager: which of them one approval takes, and what it leaves.

In: what is proposed of one incident, what it owes by now, its budget and who asks. Out: the lines that are approved and
what they come to, and how many the budget or the second person stops. The same answer is shown before the amount is
typed and held against what was typed.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLine:
    """A proposed line; its amount in minor units."""

    line_id: int
    amount: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedOut:
    """What one approval of an incident takes and leaves."""

    approved: frozenset[int]  # ids
    amount: int  # of these, in minor units
    over_budget: int  # lines that the budget stops
    own: int  # lines that whoever asks has granted


def sorted_out(waiting: Iterable[WaitingLine], *, owed: int, budget: int | None, by: str) -> SortedOut:
    """Sort out what `by` may approve, in the order of the lines; a `budget` of None stops nothing."""
    approved: list[int] = []
    amount = over_budget = own = 0
    for line in waiting:
        if line.created_by == by:
            own += 1
        elif budget is not None and owed + amount + line.amount > budget:
            over_budget += 1
        else:
            approved.append(line.line_id)
            amount += line.amount
    return SortedOut(approved=frozenset(approved), amount=amount, over_budget=over_budget, own=own)
