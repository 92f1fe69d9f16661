"""Errors on the wire: every refusal as `application/problem+json` (RFC 9457), with what would be right.

In: an error of ours, or of a request that no stage will see. Out: status, detail, field, value, expected. It says
nothing about errors that are our own fault.
"""

import sqlite3
from http import HTTPStatus
from typing import Any

import msgspec

from notifier.domain.errors import (
    Forbidden,
    InvalidInput,
    LeaseLost,
    NotFound,
    NotifierError,
    Overloaded,
    Refused,
    StoreUnavailable,
    Unauthenticated,
)

PROBLEM = "application/problem+json"
VALUE_AT_MOST = 200  # characters of a wrong value that are repeated in the answer
STORE_RETRY_SECONDS = 5


class Rejected(NotifierError):
    """The request is refused before any stage sees it, with this status."""

    def __init__(self, status: int, detail: str, *, field: str = "", value: object = None, expected: str = "") -> None:
        self.status, self.detail, self.field, self.value, self.expected = status, detail, field, value, expected
        super().__init__(detail)


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An error as RFC 9457 writes it."""

    type: str
    title: str
    status: int
    detail: str
    field: str = ""
    value: Any = None
    expected: str = ""
    retry_after: int = 0  # seconds


_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; older Pythons have older names


def problem_of(error: BaseException) -> Problem | None:
    """Return the answer to an error of ours, or None when it is not one that a caller could have caused."""
    match error:
        case Rejected():
            return _problem(error.status, error.detail, error.field, error.value, error.expected)
        case InvalidInput():
            return _problem(422, error.reason, error.field, error.value, error.expected)
        case Unauthenticated():
            return _problem(401, str(error))
        case Forbidden():
            return _problem(403, str(error))
        case NotFound():
            return _problem(404, str(error))
        case Refused() | LeaseLost():
            return _problem(409, str(error))
        case Overloaded():
            problem = _problem(503, str(error))
            problem.retry_after = error.retry_after_seconds
            return problem
        case StoreUnavailable() | sqlite3.OperationalError():  # the second when reading
            reason = str(error) if isinstance(error, StoreUnavailable) else "the store does not answer"
            problem = _problem(503, f"{reason}; nothing was accepted")
            problem.retry_after = STORE_RETRY_SECONDS
            return problem
    return None


def _problem(status: int, detail: str, field: str = "", value: object = None, expected: str = "") -> Problem:
    return Problem(
        type="about:blank",
        title=_TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=_sayable(detail),
        field=field,
        value=shown(value),
        expected=expected,
    )


def problem(status: int, detail: str) -> Problem:
    """Return a problem without a field."""
    return _problem(status, detail)


def shown(value: object) -> object:
    """Return a wrong value as an answer may repeat it: scalars, and texts up to a limit."""
    match value:
        case None | bool() | float():
            return value
        case int():
            return value if abs(value) < 2**53 else f"{str(value)[:20]}..."
        case str():
            return _sayable(value if len(value) <= VALUE_AT_MOST else value[:VALUE_AT_MOST] + "...")
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
    return str(value)[:VALUE_AT_MOST]


def _sayable(text: str) -> str:
    """Return a text without what no JSON can hold: the bytes of a header that are no UTF-8."""
    return text.encode("utf-8", "replace").decode()
