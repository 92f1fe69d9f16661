"""Release N runs on the schema of release N+1: migrations expand, and contract a release later. On both databases."""

import ast
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from notifier.storage.migrate import upgrade
from notifier.storage.schema import metadata
from tests.daemon import Daemon, until
from tests.served import ROWS
from tests.stores import ON_BOTH, PostgresTestStore, SqliteTestStore, TestStore, new_store

VERSIONS = Path("notifier/storage/migrations/versions")
TAKES_AWAY = {"drop_column", "drop_table", "drop_constraint", "drop_index", "rename_table", "alter_column", "execute"}
"""What an upgrade may not do before its time; `execute` may do anything, and is looked at by whoever says so."""

SUITE = ("tests/contract/test_incidents.py", "tests/contract/test_delivery.py", "tests/contract/test_directory.py")
"""What of the release before is run: the path of a complaint, of a message and of an import."""


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TestStore:
    return new_store(request, getattr(request, "param", "sqlite"), tmp_path)


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, store)
    yield daemon
    daemon.stop_all()


def taken_away(source: str) -> set[str]:
    """Return what the upgrade of a migration takes away."""
    tree = ast.parse(source)
    (up,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    return {
        node.func.attr
        for node in ast.walk(up)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_AWAY
    }


def contracts(source: str) -> bool:
    """Tell whether a migration says from which release on nothing uses what it takes away."""
    return any(
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "contracts" for node in ast.parse(source).body
    )


def test_every_migration_expands_or_says_why_it_may_contract() -> None:
    for path in sorted(VERSIONS.glob("[0-9]*.py"))[1:]:
        source = path.read_text()
        assert not taken_away(source) or contracts(source), path.name


def test_what_takes_away_is_recognised() -> None:
    assert taken_away("def upgrade():\n    op.drop_column('a', 'b')\ndef downgrade():\n    pass") == {"drop_column"}
    assert (
        taken_away("def upgrade():\n    op.add_column('a', c)\ndef downgrade():\n    op.drop_column('a', 'c')") == set()
    )
    assert contracts('contracts = "0.2"\ndef upgrade():\n    pass')


def test_the_newest_schema_is_the_one_that_is_declared(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    upgrade(f"sqlite:///{path}")
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def widen(store: TestStore) -> None:
    """Make the schema one of a later release: columns, a table and a revision that this release does not know."""
    statements = [
        sql
        for table in metadata.tables
        for sql in (
            f"ALTER TABLE {table} ADD COLUMN of_next_release TEXT",
            f"ALTER TABLE {table} ADD COLUMN counted_by_next_release BIGINT NOT NULL DEFAULT 7",
        )
    ]
    statements += [
        "CREATE TABLE of_next_release (id BIGINT PRIMARY KEY, customer_id BIGINT REFERENCES customers (id))",
        "UPDATE alembic_version SET version_num = '9999'",
    ]
    if isinstance(store, PostgresTestStore):
        store.server.run(*statements, database=store.database)
        return
    assert isinstance(store, SqliteTestStore)
    with closing(sqlite3.connect(store.path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@ON_BOTH
@pytest.mark.timeout(180)
def test_this_release_works_on_the_schema_of_the_next_one(daemon: Daemon) -> None:
    upgrade(daemon.store.url)
    widen(daemon.store)
    daemon.change(delivery={"take_back": "0 s"}, retention={"complaints": "2 days"})
    process = daemon.start("--migrate")  # a newer schema is left as it is
    daemon.rows(*ROWS, path="/v1/customers/bulk")
    for number in range(1, 4):
        daemon.call("POST", "/v1/complaints", {"reporter": f"customer{number}@example.net", "service": "power"})
    drafted = daemon.call(
        "POST", "/v1/incidents", {"service": "power", "regions": ["postal_code:94110"], "next_update_by": None}
    )
    broadcast = drafted["broadcast"]["id"]
    daemon.call("POST", f"/v1/broadcasts/{broadcast}/send", {"count": len(ROWS)})
    until(lambda: len(daemon.outbox()) >= len(ROWS), "the messages")
    process.stop()
    daemon.start()
    shown = daemon.call("GET", f"/v1/broadcasts/{broadcast}")
    assert shown["incident_id"] == drafted["incident"]["card"]["id"]
    assert daemon.call("GET", "/v1/customers/C-1/export")["customers"][0]["reference"] == "C-1"
    assert daemon.call("POST", "/v1/customers/C-5/forget", {"confirm": "C-5", "reason": "a test"})["id"]
    assert daemon.run("db", "current").returncode == 0
    assert daemon.store.query("SELECT version_num FROM alembic_version") == [("9999",)]


def release_before() -> str | None:
    """Return the newest tag of a release before this commit, or what the environment names; None = there is none."""
    if named := os.environ.get("NOTIFIER_RELEASE_BEFORE"):
        return named
    git = shutil.which("git")
    if git is None or not Path(".git").exists():
        return None
    done = subprocess.run(
        [git, "tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-v:refname", "--list", "v[0-9]*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return next(iter(done.stdout.split()), None)


@pytest.mark.timeout(900)
def test_the_release_before_works_on_this_schema(tmp_path: Path) -> None:
    before = release_before()
    if before is None:
        pytest.skip("there is no release before this one")
    archive = subprocess.run(["git", "archive", before], capture_output=True, check=True).stdout
    old = tmp_path / "before"
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(old, filter="data")
    shutil.rmtree(old / VERSIONS)
    shutil.copytree(VERSIONS, old / VERSIONS)
    there = [each for each in SUITE if (old / each).exists()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *there],
        cwd=old,
        env=os.environ | {"PYTHONPATH": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
