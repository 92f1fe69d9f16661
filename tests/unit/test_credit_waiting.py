"""Which waiting credit lines one approval takes, and what the budget and the second person stop."""

from notifier.domain.credit_waiting import WaitingLine, sorted_out

LINES = [
    WaitingLine(line_id=number, amount=amount, created_by=by)
    for number, amount, by in ((1, 500, "daemon"), (2, 900, "eve"), (3, 800, "daemon"), (4, 100, "daemon"))
]


def test_the_budget_stops_what_does_not_fit_and_lets_smaller_lines_behind_it_through() -> None:
    found = sorted_out(LINES, owed=1_000, budget=2_500, by="mia")
    assert (found.approved, found.amount) == ({1, 2, 4}, 1_500)
    assert (found.over_budget, found.own) == (1, 0)


def test_nobody_approves_their_own_and_those_take_nothing_from_the_budget() -> None:
    found = sorted_out(LINES, owed=1_000, budget=2_500, by="eve")
    assert (found.approved, found.over_budget, found.own) == ({1, 3, 4}, 0, 1)


def test_without_a_budget_nothing_is_stopped() -> None:
    found = sorted_out(LINES, owed=10**9, budget=None, by="mia")
    assert (len(found.approved), found.amount, found.over_budget) == (4, 2_300, 0)
