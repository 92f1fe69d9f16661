"""Texts: what an SMS is on its way to a carrier."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One SMS, in the alphabet it will be sent in."""

    notification_id: int
    attempt: int  # the number of this hand-over, from 1
    recipient: str  # E.164
    body: str
    segments: int
    valid_for: timedelta  # it is no news any more after this
