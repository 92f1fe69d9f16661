"""Planned work: announce it, give it another time, call it off. Each answers with a draft that waits to be sent."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.stages.incidents import DismissIncident
from notifier.stages.incidents.planned import ChangePlanned, OpenPlanned
from notifier.web.api.incidents import SITES_BYTES_AT_MOST
from notifier.web.route import Call, answer, post


async def open_(call: Call) -> web.StreamResponse:
    """Announce planned work."""
    request = await call.body(OpenPlanned, SITES_BYTES_AT_MOST)
    return answer(await call.parts.planned.open(request, call.actor), 201)


async def change(call: Call) -> web.StreamResponse:
    """Give planned work another time."""
    request = await call.body(ChangePlanned)
    return answer(await call.parts.planned.change(call.number(), request, call.actor))


async def cancel(call: Call) -> web.StreamResponse:
    """Call planned work off: at once when nobody was told, else by a message to those who were."""
    request = await call.body(DismissIncident)
    await call.parts.planned.require_planned(call.number())
    return answer(await call.parts.incidents.dismiss(call.number(), request, call.actor))


ROUTES = (
    post("/v1/planned", KeyRole.COMMANDER, open_),
    post("/v1/planned/{id}/change", KeyRole.COMMANDER, change),
    post("/v1/planned/{id}/cancel", KeyRole.COMMANDER, cancel),
)
