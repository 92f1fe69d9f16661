"""The guest list, on both databases: planning, previews and claims leave out everyone else, and say so."""

from notifier.config import Config
from notifier.config import Delivery as DeliverySettings
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.delivery import Delivery
from notifier.stages.guest_list import publish
from notifier.storage.database import Database
from tests.broadcasts import NOW, broadcast, contact_point, incident, notification, states
from tests.complaint_desk import SetClock
from tests.control_room import ControlRoom

GUEST = "94110-1@example.net"
PLAYBOOKS = {"power": Playbook(name="power", services=("power",), safety=("wires",))}


def with_guests(*addresses: str) -> Config:
    return Config(delivery=DeliverySettings(only_to=addresses))


async def planned(database: Database, *guests: str) -> tuple[ControlRoom, dict[str, str]]:
    """Plan an update for three homes; return the room and the outcome of each."""
    await publish(database, with_guests(*guests))
    room = ControlRoom(database)
    room.homes(3)
    draft = await room.open()
    assert draft.preview is not None
    assert draft.preview.customers == 3
    await room.deliver(draft)
    rows = room.rows("SELECT c.reference, a.outcome FROM audience AS a JOIN customers AS c ON c.id = a.customer_id")
    return room, {row["reference"]: row["outcome"] for row in rows}


async def test_planning_records_everyone_else_as_not_on_the_guest_list(database: Database) -> None:
    room, outcomes = await planned(database, GUEST)
    assert outcomes == {"94110-0": "not_on_guest_list", "94110-1": "told", "94110-2": "not_on_guest_list"}
    assert [row["state"] for row in room.rows("SELECT state FROM notifications")] == ["sent"]


async def test_without_a_list_everyone_is_written_to(database: Database) -> None:
    _, outcomes = await planned(database)
    assert set(outcomes.values()) == {"told"}


async def test_a_list_that_is_taken_away_invites_everyone_again(database: Database) -> None:
    await publish(database, with_guests("somebody@example.net"))
    _, outcomes = await planned(database)
    assert set(outcomes.values()) == {"told"}


async def test_the_preview_counts_who_is_left_out(database: Database) -> None:
    await publish(database, with_guests(GUEST))
    room = ControlRoom(database)
    room.homes(3)
    draft = await room.open()
    assert draft.preview is not None
    assert draft.preview.not_told == {"not_on_guest_list": 2}


async def test_who_would_not_be_told_anyway_keeps_that_reason(database: Database) -> None:
    await publish(database, with_guests(GUEST))
    room = ControlRoom(database)
    room.homes(2)
    room.database.write_now(
        lambda tx: tx.run("UPDATE contact_points SET suppressed = 'bad_address' WHERE address <> :a", a=GUEST)
    )
    await room.deliver(await room.open())
    assert {row["outcome"] for row in room.rows("SELECT outcome FROM audience")} == {"told", "suppressed"}


async def test_a_claim_looks_at_the_list_again(database: Database) -> None:
    """Planned before the list was written: nothing of it may leave."""
    update = broadcast(database, incident(database))
    for number in (1, 2):
        notification(database, update, contact_point(database, number))
    config = with_guests("customer2@example.net")
    delivery = Delivery(
        database, config, SetClock(NOW), EmbeddedQueue(), Metrics(), PLAYBOOKS, Messages(config, PLAYBOOKS), "secret"
    )
    claimed = await delivery.claim(Channel.EMAIL, 10)
    assert [one.address for one in claimed] == ["customer2@example.net"]
    assert states(database) == [("suppressed", "not_on_guest_list"), ("sending", "claimed")]
