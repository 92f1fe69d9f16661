"""Files of complaints: CSV with the fields of `POST /v1/complaints` as columns, or NDJSON of the same.

In: bytes. Out: numbered lines ready to be sent, or why one cannot be; memory stays constant, whatever a file holds.
What a field may say is the daemon's to judge.
"""

import io
from collections.abc import Iterator, Sequence

import msgspec

from notifier.cli.csv_file import Row, Unreadable, read_rows
from notifier.cli.json_lines import is_ndjson, read_objects
from notifier.cli.rejects import Numbered
from notifier.cli.upload import LINE_AT_MOST
from notifier.domain.errors import nearest

FIELDS = (
    *("reporter", "customer_id", "service", "region", "text", "occurred_at", "external_id", "source"),
    "source_address",
)
SOURCE = "import"  # of lines that name none


def read(source: io.BufferedReader) -> Iterator[Numbered | Unreadable]:
    """Yield the lines of a file; whether it is CSV or NDJSON is seen from its first character."""
    return _ndjson(source) if is_ndjson(source) else _csv(source)


def _ndjson(source: io.BufferedReader) -> Iterator[Numbered | Unreadable]:
    for each in read_objects(source):
        yield each if isinstance(each, Unreadable) else (each[0], _with_source(each[1]))


def _with_source(body: bytes) -> bytes:
    """Name the source where the line does not; everything else stays as it was written, for the daemon to judge."""
    if b'"source"' in body or not body.startswith(b"{"):
        return body
    rest = body[1:].lstrip()
    return b'{"source":"%b"%b%b' % (SOURCE.encode(), b"" if rest.startswith(b"}") else b",", rest)


def _csv(source: io.BufferedReader) -> Iterator[Numbered | Unreadable]:
    for row in read_rows(source, _wrong_header):
        yield row if isinstance(row, Unreadable) else _encoded(row)


def _encoded(row: Row) -> Numbered | Unreadable:
    body = msgspec.json.encode({"source": SOURCE, **row.cells})
    return (row.line, body) if len(body) <= LINE_AT_MOST else Unreadable(row.line, "", "", "the line is over 64 KiB")


def _wrong_header(names: Sequence[str]) -> str:
    for name in names:
        if name not in FIELDS:
            return f"column '{name}' is unknown{nearest(name, FIELDS)}; expected {', '.join(FIELDS)}"
    return ""
