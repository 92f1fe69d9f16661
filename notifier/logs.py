"""How the daemon speaks to its operators: one structured event a line, on standard error.

An event is a constant text with fields. Every line carries the correlation id of what caused it, from the complaint to
the receipt. No line carries an address, a name, or words of a customer; exceptions are logged by type and place,
without their message, because messages quote what was wrong. Lines of libraries go the same way.
"""

import asyncio
import atexit
import contextlib
import logging
import random
import re
import sys
import threading
import time
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, TextIO

import msgspec
import structlog

from notifier.config import Log

FLUSH_SECONDS = 0.02
CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_current: ContextVar[str] = ContextVar("correlation_id", default="")
_chance = random.Random().getrandbits  # noqa: S311  # no system call for every request
_encode = msgspec.json.Encoder(enc_hook=str).encode
_log = structlog.get_logger(__name__)
_requests: "Lines | None" = None  # where the lines of requests go; None = to structlog

Event = MutableMapping[str, Any]


def new_correlation_id() -> str:
    """Return a fresh id: 16 hexadecimal digits. It joins lines and guards nothing."""
    return f"{_chance(64):016x}"


def correlation_id() -> str:
    """Return the correlation id of what is being done, or a fresh one when nothing has set it."""
    return _current.get() or new_correlation_id()


def set_correlation_id(value: str) -> None:
    """Let everything that this task does from here on carry `value`."""
    _current.set(value)


def configure(settings: Log, *, stream: TextIO | None = None) -> None:
    """Set up structlog and route the standard library's logging through it."""
    target = stream or sys.stderr
    lines = Lines(target)
    level = getattr(logging, settings.level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level if settings.format == "text" else structlog.processors.add_log_level,
        _stamp,
        add_correlation_id,
        exception_without_message,
    ]
    render: structlog.typing.Processor = (
        render_json if settings.format == "json" else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    global _requests  # noqa: PLW0603  # like the configuration of structlog, of which this is a part
    _requests = lines if settings.format == "json" and level <= logging.INFO else None
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    handler.addFilter(without_origin)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))  # libraries speak only when something is wrong


def request(method: str, route: str, status: int, milliseconds: float) -> None:
    """Log that a request was answered. `method` and `route` are our own names of them, never the caller's words.

    It is the one event that comes thousands of times a second: its line is written here as structlog would make it, at
    a third of the price.
    """
    if _requests is None:
        _log.info("request", method=method, route=route, status=status, milliseconds=round(milliseconds, 2))
        return
    _requests.info(
        f'{{"event":"request","method":"{method}","route":"{route}","status":{status}'
        f',"milliseconds":{milliseconds:.2f},"level":"info","timestamp":"{_stamp.text()}"'
        f',"correlation_id":"{_current.get()}"}}'
    )


class Lines:
    """Writes lines to a stream. What is only information waits a little for company; everything else does not.

    On the loop a system call for every request costs more than the line itself: it gives the interpreter away.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._waiting = stream, list[str]()
        self._lock = threading.Lock()  # lines come from threads as well
        atexit.register(self.flush)

    def info(self, line: str) -> None:
        """Write a line soon, when a loop is running; otherwise at once."""
        with self._lock:
            self._waiting.append(line)
            if len(self._waiting) > 1:
                return  # somebody has arranged it
        try:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        except RuntimeError:
            self.flush()

    debug = info

    def warning(self, line: str) -> None:
        """Write a line, and those before it, at once."""
        with self._lock:
            self._waiting.append(line)
        self.flush()

    error = critical = exception = msg = warning

    def flush(self) -> None:
        """Write everything that waits; what cannot be written is lost, because a full disk must not stop the work."""
        with self._lock, contextlib.suppress(OSError):
            waiting, self._waiting = self._waiting, []
            if waiting and not self._stream.closed:
                self._stream.write("\n".join(waiting) + "\n")
                self._stream.flush()


class Stamp:
    """Adds the time; the text of a second is made once."""

    def __init__(self) -> None:
        self._second, self._text = 0, ""

    def __call__(self, _logger: object, _method: str, event: Event) -> Event:
        """Add `timestamp`, UTC."""
        event["timestamp"] = self.text()
        return event

    def text(self) -> str:
        """Return the time, UTC."""
        second, rest = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{rest // 1000:06d}Z"


_stamp = Stamp()


def without_origin(record: logging.LogRecord) -> bool:
    """Take the address of the caller out of what aiohttp says about requests that are no HTTP.

    Of a client that left it says nothing: the edge has counted and logged that already.
    """
    if record.name == "aiohttp.server":
        if record.exc_info is not None and isinstance(record.exc_info[1], ConnectionError):
            return False
        record.msg, record.args, record.levelno, record.levelname = "request not understood", (), 30, "WARNING"
    return True


def add_correlation_id(_logger: object, _method: str, event: Event) -> Event:
    """Add the correlation id of the running task, unless the event has its own."""
    if "correlation_id" not in event:
        current = _current.get()
        if current:
            event["correlation_id"] = current
    return event


def exception_without_message(_logger: object, _method: str, event: Event) -> Event:
    """Replace `exc_info` by the type of the exception and the places it came through."""
    found = event.pop("exc_info", None)
    if not found:
        return event
    error = _exception(found)
    if error is not None:
        event["error"] = type(error).__qualname__
        event["where"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def _exception(found: object) -> BaseException | None:
    if isinstance(found, BaseException):
        return found
    if isinstance(found, tuple):
        return found[1] if isinstance(found[1], BaseException) else None
    return sys.exc_info()[1]


def render_json(_logger: object, _method: str, event: Event) -> str:
    """Render one event as one line of JSON, the event first."""
    return _encode({"event": event.pop("event", ""), **event}).decode()
