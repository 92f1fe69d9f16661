"""Rounds: several incidents of an event are told by one number; the drafts, the preview, and what people do with it."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta

from notifier.domain.actor import KeyRole
from notifier.stages.incidents.requests import TellEvent
from notifier.web.api.broadcasts import Count, Reason, Sent, preview_query
from notifier.web.route import Call, Nothing, answer, get, post


class SentRound(Sent, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The number, and the incidents that were shown with it."""

    incidents: tuple[Annotated[int, Meta(ge=1)], ...]


class ApprovedRound(Count, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The number, and the incidents that were shown with it."""

    incidents: tuple[Annotated[int, Meta(ge=1)], ...]


async def tell(call: Call) -> web.StreamResponse:
    """Draft the next word of the incidents of an event that are to be told, and show what sending it would do."""
    parts, body = call.parts, await call.body(TellEvent)
    round_id = await parts.round_drafts.draft(call.number(), body, call.actor)
    return answer(await parts.rounds.preview(round_id), 201)


async def show(call: Call) -> web.StreamResponse:
    """Show one round."""
    call.query()
    return answer(await call.parts.rounds.show(call.number()))


async def preview(call: Call) -> web.StreamResponse:
    """Show what a round would do, or would if everyone was woken."""
    reason, every_text = preview_query(call)
    return answer(await call.parts.rounds.preview(call.number(), reason, every_text=every_text))


async def send(call: Call) -> web.StreamResponse:
    """Send all of a round to the customers that were counted, or alone what waits for a second person."""
    body = await call.body(SentRound)
    sent = await call.parts.rounds.send(
        call.number(),
        body.count,
        body.incidents,
        call.actor,
        wake_reason=body.wake_reason,
        alone_reason=body.alone,
    )
    return answer(sent)


async def approve(call: Call) -> web.StreamResponse:
    """Approve what another key has sent."""
    body = await call.body(ApprovedRound)
    return answer(await call.parts.rounds.approve(call.number(), body.count, body.incidents, call.actor))


async def reject(call: Call) -> web.StreamResponse:
    """Say no to what another key has sent."""
    body = await call.body(Reason)
    return answer(await call.parts.rounds.reject(call.number(), body.reason, call.actor))


async def cancel(call: Call) -> web.StreamResponse:
    """Take a round back, or stop what has not left yet."""
    await call.body(Nothing)
    return answer(await call.parts.rounds.cancel(call.number(), call.actor))


ROUTES = (
    post("/v1/events/{id}/tell", KeyRole.COMMANDER, tell),
    get("/v1/rounds/{id}", KeyRole.VIEWER, show),
    get("/v1/rounds/{id}/preview", KeyRole.VIEWER, preview),
    post("/v1/rounds/{id}/send", KeyRole.COMMANDER, send),
    post("/v1/rounds/{id}/approve", KeyRole.COMMANDER, approve),
    post("/v1/rounds/{id}/reject", KeyRole.COMMANDER, reject),
    post("/v1/rounds/{id}/cancel", KeyRole.COMMANDER, cancel),
)
