"""Propensity: how likely a set of regions is out, when a site that is out calls with a propensity that nobody knows.

A set of regions with n sites is as likely, against nothing being wrong, as

    L = sum over the callers in it of ln(1 + p / r) - p n,     r = expected callers per site there,

at its best p: the log likelihood ratio of a Poisson scan (Kulldorff 1997) whose population are the sites. Silence is
evidence: every site of the set that nobody called from costs p. A part that has called much more or less than its
siblings (it failed later, or in part) may pay for a propensity of its own. Which parts are out is a question with many
answers; `worth` and `chances` weigh all of them. Values in, values out. Formulas and figures: docs/detection-where.md.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, exp, lgamma, log, log1p, pi, prod, sin
from typing import Protocol

OWN_PROPENSITY = 8.5  # nats that a part with a propensity of its own costs: as much as opens an incident
STEPS_AT_MOST = 30  # of Newton's method
LEAVE_AT_ONCE = 0.25  # of the parts that would rather have a propensity of their own, where there are many
MANY_PARTS = 24
ROUNDS_AT_MOST = 8  # of coming back
SUMMED = 50  # terms of a harmonic number; beyond, its expansion
AT_ONCE = 50  # likelihoods multiplied before the log is taken; each is at least a thousandth
_ANGLES = [(step + 0.5) * pi / 48 for step in range(24)]
_GRID = [(sin(angle) ** 2, sin(2 * angle) * pi / 48) for angle in _ANGLES]  # shares that are out, closer at the ends


@dataclass(slots=True)
class Group:
    """Callers who are as likely by themselves."""

    number: int
    rate: float  # expected callers per site: r
    share: float = 1.0  # of its sites that are in the set


class Part(Protocol):
    """A region, or the best set of its parts, as a part of a wider one."""

    groups: list[Group]
    sites: float
    alone: float  # its log likelihood ratio with a propensity of its own


def together(parts: Sequence[Part], unplaced: Sequence[Group]) -> tuple[float, float]:
    """Return the log likelihood ratio of a set of parts, and the propensity that they share.

    They share one propensity, but for those that pay for their own: those that gain most leave first, of many a
    quarter at once, and the shared propensity is found anew each time. When nobody leaves any more, whoever would
    rather be back comes back, as long as that raises the likelihood.
    """
    own: set[int] = set()
    value, propensity, gains = _shared(parts, unplaced, own)
    best = value, propensity
    while leaving := sorted((index for index in _gaining(gains) if index not in own), key=lambda index: -gains[index]):
        own.update(leaving[: ceil(len(leaving) * LEAVE_AT_ONCE) if len(parts) > MANY_PARTS else 1])
        if len(own) == len(parts):
            own.remove(min(own, key=gains.__getitem__))  # one has the shared one, for which nobody pays
            return max(best, _shared(parts, unplaced, own)[:2])
        value, propensity, gains = _shared(parts, unplaced, own)
        best = max(best, (value, propensity))
    for _ in range(ROUNDS_AT_MOST):
        if own == (own := _gaining(gains)) or len(own) == len(parts):
            break
        value, propensity, gains = _shared(parts, unplaced, own)
        best = max(best, (value, propensity))
    return best


def _gaining(gains: Sequence[float]) -> set[int]:
    return {index for index, gain in enumerate(gains) if gain > OWN_PROPENSITY}


def _shared(parts: Sequence[Part], unplaced: Sequence[Group], own: Container[int]) -> tuple[float, float, list[float]]:
    """Return what a set is worth when some parts pay for their own propensity, the shared one, and what each gains."""
    sharing = [part for index, part in enumerate(parts) if index not in own]
    groups = merged(chain(unplaced, *(part.groups for part in sharing)))
    sites = sum(part.sites for part in sharing)
    propensity = likeliest(groups, sites)
    paid = sum(part.alone - OWN_PROPENSITY for index, part in enumerate(parts) if index in own)
    value = paid + ratio(groups, sites, propensity)
    if len(parts) < 2:
        return value, propensity, []
    return value, propensity, [part.alone - ratio(part.groups, part.sites, propensity) for part in parts]


def merged(groups: Iterable[Group]) -> list[Group]:
    """Return groups that call at one rate as one: to the likelihood they are."""
    number: dict[tuple[float, float], int] = {}
    for each in groups:
        key = each.rate, each.share
        number[key] = number.get(key, 0) + each.number
    return [Group(callers, rate, share) for (rate, share), callers in number.items()]


def likelihood(groups: Sequence[Group], sites: float) -> float:
    """Return the log likelihood ratio at the likeliest propensity."""
    return ratio(groups, sites, likeliest(groups, sites))


def ratio(groups: Sequence[Group], sites: float, propensity: float) -> float:
    """Return the log likelihood ratio at a propensity."""
    if propensity <= 0:
        return 0.0
    return sum(each.number * log1p(propensity * each.share / each.rate) for each in groups) - propensity * sites


def likeliest(groups: Sequence[Group], sites: float) -> float:
    """Return the propensity at which the groups are likeliest, 0 when there is no excess.

    The derivative, sum c s / (r + p s) - n, falls and is convex: Newton's method comes up to its root from below.
    """
    groups = [each for each in groups if each.share > 0]
    if not groups or sites <= 0:
        return 0.0
    callers = sum(each.number for each in groups)
    propensity = max(callers / sites - max(each.rate / each.share for each in groups), 0.0)
    for _ in range(STEPS_AT_MOST):
        slope, bend = -sites, 0.0
        for each in groups:
            part = each.share / (each.rate + propensity * each.share)
            slope += each.number * part
            bend += each.number * part * part
        if slope <= 1e-9 * sites:
            break
        propensity += slope / bend
    return propensity


# --- which parts ----------------------------------------------------------------------------------------------------


def naming(number: int, taken: int) -> float:
    """Return what it takes to say which parts are out: how many, small numbers before large ones, and which of them."""
    return log(taken * _harmonic(number)) + lgamma(number + 1) - lgamma(taken + 1) - lgamma(number - taken + 1)


def worth(scores: Sequence[float], others: int, score: float) -> float:
    """Return the log of what all sets of some parts with their log likelihood ratios are worth together.

    Beside them are others, of which each has the same ratio. Each part is out with a probability that is one for all of
    them and not known: the share of the parts that are out, whose prior falls as 1 / (share + 1 / parts), for small
    outages are more than large ones. The parts are independent given that share: what all sets are worth is one
    integral over it.
    """
    above, logs = _by_share(scores, others, score)
    most = max(logs)
    return above + most + log(sum(exp(each - most) for each in logs))


def chances(scores: Sequence[float], others: int, score: float) -> list[float]:
    """Return how likely each part is out, when all sets are weighed as for `worth`."""
    _, logs = _by_share(scores, others, score)
    most = max(logs)
    weights = [exp(each - most) for each in logs]
    total = sum(weights)
    weights = [weight / total for weight in weights]
    return [_chance(high, low, weights) for high, low in map(_scaled, scores)]


def _by_share(scores: Sequence[float], others: int, score: float) -> tuple[float, list[float]]:
    """Return what was taken off all logs, and for each share the log of its prior and likelihood."""
    parts = len(scores) + others
    scaled = [_scaled(each) for each in scores]
    above = sum(max(each, 0.0) for each in scores) + others * max(score, 0.0)
    high, low = _scaled(score)
    logs = []
    for share, width in _GRID:
        value = log(width / ((share + 1 / parts) * log1p(parts))) + others * log(high + share * (low - high))
        for first in range(0, parts - others, AT_ONCE):
            value += log(prod(out + share * (inside - out) for out, inside in scaled[first : first + AT_ONCE]))
        logs.append(value)
    return above, logs


def _scaled(score: float) -> tuple[float, float]:
    """Return the likelihoods of a part that is not out and of one that is, the larger one as 1."""
    return (exp(-score), 1.0) if score > 0 else (1.0, exp(score))


def _chance(high: float, low: float, weights: Sequence[float]) -> float:
    return sum(
        weight * share * low / (high + share * (low - high)) for weight, (share, _) in zip(weights, _GRID, strict=True)
    )


def _harmonic(number: int) -> float:
    if number <= SUMMED:
        return sum(1 / each for each in range(1, number + 1))
    return log(number) + 0.5772156649 + 0.5 / number
