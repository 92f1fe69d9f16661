"""Events: incidents under one commander. Nobody is told by any of these but by `tell`, which drafts."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.stages.events import Assessed, EstimateBy, OfIncident, OpenStorm
from notifier.web.route import Call, Nothing, answer, get, post


async def cards(call: Call) -> web.StreamResponse:
    """List events."""
    closed = call.flag(call.query("all"), "all")
    return answer(await call.parts.events.cards(closed=closed))


async def show(call: Call) -> web.StreamResponse:
    """Show one event with its incidents."""
    call.query()
    return answer(await call.parts.events.show(call.number()))


async def open_(call: Call) -> web.StreamResponse:
    """Open an event."""
    return answer(await call.parts.events.open(await call.body(OpenStorm), call.actor), 201)


async def add(call: Call) -> web.StreamResponse:
    """Put an incident into an event."""
    return answer(await call.parts.events.add(call.number(), await call.body(OfIncident), call.actor))


async def remove(call: Call) -> web.StreamResponse:
    """Take an incident out of an event."""
    return answer(await call.parts.events.remove(call.number(), await call.body(OfIncident), call.actor))


async def estimate_by(call: Call) -> web.StreamResponse:
    """Say by when the first estimate comes."""
    return answer(await call.parts.events.estimate_by(call.number(), await call.body(EstimateBy), call.actor))


async def assessed(call: Call) -> web.StreamResponse:
    """Say which incidents somebody has assessed."""
    return answer(await call.parts.events.assessed(call.number(), await call.body(Assessed), call.actor))


async def close(call: Call) -> web.StreamResponse:
    """Close an event; what was promised stands."""
    await call.body(Nothing)
    return answer(await call.parts.events.close(call.number(), call.actor))


ROUTES = (
    get("/v1/events", KeyRole.VIEWER, cards),
    post("/v1/events", KeyRole.COMMANDER, open_),
    get("/v1/events/{id}", KeyRole.VIEWER, show),
    post("/v1/events/{id}/add", KeyRole.COMMANDER, add),
    post("/v1/events/{id}/remove", KeyRole.COMMANDER, remove),
    post("/v1/events/{id}/estimate-by", KeyRole.COMMANDER, estimate_by),
    post("/v1/events/{id}/assessed", KeyRole.COMMANDER, assessed),
    post("/v1/events/{id}/close", KeyRole.COMMANDER, close),
)
