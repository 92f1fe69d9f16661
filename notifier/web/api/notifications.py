"""Notifications: show one, settle a held one, or all that are held of a broadcast."""

from aiohttp import web
from msgspec import Struct

from notifier.domain.actor import KeyRole
from notifier.web.route import Call, Nothing, answer, get, post


class HeldCount(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of held messages a person has seen and typed."""

    count: int


async def show(call: Call) -> web.StreamResponse:
    """Show one notification, rendered again exactly as sent."""
    call.query()
    return answer(await call.parts.letters.show(call.number()))


async def resend(call: Call) -> web.StreamResponse:
    """Send a held notification again."""
    await call.body(Nothing)
    await call.parts.held.resend(call.number(), call.actor)
    return answer(await call.parts.letters.show(call.number()))


async def abandon(call: Call) -> web.StreamResponse:
    """Give a held notification up."""
    await call.body(Nothing)
    await call.parts.held.abandon(call.number(), call.actor)
    return answer(await call.parts.letters.show(call.number()))


async def resend_all(call: Call) -> web.StreamResponse:
    """Send all held notifications of a broadcast again."""
    body = await call.body(HeldCount)
    await call.parts.held.resend_all(call.number(), body.count, call.actor)
    return answer(await call.parts.broadcasts.show(call.number()))


async def abandon_all(call: Call) -> web.StreamResponse:
    """Give all held notifications of a broadcast up."""
    body = await call.body(HeldCount)
    await call.parts.held.abandon_all(call.number(), body.count, call.actor)
    return answer(await call.parts.broadcasts.show(call.number()))


ROUTES = (
    get("/v1/notifications/{id}", KeyRole.VIEWER, show),
    post("/v1/notifications/{id}/resend", KeyRole.COMMANDER, resend),
    post("/v1/notifications/{id}/abandon", KeyRole.COMMANDER, abandon),
    post("/v1/broadcasts/{id}/held/resend", KeyRole.COMMANDER, resend_all),
    post("/v1/broadcasts/{id}/held/abandon", KeyRole.COMMANDER, abandon_all),
)
