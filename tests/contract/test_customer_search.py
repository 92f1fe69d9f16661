"""Customers by words and parts on both databases: wildcards are letters, accents do not matter, time is bounded."""

import pytest

from notifier.clock import SystemClock
from notifier.domain.customer_search import has_all, pattern, wanted
from notifier.stages import customer_search
from notifier.stages.customer_search import Found
from notifier.stages.directory import Directory
from notifier.storage.database import Database
from tests.contract.test_directory import directory, load, row

__all__ = ["directory"]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_search, "PAGE", 2)


@pytest.fixture
async def town(directory: Directory) -> None:
    near, far = {"postal_code": "94110", "city": "Springfield"}, {"postal_code": "94112", "city": "Riverside"}
    await load(
        directory,
        row("C-1", name="Ana Gómez", address="12 Oak St, Springfield", email="ana_g@example.net", regions=near),
        row("C-2", name="Sam 100% Lee", address="14 Oak St, Springfield", phone="415 555 0102", regions=near),
        row("C-3", name="Zoë Roe", address="12 Oak St, Riverside", email="anabg@example.net", regions=far),
        row("C-3", "2", label="Barn", address="ÉTOILE 7", regions=far),
        row("C-4", name="Oak & Sons", phone="415 555 0104", regions=far),
    )


async def found(database: Database, text: str) -> Found:
    return await customer_search.find(database, SystemClock(), text, country="US")


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("typed", "references"),
    [
        ("oak st", ["C-1", "C-2", "C-3"]),
        ("12 oak", ["C-1", "C-3"]),
        ("OAK 12, springfield", ["C-1"]),
        ("12 oak 94112", ["C-3"]),
        ("12 oak riverside", ["C-3"]),
        ("gomez", ["C-1"]),
        ("GÓMEZ ana", ["C-1"]),
        ("étoile", ["C-3"]),
        ("etoile", ["C-3"]),
        ("barn", ["C-3"]),
        ("100%", ["C-2"]),
        ("10_%", []),
        ("ana_g@", ["C-1"]),
        ("ANABG@example", ["C-3"]),
        ("555-01", ["C-2", "C-4"]),
        ("0104", ["C-4"]),
        ("+14155550102", ["C-2"]),
        ("C-2", ["C-2"]),
        ("x", []),
        ("'; DROP TABLE customers", []),
    ],
)
async def test_a_customer_is_found_by_what_an_agent_has(database: Database, typed: str, references: list[str]) -> None:
    answer = await found(database, typed)
    assert ([card.reference for card in answer.cards], answer.incomplete) == (references, "")


@pytest.mark.usefixtures("town")
async def test_who_is_found_is_shown_with_an_address(database: Database) -> None:
    (card,) = (await found(database, "roe")).cards
    assert (card.name, card.address, card.sites) == ("Zoë Roe", "12 Oak St, Riverside", 2)


async def test_more_than_fifty_are_said_to_be_more(database: Database, directory: Directory) -> None:
    await load(directory, *(row(f"C-{number}", name="Jane Poe") for number in range(60)))
    answer = await found(database, "jane")
    assert (len(answer.cards), answer.incomplete) == (50, "many")


@pytest.mark.usefixtures("town")
async def test_a_search_that_takes_too_long_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_search, "LOOKED_FOR_SECONDS", -1.0)
    assert (await found(database, "oak st")).incomplete == "time"
    assert [card.reference for card in (await found(database, "C-2")).cards] == ["C-2"]  # by index, whatever happens


def test_a_pattern_finds_no_less_than_what_matches() -> None:
    assert pattern("50%_!") == "%50!%!_!!%"
    assert pattern("gomez") == "%g_m__%"
    assert pattern("ana") == "%ana%"  # too little would be left
    assert has_all("Zoë Ångström", ("angstrom", "ZOE"))
    assert wanted("12").is_nothing
    assert wanted("(415) 555-01").part == "41555501"
