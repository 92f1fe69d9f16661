"""Migrating in a process of its own: what Alembic and SQLAlchemy take, a quarter of an idle daemon, goes when it ends.

In: the address of a store that the caller keeps other daemons away from. Out: the store at the newest schema, or
`NotifierError`. A signal to the caller leaves the migration alone, as one to a daemon that migrates itself would; the
end of the caller ends it, as nobody keeps other daemons away any more. The address may hold a password: it goes through
standard input, which `ps` does not show.
"""

import os
import signal
import subprocess
import sys
import threading

from notifier.domain.errors import NotifierError


def upgrade_apart(url: str, *, name: str) -> None:
    """Apply every missing migration to the store that may be shown as `name`; what fails says so on standard error.

    Raises `NotifierError` when something does.
    """
    command = [sys.executable, "-P", "-c", f"from {__name__} import main; main()"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb", buffering=0) as given:  # noqa: PTH123 - no files
        given.write(f"{url}\n".encode())  # stays open: its end is ours
        code = subprocess.call(command, stdin=reading, env=environ, start_new_session=True)  # noqa: S603 - our own command line
    if code < 0:
        ended = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        raise NotifierError(f"{name} has an older schema still: its migration was ended by {ended}; start it again")
    if code:
        raise NotifierError(f"{name} has an older schema still: its migration ended with {code}, and says why above")


def main() -> None:
    """Be that process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    url = _line(0)
    threading.Thread(target=_end_with_the_caller, args=(0,), daemon=True).start()
    from sqlalchemy.exc import DBAPIError

    from notifier.storage.migrate import upgrade

    try:
        upgrade(url)
    except NotifierError as error:
        raise SystemExit(str(error)) from error
    except DBAPIError as error:  # without the statement, which may be a screen long
        raise SystemExit(f"the migration failed: {error.orig}") from error


def _line(number: int) -> str:
    read = b""
    while not read.endswith(b"\n"):
        if not (more := os.read(number, 1)):
            raise SystemExit("no address was given")
        read += more
    return read.decode().rstrip("\n")


def _end_with_the_caller(number: int) -> None:
    while os.read(number, 1):
        pass
    os._exit(1)
