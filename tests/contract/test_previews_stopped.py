"""What a new update stops that was sent and told nobody yet is said before its number is typed, on every database."""

import pytest

from notifier.domain.playbook import Playbook
from notifier.stages.incidents import ConfirmIncident, DismissIncident, SetEta
from notifier.storage.database import Database
from notifier.storage.views import Draft
from tests.control_room import ANN, ControlRoom
from tests.credit_desk import HOUR
from tests.incident_town import MORNING


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=4))
    room.homes(3)
    room.homes(6, "94112")
    return room


def warned(draft: Draft) -> list[str]:
    assert draft.preview is not None
    return [each for each in draft.preview.warnings if "update" in each]


async def eta(room: ControlRoom, hours: int) -> Draft:
    return await room.incidents.eta(1, SetEta(eta_at=MORNING + hours * HOUR), ANN)


async def test_what_may_still_be_taken_back_is_named_by_what_comes_after_it(room: ControlRoom) -> None:
    first = await room.open()
    assert warned(first) == []
    await room.deliver(first)
    await room.send(await eta(room, 4))
    assert warned(await eta(room, 5)) == ["stops update 2 (eta), which is not sent yet"]
    correction = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert warned(correction) == ["stops update 2 (eta), which is not sent yet"]


async def test_what_waits_for_a_second_person_is_named_also_when_a_fact_was_changed_since(room: ControlRoom) -> None:
    await room.send(await room.open("94112"))
    assert room.rows("SELECT state FROM broadcasts")[0]["state"] == "awaiting_approval"
    said = ["stopped update 1 (acknowledged) by being drafted: it was not sent yet, and nobody hears it"]
    again = await room.incidents.confirm(1, ConfirmIncident(), ANN)
    assert warned(again) == said
    assert warned(await room.incidents.confirm(1, ConfirmIncident(cause="storm"), ANN)) == said


async def test_what_has_begun_or_was_only_drafted_is_not_named(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    await eta(room, 4)
    draft = await eta(room, 5)
    assert warned(draft) == []
    await room.deliver(draft)
    assert warned(await eta(room, 6)) == []
