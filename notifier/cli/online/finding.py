"""What one online check found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"  # it works, or nobody can tell from here
    PROBLEM = "problem"  # messages will be refused, lost or unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str  # "database", "SPF of example.com"
    state: State
    found: str
    do: str = ""  # what a person can do about it


def ok(what: str, found: str) -> Finding:
    """Return that something is well."""
    return Finding(what=what, state=State.OK, found=found)


def warning(what: str, found: str, do: str = "") -> Finding:
    """Return that something could be better, or cannot be judged from here."""
    return Finding(what=what, state=State.WARNING, found=found, do=do)


def problem(what: str, found: str, do: str = "") -> Finding:
    """Return that something will not work."""
    return Finding(what=what, state=State.PROBLEM, found=found, do=do)
