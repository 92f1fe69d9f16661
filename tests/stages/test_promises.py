"""What the promise watcher does minute by minute, on a real SQLite file."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from notifier.config import Config
from notifier.domain.errors import Refused
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import DismissIncident, ReopenIncident, RestoreIncident, SetEta
from notifier.stages.promises import Promises
from notifier.storage.instants import to_micros
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase
from tests.control_room import ANN, MINUTE, ControlRoom
from tests.incident_town import MORNING
from tests.sqlite_file import sqlite_file

HOUR = timedelta(hours=1)
PLAN = Playbook(
    name="standard",
    services=("power",),
    next_update_within=HOUR,
    warn_before=20 * MINUTE,
    delay_before=5 * MINUTE,
    automatic_delays=2,
)


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
    room = ControlRoom(database, playbook=PLAN)
    room.homes(3)
    return room


async def watched_until(room: ControlRoom, minutes: int) -> None:
    """Let the daemon look after everything once a minute."""
    end = MORNING + minutes * MINUTE
    while room.clock.now() < end:
        room.clock.go_on(MINUTE)
        await room.promises.watch()
        await room.work()


def kinds(room: ControlRoom) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in room.rows("SELECT kind, state FROM broadcasts ORDER BY id")]


async def test_an_eta_about_to_lapse_is_warned_about_then_revised_by_the_authorised_delay(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    await watched_until(room, 39)
    assert "promise_due_soon" not in room.events()
    await watched_until(room, 41)
    assert room.events().count("promise_due_soon") == 1
    assert [need.kind for need in room.needs()] == ["promise"]
    await watched_until(room, 56)
    assert kinds(room) == [("eta", "completed"), ("delayed", "completed")]
    assert room.promise_states() == [("eta", "revised"), ("next_update", "open")]
    delayed = await room.broadcasts.show(2)
    assert (delayed.automatic, delayed.created_by, delayed.facts["automatic"]) == (True, "daemon", True)
    assert "eta_at" not in delayed.facts
    assert delayed.facts["previous_eta_at"] == "2026-03-02T15:00:00Z"
    assert (await room.incidents.show(1)).card.eta_at is None
    (need,) = room.needs()
    assert (need.kind, need.next[0]) == ("delayed", "notifier eta 1 TIME")
    assert need.text == "#1 power, 94110: the ETA by 15:00 UTC has lapsed and customers have no new one"
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    assert room.needs() == []


async def test_after_two_in_a_row_only_a_person_goes_on(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    said = []
    for minutes in (45, 105, 160):
        await watched_until(room, minutes)
        said += [need.text.rpartition("; ")[2] for need in room.needs()]
    assert said == [
        "the daemon will say that it takes longer",
        "the daemon will say that it takes longer, for the last time",
        "the daemon has gone on by itself as often as it may: only a person can tell customers now",
    ]
    await watched_until(room, 4 * 60)
    assert [kind for kind, _ in kinds(room)] == ["eta", "delayed", "delayed"]
    assert room.promise_states() == [("eta", "revised"), ("next_update", "kept"), ("next_update", "missed")]
    assert room.events().count("promise_needs_a_person") == 1
    assert [need.kind for need in room.needs()] == ["promise_missed"]


async def test_a_persons_word_lets_the_daemon_go_on_again(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    await watched_until(room, 2 * 60)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=room.clock.now() + HOUR), ANN))
    newest = room.rows("SELECT automatic_in_row FROM promises ORDER BY id DESC LIMIT 1")[0]
    assert newest["automatic_in_row"] == 0


async def test_what_was_not_authorised_is_not_sent(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR, may_delay=False))
    await watched_until(room, 61)
    assert kinds(room) == [("eta", "completed")]
    assert room.events().count("promise_needs_a_person") == 1
    assert room.promise_states() == [("eta", "missed")]


async def test_the_time_to_tell_everybody_is_added(database: SqliteDatabase) -> None:
    room = ControlRoom(database, playbook=PLAN, rate=3 / 600)  # three homes take ten minutes
    room.homes(3)
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    await watched_until(room, 44)
    assert len(kinds(room)) == 1
    await watched_until(room, 46)
    assert [kind for kind, _ in kinds(room)] == ["eta", "delayed"]


async def test_nothing_is_said_while_service_is_believed_back(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    await watched_until(room, 54)
    await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    await watched_until(room, 65)
    assert [kind for kind, _ in kinds(room)] == ["eta", "restored"]
    assert room.promise_states() == [("eta", "kept")]


async def test_when_it_goes_out_again_after_the_promised_time_customers_are_told_late(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    await watched_until(room, 54)
    await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    await watched_until(room, 61)
    await room.incidents.reopen(1, ReopenIncident(), ANN)
    await watched_until(room, 63)
    assert room.promise_states() == [("eta", "missed"), ("next_update", "open")]
    assert (await room.broadcasts.show(3)).facts["late"] is True


async def test_an_update_in_its_take_back_time_is_not_overtaken(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 59 * MINUTE
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    await room.promises.watch()
    assert len(kinds(room)) == 2


async def test_what_a_person_authorised_too_late_is_told_after_the_automatic_one(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 60 * MINUTE - timedelta(seconds=10)
    draft = await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN)
    await room.send(draft)
    await room.promises.watch()
    assert kinds(room)[1:] == [("delayed", "sending"), ("delayed", "sending")]
    await room.work()
    room.clock.go_on(MINUTE)
    await room.work()
    assert kinds(room) == [("eta", "completed"), ("delayed", "completed"), ("delayed", "completed")]
    assert room.promise_states() == [("eta", "revised"), ("next_update", "kept"), ("eta", "open")]


async def test_a_draft_of_a_person_survives_an_automatic_update(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    draft = await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN)
    await watched_until(room, 57)
    assert kinds(room)[1:] == [("delayed", "draft"), ("delayed", "completed")]
    assert (await room.send(draft)).state == "sending"


async def test_while_everything_is_paused_a_person_is_asked(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO control (name, value, changed_at, changed_by) VALUES ('paused', '1', 0, 'x')")
    )
    await watched_until(room, 58)
    assert len(kinds(room)) == 1
    assert "promise_needs_a_person" in room.events()
    assert room.needs()[1].text.endswith("is due in 2 min; everything is paused: nobody hears anything")


async def test_the_metrics_tell_what_became_of_promises(room: ControlRoom) -> None:
    def value(name: str, **labels: str) -> float | None:
        return room.metrics.registry.get_sample_value(f"notifier_{name}", labels)

    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    await watched_until(room, 56)
    assert value("promises_ended_total", kind="eta", state="revised") == 1
    assert value("broadcasts_sent_total", kind="delayed") == 1


async def test_an_automatic_update_repeats_what_was_told_and_nothing_that_may_be_taken_back(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR, cause="storm"))
    room.clock.time = MORNING + 59 * MINUTE + 45 * MINUTE / 60
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, cause="cable-cut"), ANN))
    await room.promises.watch()
    assert [row["kind"] for row in room.rows("SELECT kind FROM broadcasts WHERE automatic = 1")] == ["delayed"]
    assert (await room.broadcasts.show(3)).facts["cause"] == "storm"


async def test_while_everything_is_paused_an_authorised_update_keeps_no_promise(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 57 * MINUTE
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.database.write_now(
        lambda tx: tx.run("INSERT INTO control (name, value, changed_at, changed_by) VALUES ('paused', '1', 0, 'ann')")
    )
    await room.promises.watch()
    assert "promise_needs_a_person" in room.events()


async def test_no_promise_is_renewed_while_a_correction_waits_for_its_start(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 59 * MINUTE + 45 * MINUTE / 60
    await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    await room.promises.watch()
    room.clock.go_on(MINUTE)
    await room.promises.watch()
    await room.work()
    assert kinds(room) == [("eta", "completed"), ("correction", "completed")]
    assert room.promise_states() == [("eta", "void")]


async def test_an_eta_that_stands_is_not_withdrawn_with_a_next_update_that_lapses(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + 4 * HOUR, next_update_by=MORNING + HOUR))
    await watched_until(room, 59)
    assert kinds(room) == [("eta", "completed"), ("delayed", "completed")]
    assert (await room.broadcasts.show(2)).facts["eta_at"] == "2026-03-02T18:00:00Z"
    assert (await room.incidents.show(1)).card.eta_at == MORNING + 4 * HOUR
    assert room.promise_states()[2:] == [("eta", "open"), ("next_update", "open")]


# --- nobody looked --------------------------------------------------------------------------------------------------


async def test_a_daemon_that_was_down_when_it_fell_due_says_so_late(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 100 * MINUTE
    await room.promises.watch()
    await room.promises.watch()
    await room.work()
    assert kinds(room) == [("eta", "completed"), ("delayed", "completed")]
    facts = (await room.broadcasts.show(2)).facts
    assert (facts["late"], facts["previous_eta_at"]) == (True, "2026-03-02T15:00:00Z")
    assert facts["next_update_by"] == "2026-03-02T16:40:00Z"
    assert room.promise_states() == [("eta", "missed"), ("next_update", "open")]
    assert room.events().count("promise_missed") == 1
    assert [need.kind for need in room.needs()] == ["delayed"]
    row = room.rows("SELECT automatic_in_row, may_delay FROM promises ORDER BY id DESC LIMIT 1")[0]
    assert (row["automatic_in_row"], row["may_delay"]) == (1, 1)


async def test_of_an_eta_and_a_next_update_that_both_lapsed_one_message_speaks(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + 70 * MINUTE, next_update_by=MORNING + HOUR))
    room.clock.time = MORNING + 100 * MINUTE
    await room.promises.watch()
    await room.work()
    assert [kind for kind, _ in kinds(room)] == ["eta", "delayed"]
    assert (await room.broadcasts.show(2)).facts["previous_eta_at"] == "2026-03-02T15:10:00Z"
    assert room.promise_states() == [("eta", "missed"), ("next_update", "missed"), ("next_update", "open")]


async def test_an_eta_that_stands_is_repeated_late(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + 4 * HOUR, next_update_by=MORNING + HOUR))
    room.clock.time = MORNING + 100 * MINUTE
    await room.promises.watch()
    await room.work()
    facts = (await room.broadcasts.show(2)).facts
    assert (facts["late"], facts["eta_at"]) == (True, "2026-03-02T18:00:00Z")
    assert room.promise_states()[:2] == [("eta", "revised"), ("next_update", "missed")]


@pytest.mark.parametrize("minutes", [100, 60 + 241])
async def test_what_may_not_be_said_late_is_asked_of_a_person(room: ControlRoom, minutes: int) -> None:
    is_news = minutes == 100
    await room.deliver(await room.open(eta_at=MORNING + HOUR, may_delay=not is_news))
    room.clock.time = MORNING + minutes * MINUTE
    await room.promises.watch()
    assert [kind for kind, _ in kinds(room)] == ["eta"]
    assert room.promise_states() == [("eta", "missed")]
    assert [need.kind for need in room.needs()] == ["promise_missed"]


async def test_late_words_count_among_those_that_may_follow_each_other(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    for hours in (2, 4, 6):
        room.clock.time = MORNING + hours * HOUR
        await room.promises.watch()
        await room.work()
    assert [kind for kind, _ in kinds(room)] == ["eta", "delayed", "delayed"]
    assert [state for _, state in room.promise_states()] == ["missed"] * 3
    assert [need.kind for need in room.needs()] == ["promise_missed"]


async def test_a_persons_update_that_is_about_to_start_speaks_instead(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + HOUR - timedelta(seconds=40)
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.clock.time = MORNING + HOUR + MINUTE
    await room.promises.watch()
    await room.work()
    assert kinds(room) == [("eta", "completed"), ("delayed", "completed")]
    assert (await room.broadcasts.show(2)).automatic is False


async def test_a_persons_update_whose_time_has_passed_too_does_not_silence_the_daemon(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + HOUR - timedelta(seconds=40)
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 80 * MINUTE), ANN))
    room.clock.time = MORNING + 100 * MINUTE
    await room.promises.watch()
    await room.work()
    assert kinds(room) == [("eta", "completed"), ("delayed", "cancelled"), ("delayed", "completed")]
    assert (await room.broadcasts.show(3)).facts["late"] is True


# --- an update takes its time ---------------------------------------------------------------------------------------


def sent(room: ControlRoom, broadcast_id: int, *, but: int = 0, state: str = "sent") -> None:
    """Hand over what is pending of a broadcast, except so many messages."""
    room.database.write_now(
        lambda tx: tx.run(
            """UPDATE notifications SET state = :state, ended_at = :now WHERE id IN
               (SELECT id FROM notifications WHERE broadcast_id = :id AND state = 'pending' ORDER BY id
                LIMIT (SELECT count(*) - :but FROM notifications WHERE broadcast_id = :id AND state = 'pending'))""",
            state=state,
            now=to_micros(room.clock.now()),
            id=broadcast_id,
            but=but,
        )
    )


async def going_out(room: ControlRoom, minutes: int) -> int:
    """Tell an ETA of one hour, and start a later one at so many minutes: planned, and nothing of it handed over."""
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + minutes * MINUTE
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.clock.go_on(MINUTE)
    await room.course.start_due()
    while await room.planning.step():
        pass
    return view.id


async def test_a_promise_is_revised_when_the_last_message_of_its_update_was_handed_over(room: ControlRoom) -> None:
    update = await going_out(room, 30)
    sent(room, update, but=1)
    await room.course.sweep()
    assert room.promise_states() == [("eta", "open"), ("eta", "open")]
    room.clock.time = MORNING + 45 * MINUTE
    sent(room, update)
    room.clock.time = MORNING + 46 * MINUTE
    await room.course.sweep()
    assert room.promise_states() == [("eta", "revised"), ("eta", "open")]
    assert (await room.incidents.show(1)).promises[0].ended_at == MORNING + 45 * MINUTE


async def test_while_an_update_goes_out_no_other_is_sent_and_what_it_reaches_too_late_is_missed(
    room: ControlRoom,
) -> None:
    update = await going_out(room, 50)
    for minutes in (54, 56, 59):
        room.clock.time = MORNING + minutes * MINUTE
        await room.promises.watch()
    assert len(kinds(room)) == 2
    assert room.needs() == []
    room.clock.time = MORNING + 61 * MINUTE
    await room.promises.watch()
    assert room.promise_states() == [("eta", "missed"), ("eta", "open")]
    sent(room, update)
    await room.course.sweep()
    assert kinds(room) == [("eta", "completed"), ("delayed", "completed")]
    assert room.promise_states() == [("eta", "missed"), ("eta", "open")]


async def test_a_daemon_that_died_after_the_last_message_knows_that_it_was_in_time(room: ControlRoom) -> None:
    update = await going_out(room, 50)
    sent(room, update)
    room.clock.time = MORNING + 2 * HOUR
    await room.promises.watch()
    await room.course.sweep()
    assert room.promise_states() == [("eta", "revised"), ("eta", "open")]


async def test_a_service_that_lost_its_playbook_is_judged_by_the_same_times(room: ControlRoom) -> None:
    update = await going_out(room, 50)
    sent(room, update)
    room.clock.time = MORNING + 2 * HOUR
    without = Promises(room.database, Config(), room.clock, room.queue, room.metrics, {})
    await without.watch()
    await room.course.sweep()
    room.clock.time = MORNING + 4 * HOUR
    await without.watch()
    assert room.promise_states() == [("eta", "revised"), ("eta", "missed")]
    assert len(kinds(room)) == 2


async def test_when_an_update_is_stopped_on_its_way_the_older_promise_stands(room: ControlRoom) -> None:
    update = await going_out(room, 30)
    sent(room, update, but=2)
    await room.broadcasts.cancel(update, ANN)
    await watched_until(room, 56)
    assert [kind for kind, _ in kinds(room)] == ["eta", "delayed", "delayed"]
    assert room.promise_states() == [("eta", "revised"), ("eta", "revised"), ("next_update", "open")]


async def test_what_was_promised_to_nobody_is_void(room: ControlRoom) -> None:
    update = await going_out(room, 30)
    await room.broadcasts.cancel(update, ANN)
    assert room.promise_states() == [("eta", "open"), ("eta", "void")]
    value = room.metrics.registry.get_sample_value("notifier_promises_ended_total", {"kind": "eta", "state": "void"})
    assert value == 1


async def test_while_a_person_has_paused_the_update_a_person_is_asked(room: ControlRoom) -> None:
    update = await going_out(room, 30)
    await room.broadcasts.pause(update, ANN)
    await watched_until(room, 57)
    assert len(kinds(room)) == 2
    assert "promise_needs_a_person" in room.events()
    assert "its update is paused: only a person can go on" in room.needs()[0].text


async def test_an_update_that_reached_nobody_keeps_no_promise(room: ControlRoom) -> None:
    update = await going_out(room, 30)
    sent(room, update, state="failed")
    await room.course.sweep()
    assert room.promise_states()[0] == ("eta", "open")
    await watched_until(room, 56)
    assert kinds(room)[2:] == [("delayed", "completed")]


async def test_a_word_about_restoration_that_was_stopped_leaves_the_next_update_missed(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    view = await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    room.clock.go_on(15 * MINUTE)
    await room.course.start_due()
    await room.planning.step()
    await room.broadcasts.cancel(view.id, ANN)
    with pytest.raises(Refused, match="open promise"):
        await room.incidents.close(1, ANN)
    room.clock.go_on(HOUR)
    await room.promises.watch()
    assert room.promise_states() == [("next_update", "missed")]
    assert (await room.incidents.close(1, ANN)).incident.card.state == "closed"


# --- stopped by people, and by the end of the daemon ----------------------------------------------------------------


async def test_what_was_claimed_but_went_back_when_its_update_was_cancelled_has_promised_nothing(
    room: ControlRoom,
) -> None:
    view = await room.send(await room.open(eta_at=MORNING + HOUR))
    room.clock.go_on(MINUTE)
    await room.course.start_due()
    while await room.planning.step():
        pass
    room.hand_over(state="sending")
    await room.broadcasts.cancel(view.id, ANN)
    await room.course.sweep()
    assert room.promise_states() == [("eta", "open")]  # somebody may be reading it
    room.database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'pending'"))
    await room.course.sweep()
    assert room.promise_states() == [("eta", "void")]
    await watched_until(room, 61)
    assert kinds(room) == [("eta", "cancelled")]


async def test_a_delayed_that_reached_nobody_is_not_sent_again_and_again(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 55 * MINUTE
    for _ in range(8):
        room.clock.go_on(timedelta(seconds=10))
        await room.promises.watch()
        while await room.planning.step():
            pass
        room.hand_over(state="failed")
        await room.course.sweep()
    assert [kind for kind, _ in kinds(room)] == ["eta", "delayed"]
    assert room.events().count("promise_needs_a_person") == 1


async def test_while_a_person_has_paused_what_made_the_promise_a_person_is_asked(room: ControlRoom) -> None:
    view = await room.send(await room.open(eta_at=MORNING + HOUR))
    room.clock.go_on(MINUTE)
    await room.course.start_due()
    while await room.planning.step():
        pass
    sent(room, view.id, but=2)
    await room.broadcasts.pause(view.id, ANN)
    await watched_until(room, 57)
    assert kinds(room) == [("eta", "paused")]
    assert "promise_needs_a_person" in room.events()


async def test_while_a_correction_is_paused_the_daemon_repeats_nothing_of_what_it_corrects(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    view = await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    await room.broadcasts.pause(view.id, ANN)
    await watched_until(room, 57)
    assert kinds(room) == [("eta", "completed"), ("correction", "paused")]
    assert "promise_needs_a_person" in room.events()


async def test_what_was_handed_over_before_the_daemon_died_counts_though_a_newer_update_starts_first(
    room: ControlRoom,
) -> None:
    update = await going_out(room, 50)
    later = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 4 * HOUR), ANN))
    sent(room, update)
    room.clock.time = MORNING + 62 * MINUTE
    await room.work()
    assert (await room.broadcasts.show(later.id)).state == "completed"
    assert room.promise_states() == [("eta", "revised"), ("eta", "revised"), ("eta", "open")]
    assert kinds(room)[1] == ("delayed", "completed")


async def test_a_promise_to_nobody_does_not_hide_one_that_was_missed(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR, may_delay=False))
    room.clock.time = MORNING + 50 * MINUTE
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    room.clock.go_on(MINUTE)
    await room.course.start_due()
    await room.broadcasts.cancel(view.id, ANN)
    room.clock.time = MORNING + 61 * MINUTE
    await room.promises.watch()
    assert room.promise_states() == [("eta", "missed"), ("eta", "void")]
    assert "promise_missed" in [need.kind for need in room.needs()]


async def test_what_a_person_stops_of_the_daemons_is_not_sent_again(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR))
    room.clock.time = MORNING + 56 * MINUTE
    await room.promises.watch()
    await room.broadcasts.cancel(2, ANN)
    await watched_until(room, 58)
    assert kinds(room) == [("eta", "completed"), ("delayed", "cancelled")]
    assert room.needs()[0].text.endswith("was stopped or reached nobody: only a person can go on")


async def test_an_eta_that_was_given_up_is_not_shown_as_told(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=MORNING + HOUR, cause="storm"))
    await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 80 * MINUTE, cause="cable-cut"), ANN))
    room.clock.time = MORNING + 90 * MINUTE
    await room.course.start_due()
    assert room.rows("SELECT eta_at, cause FROM parts") == [{"eta_at": to_micros(MORNING + HOUR), "cause": "storm"}]
