"""What becomes of a message after a hand-over was tried: decided from the outcome, the broadcast and the time.

Also here: how many messages a claim may take, and how long to wait before the next try.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from notifier.domain.broadcast import BroadcastState
from notifier.domain.notification import NotificationReason, NotificationState
from notifier.domain.playbook import Playbook

CLAIM_AT_MOST = 500
RETRY_FIRST = timedelta(seconds=30)
RETRY_AT_MOST = timedelta(minutes=30)
STALE_AFTER = timedelta(hours=4)  # of a service whose playbook is gone
RESENDS_AT_MOST = 3  # by policy: a relay that loses every answer must not make a customer hear it all day


class Result(StrEnum):
    """How one hand-over ended; the values are those of `attempts.outcome`."""

    ACCEPTED = "accepted"  # the provider has it
    TEMPORARY = "temporary"  # not now; try again
    PERMANENT = "permanent"  # never like this; the recipient's side
    OURS = "ours"  # our side is wrong: credentials, reputation, connection; says nothing about the recipient
    UNKNOWN = "unknown"  # handed over or not: nobody knows
    RENDER_FAILED = "render_failed"  # the message could not be made


class Suppress(StrEnum):
    """Whether an address must not be written to any more."""

    NO = "no"
    AT_ONCE = "at_once"  # the provider says there is no such address
    REPEATED = "repeated"  # only when it has been said before
    OPTED_OUT = "opted_out"  # the provider knows of an opt-out that we did not
    NOT_MOBILE = "not_mobile"  # a landline: no texts, other channels go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a provider said to one hand-over; `answer` holds no address."""

    result: Result
    code: str = ""  # "250", "550 5.1.1"
    answer: str = ""
    provider_id: str = ""
    suppress: Suppress = Suppress.NO
    retry_after: timedelta | None = None  # at least this long, by the provider's word
    size: int = 0  # bytes handed over


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The state a notification goes to, and why; `due_at` only when it will be tried again."""

    state: NotificationState
    reason: NotificationReason
    due_at: datetime | None = None


def after(
    outcome: Outcome,
    *,
    attempts: int,
    now: datetime,
    since: datetime,
    stale_after: timedelta,
    broadcast: BroadcastState,
    jitter: float,
) -> Next:
    """Return what becomes of a message that was being sent.

    `attempts` counts this one; `since` is when it could first have gone out; `jitter` is in [0, 1).
    """
    match outcome.result:
        case Result.ACCEPTED:
            return Next(state=NotificationState.SENT, reason=NotificationReason.ACCEPTED)
        case Result.PERMANENT if outcome.suppress is Suppress.OPTED_OUT:
            return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)
        case Result.PERMANENT:
            return Next(state=NotificationState.FAILED, reason=NotificationReason.PERMANENT_FAILURE)
        case Result.RENDER_FAILED:
            return Next(state=NotificationState.FAILED, reason=NotificationReason.RENDER_FAILED)
        case Result.UNKNOWN:
            return Next(state=NotificationState.IN_DOUBT, reason=NotificationReason.UNKNOWN_OUTCOME)
        case Result.TEMPORARY | Result.OURS:
            pass
    if (ended := end_of(broadcast)) is not None:
        return ended
    wait = max(retry_wait(attempts, jitter), outcome.retry_after or timedelta())
    if now + wait - since > stale_after:
        return Next(state=NotificationState.FAILED, reason=NotificationReason.STALE)
    is_ours = outcome.result is Result.OURS
    return Next(
        state=NotificationState.PENDING,
        reason=NotificationReason.PROVIDER_STOPPED if is_ours else NotificationReason.TEMPORARY_FAILURE,
        due_at=now + wait,
    )


def end_of(broadcast: BroadcastState) -> Next | None:
    """Return where messages go that are not handed over when their broadcast no longer sends; None while it does."""
    match broadcast:
        case BroadcastState.SUPERSEDED:
            return Next(state=NotificationState.SUPERSEDED, reason=NotificationReason.NEWER_UPDATE)
        case BroadcastState.CANCELLED:
            return Next(state=NotificationState.CANCELLED, reason=NotificationReason.BROADCAST_CANCELLED)
        case _:
            return None


def settle(
    *,
    may_resend: bool,
    doubts: int,
    now: datetime,
    since: datetime,
    stale_after: timedelta,
    broadcast: BroadcastState,
    jitter: float,
) -> Next:
    """Return what becomes of a message in doubt: sent again by policy, or held for a person.

    The first try again is at once; a message in doubt again and again, or no longer news, is held.
    """
    if not may_resend or doubts > RESENDS_AT_MOST or now - since > stale_after:
        return Next(state=NotificationState.HELD, reason=NotificationReason.HELD_BY_POLICY)
    if (ended := end_of(broadcast)) is not None:
        return ended
    wait = retry_wait(doubts - 1, jitter) if doubts > 1 else timedelta()
    return Next(state=NotificationState.PENDING, reason=NotificationReason.RESENT_BY_POLICY, due_at=now + wait)


def stale_after(playbook: Playbook | None) -> timedelta:
    """Return for how long a message of a service is news."""
    return playbook.stale_after if playbook else STALE_AFTER


def retry_wait(attempts: int, jitter: float) -> timedelta:
    """Return how long to wait after the given number of tries: doubling, spread by half up and down."""
    doublings = max(0, min(attempts - 1, 12))
    return min(RETRY_FIRST * (1 << doublings), RETRY_AT_MOST) * (0.5 + jitter)


def claim_size(*, taken_last_second: int, concurrency: int) -> int:
    """Return how many messages may be claimed at once: no more than the provider took in the last second."""
    return max(concurrency, min(taken_last_second, CLAIM_AT_MOST))
