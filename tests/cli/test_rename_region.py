"""`notifier db rename-region` on a file of its own."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from notifier.cli.db import db
from notifier.storage.migrate import upgrade
from notifier.storage.opening import store_at
from notifier.storage.repositories import directory
from notifier.storage.sqlite import SqliteDatabase


@pytest.fixture
def config(tmp_path: Path) -> Path:
    url = f"sqlite:///{tmp_path / 'notifier.db'}"
    upgrade(url)
    database = SqliteDatabase(tmp_path / "notifier.db")
    database.write_now(lambda tx: directory.ensure_region(tx, "node", "N-118"))
    database.close()
    file = tmp_path / "notifier.yaml"
    file.write_text(f"storage:\n  url: {url}\n")
    return file


def run(config: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(db, ["rename-region", *arguments, "--config", str(config)])
    return done.exit_code, done.output


def test_a_region_is_renamed(config: Path) -> None:
    assert run(config, "node:N-118", "N-118A") == (0, "node:N-118 is node:N-118A now, with 0 sites and its history\n")
    code, output = run(config, "node:N-118", "N-118B")
    assert code == 1
    assert "node:N-118 is not a region" in output


@pytest.mark.parametrize("old", ["N-118", "village:N-118"])
def test_what_is_no_region_is_refused(config: Path, old: str) -> None:
    code, output = run(config, old, "N-118A")
    assert code == 1
    assert "kind" in output


def test_a_daemon_that_runs_is_not_disturbed(config: Path) -> None:
    with store_at(f"sqlite:///{config.parent / 'notifier.db'}").alone():
        code, output = run(config, "node:N-118", "N-118A")
    assert code == 1
    assert "notifier" in output
