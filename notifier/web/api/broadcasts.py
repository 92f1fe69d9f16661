"""Broadcasts: look, send by count, approve, take back, pause and resume."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from notifier.domain.actor import KeyRole
from notifier.domain.broadcast import WAKE_REASON_LENGTH
from notifier.domain.second_person import ALONE_REASON_LENGTH
from notifier.storage.database import Transaction
from notifier.storage.queries import unreached as queries
from notifier.storage.views import UnreachedView
from notifier.web.ndjson import Answers
from notifier.web.problem import Rejected
from notifier.web.route import Call, Nothing, answer, get, post
from notifier.web.wire import encode

LINES_AT_ONCE = 500


class Count(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of customers a person has seen in the preview and typed."""

    count: int


class Sent(Count, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The number, and perhaps why everyone is woken, and why it goes without the second person who did not answer."""

    wake_reason: Annotated[str, Meta(max_length=WAKE_REASON_LENGTH)] = ""
    alone: Annotated[str, Meta(max_length=ALONE_REASON_LENGTH)] | None = None


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """Why not."""

    reason: str = ""


async def show(call: Call) -> web.StreamResponse:
    """Show one broadcast."""
    call.query()
    return answer(await call.parts.broadcasts.show(call.number()))


async def preview(call: Call) -> web.StreamResponse:
    """Show what a broadcast would do, or would if everyone was woken."""
    reason, every_text = preview_query(call)
    return answer(await call.parts.broadcasts.preview(call.number(), reason, every_text=every_text))


def preview_query(call: Call) -> tuple[str, bool]:
    """Return why everyone would be woken, and whether each kind of message is asked for."""
    query = call.query("wake_reason", "every_text")
    reason, every_text = query.get("wake_reason", ""), call.flag(query, "every_text")
    if len(reason) > WAKE_REASON_LENGTH:
        expected = f"at most {WAKE_REASON_LENGTH} characters"
        raise Rejected(422, "the reason is too long", field="wake_reason", expected=expected)
    return reason, every_text


async def unreached(call: Call) -> web.StreamResponse:
    """List who was not reached, or cannot be, line by line, in the order in which a person calls them."""
    call.query()
    broadcast_id, database = call.number(), call.parts.database
    foreseen = await call.parts.broadcasts.foreseen(broadcast_id)
    places = await database.read(
        lambda tx: queries.places(tx, broadcast_id) if foreseen is None else queries.without_a_way(tx, foreseen)
    )
    async with Answers(call, to_lines=False) as answers:
        for start in range(0, len(places), LINES_AT_ONCE):
            some = places[start : start + LINES_AT_ONCE]
            await answers.write(*map(encode, await database.read(partial(_details, broadcast_id, some))))
        await answers.write(encode({"done": True, "sites": len(places)}))
    return answers.response


def _details(broadcast_id: int, some: Sequence[queries.Place], tx: Transaction) -> list[UnreachedView]:
    return queries.details(tx, broadcast_id, some)


async def send(call: Call) -> web.StreamResponse:
    """Send a draft to the customers that were counted, or alone what waits for a second person."""
    body = await call.body(Sent)
    sent = await call.parts.broadcasts.send(
        call.number(), body.count, call.actor, wake_reason=body.wake_reason, alone_reason=body.alone
    )
    return answer(sent)


async def approve(call: Call) -> web.StreamResponse:
    """Approve what another key has sent."""
    body = await call.body(Count)
    return answer(await call.parts.broadcasts.approve(call.number(), body.count, call.actor))


async def reject(call: Call) -> web.StreamResponse:
    """Say no to what another key has sent."""
    body = await call.body(Reason)
    return answer(await call.parts.broadcasts.reject(call.number(), body.reason, call.actor))


async def pause(call: Call) -> web.StreamResponse:
    """Stop a broadcast for now."""
    await call.body(Nothing)
    return answer(await call.parts.broadcasts.pause(call.number(), call.actor))


async def resume(call: Call) -> web.StreamResponse:
    """Let a paused broadcast go on."""
    await call.body(Nothing)
    return answer(await call.parts.broadcasts.resume(call.number(), call.actor))


async def cancel(call: Call) -> web.StreamResponse:
    """Take a broadcast back, or stop what has not left yet."""
    await call.body(Nothing)
    return answer(await call.parts.broadcasts.cancel(call.number(), call.actor))


ROUTES = (
    get("/v1/broadcasts/{id}", KeyRole.VIEWER, show),
    get("/v1/broadcasts/{id}/preview", KeyRole.VIEWER, preview),
    get("/v1/broadcasts/{id}/unreached", KeyRole.AGENT, unreached),
    post("/v1/broadcasts/{id}/send", KeyRole.COMMANDER, send),
    post("/v1/broadcasts/{id}/approve", KeyRole.COMMANDER, approve),
    post("/v1/broadcasts/{id}/reject", KeyRole.COMMANDER, reject),
    post("/v1/broadcasts/{id}/pause", KeyRole.COMMANDER, pause),
    post("/v1/broadcasts/{id}/resume", KeyRole.COMMANDER, resume),
    post("/v1/broadcasts/{id}/cancel", KeyRole.COMMANDER, cancel),
)
