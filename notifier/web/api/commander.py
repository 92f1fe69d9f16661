"""What a commander asks of an incident beside deciding on it: what may be said, what customers said."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.storage.queries import said
from notifier.web.route import Call, answer, get


async def choices(call: Call) -> web.StreamResponse:
    """Show what may be said about an incident."""
    call.query()
    return answer(await call.parts.choices.of(call.number()))


async def words(call: Call) -> web.StreamResponse:
    """Show what customers said of an incident, the same words once."""
    every, which = call.flag(call.query("all"), "all"), call.number()
    return answer(await call.parts.database.read(lambda tx: said.view(tx, which, every=every)))


ROUTES = (
    get("/v1/incidents/{id}/choices", KeyRole.VIEWER, choices),
    get("/v1/incidents/{id}/words", KeyRole.AGENT, words),
)
