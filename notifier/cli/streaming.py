"""Both directions of a streamed list: a thread sends the lines, the caller reads the answer's lines meanwhile.

A daemon that answers while it reads stops reading when nobody reads its answers; one that refuses at once stops, too.
Memory is constant in both directions, and what cannot be sent is never mistaken for what was refused.
"""

import http.client
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress

_CHUNK_BYTES = 65_536


class Sender(threading.Thread):
    """Sends lines as a chunked body; what goes wrong with the lines themselves is kept in `error`."""

    def __init__(self, connection: http.client.HTTPConnection, lines: Iterable[bytes]) -> None:
        super().__init__(name="sender", daemon=True)
        self._connection, self._lines = connection, lines
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin to send."""
        self._socket = self._connection.sock
        super().start()

    def join(self, timeout: float | None = 10.0) -> None:
        """Wait for the thread, if it ever began."""
        if self.ident is not None:
            super().join(timeout)

    def run(self) -> None:
        """Send everything, then the end of the body."""
        try:
            for chunk in _chunks(self._lines):
                if not self._send(b"%x\r\n%b\r\n" % (len(chunk), chunk)):
                    return
            self._send(b"0\r\n\r\n")
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads
            self.error = error
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self, piece: bytes) -> bool:
        try:
            self._socket.sendall(piece)
        except OSError:
            return False  # the daemon has stopped reading: its answer says why
        return True


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for each in lines:
        waiting.append(each)
        size += len(each)
        if size >= _CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def answered_lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield whole lines; one that the connection cut short is an error, not a line."""
    rest = b""
    while piece := response.read1(_CHUNK_BYTES):
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(None, whole)
    if rest:
        yield rest
