"""What alarms promise on every database: kept once, placed or shown as unplaced, never a complaint."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from notifier.domain.errors import InvalidInput
from notifier.domain.incident import IncidentState
from notifier.stages.detection import Explaining
from notifier.stages.looks_over import LooksOver
from notifier.stages.signals import Signals
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.queries import signals as shown
from notifier.storage.queries.needs import needs
from notifier.storage.repositories import incidents
from notifier.storage.repositories import signals as stored
from notifier.storage.views import SignalView
from tests.complaint_desk import NOON, SERVICES, Desk
from tests.signals import alert, around, body, stage

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "contracts" / "webhooks"
SAMPLES = (
    "alertmanager_0.25_fire-1",
    "alertmanager_0.25_resolve-2",
    "alertmanager_0.25_resolve-3",
    "alertmanager_v4_zulip",
)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=12)
    made.place("94112")
    return made


@pytest.fixture
def signals(desk: Desk) -> Signals:
    return stage(desk)


def kept(desk: Desk, *, ended: bool = True) -> list[SignalView]:
    return desk.database.read_now(lambda tx: shown.signals(tx, ended=ended))


async def complain(desk: Desk, *numbers: int, code: str = "94110", service: str = "power") -> None:
    for number in numbers:
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}", service=service)
        await desk.decide()


def timeline(desk: Desk) -> list[tuple[str, dict[str, Any]]]:
    return [(row["event"], json.loads(row["detail"])) for row in desk.rows("SELECT * FROM timeline ORDER BY id")]


# --- what needs a person ----------------------------------------------------------------------------------------------


async def test_an_alarm_alone_says_how_an_incident_is_opened_there(desk: Desk, signals: Signals) -> None:
    desk.clock.at = NOON + MINUTE
    await signals.take(body(alert()))
    (need,) = desk.database.read_now(lambda tx: needs(tx, desk.clock.now(), dict.fromkeys(SERVICES, desk.playbook)))
    assert need.next == [
        "notifier open --service power --regions postal_code:94110",
        "notifier detection explain postal_code:94110 power",
        "notifier signals list",
    ]


async def test_every_alarm_without_a_place_has_its_own_reason(desk: Desk, signals: Signals) -> None:
    lost = [alert(code, fingerprint=code, name=f"OLT-{code}") for code in ("A", "B", "C", "D")]
    await signals.take(body(*lost))
    (need,) = desk.database.read_now(lambda tx: needs(tx, desk.clock.now(), dict.fromkeys(SERVICES, desk.playbook)))
    assert need.text.startswith("4 alarms are evidence nowhere: ")
    for code in ("A", "B", "C"):
        assert f"'{code}'" in need.text
    assert need.text.endswith("; and 1 more")
    assert need.next == ["notifier signals list"]


# --- taking -----------------------------------------------------------------------------------------------------------


async def test_an_alarm_is_kept_with_its_place_and_calls(desk: Desk, signals: Signals) -> None:
    desk.clock.at = NOON + MINUTE
    taken = await signals.take(body(alert()))
    assert (taken.results, taken.without_place, taken.refused) == ({"opened": 1}, 0, [])
    (signal,) = kept(desk)
    assert (signal.name, signal.service, signal.regions) == ("OLT-7", "power", ["postal_code 94110"])
    assert (signal.state, signal.started_at, signal.ended_at) == ("open", NOON, None)
    assert signal.summary == "No light on the uplink"
    called = desk.database.read_now(lambda tx: [key for key, _ in shown.unattended(tx, desk.clock.now())])
    assert called == ["alarm 1"]


async def test_the_same_group_again_and_from_a_twin_is_one_alarm(desk: Desk, signals: Signals) -> None:
    twin = stage(desk)
    for number in range(3):
        desk.clock.at = NOON + number * 4 * HOUR
        await signals.take(body(alert()))
        await twin.take(body(alert(since=NOON + timedelta(seconds=2))))
    (signal,) = kept(desk)
    assert (signal.times, signal.state) == (6, "open")
    assert len(await signals.every()) == 1


async def test_twins_at_the_same_moment_are_one_alarm(desk: Desk, signals: Signals) -> None:
    desk.clock.at = NOON + MINUTE
    alerts = [alert(fingerprint=str(number)) for number in range(20)]
    await asyncio.gather(*(each.take(body(*alerts)) for each in (signals, stage(desk), stage(desk))))
    assert [each.times for each in kept(desk)] == [3] * 20


async def test_it_is_over_once_however_often_that_is_said(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert()))
    desk.clock.at = NOON + HOUR
    until = NOON + 50 * MINUTE
    for each in (signals, stage(desk), signals):
        await each.take(body(alert(until=until)))
    (signal,) = kept(desk)
    assert (signal.state, signal.ended_at) == ("resolved", until)
    late = await signals.take(body(alert()))  # a twin that was slow
    assert late.results == {"late": 1}
    assert await signals.every() == []
    desk.clock.at += 5 * MINUTE
    assert (await signals.take(body(alert()))).results == {"opened": 1}  # it was over too early
    (signal,) = kept(desk)
    assert (signal.state, signal.ended_at) == ("open", None)


async def test_an_end_that_was_not_heard_is_made_up_for(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert()))
    desk.clock.at = NOON + 2 * HOUR
    await signals.take(body(alert(since=NOON + HOUR)))
    assert [(each.state, each.started_at) for each in kept(desk)] == [("open", NOON + HOUR), ("lapsed", NOON)]


async def test_what_is_over_before_it_was_heard_of_is_kept_as_over(desk: Desk, signals: Signals) -> None:
    desk.clock.at = NOON + HOUR
    taken = await signals.take(body(alert(until=NOON + MINUTE)))
    assert taken.results == {"resolved": 1}
    (signal,) = kept(desk)
    assert signal.state == "resolved"
    assert desk.database.read_now(lambda tx: list(shown.unattended(tx, desk.clock.now()))) == []


@pytest.mark.parametrize("region", ["postal_code:99999", "nowhere", "*", "all", ""])
async def test_what_names_no_known_region_is_shown_and_means_nobody(desk: Desk, signals: Signals, region: str) -> None:
    taken = await signals.take(body(alert(region)))
    assert taken.without_place == 1
    (signal,) = kept(desk)
    assert signal.why_not
    assert signal.regions == []
    assert desk.database.read_now(lambda tx: list(shown.unattended(tx, desk.clock.now()))) == []
    assert [each.name for each in desk.database.read_now(shown.without_place)] == ["OLT-7"]
    await complain(desk, 1, 2)
    assert desk.incidents() == []


async def test_a_service_that_there_is_not_is_no_service(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert(service=""), alert(service="telegraph", fingerprint="2")))
    assert [each.why_not for each in kept(desk)] == ["there is no service 'telegraph'", "it names no service"]


async def test_a_place_that_is_imported_later_is_found_with_the_next_report(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert("postal_code:94601")))
    desk.place("94601", "Oakland")
    await signals.take(body(alert("postal_code:94601")))
    (signal,) = kept(desk)
    assert (signal.regions, signal.why_not) == (["postal_code 94601"], "")


async def test_regions_are_read_per_alert_and_a_bad_one_loses_no_other(desk: Desk, signals: Signals) -> None:
    bad: list[Any] = ["no object", {"labels": {}}, alert() | {"status": "on fire"}, alert() | {"startsAt": "yesterday"}]
    taken = await signals.take(body(alert(), *bad, alert("94112", fingerprint="2"), truncated=3))
    assert taken.results == {"opened": 2, "refused": 4}
    assert [each.alert for each in taken.refused] == [2, 3, 4, 5]
    assert taken.left_out == 3
    assert [(each.regions, each.left_out) for each in kept(desk)] == [
        (["postal_code 94112"], 3),
        (["postal_code 94110"], 3),
    ]


@pytest.mark.parametrize(
    "wrong", [[], "alarm", 7, {"alerts": 7}, {}, {"id": ""}, {"id": "1", "status": "on"}, {"x": 1}]
)
async def test_what_can_never_be_right_is_refused(signals: Signals, wrong: object) -> None:
    with pytest.raises(InvalidInput):
        await signals.take(wrong)


async def test_our_own_form(desk: Desk, signals: Signals) -> None:
    desk.clock.at = NOON + HOUR
    own = {"id": "olt-7", "name": "OLT-7", "service": "power", "region": "94110", "started_at": "2026-03-02T20:00:00Z"}
    assert (await signals.take(own)).results == {"opened": 1}
    assert (await signals.take({"id": "olt-7", "service": "power", "region": "94110"})).results == {"repeated": 1}
    assert (await signals.take({"id": "olt-7", "status": "resolved"})).results == {"resolved": 1}
    assert (await signals.take({"id": "olt-7", "status": "resolved"})).results == {"repeated": 1}
    (signal,) = kept(desk)
    assert (signal.state, signal.started_at, signal.ended_at) == ("resolved", NOON, NOON + HOUR)


async def test_what_nobody_reports_any_more_lapses(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert()))
    desk.clock.at = NOON + 47 * HOUR
    await signals.tidy()
    assert len(kept(desk, ended=False)) == 1
    desk.clock.at = NOON + 49 * HOUR
    await signals.tidy()
    assert [each.state for each in kept(desk)] == ["lapsed"]


@pytest.mark.parametrize("name", SAMPLES)
async def test_captured_bodies_are_taken(desk: Desk, signals: Signals, name: str) -> None:
    path = SHARED / f"{name}.json"
    if not path.exists():
        pytest.skip("needs the shared captures")
    desk.clock.at = datetime.fromisoformat("2026-11-21T19:00:00+00:00")
    captured = json.loads(path.read_text())
    for _ in range(2):
        taken = await signals.take(captured)
        assert taken.refused == []
    (signal,) = kept(desk)
    assert signal.state == ("resolved" if captured["status"] == "resolved" else "open")
    assert signal.why_not


# --- never a complaint ------------------------------------------------------------------------------------------------


async def test_no_alarm_is_a_complaint_or_feeds_the_baseline(desk: Desk, signals: Signals) -> None:
    for number in range(30):
        await signals.take(body(alert(fingerprint=str(number), name=f"OLT-{number}")))
    await desk.decide()
    assert desk.incidents() == []
    for table in ("complaints", "cell_days", "service_hours", "baselines", "evidence"):
        assert desk.rows(f"SELECT * FROM {table}") == []


# --- with customers ---------------------------------------------------------------------------------------------------


async def test_an_alarm_and_three_customers_suspect_an_incident(database: Database) -> None:
    desk = Desk(database, customers=20)  # by themselves it would take twenty
    desk.place(households=8)
    signals = stage(desk)
    await signals.take(body(alert()))
    await complain(desk, 1, 2)
    assert desk.incidents() == []
    await complain(desk, 3)
    assert desk.incidents() == [(1, "94110", "suspected")]
    events = timeline(desk)
    assert ("alarm", {"alarm": "OLT-7", "since": NOON.isoformat(), "people": 3}) in events
    (need,) = database.read_now(lambda tx: needs(tx, desk.clock.now(), dict.fromkeys(SERVICES, desk.playbook)))
    assert need.kind == "suspected"
    assert "3 verified - alarm OLT-7 since 20:00 UTC - " in need.text
    (evidence,) = desk.rows("SELECT * FROM evidence")
    assert (evidence["incident_id"], evidence["observed"], evidence["verified"]) == (1, 3, 3)
    assert desk.database.read_now(lambda tx: list(shown.unattended(tx, desk.clock.now()))) == []


async def test_an_alarm_after_the_customers_suspects_as_well(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8)
    await complain(desk, 1, 2, 3)
    assert desk.incidents() == []
    await stage(desk).take(body(alert(since=desk.clock.at)))
    await desk.decide()
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_others_do_not_count(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8, services="|power|internet|")
    desk.place("94112")
    await stage(desk).take(body(alert()))
    await complain(desk, 1, 2)
    await complain(desk, 1, 2)  # the same people
    await complain(desk, 1, 2, code="94112")
    await complain(desk, 3, 4, service="internet")
    assert desk.incidents() == []


async def test_an_alarm_that_is_over_suspects_nothing(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8)
    signals = stage(desk)
    await signals.take(body(alert()))
    await complain(desk, 1, 2)
    await signals.take(body(alert(until=desk.clock.at)))
    await complain(desk, 3, 4)
    assert desk.incidents() == []


async def test_a_list_of_sites_counts_its_own_customers(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8)
    await stage(desk).take(body(alert("", sites="94110-1; 94110-2 94110-3")))
    await complain(desk, 4, 5, 6, 7, 1, 2)
    assert desk.incidents() == []
    await complain(desk, 3)
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_a_restart_at_any_point_decides_the_same(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8)
    await stage(desk).take(body(alert()))
    for number in range(1, 7):
        await complain(desk, number)
        desk.detection = desk.new_detection()  # everything in memory is gone
        await desk.decide()
    assert desk.incidents() == [(1, "94110", "suspected")]
    assert [row["observed"] for row in desk.rows("SELECT * FROM evidence ORDER BY id")] == [3, 4, 5, 6]
    assert len([event for event, _ in timeline(desk) if event == "alarm"]) == 1


async def test_looked_at_together_or_one_by_one_the_evidence_is_the_same(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8)
    await stage(desk).take(body(alert()))
    for number in range(1, 7):
        desk.clock.at += MINUTE
        await desk.complain(f"94110-{number}")
    await desk.decide()
    assert [row["observed"] for row in desk.rows("SELECT * FROM evidence ORDER BY id")] == [3, 4, 5, 6]


async def test_what_was_dismissed_is_not_suspected_by_the_same_customers(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8)
    await stage(desk).take(body(alert()))
    await complain(desk, 1, 2, 3)
    desk.clock.at += MINUTE
    at = to_micros(desk.clock.at)
    desk.database.write_now(
        lambda tx: tx.run("UPDATE incidents SET state = 'dismissed', dismissed_at = :at WHERE id = 1", at=at)
    )
    await complain(desk, 4, 5)
    assert desk.incidents() == [(1, "94110", "dismissed")]
    await complain(desk, 6)
    assert [state for _, _, state in desk.incidents()] == ["dismissed", "suspected"]


# --- incidents that stand ---------------------------------------------------------------------------------------------


async def test_an_alarm_in_an_open_incident_belongs_to_it_and_calls_nobody(desk: Desk, signals: Signals) -> None:
    await complain(desk, 1, 2, 3)
    assert desk.incidents() == [(1, "94110", "suspected")]
    await signals.take(body(alert(), alert("94112", fingerprint="2", name="OLT-8")))
    assert [each.name for each in desk.database.read_now(lambda tx: shown.of_incident(tx, 1))] == ["OLT-7"]
    assert [
        each.name for _, each in desk.database.read_now(lambda tx: list(shown.unattended(tx, desk.clock.now())))
    ] == ["OLT-8"]
    desk.clock.at += MINUTE
    await signals.take(body(alert(until=desk.clock.at)))
    assert timeline(desk)[-1][0] == "alarm_over"


async def test_what_complaints_suspect_by_themselves_names_the_alarm_at_once(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert()))
    await complain(desk, 1, 2, 3)
    assert [event for event, _ in timeline(desk) if event == "alarm"] == ["alarm"]
    assert [each.name for each in desk.database.read_now(lambda tx: shown.of_incident(tx, 1))] == ["OLT-7"]


async def test_an_incident_opened_by_hand_takes_the_alarm_that_is_there(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert()))
    region = desk.rows("SELECT id FROM regions WHERE code = 'San Francisco'")[0]["id"]

    def open_(tx: Any) -> int:
        return incidents.open_incident(
            tx,
            service="power",
            impact="down",
            playbook="standard",
            state=IncidentState.CONFIRMED,
            region_ids=[region],
            started_at=NOON,
            now=NOON,
            by="ann",
            correlation_id="c",
        )

    desk.database.write_now(open_)
    await signals.tidy()
    assert [each.name for each in desk.database.read_now(lambda tx: shown.of_incident(tx, 1))] == ["OLT-7"]


async def test_an_open_alarm_keeps_a_suspicion_from_subsiding(desk: Desk, signals: Signals) -> None:
    await complain(desk, 1, 2, 3)
    await signals.take(body(alert()))
    desk.clock.at += 20 * HOUR
    await desk.detection.dismiss_subsided()
    assert desk.incidents() == [(1, "94110", "suspected")]
    await signals.take(body(alert(until=desk.clock.at)))
    await desk.detection.dismiss_subsided()
    assert desk.incidents() == [(1, "94110", "dismissed")]


# --- calls ------------------------------------------------------------------------------------------------------------


async def test_an_alarm_that_comes_and_goes_calls_once_in_an_hour(desk: Desk, signals: Signals) -> None:
    calling = []
    for number in range(12):
        desk.clock.at = NOON + number * 10 * MINUTE
        await signals.take(body(alert(since=desk.clock.at)))
        desk.clock.at += 5 * MINUTE
        found = desk.database.read_now(lambda tx: list(shown.unattended(tx, desk.clock.now())))
        calling += [number] * len(found)
        await signals.take(body(alert(since=desk.clock.at - 5 * MINUTE, until=desk.clock.at)))
    assert calling == [0, 6]


async def test_one_that_stays_calls_when_the_hour_is_over(desk: Desk, signals: Signals) -> None:
    await signals.take(body(alert()))
    desk.clock.at = NOON + 5 * MINUTE
    await signals.take(body(alert(until=desk.clock.at)))
    desk.clock.at = NOON + 10 * MINUTE
    await signals.take(body(alert(since=desk.clock.at)))

    def calls() -> int:
        return len(desk.database.read_now(lambda tx: list(shown.unattended(tx, desk.clock.now()))))

    assert calls() == 0
    desk.clock.at = NOON + HOUR
    assert calls() == 1


# --- explained --------------------------------------------------------------------------------------------------------


async def test_an_incident_and_a_cell_explain_the_alarm(database: Database) -> None:
    desk = Desk(database, customers=20)
    desk.place(households=8)
    await stage(desk).take(body(alert()))
    explaining = Explaining(database, desk.config, desk.clock, dict.fromkeys(("power",), desk.playbook))
    cell = await explaining.cell("postal_code:94110", "power", named=False)
    assert "Alarm OLT-7 is open here for" in " ".join(cell.words)
    await complain(desk, 1, 2, 3)
    incident = await explaining.incident(1, named=False)
    assert any(
        each.startswith("Alarm OLT-7 is evidence of it, too: it went off 3 min before") for each in incident.words
    )
    assert "3 verified customers beyond those normal there" in incident.words[-1]


# --- over -------------------------------------------------------------------------------------------------------------


async def test_a_resolved_alarm_suggests_that_it_is_over_sooner(desk: Desk, signals: Signals) -> None:
    looks = LooksOver(around(desk))
    await signals.take(body(alert()))
    await complain(desk, *range(1, 9))
    desk.clock.at = NOON + 45 * MINUTE
    await looks.look()
    assert not [event for event, _ in timeline(desk) if event == "looks_over"]
    await signals.take(body(alert(until=NOON + 30 * MINUTE)))
    await looks.look()
    (detail,) = [detail for event, detail in timeline(desk) if event == "looks_over"]
    assert detail["alarms_over"] == ["OLT-7"]


async def test_an_open_alarm_speaks_against_it(desk: Desk, signals: Signals) -> None:
    looks = LooksOver(around(desk))
    await complain(desk, *range(1, 9))
    await signals.take(body(alert()))
    desk.clock.at = NOON + 100 * MINUTE
    await looks.look()
    assert not [event for event, _ in timeline(desk) if event == "looks_over"]


# --- retention --------------------------------------------------------------------------------------------------------


async def test_what_is_long_over_is_removed_but_not_under_an_open_incident(desk: Desk, signals: Signals) -> None:
    await complain(desk, 1, 2, 3)
    until = desk.clock.at
    await signals.take(body(alert(until=None), alert("94112", fingerprint="2", name="OLT-8")))
    await signals.take(body(alert(until=until), alert("94112", fingerprint="2", name="OLT-8", until=until)))
    await signals.take(body(alert(fingerprint="3", name="OLT-9", since=until)))
    before = NOON + 400 * 24 * HOUR
    assert desk.database.write_now(lambda tx: stored.remove(tx, before=before, at_most=100)) == 1
    assert [each.name for each in kept(desk)] == ["OLT-9", "OLT-7"]
