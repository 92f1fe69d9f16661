"""How the rehearsal kit talks to a running daemon: HTTP with a key, nothing else.

In: an address and a key. Out: decoded JSON, or `CallFailed` with the daemon's own words. It also follows the daemon's
clock, which may run faster than the real one, so that a stream can be played at its pace.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import aiohttp

from notifier.domain.errors import NotifierError

TIMEOUT_SECONDS = 30.0
TRIES_WHEN_FULL = 20
ASKED_FOR_TIME = 5  # a slow answer says less about when the time was read


class CallFailed(NotifierError):
    """The daemon said no, or did not answer."""

    def __init__(self, what: str, status: int, answer: Any) -> None:
        self.status, self.answer = status, answer
        detail = answer.get("detail") if isinstance(answer, dict) else None
        super().__init__(f"{what}: {status} {detail or answer}")


class Caller:
    """A key and an address of a daemon; use it as `async with Caller(url, token) as daemon`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            connector=aiohttp.TCPConnector(limit=32),
        )
        self._shown: datetime | None = None  # what the daemon's clock showed
        self._shown_at = 0.0  # and when, on our monotonic clock
        self._rate = 1.0

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._session.close()

    async def get(self, path: str) -> Any:
        """Return the decoded answer to a GET."""
        return await self._call("GET", path, None)

    async def post(self, path: str, body: object = None) -> Any:
        """Return the decoded answer to a POST; an overloaded daemon is asked again when it says so."""
        for _ in range(TRIES_WHEN_FULL):
            try:
                return await self._call("POST", path, body)
            except CallFailed as error:
                if error.status != 503:
                    raise
                await asyncio.sleep(1)
        return await self._call("POST", path, body)

    async def _call(self, method: str, path: str, body: object) -> Any:
        try:
            async with self._session.request(method, self._url + path, json=body) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CallFailed(f"{method} {path}", 0, f"{type(error).__name__} {error}") from error
        answer = json.loads(text) if text else None
        if status >= 400:
            raise CallFailed(f"{method} {path}", status, answer)
        return answer

    async def follow_clock(self, rate: float | None = None) -> None:
        """Ask the daemon what time it is, and keep that and its rate, which is measured if nobody knows it."""
        first, first_at = await self._now()
        if rate is None:
            await asyncio.sleep(0.5)
        self._shown, self._shown_at = await self._now()
        self._rate = rate or max(0.1, (self._shown - first).total_seconds() / (self._shown_at - first_at))
        if 0.9 < self._rate < 1.1:
            self._rate = 1.0

    async def _now(self) -> tuple[datetime, float]:
        """Return the daemon's time, and when our monotonic clock showed it, as the quickest of some answers says."""
        answers = []
        for _ in range(ASKED_FOR_TIME):
            before = time.monotonic()
            status = await self.get("/v1/status")
            after = time.monotonic()
            answers.append((after - before, datetime.fromisoformat(status["now"]), (before + after) / 2))
        _, shown, shown_at = min(answers)
        return shown, shown_at

    @property
    def rate(self) -> float:
        """Return how many times faster than the real one the daemon's clock runs."""
        return self._rate

    def now(self) -> datetime:
        """Return the daemon's time; `follow_clock` must have been called."""
        if self._shown is None:
            raise RuntimeError("follow_clock was not called")
        return self._shown + timedelta(seconds=(time.monotonic() - self._shown_at) * self._rate)

    async def really(self, at: datetime) -> datetime:
        """Ask the daemon for its time, and return when, in real time, its clock shows or showed `at`."""
        shown, asked_at = await self._now()
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - asked_at) + (at - shown) / self._rate

    async def sleep_until(self, at: datetime) -> None:
        """Wait until the daemon's clock shows `at`."""
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds() / self._rate))
