"""A name server on a free port of 127.0.0.1 that knows what a test tells it."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]
"""(name, type) -> records as they are written in a zone file; TXT without its quotes."""


class NameServer:
    """Answers by UDP; what it does not know does not exist, and what `silent` names gets no answer."""

    def __init__(self, zone: Zone, *, silent: Sequence[str] = ()) -> None:
        self.zone, self.silent = dict(zone), tuple(silent)
        self.asked: list[tuple[str, str]] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self), local_addr=("127.0.0.1", 0))
        self.address = "127.0.0.1:{1}".format(*self._transport.get_extra_info("sockname"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def answer(self, data: bytes) -> bytes | None:
        """Return the answer to a question."""
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = str(question.name).rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        records = self.zone.get((name, kind), ())
        if records:
            written = [_quoted(each) if kind == "TXT" else each for each in records]
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *written))
        elif not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


def _quoted(text: str) -> str:
    """Return a text as a zone file writes it: in strings of at most 255 characters."""
    pieces = [text[start : start + 200] for start in range(0, len(text), 200)] or [""]
    return " ".join(f'"{piece}"' for piece in pieces)


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data)
        if answer is not None:
            self._transport.sendto(answer, addr)  # type: ignore[attr-defined]
