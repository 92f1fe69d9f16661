"""State machines: one enum and one transition table each; a refused transition names both states.

The tables themselves stand beside their enums (`incident`, `broadcast`, `notification`, `promise`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from notifier.domain.errors import TransitionRefused

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle(Generic[S]):
    """The arrows between the states of one kind of thing; `name` is used in errors and diagrams."""

    name: str
    arrows: Mapping[S, frozenset[S]]

    def may(self, current: S, wanted: S) -> bool:
        """Tell whether there is an arrow from `current` to `wanted`."""
        return wanted in self.arrows.get(current, frozenset())

    def require(self, current: S, wanted: S, *, which: object = "") -> S:
        """Return `wanted`, or raise `TransitionRefused` naming the thing, both states and what is possible."""
        if not self.may(current, wanted):
            thing = f"{self.name} {which}".strip()
            raise TransitionRefused(thing, current, wanted, sorted(self.arrows.get(current, frozenset())))
        return wanted

    def sources(self, wanted: S) -> tuple[S, ...]:
        """Return the states that have an arrow to `wanted`, sorted."""
        return tuple(sorted(state for state, targets in self.arrows.items() if wanted in targets))

    def is_final(self, state: S) -> bool:
        """Tell whether no arrow leaves `state`."""
        return not self.arrows.get(state)

    def edges(self) -> Iterator[tuple[S, S]]:
        """Yield every arrow, sorted."""
        for source in sorted(self.arrows):
            for target in sorted(self.arrows[source]):
                yield source, target
