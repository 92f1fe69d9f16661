"""The repositories and queries behind an incident's whole life, through the stages, on every database."""

from datetime import timedelta

import pytest

from notifier.domain.errors import InvalidInput
from notifier.domain.incident import IncidentState
from notifier.domain.playbook import Playbook
from notifier.domain.region import RegionKinds
from notifier.stages.incidents import ConfirmIncident, DismissIncident, ReopenIncident, RestoreIncident, SetEta
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.repositories import broadcasts, control, incidents, overlaps, places
from notifier.storage.repositories.evidence import attach_evidence
from tests.control_room import ANN, MINUTE, TAKE_BACK, ControlRoom
from tests.incident_town import MORNING, evidence

HOUR = timedelta(hours=1)


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=4))
    room.homes(3)
    return room


async def test_a_whole_life_from_opening_to_closing(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR, cause="storm"))
    room.clock.time = MORNING + 56 * MINUTE
    await room.promises.watch()
    await room.work()
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    await room.deliver(await room.incidents.reopen(1, ReopenIncident(crew="there"), ANN))
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=room.clock.now() + HOUR), ANN))
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    draft = await room.incidents.close(1, ANN)
    view = draft.incident
    assert (view.card.state, view.card.told, view.card.customers, view.sites) == ("closed", 3, 3, 3)
    assert [each.kind for each in view.broadcasts] == ["eta", "delayed", "restored", "reopened", "eta", "restored"]
    assert {each.state for each in view.broadcasts} == {"completed"}
    assert [(each.kind, each.state) for each in view.promises] == [
        ("eta", "revised"),
        ("next_update", "kept"),
        ("next_update", "kept"),
        ("eta", "kept"),
    ]
    assert view.broadcasts[-1].progress.states == {"sent": 3}
    assert (view.regions[0].code, view.regions[0].role) == ("94110", "place")
    assert view.timeline[-1].event == "closed"


async def test_taking_back_and_cancelling_leave_nothing_pending(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    taken = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN))
    await room.planning.step()
    await room.broadcasts.cancel(taken.id, ANN)
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    await room.planning.step()
    await room.broadcasts.pause(view.id, ANN)
    await room.broadcasts.cancel(view.id, ANN)
    await room.course.sweep()
    states = {row["state"] for row in room.rows("SELECT state FROM notifications WHERE broadcast_id > 1")}
    assert states == {"cancelled"}


async def test_a_confirmed_place_takes_in_only_the_suspected_ones_it_covers(room: ControlRoom) -> None:
    postal, city = room.town.region("94110"), room.town.region("Riverside", kind="city")
    across = room.town.region("94199")
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO site_regions (region_id, site_id) SELECT :c, id FROM sites", c=city)
    )
    room.town.household("x", across, city)
    room.town.household("y", across)

    def suspect(*regions: int) -> int:
        return room.database.write_now(
            lambda tx: incidents.open_incident(
                tx,
                service="power",
                impact="down",
                playbook="standard",
                state=IncidentState.SUSPECTED,
                region_ids=regions,
                started_at=MORNING,
                now=MORNING,
                by="daemon",
                correlation_id="c",
            )
        )

    inside, partly, empty, wide = suspect(postal), suspect(across), suspect(room.town.region("0")), suspect(city)
    await room.send(await room.incidents.confirm(wide, ConfirmIncident(), ANN))
    states = {row["id"]: row["state"] for row in room.rows("SELECT id, state FROM incidents")}
    assert states == {inside: "merged", partly: "suspected", empty: "suspected", wide: "confirmed"}
    assert room.database.read_now(lambda tx: overlaps.outside_of(tx, wide)) == [(partly, "suspected", 1)]


async def test_a_corrected_incident_is_dismissed_and_its_promises_are_void(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert draft.preview is not None
    assert draft.preview.customers == 3
    await room.deliver(draft)
    assert room.promise_states() == [("next_update", "void")]
    assert room.database.read_now(lambda tx: broadcasts.first_told_at(tx, 1)) == MORNING + TAKE_BACK


async def test_needs_come_in_the_order_of_their_urgency(room: ControlRoom) -> None:
    region = room.town.region("94112")
    room.town.household("far", region)
    await room.deliver(await room.open(may_delay=False))
    incident = room.database.write_now(
        lambda tx: incidents.open_incident(
            tx,
            service="power",
            impact="down",
            playbook="standard",
            state=IncidentState.SUSPECTED,
            region_ids=[region],
            started_at=MORNING,
            now=MORNING,
            by="daemon",
            correlation_id="c",
        )
    )
    room.database.write_now(lambda tx: attach_evidence(tx, incident, evidence(region, at=MORNING), now=MORNING))
    await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN)
    room.hand_over(state="held")
    room.database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'held' WHERE id = 1"))
    room.clock.time = MORNING + 45 * MINUTE
    await room.promises.watch()
    needs = room.needs()
    assert [need.kind for need in needs] == ["promise", "suspected", "held", "draft"]
    assert needs[0].text == (
        "#1 power, 94110: the next update by 15:00 UTC is due in 15 min; the daemon may not go on by itself"
    )
    assert needs[1].text == (
        "#2 suspected power, 94112 since about 14:00 UTC - no planned work - 20 people in 1 min, 1.3 expected: likely, "
        "18 verified - 1 customer, nobody told"
    )
    assert needs[1].next == ["notifier tell 2", "notifier read 2", "notifier dismiss 2"]
    room.clock.time = MORNING + 3 * HOUR
    await room.promises.watch()
    assert room.needs()[0].kind == "promise_missed"


async def test_what_waits_while_everything_is_paused_is_counted(room: ControlRoom) -> None:
    await room.send(await room.open())
    while await room.planning.step():
        pass
    room.database.write_now(lambda tx: control.put(tx, control.PAUSED, "1", now=MORNING, actor=ANN))
    (need,) = room.needs()
    assert (need.kind, need.next) == ("paused_all", ["notifier resume-all"])
    assert need.text == (
        "everything is paused since 14:00 UTC by ann: no customer is written to, 3 messages wait; people on call and "
        "the helpdesk still hear"
    )


async def test_an_update_cancelled_on_its_way_is_a_need_until_the_next_one(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    while await room.planning.step():
        pass
    room.database.write_now(
        lambda tx: tx.run("UPDATE notifications SET state = 'sent' WHERE id = 4 AND broadcast_id = :b", b=view.id)
    )
    await room.broadcasts.cancel(view.id, ANN)
    await room.course.sweep()
    (need,) = room.needs()
    assert (need.kind, need.broadcast_id, need.next[0]) == ("cut_short", view.id, "notifier tell 1")
    assert need.text == "#1 power, 94110: `eta` was cancelled on its way: 2 of 3 customers were not told"
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=None), ANN))
    assert room.needs() == []


async def test_an_update_that_was_paused_is_not_forgotten(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    restored = await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    await room.broadcasts.pause(restored.id, ANN)
    (need,) = room.needs()
    assert (need.kind, need.broadcast_id) == ("paused", restored.id)
    assert need.text == "#1 power, 94110: `restored` is paused, and customers wait for it"
    assert need.next[0] == f"notifier broadcasts resume {restored.id}"


async def test_what_is_authorised_keeps_no_promise_while_everything_is_paused(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 57 * MINUTE
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO control (name, value, changed_at, changed_by) VALUES ('paused', '1', 0, 'ann')")
    )
    await room.promises.watch()
    assert [need.kind for need in room.needs()] == ["paused_all", "promise"]


async def test_customers_who_complain_after_restoration_are_a_need(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))

    def complain(customer: int) -> None:
        room.database.write_now(
            lambda tx: tx.run(
                """INSERT INTO complaints (source, reporter, customer_id, service, occurred_at, received_at,
                                           effective_at, verified, regions, counted_regions, correlation_id)
                   VALUES ('api', 'x', :customer, 'power', :at, :at, :at, 1, '[]', '[]', 'c')""",
                customer=customer,
                at=to_micros(room.clock.now()),
            )
        )

    room.clock.go_on(MINUTE)
    complain(1)
    complain(2)
    assert room.needs() == []
    complain(3)
    assert [need.kind for need in room.needs()] == ["complaints_again"]


def test_places_are_found_by_kind_and_code_or_by_the_code_alone(room: ControlRoom) -> None:
    kinds = RegionKinds(("node", "postal_code", "city"))
    postal, city = room.town.region("94110"), room.town.region("Riverside", kind="city")

    def found(*typed: str) -> tuple[int, ...]:
        return room.database.read_now(lambda tx: places.regions(tx, typed, kinds))

    assert found("postal_code:94110", "94110", "city:riverside", "riverside") == (postal, city)
    with pytest.raises(InvalidInput, match="there is no postal code '94111' in the directory; did you mean '94110'"):
        found("postal_code:94111")


def test_a_list_of_sites_takes_one_site_or_all_of_a_customer(room: ControlRoom) -> None:
    customer = room.town.customer("shops")
    one, two = (room.town.site(customer, reference=str(number)) for number in (1, 2))

    def found(*lines: tuple[str, ...]) -> tuple[int, ...]:
        return room.database.read_now(lambda tx: places.sites(tx, lines)).site_ids

    assert found(("shops", "2")) == (two,)
    assert found(("shops",), ("shops", "1")) == (one, two)
    with pytest.raises(InvalidInput, match="the list of sites is empty"):
        found(("", ""))
