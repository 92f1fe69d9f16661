"""What an operator does with a running daemon: reload its configuration."""

import asyncio

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.stages.reloading import NotReloaded
from notifier.web.problem import Rejected
from notifier.web.route import Call, Nothing, answer, post


async def reload(call: Call) -> web.StreamResponse:
    """Take up what lies on disk now, or say every mistake."""
    await call.body(Nothing)
    try:
        # a caller that leaves in the middle does not leave the daemon between two configurations
        return answer(await asyncio.shield(call.parts.reload(call.actor)))
    except NotReloaded as error:
        raise Rejected(
            422,
            "not reloaded, the configuration before stays in force: " + "; ".join(error.problems),
            expected="files in which `notifier check` finds nothing wrong",
        ) from error


ROUTES = (post("/-/reload", KeyRole.MANAGER, reload),)
