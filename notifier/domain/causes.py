"""Causes: which regions that are out together have one cause, so that each cause is an incident.

In come the regions of an explanation and the paths of the callers. Out go the regions by cause. Values in, values out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise


def causes(
    regions: Iterable[int], paths: Iterable[Sequence[int]], rank: Mapping[int, int], unsure: Collection[int] = ()
) -> list[tuple[int, ...]]:
    """Return the regions of an explanation by cause, the largest group first.

    Two have one cause when they are siblings: the next wider region above the wider one of them holds both. Two nodes
    of one postal code are, two postal codes of one city are, two nodes of different postal codes are not. `paths` are
    those of the callers, `rank` the kinds of the regions from narrow to wide. A region of `unsure` belongs to a cause,
    but makes no others one.
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
        tops = {member for member in members if rank[member] == level}
        joined = members if tops.difference(unsure) else tops | set(sorted(members - tops)[:1])
        if tops:
            first = find(min(joined))
            for member in joined:
                leader[find(member)] = first
    groups: dict[int, list[int]] = {}
    for region in chosen:
        groups.setdefault(find(region), []).append(region)
    return sorted((tuple(group) for group in groups.values()), key=lambda group: (-len(group), group))
