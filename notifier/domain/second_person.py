"""The second person above a playbook's limit: who is one, what a yes is good for, and when the first goes on alone.

Comes in: who drafted and sent an update, who acts, the numbers that were shown and counted. Goes out: permission, or
why not. One who has drafted or sent an update is never its second person, whichever way they act.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from notifier.domain.broadcast import LATE_SHARE_AT_MOST
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.on_call import identity
from notifier.domain.text import clean_line

ALONE_REASON_LENGTH = 500  # characters of why it goes without a second person


def is_same(actor: str, other: str | None, keys: Mapping[str, str]) -> bool:
    """Tell whether two actors are one person; `keys` names the API key of each person on call."""
    return bool(other) and identity(actor, keys).strip() == identity(other or "", keys).strip()


def authors(created_by: str, sent_by: str | None) -> tuple[str, ...]:
    """Return who had a hand in an update, once each."""
    return tuple(dict.fromkeys(name for name in (sent_by, created_by) if name))


def first_asked(people: Iterable[str], names: Sequence[str], keys: Mapping[str, str]) -> str:
    """Return who of the people on call is asked first for a second word; nothing when there is nobody else."""
    others = (name for name in people if not any(is_same(keys.get(name) or name, each, keys) for each in names))
    return next(others, "")


def has_outgrown(counted: int, *, shown: int) -> bool:
    """Tell whether an audience is so much larger than the number that was shown that a yes is not for it."""
    return counted > shown * (1 + LATE_SHARE_AT_MOST)


def alone_from(asked_at: datetime, wait: timedelta) -> datetime:
    """Return from when the first person may send alone."""
    return asked_at + wait


def reason_for_alone(text: str) -> str:
    """Return why nobody else is waited for, as one line; raise `InvalidInput` when there is nothing, or too much."""
    reason = clean_line(text)
    if not reason or len(reason) > ALONE_REASON_LENGTH:
        expected = f"1 to {ALONE_REASON_LENGTH} characters: why nobody else is waited for"
        raise InvalidInput("sending alone takes a reason", field="alone", value=text[:80], expected=expected)
    return reason


def require_asked(counted: int, *, limit: int, wait: timedelta) -> None:
    """Raise `Refused` for a draft: above the limit somebody is asked first, up to it nobody is needed."""
    if counted <= limit:
        raise Refused(
            f"{counted:,} customers need no second person (limit {limit:,}): send it without a reason for alone"
        )
    minutes = -(-wait.total_seconds() // 60)
    raise Refused(
        f"{counted:,} customers are above the limit of {limit:,}, and nobody was asked yet: send it without a reason"
        f" for alone. A second person is asked at once; {minutes:.0f} min later it may be sent alone"
    )


def require_alone(
    actor: str, *, sent_by: str, asked_at: datetime, wait: timedelta, now: datetime, keys: Mapping[str, str]
) -> None:
    """Raise `Refused` unless this is the first person, and the second has had their time."""
    if not is_same(actor, sent_by, keys):
        raise Refused(f"'{sent_by}' has sent it, so that you are the second person: approve it, or reject it")
    at = alone_from(asked_at, wait)
    if now < at:
        raise Refused(
            f"a second person was asked at {_full(asked_at)} and may still answer: it can be sent alone"
            f" from {_full(at)}"
        )


def _full(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
