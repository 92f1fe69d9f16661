"""Receipts: what a provider says later about a message it took, and what that makes of the message.

Receipts come early, late, twice and in any order, also before the answer to the hand-over is recorded. The rules: a
state never goes back; of two end states the first one stands; an arrival counts for any try, a failure only for the
last one; while a hand-over is under way its receipts wait for its outcome.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from notifier.domain.delivery import Next, Suppress
from notifier.domain.notification import NotificationReason, NotificationState


class ReceiptStatus(StrEnum):
    """What a provider says; the words are those of Twilio's message resource."""

    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # a carrier has it; from some carriers nothing more comes
    DELIVERED = "delivered"
    READ = "read"
    PARTIALLY_DELIVERED = "partially_delivered"  # some of its parts: nobody can read it
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELED = "canceled"


class Standing(StrEnum):
    """What one status, or all of one try, come to."""

    TAKEN = "taken"
    ARRIVED = "arrived"
    NOT_ARRIVED = "not_arrived"


_S = ReceiptStatus
_STANDINGS = {
    _S.SCHEDULED: Standing.TAKEN,
    _S.ACCEPTED: Standing.TAKEN,
    _S.QUEUED: Standing.TAKEN,
    _S.SENDING: Standing.TAKEN,
    _S.SENT: Standing.TAKEN,
    _S.DELIVERED: Standing.ARRIVED,
    _S.READ: Standing.ARRIVED,
    _S.PARTIALLY_DELIVERED: Standing.NOT_ARRIVED,
    _S.UNDELIVERED: Standing.NOT_ARRIVED,
    _S.FAILED: Standing.NOT_ARRIVED,
    _S.CANCELED: Standing.NOT_ARRIVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One report of a provider about one try of a notification."""

    notification_id: int
    attempt: int
    provider: str
    provider_id: str
    status: ReceiptStatus
    code: int = 0  # the provider's, of a failure; 0 = none given


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What a failure that a provider reports means for its message, its number and its sender."""

    tries: int = 0  # how often it may be sent again by this channel
    wait: timedelta = timedelta()  # how long after the report
    suppress: Suppress = Suppress.NO
    stops_sender: bool = False  # whatever goes out by it fails alike
    is_content: bool = False  # filtered: a share of these stops the sender
    is_alarming: bool = False  # a person should hear about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Where a notification stands when a receipt for it comes."""

    state: NotificationState
    reason: NotificationReason
    attempts: int  # tries so far
    failures: int = 0  # tries that were reported as not delivered, this one among them
    may_try_again: bool = False  # its broadcast still stands behind it
    news_until: datetime | None = None  # it is no news after this


def standing(statuses: Iterable[ReceiptStatus]) -> Standing:
    """Return what the receipts of one try come to, in order of arrival: the first end state stands."""
    found = Standing.TAKEN
    for status in statuses:
        found = _STANDINGS[status] if found is Standing.TAKEN else found
    return found


_IN_DOUBT = (NotificationState.IN_DOUBT, NotificationState.HELD)
_SENT_AGAIN = (
    NotificationReason.RESENT_BY_POLICY,
    NotificationReason.RESENT_BY_PERSON,
    NotificationReason.NOT_TAKEN,
)


def after_receipt(found: Standing, fate: Fate, *, attempt: int, reported: Reported, now: datetime) -> Next | None:
    """Return what a receipt makes of a notification, or None when it stays as it is.

    `found` is what the receipts of that try come to with this one; `fate` is what its code means.
    """
    match found:
        case Standing.TAKEN:
            return _taken(reported)
        case Standing.ARRIVED:
            may = (NotificationState.SENT, NotificationState.PENDING, *_IN_DOUBT)
            return _reported(NotificationState.DELIVERED) if reported.state in may else None
        case Standing.NOT_ARRIVED:
            return _not_arrived(fate, attempt, reported, now)


def _taken(reported: Reported) -> Next | None:
    """Return `sent` for what was in doubt: nothing else is news about a message that was taken."""
    waits_to_be_sent_again = reported.state is NotificationState.PENDING and reported.reason in _SENT_AGAIN
    if reported.state in _IN_DOUBT or waits_to_be_sent_again:
        return _reported(NotificationState.SENT)
    return None


def _not_arrived(fate: Fate, attempt: int, reported: Reported, now: datetime) -> Next | None:
    if attempt != reported.attempts or reported.state not in (NotificationState.SENT, *_IN_DOUBT):
        return None
    due_at = now + fate.wait
    is_news = reported.news_until is None or due_at <= reported.news_until
    if reported.may_try_again and is_news and reported.failures <= fate.tries:
        return Next(state=NotificationState.PENDING, reason=NotificationReason.TEMPORARY_FAILURE, due_at=due_at)
    return _reported(NotificationState.UNDELIVERED)


def _reported(state: NotificationState) -> Next:
    return Next(state=state, reason=NotificationReason.PROVIDER_REPORTED)
