"""Who comes to live in the place of an incident hears of it, once, from the import on; on every database."""

from datetime import timedelta

import pytest

from notifier.config import Config
from notifier.domain.broadcast import may_be_joined_by
from notifier.domain.playbook import Playbook
from notifier.queue.embedded import Topic
from notifier.stages.directory import Directory, DirectoryRow
from notifier.stages.incidents import ConfirmIncident, OpenIncident, RestoreIncident, SetEta
from notifier.storage.database import Database
from tests.control_room import ANN, BOB, MINUTE, TAKE_BACK, ControlRoom
from tests.incident_town import MORNING

HOUR = timedelta(hours=1)


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=6))
    room.homes(3)
    return room


@pytest.fixture
def directory(room: ControlRoom) -> Directory:
    return Directory(room.database, Config(), room.clock, room.queue, {"power": room.playbook})


def home(customer: str = "new", *, region: str = "94110", services: str = "power", **columns: str) -> DirectoryRow:
    given = {"site_id": "1", "address": "9 Ash St", "email": f"{customer}@example.net", **columns}
    return DirectoryRow(customer_id=customer, services=services, regions={"postal_code": region}, **given)


async def load(directory: Directory, *rows: DirectoryRow) -> None:
    assert (await directory.load(rows)).rejected == []


def written(room: ControlRoom) -> list[tuple[int, str, str]]:
    """Return broadcast, address and state of the messages to others than the homes of the beginning."""
    rows = room.rows(
        """SELECT n.broadcast_id, c.address, n.state FROM notifications AS n
           JOIN contact_points AS c ON c.id = n.contact_point_id WHERE c.address NOT LIKE '94110-%' ORDER BY n.id"""
    )
    return [(row["broadcast_id"], row["address"].partition("@")[0], row["state"]) for row in rows]


async def test_a_new_customer_hears_what_the_others_were_told_once(room: ControlRoom, directory: Directory) -> None:
    which = await room.deliver(await room.open())
    await load(directory, home())
    view = await room.broadcasts.show(which)
    assert (view.state, view.reason, view.finished_at) == ("sending", "extended", None)
    assert room.rows("SELECT reason FROM notifications ORDER BY id DESC LIMIT 1") == [{"reason": "late_joiner"}]
    assert await room.queue.wait(Topic.NOTIFICATIONS, 0.01)
    await room.work()
    await load(directory, home(), home("94110-0"))
    await room.work()
    assert written(room) == [(which, "new", "sent")]
    view = await room.broadcasts.show(which)
    assert (view.state, view.progress.customers_told, view.progress.states) == ("completed", 4, {"sent": 4})
    assert room.events().count("extended") == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"status": "paused"}, {}),
        ({"services": "internet"}, {"services": "internet|power"}),
        ({"region": "94199"}, {}),
        ({"email": ""}, {}),
    ],
)
async def test_a_site_that_becomes_affected_joins(
    room: ControlRoom, directory: Directory, before: dict[str, str], after: dict[str, str]
) -> None:
    await load(directory, home(**before))
    await room.deliver(await room.open())
    assert written(room) == []
    await load(directory, home(**after))
    await room.work()
    assert written(room) == [(1, "new", "sent")]


@pytest.mark.parametrize(
    "columns", [{"region": "94199"}, {"services": "internet"}, {"status": "paused"}, {"email": "", "phone": ""}]
)
async def test_who_is_not_affected_or_cannot_be_reached_changes_nothing(
    room: ControlRoom, directory: Directory, columns: dict[str, str]
) -> None:
    await room.deliver(await room.open())
    await load(directory, home(**columns))
    assert written(room) == []
    assert (await room.broadcasts.show(1)).state == "completed"


async def test_a_listed_site_that_becomes_active_joins(room: ControlRoom, directory: Directory) -> None:
    await load(directory, home(status="paused"), home("94110-0", site_id="2", email="94110-x@example.net"))
    await room.deliver(await room.incidents.open(OpenIncident(service="power", sites=("new", "94110-0,2")), ANN))
    await load(directory, home())
    await room.work()
    assert written(room) == [(1, "new", "sent")]


async def test_nobody_joins_what_nobody_was_told_or_what_is_over(room: ControlRoom, directory: Directory) -> None:
    await room.open()
    await load(directory, home("early"))
    assert written(room) == []  # it is suspected
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(), ANN))
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    await load(directory, home("late"))
    assert {address for _, address, _ in written(room)} == {"early"}


async def test_the_take_back_time_and_a_walk_that_came_by_miss_nobody(room: ControlRoom, directory: Directory) -> None:
    await room.send(await room.open())
    while await room.planning.step():
        pass
    await load(directory, home())
    assert await room.planning.step() is False  # nobody walks the place again
    assert written(room) == [(1, "new", "pending")]
    room.clock.go_on(TAKE_BACK)
    await room.work()
    assert written(room) == [(1, "new", "sent")]


async def test_what_is_told_now_and_what_is_about_to_be_are_both_joined(
    room: ControlRoom, directory: Directory
) -> None:
    await room.deliver(await room.open())
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN))
    await load(directory, home())
    room.clock.go_on(TAKE_BACK)
    await room.work()
    assert written(room) == [(1, "new", "superseded"), (2, "new", "sent")]


async def test_while_service_is_believed_back_only_the_word_that_it_is_can_be_joined(
    room: ControlRoom, directory: Directory
) -> None:
    await room.deliver(await room.open())
    await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    await load(directory, home())
    room.clock.go_on(15 * MINUTE)
    await room.work()
    assert written(room) == [(2, "new", "sent")]


async def test_nobody_is_told_a_time_that_has_passed_or_joins_what_was_stopped(
    room: ControlRoom, directory: Directory
) -> None:
    await room.deliver(await room.open())
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    await room.broadcasts.cancel(view.id, ANN)
    await load(directory, home())
    assert written(room) == []
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN))
    room.clock.time = MORNING + 3 * HOUR
    await load(directory, home("later"))
    assert "later" not in {address for _, address, _ in written(room)}


async def test_a_new_site_of_who_was_told_already_is_not_another_message(
    room: ControlRoom, directory: Directory
) -> None:
    await room.deliver(await room.open())
    await load(directory, home("94110-0", site_id="2"))
    await room.work()
    assert room.rows("SELECT count(*) AS n FROM notifications") == [{"n": 3}]
    assert (await room.broadcasts.show(1)).state == "completed"


async def test_an_import_alone_never_tells_more_than_one_commander_may(room: ControlRoom, directory: Directory) -> None:
    await room.deliver(await room.open())
    await load(directory, *(home(f"h{number}") for number in range(3)))
    assert len(written(room)) == 3
    await load(directory, home("one-more"))
    await load(directory, home("another"))
    assert len(written(room)) == 3
    assert room.events().count("late_joiners_left_out") == 1
    (need,) = room.needs()
    assert (need.kind, need.next) == ("late_joiners", ["notifier eta 1 TIME", "notifier eta 1 none"])
    draft = await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN)
    assert draft.preview is not None
    assert (draft.preview.customers, draft.preview.needs_approval) == (8, True)
    room.clock.go_on(10 * MINUTE)
    await room.broadcasts.approve((await room.send(draft)).id, 8, BOB)
    room.clock.go_on(TAKE_BACK)
    await room.work()
    assert room.needs() == []
    assert len(written(room)) == 3 + 5


@pytest.mark.parametrize(
    ("new", "told", "answered_for", "may"),
    [(1, 5, 3, True), (2, 5, 3, False), (5, 100, 100, True), (6, 100, 100, False), (0, 200, 100, False)],
)
def test_late_joiners_are_few_beside_those_a_person_answered_for(
    new: int, told: int, answered_for: int, may: bool
) -> None:
    assert may_be_joined_by(new, told=told, answered_for=answered_for, limit=6) is may
