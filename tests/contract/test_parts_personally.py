"""What single customers hear of an incident in parts: what is true of their own sites, by text and on the card."""

from datetime import timedelta

import pytest

from notifier.config import Config
from notifier.domain.notification import NotificationReason
from notifier.stages.directory import Directory, DirectoryRow
from notifier.stages.incidents import RestoreIncident, SetEta
from notifier.storage.database import Database
from notifier.storage.queries import customers
from notifier.storage.repositories import late_joiners
from tests.control_room import ANN
from tests.reply_desk import STANDARD, ReplyDesk

MARY, JOSE, ANA = "+14155550111", "+14155550112", "+14155550114"
HOUR = timedelta(hours=1)
EAST = "94112"


@pytest.fixture
async def desk(database: Database) -> ReplyDesk:
    """Mary in the west, Jose in the east, Ana in both; all were told, and the east is back."""
    desk = ReplyDesk(database)
    west, east = desk.town.region("94110"), desk.town.region(EAST)
    desk.home("12", MARY, west)
    desk.home("14", JOSE, east)
    ana = desk.town.customer("ana")
    sites = [desk.town.site(ana, region, reference=str(region), address=f"{region} Elm St") for region in (west, east)]
    desk.town.contact(ana, sites, ANA, kind="mobile")
    await desk.inbox.tell_reporters()
    await desk.deliver(await desk.open("94110", EAST, eta_at=desk.clock.now() + 4 * HOUR))
    return desk


async def restore_east(desk: ReplyDesk) -> int:
    return await desk.deliver(await desk.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))


async def answered(desk: ReplyDesk) -> dict[str, tuple[str, str, list[str]]]:
    """Return, by address, the kind of an answer, of the update that it repeats, and the sites it names."""
    return {
        one.address: (
            str(one.kind),
            str(one.answer.update) if one.answer else "",
            [site.street for site in one.personal.sites],
        )
        for one in await desk.claim()
        if one.broadcast_id is None
    }


async def test_status_is_that_of_the_part_in_which_one_lives(desk: ReplyDesk) -> None:
    await restore_east(desk)
    for phone in (MARY, JOSE, ANA):
        await desk.text(phone, "STATUS")
    said = await answered(desk)
    assert said[MARY] == ("status", "eta", ["12 Oak St"])
    assert said[JOSE] == ("status", "restored", ["14 Oak St"])
    assert said[ANA] == ("status", "eta", [f"{desk.town.region('94110')} Elm St"])  # of the part that is still out


async def test_who_says_out_after_their_part_came_back_is_still_out(desk: ReplyDesk) -> None:
    await restore_east(desk)
    desk.pass_time(minutes=5)
    await desk.text(JOSE, "OUT")
    await desk.text(MARY, "OUT")
    assert desk.answers(JOSE)[-1].incident_id is None  # what is over has no facts for those who are still out
    assert desk.answers(MARY)[-1].incident_id == 1
    assert desk.events().count("still_out") == 1


async def test_a_complaint_from_a_restored_part_is_answered_with_its_facts(desk: ReplyDesk) -> None:
    await restore_east(desk)
    desk.pass_time(hours=2)
    await desk.complain(customer_id="14")
    await desk.complain(customer_id="12")
    said = await answered(desk)
    assert said[JOSE][1:] == ("restored", ["14 Oak St"])
    assert said[MARY][1:] == ("eta", ["12 Oak St"])


async def test_an_agent_sees_the_promise_of_the_customers_own_part(desk: ReplyDesk) -> None:
    await restore_east(desk)

    def promises(reference: str) -> list[tuple[str, str]]:
        view = desk.database.read_now(lambda tx: customers.show(tx, reference))
        assert view is not None
        return [(each.kind, each.state) for each in view.promises]

    assert promises("12") == [("eta", "open")]
    assert promises("14") == [("eta", "kept")]
    assert sorted(promises("ana")) == [("eta", "kept"), ("eta", "open")]


async def test_whoever_comes_to_live_in_a_part_hears_what_is_said_there(desk: ReplyDesk) -> None:
    await desk.deliver(await desk.incidents.eta(1, SetEta(eta_at=desk.clock.now() + HOUR, part=(EAST,)), ANN))
    directory = Directory(desk.database, Config(), desk.clock, desk.queue, {"power": STANDARD})

    async def move_in(customer: str, region: str) -> list[int]:
        row = DirectoryRow(
            customer_id=customer, services="power", regions={"postal_code": region}, site_id="1",
            address="9 Ash St", email=f"{customer}@example.net",
        )  # fmt: skip
        assert (await directory.load([row])).rejected == []
        rows = desk.rows(
            """SELECT n.broadcast_id FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
               WHERE c.address = :address""",
            address=f"{customer}@example.net",
        )
        return [row["broadcast_id"] for row in rows]

    assert await move_in("east", EAST) == [2]
    assert await move_in("west", "94110") == [1]
    await restore_east(desk)
    assert await move_in("later", EAST) == []  # it is back there


async def test_a_part_that_was_told_nothing_of_its_own_is_joined_by_what_it_was_told_before(desk: ReplyDesk) -> None:
    taken = await desk.send(await desk.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    await desk.broadcasts.cancel(taken.id, ANN)
    site = desk.home("new", "+14155550119", desk.town.region(EAST))
    joined = desk.database.write_now(
        lambda tx: late_joiners.join(tx, [site], {"power": STANDARD}, now=desk.clock.now())
    )
    assert [(each.broadcast_id, each.notifications) for each in joined] == [(1, 1)]


async def test_what_a_worker_gives_back_says_nothing_old_to_a_part_that_was_told_anew(desk: ReplyDesk) -> None:
    old = await desk.send(await desk.incidents.eta(1, SetEta(eta_at=desk.clock.now() + HOUR), ANN))
    desk.pass_time(minutes=1)
    await desk.course.start_due()
    while await desk.planning.step():
        pass
    claimed = await desk.claim()
    assert {one.address for one in claimed} == {MARY, JOSE, ANA}
    await desk.send(await desk.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    desk.pass_time(minutes=10)
    await desk.course.start_due()
    while await desk.planning.step():
        pass
    await desk.delivery.release(claimed, reason=NotificationReason.PLANNED)
    again = [one for one in await desk.claim() if one.broadcast_id == old.id]
    assert {one.address: [site.street for site in one.personal.sites] for one in again} == {
        MARY: ["12 Oak St"],
        ANA: [f"{desk.town.region('94110')} Elm St"],
    }
    assert ("superseded", "newer_update") in desk.messages(JOSE)
