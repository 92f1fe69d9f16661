"""API keys: list, make, revoke."""

from aiohttp import web
from msgspec import Struct

from notifier.domain.actor import KeyRole
from notifier.web.route import Call, answer, delete, get, post


class NewKey(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to make."""

    name: str
    role: str


async def every(call: Call) -> web.StreamResponse:
    """List the keys."""
    call.query()
    return answer(await call.parts.keys.every())


async def create(call: Call) -> web.StreamResponse:
    """Make a key and show its secret once."""
    wanted = await call.body(NewKey)
    return answer(await call.parts.keys.create(wanted.name, wanted.role, call.actor), 201)


async def revoke(call: Call) -> web.StreamResponse:
    """Revoke a key at once."""
    return answer(await call.parts.keys.revoke(call.number(), call.actor))


ROUTES = (
    get("/v1/keys", KeyRole.MANAGER, every),
    post("/v1/keys", KeyRole.MANAGER, create),
    delete("/v1/keys/{id}", KeyRole.MANAGER, revoke),
)
