"""Notifications: show one, settle a held one."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.web.route import Call, Nothing, answer, get, post


async def show(call: Call) -> web.StreamResponse:
    """Show one notification, rendered again exactly as sent."""
    call.query()
    return answer(await call.parts.letters.show(call.number()))


async def resend(call: Call) -> web.StreamResponse:
    """Send a held notification again."""
    await call.body(Nothing)
    await call.parts.doubts.resend(call.number(), call.actor)
    return answer(await call.parts.letters.show(call.number()))


async def abandon(call: Call) -> web.StreamResponse:
    """Give a held notification up."""
    await call.body(Nothing)
    await call.parts.doubts.abandon(call.number(), call.actor)
    return answer(await call.parts.letters.show(call.number()))


ROUTES = (
    get("/v1/notifications/{id}", KeyRole.VIEWER, show),
    post("/v1/notifications/{id}/resend", KeyRole.COMMANDER, resend),
    post("/v1/notifications/{id}/abandon", KeyRole.COMMANDER, abandon),
)
