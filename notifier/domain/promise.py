"""Promises: every time told to customers, its due time and what became of it.

An ETA and a "next update by" are both promises. A promise is open from the moment its broadcast starts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from notifier.domain.incident import PartState
from notifier.domain.lifecycle import Lifecycle
from notifier.domain.playbook import Playbook

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


class Verdict(StrEnum):
    """What the promise watcher does at this minute."""

    NOTHING = "nothing"
    WARN = "warn"  # tell the commander that it falls due soon
    DELAY = "delay"  # send the `delayed` that was authorised with the promise
    PERSON = "person"  # it is about to lapse and the daemon may not go on by itself
    MISSED = "missed"  # it has lapsed


def lapses_from(promise: Promise, playbook: Playbook, to_finish: timedelta) -> datetime:
    """Return from when a promise is about to lapse: an update that starts later would reach the last ones too late."""
    return promise.due_at - playbook.delay_before - to_finish


def watch(
    promise: Promise,
    part: PartState,
    *,
    now: datetime,
    playbook: Playbook,
    to_finish: timedelta,
    update_at: datetime | None = None,
    paused: bool = False,
) -> Verdict:
    """Decide what to do about an open promise now.

    `to_finish` is how long an update to the same people takes; `update_at` is when an update that is already
    authorised starts. While everything is paused nothing can be handed over, so the daemon asks for a person.
    """
    if promise.state is not PromiseState.OPEN or part is not PartState.OUT:
        return Verdict.NOTHING
    if now >= promise.due_at:
        return Verdict.MISSED
    if update_at is not None and update_at < promise.due_at and not paused:
        return Verdict.NOTHING
    lapses = lapses_from(promise, playbook, to_finish)
    if now >= lapses:
        if promise.may_delay and promise.automatic_in_row < playbook.automatic_delays and not paused:
            return Verdict.DELAY
        called = promise.warned_at is not None and promise.warned_at >= lapses
        return Verdict.NOTHING if called else Verdict.PERSON
    if now >= lapses - (playbook.warn_before - playbook.delay_before) and promise.warned_at is None:
        return Verdict.WARN
    return Verdict.NOTHING


def ended_by_update(
    kind: PromiseKind, due_at: datetime, *, now: datetime, back_at: datetime | None = None
) -> PromiseState:
    """Return what an open promise becomes when a newer update of its part starts at `now`.

    `back_at` is when service was believed back, if the update says so: an ETA is kept when that was in time, however
    long the message was held. A "next update by" is kept by any update in time.
    """
    if kind is PromiseKind.ETA and back_at is not None:
        return PromiseState.KEPT if back_at <= due_at else PromiseState.MISSED
    if now > due_at:
        return PromiseState.MISSED
    return PromiseState.KEPT if kind is PromiseKind.NEXT_UPDATE else PromiseState.REVISED
