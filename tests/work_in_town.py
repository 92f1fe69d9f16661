"""Planned work in a control room, in short: announced, its times come, its messages stopped on their way."""

from datetime import datetime, timedelta

from notifier.domain.playbook import Playbook
from notifier.stages.incidents.planned import OpenPlanned
from notifier.storage.views import Draft
from tests.control_room import ANN, ControlRoom
from tests.incident_town import MORNING

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FROM, UNTIL = MORNING + 5 * DAY, MORNING + 5 * DAY + 4 * HOUR
PLAYBOOK = Playbook(name="standard", services=("power", "internet"), audience_limit=50)


async def announced(room: ControlRoom, from_at: datetime = FROM, until_at: datetime = UNTIL, **more: object) -> Draft:
    where = {} if "sites" in more else {"regions": ("94110",)}
    request = OpenPlanned(service="power", from_at=from_at, until_at=until_at, **where, **more)  # type: ignore[arg-type]
    return await room.planned.open(request, ANN)


async def at(room: ControlRoom, time: datetime) -> None:
    """Let it be a time, and everything happen that it asks for."""
    room.clock.time = time
    await room.calendar.watch()
    await room.promises.watch()
    await room.work()


def kinds(room: ControlRoom) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in room.rows("SELECT kind, state FROM broadcasts ORDER BY id")]


def told(room: ControlRoom, kind: str) -> list[str]:
    rows = room.rows(
        """SELECT c.address FROM notifications AS n JOIN broadcasts AS b ON b.id = n.broadcast_id
           JOIN contact_points AS c ON c.id = n.contact_point_id
           WHERE b.kind = :kind AND n.state = 'sent' ORDER BY c.address""",
        kind=kind,
    )
    return [str(row["address"]).partition("@")[0] for row in rows]


async def state(room: ControlRoom, which: int = 1) -> str:
    return (await room.incidents.show(which)).card.state


async def stopped(room: ControlRoom, draft: Draft) -> None:
    """Send an update, let one message of it leave, and stop it."""
    view = await room.send(draft)
    room.clock.time = view.not_before_at or room.clock.time
    await room.course.start_due()
    while await room.planning.step():
        pass
    room.database.write_now(
        lambda tx: tx.run(
            """UPDATE notifications SET state = 'sent', facts = '{}'
               WHERE id = (SELECT MIN(id) FROM notifications WHERE broadcast_id = :id)""",
            id=view.id,
        )
    )
    await room.broadcasts.cancel(view.id, ANN)
    await room.course.sweep()
