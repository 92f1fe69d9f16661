"""Where: which regions explain an excess of complaints with the fewest unaffected customers.

In come the callers of one suspicion, counted by the regions they lie in (each group a path, narrow before wide), how
many are expected of each group when nothing is wrong, and how many sites with the service each region has. Out comes
the set of regions with a reason for each. Values in, values out: no store, no clock, nothing is remembered.

The model. Where service is out, a site calls with a propensity p that nobody knows; elsewhere callers come as the
baseline expects. A set of regions with n sites is as likely as

    L = sum over the callers in it of ln(1 + p / r) - p n,     r = expected callers per site there,

at its best p: the log likelihood ratio of a Poisson scan (Kulldorff 1997) whose population are the sites. Silence is
evidence: every site of the set that nobody called from costs p. A wide region competes with the best set of its
parts. Parts cost what it takes to say which of them, ln K + ln C(K, k) for k of K: half of the time the whole is out,
else every number of parts is as likely. So siblings that are out together raise their parent, and one part among many
has to be told apart by its callers.
A part that has called much more or less than its siblings (it failed later, or in part) keeps a propensity of its own.
Formulas, parameters and figures: docs/detection-where.md.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from math import ceil, inf, isfinite, lgamma, log, log1p

OWN_PROPENSITY = 8.5  # nats that a part with a propensity of its own costs: as much as opens an incident
PART_AT_LEAST = 2.0  # nats of its own that a part must have: one caller where 0.05 are expected
EXPECTED_AT_LEAST = 0.02  # callers of a group in any window: no place is so quiet that one caller is proof
EQUAL = 1e-6  # nats
STEPS_AT_MOST = 30  # of Newton's method
LEAVE_AT_ONCE = 0.25  # of the parts that would rather have a propensity of their own, where there are many
ROUNDS_AT_MOST = 8  # of coming back
PARTS_TRIED_SINGLY = 24  # of a wide region, in order; beyond, in steps of a tenth, and from 240 on of a fifth


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One region of an explanation, with the reason."""

    region_id: int
    callers: int
    expected: float
    sites: int
    parts: int = 0  # of it had callers, and it was likelier than the best set of them
    within: int | None = None  # the wider region that it was likelier than


@dataclass(slots=True)
class _Group:
    number: int
    rate: float  # expected callers per site: r
    share: float = 1.0  # of its sites that are in the set


@dataclass(slots=True)
class _Choice:
    """The best explanation within one region."""

    regions: list[Explained]
    groups: list[_Group]
    sites: float
    price: float  # of telling its parts apart
    alone: float  # its log likelihood ratio with a propensity of its own

    @property
    def value(self) -> float:
        return self.alone - self.price


def explain(excess: Excess, roots: Iterable[int], *, at_least: float = -inf) -> tuple[Explained, ...]:
    """Return the regions inside `roots` that explain the excess, by region id.

    `roots` are wide regions that show evidence: nothing wider is proposed, and callers outside all of them are left
    alone. Where roots overlap, the one listed first has the callers. A root without an excess explains nothing, nor
    does one whose best explanation is not worth `at_least` nats after what it costs to name it. A region without sites,
    or of which nobody knows what to expect, cannot be weighed: its callers count in the next wider one.
    """
    weighed = (_weighed(excess, each) for each in excess.callers if each.number > 0)
    left = sorted((each for each in weighed if each.path), key=lambda each: each.path)
    found: dict[int, Explained] = {}
    for root in roots:
        inside = [each for each in left if root in each.path]
        left = [each for each in left if root not in each.path]
        if inside:
            choice = _solve(excess, root, inside)
            if choice.alone > 0 and choice.value >= at_least:
                found.update((each.region_id, each) for each in choice.regions)
    return tuple(found[region_id] for region_id in sorted(found))


def causes(regions: Iterable[int], paths: Iterable[Sequence[int]], rank: Mapping[int, int]) -> list[tuple[int, ...]]:
    """Return the regions of an explanation by cause, the largest group first.

    Two have one cause when they are siblings: the next wider region above the wider one of them holds both. Two nodes
    of one postal code are, two postal codes of one city are, two nodes of different postal codes are not. `paths` are
    those of the callers, `rank` the kinds of the regions from narrow to wide.
    """
    chosen = sorted(set(regions))
    leader = {region: region for region in chosen}

    def find(region: int) -> int:
        while leader[region] != region:
            region = leader[region]
        return region

    by_parent: dict[tuple[int, int], set[int]] = {}
    for path in paths:
        for region in path:
            if region not in leader:
                continue
            for below, above in pairwise(path):
                if rank[below] >= rank[region]:
                    by_parent.setdefault((rank[below], above), set()).add(region)
    for (level, _), members in sorted(by_parent.items()):
        if any(rank[member] == level for member in members):
            first = find(min(members))
            for member in members:
                leader[find(member)] = first
    groups: dict[int, list[int]] = {}
    for region in chosen:
        groups.setdefault(find(region), []).append(region)
    return sorted((tuple(group) for group in groups.values()), key=lambda group: (-len(group), group))


def shared_parent(region: int, path: Sequence[int], other_rank: int, rank: Mapping[int, int]) -> int | None:
    """Return which region of `path` must hold another region, of a rank, to make it a sibling; None: nothing does."""
    wider = max(rank[region], other_rank)
    return next((above for above in path if rank[above] > wider), None)


def _weighed(excess: Excess, callers: Callers) -> Callers:
    path = tuple(each for each in callers.path if _can_be_weighed(excess, each))
    return callers if len(path) == len(callers.path) else replace(callers, path=path)


def _can_be_weighed(excess: Excess, region: int) -> bool:
    return excess.sites.get(region, 0) > 0 and isfinite(excess.expected.get(region, 0.0))


# --- one region against its parts -----------------------------------------------------------------------------------


def _solve(excess: Excess, region: int, callers: Sequence[Callers]) -> _Choice:
    """Return the better of the region as a whole and the best set of its parts."""
    groups = _merged(_group(excess, each) for each in callers)
    sites = float(_sites(excess, region))
    number, expected = sum(each.number for each in callers), excess.expected.get(region, 0.0)
    alone = _likelihood(groups, sites) if number > expected else 0.0
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
    """Return the best set of the region's parts; None when no caller lies in a part of it."""
    by_part: dict[int, list[Callers]] = {}
    for each in callers:
        by_part.setdefault(_part_of(each, region), []).append(each)
    direct = by_part.pop(region, [])
    if not by_part:
        return None
    everything = float(_sites(excess, region))
    parts = []
    for part in sorted(by_part):
        choice = _solve(excess, part, by_part[part])
        choice.sites *= excess.shares.get((part, region), 1.0)
        if choice.alone >= PART_AT_LEAST:
            parts.append(choice)
    if not parts:
        return None
    parts.sort(key=lambda choice: -choice.value)
    known = sum(min(_sites(excess, part) * excess.shares.get((part, region), 1.0), everything) for part in by_part)
    number = max(len(by_part), ceil(everything * len(by_part) / max(known, 1.0) - 1e-9))
    best_value, best = -inf, _Choice(regions=[], groups=[], sites=0.0, price=0.0, alone=0.0)
    taken = 0
    for size in _sizes(len(parts)):
        chosen = parts[:size]
        sites = sum(choice.sites for choice in chosen)
        share = min(sites / max(everything, 1.0), 1.0)
        unplaced = [_Group(each.number, _group(excess, each).rate, share) for each in direct]
        price = _ways(number, size) + sum(choice.price for choice in chosen)
        alone = _together(chosen, unplaced)
        if alone - price > best_value:
            groups = [*chain(unplaced, *(choice.groups for choice in chosen))]
            best = _Choice(regions=[], groups=groups, sites=sites, price=price, alone=alone)
            best_value, taken = best.value, size
    best.groups = _merged(best.groups)
    best.regions = [_within(each, region) for choice in parts[:taken] for each in choice.regions]
    return best


def _within(explained: Explained, region: int) -> Explained:
    return explained if explained.within is not None else replace(explained, within=region)


def _part_of(callers: Callers, region: int) -> int:
    """Return the next narrower region of a path, or the region itself when there is none."""
    return callers.path[max(callers.path.index(region) - 1, 0)]


def _group(excess: Excess, callers: Callers) -> _Group:
    narrowest = callers.path[0]
    expected = max(excess.expected.get(narrowest, 0.0), EXPECTED_AT_LEAST)
    return _Group(callers.number, expected / _sites(excess, narrowest))


def _sites(excess: Excess, region: int) -> int:
    return excess.sites[region]


def _sizes(parts: int) -> Iterable[int]:
    taken = 1
    while taken < parts:
        yield taken
        taken += 1 if taken < PARTS_TRIED_SINGLY else taken // (10 if taken < 10 * PARTS_TRIED_SINGLY else 5)
    yield parts


def _ways(number: int, taken: int) -> float:
    """Return what it takes to say which parts are out: ln of how many sets of so many there are, and how many sizes."""
    return log(number) + lgamma(number + 1) - lgamma(taken + 1) - lgamma(number - taken + 1)


# --- likelihood -----------------------------------------------------------------------------------------------------


def _together(parts: Sequence[_Choice], unplaced: Sequence[_Group]) -> float:
    """Return the log likelihood ratio of a set of parts against nothing being wrong.

    They share one propensity, but for those that pay for their own: those that gain most leave first, of many a
    quarter at once, and the shared propensity is found anew each time. When nobody leaves any more, whoever would
    rather be back comes back, as long as that raises the likelihood.
    """
    own: set[int] = set()
    value, gains = _shared(parts, unplaced, own)
    best = value
    while leaving := sorted((index for index in _gaining(gains) if index not in own), key=lambda index: -gains[index]):
        own.update(leaving[: ceil(len(leaving) * LEAVE_AT_ONCE) if len(parts) > PARTS_TRIED_SINGLY else 1])
        if len(own) == len(parts):
            own.remove(min(own, key=gains.__getitem__))  # one has the shared one, for which nobody pays
            return max(best, _shared(parts, unplaced, own)[0])
        value, gains = _shared(parts, unplaced, own)
        best = max(best, value)
    for _ in range(ROUNDS_AT_MOST):
        if own == (own := _gaining(gains)) or len(own) == len(parts):
            break
        value, gains = _shared(parts, unplaced, own)
        best = max(best, value)
    return best


def _gaining(gains: Sequence[float]) -> set[int]:
    return {index for index, gain in enumerate(gains) if gain > OWN_PROPENSITY}


def _shared(parts: Sequence[_Choice], unplaced: Sequence[_Group], own: Container[int]) -> tuple[float, list[float]]:
    """Return what a set of parts is worth when some pay for their own propensity, and what each would gain by one."""
    sharing = [part for index, part in enumerate(parts) if index not in own]
    groups = _merged(chain(unplaced, *(part.groups for part in sharing)))
    sites = sum(part.sites for part in sharing)
    propensity = _propensity(groups, sites)
    paid = sum(part.alone - OWN_PROPENSITY for index, part in enumerate(parts) if index in own)
    value = paid + _ratio(groups, sites, propensity)
    if len(parts) < 2:
        return value, []
    return value, [part.alone - _ratio(part.groups, part.sites, propensity) for part in parts]


def _merged(groups: Iterable[_Group]) -> list[_Group]:
    """Return groups that call at one rate as one: to the likelihood they are."""
    number: dict[tuple[float, float], int] = {}
    for each in groups:
        key = each.rate, each.share
        number[key] = number.get(key, 0) + each.number
    return [_Group(callers, rate, share) for (rate, share), callers in number.items()]


def _likelihood(groups: Sequence[_Group], sites: float) -> float:
    return _ratio(groups, sites, _propensity(groups, sites))


def _ratio(groups: Sequence[_Group], sites: float, propensity: float) -> float:
    if propensity <= 0:
        return 0.0
    return sum(each.number * log1p(propensity * each.share / each.rate) for each in groups) - propensity * sites


def _propensity(groups: Sequence[_Group], sites: float) -> float:
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
