"""An incident from opening to closing, on a real SQLite file with messages that nobody sends."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from notifier.config import Config
from notifier.domain.errors import Forbidden, InvalidInput, NotFound, Refused, TransitionRefused
from notifier.domain.incident import IncidentState
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import (
    ConfirmIncident,
    DismissIncident,
    OpenIncident,
    ReopenIncident,
    RestoreIncident,
    SetEta,
)
from notifier.stages.planning import Planning, next_size
from notifier.storage.migrate import upgrade
from notifier.storage.repositories import incidents, updates
from notifier.storage.sqlite import SqliteDatabase
from tests.control_room import AGENT, ANN, BOB, MINUTE, TAKE_BACK, ControlRoom
from tests.incident_town import MORNING, evidence
from tests.sqlite_file import sqlite_file

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Iterator[SqliteDatabase]:
    path = tmp_path / "notifier.db"
    shutil.copyfile(template, path)
    database = sqlite_file(path)
    yield database
    database.close()


@pytest.fixture
def room(database: SqliteDatabase) -> ControlRoom:
    room = ControlRoom(database)
    room.homes(5)
    return room


def suspected(room: ControlRoom, *regions: str) -> int:
    ids = [room.town.region(region) for region in regions or ("94110",)]
    return room.database.write_now(
        lambda tx: incidents.open_incident(
            tx,
            service="power",
            impact="down",
            playbook="standard",
            state=IncidentState.SUSPECTED,
            region_ids=ids,
            started_at=MORNING - 10 * MINUTE,
            now=MORNING,
            by="daemon",
            correlation_id="c",
        )
    )


async def told(room: ControlRoom, **facts: object) -> int:
    """Open an incident and tell everybody; return its id."""
    draft = await room.open(**facts)
    await room.deliver(draft)
    return draft.incident.card.id


def restarted(room: ControlRoom) -> Planning:
    """Return the planning of a new process that takes few at a time."""
    playbooks = {"power": room.playbook}
    planning = Planning(room.database, Config(), room.clock, room.queue, room.metrics, playbooks)
    planning._size = 4
    return planning


@pytest.mark.parametrize(
    ("size", "seconds", "next_one"),
    [(2000, 0.1, 2000), (2000, 0.01, 4000), (2000, 0.2, 1000), (2000, 5.0, 500), (50_000, 0.001, 50_000)],
)
def test_chunks_follow_the_time_the_last_one_took(size: int, seconds: float, next_one: int) -> None:
    assert next_size(size, seconds) == next_one


# --- opening and confirming -----------------------------------------------------------------------------------------


async def test_a_draft_tells_what_it_would_do_and_does_nothing(room: ControlRoom) -> None:
    draft = await room.open()
    assert draft.incident.card.state == "suspected"
    assert draft.broadcast is not None
    assert draft.broadcast.state == "draft"
    assert draft.broadcast.expected_customers == 5
    assert draft.preview is not None
    assert (draft.preview.customers, draft.preview.notifications, draft.preview.first_contact) == (5, 5, 5)
    assert draft.preview.by_region == {"postal_code 94110": 5}
    assert draft.preview.samples[0].subject == "acknowledged for 12 Oak St"
    assert room.rows("SELECT 1 FROM notifications") == []


async def test_the_first_sample_is_the_usual_message_and_later_ones_differ(room: ControlRoom) -> None:
    region, chain = room.town.region("94110"), room.town.customer("chain")
    sites = [room.town.site(chain, region, reference=name, address=f"{name} Elm St") for name in ("1", "2")]
    room.town.contact(chain, sites, "chain@example.net")
    await room.deliver(await room.open())
    room.town.household("new", region, address="9 Ash St")
    draft = await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN)
    assert draft.preview is not None
    assert [sample.subject.partition(" for ")[2] for sample in draft.preview.samples] == [
        "12 Oak St",
        "1 Elm St, 2 Elm St",
        "9 Ash St",  # not told before
    ]


async def test_sending_confirms_waits_for_the_take_back_time_and_tells_everybody_once(room: ControlRoom) -> None:
    view = await room.send(await room.open())
    assert (view.state, view.not_before_at) == ("sending", MORNING + TAKE_BACK)
    assert (await room.incidents.show(1)).card.state == "confirmed"
    assert await room.course.start_due() == 0
    room.clock.go_on(TAKE_BACK)
    await room.work()
    card = (await room.incidents.show(1)).card
    assert (card.customers, card.told, card.next_update_by) == (5, 5, MORNING + HOUR)
    assert (await room.broadcasts.show(1)).state == "completed"
    assert room.promise_states() == [("next_update", "open")]


async def test_confirming_corrects_place_and_service_and_takes_in_what_it_covers(room: ControlRoom) -> None:
    city = room.town.region("Riverside", kind="city")
    room.town.household("c", room.town.region("94112"), city, services="|power|internet|")
    first, second, other = suspected(room, "94110"), suspected(room, "94112"), suspected(room, "94199")
    request = ConfirmIncident(regions=("postal_code:94110", "94112"), cause="storm", eta_at=MORNING + 2 * HOUR)
    draft = await room.incidents.confirm(first, request, ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "eta"
    assert draft.preview is not None
    assert draft.preview.customers == 6
    await room.send(draft)
    shown = await room.incidents.show(first)
    assert (shown.card.state, shown.card.place, shown.cause) == ("confirmed", "94110, 94112", "storm")
    states = {row["id"]: row["state"] for row in room.rows("SELECT id, state FROM incidents")}
    assert states == {first: "confirmed", second: "merged", other: "suspected"}


@pytest.mark.parametrize("region", ["", "*", "postal_code:", "postal_code:*", "12345", "postal_code:12345", "moon:1"])
async def test_a_region_that_is_empty_unknown_or_everything_is_refused(room: ControlRoom, region: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await room.incidents.open(OpenIncident(service="power", regions=(region,)), ANN)
    assert refused.value.field == "regions"
    assert room.rows("SELECT 1 FROM incidents") == []


async def test_no_region_at_all_is_refused(room: ControlRoom) -> None:
    with pytest.raises(InvalidInput, match="no region is given"):
        await room.incidents.open(OpenIncident(service="power"), ANN)


async def test_a_code_of_two_kinds_must_say_which(room: ControlRoom) -> None:
    room.town.region("94110", kind="node")
    with pytest.raises(InvalidInput, match=r"ambiguous; expected node:94110 or postal_code:94110"):
        await room.open("94110")


async def test_a_list_of_sites_names_the_unknown_ones_and_is_refused_above_five_per_cent(room: ControlRoom) -> None:
    room.homes(40, "94199")
    known = tuple(f"94199-{number}" for number in range(40))
    request = OpenIncident(service="power", sites=(*known[:39], f"{known[39]},1", ("94199-0", "9")))
    draft = await room.incidents.open(request, ANN)
    assert draft.preview is not None
    assert draft.preview.customers == 40
    assert draft.preview.warnings == ["1 listed sites are unknown and left out: 94199-0,9"]
    with pytest.raises(InvalidInput, match="2 of 3 lines are unknown: nobody, 94199-0,9"):
        await room.incidents.open(OpenIncident(service="power", sites=("94110-0", "nobody", "94199-0,9")), ANN)


async def test_a_place_that_is_told_about_already_is_not_opened_twice(room: ControlRoom) -> None:
    await told(room)
    with pytest.raises(Refused, match=r"incident 1 .* lies there already"):
        await room.open()
    with pytest.raises(Refused, match=r"incident 1 .* lies there already"):
        await room.incidents.open(OpenIncident(service="power", sites=("94110-0",)), ANN)


async def test_only_phrases_reach_customers(room: ControlRoom) -> None:
    with pytest.raises(InvalidInput, match="'strom' is no phrase of causes; did you mean 'storm'"):
        await room.open(cause="strom")


async def test_an_agent_may_not_decide(room: ControlRoom) -> None:
    with pytest.raises(Forbidden):
        await room.incidents.open(OpenIncident(service="power", regions=("94110",)), AGENT)
    draft = await room.open()
    with pytest.raises(Forbidden):
        await room.broadcasts.send(draft.broadcast.id, 5, AGENT)  # type: ignore[union-attr]


async def test_an_unknown_incident_or_broadcast_is_not_found(room: ControlRoom) -> None:
    with pytest.raises(NotFound):
        await room.incidents.show(99)
    with pytest.raises(NotFound):
        await room.broadcasts.send(99, 1, ANN)


@pytest.mark.parametrize(
    ("eta", "why"),
    [
        (MORNING - HOUR, "before the outage began|in the past"),
        (MORNING + timedelta(seconds=20), "passed before anyone is told"),
        (MORNING + timedelta(hours=73), "further away"),
    ],
)
async def test_an_eta_nobody_can_stand_behind_is_refused(room: ControlRoom, eta: object, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        await room.open(eta_at=eta)


# --- send, approve, take back ---------------------------------------------------------------------------------------


async def test_a_wrong_count_is_refused_with_both_numbers(room: ControlRoom) -> None:
    draft = await room.open()
    with pytest.raises(Refused, match="for 5 customers now, and 4 was typed"):
        await room.broadcasts.send(draft.broadcast.id, 4, ANN)  # type: ignore[union-attr]


async def test_above_the_audience_limit_another_key_approves(database: SqliteDatabase) -> None:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=3))
    room.homes(5)
    draft = await room.open()
    assert draft.preview is not None
    assert draft.preview.needs_approval
    view = await room.send(draft)
    assert (view.state, view.reason) == ("awaiting_approval", "above_audience_limit")
    assert (await room.incidents.show(1)).card.state == "suspected"
    (need,) = room.needs("bob")  # it is confirmed as far as one person can
    assert (need.kind, need.next[1:]) == ("approval", ["notifier broadcasts approve 1", "notifier broadcasts reject 1"])
    (own,) = room.needs("ann")
    assert "sent by you, waits for another key" in own.text
    assert own.next == ["notifier broadcasts preview 1", "notifier broadcasts cancel 1"]
    with pytest.raises(Forbidden, match="another key"):
        await room.broadcasts.approve(view.id, 5, ANN)
    approved = await room.broadcasts.approve(view.id, 5, BOB)
    assert (approved.state, approved.sent_by, approved.approved_by) == ("sending", "ann", "bob")
    assert (await room.incidents.show(1)).card.state == "confirmed"


async def test_a_corrected_place_is_what_a_second_person_approves(database: SqliteDatabase) -> None:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=3))
    room.homes(1)
    room.homes(5, "94112")
    incident_id = suspected(room)
    view = await room.send(await room.incidents.confirm(incident_id, ConfirmIncident(regions=("94112",)), ANN))
    assert view.state == "awaiting_approval"
    assert (await room.broadcasts.preview(view.id)).customers == 5
    assert (await room.broadcasts.approve(view.id, 5, BOB)).state == "sending"
    assert (await room.broadcasts.preview(view.id)).customers == 5


async def test_a_rejected_broadcast_changes_nothing(database: SqliteDatabase) -> None:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=3))
    room.homes(5)
    view = await room.broadcasts.reject((await room.send(await room.open())).id, "wrong town", BOB)
    assert (view.state, view.reason) == ("cancelled", "rejected")
    assert (await room.incidents.show(1)).card.state == "suspected"
    with pytest.raises(Refused, match="is cancelled and cannot be approved; nothing more can be done"):
        await room.broadcasts.approve(view.id, 5, BOB)


@pytest.fixture
async def rejected(database: SqliteDatabase) -> ControlRoom:
    """A room in which ann's broadcast 1, the first about incident 1, was rejected by bob."""
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=3))
    room.homes(5)
    await room.broadcasts.reject((await room.send(await room.open())).id, "wrong\ntown", BOB)
    return room


async def test_a_rejection_needs_whoever_sent_the_broadcast(rejected: ControlRoom) -> None:
    need, suspected = rejected.needs("ann")
    assert (need.kind, need.broadcast_id, suspected.kind) == ("rejected", 1, "suspected")
    assert need.text.endswith("your broadcast 1 (`acknowledged` to 5 customers) was rejected by bob: wrong town")
    assert need.next == ["notifier confirm 1", "notifier broadcasts cancel 1"]
    assert "ann's broadcast 1" in rejected.needs("bob")[0].text


async def test_a_rejection_is_answered_by_another_update(rejected: ControlRoom) -> None:
    draft = await rejected.incidents.confirm(1, ConfirmIncident(), ANN)
    assert rejected.needs()[0].kind == "rejected"  # a draft tells nobody
    await rejected.send(draft)
    assert "rejected" not in [need.kind for need in rejected.needs()]


async def test_a_rejection_is_let_rest_by_cancelling(rejected: ControlRoom) -> None:
    view = await rejected.broadcasts.cancel(1, ANN)
    assert (view.state, view.reason, view.rejected_by) == ("cancelled", "rejected", "bob")
    assert [need.kind for need in rejected.needs()] == ["suspected"]
    assert (await rejected.incidents.show(1)).rejected == []


async def test_a_rejection_ends_with_its_incident(rejected: ControlRoom) -> None:
    await rejected.incidents.dismiss(1, DismissIncident(), ANN)
    assert rejected.needs() == []


async def test_whoever_rejects_an_update_of_their_own_is_not_told_of_it(database: SqliteDatabase) -> None:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=3))
    room.homes(5)
    await room.broadcasts.reject((await room.send(await room.open())).id, "", ANN)
    assert [need.kind for need in room.needs("ann")] == ["suspected"]


async def test_taking_back_leaves_promises_and_older_broadcasts_as_they_were(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + 2 * HOUR)
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, cause="storm"), ANN))
    assert (await room.incidents.show(1)).card.eta_at == MORNING + 3 * HOUR
    await room.planning.step()
    taken = await room.broadcasts.cancel(view.id, BOB)
    assert (taken.state, taken.reason) == ("cancelled", "taken_back")
    shown = await room.incidents.show(1)
    assert (shown.card.eta_at, shown.cause) == (MORNING + 2 * HOUR, "")
    assert room.promise_states() == [("eta", "open")]
    room.clock.go_on(HOUR)
    await room.work()
    assert room.promise_states() == [("eta", "open")]
    assert {row["state"] for row in room.rows("SELECT state FROM notifications WHERE broadcast_id = 2")} == {
        "cancelled"
    }


async def test_a_first_message_taken_back_leaves_a_need(room: ControlRoom) -> None:
    view = await room.send(await room.open())
    await room.broadcasts.cancel(view.id, ANN)
    (need,) = room.needs()
    assert (need.kind, need.next[0]) == ("nobody_told", "notifier tell 1")
    draft = await room.incidents.eta(1, SetEta(eta_at=None), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "acknowledged"


async def test_a_newer_draft_supersedes_an_older_one(room: ControlRoom) -> None:
    await told(room)
    first = await room.incidents.eta(1, SetEta(eta_at=MORNING + HOUR), ANN)
    await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN)
    with pytest.raises(Refused, match="is superseded and cannot be sent; nothing more can be done with it"):
        await room.send(first)


async def test_pause_stops_planning_and_resume_goes_on(room: ControlRoom) -> None:
    view = await room.send(await room.open())
    assert (await room.broadcasts.pause(view.id, ANN)).state == "paused"
    assert await room.planning.step() is False
    assert (await room.broadcasts.resume(view.id, ANN)).state == "sending"
    with pytest.raises(Refused):
        await room.broadcasts.resume(view.id, ANN)


async def test_cancelling_a_started_broadcast_stops_what_has_not_left(room: ControlRoom) -> None:
    view = await room.send(await room.open())
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    while await room.planning.step():
        pass
    stopped = await room.broadcasts.cancel(view.id, ANN)
    assert (stopped.state, stopped.reason) == ("cancelled", "by_person")
    assert await room.course.sweep() == 6
    shown = await room.broadcasts.show(view.id)
    assert shown.progress.states == {"cancelled": 5}
    assert shown.finished_at is not None


async def test_nothing_starts_while_everything_is_paused(room: ControlRoom) -> None:
    await room.send(await room.open())
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO control (name, value, changed_at, changed_by) VALUES ('paused', '1', 0, 'x')")
    )
    room.clock.go_on(HOUR)
    assert await room.course.start_due() == 0


async def test_a_daemon_that_was_killed_goes_on_with_the_next_chunk(room: ControlRoom) -> None:
    room.homes(40, "94112")
    await room.send(await room.open("94110", "94112"))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    steps = 0
    while await restarted(room).step():
        steps += 1
    assert steps > 10
    progress = (await room.broadcasts.show(1)).progress
    assert (progress.planned, progress.customers_told, progress.states) == (True, 45, {"pending": 45})


# --- updates --------------------------------------------------------------------------------------------------------


async def test_updates_are_named_by_what_customers_were_told_before(room: ControlRoom) -> None:
    await told(room)
    kinds = []
    for request in (
        SetEta(eta_at=MORNING + 2 * HOUR),
        SetEta(eta_at=MORNING + 3 * HOUR),
        SetEta(eta_at=MORNING + 2.5 * HOUR),
        SetEta(eta_at=MORNING + 2.5 * HOUR, cause="storm"),
        SetEta(eta_at=None),
        SetEta(eta_at=None),
        SetEta(eta_at=MORNING + 5 * HOUR),
    ):
        draft = await room.incidents.eta(1, request, ANN)
        assert draft.broadcast is not None
        kinds.append(draft.broadcast.kind)
        await room.deliver(draft)
    assert kinds == ["eta", "delayed", "eta_changed", "eta_changed", "delayed", "delayed", "eta"]


async def test_what_was_stopped_before_anyone_heard_it_was_not_told(room: ControlRoom) -> None:
    await told(room)
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    await room.broadcasts.cancel(view.id, ANN)
    draft = await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "eta"


async def test_an_update_that_says_nothing_new_is_refused(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + HOUR)
    with pytest.raises(Refused, match="nothing else is new"):
        await room.incidents.eta(1, SetEta(eta_at=MORNING + HOUR), ANN)


async def test_an_update_carries_what_it_replaces_and_supersedes_what_is_pending(room: ControlRoom) -> None:
    view = await room.send(await room.open(eta_at=MORNING + HOUR))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    await room.planning.step()
    draft = await room.incidents.eta(1, SetEta(eta_at=MORNING + 2 * HOUR), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.facts["previous_eta_at"] == "2026-03-02T15:00:00Z"
    await room.deliver(draft)
    assert (await room.broadcasts.show(view.id)).state == "superseded"
    assert room.promise_states() == [("eta", "revised"), ("eta", "open")]


async def test_an_eta_may_come_with_a_next_update_and_both_are_promises(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + 4 * HOUR, next_update_by=MORNING + HOUR)
    assert room.promise_states() == [("eta", "open"), ("next_update", "open")]
    with pytest.raises(InvalidInput, match="next_update_within"):
        await room.incidents.eta(1, SetEta(eta_at=None, next_update_by=MORNING + 9 * HOUR), ANN)


# --- restoration ----------------------------------------------------------------------------------------------------


async def test_restored_is_held_then_told_and_the_promise_is_kept(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + HOUR)
    room.clock.time = MORNING + HOUR - 5 * MINUTE
    view = await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    assert view.not_before_at == MORNING + HOUR + 5 * MINUTE
    assert (await room.incidents.show(1)).card.part_state == "believed_back"
    room.clock.time = MORNING + HOUR + 4 * MINUTE
    await room.promises.watch()
    await room.work()
    assert (await room.incidents.show(1)).card.state == "confirmed"
    room.clock.time = view.not_before_at
    await room.work()
    shown = await room.incidents.show(1)
    assert (shown.card.state, shown.card.part_state, shown.resolved_at) == (
        "resolved",
        "restored",
        view.not_before_at,
    )
    assert room.promise_states() == [("eta", "kept")]


async def test_restored_names_the_first_eta_that_was_missed(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + HOUR)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.clock.time = MORNING + 2 * HOUR
    draft = await room.incidents.restored(1, RestoreIncident(restored_at=MORNING + 2 * HOUR), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.facts["missed_eta_at"] == "2026-03-02T15:00:00Z"


async def test_a_time_of_restoration_before_the_outage_or_to_come_is_refused(room: ControlRoom) -> None:
    await told(room)
    for at in (MORNING - HOUR, MORNING + 5 * HOUR):
        with pytest.raises(InvalidInput) as refused:
            await room.incidents.restored(1, RestoreIncident(restored_at=at), ANN)
        assert refused.value.field == "restored_at"


async def test_a_person_puts_it_back_out_before_anyone_was_told(room: ControlRoom) -> None:
    await told(room)
    view = await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    draft = await room.incidents.reopen(1, ReopenIncident(), ANN)
    assert draft.broadcast is None
    assert draft.incident.card.part_state == "out"
    cancelled = await room.broadcasts.show(view.id)
    assert (cancelled.state, cancelled.reason) == ("cancelled", "back_again_out")
    room.clock.go_on(HOUR)
    await room.work()
    assert (await room.incidents.show(1)).card.state == "confirmed"


async def test_only_evidence_since_then_puts_it_back_out(room: ControlRoom) -> None:
    await told(room)
    await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    region, now = room.town.region("94110"), room.clock.now()

    def doubt(minutes: int) -> bool:
        fresh = evidence(region, at=now + minutes * MINUTE)
        return room.database.write_now(lambda tx: updates.doubt_restoration(tx, 1, fresh, now=now))

    assert (doubt(-5), doubt(5), doubt(6)) == (False, True, False)
    assert room.events()[-1] == "out_again"


async def test_what_was_promised_before_a_held_restoration_stands_when_it_is_out_again(room: ControlRoom) -> None:
    await told(room, eta_at=MORNING + 2 * HOUR, cause="storm")
    before = await room.incidents.show(1)
    await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    await room.incidents.reopen(1, ReopenIncident(), ANN)
    shown = await room.incidents.show(1)
    assert (shown.card.eta_at, shown.card.next_update_by, shown.cause) == (
        before.card.eta_at,
        before.card.next_update_by,
        "storm",
    )
    later = await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN)
    assert later.broadcast is not None
    assert later.broadcast.kind == "delayed"


async def test_reopening_tells_that_it_is_out_again_and_can_be_taken_back(room: ControlRoom) -> None:
    await told(room)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    resolved_at = (await room.incidents.show(1)).resolved_at
    room.clock.go_on(HOUR)
    draft = await room.incidents.reopen(1, ReopenIncident(), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "reopened"
    assert draft.broadcast.facts["told_at"] is not None
    view = await room.send(draft)
    assert (await room.incidents.show(1)).card.state == "confirmed"
    await room.broadcasts.cancel(view.id, ANN)
    shown = await room.incidents.show(1)
    assert (shown.card.state, shown.card.part_state, shown.resolved_at) == ("resolved", "restored", resolved_at)
    await room.deliver(await room.incidents.reopen(1, ReopenIncident(), ANN))
    assert (await room.incidents.show(1)).card.part_state == "out"
    assert room.promise_states() == [("next_update", "kept"), ("next_update", "open")]


async def test_only_a_resolved_incident_closes(room: ControlRoom) -> None:
    await told(room)
    with pytest.raises(
        TransitionRefused, match=r"is confirmed and cannot become closed.*; possible is: dismiss, eta, restored"
    ):
        await room.incidents.close(1, ANN)
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    draft = await room.incidents.close(1, ANN)
    assert (draft.incident.card.state, draft.broadcast) == ("closed", None)
    with pytest.raises(Refused, match="possible is: reopen"):
        await room.incidents.eta(1, SetEta(eta_at=None), ANN)


# --- dismissal ------------------------------------------------------------------------------------------------------


async def test_a_suspected_incident_is_dismissed_without_a_word(room: ControlRoom) -> None:
    incident_id = suspected(room)
    draft = await room.incidents.dismiss(incident_id, DismissIncident(note="a test"), ANN)
    assert (draft.incident.card.state, draft.broadcast) == ("dismissed", None)
    assert room.events(incident_id) == ["opened", "note", "dismissed"]


async def test_a_confirmed_incident_nobody_was_told_of_is_dismissed_without_a_word(room: ControlRoom) -> None:
    view = await room.send(await room.open())
    await room.planning.step()
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert (draft.incident.card.state, draft.broadcast) == ("dismissed", None)
    assert (await room.broadcasts.show(view.id)).state == "cancelled"


async def test_a_correction_goes_to_those_who_were_told_and_to_no_one_else(room: ControlRoom) -> None:
    await room.send(await room.open(eta_at=MORNING + HOUR))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    while await room.planning.step():
        pass
    room.database.write_now(
        lambda tx: tx.run("UPDATE notifications SET state = 'sent', facts = '{}' WHERE contact_point_id <= 2")
    )
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "correction"
    assert draft.preview is not None
    assert (draft.preview.customers, draft.preview.by_region) == (2, {"postal_code 94110": 2})
    view = await room.send(draft)
    assert (await room.broadcasts.show(1)).state == "paused"
    assert (await room.incidents.show(1)).card.state == "confirmed"
    room.clock.go_on(TAKE_BACK)
    await room.work()
    progress = (await room.broadcasts.show(view.id)).progress
    assert (progress.customers_told, progress.states) == (2, {"sent": 2})
    assert (await room.broadcasts.show(1)).progress.states == {"sent": 2, "superseded": 3}
    assert (await room.incidents.show(1)).card.state == "dismissed"
    assert room.promise_states() == [("eta", "void")]


async def test_a_correction_taken_back_lets_the_older_broadcast_go_on(room: ControlRoom) -> None:
    await room.send(await room.open())
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    await room.planning.step()
    room.hand_over(state="in_doubt")
    view = await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    await room.broadcasts.cancel(view.id, ANN)
    assert (await room.broadcasts.show(1)).state == "sending"
    assert (await room.incidents.show(1)).card.state == "confirmed"


# --- two commanders at once -----------------------------------------------------------------------------------------


def broadcasts_of(room: ControlRoom) -> list[tuple[str, str, str]]:
    rows = room.rows("SELECT kind, state, reason FROM broadcasts ORDER BY id")
    return [(row["kind"], row["state"], row["reason"]) for row in rows]


async def test_nothing_more_is_told_of_what_was_corrected(room: ControlRoom) -> None:
    incident_id = await told(room)
    await room.send(await room.incidents.dismiss(incident_id, DismissIncident(), ANN))
    await room.send(await room.incidents.eta(incident_id, SetEta(eta_at=MORNING + 2 * HOUR), BOB))
    await room.send(await room.incidents.restored(incident_id, RestoreIncident(), BOB))
    for _ in range(3):
        room.clock.go_on(HOUR / 4)
        await room.work()
    assert broadcasts_of(room)[1:] == [
        ("correction", "completed", "finished"),
        ("eta", "cancelled", "incident_dismissed"),
        ("restored", "cancelled", "incident_dismissed"),
    ]
    assert room.promise_states() == [("next_update", "void")]
    assert (await room.incidents.show(incident_id)).card.state == "dismissed"


async def test_a_correction_of_what_is_resolved_meanwhile_is_given_up_and_says_why(room: ControlRoom) -> None:
    incident_id = await told(room)
    restored = await room.send(await room.incidents.restored(incident_id, RestoreIncident(), ANN))
    await room.send(await room.incidents.dismiss(incident_id, DismissIncident(), BOB))
    await room.broadcasts.resume(restored.id, ANN)
    room.clock.go_on(HOUR / 2)  # the daemon was down
    await room.work()
    assert broadcasts_of(room)[1:] == [
        ("restored", "completed", "finished"),
        ("correction", "cancelled", "no_longer_true"),
    ]
    last = room.rows("SELECT event, detail FROM timeline ORDER BY id DESC LIMIT 1")[0]
    assert (last["event"], "the incident is resolved" in last["detail"]) == ("no_longer_true", True)
    assert await room.course.start_due() == 0


async def test_a_broadcast_that_cannot_start_holds_up_no_other(room: ControlRoom) -> None:
    room.homes(2, "94111")
    await room.send(await room.open())
    second = await room.send(await room.open("94111"))
    room.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET kind = 'restored' WHERE id = 1"))
    room.database.write_now(lambda tx: tx.run("UPDATE incidents SET state = 'closed' WHERE id = 1"))
    room.database.write_now(lambda tx: tx.run("UPDATE parts SET state = 'believed_back' WHERE incident_id = 1"))
    room.clock.go_on(TAKE_BACK)
    await room.work()
    assert (await room.broadcasts.show(second.id)).state == "completed"


async def test_an_older_update_taken_back_leaves_a_newer_one_as_it_is(room: ControlRoom) -> None:
    incident_id = await told(room)
    eta = await room.send(await room.incidents.eta(incident_id, SetEta(eta_at=MORNING + HOUR, cause="storm"), BOB))
    restored = await room.send(await room.incidents.restored(incident_id, RestoreIncident(), ANN))
    await room.broadcasts.cancel(eta.id, BOB)
    assert (await room.incidents.show(incident_id)).card.part_state == "believed_back"
    assert restored.not_before_at is not None
    room.clock.time = restored.not_before_at
    await room.work()
    assert broadcasts_of(room)[1:] == [("eta", "cancelled", "taken_back"), ("restored", "completed", "finished")]


async def test_the_words_of_a_newer_update_stay_when_an_older_one_is_taken_back(room: ControlRoom) -> None:
    incident_id = await told(room)
    first = await room.send(await room.incidents.eta(incident_id, SetEta(eta_at=MORNING + HOUR, cause="storm"), BOB))
    newer = SetEta(eta_at=MORNING + 2 * HOUR, cause="cable-cut")
    await room.send(await room.incidents.eta(incident_id, newer, ANN))
    await room.broadcasts.cancel(first.id, BOB)
    assert room.rows("SELECT cause FROM parts") == [{"cause": "cable-cut"}]
    assert (await room.incidents.show(incident_id)).card.eta_at == MORNING + 2 * HOUR


async def test_nobody_hears_that_it_is_back_once_it_is_known_to_be_out_again(room: ControlRoom) -> None:
    incident_id = await told(room)
    restored = await room.send(await room.incidents.restored(incident_id, RestoreIncident(), ANN))
    room.clock.go_on(HOUR)
    await room.course.start_due()
    reopened = await room.send(await room.incidents.reopen(incident_id, ReopenIncident(), ANN))
    assert (await room.broadcasts.show(restored.id)).state == "paused"
    await room.broadcasts.cancel(reopened.id, ANN)
    assert (await room.broadcasts.show(restored.id)).state == "sending"


@pytest.mark.parametrize("state", ["pending", "superseded", "failed"])
async def test_what_was_ever_in_doubt_may_have_been_read_and_is_corrected(room: ControlRoom, state: str) -> None:
    incident_id = await told(room)
    room.database.write_now(
        lambda tx: tx.run(
            "UPDATE notifications SET state = :state, in_doubt_at = CASE WHEN id = 1 THEN 1 END", state=state
        )
    )
    draft = await room.incidents.dismiss(incident_id, DismissIncident(), ANN)
    assert draft.broadcast is not None
    await room.deliver(draft)
    assert room.rows("SELECT contact_point_id FROM notifications WHERE broadcast_id = 2") == [{"contact_point_id": 1}]


async def test_a_place_is_told_about_once_though_two_drafts_were_made(room: ControlRoom) -> None:
    room.homes(3, "94111")
    first, wider = await room.open("94110"), await room.open("94110", "94111")
    await room.deliver(first)
    with pytest.raises(Refused, match=r"incident 1 .* is confirmed and lies there already"):
        await room.send(wider)


async def test_an_update_whose_time_has_passed_is_not_started_and_what_is_older_stands(room: ControlRoom) -> None:
    incident_id = await told(room)
    await room.send(await room.incidents.eta(incident_id, SetEta(eta_at=MORNING + HOUR / 2), ANN))
    room.clock.time = MORNING + HOUR * 3 / 4  # the daemon was down
    await room.work()
    assert broadcasts_of(room) == [
        ("acknowledged", "completed", "finished"),
        ("eta", "cancelled", "no_longer_true"),
    ]
    assert room.promise_states() == [("next_update", "open")]
    assert room.events(incident_id)[-1] == "no_longer_true"


async def test_whoever_is_told_while_a_correction_can_be_taken_back_is_corrected_too(room: ControlRoom) -> None:
    await room.send(await room.open())
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    while await room.planning.step():
        pass
    room.database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'sent' WHERE id = 1"))
    await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    while await room.planning.step():
        pass
    await room.broadcasts.resume(1, BOB)
    room.database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'sent' WHERE id = 2"))
    room.clock.go_on(TAKE_BACK)
    await room.work()
    corrected = room.rows("SELECT contact_point_id FROM notifications WHERE broadcast_id = 2 ORDER BY id")
    assert [row["contact_point_id"] for row in corrected] == [1, 2]
    assert broadcasts_of(room)[1] == ("correction", "completed", "finished")
