"""What a sender of texts is, and how fast carriers take texts from it.

The rates are those that Twilio publishes per sender; a Messaging Service shares its senders' rates, which only its
owner knows, so that it counts as one long code until `segments_per_second` says more.
"""

import re
from enum import StrEnum

_TOLL_FREE = re.compile(r"\+1(800|833|844|855|866|877|888)[0-9]{7}", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,6}", re.ASCII)


class SenderKind(StrEnum):
    """What sends."""

    LONG_CODE = "long_code"  # an ordinary number
    TOLL_FREE = "toll_free"  # verified with the carriers since 2024
    SHORT_CODE = "short_code"
    SERVICE = "service"  # a Messaging Service: a pool of the others


_SEGMENTS_PER_SECOND = {
    SenderKind.LONG_CODE: 1.0,
    SenderKind.TOLL_FREE: 3.0,
    SenderKind.SHORT_CODE: 100.0,
    SenderKind.SERVICE: 1.0,
}


def sender_kind(sender: str) -> SenderKind:
    """Return what sends: a number, a short code, or a service where there is no number."""
    if not sender:
        return SenderKind.SERVICE
    if _SHORT_CODE.fullmatch(sender):
        return SenderKind.SHORT_CODE
    return SenderKind.TOLL_FREE if _TOLL_FREE.fullmatch(sender) else SenderKind.LONG_CODE


def segments_per_second(sender: str, configured: float = 0.0) -> float:
    """Return how many segments a sender may send in a second: as configured, else by what it is."""
    return configured or _SEGMENTS_PER_SECOND[sender_kind(sender)]
