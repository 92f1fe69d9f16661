"""The messages that the Twilio-compatible receiver has taken: in memory, and one line each in its folder.

`texts.csv` is append-only and written before a message is answered or reported, so whatever was taken is listed,
whoever dies afterwards.
"""

import csv
import io
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from pathlib import Path

from notifier.domain.segments import segments

COLUMNS = ("taken_at", "sid", "to", "from", "segments", "callback", "body")


@dataclass(slots=True, kw_only=True)
class Message:
    """One message, as the API shows it."""

    sid: str
    account: str
    to: str
    sender: str  # "" with a service, until one of its numbers is chosen
    service: str
    body: str
    callback: str
    status: str
    taken_at: datetime
    validity: int = 36_000
    sent_at: datetime | None = None
    error_code: int | None = None
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def view(self) -> dict[str, object]:
        """Return the resource with every property that the official description gives it."""
        path = f"/2010-04-01/Accounts/{self.account}/Messages/{self.sid}"
        return {
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": _rfc2822(self.taken_at),
            "date_sent": _rfc2822(self.sent_at) if self.sent_at else None,
            "date_updated": _rfc2822(self.updated_at),
            "direction": "outbound-api",
            "error_code": self.error_code,
            "error_message": None if self.error_code is None else f"error {self.error_code}",
            "from": self.sender or None,
            "messaging_service_sid": self.service or None,
            "num_media": "0",
            "num_segments": str(segments(self.body).count) if self.sender else "0",
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": self.to,
            "uri": f"{path}.json",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenText:
    """One line of `texts.csv`."""

    taken_at: datetime
    sid: str
    to: str
    sender: str
    segments: int
    callback: str
    body: str


class Messages:
    """What was taken, newest first where it is listed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "texts.csv"
        is_new = not path.exists() or not path.stat().st_size
        self._file = path.open("a", encoding="utf-8", buffering=1, newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        if is_new:
            self._writer.writerow(COLUMNS)
        self.by_sid: dict[str, Message] = {}
        self._by_recipient: dict[str, list[Message]] = {}

    def take(self, message: Message) -> None:
        """Keep a message and write its line."""
        self.by_sid[message.sid] = message
        self._by_recipient.setdefault(message.to, []).append(message)
        at = message.taken_at.isoformat(timespec="milliseconds")
        count, body = segments(message.body).count, message.body.replace("\n", "\\n")
        self._writer.writerow(
            (at, message.sid, message.to, message.sender or message.service, count, message.callback, body)
        )

    def listed(
        self,
        *,
        to: str = "",
        sender: str = "",
        on: date | None = None,
        before: date | None = None,
        after: date | None = None,
    ) -> list[Message]:
        """Return messages, the newest first; the dates, in GMT, are those of `date_sent` and include their day."""
        among = self._by_recipient.get(to, []) if to else list(self.by_sid.values())
        dated = on is not None or before is not None or after is not None
        return [
            one
            for one in reversed(among)
            if (not sender or one.sender == sender)
            and (not dated or (one.sent_at is not None and _within(one.sent_at.date(), on, before, after)))
        ]

    def close(self) -> None:
        """Close the list."""
        self._file.close()


def new_sid(prefix: str = "SM") -> str:
    """Return an identifier that no other message has."""
    return prefix + secrets.token_hex(16)


def read_texts(folder: Path) -> list[TakenText]:
    """Return every text taken so far, oldest first; a line that is being written is left for the next reading."""
    try:
        text = (folder / "texts.csv").read_bytes().decode()
    except FileNotFoundError:
        return []
    rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    return [
        TakenText(
            taken_at=datetime.fromisoformat(row["taken_at"]),
            sid=row["sid"],
            to=row["to"],
            sender=row["from"],
            segments=int(row["segments"]),
            callback=row["callback"],
            body=row["body"].replace("\\n", "\n"),
        )
        for row in rows
    ]


def _within(day: date, on: date | None, before: date | None, after: date | None) -> bool:
    return (on is None or day == on) and (before is None or day <= before) and (after is None or day >= after)


def _rfc2822(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC))
