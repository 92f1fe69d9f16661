"""Promises: every time told to customers, its due time and what became of it.

An ETA and a "next update by" are both promises. A promise is open from the moment its broadcast starts, for from then
on somebody may have read it, until a newer update has been handed over to everyone it is for, or until it lapses.
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
    REVISED = "revised"  # a newer update was handed over before it fell due
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


class Answer(StrEnum):
    """How far the newest update has come that started after the one that made a promise."""

    NONE = "none"  # there is none, or it was stopped on its way
    GOING_OUT = "going_out"  # it is being handed over
    PAUSED = "paused"  # a person stopped it for now, or what made the promise, or a correction of that
    IN_VAIN = "in_vain"  # the daemon has answered already: not one message was handed over, or a person stopped it
    HANDED_OVER = "handed_over"  # to everyone it is for: the promise ends at once


class Verdict(StrEnum):
    """What the promise watcher does at this minute."""

    NOTHING = "nothing"
    WARN = "warn"  # tell the commander that it falls due soon
    DELAY = "delay"  # send the `delayed` that was authorised with the promise
    PERSON = "person"  # it is about to lapse and the daemon may not go on by itself
    LATE = "late"  # it has lapsed unseen: send the `delayed` that was authorised, and own up to it
    MISSED = "missed"  # it has lapsed
    VOID = "void"  # its time has passed before anyone was awake to read it


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
    answer: Answer = Answer.NONE,
    paused: bool = False,
) -> Verdict:
    """Decide what to do about an open promise now.

    `to_finish` is how long an update to the same people takes; `update_at` is when an update that is already
    authorised starts, `answer` how far one has come that has started. While everything is paused nothing can be handed
    over, so the daemon asks for a person; so it does while a person has paused the answer, and when it has answered
    the promise in vain: it does so once.

    A promise that lapsed while nobody looked (the daemon was down, or service seemed to be back) is missed, and what
    was authorised with it is said late, as long as a message is news (`stale_after`) and nothing else is on its way.
    """
    if promise.state is not PromiseState.OPEN or part is PartState.BELIEVED_BACK or answer is Answer.HANDED_OVER:
        return Verdict.NOTHING
    paused = paused or answer is Answer.PAUSED
    may_delay = promise.may_delay and promise.automatic_in_row < playbook.automatic_delays
    may_delay = may_delay and not paused and answer is not Answer.IN_VAIN
    if now >= promise.due_at:
        is_answered = part is PartState.RESTORED or answer is Answer.GOING_OUT or update_at is not None
        is_news = now < promise.due_at + playbook.stale_after
        return Verdict.LATE if may_delay and is_news and not is_answered else Verdict.MISSED
    if part is PartState.RESTORED:
        return Verdict.NOTHING
    is_coming = answer is Answer.GOING_OUT or (update_at is not None and update_at < promise.due_at)
    if is_coming and not paused:
        return Verdict.NOTHING
    lapses = lapses_from(promise, playbook, to_finish)
    if now >= lapses:
        if may_delay:
            return Verdict.DELAY
        called = promise.warned_at is not None and promise.warned_at >= lapses
        return Verdict.NOTHING if called else Verdict.PERSON
    if now >= lapses - (playbook.warn_before - playbook.delay_before) and promise.warned_at is None:
        return Verdict.WARN
    return Verdict.NOTHING


def unread(verdict: Verdict, promise: Promise, *, now: datetime) -> Verdict:
    """Return what is done instead about a promise that nobody has read, because everyone it is for sleeps.

    Nobody waits for a word. When the night ends they are told the facts of that minute, with a new promise.
    """
    if verdict is Verdict.NOTHING or now < promise.due_at:
        return Verdict.NOTHING
    return Verdict.VOID


def ended_by_update(kind: PromiseKind, due_at: datetime, *, handed_over_at: datetime) -> PromiseState:
    """Return what an open promise becomes by a newer update of its part, the last message of which left at that time.

    A "next update by" is kept by any update in time.
    """
    if handed_over_at > due_at:
        return PromiseState.MISSED
    return PromiseState.KEPT if kind is PromiseKind.NEXT_UPDATE else PromiseState.REVISED


def ended_by_restoration(due_at: datetime, *, back_at: datetime) -> PromiseState:
    """Return what an open ETA becomes when service has held: kept when it was back in time, however late it is told."""
    return PromiseState.KEPT if back_at <= due_at else PromiseState.MISSED
