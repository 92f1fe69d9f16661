"""Test sends: a message of every kind to one address, with what became of each as it comes."""

from contextlib import aclosing

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.stages.test_sends import TestSend
from notifier.web.ndjson import Answers
from notifier.web.route import Call, post
from notifier.web.wire import encode


async def send(call: Call) -> web.StreamResponse:
    """Send, and answer a line per message."""
    plan = await call.parts.test_sends.plan(await call.body(TestSend), call.actor)
    accepted = 0
    async with Answers(call, to_lines=False) as answers, aclosing(call.parts.test_sends.send(plan)) as tried:
        async for one in tried:
            accepted += one.result == "accepted"
            await answers.write(encode(one))
        await answers.write(encode({"done": True, "accepted": accepted, "of": len(plan.messages)}))
    return answers.response


ROUTES = (post("/v1/test-sends", KeyRole.MANAGER, send),)
