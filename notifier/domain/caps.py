"""Caps: how often one contact point hears from us, over all incidents.

In: when it heard, and what it is about to hear. Out: from when on that fits. Answers to who wrote never come here;
what must not wait is listed here once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel

DAY = timedelta(hours=24)
NEVER_CAPPED = frozenset(
    {
        BroadcastKind.RESTORED,
        BroadcastKind.OVERNIGHT,
        BroadcastKind.CORRECTION,
        BroadcastKind.PLANNED_NOTICE,  # it has to be there in time
        BroadcastKind.PLANNED_CHANGED,
        BroadcastKind.PLANNED_CANCELLED,
        BroadcastKind.PLANNED_RESTORED,
    }
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One message that a contact point was handed, or may have been."""

    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much is too much."""

    every: timedelta  # at most one message in this time; 0 = no such cap
    sms_per_day: int


def fits_at(
    now: datetime,
    kind: str,
    channel: Channel,
    heard: Sequence[Heard],
    caps: Caps,
    *,
    is_safety: bool = False,
    wrote_recently: bool = False,
    promised_by: datetime | None = None,
) -> datetime | None:
    """Return from when a message fits under the caps, or None when it may go now.

    `promised_by` is when a promise falls due that this message answers: a word that we gave is kept, though somebody
    hears twice in a short time. The cap of a day is not lifted by it: whoever has reached it was promised nothing for
    before (`next_word_at`).
    """
    if kind in NEVER_CAPPED or is_safety or wrote_recently:
        return None
    soon, day = _after_last(heard, caps), _under_day(now, channel, heard, caps)
    if soon is not None and promised_by is not None and now < promised_by < soon:
        soon = None
    return max((at for at in (soon, day) if at is not None and at > now), default=None)


def promised_by(facts: Facts, now: datetime) -> datetime | None:
    """Return when the earliest promise falls due that an update answers, of those that can still be kept."""
    given = (facts.previous_eta_at, facts.previous_update_by)
    return min((at for at in given if at is not None and at > now), default=None)


def next_word_at(now: datetime, channel: Channel, heard: Sequence[Heard], caps: Caps) -> datetime:
    """Return from when the message after this one will fit: nothing may be promised for before."""
    with_this = [*heard, Heard(now, channel)]
    fits = (_after_last(with_this, caps), _under_day(now, channel, with_this, caps))
    return max((at for at in fits if at is not None), default=now)


def _after_last(heard: Sequence[Heard], caps: Caps) -> datetime | None:
    return max(one.at for one in heard) + caps.every if heard and caps.every else None


def _under_day(now: datetime, channel: Channel, heard: Sequence[Heard], caps: Caps) -> datetime | None:
    if channel is not Channel.SMS:
        return None
    texts = sorted((one.at for one in heard if one.channel is Channel.SMS and one.at > now - DAY), reverse=True)
    return texts[caps.sms_per_day - 1] + DAY if len(texts) >= caps.sms_per_day else None
