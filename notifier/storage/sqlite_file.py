"""The file of an SQLite database: its address, and who may use it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from notifier.domain.errors import ConfigError, NotifierError


def sqlite_path(url: str) -> Path:
    """Return the file of a `sqlite:///relative` or `sqlite:////absolute` address; raise `ConfigError` otherwise."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:
        raise ConfigError([f"storage.url: '{url}' is not usable; expected sqlite:///var/notifier.db"])
    return Path(parts.path[1:])


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file of a database, so that a second daemon on it refuses to start.

    Raises `NotifierError` naming the process that holds it.
    """
    lock = path.with_name(path.name + ".lock")
    with contextlib.ExitStack() as stack:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(lock.open("a+"))
        except OSError as error:
            raise NotifierError(f"{path} cannot be locked: {error.strerror or error} ({lock})") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise NotifierError(f"{path} is in use by another daemon (process {holder}); stop that one first") from None
        with contextlib.suppress(OSError):  # a full disk: only a second daemon misses whom to name
            file.seek(0)
            file.truncate()
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield
