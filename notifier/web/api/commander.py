"""What a commander asks of an incident beside deciding on it: what may be said, what customers said."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.domain.brief import BriefFor
from notifier.stages.incidents.notes import AddNote, Assign
from notifier.storage.queries import said
from notifier.web.problem import Rejected
from notifier.web.route import Call, answer, get, post


async def choices(call: Call) -> web.StreamResponse:
    """Show what may be said about an incident."""
    call.query()
    return answer(await call.parts.choices.of(call.number()))


async def words(call: Call) -> web.StreamResponse:
    """Show what customers said of an incident, the same words once."""
    every, which = call.flag(call.query("all"), "all"), call.number()
    return answer(await call.parts.database.read(lambda tx: said.view(tx, which, every=every)))


async def brief(call: Call) -> web.StreamResponse:
    """Brief others about an incident."""
    reader = call.query("for").get("for", "")
    if reader not in set(BriefFor):
        expected = "one of " + ", ".join(BriefFor)
        raise Rejected(422, f"'{reader}' is no reader of a brief", field="for", value=reader, expected=expected)
    return answer(await call.parts.briefing.brief(call.number(), BriefFor(reader)))


async def note(call: Call) -> web.StreamResponse:
    """Write something down about an incident."""
    request = await call.body(AddNote)
    return answer(await call.parts.notes.note(call.number(), request, call.actor), 201)


async def assign(call: Call) -> web.StreamResponse:
    """Say who has an incident."""
    request = await call.body(Assign)
    return answer(await call.parts.notes.assign(call.number(), request, call.actor))


ROUTES = (
    get("/v1/incidents/{id}/choices", KeyRole.VIEWER, choices),
    get("/v1/incidents/{id}/words", KeyRole.AGENT, words),
    get("/v1/incidents/{id}/brief", KeyRole.VIEWER, brief),
    post("/v1/incidents/{id}/notes", KeyRole.COMMANDER, note),
    post("/v1/incidents/{id}/assign", KeyRole.COMMANDER, assign),
)
