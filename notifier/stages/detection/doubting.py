"""Doubting: what the commander is told of a place that one cannot be sure of.

In come the regions of a place and those beside it, as they were weighed. Out go the doubts: regions of the place with
weak support, and siblings of them that may be out as well.
"""

from collections.abc import Callable, Sequence

from notifier.domain.where import Explained
from notifier.storage.repositories.place_doubts import Doubt

DOUBTS_KEPT = 20  # of a place, the largest regions first


def doubts_about(
    place: Sequence[Explained], beside: Sequence[Explained], is_free: Callable[[Explained], bool]
) -> list[Doubt]:
    """Return the doubts about a place; `is_free` tells of a silent region whether no other incident lies there."""
    parents = {each.within for each in place}
    weak = sorted((each for each in place if not each.is_sure), key=_by_size)[:DOUBTS_KEPT]
    near = sorted((each for each in beside if each.within in parents), key=_by_size)[: DOUBTS_KEPT - len(weak)]
    return [_doubt(each, named=True) for each in weak] + [
        _doubt(each, named=False) for each in near if each.callers or is_free(each)
    ]


def _by_size(explained: Explained) -> tuple[int, int]:
    return -explained.sites, explained.region_id


def _doubt(explained: Explained, *, named: bool) -> Doubt:
    return Doubt(
        region_id=explained.region_id,
        named=named,
        callers=explained.callers,
        expected=explained.expected,
        sites=explained.sites,
        chance=explained.chance,
    )
