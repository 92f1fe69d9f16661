"""What sets of parts are worth together: one integral in the place of all sets, checked against all sets."""

from itertools import combinations
from math import exp, inf, lgamma, log, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.propensity import Group, chances, likeliest, naming, ratio, worth


def of_all_sets(scores: list[float]) -> tuple[float, list[float]]:
    """Return the same by adding up every set of parts at many shares."""
    number, steps = len(scores), 4000
    norm, total, out = 0.0, 0.0, [0.0] * number
    for step in range(steps):
        share = (step + 0.5) / steps
        prior = 1 / (share + 1 / number)
        norm += prior
        for size in range(number + 1):
            for chosen in combinations(range(number), size):
                each = prior * share**size * (1 - share) ** (number - size) * prod(exp(scores[i]) for i in chosen)
                total += each
                for i in chosen:
                    out[i] += each
    return log(total / norm), [each / total for each in out]


@pytest.mark.parametrize("scores", [[3.0], [5.0, -1.0], [8.0, 2.0, -0.5, -6.0], [-1.0, -1.0, -1.0]])
def test_the_integral_is_the_sum_over_all_sets(scores: list[float]) -> None:
    together, each = of_all_sets(scores)
    assert worth(scores, 0, 0.0) == pytest.approx(together, abs=0.02)
    assert chances(scores, 0, 0.0) == pytest.approx(each, abs=0.02)


def test_others_count_as_so_many_parts_of_one_score() -> None:
    assert worth([6.0, 2.0], 3, -1.5) == pytest.approx(worth([6.0, 2.0, -1.5, -1.5, -1.5], 0, 0.0))
    assert chances([6.0, 2.0], 3, -1.5) == pytest.approx(chances([6.0, 2.0, -1.5, -1.5, -1.5], 0, 0.0)[:2])


def test_the_more_siblings_are_out_the_likelier_is_a_silent_one() -> None:
    said = [chances([20.0] * out + [-20.0] * (6 - out) + [-0.5], 0, 0.0)[-1] for out in range(7)]
    assert said == sorted(said)
    assert said[0] < 0.1 < 0.5 < said[-1]


def test_naming_one_part_of_many_costs_more_than_naming_one_of_few_and_the_only_one_nothing() -> None:
    assert naming(1, 1) == 0
    assert naming(2, 1) < naming(10, 1) < naming(1000, 1)
    assert naming(1000, 1) == pytest.approx(log(1000) + log(7.485), abs=0.01)


def test_naming_is_a_prior_over_all_sets() -> None:
    sets = [exp(-naming(12, size)) * exp(lgamma(13) - lgamma(size + 1) - lgamma(13 - size)) for size in range(1, 13)]
    assert sum(sets) == pytest.approx(1)


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=300), st.integers(0, 5000), st.floats(-700, 0))
def test_whatever_the_scores_the_chances_are_chances(scores: list[float], others: int, score: float) -> None:
    assert -inf < worth(scores, others, score) < inf
    assert all(0 <= each <= 1 + 1e-9 for each in chances(scores, others, score))


@given(st.integers(1, 50), st.floats(1e-6, 1), st.floats(1, 1e5))
def test_no_propensity_is_likelier_than_the_likeliest(callers: int, rate: float, sites: float) -> None:
    groups = [Group(callers, rate)]
    best = likeliest(groups, sites)
    for other in (best * 0.9, best * 1.1, best + 0.001):
        assert ratio(groups, sites, best) >= ratio(groups, sites, other) - 1e-6
