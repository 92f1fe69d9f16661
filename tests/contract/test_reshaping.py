"""Sites join an incident, leave it, or go over to another one: what each customer was promised stays theirs."""

from datetime import timedelta

import pytest

from notifier.domain.errors import InvalidInput, Refused, TransitionRefused
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import DismissIncident, OpenIncident, RestoreIncident, SetEta
from notifier.stages.incidents.reshaping import ExtendIncident, MergeIncident, SplitIncident
from notifier.storage.database import Database
from tests.control_room import ANN, MINUTE, ControlRoom
from tests.incident_town import MORNING

HOUR = timedelta(hours=1)
EAST, WEST = "94112", "94110"


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power", "internet"), audience_limit=50))
    room.homes(3, WEST)
    room.homes(2, EAST)
    return room


def heard(room: ControlRoom, broadcast_id: int) -> list[str]:
    rows = room.rows(
        """SELECT c.address FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
           WHERE n.broadcast_id = :id AND n.state = 'sent' ORDER BY c.address""",
        id=broadcast_id,
    )
    return [str(row["address"]).partition("@")[0] for row in rows]


def promised(room: ControlRoom) -> list[tuple[int, str, str]]:
    """Return the promises as (incident, kind, state)."""
    rows = room.rows("SELECT incident_id, kind, state FROM promises ORDER BY incident_id, id")
    return [(row["incident_id"], row["kind"], row["state"]) for row in rows]


# --- extend


@pytest.mark.parametrize("where", [{"regions": (EAST,)}, {"sites": ("94112-0", "94112-1")}])
async def test_who_joins_gets_the_first_message_and_nobody_else_does(
    room: ControlRoom, where: dict[str, tuple[str, ...]]
) -> None:
    await room.deliver(await room.open(WEST, eta_at=MORNING + 2 * HOUR, cause="storm"))
    draft = await room.reshaping.extend(1, ExtendIncident(**where), ANN)  # type: ignore[arg-type]
    assert draft.preview is not None
    assert draft.broadcast is not None
    assert (draft.preview.customers, draft.broadcast.kind, draft.preview.first_contact) == (2, "eta", 2)
    assert (await room.incidents.show(1)).card.customers == 3
    which = await room.deliver(draft)
    assert heard(room, which) == ["94112-0", "94112-1"]
    shown = await room.incidents.show(1)
    assert (shown.card.customers, shown.parts, shown.cause) == (5, [], "storm")
    assert [each.facts["cause"] for each in shown.broadcasts] == ["storm", "storm"]
    after = await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    assert len(heard(room, after)) == 5
    assert promised(room) == [(1, "eta", "revised"), (1, "eta", "revised"), (1, "eta", "open")]
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    assert (await room.incidents.show(1)).card.state == "resolved"


async def test_the_promise_to_those_who_joined_is_watched_with_the_others(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    room.clock.go_on(20 * MINUTE)
    await room.deliver(await room.reshaping.extend(1, ExtendIncident(regions=(EAST,)), ANN))
    due = [row["due_at"] for row in room.rows("SELECT due_at FROM promises")]
    assert due[0] == due[1]  # the time that the others were told
    room.clock.time = MORNING + 57 * MINUTE
    for _ in range(2):
        await room.promises.watch()
        await room.work()
    delayed = [each for each in (await room.incidents.show(1)).broadcasts if each.kind == "delayed"]
    assert [heard(room, each.id) for each in delayed] == [
        ["94110-0", "94110-1", "94110-2", "94112-0", "94112-1"],
    ]


async def test_who_is_affected_already_does_not_join(room: ControlRoom) -> None:
    city = room.town.region("Riverside", kind="city")
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO site_regions (region_id, site_id) SELECT :c, id FROM sites", c=city)
    )
    await room.deliver(await room.open(WEST))
    with pytest.raises(Refused, match="nobody would join"):
        await room.reshaping.extend(1, ExtendIncident(sites=("94110-0",)), ANN)
    draft = await room.reshaping.extend(1, ExtendIncident(regions=("city:Riverside",)), ANN)
    assert heard(room, await room.deliver(draft)) == ["94112-0", "94112-1"]
    room.town.household("new", city)
    assert (await room.incidents.show(1)).card.customers == 6


async def test_taking_it_back_leaves_the_place_as_it_was(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    for where in ({"regions": (EAST,)}, {"sites": ("94112-0",)}):
        view = await room.send(await room.reshaping.extend(1, ExtendIncident(**where), ANN))  # type: ignore[arg-type]
        assert (await room.incidents.show(1)).card.customers > 3
        await room.broadcasts.cancel(view.id, ANN)
        shown = await room.incidents.show(1)
        assert (shown.card.customers, shown.card.place, shown.parts) == (3, WEST, [])
    assert promised(room) == [(1, "next_update", "open")]


async def test_sites_of_another_incident_do_not_join(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    await room.deliver(await room.open(EAST))
    with pytest.raises(Refused, match=r"incident 2 .* lies there already"):
        await room.reshaping.extend(1, ExtendIncident(regions=(EAST,)), ANN)
    with pytest.raises(InvalidInput, match="say which sites join"):
        await room.reshaping.extend(1, ExtendIncident(), ANN)


# --- split


@pytest.mark.parametrize("where", [{"part": (EAST,)}, {"part_sites": ("94112-0", "94112-1")}])
async def test_sites_leave_with_their_promise_as_an_incident_of_their_own(
    room: ControlRoom, where: dict[str, tuple[str, ...]]
) -> None:
    await room.deliver(await room.open(WEST, EAST, eta_at=MORNING + HOUR, cause="storm"))
    new = await room.reshaping.split(1, SplitIncident(**where), ANN)  # type: ignore[arg-type]
    assert (new.card.id, new.card.state, new.card.customers, new.cause) == (2, "confirmed", 2, "storm")
    assert new.card.eta_at == MORNING + HOUR
    old = await room.incidents.show(1)
    assert (old.card.customers, old.parts, old.card.told) == (3, [], 3)
    assert promised(room) == [(1, "eta", "open"), (2, "eta", "open")]
    later = await room.incidents.eta(2, SetEta(eta_at=MORNING + 3 * HOUR), ANN)
    assert later.preview is not None
    assert (later.preview.first_contact, later.preview.kind) == (0, "delayed")
    assert heard(room, await room.deliver(later)) == ["94112-0", "94112-1"]
    assert heard(room, await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))) == [
        "94110-0",
        "94110-1",
        "94110-2",
    ]
    states = [row["state"] for row in room.rows("SELECT state FROM incidents ORDER BY id")]
    assert states == ["resolved", "confirmed"]
    wrong = await room.incidents.dismiss(2, DismissIncident(), ANN)
    assert heard(room, await room.deliver(wrong)) == ["94112-0", "94112-1"]


async def test_an_incident_that_was_split_off_delays_by_itself(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST, EAST))
    await room.reshaping.split(1, SplitIncident(part=(EAST,)), ANN)
    room.clock.time = MORNING + 57 * MINUTE
    await room.promises.watch()
    await room.work()
    assert heard(room, (await room.incidents.show(2)).broadcasts[-1].id) == ["94112-0", "94112-1"]
    assert heard(room, (await room.incidents.show(1)).broadcasts[-1].id) == ["94110-0", "94110-1", "94110-2"]
    assert room.events(2)[:2] == ["opened", "split_from"]
    assert "split_off" in room.events(1)


async def test_what_was_split_off_was_told_and_is_corrected_when_it_was_nothing(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST, EAST))
    await room.reshaping.split(1, SplitIncident(part=(EAST,)), ANN)
    assert "nobody_told" not in [need.kind for need in room.needs()]
    wrong = await room.incidents.dismiss(2, DismissIncident(), ANN)
    assert wrong.preview is not None
    assert heard(room, await room.deliver(wrong)) == ["94112-0", "94112-1"]
    assert promised(room) == [(1, "next_update", "open"), (2, "next_update", "void")]


async def test_older_updates_say_nothing_more_to_what_was_split_off(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST, EAST))
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN))
    assert view.not_before_at is not None
    room.clock.time = view.not_before_at
    await room.course.start_due()
    while await room.planning.step():
        pass
    await room.reshaping.split(1, SplitIncident(part=(EAST,)), ANN)
    later = await room.send(await room.incidents.eta(2, SetEta(eta_at=MORNING + 5 * HOUR), ANN))
    room.clock.go_on(MINUTE)
    await room.work()
    assert heard(room, view.id) == ["94110-0", "94110-1", "94110-2"]
    assert heard(room, later.id) == ["94112-0", "94112-1"]


async def test_not_all_of_it_can_leave(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    with pytest.raises(Refused, match="would be left without sites"):
        await room.reshaping.split(1, SplitIncident(part=(WEST,)), ANN)
    with pytest.raises(InvalidInput, match="say which sites leave"):
        await room.reshaping.split(1, SplitIncident(), ANN)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    with pytest.raises(Refused):
        await room.reshaping.split(1, SplitIncident(part_sites=("94110-0",)), ANN)


# --- merge


async def test_what_was_told_and_promised_goes_over(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST, eta_at=MORNING + HOUR))
    await room.deliver(await room.open(EAST, eta_at=MORNING + 2 * HOUR))
    point = room.rows("SELECT id FROM contact_points WHERE address LIKE '94112-0%'")[0]["id"]
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO pauses (contact_point_id, incident_id, created_at) VALUES (:p, 2, 1)", p=point)
    )
    merged = await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    assert (merged.card.customers, merged.card.told) == (5, 5)
    assert [(part.name, part.customers, part.eta_at) for part in merged.parts] == [
        ("rest", 3, MORNING + HOUR),
        (EAST, 2, MORNING + 2 * HOUR),
    ]
    assert (await room.incidents.show(2)).card.state == "merged"
    assert promised(room) == [(1, "eta", "open"), (1, "eta", "open")]
    which = await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    assert heard(room, which) == ["94112-1"]  # the other one wanted to hear nothing more
    assert promised(room) == [(1, "eta", "open"), (1, "eta", "kept")]
    wrong = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert wrong.preview is not None
    assert wrong.preview.customers == 5


async def test_what_it_had_not_said_yet_is_cancelled_and_its_promise_void(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    view = await room.send(await room.open(EAST))
    room.clock.time = view.not_before_at or room.clock.time
    await room.course.start_due()
    await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    shown = await room.broadcasts.show(view.id)
    assert (shown.state, shown.reason) == ("cancelled", "incident_merged")
    assert promised(room) == [(1, "next_update", "open"), (2, "next_update", "void")]
    (need,) = [each for each in room.needs() if each.kind == "cut_short"]
    assert "`acknowledged` of #2 was stopped by the merge: 2 of 2 customers were not told" in need.text
    assert need.next[0] == "notifier eta 1 none --part 94112"
    await room.work()
    assert heard(room, view.id) == []
    after = await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + HOUR, part=(EAST,)), ANN))
    assert heard(room, after) == ["94112-0", "94112-1"]
    assert "cut_short" not in [each.kind for each in room.needs()]


async def test_what_a_merge_has_stopped_is_not_forgotten_when_its_sites_go_on_once_more(room: ControlRoom) -> None:
    room.homes(2, "94199")
    await room.deliver(await room.open(WEST))
    await room.deliver(await room.open("94199"))
    view = await room.send(await room.open(EAST))
    room.clock.time = view.not_before_at or room.clock.time
    await room.course.start_due()
    await room.reshaping.merge(3, MergeIncident(into=1), ANN)
    await room.reshaping.merge(1, MergeIncident(into=2), ANN)
    (need,) = [each for each in room.needs() if each.kind == "cut_short"]
    assert "`acknowledged` of #3 was stopped by the merge: 2 of 2 customers were not told" in need.text
    assert need.next[0] == "notifier eta 2 none --part 94112"
    await room.deliver(await room.incidents.eta(2, SetEta(eta_at=MORNING + HOUR, part=(EAST,)), ANN))
    assert "cut_short" not in [each.kind for each in room.needs()]


async def test_who_was_not_told_that_service_is_back_is_named_though_a_merge_stopped_it(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    await room.deliver(await room.open(EAST))
    view = await room.send(await room.incidents.restored(2, RestoreIncident(), ANN))
    room.database.write_now(  # as merges did before they waited for restorations
        lambda tx: tx.run(
            "UPDATE broadcasts SET state = 'cancelled', reason = 'incident_merged' WHERE id = :id", id=view.id
        )
    )
    await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    (need,) = [each for each in room.needs() if each.kind == "cut_short"]
    assert "`restored` of #2 was stopped by the merge: 2 of 2 customers were not told that service is back" in need.text
    assert need.next == ["notifier broadcasts show 3", "notifier reopen 1 --part 94112"]


async def test_a_suspected_one_nobody_was_told_about_just_merges(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    await room.open(EAST)
    merged = await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    assert (merged.card.customers, merged.parts) == (3, [])
    assert (await room.incidents.show(2)).merged_into == 1


async def test_a_merge_does_not_stop_that_service_is_told_as_back(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    await room.deliver(await room.open(EAST))
    draft = await room.incidents.restored(2, RestoreIncident(), ANN)
    await room.send(draft)
    with pytest.raises(Refused, match="believed back and its customers are not all told yet"):
        await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    assert (await room.incidents.show(2)).merged_into is None


async def test_only_what_is_alike_is_merged(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST))
    await room.open(EAST)
    with pytest.raises(Refused, match="merge 2 into 1"):
        await room.reshaping.merge(1, MergeIncident(into=2), ANN)
    with pytest.raises(Refused, match="into itself"):
        await room.reshaping.merge(1, MergeIncident(into=1), ANN)
    room.town.household("net", room.town.region("94199"), services="|internet|")
    await room.incidents.open(OpenIncident(service="internet", regions=("94199",)), ANN)
    with pytest.raises(Refused, match="one service"):
        await room.reshaping.merge(3, MergeIncident(into=1), ANN)
    await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    with pytest.raises(TransitionRefused):
        await room.reshaping.merge(2, MergeIncident(into=1), ANN)


async def test_sites_that_left_come_back(room: ControlRoom) -> None:
    await room.deliver(await room.open(WEST, EAST, eta_at=MORNING + HOUR))
    await room.reshaping.split(1, SplitIncident(part=(EAST,)), ANN)
    merged = await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    assert (merged.card.customers, [part.customers for part in merged.parts]) == (5, [3, 2])
    which = await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    assert heard(room, which) == ["94112-0", "94112-1"]
