"""Every error that Notifier raises on purpose.

One root. The type answers the two questions a caller has: is it worth trying again, and whose fault is it?
Messages are built from facts: what was wrong, where, and what would be right.
"""

from collections.abc import Sequence
from difflib import get_close_matches


class NotifierError(Exception):
    """Any error of ours; catch a child where the difference matters."""


class InvalidInput(NotifierError):
    """What the caller gave is wrong; trying again with the same input will fail again (HTTP 400 or 422)."""

    def __init__(self, reason: str, *, field: str = "", value: object = None, expected: str = "") -> None:
        self.reason, self.field, self.value, self.expected = reason, field, value, expected
        super().__init__(reason + (f"; expected {expected}" if expected else ""))


class NotFound(NotifierError):
    """The thing asked for does not exist (HTTP 404)."""

    def __init__(self, what: str, key: object, *, instead: str = "") -> None:
        """Build the message; `instead` is what the caller may have meant."""
        self.what, self.key = what, key
        super().__init__(f"there is no {what} {key}" + (f"; {instead}" if instead else ""))


class Refused(NotifierError):
    """The request is well formed, but the answer is no in the present state (HTTP 409)."""


class TransitionRefused(Refused):
    """A state machine has no such arrow."""

    def __init__(self, thing: str, current: str, wanted: str, allowed: Sequence[str], *, instead: str = "") -> None:
        """Build the message; `instead` is what a person can do now."""
        self.thing, self.current, self.wanted, self.allowed = thing, current, wanted, tuple(allowed)
        choices = ", ".join(allowed) if allowed else "nothing: it is final"
        what = f"{thing} is {current} and cannot become {wanted}; from {current} it may become {choices}"
        super().__init__(f"{what}; {instead}" if instead else what)


class Forbidden(NotifierError):
    """The key is known, but its role may not do this (HTTP 403)."""


class Unauthenticated(NotifierError):
    """No key, or one that is unknown or revoked (HTTP 401)."""


class Overloaded(NotifierError):
    """A bounded queue is full: nothing was accepted, try again later (HTTP 503 with Retry-After)."""

    def __init__(self, what: str, *, retry_after_seconds: int = 1) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{what} is full; try again in {retry_after_seconds} s")


class StoreUnavailable(NotifierError):
    """The store takes nothing now: its disk is full or fails, or another process is writing (HTTP 503)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store takes nothing now ({reason})")


class LeaseLost(NotifierError):
    """The lease lapsed or another owner has the row: this owner may no longer write it."""


class ConfigError(NotifierError):
    """The configuration is wrong; `problems` has one line per mistake, each with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def nearest(word: str, known: Sequence[str]) -> str:
    """Return a hint such as `; did you mean 'power'?`, or an empty string when nothing is near."""
    match = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{match[0]}'?" if match else ""
