"""Migrating in a process of its own: it ends with its caller, not by a signal to that one, and says what failed."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.domain.errors import NotifierError
from notifier.sandbox.processes import Process
from notifier.storage.migrate import revisions, stored_revision
from notifier.storage.migrate_apart import upgrade_apart
from notifier.storage.sqlite_file import exclusive
from tests.daemon import until

CALLER = "import sys; from notifier.storage.migrate_apart import upgrade_apart; upgrade_apart(sys.argv[1], name='it')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file that somebody writes to: a migration waits for its turn."""
    file = tmp_path / "notifier.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return file


@contextlib.contextmanager
def waiting(file: Path) -> Iterator[tuple[Process, int]]:
    """Let a caller migrate a file while it may not yet write; give the caller and the process that migrates."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        caller = Process(file.parent, "caller", [sys.executable, "-c", CALLER, f"sqlite:///{file}"])
        try:
            migrating = until(lambda: _opened_by_a_child(caller.pid, file), "a migration of the file")
            yield caller, migrating
        finally:
            caller.kill()


def test_the_caller_gets_a_store_of_the_newest_schema(tmp_path: Path) -> None:
    file = tmp_path / "notifier.db"
    upgrade_apart(f"sqlite:///{file}", name=str(file))
    assert stored_revision(file) == revisions()[-1]


def test_what_failed_is_said_and_the_store_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notifier.db"
    file.write_text("no database at all, and long enough to be seen to be none of those that SQLite opens")
    with pytest.raises(NotifierError, match="the store has an older schema still"):
        upgrade_apart(f"sqlite:///{file}", name="the store")
    said = capfd.readouterr().err
    assert "file is not a database" in said
    assert len(said.splitlines()) == 1


def test_one_that_was_killed_is_said_to_have_been(file: Path) -> None:
    with waiting(file) as (caller, migrating):
        os.kill(migrating, signal.SIGKILL)
        assert caller._popen.wait(20) == 1
        assert "its migration was ended by SIGKILL; start it again" in caller.log.read_text()


def test_a_file_that_cannot_be_locked_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notifier.db.lock").mkdir()
    with (
        pytest.raises(NotifierError, match=r"notifier\.db cannot be locked: Is a directory"),
        exclusive(tmp_path / "notifier.db"),
    ):
        pass


def test_the_address_which_may_hold_a_password_is_in_no_command_line(file: Path) -> None:
    with waiting(file) as (_, migrating):
        assert str(file) not in Path(f"/proc/{migrating}/cmdline").read_text()
        assert str(file) not in Path(f"/proc/{migrating}/environ").read_text()


def test_it_ends_with_its_caller(file: Path) -> None:
    with waiting(file) as (caller, migrating):
        caller.kill()
        until(lambda: not Path(f"/proc/{migrating}/cmdline").exists(), "its end")
    assert stored_revision(file) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_all_processes_of_a_daemon_leaves_it_alone(file: Path, number: signal.Signals) -> None:
    with waiting(file) as (caller, migrating):
        os.kill(migrating, number)
        with pytest.raises(subprocess.TimeoutExpired):
            caller._popen.wait(0.3)


def _opened_by_a_child(parent: int, file: Path) -> int | None:
    """Return the child of a process that has a file open."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for child in children:
        with contextlib.suppress(OSError):
            if any(each.readlink() == file for each in Path(f"/proc/{child}/fd").iterdir()):
                return int(child)
    return None
