"""What a commander asks of an incident beside deciding on it: what may be said."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.web.route import Call, answer, get


async def choices(call: Call) -> web.StreamResponse:
    """Show what may be said about an incident."""
    call.query()
    return answer(await call.parts.choices.of(call.number()))


ROUTES = (get("/v1/incidents/{id}/choices", KeyRole.VIEWER, choices),)
