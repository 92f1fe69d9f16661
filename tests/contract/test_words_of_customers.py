"""What customers said of an incident: from its place and in its time only, each text once, nobody named."""

from datetime import timedelta

import pytest

from notifier.domain.errors import NotFound
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.queries import said
from notifier.storage.views import WordsView
from tests.complaint_desk import SYSTEM, Desk, request

MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place()
    made.place("94112", city="Oakland")
    return made


async def outage(desk: Desk) -> int:
    for number in range(1, 5):
        desk.clock.at += MINUTE
        await desk.complain(f"94110-{number}", text="No power!" if number < 4 else "Dark here, call 415 555 0123")
        await desk.decide()
    return 1


def words(desk: Desk, incident: int = 1, *, every: bool = False) -> WordsView:
    return desk.database.read_now(lambda tx: said.view(tx, incident, every=every))


def reply(desk: Desk, external_id: str, text: str, *, meaning: str = "out", incident: int = 1) -> None:
    desk.database.write_now(
        lambda tx: tx.run(
            """INSERT INTO replies (source, external_id, sender, meaning, text, received_at, incident_id, customer_id)
               VALUES ('sms', :id, '+14155550142', :meaning, :text, :at, :incident, 1)""",
            id=external_id,
            meaning=meaning,
            text=text,
            at=to_micros(desk.clock.at),
            incident=incident,
        )
    )


async def test_the_same_words_stand_once_the_newest_first(desk: Desk) -> None:
    await outage(desk)
    view = words(desk)
    assert [(group.text, group.times) for group in view.groups] == [
        ("Dark here, call [number]", 1),
        ("No power!", 3),
    ]
    assert (view.people, view.complaints, view.replies, view.left_out) == (4, 4, 0, 0)


async def test_words_from_elsewhere_of_another_service_or_time_are_not_among_them(desk: Desk) -> None:
    await desk.complain("94110-8", text="last week", at=desk.clock.at)
    desk.clock.at += timedelta(days=7)
    await outage(desk)
    await desk.complain("94112-1", text="other town")
    await desk.complain("94110-5", text="no water", service="water")
    assert [group.text for group in words(desk).groups] == ["Dark here, call [number]", "No power!"]


async def test_a_stranger_who_names_a_region_within_the_place_is_read_and_one_who_names_a_wider_one_is_not(
    desk: Desk,
) -> None:
    await outage(desk)
    regions = {row["code"]: row["id"] for row in desk.rows("SELECT id, code FROM regions")}
    inner = desk.town.region("OLT-7", kind="node")

    def write(tx: object) -> None:
        tx.run(  # type: ignore[attr-defined]
            """INSERT INTO site_regions (region_id, site_id) SELECT :inner, site_id FROM site_regions
               WHERE region_id = :outer AND site_id <= 2""",
            inner=inner,
            outer=regions["94110"],
        )
        tx.run(  # type: ignore[attr-defined]
            "INSERT INTO incident_regions (incident_id, region_id, role) VALUES (1, :inner, 'attached')", inner=inner
        )

    desk.database.write_now(write)
    desk.town.household("elsewhere", regions["San Francisco"])
    for number, region in enumerate(("node:OLT-7", "city:San Francisco")):
        await desk.intake.submit(
            request(source="web", reporter=f"+1415555019{number}", region=region, text=f"from {region}"), actor=SYSTEM
        )
    texts = [group.text for group in words(desk).groups]
    assert "from node:OLT-7" in texts
    assert "from city:San Francisco" not in texts


async def test_what_is_said_after_it_was_closed_is_not_of_it(desk: Desk) -> None:
    await outage(desk)
    desk.database.write_now(
        lambda tx: tx.run("UPDATE incidents SET closed_at = :at WHERE id = 1", at=to_micros(desk.clock.at))
    )
    desk.clock.at += 5 * MINUTE
    await desk.complain("94110-6", text="again")
    assert "again" not in [group.text for group in words(desk).groups]


async def test_what_was_written_back_is_among_them_and_a_complaint_once(desk: Desk) -> None:
    await outage(desk)
    reply(desk, "SM1", "still out")
    reply(desk, "SM2", "thanks", meaning="courtesy", incident=1)
    desk.database.write_now(
        lambda tx: tx.run("UPDATE complaints SET source = 'sms', external_id = 'SM3', text = 'dark' WHERE id = 4")
    )
    reply(desk, "SM3", "dark", meaning="complaint")
    view = words(desk)
    assert (view.complaints, view.replies, view.people) == (4, 2, 4)
    assert {group.text: dict(group.how) for group in view.groups}["dark"] == {"complaint": 1}
    assert {group.text: dict(group.how) for group in view.groups}["still out"] == {"out": 1}


async def test_an_incident_of_listed_sites_has_the_words_of_their_customers(desk: Desk) -> None:
    await outage(desk)

    def listed(tx: object) -> None:
        tx.run("DELETE FROM incident_regions WHERE incident_id = 1")  # type: ignore[attr-defined]
        tx.run(  # type: ignore[attr-defined]
            """INSERT INTO incident_sites (incident_id, site_id)
               SELECT 1, s.id FROM sites AS s
               JOIN customers AS c ON c.id = s.customer_id WHERE c.reference = '94110-4'"""
        )

    desk.database.write_now(listed)
    assert [group.text for group in words(desk).groups] == ["Dark here, call [number]"]


async def test_only_so_many_groups_are_shown_unless_all_are_asked_for(desk: Desk) -> None:
    await outage(desk)
    for number in range(said.SHOWN + 3):
        reply(desk, f"SM{number}", f"word {chr(97 + number)}")
    assert (len(words(desk).groups), words(desk).left_out) == (said.SHOWN, 5)
    assert (len(words(desk, every=True).groups), words(desk, every=True).left_out) == (said.SHOWN + 5, 0)


def test_of_an_incident_that_is_none_nothing_was_said(desk: Desk) -> None:
    with pytest.raises(NotFound):
        words(desk, 9)
