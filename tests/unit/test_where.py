"""Which regions explain an excess: the rules of place, each by its test, and what holds whatever has happened."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain import propensity, where
from notifier.domain.causes import causes
from notifier.domain.where import Callers, Excess, explain, weigh

AREA, CITY = 1, 10
CODES = (100, 101, 102, 103, 104)
NODES_PER_CODE = 10
NODE_SITES = 100
RANK = {AREA: 3, CITY: 2, **dict.fromkeys(CODES, 1), **dict.fromkeys(range(1000, 1050), 0)}


def node(code: int, number: int) -> int:
    """Return a node of a postal code."""
    return 1000 + 10 * CODES.index(code) + number


def path(region: int) -> tuple[int, ...]:
    """Return where a node lies, narrow before wide."""
    return (region, CODES[(region - 1000) // 10], CITY, AREA)


def town(callers: Mapping[int, int], *, expected_of_a_node: float = 0.002, nodes: int = 50) -> Excess:
    """Return five postal codes of ten nodes with 100 sites each in one city, and who called from which node."""
    sites = dict.fromkeys(range(1000, 1000 + nodes), NODE_SITES)
    sites |= dict.fromkeys(CODES, NODE_SITES * NODES_PER_CODE)
    sites |= {CITY: NODE_SITES * nodes, AREA: 10 * NODE_SITES * nodes}
    return Excess(
        callers=[Callers(path=path(region), number=number) for region, number in callers.items()],
        expected={region: number / NODE_SITES * expected_of_a_node for region, number in sites.items()},
        sites=sites,
    )


def place(excess: Excess, *roots: int) -> tuple[int, ...]:
    return tuple(each.region_id for each in explain(excess, roots or (AREA,)))


def spread(code: int, callers: int) -> dict[int, int]:
    """Return callers from as many nodes of a postal code as there are, one after the other."""
    found: dict[int, int] = {}
    for number in range(callers):
        region = node(code, number * 7 % NODES_PER_CODE)
        found[region] = found.get(region, 0) + 1
    return found


# --- the rules ------------------------------------------------------------------------------------------------------


def test_a_node_that_has_all_the_callers_is_the_place() -> None:
    assert place(town({node(100, 3): 3})) == (node(100, 3),)


def test_a_postal_code_is_the_place_when_its_nodes_do_not_explain_the_callers() -> None:
    assert place(town(spread(100, 6))) == (100,)


def test_a_node_with_three_of_five_callers_does_not_take_the_place_of_its_postal_code() -> None:
    assert place(town({node(100, 3): 3, node(100, 5): 1, node(100, 8): 1})) == (100,)


def test_siblings_that_are_all_out_raise_their_parent() -> None:
    assert place(town({region: n for code in CODES for region, n in spread(code, 5).items()})) == (CITY,)


def test_the_codes_that_are_out_are_named_when_the_others_are_silent() -> None:
    assert place(town({region: n for code in CODES[1:4] for region, n in spread(code, 10).items()})) == CODES[1:4]


def test_the_silence_of_a_large_part_speaks_against_the_whole() -> None:
    excess = town(spread(100, 10))
    assert place(excess, CITY) == (100,)
    hardly_more = {**excess.sites, CITY: 1100}
    assert place(replace(excess, sites=hardly_more), CITY) == (CITY,)


def test_a_part_that_failed_later_is_named_though_it_has_called_less() -> None:
    assert place(town({**spread(100, 60), **spread(101, 6)})) == (100, 101)


def test_one_caller_elsewhere_is_no_part_of_it() -> None:
    assert place(town({**spread(100, 12), node(103, 4): 1})) == (100,)


# --- what a single caller says, and what silence does -----------------------------------------------------------------

SPRINGFIELD = {110: 41, 111: 49, 112: 41, 113: 13, 114: 58}


def springfield(callers: Mapping[int, int], *, sites: Mapping[int, int] = SPRINGFIELD) -> Excess:
    """Return a city of five small postal codes without nodes, and how many called from which."""
    every = {**sites, CITY: sum(sites.values())}
    return Excess(
        callers=[Callers(path=(code, CITY), number=number) for code, number in callers.items()],
        expected={region: 0.00015 * number for region, number in every.items()},
        sites=every,
        parts={CITY: sites},
    )


def test_one_caller_where_six_would_have_called_is_not_told_that_it_is_out() -> None:
    found = weigh(springfield({110: 1, 112: 6, 114: 8}), [CITY])
    assert [each.region_id for each in found.named] == [112, 114]
    assert all(each.is_sure for each in found.named)


def test_one_caller_where_not_many_more_would_have_called_is_evidence() -> None:
    (_, small, _) = weigh(springfield({112: 6, 113: 1, 114: 8}), [CITY]).named
    assert (small.region_id, small.callers) == (113, 1)
    assert not small.is_sure


def test_what_cannot_be_told_apart_is_said() -> None:
    beside = {each.region_id: each for each in weigh(springfield({110: 1, 112: 6, 114: 8}), [CITY]).beside}
    assert set(beside) == {110, 113}  # not 111: of 49 sites somebody would have called
    assert (beside[110].callers, beside[113].callers) == (1, 0)
    assert all(0.1 <= each.chance < 0.5 for each in beside.values())


def few_are_silent(*, large: int) -> Excess:
    sites = {**dict.fromkeys(range(200, 208), 100), 208: 5, 209: large}
    return springfield(dict.fromkeys(range(200, 208), 4), sites=sites)


def test_a_small_silent_region_whose_siblings_are_out_is_out_too() -> None:
    assert place(few_are_silent(large=400), CITY) == (*range(200, 208), 208)


def test_the_silence_of_a_large_region_is_evidence_and_that_of_a_small_one_is_none() -> None:
    assert place(few_are_silent(large=20), CITY) == (CITY,)
    found = {each.region_id: each for each in weigh(few_are_silent(large=400), [CITY]).named}
    assert (found[208].callers, found[208].within) == (0, CITY)
    assert found[208].chance < found[200].chance


def test_parts_that_are_not_listed_are_not_named_for_their_silence() -> None:
    unknown = replace(few_are_silent(large=400), parts={})
    assert 208 not in place(unknown, CITY)


def test_three_callers_of_few_large_parts_are_told_apart_and_of_many_small_ones_are_not() -> None:
    def among(parts: int) -> tuple[int, ...]:
        sites = {200: 30, 201: 30, **dict.fromkeys(range(202, 200 + parts), 740 // (parts - 2))}
        return place(springfield({200: 2, 201: 1}, sites=sites), CITY)

    assert among(6) == (200, 201)
    assert among(60) == (CITY,)


def test_a_busy_region_needs_more_callers_than_a_quiet_one() -> None:
    two = {**spread(100, 30), node(101, 0): 2}
    assert place(town(two, expected_of_a_node=0.3)) == (100,)


def test_callers_whose_node_is_not_known_belong_to_the_wide_region() -> None:
    excess = town({})
    unplaced = [Callers(path=(100, CITY, AREA), number=8)]
    assert place(replace(excess, callers=unplaced)) == (100,)


def test_a_region_counts_in_another_only_with_the_sites_it_has_there() -> None:
    straddling = 1000
    callers = [
        Callers(path=(straddling, 100, CITY, AREA), number=6),
        Callers(path=(straddling, 101, CITY, AREA), number=6),
    ]
    excess = replace(town({}), callers=callers, shares={(straddling, 100): 0.5, (straddling, 101): 0.5})
    assert place(excess) == (straddling,)


def test_nothing_wider_than_what_has_shown_evidence_is_proposed() -> None:
    everywhere = town({region: n for code in CODES for region, n in spread(code, 5).items()})
    assert place(everywhere, 100) == (100,)


def test_where_roots_overlap_the_first_has_the_callers() -> None:
    assert place(town(spread(100, 6)), CITY, 100) == (100,)


def test_a_wide_root_whose_evidence_has_faded_leaves_its_callers_to_the_narrower_one_inside() -> None:
    sites = {100: 15_000, CITY: 170_000, **dict.fromkeys(range(200, 205), 31_000)}
    calls = {100: 3, **dict.fromkeys(range(200, 205), 1)}
    faded = Excess(
        callers=[Callers(path=(code, CITY), number=number) for code, number in calls.items()],
        expected={region: 0.0000245 * number for region, number in sites.items()},
        sites=sites,
    )
    assert place(faded, CITY) == (CITY,)  # eight callers where four are usual, and nothing narrower has shown evidence
    assert place(faded, CITY, 100) == (100,)
    many = replace(faded, callers=[replace(each, number=sites[each.path[0]] // 1500) for each in faded.callers])
    assert place(many, CITY, 100) == (CITY,)


def test_what_is_not_worth_its_name_is_not_named_when_so_much_is_asked_for() -> None:
    assert explain(town(spread(100, 3)), [CITY], at_least=8.5) == ()
    assert [each.region_id for each in explain(town(spread(100, 6)), [CITY], at_least=8.5)] == [100]


def test_every_region_comes_with_its_reason() -> None:
    (found,) = explain(town(spread(100, 6)), [CITY])
    assert (found.callers, found.sites, found.parts, found.within) == (6, 1000, 6, CITY)
    assert 0.019 < found.expected < 0.021


# --- causes ---------------------------------------------------------------------------------------------------------

PATHS = [path(region) for region in range(1000, 1050)]


def test_a_region_without_sites_is_no_place_and_its_callers_count_in_the_wider_one() -> None:
    bare = Excess(callers=[Callers(path=(5, 6), number=4)], expected={}, sites={5: 0, 6: 10})
    assert [(each.region_id, each.callers, each.sites) for each in explain(bare, [6])] == [(6, 4, 10)]
    assert explain(replace(bare, sites={}), [6]) == ()


def test_a_region_of_which_nobody_knows_what_to_expect_does_not_hide_the_wider_one() -> None:
    unknown = Excess(callers=[Callers(path=(5, 6), number=4)], expected={5: math.nan, 6: 0.1}, sites={5: 5, 6: 10})
    assert [each.region_id for each in explain(unknown, [6])] == [6]


def storm(codes: int) -> Excess:
    """Return a storm: ten nodes of 50 sites in each postal code, and how many call differs by thirty times."""
    callers: list[Callers] = []
    random, sites = Random(1), {1: codes * 500}  # noqa: S311 - a storm that is always the same
    for code in range(10, 10 + codes):
        sites[code] = 500
        for one in range(code * 100_000, code * 100_000 + 10):
            sites[one] = 50
            callers.append(Callers(path=(one, code, 1), number=random.choice([1, 1, 1, 2, 3, 8, 30])))
    return Excess(callers=callers, expected={}, sites=sites)


def test_a_storm_of_many_regions_takes_work_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, ratio = Counter[int](), propensity.ratio

    def counted(groups: Sequence[propensity.Group], sites: float, rate: float) -> float:
        calls[codes] += 1
        return ratio(groups, sites, rate)

    monkeypatch.setattr(propensity, "ratio", counted)
    monkeypatch.setattr(where, "ratio", counted)
    for codes in (50, 500):
        assert len(explain(storm(codes), [1])) > 5 * codes
    assert calls[500] < 20 * calls[50]  # a pass over all parts for each part that leaves: 70 times


def test_what_calls_much_more_than_its_many_siblings_is_named_beside_them() -> None:
    excess = storm(100)
    loud = {each.path[0] for each in excess.callers if each.number == 30}
    assert loud <= {each.region_id for each in explain(excess, [1])}


def test_postal_codes_of_one_city_have_one_cause() -> None:
    assert causes([100, 102], PATHS, RANK) == [(100, 102)]


def test_nodes_of_one_postal_code_have_one_cause() -> None:
    assert causes([node(100, 1), node(100, 2)], PATHS, RANK) == [(node(100, 1), node(100, 2))]


def test_nodes_of_different_postal_codes_are_two_causes() -> None:
    assert causes([node(100, 1), node(101, 1)], PATHS, RANK) == [(node(100, 1),), (node(101, 1),)]


def test_a_postal_code_and_a_node_in_the_next_one_have_one_cause() -> None:
    assert causes([100, node(101, 1)], PATHS, RANK) == [(100, node(101, 1))]


def test_a_postal_code_with_weak_support_does_not_make_two_causes_one() -> None:
    one, other = node(100, 1), node(101, 1)
    assert causes([one, other, 102], PATHS, RANK) == [(102, one, other)]
    assert causes([one, other, 102], PATHS, RANK, {102}) == [(102, one), (other,)]
    assert causes([102, 103], PATHS, RANK, {102, 103}) == [(102, 103)]


# --- what always holds ----------------------------------------------------------------------------------------------

callers = st.dictionaries(st.integers(1000, 1049), st.integers(1, 30), max_size=30)
rates = st.floats(0.0001, 3)


@given(callers, rates, st.sampled_from([AREA, CITY, 101]))
def test_no_region_is_named_without_an_excess(calls: dict[int, int], rate: float, root: int) -> None:
    for found in explain(town(calls, expected_of_a_node=rate), [root]):
        assert found.callers > found.expected


@given(callers, rates, st.randoms(use_true_random=False))
def test_the_order_of_callers_does_not_matter(calls: dict[int, int], rate: float, random: object) -> None:
    excess = town(calls, expected_of_a_node=rate)
    shuffled = list(excess.callers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert explain(replace(excess, callers=shuffled), [AREA]) == explain(excess, [AREA])


@given(callers, rates)
def test_no_region_lies_in_another_one_that_is_named(calls: dict[int, int], rate: float) -> None:
    named = place(town(calls, expected_of_a_node=rate), AREA, CITY, *CODES)
    for region in calls:
        assert len(set(path(region)) & set(named)) <= 1


@given(callers, rates)
def test_what_is_beside_is_not_named_and_may_be_out(calls: dict[int, int], rate: float) -> None:
    excess = town(calls, expected_of_a_node=rate)
    excess = replace(excess, parts={code: {node(code, each): NODE_SITES for each in range(10)} for code in CODES})
    found = weigh(excess, [AREA])
    assert not {each.region_id for each in found.named} & {each.region_id for each in found.beside}
    assert all(0.5 <= each.chance <= 1 for each in found.named if each.within is not None)
    assert all(0.1 <= each.chance <= 1 for each in found.beside)


@given(callers, rates)
def test_every_region_named_has_callers_and_lies_in_a_root(calls: dict[int, int], rate: float) -> None:
    named = place(town(calls, expected_of_a_node=rate), 102, 103)
    assert set(named) <= {102, 103, *range(1020, 1040)}
    assert all(any(region in path(caller) for caller in calls) for region in named)


@given(callers)
def test_every_cause_is_named_once(calls: dict[int, int]) -> None:
    named = place(town(calls))
    groups = causes(named, [path(region) for region in calls], RANK)
    assert sorted(region for group in groups for region in group) == sorted(named)
