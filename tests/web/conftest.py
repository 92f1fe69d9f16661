"""The real application with its real stages on a fresh SQLite file, behind a real socket."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifier.storage.migrate import upgrade
from tests.served import Served


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file; tests copy it."""
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def served(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """Serve the API from a fresh file."""
    shutil.copyfile(template, tmp_path / "notifier.db")
    async with Served(tmp_path) as served:
        yield served
