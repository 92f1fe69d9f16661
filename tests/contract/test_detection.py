"""What detection promises on every database: cells open incidents, once, and what is restarted decides the same."""

from datetime import timedelta

import pytest

from notifier.domain.broadcast import BroadcastState
from notifier.domain.incident import DismissReason, IncidentState
from notifier.domain.local_time import LocalTime
from notifier.domain.playbook import Mode
from notifier.stages.detection.people import dismiss_quiet
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.repositories import incidents
from tests.broadcasts import broadcast
from tests.complaint_desk import NOON, SYSTEM, Desk, request

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place()
    made.place("94112")
    return made


async def outage(desk: Desk, code: str = "94110", *, customers: int = 4, first: int = 1) -> None:
    """Let customers of a postal code complain a minute apart, the detector looking after each."""
    for number in range(first, first + customers):
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}")
        await desk.decide()


# --- opening --------------------------------------------------------------------------------------------------------


async def test_three_customers_open_a_suspected_incident_at_the_narrowest_place(desk: Desk) -> None:
    await outage(desk, customers=3)
    assert desk.incidents() == [(1, "94110", "suspected")]
    (incident,) = desk.rows("SELECT * FROM incidents")
    assert (incident["opened_by"], incident["playbook"], incident["impact"]) == ("daemon", "standard", "down")
    assert incident["started_at"] == to_micros(NOON + MINUTE)
    (complaint,) = desk.rows("SELECT correlation_id FROM complaints ORDER BY id DESC LIMIT 1")
    assert incident["correlation_id"] == complaint["correlation_id"]


async def test_wider_cells_attach_with_their_evidence(desk: Desk) -> None:
    await outage(desk, customers=3)
    evidence = desk.rows("SELECT e.*, r.kind FROM evidence AS e JOIN regions AS r ON r.id = e.region_id ORDER BY e.id")
    assert [(row["kind"], row["incident_id"], row["observed"], row["verified"]) for row in evidence] == [
        ("postal_code", 1, 3, 3),
        ("city", 1, 3, 3),
    ]
    roles = desk.rows(
        "SELECT r.kind, ir.role FROM incident_regions AS ir JOIN regions AS r ON r.id = ir.region_id ORDER BY r.kind"
    )
    assert [(row["kind"], row["role"]) for row in roles] == [("city", "attached"), ("postal_code", "place")]


async def test_two_places_are_two_incidents(desk: Desk) -> None:
    desk.place("94601", "Oakland")
    await outage(desk)
    await outage(desk, "94601")
    assert [place for _, place, _ in desk.incidents()] == ["94110", "94601"]


async def test_a_place_inside_a_wide_incident_attaches(desk: Desk) -> None:
    for number, code in enumerate(("94110", "94112") * 2, 1):  # two in each: only the city is over the threshold
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}")
        await desk.decide()
    assert [place for _, place, _ in desk.incidents()] == ["San Francisco"]
    await outage(desk, first=5)
    assert desk.incidents() == [(1, "San Francisco", "suspected")]  # both codes of the city complain
    roles = desk.rows("SELECT r.kind, ir.role FROM incident_regions AS ir JOIN regions AS r ON r.id = ir.region_id")
    assert {(row["kind"], row["role"]) for row in roles} == {("city", "place"), ("postal_code", "attached")}


async def test_a_place_that_was_confirmed_is_not_narrowed(desk: Desk) -> None:
    for number, code in enumerate(("94110", "94112") * 2, 1):
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}")
        await desk.decide()
    await desk.database.write(lambda tx: incidents.set_state(tx, 1, IncidentState.CONFIRMED))
    await outage(desk, first=5)
    assert desk.incidents() == [(1, "San Francisco", "confirmed")]


async def test_strangers_alone_open_nothing(desk: Desk) -> None:
    for number in range(6):
        await desk.intake.submit(request(reporter=f"s{number}@example.com", region="94110"), actor=SYSTEM)
    await desk.complain("94110-1", "94110-2")
    await desk.decide()
    assert desk.incidents() == []


async def test_one_customer_complaining_often_opens_nothing(desk: Desk) -> None:
    await desk.complain(*["94110-1"] * 50)
    await desk.decide()
    assert desk.incidents() == []


async def test_late_rows_and_history_open_nothing(desk: Desk) -> None:
    await desk.complain(*(f"94110-{number}" for number in range(1, 6)), occurred_at=NOON - 16 * MINUTE)
    await desk.import_history([request(customer_id=f"94112-{n}", occurred_at=NOON - MINUTE) for n in range(1, 6)])
    await desk.decide()
    assert desk.incidents() == []
    assert desk.rows("SELECT position FROM detector")[0]["position"] == 10


async def test_complaints_out_of_order_within_a_quarter_of_an_hour_count(desk: Desk) -> None:
    for number, minutes in enumerate((10, 0, 5, 2), 1):
        await desk.complain(f"94110-{number}", occurred_at=NOON - minutes * MINUTE)
        await desk.decide()
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_observe_records_evidence_only(database: Database) -> None:
    desk = Desk(database, mode=Mode.OBSERVE)
    desk.place()
    await outage(desk)
    assert desk.incidents() == []
    assert {row["incident_id"] for row in desk.rows("SELECT incident_id FROM evidence")} == {None}


async def test_a_cell_shows_its_score_while_it_rises(desk: Desk) -> None:
    scores = []
    for _ in range(3):
        await outage(desk, customers=1, first=len(scores) + 1)
        scores += await desk.detection.scores(1)
    assert [one.observed for one in scores] == [1, 2, 3]
    assert scores[0].score < scores[1].score < 8.5 < scores[2].score
    assert (scores[2].region, scores[2].service, scores[2].grade) == ("postal_code 94110", "power", "likely")


async def test_what_happened_is_counted(desk: Desk) -> None:
    await outage(desk, customers=3)
    value = desk.metrics.registry.get_sample_value
    assert value("notifier_incidents_opened_total", {"service": "power", "by": "daemon"}) == 1
    assert value("notifier_evidence_total", {"service": "power", "grade": "likely"}) == 2
    assert value("notifier_detector_cells") == 2


# --- dismissing -----------------------------------------------------------------------------------------------------


async def test_a_suspected_incident_without_new_evidence_subsides(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 2 * HOUR - MINUTE
    await desk.detection.dismiss_subsided()
    assert desk.incidents()[0][2] == "suspected"
    desk.clock.at += 2 * MINUTE
    await desk.detection.dismiss_subsided()
    assert desk.incidents()[0][2] == "dismissed"
    assert desk.rows("SELECT dismiss_reason FROM incidents")[0]["dismiss_reason"] == "subsided"


async def test_what_was_certain_does_not_subside_for_a_day_and_then_says_that_nobody_judged_it(desk: Desk) -> None:
    desk.place("94117", households=20)
    await outage(desk, "94117", customers=20)
    desk.place("95814", "Sacramento")
    await outage(desk, "95814", customers=3)
    grades = desk.rows("SELECT DISTINCT incident_id, grade FROM evidence ORDER BY 1, 2 DESC")
    assert [(row["incident_id"], row["grade"]) for row in grades] == [(1, "likely"), (1, "certain"), (2, "likely")]
    desk.clock.at += 24 * HOUR - 5 * MINUTE
    await desk.detection.dismiss_subsided()
    assert [state for *_, state in desk.incidents()] == ["suspected", "dismissed"]
    assert desk.rows("SELECT event FROM timeline WHERE event = 'unjudged'") == []
    desk.clock.at += 6 * MINUTE
    await desk.detection.dismiss_subsided()
    assert [state for *_, state in desk.incidents()] == ["dismissed", "dismissed"]
    events = desk.rows("SELECT incident_id, event, detail FROM timeline WHERE event IN ('unjudged', 'dismissed')")
    assert [(row["incident_id"], row["event"]) for row in events] == [
        (2, "dismissed"),
        (1, "unjudged"),
        (1, "dismissed"),
    ]
    assert "certain, and nobody judged it within 24 h" in events[1]["detail"]
    assert desk.rows("SELECT dismiss_reason FROM incidents WHERE id = 1")[0]["dismiss_reason"] == "subsided"


async def test_what_waits_for_a_second_person_does_not_subside(desk: Desk) -> None:
    await outage(desk)
    waiting = broadcast(desk.database, 1, state=BroadcastState.AWAITING_APPROVAL, started=False)
    desk.clock.at += 25 * HOUR
    await desk.detection.dismiss_subsided()
    assert desk.incidents()[0][2] == "suspected"
    desk.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET state = 'cancelled' WHERE id = :id", id=waiting))
    await desk.detection.dismiss_subsided()
    assert desk.incidents()[0][2] == "dismissed"


async def test_what_was_certain_subsides_later_still_where_the_playbook_says_so(desk: Desk) -> None:
    desk.place("94117", households=20)
    await outage(desk, "94117", customers=20)
    slow = {timedelta(hours=30): ["power"]}
    for hours, dismissed in ((29, []), (31, [1])):
        at = desk.clock.at + hours * HOUR
        assert desk.database.write_now(lambda tx, at=at: dismiss_quiet(tx, slow, at)) == dismissed  # type: ignore[misc]


async def test_nothing_subsides_while_complaints_wait_to_be_seen(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 2 * HOUR
    await desk.complain("94110-7")
    desk.clock.at += 2 * MINUTE
    await desk.detection.dismiss_subsided()
    assert desk.incidents()[0][2] == "suspected"


async def test_dismissed_by_a_person_it_takes_new_customers_to_open_again(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += MINUTE
    now = desk.clock.at
    desk.database.write_now(lambda tx: incidents.dismiss(tx, 1, now=now, reason=DismissReason.BY_PERSON, actor="ann"))
    await outage(desk, first=5, customers=2)
    assert len(desk.incidents()) == 1
    await outage(desk, first=7, customers=1)
    assert [state for _, _, state in desk.incidents()] == ["dismissed", "suspected"]


@pytest.mark.parametrize("state", ["resolved", "closed"])
async def test_after_a_restoration_only_new_complaints_are_evidence(desk: Desk, state: str) -> None:
    await outage(desk)
    desk.clock.at += MINUTE
    at = to_micros(desk.clock.at)
    desk.database.write_now(
        lambda tx: tx.run("UPDATE incidents SET state = :state, resolved_at = :at", state=state, at=at)
    )
    before = len(desk.rows("SELECT 1 FROM evidence"))
    await outage(desk, first=5, customers=2)
    assert len(desk.rows("SELECT 1 FROM evidence")) == before
    await outage(desk, first=7, customers=1)
    assert len(desk.rows("SELECT 1 FROM evidence")) > before
    assert len(desk.incidents()) == (1 if state == "resolved" else 2)


# --- beginning again ------------------------------------------------------------------------------------------------


async def test_a_crash_before_the_save_loses_and_repeats_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.complain(*(f"94110-{number}" for number in range(1, 5)))

    def crash(*_: object) -> None:
        raise OSError("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(incidents, "open_incident", lambda *_, **__: crash())
        with pytest.raises(OSError, match="gone"):
            await desk.detection.step()
    assert desk.incidents() == []
    assert desk.rows("SELECT position FROM detector")[0]["position"] == 0
    await desk.decide()
    await desk.decide()
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_a_restarted_detector_goes_on_where_the_first_one_stood(desk: Desk) -> None:
    await outage(desk, customers=2)
    desk.detection = desk.new_detection()
    await desk.detection.rebuild()
    await outage(desk, customers=1, first=3)
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_two_detectors_on_one_store_do_not_both_decide(desk: Desk) -> None:
    other = desk.new_detection()
    await other.rebuild()
    await outage(desk, customers=1)
    await desk.complain("94110-2")
    with pytest.raises(RuntimeError, match="moved by somebody else"):
        await other.step()
    await other.step()  # it has begun again from the store
    assert desk.rows("SELECT position FROM detector")[0]["position"] == 2


# --- the baseline ---------------------------------------------------------------------------------------------------


async def busy_history(desk: Desk, *, days: int, daily: int) -> None:
    """Import a steady history of one postal code, evenly over the day."""
    rows = [
        request(customer_id=f"94110-{number + 1}", occurred_at=NOON - day * 24 * HOUR - number * HOUR)
        for day in range(2, days + 2)
        for number in range(daily)
    ]
    await desk.import_history(rows)


async def test_history_raises_what_is_expected(desk: Desk) -> None:
    await busy_history(desk, days=30, daily=8)
    await desk.detection.refresh_baseline()
    await outage(desk, customers=3)
    (level,) = desk.rows(
        "SELECT b.* FROM baselines AS b JOIN regions AS r ON r.id = b.region_id WHERE r.code = '94110'"
    )
    assert 6 < level["level_sum"] / level["level_weight"] < 9
    assert level["through_day"] == LocalTime(desk.config.regions.time_zone).day(to_micros(NOON)) - 1
    assert [row["service"] for row in desk.rows("SELECT service FROM baseline_shapes")] == ["power"]


async def test_history_imported_later_makes_levels_anew(desk: Desk) -> None:
    await outage(desk, customers=3)
    before = desk.rows("SELECT region_id, level_sum, level_weight FROM baselines ORDER BY region_id")
    await busy_history(desk, days=30, daily=8)
    await desk.detection.refresh_baseline()
    await outage(desk, customers=3, first=4)
    after = desk.rows("SELECT region_id, level_sum, level_weight FROM baselines ORDER BY region_id")
    assert after[0]["level_sum"] / after[0]["level_weight"] > 5 * before[0]["level_sum"] / before[0]["level_weight"]


async def test_the_nightly_job_and_the_first_complaint_begin_the_same_day(database: Database) -> None:
    desk = Desk(database)
    desk.place()
    await busy_history(desk, days=20, daily=6)
    await outage(desk, customers=1)
    desk.clock.at = NOON + 20 * HOUR
    await desk.detection.refresh_baseline()
    by_night = desk.rows("SELECT baseline_day, state FROM detector")
    await desk.detection.refresh_baseline()
    assert desk.rows("SELECT baseline_day, state FROM detector") == by_night
    desk.database.write_now(lambda tx: tx.run("UPDATE detector SET baseline_day = baseline_day - 1"))
    desk.detection = desk.new_detection()
    await outage(desk, customers=1, first=3)
    assert desk.rows("SELECT baseline_day, state FROM detector") == by_night


async def test_a_silent_day_is_a_gap_and_is_said(desk: Desk) -> None:
    await busy_history(desk, days=20, daily=8)
    await desk.detection.refresh_baseline()
    (row,) = desk.rows("SELECT state FROM detector")
    assert '"gaps":[]' not in row["state"]
