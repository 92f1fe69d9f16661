"""Backups: a copy of the store made while the daemon works, and the way back.

In: the address of a store and a file. Out: a whole, checked copy; or a store that is the copy again, paused, with what
it replaced kept beside it. It never overwrites a file, and never leaves half of one under its name.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from notifier.domain.actor import DAEMON
from notifier.domain.errors import NotifierError
from notifier.domain.text import clean_line
from notifier.storage import migrate
from notifier.storage.database import Transaction
from notifier.storage.repositories import audit, control

BACKED_UP = "db.backup"  # in the audit log
_OURS = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy that was made and checked."""

    path: Path
    bytes: int
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A store that is a copy again."""

    revision: str
    kept: str  # where what was there before is; "" when nothing was there


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a file to write to that gets its name when it is whole; raise `NotifierError` when the name is taken."""
    if path.exists():
        raise NotifierError(f"{path} exists; a backup overwrites nothing")
    part = path.with_name(path.name + ".part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it holds names, addresses and secrets
    except FileExistsError:
        raise NotifierError(f"{part} exists: another backup is under way, or was cut off; remove it first") from None
    except OSError as error:
        raise NotifierError(f"{part} cannot be written: {error.strerror}") from error
    try:
        yield part
        sync(part)
        os.link(part, path)  # fails where somebody took the name meanwhile
        sync(path.parent)
    except FileExistsError:
        raise NotifierError(f"{path} exists; a backup overwrites nothing") from None
    finally:
        part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def usable(revision: str | None, name: object) -> str:
    """Return the revision of a copy that this program may restore; raise `NotifierError` otherwise."""
    known = migrate.revisions()
    if revision is None:
        raise NotifierError(f"{name} is no backup of Notifier: it has no schema")
    if _OURS.fullmatch(revision) and revision > known[-1]:
        raise NotifierError(
            f"{name} has schema {revision}, newer than this program knows ({known[-1]}); use that release"
        )
    if revision not in known:
        raise NotifierError(f"{name} is no backup of Notifier: its schema {revision} is not one of {', '.join(known)}")
    return revision


def note_copy(tx: Transaction, copy: Copy, *, now: datetime) -> None:
    """Note that a copy was made: when, and its name without the folder."""
    detail = {"file": clean_line(copy.path.name), "bytes": copy.bytes, "schema": copy.revision}
    audit.record(tx, at=now, actor=DAEMON, action=BACKED_UP, target="store", detail=detail)


def mark_restored(tx: Transaction, *, now: datetime, revision: str) -> None:
    """Pause everything, and note why: messages may have left after the copy was made, of which it knows nothing.

    Credits are held beyond the pause, until billing's own list was held against those of the copy. A copy that was made
    while they were held lacks what the restore before it lost, too: that one counts.
    """
    is_held = control.get(tx, control.CREDITS_HELD) is not None
    for switch in (control.PAUSED,) if is_held else (control.PAUSED, control.RESTORED, control.CREDITS_HELD):
        control.put(tx, switch, "1", now=now, actor=DAEMON)
    audit.record(tx, at=now, actor=DAEMON, action="db.restore", target="store", detail={"schema": revision})
