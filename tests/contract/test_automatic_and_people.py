"""Mode `automatic` beside people: what is theirs stays theirs, and what they said is not overruled."""

import dataclasses
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from notifier.config import Detection
from notifier.domain.automatic import Backtested
from notifier.domain.errors import Refused
from notifier.stages.automatic import BY_ITSELF
from notifier.stages.detection.opening import Attaching, open_second
from notifier.stages.detection.placing import Split
from notifier.stages.incidents import ConfirmIncident, DismissIncident
from notifier.storage.database import Database
from notifier.storage.repositories import automatic as stored
from notifier.storage.repositories import incidents, surroundings
from notifier.storage.repositories.evidence import attach_evidence
from tests.automatic_room import DAY, LIMITS, PLAN, Room
from tests.control_room import ANN, BOB, MINUTE
from tests.incident_town import evidence


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database)


@pytest.fixture
def ready(room: Room) -> Room:
    return room.ready()


def add_evidence(room: Room, which: int, region: int, *, grade: str, score: float | None = None) -> None:
    found = evidence(region, grade=grade, at=room.clock.now())
    found = found if score is None else dataclasses.replace(found, score=score)
    room.database.write_now(lambda tx: attach_evidence(tx, which, found, now=room.clock.now()))


def place(room: Room, which: int) -> list[int]:
    return room.database.read_now(lambda tx: incidents.place_regions(tx, which))


# --- what was left to a person stays left ---------------------------------------------------------------------------


async def test_what_comes_out_of_an_incident_left_to_a_person_is_left_too(ready: Room) -> None:
    one, other = ready.homes(30, "94110"), ready.homes(30, "94112")
    which = ready.propose_for(one, other)
    await ready.automatic.step()
    assert "60 customers would be told" in ready.left(which)
    attaching = Attaching(around=None, surveillance=None, playbook=PLAN, likely=8.5, now=ready.clock.now())  # type: ignore[arg-type]
    split = Split(incident_id=which, region_ids=(other,), evidence=(other,))
    placing: Any = SimpleNamespace(note_doubts=lambda *_: None)
    opened = ready.database.write_now(lambda tx: open_second(tx, split, placing, attaching))
    await ready.automatic.step()
    assert ready.state(opened.incident_id) == "suspected"
    assert ready.left(opened.incident_id) == f"#{which} is a person's"


async def test_what_takes_in_an_incident_left_to_a_person_is_left_too(ready: Room) -> None:
    into = ready.propose("94110", grade="likely", homes=5)
    which = ready.propose("94112", homes=51)
    await ready.automatic.step()
    assert ready.left(which) != ""
    now = ready.clock.now()
    ready.database.write_now(lambda tx: incidents.merge(tx, which, into=into, now=now, actor="daemon"))
    add_evidence(ready, into, place(ready, into)[0], grade="certain")
    await ready.automatic.step()
    assert (ready.state(into), ready.left(into)) == ("suspected", f"#{which} is a person's")


async def test_what_takes_in_an_incident_that_a_person_has_begun_on_is_left(ready: Room) -> None:
    into = ready.propose("94110", homes=5)
    which = ready.propose("94112", homes=5)
    draft = await ready.incidents.confirm(which, ConfirmIncident(), ANN)
    assert draft.broadcast is not None
    await ready.broadcasts.cancel(draft.broadcast.id, ANN)
    now = ready.clock.now()
    ready.database.write_now(lambda tx: incidents.merge(tx, which, into=into, now=now, actor="daemon"))
    await ready.automatic.step()
    assert ready.state(into) == "suspected"


async def test_two_proposals_that_are_nobodys_yet_merge_into_one_that_is_confirmed(ready: Room) -> None:
    into, which = ready.propose("94110", homes=5), ready.propose("94112", homes=5)
    now = ready.clock.now()
    ready.database.write_now(lambda tx: incidents.merge(tx, which, into=into, now=now, actor="daemon"))
    await ready.automatic.step()
    assert ready.state(into) == "confirmed"


# --- people are not overruled ---------------------------------------------------------------------------------------


async def test_what_a_person_drafted_and_cancelled_stays_theirs(ready: Room) -> None:
    which = ready.propose()
    draft = await ready.incidents.confirm(which, ConfirmIncident(), ANN)
    assert draft.broadcast is not None
    await ready.broadcasts.cancel(draft.broadcast.id, ANN)
    await ready.automatic.step()
    assert (ready.state(which), ready.left(which)) == ("suspected", "somebody is working on it")


async def test_what_a_person_takes_back_is_not_sent_again(ready: Room) -> None:
    which = ready.propose()
    await ready.automatic.step()
    (broadcast,) = ready.rows("SELECT id FROM broadcasts")
    await ready.broadcasts.cancel(broadcast["id"], ANN)
    ready.clock.go_on(MINUTE)
    await ready.automatic.step()
    ready.clock.go_on(MINUTE)
    await ready.work()
    assert ready.rows("SELECT COUNT(*) AS n FROM notifications")[0]["n"] == 0
    assert f"0 of 10 proposals are judged since it wrongly confirmed #{which}" in ready.said()[0]


async def test_what_a_person_stops_halfway_closes_the_gate(ready: Room) -> None:
    which = ready.propose()
    await ready.automatic.step()
    (broadcast,) = ready.rows("SELECT id FROM broadcasts")
    ready.clock.go_on(MINUTE)
    await ready.course.start_due()
    await ready.broadcasts.cancel(broadcast["id"], ANN)
    await ready.automatic.step()
    assert f"since it wrongly confirmed #{which}" in ready.said()[0]


async def test_where_a_person_has_dismissed_something_a_person_decides_for_a_day(ready: Room) -> None:
    ready.judge(10)  # so that one dismissal does not close the gate
    first = ready.propose()
    await ready.incidents.dismiss(first, DismissIncident(), ANN)
    region = place(ready, first)[0]
    ready.clock.go_on(timedelta(hours=23))
    ready.prove()
    again = ready.propose_for(region)
    await ready.automatic.step()
    assert (ready.state(again), ready.left(again)) == ("suspected", f"a person dismissed #{first} there within a day")
    ready.clock.go_on(timedelta(hours=2))
    later = ready.propose_for(region)
    ready.database.write_now(lambda tx: incidents.merge(tx, again, into=first, now=ready.clock.now(), actor="ann"))
    await ready.automatic.step()
    assert ready.state(later) == "confirmed"


async def test_elsewhere_what_a_person_has_dismissed_says_nothing(ready: Room) -> None:
    await ready.incidents.dismiss(ready.propose(), DismissIncident(), ANN)
    which = ready.propose("94112")
    await ready.automatic.step()
    assert ready.state(which) == "confirmed"


async def test_where_another_proposal_meets_it_that_a_person_works_on_it_is_left(ready: Room) -> None:
    region = ready.homes(5, "94110")
    theirs, which = ready.propose_for(region), ready.propose_for(region)
    draft = await ready.incidents.confirm(theirs, ConfirmIncident(), ANN)
    await ready.automatic.step()
    assert ready.left(which) == "somebody is working on it"
    assert draft.broadcast is not None
    assert (await ready.broadcasts.show(draft.broadcast.id)).state == "draft"


async def test_a_persons_draft_made_while_the_daemon_looked_is_not_replaced(ready: Room) -> None:
    which = ready.propose()
    draft = await ready.incidents.confirm(which, ConfirmIncident(), BOB)
    with pytest.raises(Refused, match="somebody is working on it"):
        await ready.incidents.confirm(which, ConfirmIncident(), BY_ITSELF)
    assert draft.broadcast is not None
    assert (await ready.broadcasts.show(draft.broadcast.id)).state == "draft"


# --- certain, now, and here -----------------------------------------------------------------------------------------


async def test_certain_long_ago_and_likely_now_is_a_proposal(ready: Room) -> None:
    which = ready.propose()
    ready.clock.go_on(timedelta(minutes=31))
    add_evidence(ready, which, place(ready, which)[0], grade="likely")
    await ready.automatic.step()
    assert (ready.state(which), ready.left(which)) == ("suspected", "")


async def test_what_was_certain_under_an_older_threshold_is_a_proposal(ready: Room) -> None:
    which = ready.propose(grade="likely")
    add_evidence(ready, which, place(ready, which)[0], grade="certain", score=LIMITS.certain - 0.1)
    await ready.automatic.step()
    assert ready.state(which) == "suspected"
    add_evidence(ready, which, place(ready, which)[0], grade="certain", score=LIMITS.certain)
    await ready.automatic.step()
    assert ready.state(which) == "confirmed"


async def test_evidence_from_the_future_is_that_of_another_clock(ready: Room) -> None:
    which = ready.propose()
    ready.clock.go_on(-400 * DAY)
    await ready.automatic.step()
    assert ready.state(which) == "suspected"


async def test_customers_of_a_region_are_not_told_because_another_is_certain(ready: Room) -> None:
    which = ready.propose(grade="likely")
    other = ready.town.region("state-x", kind="state")
    add_evidence(ready, which, other, grade="certain")
    await ready.automatic.step()
    assert ready.state(which) == "suspected"


async def test_every_region_of_the_place_has_to_be_certain(ready: Room) -> None:
    one, other = ready.homes(5, "94110"), ready.homes(5, "94112")
    which = ready.propose_for(one, other, evident=(one,))
    await ready.automatic.step()
    assert ready.state(which) == "suspected"
    add_evidence(ready, which, other, grade="certain")
    await ready.automatic.step()
    assert ready.state(which) == "confirmed"


# --- what is previewed is what is sent ------------------------------------------------------------------------------


async def test_what_was_previewed_here_is_not_sent_there(ready: Room) -> None:
    which = ready.propose(homes=10)
    here = place(ready, which)
    draft = await ready.incidents.confirm(which, ConfirmIncident(), ANN)
    there = ready.homes(10, "99999")
    ready.database.write_now(lambda tx: incidents.set_place(tx, which, [there]))
    await ready.deliver(draft)
    assert place(ready, which) == here
    told = ready.rows(
        "SELECT DISTINCT r.region_id FROM audience_notifications AS a JOIN sites AS s ON s.customer_id = a.customer_id"
        " JOIN site_regions AS r ON r.site_id = s.id"
    )
    assert [row["region_id"] for row in told] == here


async def test_under_a_draft_no_place_moves(ready: Room) -> None:
    which = ready.propose()

    def may_be_placed() -> bool:
        found = ready.database.read_now(
            lambda tx: surroundings.open_incidents(tx, "power", resolved_since=ready.clock.now())
        )
        return next(each.may_be_placed for each in found if each.id == which)

    assert may_be_placed()
    draft = await ready.incidents.confirm(which, ConfirmIncident(), ANN)
    assert not may_be_placed()
    assert draft.broadcast is not None
    await ready.broadcasts.cancel(draft.broadcast.id, ANN)
    assert may_be_placed()


# --- the gate -------------------------------------------------------------------------------------------------------


async def test_what_was_judged_half_a_year_ago_does_not_count(room: Room) -> None:
    room.judge(10)
    room.clock.go_on(179 * DAY)
    room.prove()
    await room.automatic.step()
    assert room.said() == []
    room.clock.go_on(2 * DAY)
    await room.automatic.step()
    assert "0 of 10 proposals are judged" in room.said()[0]


async def test_only_proposals_with_certain_evidence_are_judged(room: Room) -> None:
    room.prove()
    room.judge(10)
    room.database.write_now(lambda tx: tx.run("UPDATE evidence SET grade = 'likely'"))
    await room.automatic.step()
    assert "0 of 10 proposals are judged" in room.said()[0]


async def test_a_backtest_of_next_to_nothing_or_that_confirms_everything_opens_nothing(ready: Room) -> None:
    done = Backtested(
        ran_at=ready.clock.now(),
        days=40,
        complaints=2,
        would_confirm=5_000,
        likely=Detection().likely,
        certain=Detection().certain,
    )
    for bad in (done, replace(done, complaints=900), replace(done, complaints=900, would_confirm=0, cut=True)):
        ready.database.write_now(lambda tx, bad=bad: stored.save_backtest(tx, bad))  # type: ignore[misc]
        which = ready.propose(f"94{ready.clock.now():%M%S}")
        await ready.automatic.step()
        assert ready.state(which) == "suspected"
        assert len(ready.said()) == 1
        ready.clock.go_on(MINUTE)
