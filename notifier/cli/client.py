"""The HTTP client of every command: one kept connection, JSON in and out, NDJSON streamed both ways.

In: a path under /v1 and values. Out: the answer, or an exception that Click prints as one line and turns into an exit
code: 1 when the answer is no or does not come, 2 when what was given is wrong. It never prints the key, and it
repeats nothing that may have been done already.
"""

import http.client
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import click
import msgspec

from notifier import __version__
from notifier.cli import access
from notifier.cli.printing import safe
from notifier.cli.streaming import Sender, answered_lines
from notifier.cli.times import Moment, Zone
from notifier.storage.views import IncidentCard

T = TypeVar("T")

TIMEOUT_SECONDS = 60.0
STREAM_TIMEOUT_SECONDS = 300.0  # between two pieces: a daemon may be busy with its database
OPEN = "scheduled,suspected,confirmed,resolved"  # states in which an incident is not done with
_OPEN_NAMED = 5
_IDLE_SECONDS = 15.0  # the daemon closes connections that idle; a person who types a number is slower than that


class Problem(click.ClickException):
    """The daemon said no, or something that is no answer of it."""

    def __init__(self, status: int, detail: str, *, field: str = "", value: object = None, expected: str = "") -> None:
        super().__init__(detail)
        self.status, self.field, self.value, self.expected = status, field, value, expected
        self.instead = ""  # what somebody may have meant, found out after the answer

    def format_message(self) -> str:
        """Return the reason, the field with its value, and what would be right, on one line."""
        text = safe(self.message) + self.instead
        blame = f"{self.field} {_shown(self.value)}".strip() if self.field else ""
        if blame and self.field not in text:
            text += f" ({blame})"
        if self.expected and self.expected not in text:
            text += f"; expected {safe(self.expected)}"
        return text


class WrongInput(Problem):
    """What was given is wrong; the same again will fail again."""

    exit_code = 2


class Unreachable(Problem):
    """No daemon answers, or its answer broke off."""

    def __init__(self, detail: str) -> None:
        super().__init__(0, detail)


class _ProblemBody(msgspec.Struct, kw_only=True):
    """An application/problem+json answer."""

    title: str = ""
    detail: str = ""
    field: str = ""
    value: Any = None
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the daemon."""

    status: int
    body: bytes
    incomplete: str = ""  # why a list may not have everything

    def read(self, type_: type[T]) -> T:
        """Return the answer as a value of a type; raise `Problem` when it is not one."""
        try:
            return msgspec.json.decode(self.body, type=type_)
        except msgspec.MsgspecError as error:
            raise Problem(
                self.status, f"the daemon's answer is not what this version ({__version__}) expects: {error}"
            ) from error


class Client:
    """One kept connection to one daemon, not to be shared between threads."""

    def __init__(self, where: access.Access, *, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(where.url)
        self._where, self._timeout = where, timeout
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._prefix = parts.path
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0
        self._ahead, self._zone, self._has_answered = timedelta(), Zone(), False

    @property
    def url(self) -> str:
        """Return the address of the daemon."""
        return self._where.url

    def moment(self) -> Moment:
        """Return the daemon's clock, as of its last answer, and the zone to show times in."""
        if not self._has_answered:
            self.get("/v1/status")
        return Moment(datetime.now(UTC) + self._ahead, self._zone)

    def get(self, path: str, **query: str | int | None) -> Reply:
        """Ask for something."""
        return self.request("GET", path, query=query)

    def post(self, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask for something to be done; without a body nothing is said but the path."""
        return self.request("POST", path, body=body, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: bytes | None = None,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return its answer; raise `Problem` for any other than success.

        `body` is sent as JSON; `content` as it is, with the Content-Type in `headers`.
        """
        sent = self._headers(headers)
        if body is not None:
            content = msgspec.json.encode(body)
            sent["Content-Type"] = "application/json"
        connection = self._open(self._timeout)
        try:
            connection.request(method, self._target(path, query), content, sent)
            response = connection.getresponse()
            incomplete = response.headers.get("Notifier-Incomplete", "")
            reply = Reply(response.status, response.read(), incomplete)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._broken(error) from error
        except BaseException:  # an interrupt: what is left of the answer must not be taken for that of the next request
            self.close()
            raise
        self._used_at = time.monotonic()
        self._learn(response)
        try:
            return self._judged(reply, response)
        except Problem as problem:
            if problem.status == http.client.NOT_FOUND:
                problem.instead = self._instead(problem.message)
            raise

    def lines(
        self, path: str, *, query: Mapping[str, str | int | None] | None = None, body: object = None
    ) -> Iterator[bytes]:
        """Ask for a list, or with a body for something to be done, and yield the lines of the answer as they come."""
        connection = self._open(STREAM_TIMEOUT_SECONDS)
        content = None if body is None else msgspec.json.encode(body)
        sent = self._headers(None if content is None else {"Content-Type": "application/json"})
        try:
            connection.request("GET" if content is None else "POST", self._target(path, query), content, sent)
            response = connection.getresponse()
            self._learn(response)
            if response.status != http.client.OK:
                self._judged(Reply(response.status, response.read()), response)
            yield from answered_lines(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        finally:
            self.close()

    def stream(
        self, path: str, lines: Iterable[bytes], *, query: Mapping[str, str | int | None] | None = None
    ) -> Iterator[bytes]:
        """Send lines as NDJSON while yielding the lines of the answer as they come, in constant memory.

        A thread sends: a daemon that answers while it reads stops reading when nobody reads its answers. What `lines`
        raises is raised here, after the connection was dropped.
        """
        if self._secure:
            # An SSL object must not be read and written by two threads at once.
            raise click.ClickException(
                "imports go over http only: run this on the daemon's machine, or through an SSH tunnel"
            )
        lines = iter(lines)
        first = list(islice(lines, 1))  # a file that is none at all is refused before the daemon hears of it
        connection = self._open(STREAM_TIMEOUT_SECONDS)
        sender = Sender(connection, chain(first, lines))
        try:
            connection.putrequest("POST", self._target(path, query))
            for name, value in self._headers(None).items():
                connection.putheader(name, value)
            connection.putheader("Content-Type", "application/x-ndjson")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            sender.start()
            response = connection.getresponse()
            self._learn(response)
            if response.status != http.client.OK:
                self._judged(Reply(response.status, response.read()), response)
            yield from answered_lines(response)
        except (OSError, http.client.HTTPException) as error:
            if sender.error is None:
                raise self._broken(error) from error
        finally:
            self.close()
            sender.join()
        if sender.error is not None:
            raise sender.error

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            if self._connection.sock is not None:
                with suppress(OSError):  # wakes a thread that is still sending
                    self._connection.sock.shutdown(socket.SHUT_RDWR)
            self._connection.close()
            self._connection = None

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        kept = self._connection
        if kept is not None and kept.sock is not None and time.monotonic() - self._used_at < _IDLE_SECONDS:
            kept.sock.settimeout(timeout)
            return kept
        self.close()
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=min(timeout, TIMEOUT_SECONDS))
        try:
            connection.connect()
        except ConnectionRefusedError as error:
            raise Unreachable(
                f"no daemon answers at {self.url}; start it with `notifier serve --migrate`,"
                " or set NOTIFIER_URL to where it is"
            ) from error
        except OSError as error:
            raise self._broken(error) from error
        connection.sock.settimeout(timeout)
        self._connection = connection
        return connection

    def _target(self, path: str, query: Mapping[str, str | int | None] | None) -> str:
        said = {name: value for name, value in (query or {}).items() if value is not None}
        return self._prefix + path + (f"?{urlencode(said)}" if said else "")

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._where.token}",
            "Accept": "application/json",
            "User-Agent": f"notifier/{__version__}",
            **(more or {}),
        }

    def _learn(self, response: http.client.HTTPResponse) -> None:
        """Take the daemon's clock (it may be rehearsed) and the company's zone from the answer."""
        self._has_answered = True
        self._zone = _zone(response.headers.get("Notifier-Time-Zone", ""))
        with suppress(ValueError):
            self._ahead = datetime.fromisoformat(response.headers["Notifier-Now"] or "") - datetime.now(UTC)

    def _judged(self, reply: Reply, response: http.client.HTTPResponse) -> Reply:
        if 200 <= reply.status < 300:
            return reply
        try:
            said = msgspec.json.decode(reply.body, type=_ProblemBody)
        except msgspec.MsgspecError:
            raise Problem(
                reply.status, f"{self.url} answered {reply.status} {response.reason}: is that a Notifier daemon?"
            ) from None
        detail = said.detail or said.title or response.reason
        if reply.status == http.client.UNAUTHORIZED:
            detail = f"the key from {self._where.origin} is not accepted: {detail}"
        if reply.status == http.client.SERVICE_UNAVAILABLE and (after := response.headers.get("Retry-After")):
            detail += f" (try again in {after} s)"
        kind = WrongInput if reply.status in (400, 413, 422) else Problem
        local = Moment(datetime.now(UTC) + self._ahead, self._zone).localised
        value = local(said.value) if isinstance(said.value, str) else said.value
        raise kind(reply.status, local(detail), field=said.field, value=value, expected=local(said.expected))

    def _instead(self, said: str) -> str:
        """Return which incidents are open, for somebody who typed the number of none."""
        if not said.startswith("there is no incident"):
            return ""
        try:
            cards = self.get("/v1/incidents", state=OPEN).read(list[IncidentCard])
        except Problem:
            return ""
        named = [safe(f"#{card.id} {card.service}, {card.place} ({card.state})") for card in cards[:_OPEN_NAMED]]
        named += [f"{len(cards) - _OPEN_NAMED} more"] if len(cards) > _OPEN_NAMED else []
        return f"; open are {'; '.join(named)}" if named else "; none is open"

    def _broken(self, error: Exception) -> Unreachable:
        if isinstance(error, TimeoutError):
            return Unreachable(f"the daemon at {self.url} did not answer in time; see `notifier status`")
        if isinstance(error, socket.gaierror):
            return Unreachable(f"there is no host {self._host}; check NOTIFIER_URL")
        reason = getattr(error, "strerror", "") or str(error) or type(error).__name__
        return Unreachable(
            f"the connection to {self.url} broke: {safe(reason)}; see `notifier status` before repeating"
        )


def _zone(company: str) -> Zone:
    """Return the zone of this machine; that of the company where this machine is a server that keeps UTC."""
    if not company or os.environ.get("TZ") or time.localtime().tm_zone != "UTC":
        return Zone()
    from zoneinfo import ZoneInfo

    try:
        return Zone(ZoneInfo(company))
    except (KeyError, ValueError, OSError):
        return Zone()


def _shown(value: object) -> str:
    if value is None or value == "":
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = safe(text)
    return f"'{text[:60]}...'" if len(text) > 60 else f"'{text}'"
