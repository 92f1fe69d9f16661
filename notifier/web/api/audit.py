"""The audit log: who did what, on what, when, why and from where."""

from datetime import datetime

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.storage.queries.audit_log import Wanted, entries
from notifier.web.problem import Rejected
from notifier.web.route import Call, answer, get

ENTRIES_AT_MOST = 1_000


async def show(call: Call) -> web.StreamResponse:
    """List entries, the newest first; with `after` the oldest first, to read all of them page by page."""
    query = call.query("actor", "action", "target", "since", "until", "after", "limit")
    wanted = Wanted(
        actor=query.get("actor", ""),
        action=query.get("action", ""),
        target=query.get("target", ""),
        since=_instant(query, "since"),
        until=_instant(query, "until"),
        after=_number(query, "after", at_most=2**53) if "after" in query else None,
        limit=_number(query, "limit", at_most=ENTRIES_AT_MOST) if "limit" in query else 100,
    )
    return answer(await call.parts.database.read(lambda tx: entries(tx, wanted)))


def _instant(query: dict[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - refused below, as one without a zone is
    if found.tzinfo is None:
        expected = "an instant with a zone, such as 2026-03-01T18:30:00Z"
        raise Rejected(422, f"'{name}' is no instant", field=name, value=text, expected=expected)
    return found


def _number(query: dict[str, str], name: str, *, at_most: int) -> int:
    text = query[name]
    if not text.isascii() or not text.isdigit() or len(text) > 16 or int(text) > at_most:
        raise Rejected(422, f"'{name}' is no number", field=name, value=text, expected=f"a number up to {at_most}")
    return int(text)


ROUTES = (get("/v1/audit", KeyRole.MANAGER, show),)
