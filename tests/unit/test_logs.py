"""Lines tell operators what happened and nothing about customers."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from notifier import logs
from notifier.config import Log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    logs.configure(Log(), stream=stream)
    logs.set_correlation_id("")
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers[:], logging.getLogger().level = handlers, level


def read(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_its_fields(lines: io.StringIO) -> None:
    structlog.get_logger().info("stored", count=3)
    (line,) = read(lines)
    assert (line["event"], line["count"], line["level"]) == ("stored", 3, "info")
    assert str(line["timestamp"]).endswith("Z")


def test_the_line_of_a_request_is_what_structlog_would_make_of_it(lines: io.StringIO) -> None:
    logs.set_correlation_id("abc-1")
    logs.request("POST", "/v1/complaints", 201, 1.234)
    structlog.get_logger("x").info("request", method="POST", route="/v1/complaints", status=201, milliseconds=1.23)
    ours, theirs = (json.loads(line) for line in lines.getvalue().splitlines())
    assert ours.pop("timestamp")[:16] == theirs.pop("timestamp")[:16]
    assert ours == theirs
    assert list(ours) == list(theirs)


def test_a_line_carries_the_correlation_id(lines: io.StringIO) -> None:
    logs.set_correlation_id("abc")
    structlog.get_logger().info("one")
    structlog.get_logger().info("two", correlation_id="its own")
    assert [line["correlation_id"] for line in read(lines)] == ["abc", "its own"]


def test_an_exception_is_logged_by_type_and_place_without_its_message(lines: io.StringIO) -> None:
    try:
        int("ann@example.com")
    except ValueError:
        structlog.get_logger().exception("it failed")
        logging.getLogger("library").exception("it failed too")
    assert "ann@example.com" not in lines.getvalue()
    for line in read(lines):
        assert line["error"] == "ValueError"
        assert "test_logs.py" in str(line["where"])


def test_a_library_speaks_only_when_something_is_wrong(lines: io.StringIO) -> None:
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble")
    (line,) = read(lines)
    assert (line["event"], line["logger"]) == ("trouble", "library")


def test_a_line_break_in_a_value_does_not_make_a_second_line(lines: io.StringIO) -> None:
    structlog.get_logger().info("stored", path='/x\n{"event":"forged"}')
    assert len(lines.getvalue().splitlines()) == 1


def test_below_the_level_nothing_is_written(lines: io.StringIO) -> None:
    logs.configure(Log(level="warning"), stream=lines)
    structlog.get_logger().info("quiet")
    assert lines.getvalue() == ""


def test_text_for_a_terminal_has_event_and_fields(lines: io.StringIO) -> None:
    logs.configure(Log(format="text"), stream=lines)
    structlog.get_logger().info("stored", count=3)
    assert "stored" in lines.getvalue()
    assert "count=3" in lines.getvalue()


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 65, "é", 'a"b', "a\nb"])
def test_what_could_forge_a_line_is_no_correlation_id(wrong: str) -> None:
    assert logs.CORRELATION_ID.fullmatch(wrong) is None
    assert logs.CORRELATION_ID.fullmatch(logs.new_correlation_id())


async def test_on_the_loop_information_waits_a_little_and_trouble_does_not(lines: io.StringIO) -> None:
    structlog.get_logger().info("one")
    structlog.get_logger().info("two")
    assert lines.getvalue() == ""
    structlog.get_logger().warning("three")
    assert [line["event"] for line in read(lines)] == ["one", "two", "three"]
    structlog.get_logger().info("four")
    await asyncio.sleep(5 * logs.FLUSH_SECONDS)
    assert [line["event"] for line in read(lines)][-1] == "four"


def test_what_aiohttp_says_of_a_request_that_is_no_http_has_no_address(lines: io.StringIO) -> None:
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "192.0.2.7")
    (line,) = read(lines)
    assert (line["event"], line["level"]) == ("request not understood", "warning")
    assert "192.0.2.7" not in lines.getvalue()


def test_what_aiohttp_says_of_a_client_that_left_is_no_event(lines: io.StringIO) -> None:
    left = ConnectionResetError("the client is gone")
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "192.0.2.7", exc_info=left)
    assert read(lines) == []


def test_a_log_on_a_full_disk_stops_nobody() -> None:
    class Full(io.StringIO):
        is_full = True

        def write(self, text: str) -> int:
            if self.is_full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    stream = Full()
    written = logs.Lines(stream)
    written.info("lost")
    written.error("lost")
    stream.is_full = False
    written.error("said")
    assert stream.getvalue() == "said\n"
