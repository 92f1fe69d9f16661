"""Lists arrive in lines whatever way the network cuts them, and never grow without bound."""

from notifier.web.ndjson import Line, lines
from notifier.web.wire import BODY_AT_MOST


class Chunks:
    """A body that arrives in these pieces."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = iter(chunks)

    async def readany(self) -> bytes:
        return next(self._chunks, b"")


async def read(*chunks: bytes) -> list[Line]:
    return [line async for some in lines(Chunks(*chunks)) for line in some]


async def test_lines_are_found_across_chunks() -> None:
    assert await read(b"ab", b"c\nde", b"f\n") == [Line(1, b"abc"), Line(2, b"def")]


async def test_the_last_line_needs_no_newline() -> None:
    assert await read(b"a\nb") == [Line(1, b"a"), Line(2, b"b")]


async def test_empty_lines_are_counted_and_skipped() -> None:
    assert await read(b"a\n\n \r\nb\r\n") == [Line(1, b"a"), Line(4, b"b\r")]


async def test_nothing_is_no_line() -> None:
    assert await read() == []


async def test_a_line_that_is_too_long_is_named_and_the_next_one_is_read() -> None:
    long = b"x" * (BODY_AT_MOST + 1)
    assert await read(b"a\n" + long + b"\nb\n") == [Line(1, b"a"), Line(2, None), Line(3, b"b")]


async def test_an_endless_line_is_never_gathered() -> None:
    found = await read(b"a\n", *[b"x" * 50_000] * 40, b"\nb\n")
    assert found == [Line(1, b"a"), Line(2, None), Line(3, b"b")]


async def test_an_endless_line_at_the_end_is_named_once() -> None:
    assert await read(b"a\n", *[b"x" * 50_000] * 3) == [Line(1, b"a"), Line(2, None)]


async def test_a_line_of_exactly_the_limit_is_read() -> None:
    assert await read(b"x" * BODY_AT_MOST + b"\n") == [Line(1, b"x" * BODY_AT_MOST)]
