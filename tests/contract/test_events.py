"""Storms: incidents under one commander, and what each customer was promised stays theirs, on every database."""

from datetime import timedelta

import pytest

from notifier.config import OnCall, Person
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import Forbidden, InvalidInput, NotFound, Refused
from notifier.domain.playbook import Playbook
from notifier.stages.events import Assessed, EstimateBy, Events, OfIncident, OpenStorm
from notifier.stages.incidents import ConfirmIncident, DismissIncident, OpenIncident
from notifier.stages.incidents.reshaping import SplitIncident
from notifier.storage.database import Database
from notifier.storage.views import Draft
from tests.control_room import AGENT, ANN, ControlRoom
from tests.incident_town import MORNING

HOUR = timedelta(hours=1)
EAST, WEST, NORTH = "94112", "94110", "94115"
PLAN = Playbook(name="standard", services=("power", "internet"), audience_limit=50)


class Room(ControlRoom):
    """A control room with storms, three homes in the west, two in the east, and a chain with a site in each."""

    def __init__(self, database: Database) -> None:
        people = (Person(name="Ann Lee", email="ann@example.net", key="ann"), Person(name="Bob", email="b@example.net"))
        super().__init__(database, playbook=PLAN, on_call=OnCall(people=people))
        self.storms = Events(self.around)
        west, east = self.homes(3, WEST), self.homes(2, EAST)
        chain = self.town.customer("chain")
        sites = [self.town.site(chain, region, reference=str(region)) for region in (west, east)]
        self.town.contact(chain, sites, "chain@example.net")

    async def storm(self, **more: object) -> int:
        request = OpenStorm(**{"name": "Ada", "service": "power", **more})  # type: ignore[arg-type]
        return (await self.storms.open(request, ANN)).card.id

    async def both(self) -> tuple[int, int]:
        """Open an incident in the west and one in the east; return their ids."""
        return (await self.open(WEST)).incident.card.id, (await self.open(EAST)).incident.card.id

    async def inside(self, event: int = 1) -> list[int]:
        return [card.id for card in (await self.storms.show(event)).incidents]

    def promised(self, incident_id: int) -> list[tuple[str, str]]:
        rows = self.rows("SELECT kind, state FROM promises WHERE incident_id = :i ORDER BY id", i=incident_id)
        return [(row["kind"], row["state"]) for row in rows]


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database)


# --- who is in it -----------------------------------------------------------------------------------------------------


async def test_what_is_open_comes_in_and_so_does_what_opens_later(room: Room) -> None:
    await room.open(WEST)
    await room.storm()
    assert await room.inside() == [1]
    await room.open(EAST)
    assert await room.inside() == [1, 2]
    assert "joined_event" in room.events(2)
    assert {card.assigned_to for card in (await room.storms.show(1)).incidents} == {"Ann Lee"}


async def test_another_service_and_another_place_stay_outside(room: Room) -> None:
    room.homes(1, NORTH)
    await room.storm(regions=(WEST,))
    await room.open(EAST)
    await room.incidents.open(OpenIncident(service="internet", regions=(WEST,)), ANN)
    assert await room.inside() == []
    await room.open(WEST)
    assert await room.inside() == [3]


async def test_an_incident_joins_by_a_site_where_the_storm_is_though_its_region_is_another(room: Room) -> None:
    home = room.town.region("node-7", kind="node")
    room.town.household("both", room.town.region(NORTH), home)
    await room.storm(regions=(NORTH,))
    await room.open("node:node-7")
    assert await room.inside() == [1]


async def test_the_card_counts_each_customer_once_and_names_the_first_promise(room: Room) -> None:
    await room.storm()
    west, _ = await room.both()
    await room.deliver(await confirmed(room, west))
    card = (await room.storms.show(1)).card
    assert (card.incidents, card.customers, card.told) == ({"confirmed": 1, "suspected": 1}, 6, 4)
    assert (card.commander, card.not_assessed, card.next_promise_of) == ("Ann Lee", 2, west)
    assert card.next_promise_at is not None


async def confirmed(room: Room, incident_id: int) -> Draft:
    return await room.incidents.confirm(incident_id, ConfirmIncident(), ANN)


async def test_an_incident_is_taken_out_and_put_in(room: Room) -> None:
    await room.storm()
    await room.both()
    view = await room.storms.remove(1, OfIncident(incident=1), ANN)
    assert [card.id for card in view.incidents] == [2]
    with pytest.raises(Refused, match=r"incident 1 is not in storm 1 \(Ada\)"):
        await room.storms.remove(1, OfIncident(incident=1), ANN)
    await room.storms.add(1, OfIncident(incident=1), ANN)
    with pytest.raises(Refused, match="already"):
        await room.storms.add(1, OfIncident(incident=1), ANN)
    assert [each for each in room.events() if "event" in each] == ["joined_event", "left_event", "joined_event"]


async def test_what_cannot_be_is_refused(room: Room) -> None:
    with pytest.raises(InvalidInput, match="no service is given"):
        await room.storm(service="")
    with pytest.raises(InvalidInput, match="has no name"):
        await room.storm(name="  ")
    with pytest.raises(InvalidInput, match="region"):
        await room.storm(regions=("*",))
    with pytest.raises(NotFound):
        await room.storms.show(7)
    await room.storm()
    with pytest.raises(Refused, match=r"storm 1 \(Ada, power\) is open there already"):
        await room.storm(regions=(WEST,))
    with pytest.raises(NotFound, match="incident 9"):
        await room.storms.add(1, OfIncident(incident=9), ANN)
    await room.incidents.open(OpenIncident(service="internet", regions=(WEST,)), ANN)
    with pytest.raises(Refused, match="is about internet"):
        await room.storms.add(1, OfIncident(incident=1), ANN)
    with pytest.raises(Forbidden):
        await room.storms.close(1, AGENT)


async def test_a_closed_storm_takes_nothing_in_and_nothing_more_is_done_with_it(room: Room) -> None:
    await room.storm()
    await room.open(WEST)
    assert (await room.storms.close(1, ANN)).card.closed_by == "ann"
    await room.open(EAST)
    assert await room.inside() == [1]
    with pytest.raises(Refused, match="closed"):
        await room.storms.assessed(1, Assessed(), ANN)
    assert await room.storms.cards() == []
    assert len(await room.storms.cards(closed=True)) == 1
    await room.storm(name="Bert")
    assert await room.inside(2) == [1, 2]


# --- what was promised ------------------------------------------------------------------------------------------------


async def test_dismissing_one_incident_never_drops_the_promise_of_another(room: Room) -> None:
    await room.storm()
    west = (await room.open(WEST)).incident.card.id
    await room.deliver(await confirmed(room, west))
    east = (await room.open(EAST)).incident.card.id
    await room.deliver(await confirmed(room, east))
    await room.deliver(await room.incidents.dismiss(east, DismissIncident(), ANN))
    assert room.promised(west) == [("next_update", "open")]
    assert room.promised(east) == [("next_update", "void")]


async def test_closing_leaves_every_promise_standing(room: Room) -> None:
    await room.storm(estimate_by=MORNING + 3 * HOUR)
    west = (await room.open(WEST)).incident.card.id
    await room.deliver(await confirmed(room, west))
    await room.storms.close(1, ANN)
    assert room.promised(west) == [("next_update", "open")]
    assert (await room.incidents.show(west)).card.state == "confirmed"


async def test_everything_is_in_the_audit_log(room: Room) -> None:
    await room.storm()
    await room.open(WEST)
    await room.storms.remove(1, OfIncident(incident=1), ANN)
    await room.storms.add(1, OfIncident(incident=1), ANN)
    await room.storms.estimate_by(1, EstimateBy(estimate_by=MORNING + HOUR), ANN)
    await room.storms.assessed(1, Assessed(), ANN)
    await room.storms.close(1, Actor(name="bob", role=KeyRole.COMMANDER))
    rows = room.rows("SELECT actor, action FROM audit WHERE target = 'event 1' ORDER BY id")
    assert [row["action"] for row in rows] == [
        f"events.{each}" for each in ("open", "remove", "add", "estimate_by", "assessed", "close")
    ]
    assert rows[-1]["actor"] == "bob"


async def test_what_is_split_off_is_in_the_storm_and_assessed_as_before(room: Room) -> None:
    await room.storm()
    which = (await room.open(WEST, EAST)).incident.card.id
    await room.deliver(await confirmed(room, which))
    await room.storms.assessed(1, Assessed(), ANN)
    new = await room.reshaping.split(which, SplitIncident(part=(EAST,)), ANN)
    view = await room.storms.show(1)
    assert view.assessed == [which, new.card.id]
    assert (view.card.customers, view.card.told) == (6, 6)


async def test_each_customer_is_counted_by_the_service_of_the_incident(room: Room) -> None:
    await room.storm()
    which = (await room.open(WEST)).incident.card.id
    await room.open(EAST)
    room.database.write_now(lambda tx: tx.run("UPDATE incidents SET service = 'gas' WHERE id = :id", id=which))
    assert (await room.storms.show(1)).card.customers == 3
