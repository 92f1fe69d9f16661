"""Where: which regions explain an excess of complaints with the fewest unaffected customers.

In come the callers of one suspicion, counted by the regions they lie in (each group a path, narrow before wide), how
many are expected of each group when nothing is wrong, how many sites with the service each region has, and the parts of
each region. Out comes the set of regions with a reason for each, and the regions of which one cannot tell. Values in,
values out: no store, no clock, nothing is remembered.

How likely a set is: `notifier.domain.propensity`. A wide region competes with all sets of its parts together. Half of
the outages that touch it take all of it; of the others, those of few parts are more than those of many. So siblings
that are out together raise their parent, and one part among many has to be told apart by its callers. When the parts
win, those are named that are out rather than not: one that has called although its siblings explain it poorly, and one
that is silent but so small that its silence says nothing where nearly all of its siblings are out.
Formulas, parameters and figures: docs/detection-where.md.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import ceil, inf, isfinite

from notifier.domain.propensity import (
    MANY_PARTS,
    OWN_PROPENSITY,
    Group,
    chances,
    likelihood,
    merged,
    naming,
    ratio,
    together,
    worth,
)

NAMED_FROM = 0.5  # chance of being out from which a part is named
DOUBTED_FROM = 0.1  # chance from which it is said that an unnamed part may be out
SURE_FROM = 0.9  # chance from which a named part is not doubted
ASTRAY = 0.02  # of the callers of an outage lie elsewhere: they call for somebody else, or their address is wrong
EXPECTED_AT_LEAST = 0.02  # callers of a group in any window: no place is so quiet that one caller is proof
EQUAL = 1e-6  # nats


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Counted callers that lie in the same regions."""

    path: tuple[int, ...]  # of watched regions, narrow before wide
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """What is known of one suspicion: who called since it began, and the regions they lie in."""

    callers: Sequence[Callers]
    expected: Mapping[int, float]  # callers of a region in the same time when nothing is wrong
    sites: Mapping[int, int]  # with the service, by region
    shares: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """Of a narrow region's sites, how many lie in a wide one: (narrow, wide) -> share. Not listed: all of them."""
    parts: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    """The next narrower regions of a region, with the sites they have in it. Not listed: their number is estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One region of an explanation, with the reason."""

    region_id: int
    callers: int
    expected: float
    sites: int
    parts: int = 0  # of it had callers, and it was likelier than the best set of them
    within: int | None = None  # the wider region that it was likelier than
    chance: float = 1.0  # that it is out, when its siblings are told apart

    @property
    def is_sure(self) -> bool:
        """Tell whether it is hardly in doubt that this region is out."""
        return self.chance >= SURE_FROM


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The regions that explain an excess, and the siblings of them that may be out as well."""

    named: tuple[Explained, ...]
    beside: tuple[Explained, ...] = ()


@dataclass(slots=True)
class _Choice:
    """The best explanation within one region."""

    regions: list[Explained]
    groups: list[Group]
    sites: float
    price: float  # of telling its parts apart
    alone: float  # its log likelihood ratio with a propensity of its own
    beside: list[Explained] = field(default_factory=list)  # parts that are not named and may be out

    @property
    def value(self) -> float:
        return self.alone - self.price


def explain(excess: Excess, roots: Iterable[int], *, at_least: float = -inf) -> tuple[Explained, ...]:
    """Return the regions inside `roots` that explain the excess, by region id: those that `weigh` names."""
    return weigh(excess, roots, at_least=at_least).named


def weigh(excess: Excess, roots: Iterable[int], *, at_least: float = -inf) -> Explanation:
    """Return the regions inside `roots` that explain the excess, and those beside them that may be out, by region id.

    `roots` are wide regions that show evidence: nothing wider is proposed, and callers outside all of them are left
    alone. Where roots overlap, the one listed first has the callers. A root without an excess explains nothing, nor
    does one whose best explanation is not worth `at_least` nats after what it costs to name it. One that would be named
    as a whole for less than opens an incident leaves its callers to a narrower root inside it. A region without sites,
    or of which nobody knows what to expect, cannot be weighed: its callers count in the next wider one.
    """
    weighed = (_weighed(excess, each) for each in excess.callers if each.number > 0)
    left = sorted((each for each in weighed if each.path), key=lambda each: each.path)
    named: dict[int, Explained] = {}
    beside: dict[int, Explained] = {}
    roots = tuple(roots)
    for position, root in enumerate(roots):
        inside = [each for each in left if root in each.path]
        if inside:
            choice = _solve(excess, root, inside)
            if _is_faint(choice, root) and _holds(inside, root, roots[position + 1 :]):
                continue  # its evidence has faded among all the callers since; that of the narrower root has not
            left = [each for each in left if root not in each.path]
            if choice.alone > 0 and choice.value >= at_least:
                named.update((each.region_id, each) for each in choice.regions)
                beside.update((each.region_id, each) for each in choice.beside)
    return Explanation(
        named=tuple(named[region_id] for region_id in sorted(named)),
        beside=tuple(beside[region_id] for region_id in sorted(beside.keys() - named.keys())),
    )


def _is_faint(choice: _Choice, root: int) -> bool:
    return choice.alone < OWN_PROPENSITY and [each.region_id for each in choice.regions] == [root]


def _holds(callers: Iterable[Callers], root: int, narrower: Collection[int]) -> bool:
    """Tell whether somebody in a root called from another root inside it."""
    return any(each in narrower for one in callers for each in one.path[: one.path.index(root)])


def _weighed(excess: Excess, callers: Callers) -> Callers:
    path = tuple(each for each in callers.path if _can_be_weighed(excess, each))
    return callers if len(path) == len(callers.path) else replace(callers, path=path)


def _can_be_weighed(excess: Excess, region: int) -> bool:
    return excess.sites.get(region, 0) > 0 and isfinite(excess.expected.get(region, 0.0))


# --- one region against its parts -----------------------------------------------------------------------------------


def _solve(excess: Excess, region: int, callers: Sequence[Callers]) -> _Choice:
    """Return the better of the region as a whole and the best set of its parts."""
    groups = merged(_group(excess, each) for each in callers)
    sites = float(_sites(excess, region))
    number, expected = sum(each.number for each in callers), excess.expected.get(region, 0.0)
    alone = likelihood(groups, sites) if number > expected else 0.0
    whole = _Choice(regions=[], groups=groups, sites=sites, price=0.0, alone=alone)
    split = _split(excess, region, callers)
    if split is not None and (alone <= 0 or split.value >= whole.value - EQUAL):  # its only part is its narrower name
        return split
    whole.regions = [
        Explained(
            region_id=region,
            callers=number,
            expected=expected,
            sites=round(sites),
            parts=len({_part_of(each, region) for each in callers} - {region}),
        )
    ]
    return whole


def _split(excess: Excess, region: int, callers: Sequence[Callers]) -> _Choice | None:
    """Return what the sets of the region's parts are worth, with the parts that are out; None when no caller is in one.

    The likeliest set says with which propensity sites call; with that one all sets are weighed together.
    """
    by_part: dict[int, list[Callers]] = {}
    for each in callers:
        by_part.setdefault(_part_of(each, region), []).append(each)
    direct = by_part.pop(region, [])
    parts = [_within(excess, _solve(excess, part, by_part[part]), part, region) for part in sorted(by_part)]
    calling = sorted((choice for choice in parts if choice.alone > 0), key=lambda choice: -choice.value)
    if not calling:
        return None
    weak = [choice for choice in parts if choice.alone <= 0]
    silent = [_silent(part, sites, region) for sites, part in _silent_parts(excess, region, by_part)]
    everything = float(_sites(excess, region))
    number = max(_number(excess, region, by_part), len(parts) + len(silent))
    unplaced = [_group(excess, each) for each in direct]
    likeliest, propensity = _likeliest([*calling, *silent], unplaced, number, everything)
    every = [*calling, *weak, *silent]
    others = number - len(every)
    size = max(everything - sum(choice.sites for choice in every), 0.0) / others if others else 0.0

    value = worth([_score(choice, propensity) for choice in every], others, -propensity * size)
    value += ratio(_shared(unplaced, likeliest.sites, everything), 0.0, propensity)
    likeliest.price = likeliest.alone - max(value, likeliest.value)
    astray = ASTRAY * sum(each.number for each in callers) / everything
    scores = [_score(choice, propensity, astray) for choice in every]
    found = zip(every, chances(scores, others, -propensity * size), strict=True)
    return _named(likeliest, list(found), unplaced, everything)


def _likeliest(
    parts: Sequence[_Choice], unplaced: Sequence[Group], number: int, everything: float
) -> tuple[_Choice, float]:
    """Return the likeliest set of those that begin a list of parts, best first, and the propensity they share."""
    best_value, best, shared = -inf, _Choice(regions=[], groups=[], sites=0.0, price=0.0, alone=0.0), 0.0
    for size in _sizes(len(parts)):
        chosen = parts[:size]
        sites = sum(choice.sites for choice in chosen)
        here = _shared(unplaced, sites, everything)
        price = naming(number, size) + sum(choice.price for choice in chosen)
        alone, propensity = together(chosen, here)
        if alone - price > best_value:
            groups = [*chain(here, *(choice.groups for choice in chosen))]
            regions = [each for choice in chosen for each in choice.regions]
            best = _Choice(regions=regions, groups=groups, sites=sites, price=price, alone=alone)
            best_value, shared = best.value, propensity
    best.groups = merged(best.groups)
    return best, shared


def _named(
    likeliest: _Choice, parts: Sequence[tuple[_Choice, float]], unplaced: Sequence[Group], everything: float
) -> _Choice:
    """Return the choice of the parts that are out rather than not, and of the others those that may be."""
    out = [choice for choice, chance in parts if chance >= NAMED_FROM and _may_be_named(choice)]
    if out:
        likeliest.sites = sum(choice.sites for choice in out)
        likeliest.groups = merged(
            chain(_shared(unplaced, likeliest.sites, everything), *(choice.groups for choice in out))
        )
        likeliest.regions = [
            replace(each, chance=min(each.chance, chance))
            for choice, chance in parts
            if chance >= NAMED_FROM and _may_be_named(choice)
            for each in choice.regions
        ]
    likeliest.beside = [each for choice in out for each in choice.beside]
    likeliest.beside += [
        replace(each, chance=chance)
        for choice, chance in parts
        if chance >= DOUBTED_FROM and not (chance >= NAMED_FROM and _may_be_named(choice))
        for each in choice.regions
    ]
    return likeliest


def _may_be_named(choice: _Choice) -> bool:
    """Tell whether a part has more callers than are expected, or is silent; fewer than expected speak against it."""
    return choice.alone > 0 or not choice.groups


def _score(choice: _Choice, propensity: float, rate: float = 0.0) -> float:
    """Return the log likelihood ratio of a part at the propensity of its siblings, or at its own where that pays.

    `rate` are callers per site more than are expected, who are out elsewhere.
    """
    groups = [Group(each.number, each.rate + rate, each.share) for each in choice.groups] if rate else choice.groups
    own = choice.alone - OWN_PROPENSITY if choice.alone > OWN_PROPENSITY else -inf
    return max(ratio(groups, choice.sites, propensity), own) - choice.price


def _within(excess: Excess, choice: _Choice, part: int, region: int) -> _Choice:
    choice.sites *= excess.shares.get((part, region), 1.0)
    choice.regions = [each if each.within is not None else replace(each, within=region) for each in choice.regions]
    return choice


def _silent_parts(excess: Excess, region: int, calling: Mapping[int, object]) -> list[tuple[int, int]]:
    """Return (sites, part) of the parts without a caller, small ones first: their silence says least."""
    listed = excess.parts.get(region, {})
    return sorted((sites, part) for part, sites in listed.items() if part not in calling and sites > 0)


def _silent(part: int, sites: int, region: int) -> _Choice:
    explained = Explained(region_id=part, callers=0, expected=0.0, sites=sites, within=region)
    return _Choice(regions=[explained], groups=[], sites=float(sites), price=0.0, alone=0.0)


def _number(excess: Excess, region: int, calling: Mapping[int, object]) -> int:
    """Return how many parts a region has: as they are listed, else by the mean size of those that called."""
    if region in excess.parts:
        return len(excess.parts[region])
    everything = float(_sites(excess, region))
    known = sum(min(_sites(excess, part) * excess.shares.get((part, region), 1.0), everything) for part in calling)
    return ceil(everything * len(calling) / max(known, 1.0) - 1e-9)


def _shared(unplaced: Sequence[Group], sites: float, everything: float) -> list[Group]:
    """Return callers whose part is not known as those of a set of parts, by the share of the sites it has."""
    share = min(sites / max(everything, 1.0), 1.0)
    return [Group(each.number, each.rate, share) for each in unplaced]


def _part_of(callers: Callers, region: int) -> int:
    """Return the next narrower region of a path, or the region itself when there is none."""
    return callers.path[max(callers.path.index(region) - 1, 0)]


def _group(excess: Excess, callers: Callers) -> Group:
    narrowest = callers.path[0]
    expected = max(excess.expected.get(narrowest, 0.0), EXPECTED_AT_LEAST)
    return Group(callers.number, expected / _sites(excess, narrowest))


def _sites(excess: Excess, region: int) -> int:
    return excess.sites[region]


def _sizes(parts: int) -> Iterable[int]:
    """Return the numbers of parts that are tried: one by one, then in steps of a tenth, and of many of a fifth."""
    taken = 1
    while taken < parts:
        yield taken
        taken += 1 if taken < MANY_PARTS else taken // (10 if taken < 10 * MANY_PARTS else 5)
    yield parts
