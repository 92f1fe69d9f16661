"""Planned work: the rules of its time. Notice comes early enough, or the work comes later.

Values in, values out. `lead` is how long before the work begins the last customer must have been told of it.
"""

from datetime import datetime, timedelta

from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.incident import IncidentState

STEP = timedelta(minutes=5)  # to which the first possible beginning is rounded up
LASTS_AT_MOST = timedelta(days=7)
AHEAD_AT_MOST = timedelta(days=366)

Window = tuple[datetime, datetime]
"""When work begins and ends."""


def check_window(from_at: datetime, until_at: datetime, *, now: datetime) -> Window:
    """Return when the work begins and ends; raise `InvalidInput` for a time that cannot be meant."""
    for field, at in (("from_at", from_at), ("until_at", until_at)):
        if at.tzinfo is None:
            raise InvalidInput(
                "the time has no zone", field=field, value=at.isoformat(), expected="2026-03-02T06:30:00-08:00"
            )
    if from_at <= now:
        raise _refused("from_at", from_at, "has passed", f"a time after {_full(now)}")
    if from_at > now + AHEAD_AT_MOST:
        raise _refused("from_at", from_at, "is further away than a year", f"a time up to {_full(now + AHEAD_AT_MOST)}")
    if until_at <= from_at:
        raise _refused("until_at", until_at, "is not after the work begins", f"a time after {_full(from_at)}")
    if until_at > from_at + LASTS_AT_MOST:
        latest = _full(from_at + LASTS_AT_MOST)
        raise _refused("until_at", until_at, "is more than a week after it begins", f"a time up to {latest}")
    return from_at, until_at


def require_not_begun(which: int, state: IncidentState, from_at: datetime | None, *, now: datetime) -> None:
    """Raise `Refused`, with what can be said instead, when work that was announced has begun: it did take place."""
    if state is IncidentState.SCHEDULED and (from_at is None or now < from_at):
        return
    raise Refused(
        f"planned work {which} cannot be called off, it has begun: restored {which}, or eta {which} TIME if it takes"
        " longer"
    )


def needs_notice(from_at: datetime, until_at: datetime, told: Window | None) -> bool:
    """Tell whether a time must be announced with the whole lead: not where it lies inside the one that was told."""
    return told is None or from_at < told[0] or until_at > told[1]


def first_beginning(done_at: datetime, lead: timedelta) -> datetime:
    """Return when work can begin at the earliest whose notice is done by then, on a full five minutes."""
    at = done_at + lead
    rest = timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
    return at if not rest else at - rest + STEP


def require_lead(from_at: datetime, *, done_at: datetime, lead: timedelta) -> None:
    """Raise `Refused`, with the time that would do, when the last customer would hear of the work too late."""
    if done_at + lead <= from_at:
        return
    hours = lead.total_seconds() / 3600
    raise Refused(
        f"the notice would be done by {_full(done_at)}, and has to be {hours:g} h before the work begins at"
        f" {_full(from_at)}; it can begin from {_full(first_beginning(done_at, lead))} on"
    )


def is_more_than_the_work(distinct: int, sites: int, share: float) -> bool:
    """Tell whether so many have complained during work at so many sites that the work alone does not explain it."""
    return distinct > share * sites


def reminded_at(from_at: datetime, before: timedelta) -> datetime | None:
    """Return when those who had the notice are reminded; None: they are not."""
    return from_at - before if before > timedelta() else None


def _refused(field: str, at: datetime, why: str, expected: str) -> InvalidInput:
    return InvalidInput(f"{_full(at)} {why}", field=field, value=_full(at), expected=expected)


def _full(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
