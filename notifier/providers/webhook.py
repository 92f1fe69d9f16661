"""Webhooks: one POST of JSON, and what its answer means. For people on call: PagerDuty, Slack, Teams and their like.

In: an address, which may be a secret in itself, and a body. Out: an `Outcome` that holds neither. It never follows a
redirect, and never waits longer than its timeout; whoever calls tries again.
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta

import aiohttp
import msgspec

from notifier.domain.delivery import Outcome, Result

TIMEOUT_SECONDS = 15.0
ANSWER_AT_MOST = 2_000  # bytes that are read of an answer
SHOWN_AT_MOST = 120  # characters of it that are kept
RETRY_AFTER_AT_MOST = timedelta(minutes=2)
_TOO_MANY, _REQUEST_TIMEOUT, _TOO_EARLY = 429, 408, 425
_SERVER = 500
_GONE = (404, 410)
_SECRET = re.compile(r"[0-9A-Za-z+/_=-]{20,}|https?://\S+")  # keys and addresses in what a service says


class Webhooks:
    """Posts to webhooks over one session of its own."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=min(5.0, timeout_seconds))
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: Mapping[str, object]) -> Outcome:
        """Post JSON once and return what became of it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers={"User-Agent": "Notifier"})
        try:
            async with self._session.post(
                url,
                data=msgspec.json.encode(body),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as answer:
                said = (await answer.content.read(ANSWER_AT_MOST)).decode("utf-8", "replace")
                return outcome_of(answer.status, said, answer.headers.get("Retry-After", ""))
        except TimeoutError:
            return Outcome(result=Result.UNKNOWN, answer="no answer in time")
        except aiohttp.InvalidURL:
            return Outcome(result=Result.PERMANENT, answer="the address is no address")
        except aiohttp.ClientConnectorError as error:
            return Outcome(result=Result.OURS, answer=f"no connection: {_reason(error)}")
        except aiohttp.ClientError as error:
            return Outcome(result=Result.UNKNOWN, answer=type(error).__name__)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def outcome_of(status: int, said: str, retry_after: str = "") -> Outcome:
    """Return what an HTTP answer means: 2xx is taken; too many, too early and the server's own faults are tried again.

    A redirect is no answer of a webhook. PagerDuty answers 202, Slack 200 with `ok`, Teams 200 or 202.
    """
    shown = _SECRET.sub("***", " ".join(said.split()))[:SHOWN_AT_MOST]
    code = str(status)
    if 200 <= status < 300:
        return Outcome(result=Result.ACCEPTED, code=code)
    if status in (_TOO_MANY, _REQUEST_TIMEOUT, _TOO_EARLY) or status >= _SERVER:
        return Outcome(result=Result.TEMPORARY, code=code, answer=shown, retry_after=_seconds(retry_after))
    if status in _GONE:
        return Outcome(result=Result.PERMANENT, code=code, answer=shown or "there is no such webhook any more")
    return Outcome(result=Result.PERMANENT, code=code, answer=shown)


def _seconds(retry_after: str) -> timedelta | None:
    if not (retry_after.isascii() and retry_after.isdecimal()):
        return None
    return min(timedelta(seconds=int(retry_after[:6])), RETRY_AFTER_AT_MOST)


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Return the system's word for it, without the host, which `strerror` of asyncio holds: it may be a secret."""
    found = error.os_error
    return os.strerror(found.errno) if found.errno and found.errno > 0 else type(found).__name__
