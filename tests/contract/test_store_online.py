"""`check --online` on both databases: a store that takes writes, and one that only reads."""

from pathlib import Path

import pytest

from notifier.cli.online import State
from notifier.cli.online.reach import check_store
from notifier.config import Config, Storage
from tests.postgres_server import PostgresServer


def at(url: str) -> Config:
    return Config(storage=Storage(url=url))


async def test_a_server_that_takes_writes_is_well(postgres: PostgresServer) -> None:
    finding = await check_store(at(postgres.url()))
    assert finding.state is State.OK, finding


async def test_a_server_that_only_reads_is_a_problem(postgres: PostgresServer) -> None:
    postgres.run("ALTER DATABASE notifier SET default_transaction_read_only = on", database="postgres")
    try:
        finding = await check_store(at(postgres.url()))
    finally:
        postgres.run("ALTER DATABASE notifier RESET default_transaction_read_only", database="postgres")
    assert finding.state is State.PROBLEM, finding
    assert finding.do


async def test_a_server_that_is_not_there_is_a_problem() -> None:
    finding = await check_store(at("postgresql://nobody@127.0.0.1:1/notifier"))
    assert finding.state is State.PROBLEM
    assert finding.do


async def test_a_file_that_may_only_be_read_is_a_problem(sqlite_template: Path, tmp_path: Path) -> None:
    finding = await check_store(at(f"sqlite:///{sqlite_template}"))
    assert finding.state is State.OK
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    assert (await check_store(at(f"sqlite:///{broken}"))).state is State.PROBLEM


@pytest.fixture(autouse=True)
def _no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
