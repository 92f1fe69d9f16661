"""The HTTP below the official client: one session of ours, with real time-outs and nothing lost of an answer.

The client's own asynchronous session ignores its time-out, warns about its Basic authentication, and its errors drop
Retry-After. This one keeps the headers of an answer beside its error, sends the form ready-made, follows no redirect,
and says whether a failure came before a word of the request was sent.
"""

import logging
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]

CONNECT_SECONDS_AT_MOST = 10.0
KEEP_SECONDS = 10.0  # an idle connection: shorter than servers keep theirs, so that no request meets a closing one
RETRY_AFTER_AT_MOST = timedelta(hours=1)


class NotSent(Exception):
    """No connection could be made: nothing was sent, whoever reads this may try again."""


class NoAnswer(Exception):
    """The request was sent, or part of it, and no whole answer came: it was acted on or not."""


class Refused(Exception):
    """The answer is no success; it carries what the client's own error loses."""

    def __init__(self, status: int, text: str, retry_after: timedelta | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.text, self.retry_after = status, text, retry_after


class TwilioHttp(AsyncHttpClient):  # type: ignore[misc]  # the client has no types
    """Carries the requests that the official client builds."""

    def __init__(self, *, seconds: float, connections: int) -> None:
        """Prepare; `seconds` is the longest wait for a whole answer, `connections` how many there may be."""
        super().__init__(logging.getLogger("twilio"), True, seconds)
        self._seconds, self._connections = seconds, connections
        self._session: ClientSession | None = None
        self._authorization: dict[tuple[str, str], str] = {}

    async def request(  # the signature is the client's
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # theirs; ours is that of the session
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request and return its answer; raise `NotSent`, `NoAnswer` or, for any refusal, `Refused`."""
        del timeout, allow_redirects
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = self._basic(auth)
        body = urlencode(data, doseq=True).encode() if data else None
        query = {name: str(value) for name, value in params.items()} if params else None
        try:
            async with self._open().request(
                method, url, params=query, data=body, headers=sent, allow_redirects=False
            ) as answer:
                text = (await answer.read()).decode("utf-8", "replace")
        except (ClientConnectorError, ConnectionTimeoutError, InvalidURL) as error:
            raise NotSent(_words(error)) from error
        except (ClientConnectionError, ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(_words(error)) from error
        if not 200 <= answer.status < 300:
            raise Refused(answer.status, text, retry_after(answer.headers.get("Retry-After", "")))
        return Response(answer.status, text, answer.headers)

    def _open(self) -> ClientSession:
        """Return the session; it is made within the running loop, when the first request needs it."""
        if self._session is None or self._session.closed:
            connect = min(CONNECT_SECONDS_AT_MOST, self._seconds)
            self._session = ClientSession(
                timeout=ClientTimeout(total=self._seconds + connect, sock_connect=connect, sock_read=self._seconds),
                connector=TCPConnector(limit=self._connections, keepalive_timeout=KEEP_SECONDS),
                cookie_jar=DummyCookieJar(),
            )
        return self._session

    def _basic(self, auth: tuple[str, str]) -> str:
        if auth not in self._authorization:
            self._authorization[auth] = "Basic " + b64encode(":".join(auth).encode()).decode()
        return self._authorization[auth]

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def retry_after(given: str) -> timedelta | None:
    """Return the wait that an answer asks for, in seconds; a date is not used by this API and not understood."""
    try:
        seconds = float(given)
    except ValueError:
        return None
    return min(timedelta(seconds=seconds), RETRY_AFTER_AT_MOST) if 0 < seconds < float("inf") else None


def _words(error: Any) -> str:
    return f"{type(error).__name__}: {getattr(error, 'strerror', '') or error}".strip(": ")
