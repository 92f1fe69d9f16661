"""Detection, explained: why a cell or an incident is what the detector says it is."""

from datetime import datetime

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.domain.errors import Forbidden
from notifier.web.problem import Rejected
from notifier.web.route import Call, answer, get

ID_DIGITS = 18
SHOWN = 40  # characters of what was given, in the sentence that refuses it


async def explain(call: Call) -> web.StreamResponse:
    """Explain an incident, or a cell now or as it was; customers are named to keys that may read them."""
    query = call.query("incident", "region", "service", "at")
    explaining, named = call.parts.explaining, _may_read_customers(call)
    if "incident" in query:
        if len(query) > 1:
            expected = "incident alone, or region and service"
            raise Rejected(422, "an incident says where and what itself", field="incident", expected=expected)
        given = query["incident"]
        return answer(await explaining.incident(_incident(given), named=named, typed=given))
    if not query.get("region") or not query.get("service"):
        missing = "region" if not query.get("region") else "service"
        expected = "incident, or region and service"
        raise Rejected(422, f"{missing} is missing", field=missing, expected=expected)
    at = _instant(query["at"]) if "at" in query else None
    return answer(await explaining.cell(query["region"], query["service"], at=at, named=named))


def _may_read_customers(call: Call) -> bool:
    try:
        call.actor.require(KeyRole.AGENT)
    except Forbidden:
        return False
    return True


def _incident(given: str) -> int:
    wrong = "is no number" if not (given.isascii() and given.isdecimal()) else ""
    if not wrong and len(given) > ID_DIGITS:
        wrong = f"has {len(given):,} digits, and no incident has more than {ID_DIGITS}"
    if wrong:
        expected = "the number of an incident"
        raise Rejected(422, f"'{given[:SHOWN]}' {wrong}", field="incident", value=given, expected=expected)
    return int(given)


def _instant(given: str) -> datetime:
    try:
        at = datetime.fromisoformat(given)
        at.astimezone()  # far years have no time in every zone
    except (ValueError, OverflowError):
        at = None
    if at is None or at.tzinfo is None:
        expected = "a time with an offset, such as 2026-03-01T18:30:00Z"
        raise Rejected(422, "at is no instant", field="at", value=given, expected=expected)
    return at


ROUTES = (get("/v1/detection/explain", KeyRole.VIEWER, explain),)
