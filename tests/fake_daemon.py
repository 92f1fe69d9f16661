"""A daemon made of canned answers: a real HTTP server on a free port of 127.0.0.1, with everything it was asked kept.

Lists (`.../bulk`) are read as they arrive and answered line by line while the rest is still coming, as the real one
does.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

NOON = datetime(2026, 6, 27, 10, 39, tzinfo=UTC)  # 03:39 in Los Angeles
TOKEN = "ntf_" + "t" * 43


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as a value."""
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Answer:
    """An answer with a status and headers of its own."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(status: int, detail: str, **more: object) -> Answer:
    """Return an application/problem+json answer."""
    body = {"type": "about:blank", "title": "No", "status": status, "detail": detail, **more}
    return Answer(status, body, {"Content-Type": "application/problem+json"})


Say = Callable[[Asked], object]
SayLine = Callable[[int, bytes], list[object]]


class FakeDaemon:
    """Answers what it was told to; `asked` is what arrived, in order."""

    def __init__(self, *, now: datetime = NOON, zone: str = "America/Los_Angeles") -> None:
        self.asked: list[Asked] = []
        self.answers: dict[tuple[str, str], object] = {("GET", "/v1/status"): {}}
        self.lines: dict[str, tuple[SayLine, Callable[[], list[object]]]] = {}
        self.began, self.now, self.zone = datetime.now(UTC), now, zone
        self.headers: dict[str, str] = {}

    def on(self, method: str, path: str, answer: object) -> None:
        """Answer a path: with a value, an `Answer`, a function of the request, or a list of these one after another."""
        self.answers[method, path] = answer

    def on_lines(self, path: str, say: SayLine, at_end: Callable[[], list[object]] = list) -> None:
        """Answer a list, line by line."""
        self.lines[path] = (say, at_end)

    def clock(self) -> datetime:
        """Return the daemon's time, which goes on at real speed."""
        return self.now + (datetime.now(UTC) - self.began)

    def last(self, method: str, path: str) -> Asked:
        """Return the latest request to a path."""
        return [each for each in self.asked if (each.method, each.path) == (method, path)][-1]

    def paths(self) -> list[str]:
        """Return every request as `METHOD path`."""
        return [f"{each.method} {each.path}" for each in self.asked]

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, asked: Asked) -> Answer:
        """Return what is said to a request."""
        self.asked.append(asked)
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401, "this key is unknown or revoked")
        said = self.answers.get((asked.method, asked.path))
        if isinstance(said, list) and said and asked.path.rpartition("/")[2] not in _LISTS:
            said = said.pop(0) if len(said) > 1 else said[0]
        if said is None:
            return problem(404, f"there is no path {asked.path}")
        said = said(asked) if callable(said) else said
        return said if isinstance(said, Answer) else Answer(200, said)


_LISTS = {"incidents", "needs", "keys", "customers", "credits"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeDaemon

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: a connection that breaks off is part of a test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer anything."""
        fake, parts = self.server.fake, urlsplit(self.path)
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), b"")
        if parts.path in fake.lines and self.headers.get("Authorization") == f"Bearer {TOKEN}":
            fake.asked.append(asked)
            self._answer_lines(*fake.lines[parts.path])
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = fake.answer(Asked(asked.method, asked.path, asked.query, asked.headers, body))
        content = said.body if isinstance(said.body, bytes) else msgspec.json.encode(said.body)
        self._head(
            said.status, {"Content-Type": "application/json", "Content-Length": str(len(content)), **said.headers}
        )
        self.wfile.write(content)
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.close_connection = True  # the rest of the body is not wanted

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names http.server looks for

    def _answer_lines(self, say: SayLine, at_end: Callable[[], list[object]]) -> None:
        self._head(200, {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"})
        number, rest = 0, b""
        for piece in self._chunks():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                number += 1
                if line.strip():
                    self._chunk(say(number, line))
        self._chunk(at_end())
        self.wfile.write(b"0\r\n\r\n")

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _chunk(self, values: list[object]) -> None:
        body = b"".join(msgspec.json.encode(value) + b"\n" for value in values)
        if body:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        fake = self.server.fake
        self.send_response(status)
        self.send_header("Notifier-Now", fake.clock().isoformat())
        self.send_header("Notifier-Time-Zone", fake.zone)
        for name, value in {**headers, **fake.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of http.server
        """Stay silent."""
