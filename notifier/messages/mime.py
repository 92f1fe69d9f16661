"""Mail bytes, made by hand: headers, a text and an HTML part, 7-bit quoted-printable with CRLF.

The standard library's `EmailMessage` takes over a millisecond a message; this takes some tens of microseconds. Every
value that comes from outside is refused or encoded here, so that nothing can add a header or a part. The tests parse
what is made with the standard library and compare.
"""

import binascii
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from notifier.config import Sender
from notifier.domain import consent
from notifier.messages.links import UNSUBSCRIBES, Purpose, sign_token, sign_versioned
from notifier.messages.wording import Rendered, RenderFailed

LINE_AT_MOST = 76
WORD_BYTES_AT_MOST = 45  # of UTF-8 in one encoded word: 60 characters of base 64 and 12 around them
# A mailbox that needs no quoting: what the directory stores is already normalised to this.
_WIRE_SAFE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_LINK = re.compile(r"https?://[!-;=?-~]+")  # visible ASCII without < and >


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as it goes over the wire: envelope and bytes, not yet dot-stuffed."""

    notification_id: int
    sender: str  # envelope: bounces+TOKEN@domain
    recipient: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A message whose two parts are quoted-printable already."""

    subject: str
    text: bytes
    html: bytes
    template_version: str


def encode(rendered: Rendered) -> Encoded:
    """Return a rendered message with its parts as they go over the wire."""
    return Encoded(
        subject=rendered.subject,
        text=quoted_printable(rendered.text),
        html=quoted_printable(rendered.html),
        template_version=rendered.template_version,
    )


class MailComposer:
    """Makes mails in the name of one company."""

    def __init__(self, sender: Sender, secret: str) -> None:
        """Prepare what all mails share; `secret` signs links and envelope senders."""
        self._secret = secret
        self._domain = _domain(sender.address)
        self._bounce_domain = sender.bounce_domain or self._domain
        self._public_url = sender.public_url.rstrip("/")
        own = [f"From: {mailbox(sender.company, sender.address)}"]
        if sender.reply_to:
            own.append(f"Reply-To: {_checked(sender.reply_to)}")
        own += ["MIME-Version: 1.0", "Auto-Submitted: auto-generated"]
        self._own_headers = "\r\n".join(own)

    def unsubscribe_url(self, contact_point_id: int, purpose: consent.Purpose = consent.Purpose.OUTAGE) -> str:
        """Return the signed link by which a contact point opts out of messages of a purpose."""
        return f"{self._public_url}/u/{sign_token(self._secret, UNSUBSCRIBES[purpose], contact_point_id)}"

    def preferences_url(self, contact_point_id: int) -> str:
        """Return the signed link to a contact point's own settings."""
        return f"{self._public_url}/p/{sign_versioned(self._secret, Purpose.PREFERENCES, contact_point_id)}"

    def compose(
        self,
        *,
        notification_id: int,
        broadcast_id: int | None,
        kind: str,
        recipient: str,
        message: Encoded,
        at: datetime,
        unsubscribe_url: str,
        purpose: str = consent.Purpose.OUTAGE,
    ) -> Mail:
        """Return the mail. The same notification has the same Message-ID and envelope sender on every retry.

        One-click opt-out is offered where the link is https, as RFC 8058 asks; otherwise the link is a page. By `kind`
        and `purpose` mailbox providers tell apart what their users complain about.
        Raises `RenderFailed` when the address or the link is not fit for the wire.
        """
        token = sign_token(self._secret, Purpose.BOUNCE, notification_id)
        link = _checked_link(unsubscribe_url)
        one_click = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if link.startswith("https:") else ""
        boundary = f"=_{token}"  # "=_" cannot occur in quoted-printable
        head = (
            f"{self._own_headers}\r\n"
            f"To: {_checked(recipient)}\r\n"
            f"{subject_header(message.subject)}\r\n"
            f"Date: {_date(at.replace(microsecond=0))}\r\n"
            f"Message-ID: <{token}@{self._domain}>\r\n"
            f"List-Unsubscribe: <{link}>\r\n"
            f"{one_click}"
            f"Feedback-ID: {broadcast_id or 0}:{kind}:{purpose}:{self._domain}\r\n"
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
            "\r\n"
            f"--{boundary}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        middle = (
            f"\r\n--{boundary}\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        data = b"".join(
            (
                head.encode("ascii"),
                message.text,
                middle.encode("ascii"),
                message.html,
                f"\r\n--{boundary}--\r\n".encode("ascii"),
            )
        )
        return Mail(
            notification_id=notification_id,
            sender=f"bounces+{token}@{self._bounce_domain}",
            recipient=recipient,
            data=data,
        )


def quoted_printable(text: str) -> bytes:
    """Return text as quoted-printable: CRLF line ends, at most 76 columns, 7 bits."""
    data = text.encode("utf-8", "replace")
    # b2a_qp ends its soft breaks with LF alone unless the first line of the data ends with CRLF
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if b"\n" not in data:
        data += b"\r\n"
    return binascii.b2a_qp(data, istext=True)


def subject_header(subject: str) -> str:
    """Return the Subject line, folded; as encoded words only when it is not plain ASCII."""
    clean = " ".join(subject.split())
    if clean.isascii() and clean.isprintable() and "=?" not in clean:
        return _folded("Subject:", clean.split(" "))
    return "Subject: " + "\r\n ".join(encoded_words(clean))


def encoded_words(text: str) -> list[str]:
    """Return RFC 2047 words of UTF-8 in base 64; no character is split between two words."""
    words, current = [], b""
    for character in text:
        data = character.encode("utf-8", "replace")
        if len(current) + len(data) > WORD_BYTES_AT_MOST:
            words.append(current)
            current = b""
        current += data
    words.append(current)
    return [f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words]


def mailbox(name: str, address: str) -> str:
    """Return `Name <address>`, with the name quoted or encoded as it needs."""
    name = " ".join(name.split())
    if not name:
        return _checked(address)
    if not (name.isascii() and name.isprintable()) or "=?" in name:
        shown = "\r\n ".join(encoded_words(name))
    elif _ATOMS.fullmatch(name):
        shown = name
    else:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        shown = f'"{escaped}"'
    return f"{shown}\r\n <{_checked(address)}>" if len(shown) > LINE_AT_MOST // 2 else f"{shown} <{_checked(address)}>"


def _folded(name: str, words: list[str]) -> str:
    lines, line = [], name
    for word in words:
        if len(line) + 1 + len(word) > LINE_AT_MOST and line != name:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _checked(address: str) -> str:
    if not _WIRE_SAFE.fullmatch(address):
        raise RenderFailed("the mail address is not fit for the wire")
    return address


def _checked_link(link: str) -> str:
    if not _LINK.fullmatch(link):
        raise RenderFailed("the link to opt out is not fit for a header; see sender.public_url")
    return link


@lru_cache(maxsize=8)
def _date(at: datetime) -> str:
    return format_datetime(at)


def _domain(address: str) -> str:
    return _checked(address).rsplit("@", 1)[1]
