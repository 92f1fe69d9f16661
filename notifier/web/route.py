"""A row of the table of endpoints, and what a handler is given: the request, who asks, the parts of the daemon."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from msgspec import Struct

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import nearest
from notifier.web.parts import Parts
from notifier.web.problem import Rejected
from notifier.web.wire import BODY_AT_MOST, JSON, decode, encode

T = TypeVar("T")

READ_SECONDS = 30.0  # the longest wait for a body that was announced
_JSON_TYPE = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-?8\"?\s*)?", re.IGNORECASE)
_HEADERS = {"Content-Type": JSON, "Cache-Control": "no-store"}


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an action that needs none."""


class Call:
    """One request under way."""

    __slots__ = ("actor", "parts", "request")

    def __init__(self, request: web.Request, actor: Actor, parts: Parts) -> None:
        self.request, self.actor, self.parts = request, actor, parts

    async def raw(self, at_most: int = BODY_AT_MOST) -> bytes:
        """Return the body of at most 64 KiB or another limit; it must be JSON by its Content-Type when there is one."""
        request = self.request if at_most == BODY_AT_MOST else self.request.clone(client_max_size=at_most)
        try:
            body = await read_within(request)
        except web.HTTPRequestEntityTooLarge:
            raise Rejected(413, f"the body is over {at_most // 1024} KiB") from None
        if body:
            given = self.request.headers.get("Content-Type", "")
            if given != JSON and not _JSON_TYPE.fullmatch(given):
                raise wrong_type(given, JSON)
        return body

    async def body(self, type_: type[T], at_most: int = BODY_AT_MOST) -> T:
        """Return the body as a struct; no body is an empty object."""
        return decode(type_, await self.raw(at_most) or b"{}")

    def number(self, name: str = "id") -> int:
        """Return a number from the path."""
        return int(self.request.match_info[name])

    def query(self, *known: str) -> dict[str, str]:
        """Return the query parameters; refuse one that is unknown or given twice."""
        found: dict[str, str] = {}
        for name, value in self.request.query.items():
            if name not in known:
                expected = ("one of " + ", ".join(known)) if known else "no parameters"
                detail = f"there is no query parameter '{name}'{nearest(name, known)}"
                raise Rejected(422, detail, field=name, value=value, expected=expected)
            if name in found:
                raise Rejected(422, f"'{name}' is given more than once", field=name, expected="each parameter once")
            found[name] = value
        return found

    def flag(self, query: dict[str, str], name: str) -> bool:
        """Return a yes-or-no parameter; absent means no."""
        value = query.get(name, "0")
        if value in {"1", "true"}:
            return True
        if value in {"0", "false"}:
            return False
        raise Rejected(422, f"'{name}' is neither yes nor no", field=name, value=value, expected="1 or 0")


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint under /v1 and who may use it."""

    method: str
    path: str
    role: KeyRole
    or_system: bool = False
    basic: bool = False  # the key may also be the password of Basic authentication
    handler: Handler


def get(path: str, role: KeyRole, handler: Handler) -> Route:
    """Return the row of a GET."""
    return Route(method="GET", path=path, role=role, handler=handler)


def post(path: str, role: KeyRole, handler: Handler, *, or_system: bool = False, basic: bool = False) -> Route:
    """Return the row of a POST."""
    return Route(method="POST", path=path, role=role, or_system=or_system, basic=basic, handler=handler)


def delete(path: str, role: KeyRole, handler: Handler) -> Route:
    """Return the row of a DELETE."""
    return Route(method="DELETE", path=path, role=role, handler=handler)


def answer(value: object, status: int = 200) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=encode(value), status=status, headers=_HEADERS)


async def read_within(request: web.Request) -> bytes:
    """Return the whole body; a client that stops in the middle is not waited for for ever."""
    try:
        if request.content.is_eof():  # everything has arrived with the head: no need for a timer
            return await request.read()
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except web.RequestPayloadError:
        raise Rejected(400, "the body is not what its headers say", expected="a body as announced") from None
    except TimeoutError:
        raise Rejected(408, f"the body did not arrive within {READ_SECONDS:.0f} s") from None


def wrong_type(given: str, expected: str) -> Rejected:
    """Return the refusal of a Content-Type."""
    return Rejected(
        415, f"the Content-Type is '{given}'", field="Content-Type", value=given, expected=f"{expected} in UTF-8"
    )
