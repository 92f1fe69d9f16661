"""What was stopped on its way is said once more to those whom it did not reach, and to nobody else."""

from datetime import timedelta

import pytest

from notifier.domain.broadcast import BroadcastKind
from notifier.domain.errors import Refused
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import SetEta
from notifier.storage.database import Database
from tests.control_room import ANN, MINUTE, TAKE_BACK, ControlRoom
from tests.incident_town import MORNING

HOUR = timedelta(hours=1)
ETA = MORNING + 3 * HOUR


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=50))
    room.homes(4)
    return room


async def stopped(room: ControlRoom, *, told: int) -> None:
    """Begin what was drafted last, hand over so many of its messages, and stop it."""
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    while await room.planning.step():
        pass
    (last,) = room.rows("SELECT MAX(id) AS id FROM broadcasts")
    room.database.write_now(
        lambda tx: tx.run(
            """UPDATE notifications SET state = 'sent', ended_at = planned_at, sending_at = planned_at
               WHERE id IN (SELECT id FROM notifications WHERE broadcast_id = :b ORDER BY id LIMIT :n)""",
            b=last["id"],
            n=told,
        )
    )
    await room.broadcasts.cancel(last["id"], ANN)
    await room.course.sweep()


def heard(room: ControlRoom) -> list[int]:
    """Return how many messages each home has, the most first."""
    rows = room.rows(
        """SELECT count(n.id) AS number FROM contact_points AS c
           LEFT JOIN notifications AS n ON n.contact_point_id = c.id AND n.state = 'sent' GROUP BY c.id"""
    )
    return sorted((row["number"] for row in rows), reverse=True)


async def test_the_same_time_goes_to_those_who_were_not_told(room: ControlRoom) -> None:
    await room.send(await room.open(eta_at=ETA))
    await stopped(room, told=1)
    draft = await room.incidents.eta(1, SetEta(eta_at=ETA), ANN)
    assert draft.broadcast is not None
    assert draft.preview is not None
    assert (draft.broadcast.kind, draft.preview.customers, draft.preview.first_contact) == (BroadcastKind.ETA, 3, 3)
    await room.deliver(draft)
    assert heard(room) == [1, 1, 1, 1]
    assert "cut_short" not in [each.kind for each in room.needs()]
    with pytest.raises(Refused, match="have been told"):
        await room.incidents.eta(1, SetEta(eta_at=ETA), ANN)


async def test_what_is_stopped_twice_goes_to_those_whom_neither_reached(room: ControlRoom) -> None:
    await room.send(await room.open(eta_at=ETA))
    await stopped(room, told=1)
    await room.send(await room.incidents.eta(1, SetEta(eta_at=ETA), ANN))
    await stopped(room, told=1)
    (need,) = [each for each in room.needs() if each.kind == "cut_short"]
    assert "2 of 3 customers were not told" in need.text
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=ETA), ANN))
    assert heard(room) == [1, 1, 1, 1]


async def test_the_promise_to_those_who_heard_first_is_kept_beside_it(room: ControlRoom) -> None:
    await room.send(await room.open(eta_at=ETA))
    await stopped(room, told=1)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=ETA), ANN))
    open_ones = room.rows("SELECT broadcast_id FROM promises WHERE state = 'open' ORDER BY id")
    assert [row["broadcast_id"] for row in open_ones] == [1, 2]
    room.clock.time = ETA - 5 * MINUTE
    await room.promises.watch()
    delayed = room.rows("SELECT expected_customers FROM broadcasts WHERE kind = 'delayed'")
    assert [row["expected_customers"] for row in delayed] == [4]


async def test_a_new_time_goes_to_everybody(room: ControlRoom) -> None:
    await room.send(await room.open(eta_at=ETA))
    await stopped(room, told=1)
    draft = await room.incidents.eta(1, SetEta(eta_at=ETA + HOUR), ANN)
    assert draft.preview is not None
    assert draft.preview.customers == 4


async def test_what_everybody_was_told_is_not_said_again(room: ControlRoom) -> None:
    await room.deliver(await room.open(eta_at=ETA))
    with pytest.raises(Refused, match="nothing else is new"):
        await room.incidents.eta(1, SetEta(eta_at=ETA), ANN)
