"""People on call: who is woken, for what, and what they answered; calling them for nothing, and taking a call."""

from aiohttp import web
from msgspec import Struct

from notifier.domain.actor import KeyRole
from notifier.web.route import Call, Nothing, answer, get, post


class TestCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to call for nothing."""

    __test__ = False  # no test of ours

    person: str = ""  # "" = everybody


async def show(call: Call) -> web.StreamResponse:
    """Show who is on call, what stands, and the newest calls."""
    call.query()
    return answer(await call.parts.on_call.view())


async def one(call: Call) -> web.StreamResponse:
    """Show one call."""
    call.query()
    return answer(await call.parts.on_call.call(call.number()))


async def test(call: Call) -> web.StreamResponse:
    """Call one person, or everybody, for nothing."""
    body = await call.body(TestCall)
    return answer(await call.parts.on_call.test(body.person, call.actor), 202)


async def acknowledge(call: Call) -> web.StreamResponse:
    """Take a call."""
    await call.body(Nothing)
    return answer(await call.parts.on_call.acknowledge(call.number(), call.actor))


ROUTES = (
    get("/v1/on-call", KeyRole.VIEWER, show),
    get("/v1/on-call/calls/{id}", KeyRole.VIEWER, one),
    post("/v1/on-call/test", KeyRole.COMMANDER, test),
    post("/v1/on-call/calls/{id}/ack", KeyRole.COMMANDER, acknowledge),
)
