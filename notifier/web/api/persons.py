"""Customers as persons with rights: all that is kept about one, forgetting one, and the hold that forbids it."""

from typing import Any

from aiohttp import web
from msgspec import Struct

from notifier.domain.actor import KeyRole
from notifier.messages import RenderFailed
from notifier.web.route import Call, answer, get, post

LETTERS_AT_MOST = 1_000  # messages whose words are made again, the newest


class WithReason(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why, in the words of whoever decides."""

    reason: str


class Forget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That a customer is to be forgotten for good: the reference once more, and why."""

    confirm: str
    reason: str


async def export(call: Call) -> web.StreamResponse:
    """Show everything kept about a customer, the words of messages included."""
    call.query()
    found = await call.parts.persons.export(_reference(call), call.actor)
    newest = sorted(found["notifications"], key=lambda row: int(row["id"]), reverse=True)
    for row in newest[:LETTERS_AT_MOST]:
        row |= await _words(call, int(row["id"]))
    return answer(found)


async def _words(call: Call, notification_id: int) -> dict[str, Any]:
    try:
        letter = await call.parts.letters.show(notification_id)
    except RenderFailed:
        return {}
    return {"subject": letter.subject, "text": letter.text}


async def hold(call: Call) -> web.StreamResponse:
    """Keep everything about a customer."""
    body = await call.body(WithReason)
    return answer(await call.parts.persons.hold(_reference(call), body.reason, call.actor))


async def release(call: Call) -> web.StreamResponse:
    """End the hold."""
    body = await call.body(WithReason)
    return answer(await call.parts.persons.release(_reference(call), body.reason, call.actor))


async def forget(call: Call) -> web.StreamResponse:
    """Forget a customer for good."""
    body = await call.body(Forget)
    return answer(await call.parts.persons.forget(_reference(call), body.confirm, body.reason, call.actor))


def _reference(call: Call) -> str:
    return call.request.match_info["reference"]


ROUTES = (
    get("/v1/customers/{reference}/export", KeyRole.MANAGER, export),
    post("/v1/customers/{reference}/hold", KeyRole.MANAGER, hold),
    post("/v1/customers/{reference}/release", KeyRole.MANAGER, release),
    post("/v1/customers/{reference}/forget", KeyRole.MANAGER, forget),
)
