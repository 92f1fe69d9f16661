"""Promises: every time told to customers, its due time and what became of it.

An ETA and a "next update by" are both promises. A promise is open from the moment its broadcast starts.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from notifier.domain.lifecycle import Lifecycle

PromiseId = NewType("PromiseId", int)


class PromiseKind(StrEnum):
    """What was promised."""

    ETA = "eta"  # service is back by the due time
    NEXT_UPDATE = "next_update"  # customers hear from us by the due time


class PromiseState(StrEnum):
    """What became of a promise."""

    OPEN = "open"  # not due yet
    KEPT = "kept"  # service was back, or the update went out, in time
    REVISED = "revised"  # a newer promise was handed over before it fell due
    MISSED = "missed"  # it fell due and was neither kept nor revised
    VOID = "void"  # merged, dismissed or taken back


PROMISE = Lifecycle(
    name="promise",
    arrows={
        PromiseState.OPEN: frozenset({PromiseState.KEPT, PromiseState.REVISED, PromiseState.MISSED, PromiseState.VOID}),
        PromiseState.KEPT: frozenset(),
        PromiseState.REVISED: frozenset(),
        PromiseState.MISSED: frozenset(),
        PromiseState.VOID: frozenset(),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promise as it is stored."""

    id: PromiseId
    incident_id: int
    part_id: int
    broadcast_id: int
    kind: PromiseKind
    due_at: datetime
    state: PromiseState
    automatic_in_row: int  # how many automatic `delayed` stand behind it without a person's word
    may_delay: bool  # an automatic `delayed` was authorised when it was told
    warned_at: datetime | None = None
