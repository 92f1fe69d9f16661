"""What the server or the way to it did wrong: what has nothing to do with the work is `StoreUnavailable`.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from asyncpg import CharacterNotInRepertoireError, InterfaceError, InternalClientError, PostgresError

from notifier.domain.errors import InvalidInput, StoreUnavailable

_NOT_NOW = (
    "08",  # connection exception
    "53",  # insufficient resources: the disk is full, no memory, too many connections
    "58",  # the operating system failed the server: input/output error
    "57",  # it shuts down, starts up, or an administrator cancelled the statement
    "40",  # a deadlock or a serialization failure: nothing is stored, and the next try may do
    "55P03",  # another process holds a lock for longer than we wait
    "25006",  # it takes no writes: a standby
    "25P03",  # it ended a session that was idle in a transaction
)
_SESSION_IS_OF_NO_USE = ("08", "57P", "25006", "25P03")

_LOST = (OSError, EOFError, TimeoutError, InternalClientError)


class SessionLost(StoreUnavailable):
    """The session is of no use any more: what was not committed is gone."""


def as_callers_know_it(error: BaseException) -> BaseException:
    """Return what the rest of the program knows: `StoreUnavailable` for an error of the server or the way to it.

    `InvalidInput` for text that PostgreSQL cannot hold, and SQLite can; else the error itself.
    """
    if is_lost(error):
        return SessionLost(f"PostgreSQL: {describe(error)}")
    if isinstance(error, PostgresError) and _begins(error, _NOT_NOW):
        return StoreUnavailable(f"PostgreSQL: {describe(error)}")
    if isinstance(error, CharacterNotInRepertoireError | UnicodeEncodeError) or (
        isinstance(error.__cause__, UnicodeEncodeError)
    ):
        return InvalidInput("a text holds NUL or half of a surrogate pair, which cannot be stored")
    return error


def is_lost(error: BaseException) -> bool:
    """Tell whether an error of the driver means that the session is of no use any more."""
    if isinstance(error, PostgresError):
        return _begins(error, _SESSION_IS_OF_NO_USE)
    if isinstance(error, InterfaceError):  # also "expected str, got int", which is a mistake of ours
        return not isinstance(error, ValueError) and "closed" in str(error)
    return isinstance(error, _LOST)


def describe(error: BaseException) -> str:
    """Return what happened in a few words; never an address with its password."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (str(error).partition("\n")[0] or type(error).__name__)[:200]


def _begins(error: PostgresError, codes: tuple[str, ...]) -> bool:
    return (error.sqlstate or "").startswith(codes)
