"""/healthz: the process is alive. /readyz: it can work."""

import asyncio
from secrets import token_hex

from aiohttp import web

from notifier.storage.database import Transaction
from notifier.storage.views import Ready
from notifier.web.parts import Parts
from notifier.web.route import answer

INSTANCE = "Notifier-Instance"
DATABASE_SECONDS = 2.0  # the longest wait for the database to answer


def routes(parts: Parts) -> list[web.RouteDef]:
    """Return the two endpoints; they need no key."""

    instance = token_hex(8)  # tells `check --online` that a public address leads to this very daemon

    async def alive(_request: web.Request) -> web.StreamResponse:
        response = answer({"status": "alive"})
        response.headers[INSTANCE] = instance
        return response

    async def ready(_request: web.Request) -> web.StreamResponse:
        reasons = parts.not_ready()
        if not await _database_answers(parts):
            reasons = [*reasons, "the database does not answer"]
        if reasons:
            return answer(Ready(status="not ready", reasons=reasons), 503)
        return answer(Ready(status="ready", reasons=[]))

    return [web.get("/healthz", alive), web.get("/readyz", ready)]


async def _database_answers(parts: Parts) -> bool:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return bool(await parts.database.read(_one))
    except Exception:  # noqa: BLE001  # whatever it is, the answer is no
        return False


def _one(tx: Transaction) -> int:
    return int(tx.scalar("SELECT 1"))
