"""An incident in parts: one part is restored before the rest, and everybody hears what is true of their own sites."""

from datetime import timedelta

import pytest

from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import DismissIncident, OpenIncident, ReopenIncident, RestoreIncident, SetEta
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.queries import heard as heard_of
from notifier.storage.repositories import updates
from notifier.storage.repositories.incidents import load
from tests.control_room import ANN, MINUTE, TAKE_BACK, ControlRoom
from tests.incident_town import MORNING, evidence

HOUR = timedelta(hours=1)
EAST, WEST = "94112", "94110"


@pytest.fixture
def room(database: Database) -> ControlRoom:
    """Three homes in the west, two in the east, and a chain with a site in each."""
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=50))
    west, east = room.homes(3, WEST), room.homes(2, EAST)
    chain = room.town.customer("chain")
    sites = [
        room.town.site(chain, region, reference=str(region), address=f"{region} Elm St") for region in (west, east)
    ]
    room.town.contact(chain, sites, "chain@example.net")
    return room


async def told(room: ControlRoom, **facts: object) -> None:
    await room.deliver(await room.open(WEST, EAST, **facts))


def heard(room: ControlRoom, broadcast_id: int) -> list[str]:
    """Return who was handed a message of a broadcast."""
    rows = room.rows(
        """SELECT c.address FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
           WHERE n.broadcast_id = :id AND n.state = 'sent' ORDER BY c.address""",
        id=broadcast_id,
    )
    return [str(row["address"]).partition("@")[0] for row in rows]


def sites_named(room: ControlRoom, broadcast_id: int, address: str) -> list[str]:
    """Return the streets of the sites that a message carries."""
    rows = room.rows(
        """SELECT s.address FROM audience_notifications AS a JOIN sites AS s ON s.id = a.site_id
           JOIN contact_points AS c ON c.id = a.contact_point_id
           WHERE a.broadcast_id = :id AND c.address = :address ORDER BY s.id""",
        id=broadcast_id,
        address=f"{address}@example.net",
    )
    return [row["address"] for row in rows]


def promised(room: ControlRoom) -> list[tuple[str, str, str]]:
    """Return the promises as (part, kind, state)."""
    rows = room.rows(
        """SELECT t.name, p.kind, p.state FROM promises AS p JOIN parts AS t ON t.id = p.part_id
           ORDER BY t.position, t.id, p.id"""
    )
    return [(row["name"], row["kind"], row["state"]) for row in rows]


async def test_a_draft_of_a_part_counts_only_it_and_cuts_nothing(room: ControlRoom) -> None:
    await told(room)
    draft = await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN)
    assert draft.preview is not None
    assert (draft.preview.customers, draft.preview.by_region) == (3, {"postal_code 94112": 3})
    assert draft.incident.parts == []
    assert promised(room) == [("", "next_update", "open")]


async def test_a_part_is_restored_and_nobody_outside_it_hears(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + 3 * HOUR)
    view = await room.send(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    assert view.not_before_at == room.clock.now() + 10 * MINUTE
    shown = await room.incidents.show(1)
    assert [(part.name, part.state, part.customers) for part in shown.parts] == [
        ("rest", "out", 4),
        (EAST, "believed_back", 3),
    ]
    assert (shown.card.state, shown.card.part_state) == ("confirmed", "out")
    room.clock.go_on(10 * MINUTE)
    await room.work()
    assert heard(room, view.id) == ["94112-0", "94112-1", "chain"]
    assert sites_named(room, view.id, "chain") == [f"{room.town.region(EAST)} Elm St"]
    assert promised(room) == [("", "eta", "open"), (EAST, "eta", "kept")]
    assert (await room.incidents.show(1)).card.state == "confirmed"


async def test_the_preview_says_from_when_the_hold_counts(room: ControlRoom) -> None:
    await told(room)
    room.clock.go_on(30 * MINUTE)
    now = room.clock.now()
    draft = await room.incidents.restored(1, RestoreIncident(part=(EAST,), restored_at=now - 4 * MINUTE), ANN)
    assert draft.preview is not None
    assert (draft.preview.back_at, draft.preview.hold_seconds) == (now - 4 * MINUTE, 600.0)
    assert draft.preview.begins_at == now + 6 * MINUTE
    told_eta = await room.incidents.eta(1, SetEta(eta_at=now + 3 * HOUR), ANN)
    assert told_eta.preview is not None
    assert (told_eta.preview.back_at, told_eta.preview.begins_at) == (None, None)


async def test_the_rest_is_restored_alone_and_then_the_incident_is_resolved(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    draft = await room.incidents.restored(1, RestoreIncident(), ANN)
    assert draft.preview is not None
    assert draft.preview.customers == 4
    which = await room.deliver(draft)
    assert heard(room, which) == ["94110-0", "94110-1", "94110-2", "chain"]
    assert sites_named(room, which, "chain") == [f"{room.town.region(WEST)} Elm St"]
    shown = await room.incidents.show(1)
    assert shown.card.state == "resolved"
    assert {part.state for part in shown.parts} == {"restored"}
    assert not [each for each in promised(room) if each[2] == "open"]
    await room.incidents.close(1, ANN)


async def test_a_list_of_sites_is_a_part_and_is_found_again(room: ControlRoom) -> None:
    await told(room)
    listed = ("94112-0", "94110-1", "nobody-knows")
    with pytest.raises(InvalidInput, match="1 of 3 lines are unknown"):
        await room.incidents.eta(1, SetEta(eta_at=MORNING + HOUR, part_sites=listed), ANN)
    which = await room.deliver(
        await room.incidents.eta(1, SetEta(eta_at=MORNING + HOUR, cause="storm", part_sites=listed[:2]), ANN)
    )
    assert heard(room, which) == ["94110-1", "94112-0"]
    again = await room.deliver(await room.incidents.restored(1, RestoreIncident(part_sites=listed[:2]), ANN))
    assert heard(room, again) == ["94110-1", "94112-0"]
    assert len(room.rows("SELECT id FROM parts")) == 2
    assert room.rows("SELECT name, cause FROM parts ORDER BY id") == [
        {"name": "", "cause": ""},
        {"name": "2 sites", "cause": "storm"},
    ]


async def test_what_names_all_that_is_left_is_the_rest(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(WEST,)), ANN))
    assert (await room.incidents.show(1)).card.state == "resolved"
    assert len(room.rows("SELECT id FROM parts")) == 2


async def test_each_part_keeps_and_delays_its_own_promise(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + HOUR)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, part=(EAST,)), ANN))
    assert promised(room) == [("", "eta", "open"), (EAST, "eta", "revised"), (EAST, "eta", "open")]
    room.clock.time = MORNING + 56 * MINUTE
    await room.promises.watch()
    await room.work()
    shown = (await room.incidents.show(1)).broadcasts[-1]
    assert (shown.kind, shown.expected_customers, shown.part) == ("delayed", 4, "rest")
    assert heard(room, shown.id) == ["94110-0", "94110-1", "94110-2", "chain"]
    room.clock.time = MORNING + 3 * HOUR - 4 * MINUTE
    await room.promises.watch()
    await room.work()
    last = (await room.incidents.show(1)).broadcasts
    of_east = [each for each in last if each.part == EAST and each.kind == "delayed"]
    assert len(of_east) == 2  # the person's, and the daemon's
    assert heard(room, of_east[-1].id) == ["94112-0", "94112-1", "chain"]


async def test_a_part_without_an_update_of_its_own_still_has_its_promise(room: ControlRoom) -> None:
    await told(room)
    taken = await room.send(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    await room.broadcasts.cancel(taken.id, ANN)
    assert [part.state for part in (await room.incidents.show(1)).parts] == ["out", "out"]
    room.clock.time = MORNING + 57 * MINUTE
    await room.promises.watch()
    await room.work()
    delayed = [each for each in (await room.incidents.show(1)).broadcasts if each.kind == "delayed"]
    assert sorted(each.expected_customers for each in delayed) == [3, 4]
    assert [heard(room, each.id) for each in sorted(delayed, key=lambda each: each.part)] == [
        ["94112-0", "94112-1", "chain"],
        ["94110-0", "94110-1", "94110-2", "chain"],
    ]


async def test_what_an_older_update_still_has_to_say_to_a_part_is_superseded(room: ControlRoom) -> None:
    await told(room)
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    while await room.planning.step():
        pass
    restored = await room.send(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    room.clock.go_on(10 * MINUTE)
    await room.work()
    assert heard(room, view.id) == ["94110-0", "94110-1", "94110-2", "chain"]
    assert sites_named(room, view.id, "chain") == [f"{room.town.region(WEST)} Elm St"]
    assert heard(room, restored.id) == ["94112-0", "94112-1", "chain"]
    ended = room.rows(
        "SELECT state, reason FROM notifications WHERE broadcast_id = :id AND state <> 'sent'", id=view.id
    )
    assert ended == [{"state": "superseded", "reason": "newer_update"}] * 2


async def test_complaints_doubt_only_the_part_that_they_come_from(room: ControlRoom) -> None:
    await told(room)
    city = room.town.region("Riverside", kind="city")
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO site_regions (region_id, site_id) SELECT :c, id FROM sites", c=city)
    )
    await room.send(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    later = room.clock.now() + MINUTE

    def doubt(region: int) -> bool:
        return room.database.write_now(
            lambda tx: updates.doubt_restoration(tx, 1, evidence(region, at=later), now=later)
        )

    assert not doubt(city)  # the rest is out
    assert not doubt(room.town.region(WEST))
    assert doubt(room.town.region(EAST))
    assert [part.state for part in (await room.incidents.show(1)).parts] == ["out", "out"]


async def test_a_restored_part_is_reopened_while_the_rest_goes_on(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    which = await room.deliver(await room.incidents.reopen(1, ReopenIncident(part=(EAST,)), ANN))
    assert heard(room, which) == ["94112-0", "94112-1", "chain"]
    shown = await room.incidents.show(1)
    assert [(part.name, part.state) for part in shown.parts] == [("rest", "out"), (EAST, "out")]
    told_at = shown.broadcasts[-2].started_at
    assert told_at is not None
    assert shown.broadcasts[-1].facts["told_at"] == told_at.isoformat().replace("+00:00", "Z")


async def test_some_of_a_restored_incident_go_out_again_as_a_part(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    taken = await room.send(await room.incidents.reopen(1, ReopenIncident(part=(EAST,)), ANN))
    await room.broadcasts.cancel(taken.id, ANN)
    assert (await room.incidents.show(1)).card.state == "resolved"
    which = await room.deliver(await room.incidents.reopen(1, ReopenIncident(part=(EAST,)), ANN))
    assert heard(room, which) == ["94112-0", "94112-1", "chain"]
    shown = await room.incidents.show(1)
    assert (shown.card.state, [part.state for part in shown.parts]) == ("confirmed", ["restored", "out"])
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))  # the only part that is out
    assert (await room.incidents.show(1)).card.state == "resolved"


async def test_sites_that_were_told_different_things_are_no_part(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, part=(EAST,)), ANN))
    with pytest.raises(Refused, match=r"several parts of incident 1.*94112 \(out, 1\)"):
        await room.incidents.restored(1, RestoreIncident(part_sites=("94112-0", "94110-0")), ANN)
    room.homes(1, "99999")
    with pytest.raises(Refused, match="no active site of incident 1 lies there"):
        await room.incidents.restored(1, RestoreIncident(part=("99999",)), ANN)


async def test_a_part_is_cut_from_a_part_and_what_is_back_stays_back(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part_sites=("94112-0",)), ANN))
    draft = await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN)
    assert draft.preview is not None
    assert draft.preview.customers == 2
    assert "1 of the sites are in a part that is over already: left out" in draft.preview.warnings
    assert heard(room, await room.deliver(draft)) == ["94112-1", "chain"]
    assert (await room.incidents.show(1)).card.state == "confirmed"


async def test_named_regions_never_take_sites_of_others(room: ControlRoom) -> None:
    city = room.town.region("Riverside", kind="city")
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO site_regions (region_id, site_id) SELECT :c, id FROM sites", c=city)
    )
    await told(room)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, part=(EAST,)), ANN))
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))  # the rest is back
    home = room.town.household("94112-9", room.town.region(EAST))  # in no city
    assert home
    draft = await room.incidents.restored(1, RestoreIncident(part=("city:Riverside",)), ANN)
    assert heard(room, await room.deliver(draft)) == ["94112-0", "94112-1", "chain"]
    assert heard(room, await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))) == ["94112-9"]
    assert (await room.incidents.show(1)).card.state == "resolved"


async def test_a_draft_is_refused_when_the_parts_have_changed_since(room: ControlRoom) -> None:
    await told(room)
    one = await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN)
    await room.send(await room.incidents.restored(1, RestoreIncident(part_sites=("94112-0",)), ANN))
    with pytest.raises(Refused):
        await room.send(one)


async def test_asking_twice_for_the_same_part_leaves_one_draft(room: ControlRoom) -> None:
    await told(room)
    await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN)
    await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN)
    states = [row["state"] for row in room.rows("SELECT state FROM broadcasts WHERE id > 1 ORDER BY id")]
    assert states == ["superseded", "draft"]


async def test_a_correction_is_for_every_part(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    which = await room.deliver(await room.incidents.dismiss(1, DismissIncident(), ANN))
    assert len(heard(room, which)) == 6
    assert (await room.incidents.show(1)).card.state == "dismissed"
    assert not [each for each in promised(room) if each[2] == "open"]


async def test_a_listed_place_has_parts_too(room: ControlRoom) -> None:
    draft = await room.incidents.open(OpenIncident(service="power", sites=("94110-0", "94112-0", "94112-1")), ANN)
    await room.deliver(draft)
    which = await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    assert heard(room, which) == ["94112-0", "94112-1"]
    assert room.database.read_now(lambda tx: load(tx, 1)).part.state == "out"


# --- what a person is told


async def test_who_complains_in_a_part_that_is_back_is_news_while_the_rest_goes_on(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    room.homes(1, "94199")

    def complain(*customers: str) -> None:
        for customer in customers:
            room.database.write_now(
                lambda tx, who=customer: tx.run(
                    """INSERT INTO complaints (source, reporter, customer_id, service, occurred_at, received_at,
                                               effective_at, regions, counted_regions, correlation_id)
                       SELECT 'api', 'customer:' || reference, id, 'power', :at, :at, :at, '[]', '[]', 'c'
                       FROM customers WHERE reference = :who""",
                    who=who,
                    at=to_micros(room.clock.now()),
                )
            )

    room.clock.go_on(MINUTE)
    complain("94110-0", "94110-1", "94110-2", "94199-0")
    assert "complaints_again" not in [need.kind for need in room.needs()]
    complain("94112-0", "94112-1", "chain")
    (need,) = [each for each in room.needs() if each.kind == "complaints_again"]
    assert need.text.startswith("#1 power, 94112: 3 customers complained")
    assert need.next[0] == "notifier reopen 1 --part 94112"


async def test_complaints_of_what_is_back_say_nothing_about_the_rest(room: ControlRoom) -> None:
    west, east = room.town.region(WEST), room.town.region(EAST)
    await told(room)
    (whole,) = room.database.read_now(heard_of.still_out)
    assert whole.regions == {west, east}
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    (rest,) = room.database.read_now(heard_of.still_out)
    assert (rest.regions, rest.customers) == ({west}, frozenset())
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    await room.deliver(await room.incidents.reopen(1, ReopenIncident(part_sites=("94110-0",)), ANN))
    (one,) = room.database.read_now(heard_of.still_out)
    assert (one.regions, len(one.customers)) == (frozenset(), 1)


async def test_a_promise_of_a_part_is_asked_for_by_its_name(room: ControlRoom) -> None:
    await told(room, may_delay=False)
    await room.deliver(
        await room.incidents.eta(1, SetEta(eta_at=MORNING + 4 * HOUR, part=(EAST,), may_delay=False), ANN)
    )
    room.clock.time = MORNING + 50 * MINUTE
    await room.promises.watch()
    (need,) = [each for each in room.needs() if each.kind == "promise"]
    assert need.next == [
        "notifier eta 1 TIME --part rest",
        "notifier eta 1 none --part rest",
        "notifier restored 1 --part rest",
    ]
    room.clock.time = MORNING + 4 * HOUR + MINUTE
    await room.promises.watch()
    missed = [each for each in room.needs() if each.kind == "promise_missed"]
    assert [each.next[2] for each in missed] == ["notifier restored 1 --part rest", "notifier restored 1 --part 94112"]


async def test_a_part_is_named_as_it_is_called_and_must_be_where_several_are_meant(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part_sites=("94112-0", "94110-1")), ANN))
    which = await room.deliver(await room.incidents.restored(1, RestoreIncident(part=("rest",)), ANN))
    assert heard(room, which) == ["94110-0", "94110-2", "94112-1", "chain"]
    with pytest.raises(Refused, match="several parts for which this is possible: rest, 2 sites; say which"):
        await room.incidents.reopen(1, ReopenIncident(), ANN)
    again = await room.deliver(await room.incidents.reopen(1, ReopenIncident(part=("2 sites",)), ANN))
    assert heard(room, again) == ["94110-1", "94112-0"]
    both = RestoreIncident(part=(EAST,), part_sites=("94112-0",))
    with pytest.raises(InvalidInput, match="both regions and sites name the part"):
        await room.incidents.restored(1, both, ANN)


async def test_believed_back_is_reopened_as_a_whole_and_closing_asks_every_part(room: ControlRoom) -> None:
    await told(room)
    await room.send(await room.incidents.restored(1, RestoreIncident(part=(EAST,)), ANN))
    with pytest.raises(Refused, match="believed back and nobody was told: reopen all of it"):
        await room.incidents.reopen(1, ReopenIncident(part_sites=("94112-0",)), ANN)
    draft = await room.incidents.reopen(1, ReopenIncident(part=(EAST,)), ANN)
    assert draft.broadcast is None
    assert [part.state for part in draft.incident.parts] == ["out", "out"]
    with pytest.raises(Refused):
        await room.incidents.close(1, ANN)
