"""The checklist before customers hear from us, as far as the daemon knows it."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.stages.go_live import look
from notifier.web.route import Call, answer, get


async def show(call: Call) -> web.StreamResponse:
    """Show what is done and what is missing."""
    call.query()
    parts, now = call.parts, call.parts.clock.now()
    states = parts.provider_states()
    view = await parts.database.read(lambda tx: look(tx, parts.config, parts.playbooks, states, now))
    return answer(view)


ROUTES = (get("/v1/go-live", KeyRole.VIEWER, show),)
"""The endpoint."""
