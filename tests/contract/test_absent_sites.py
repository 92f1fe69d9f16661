"""A full list on both databases: sites that are not in it have ended, but for those that somebody brought meanwhile."""

from datetime import timedelta

import pytest

from notifier.config import Config
from notifier.domain.seen_sites import SeenSites
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages import absent_sites
from notifier.stages.absent_sites import FullList
from notifier.stages.directory import Directory
from notifier.storage.database import Database
from tests.contract.test_directory import StillClock, directory, load, row

__all__ = ["directory"]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absent_sites, "PAGE", 3)
    monkeypatch.setattr(absent_sites, "ENDED_AT_ONCE", 2)


def ended(database: Database) -> list[str]:
    found = database.read_now(
        lambda tx: tx.tuples(
            "SELECT c.reference FROM sites s JOIN customers c ON c.id = s.customer_id "
            "WHERE s.status = 'ended' ORDER BY c.reference"
        )
    )
    return [reference for (reference,) in found]


async def test_what_is_absent_ends_in_pages_and_what_was_brought_meanwhile_does_not(
    database: Database, directory: Directory
) -> None:
    clock = StillClock()
    await load(directory, *(row(f"C-{number}") for number in range(8)), row("C-9", status="ended"))
    full = await FullList.begin(database, clock, however_many=True)  # type: ignore[arg-type]
    full.is_complete = True
    seen = SeenSites()
    await directory.load([row("C-1"), row("C-7", phone="1")], seen=seen)
    full.refused(row("C-7", phone="1"), 2)
    clock.at += timedelta(seconds=1)
    later = Directory(database, Config(), clock, EmbeddedQueue(), {})  # type: ignore[arg-type]
    await load(later, row("C-2", label="moved"), row("C-10"))
    absent = await full.end(seen)
    assert (absent.sites, absent.of, absent.ended) == (5, 8, 5)
    assert ended(database) == ["C-0", "C-3", "C-4", "C-5", "C-6", "C-9"]
