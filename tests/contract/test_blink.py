"""An outage shorter than the playbook's `tell_after`: only those hear that it is over who noticed it."""

from datetime import timedelta

import pytest

from notifier.domain.errors import Refused
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import ConfirmIncident, RestoreIncident
from notifier.storage.database import Database
from tests.control_room import ANN, BOB, MINUTE, TAKE_BACK, ControlRoom
from tests.incident_town import AT, MORNING

BLINK = "it was over sooner than tell_after: only those hear who reported it, or were told before"


@pytest.fixture
def room(database: Database) -> ControlRoom:
    playbook = Playbook(name="standard", services=("power",), audience_limit=50, tell_after=timedelta(minutes=5))
    room = ControlRoom(database, playbook=playbook)
    room.homes(4)
    return room


def complain(room: ControlRoom, customer: str, *, minutes: int = 1, service: str = "power") -> None:
    room.database.write_now(
        lambda tx: tx.run(
            """INSERT INTO complaints (source, reporter, customer_id, service, occurred_at, received_at, effective_at,
                                       regions, counted_regions, correlation_id)
               SELECT 'api', 'customer:' || reference, id, :service, :at, :at, :at, '[]', '[]', 'c' FROM customers
               WHERE reference = :customer""",
            customer=customer,
            service=service,
            at=AT + minutes * 60_000_000,
        )
    )


def heard(room: ControlRoom, broadcast_id: int) -> list[str]:
    rows = room.rows(
        """SELECT c.address FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
           WHERE n.broadcast_id = :id AND n.state = 'sent' ORDER BY c.address""",
        id=broadcast_id,
    )
    return [str(row["address"]).partition("@")[0] for row in rows]


async def test_after_a_blink_only_those_hear_who_reported_it(room: ControlRoom) -> None:
    await room.open()
    complain(room, "94110-1")
    complain(room, "94110-2", minutes=-60)  # of something else
    complain(room, "94110-3", service="internet")
    room.clock.go_on(6 * MINUTE)
    draft = await room.incidents.restored(1, RestoreIncident(restored_at=MORNING + 4 * MINUTE), ANN)
    assert draft.preview is not None
    assert (draft.preview.customers, draft.preview.by_region) == (1, {"postal_code 94110": 1})
    assert BLINK in draft.preview.warnings
    assert heard(room, await room.deliver(draft)) == ["94110-1"]
    shown = await room.incidents.show(1)
    assert (shown.card.state, shown.card.told, shown.confirmed_by) == ("resolved", 1, "ann")


async def test_who_was_told_that_it_is_out_hears_that_it_is_not(room: ControlRoom) -> None:
    view = await room.send(await room.open())
    assert view.not_before_at is not None
    room.clock.time = view.not_before_at
    await room.course.start_due()
    while await room.planning.step():
        pass
    room.database.write_now(
        lambda tx: tx.run("UPDATE notifications SET state = 'sent', reason = 'accepted' WHERE contact_point_id = 2")
    )
    complain(room, "94110-3")
    room.clock.go_on(3 * MINUTE)
    draft = await room.incidents.restored(1, RestoreIncident(), ANN)
    which = await room.deliver(draft)
    assert draft.preview is not None
    assert draft.preview.customers == 2
    assert heard(room, which) == ["94110-1", "94110-3"]


async def test_what_lasted_longer_is_told_to_everybody_and_not_before_it_is_confirmed(room: ControlRoom) -> None:
    await room.open()
    room.clock.go_on(6 * MINUTE)
    with pytest.raises(Refused, match=r"suspected and nobody was told.*tell_after \(5 min\)"):
        await room.incidents.restored(1, RestoreIncident(), ANN)
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(), ANN))
    draft = await room.incidents.restored(1, RestoreIncident(), ANN)
    assert draft.preview is not None
    assert (draft.preview.customers, BLINK in draft.preview.warnings) == (4, False)


async def test_a_blink_that_is_taken_back_leaves_the_incident_out(room: ControlRoom) -> None:
    await room.open()
    complain(room, "94110-1")
    room.clock.go_on(MINUTE)
    view = await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
    await room.broadcasts.cancel(view.id, BOB)
    shown = await room.incidents.show(1)
    assert (shown.card.state, shown.card.part_state) == ("confirmed", "out")
    assert "nobody_told" in [need.kind for need in room.needs()]
    room.clock.go_on(TAKE_BACK)
    await room.work()
    assert heard(room, view.id) == []


async def test_without_tell_after_everybody_hears_of_every_outage(database: Database) -> None:
    room = ControlRoom(database)
    room.homes(2)
    await room.deliver(await room.open())
    draft = await room.incidents.restored(1, RestoreIncident(), ANN)
    assert draft.preview is not None
    assert draft.preview.customers == 2
