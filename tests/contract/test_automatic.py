"""What mode `automatic` promises on every database: never before it may, never more than it may, and people know."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from notifier.backtest import own
from notifier.backtest.own import OwnBacktest
from notifier.config import OnCall
from notifier.domain.actor import DAEMON
from notifier.domain.incident import DismissReason
from notifier.domain.on_call import CallReason
from notifier.domain.playbook import Mode
from notifier.stages.incidents import ConfirmIncident, DismissIncident
from notifier.storage.database import Database
from notifier.storage.queries.needs import waking
from notifier.storage.repositories import automatic as stored
from notifier.storage.repositories import control, incidents, place_doubts
from notifier.storage.repositories.place_doubts import Doubt
from tests.automatic_room import DAY, PLAN, Room
from tests.complaint_desk import NOON, Desk, request
from tests.control_room import ANN


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database)


@pytest.fixture
def ready(room: Room) -> Room:
    return room.ready()


# --- the gate -------------------------------------------------------------------------------------------------------


async def test_without_a_backtest_and_judged_proposals_it_proposes_and_says_why(room: Room) -> None:
    which = room.propose()
    room.judge(6)
    await room.automatic.step()
    assert room.state(which) == "suspected"
    assert room.left(which) == ""
    (said,) = room.said()
    assert said == (
        "automatic is asked for by playbook standard, but no backtest over your own complaints has been run yet; one is"
        " run every night; 6 of 10 proposals are judged. Until then it proposes"
    )


async def test_ten_judged_and_a_backtest_open_the_gate_and_nothing_is_said_any_more(ready: Room) -> None:
    await ready.automatic.step()
    assert ready.said() == []


async def test_two_dismissed_of_the_last_ten_close_it(ready: Room) -> None:
    ready.judge(2, dismissed=2)
    which = ready.propose()
    await ready.automatic.step()
    assert ready.state(which) == "suspected"
    assert "8 were confirmed, and 9 are needed" in ready.said()[0]


async def test_a_backtest_with_other_thresholds_or_of_too_few_days_does_not_count(ready: Room) -> None:
    ready.prove(likely=7.0)
    await ready.automatic.step()
    assert "other thresholds" in ready.said()[0]
    ready.prove(days=12)
    await ready.automatic.step()
    assert "there are 12" in ready.said()[0]


async def test_with_nobody_on_call_it_stays_closed(database: Database) -> None:
    room = Room(database, on_call=OnCall())
    room.prove()
    room.judge(10)
    which = room.propose()
    await room.automatic.step()
    assert room.state(which) == "suspected"
    assert "nobody is on call" in room.said()[0]


async def test_proposals_that_subsided_or_that_people_opened_are_not_judged(room: Room) -> None:
    room.prove()
    room.judge(9)
    subsided = room.propose("94199", homes=0)
    room.database.write_now(
        lambda tx: incidents.dismiss(
            tx, subsided, now=room.clock.now(), reason=DismissReason.SUBSIDED, actor=DAEMON.name
        )
    )
    room.homes(2, "94188")
    await room.send(await room.open("94188"))
    await room.automatic.step()
    assert "9 of 10 proposals are judged" in room.said()[0]


async def test_mode_propose_is_left_alone(database: Database) -> None:
    room = Room(database, playbook=replace(PLAN, mode=Mode.PROPOSE))
    room.prove()
    room.judge(10)
    which = room.propose()
    await room.automatic.step()
    assert (room.state(which), room.said(), room.left(which)) == ("suspected", [], "")


# --- what it does ---------------------------------------------------------------------------------------------------


async def test_what_is_certain_is_confirmed_and_customers_are_told_as_a_plain_confirm_would(ready: Room) -> None:
    which = ready.propose()
    await ready.automatic.step()
    (row,) = ready.rows("SELECT state, confirmed_by FROM incidents WHERE id = :id", id=which)
    assert (row["state"], row["confirmed_by"]) == ("confirmed", "daemon")
    (broadcast,) = ready.rows("SELECT id, kind, state, expected_customers, may_delay FROM broadcasts")
    assert (broadcast["kind"], broadcast["state"], broadcast["expected_customers"]) == ("acknowledged", "sending", 10)
    detail = ready.database.read_now(lambda tx: incidents.last_event(tx, which, stored.CONFIRMED))
    assert detail == {"customers": 10, "observed": 20, "expected": 1.3, "verified": 18, "score": 17.5}
    await ready.automatic.step()
    assert len(ready.rows("SELECT 1 FROM broadcasts")) == 1
    ready.clock.go_on(timedelta(minutes=1))
    await ready.work()
    assert ready.rows("SELECT COUNT(*) AS n FROM notifications WHERE state = 'sent'")[0]["n"] == 10


async def test_it_can_be_taken_back_like_any_other(ready: Room) -> None:
    ready.propose()
    await ready.automatic.step()
    (broadcast,) = ready.rows("SELECT id FROM broadcasts")
    await ready.broadcasts.cancel(broadcast["id"], ANN)
    ready.clock.go_on(timedelta(minutes=1))
    await ready.work()
    assert ready.rows("SELECT COUNT(*) AS n FROM notifications")[0]["n"] == 0


async def test_people_on_call_are_told_until_one_of_them_does_something(ready: Room) -> None:
    which = ready.propose()
    await ready.automatic.step()

    def alarms() -> list[tuple[CallReason, str]]:
        return ready.database.read_now(
            lambda tx: [
                (each.reason, waking.describe(tx, each))
                for each in waking.waking(tx, ready.clock.now(), ZoneInfo("UTC"), {})
                if each.incident_id == which
            ]
        )

    ((reason, text),) = alarms()
    assert reason is CallReason.CONFIRMED_BY_ITSELF
    assert text == (
        f"#{which} power 94110: confirmed by itself: 20 people in 1 min, 1.3 expected: certain, 18 verified;"
        " 10 customers hear of it"
    )
    ready.clock.go_on(timedelta(minutes=5))
    ready.database.write_now(
        lambda tx: incidents.record(tx, which, at=ready.clock.now(), event="note", actor="ann", detail={})
    )
    assert alarms() == []


async def test_what_is_only_likely_is_not_touched(ready: Room) -> None:
    which = ready.propose(grade="likely")
    await ready.automatic.step()
    assert (ready.state(which), ready.left(which)) == ("suspected", "")


async def test_above_the_audience_limit_a_person_decides(ready: Room) -> None:
    which = ready.propose(homes=51)
    await ready.automatic.step()
    assert ready.state(which) == "suspected"
    assert ready.left(which) == "51 customers would be told, and more than 50 are for a person"
    assert ready.rows("SELECT 1 FROM broadcasts") == []


async def test_while_everything_is_paused_it_waits(ready: Room) -> None:
    which = ready.propose()
    ready.database.write_now(lambda tx: control.put(tx, control.PAUSED, "1", now=ready.clock.now(), actor=ANN))
    await ready.automatic.step()
    assert (ready.state(which), ready.left(which)) == ("suspected", "")
    ready.database.write_now(lambda tx: control.clear(tx, control.PAUSED))
    await ready.automatic.step()
    assert ready.state(which) == "confirmed"


async def test_in_a_storm_the_fourth_within_an_hour_is_for_a_person(ready: Room) -> None:
    found = [ready.propose(code, homes=2) for code in ("94110", "94112", "94114", "94115")]
    await ready.automatic.step()
    assert [ready.state(which) for which in found] == ["confirmed"] * 3 + ["suspected"]
    assert "in a storm a person decides" in ready.left(found[3])
    ready.clock.go_on(timedelta(hours=2))
    await ready.automatic.step()
    assert ready.state(found[3]) == "suspected"  # once left, it stays a person's


async def test_doubts_of_the_preview_leave_it_to_a_person_without_a_draft(ready: Room) -> None:
    region = ready.town.region("94177")
    customer = ready.town.customer("unreachable")
    ready.town.site(customer, region)
    which = ready.propose("94177", homes=0)
    await ready.automatic.step()
    assert ready.state(which) == "suspected"
    assert "nobody can be reached" in ready.left(which)
    assert ready.rows("SELECT 1 FROM broadcasts WHERE state = 'draft'") == []


async def test_a_place_of_which_one_region_has_weak_support_is_for_a_person(ready: Room) -> None:
    which = ready.propose()
    weak = Doubt(region_id=ready.town.region("94110"), named=True, callers=1, expected=0.2, sites=10, chance=0.6)
    ready.database.write_now(lambda tx: place_doubts.save(tx, which, [weak]))
    await ready.automatic.step()
    assert ready.state(which) == "suspected"
    assert ready.left(which) == "postal code 94110 has weak support"


async def test_a_silent_region_beside_the_place_does_not_hold_it_up(ready: Room) -> None:
    which = ready.propose()
    small = Doubt(region_id=ready.town.region("94113"), named=False, callers=0, expected=0.0, sites=3, chance=0.3)
    ready.database.write_now(lambda tx: place_doubts.save(tx, which, [small]))
    await ready.automatic.step()
    assert ready.state(which) == "confirmed"


async def test_what_a_person_has_begun_is_theirs(ready: Room) -> None:
    which = ready.propose()
    await ready.incidents.confirm(which, ConfirmIncident(), ANN)
    await ready.automatic.step()
    assert (ready.state(which), ready.left(which)) == ("suspected", "somebody is working on it")


async def test_one_wrong_confirmation_closes_the_gate_until_ten_more_are_judged(ready: Room) -> None:
    which = ready.propose()
    await ready.automatic.step()
    ready.clock.go_on(timedelta(minutes=1))
    await ready.work()
    await ready.deliver(await ready.incidents.dismiss(which, DismissIncident(), ANN))
    assert ready.state(which) == "dismissed"
    await ready.automatic.step()
    assert f"0 of 10 proposals are judged since it wrongly confirmed #{which}" in ready.said()[0]
    ready.judge(10)
    await ready.automatic.step()
    assert ready.said() == []


# --- the backtest ---------------------------------------------------------------------------------------------------


async def test_the_nightly_backtest_replays_what_is_stored(database: Database) -> None:
    desk = Desk(database)
    desk.place(households=20)
    rows = [request(customer_id=f"94110-{1 + n % 20}", occurred_at=NOON - n * DAY) for n in range(1, 41)]
    await desk.import_history(rows)
    outage = [
        request(customer_id=f"94110-{n}", occurred_at=NOON - 9 * DAY + n * timedelta(minutes=1)) for n in range(1, 21)
    ]
    await desk.import_history(outage)
    await desk.intake.submit(
        request(reporter="+14155550155", region="94110", source="web"), actor=ANN
    )  # a stranger is no complaint of ours
    done = await OwnBacktest(database, desk.config, desk.clock, [PLAN]).run()
    assert done is not None
    assert (done.days, done.would_confirm, done.likely, done.certain) == (39, 1, 8.5, 15.5)
    assert 40 <= done.complaints <= 60
    assert database.read_now(stored.backtest) == done


@pytest.mark.parametrize(
    ("at_most", "enough", "is_cut", "days"), [(10, 5, True, 9), (500, 5, False, 28), (500, 500, False, 39)]
)
async def test_of_very_many_complaints_the_newest_28_days_are_replayed_or_it_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch, at_most: int, enough: int, is_cut: bool, days: int
) -> None:
    monkeypatch.setattr(own, "AT_MOST", at_most)
    monkeypatch.setattr(own, "ENOUGH", enough)
    desk = Desk(database)
    desk.place(households=20)
    await desk.import_history(
        [request(customer_id=f"94110-{1 + n % 20}", occurred_at=NOON - n * DAY) for n in range(1, 41)]
    )
    done = await OwnBacktest(database, desk.config, desk.clock, [PLAN]).run()
    assert done is not None
    assert (done.cut, done.days) == (is_cut, days)
    assert done.complaints == (10 if is_cut else 28)


async def test_a_backtest_is_run_unless_every_playbook_only_observes(database: Database) -> None:
    desk = Desk(database)
    observe, propose = replace(PLAN, mode=Mode.OBSERVE), replace(PLAN, mode=Mode.PROPOSE)
    assert await OwnBacktest(database, desk.config, desk.clock, [observe]).run() is None
    assert database.read_now(stored.backtest) is None
    assert await OwnBacktest(database, desk.config, desk.clock, [observe, propose]).run() is not None
    assert database.read_now(stored.backtest) is not None


async def test_with_no_complaints_at_all_the_backtest_says_so(database: Database) -> None:
    desk = Desk(database)
    done = await OwnBacktest(database, desk.config, desk.clock, [PLAN]).run()
    assert done is not None
    assert (done.days, done.complaints) == (0, 0)
