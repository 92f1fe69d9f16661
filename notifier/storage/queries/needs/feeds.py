"""Feeds that were broken: complaints of that time may be missing, and somebody may still have them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries.needs.subject import clock
from notifier.storage.repositories import detector
from notifier.storage.views import Need

SAID_FOR = timedelta(hours=12)  # after complaints came again


def broken(tx: Transaction, now: datetime, zone: ZoneInfo) -> Iterator[Need]:
    """Return the services of which nothing was heard for longer than usual, until lately."""
    for service, silences in sorted(detector.load(tx).state.silences.items()):
        for silence in silences:
            if silence.until_us < to_micros(now - SAID_FOR):
                continue
            since, until = (clock(to_instant(at_us), zone) for at_us in silence)
            yield Need(
                kind="feed",
                incident_id=None,
                broadcast_id=None,
                text=(
                    f"{service}: nothing was heard from {since} to {until}, longer than ever: its feed was broken, and"
                    " complaints of that time may be missing"
                ),
                due_at=None,
                next=["notifier complaints import FILE --history"],
            )
