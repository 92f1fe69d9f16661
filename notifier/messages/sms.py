"""Texts: what an SMS is on its way to a carrier."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from notifier.config import Sender
from notifier.domain.broadcast import Facts

VALID_AT_LEAST = timedelta(seconds=60)
VALID_AT_MOST = timedelta(hours=10)  # Twilio keeps nothing for longer
STATUS_PATH = "/webhooks/twilio/status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One SMS, in the alphabet it will be sent in."""

    notification_id: int
    attempt: int  # the number of this hand-over, from 1
    recipient: str  # E.164
    body: str
    segments: int
    valid_for: timedelta  # it is no news any more after this
    status_url: str = ""  # where its carrier reports what became of it; "" = nowhere


class TextComposer:
    """Makes texts whose carrier reports to one daemon."""

    def __init__(self, sender: Sender) -> None:
        """Prepare what all texts share."""
        url = sender.public_url.rstrip("/")
        self._status_url = f"{url}{STATUS_PATH}" if may_be_called_back(url) else ""

    def compose(
        self, *, notification_id: int, attempt: int, recipient: str, body: str, segments: int, valid_for: timedelta
    ) -> Text:
        """Return the text; its status URL names the try, so that whatever is reported about it finds it."""
        query = f"?notification={notification_id}&attempt={attempt}"
        return Text(
            notification_id=notification_id,
            attempt=attempt,
            recipient=recipient,
            body=body,
            segments=segments,
            valid_for=valid_for,
            status_url=f"{self._status_url}{query}" if self._status_url else "",
        )


def valid_for(facts: Facts, *, now: datetime, stale_at: datetime) -> timedelta:
    """Return for how long a text is news: until the next time it promises, or until it is stale."""
    times = [at for at in (facts.eta_at, facts.next_update_by, stale_at) if at is not None and at > now]
    return min(max(min(times, default=now) - now, VALID_AT_LEAST), VALID_AT_MOST)


def may_be_called_back(public_url: str) -> bool:
    """Tell whether a carrier, or a receiver on this machine, can report to an address without anyone listening in."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if "_" in host:  # Twilio takes no such name
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
