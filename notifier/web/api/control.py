"""Pause and resume everything."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.web.route import Call, Nothing, answer, post


async def pause(call: Call) -> web.StreamResponse:
    """Let nothing new leave."""
    await call.body(Nothing)
    return answer(await call.parts.control.pause(call.actor))


async def resume(call: Call) -> web.StreamResponse:
    """Let messages leave again."""
    await call.body(Nothing)
    return answer(await call.parts.control.resume(call.actor))


ROUTES = (
    post("/v1/pause-all", KeyRole.COMMANDER, pause),
    post("/v1/resume-all", KeyRole.COMMANDER, resume),
)
