"""Feeds that were broken: complaints of that time may be missing, and somebody may still have them.

A silence is said while it is news: not when it lies before the service was first heard live, and not any more when
complaints of that time have been imported.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.complaint import NotCounted
from notifier.domain.feed import Silence
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries.needs.subject import clock
from notifier.storage.repositories import detector
from notifier.storage.views import Need

SAID_FOR = timedelta(hours=12)  # after complaints came again


def broken(tx: Transaction, now: datetime, zone: ZoneInfo) -> Iterator[Need]:
    """Return the services of which nothing was heard for longer than usual, until lately."""
    state = detector.load(tx).state
    for service, silences in sorted(state.silences.items()):
        for silence in silences:
            if silence.until_us < to_micros(now - SAID_FOR) or silence.until_us <= state.listened.get(service, 0):
                continue
            if _is_imported(tx, service, silence):
                continue
            yield Need(
                kind="feed",
                incident_id=None,
                broadcast_id=None,
                text=(
                    f"{service}: nothing was heard {_between(silence, now, zone)}, longer than ever: its feed was"
                    " broken, or the daemon did not run; complaints of that time may be missing"
                ),
                due_at=None,
                next=["notifier complaints import FILE --history"],
            )


def _is_imported(tx: Transaction, service: str, silence: Silence) -> bool:
    """Tell whether complaints of a silence were imported: what is advised has been done."""
    return bool(
        tx.rows(
            """SELECT 1 FROM complaints
               WHERE effective_at > :since AND effective_at < :until AND service = :service AND not_counted = :history
               LIMIT 1""",
            since=silence.from_us,
            until=silence.until_us,
            service=service,
            history=NotCounted.HISTORY,
        )
    )


def _between(silence: Silence, now: datetime, zone: ZoneInfo) -> str:
    """Return `from 13:34 PST to 17:34 PST`, with days unless all of it was today."""
    since, until = (to_instant(at_us) for at_us in silence)
    if since.astimezone(zone).date() == now.astimezone(zone).date():
        return f"from {clock(since, zone)} to {clock(until, zone)}"
    days = (instant.astimezone(zone) for instant in (since, until))
    return " to ".join(f"{day:%a} {day.day} {day:%b %H:%M %Z}" for day in days).join(("from ", ""))
