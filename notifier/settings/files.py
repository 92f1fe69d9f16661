"""Reading a file of configuration or a secret: text in bounded size, or one sentence about why not."""

import codecs
import errno
from pathlib import Path

_REASONS = {
    errno.ENOENT: "there is no such file",
    errno.EISDIR: "is a folder; expected a file",
    errno.EACCES: "may not be read by this user",
    errno.ENOTDIR: "there is no such file: a part of its path is no folder",
    errno.ELOOP: "is a link that leads in a circle",
    errno.ENAMETOOLONG: "has too long a name",
}


class Unreadable(Exception):
    """The file cannot be read; the text says why and fits after its name."""


def read_text(path: Path, bytes_at_most: int) -> str:
    """Return the text of a file, without a byte order mark; raise `Unreadable` otherwise."""
    try:
        with path.open("rb") as file:
            content = file.read(bytes_at_most + 1)
    except OSError as error:
        raise Unreadable(_REASONS.get(error.errno or 0, f"cannot be read: {error.strerror}")) from None
    except ValueError:  # a NUL in the name
        raise Unreadable("is no name of a file") from None
    if len(content) > bytes_at_most:
        raise Unreadable(f"is larger than {bytes_at_most} bytes")
    if b"\0" in content:
        raise Unreadable("is no text but a binary file, or not in UTF-8")
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"is not in UTF-8: line {line} holds the byte 0x{content[error.start]:02x}") from None
