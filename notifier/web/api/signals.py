"""Signals: what machines report. The webhook of Alertmanager is taken as it is, beside a small form of our own.

Alertmanager gives up on any 4xx, 429 included, until something changes, and tries again after a 5xx. So overload, a
store that takes nothing, and a body that does not arrive in time are 503; 4xx is only what can never be right.
"""

import msgspec
from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.domain.errors import Overloaded
from notifier.web.problem import Rejected
from notifier.web.route import Call, answer, get, post
from notifier.web.wire import NESTED_AT_MOST

BODY_AT_MOST = 4 * 1024 * 1024  # thousands of alerts; a receiver with `max_alerts` sends fewer
TOO_SLOW = 408
_decode = msgspec.json.Decoder().decode


async def submit(call: Call) -> web.StreamResponse:
    """Store what machines report."""
    try:
        body = await call.raw(BODY_AT_MOST)
    except Rejected as error:
        if error.status == TOO_SLOW:
            raise Overloaded("the connection") from None
        raise
    try:
        found = _decode(body)
    except RecursionError:
        raise Rejected(400, f"nested deeper than {NESTED_AT_MOST} levels") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Rejected(400, f"not JSON: {error}"[:200], expected="one JSON object") from None
    return answer(await call.parts.signals.take(found))


async def every(call: Call) -> web.StreamResponse:
    """List the open alarms, or with `all` those that are over, too; the newest first."""
    query = call.query("all", "before")
    before = query.get("before")
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) <= 18):
        raise Rejected(422, "before is no number", field="before", value=before, expected="the id of a signal")
    found = await call.parts.signals.every(
        ended=call.flag(query, "all"), before=None if before is None else int(before)
    )
    return answer(found)


ROUTES = (
    post("/v1/signals", KeyRole.AGENT, submit, or_system=True, basic=True),
    get("/v1/signals", KeyRole.VIEWER, every),
)
