"""The parts of a mail that a report is read from: header values, the text a person reads, fields, what was returned.

Bytes and the standard library's parser in, text out. Nothing here raises on what a mail may hold: an unknown charset,
broken encodings and half-closed boundaries are read as far as they go. The returned message is told apart from what the
mail system says itself, so that its words and headers are never taken for those of the report.
"""

import html
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

RETURNED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
)
FIELDS = ("message/delivery-status", "message/global-delivery-status", "message/feedback-report")
TEXT_AT_MOST = 200_000  # characters of a text that are looked at

# What mail systems write before the message they give back.
_RETURNED_FROM = re.compile(
    r"""^[\ \t>]*(
        -{2,}[\ ]*(below\ this\ line|this\ is\ a\ copy|original\ message|enclosed\ is|the\ header\ of\ the\ original
                   |unsent\ message|returned\ message|message\ (text|header)|included\ is|the\ body\ of)
      | (original\ )?message\ (headers?\ )?follows | original\ message\ headers? | below\ is\ a\ copy
      | the\ original\ message\ follows
      | received:\ ?(from|by)\b | return-path:\ ?<
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_TAG = re.compile(r"<br\s*/?>|</(p|div|tr|li|h\d|blockquote)>|<[^<>]*>", re.IGNORECASE)
_LINES = re.compile(r"\n\s*\n\s*\n+")

Fields = dict[str, list[str]]  # by lower-case name


def header(mail: Message, name: str) -> str:
    """Return the first value of a header on one line, its encoded words read; empty when there is none."""
    return next(iter(headers(mail, name)), "")


def headers(mail: Message, *names: str) -> list[str]:
    """Return every value of the named headers, in this order."""
    return [_decoded(value) for name in names for given, value in mail.raw_items() if given.lower() == name.lower()]


def addresses(values: list[str]) -> list[str]:
    """Return the mail addresses in header values, in lower case."""
    return [address.lower() for _, address in getaddresses(values) if "@" in address]


def said(mail: Message) -> Iterator[Message]:
    """Walk over the parts that the sender of a mail wrote, not over those of a message that it gives back."""
    if mail.get_content_type() in RETURNED:
        return
    if mail.get_content_type() in FIELDS or not mail.is_multipart():
        yield mail
        return
    for part in _parts(mail):
        yield from said(part)


def returned(mail: Message) -> Iterator[Message]:
    """Walk over the messages that a mail gives back, with at least their headers."""
    kind = mail.get_content_type()
    if kind in ("message/rfc822", "message/global") and mail.is_multipart():
        yield from list(_parts(mail))[:1]
    elif kind in RETURNED:
        inner = Message()
        for name, values in next(iter(_blocks(text_of(mail))), {}).items():
            for value in values:
                inner[name] = value
        yield inner
    elif mail.is_multipart() and kind not in FIELDS:
        for part in _parts(mail):
            yield from returned(part)


def _parts(mail: Message) -> Iterator[Message]:
    payload = mail.get_payload()
    if isinstance(payload, list):
        yield from (part for part in payload if isinstance(part, Message))


def text_of(part: Message) -> str:
    """Return the text of a part, with LF line ends; a charset that is unknown is read as Latin-1."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            return payload[: TEXT_AT_MOST * 4].decode(charset).replace("\r\n", "\n")[:TEXT_AT_MOST]
        except (LookupError, UnicodeError):
            continue
    return payload.decode("latin-1").replace("\r\n", "\n")[:TEXT_AT_MOST]


def words_for_people(mail: Message) -> str:
    """Return what a person reads in a mail: its plain texts, or its HTML without marks when there are none."""
    plain = [text_of(part) for part in said(mail) if part.get_content_type() == "text/plain"]
    if any(text.strip() for text in plain):
        return "\n".join(plain)
    pages = [text_of(part) for part in said(mail) if part.get_content_type() == "text/html"]
    return "\n".join(without_marks(page) for page in pages)


def without_marks(page: str) -> str:
    """Return the words of an HTML page."""
    for name in ("style", "script", "title"):
        page = _without(page, name)
    return _LINES.sub("\n\n", html.unescape(_TAG.sub(lambda tag: "\n" if tag[0][1:2] in "bB/" else " ", page))).strip()


def _without(page: str, name: str) -> str:
    """Return a page without one kind of element and what it holds, in one walk."""
    lower, kept, at = page.lower(), [], 0
    while (start := lower.find(f"<{name}", at)) >= 0:
        kept.append(page[at:start])
        end = lower.find(">", lower.find(f"</{name}", start) + 1 or len(page))
        at = end + 1 if end >= 0 else len(page)
    kept.append(page[at:])
    return "".join(kept)


def before_returned(text: str) -> str:
    """Return a text up to where it begins to give the original message back."""
    found = _RETURNED_FROM.search(text)
    return text[: found.start()] if found else text


def fields_of(part: Message) -> list[Fields]:
    """Return the groups of fields of a delivery status or a feedback report (RFC 3464, 5965)."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [group for each in payload if isinstance(each, Message) for group in _groups_of(each)]
    return _blocks(text_of(part))


def _groups_of(block: Message) -> list[Fields]:
    """Return the fields of one parsed block, and those in what was taken for its body."""
    own: Fields = {}
    for name, value in block.raw_items():
        own.setdefault(name.lower(), []).append(_decoded(value))
    body = block.get_payload()
    return ([own] if own else []) + (_blocks(body) if isinstance(body, str) else [])


def _blocks(text: str) -> list[Fields]:
    groups: list[Fields] = [{}]
    name = ""
    for line in text.splitlines():
        if not line.strip():
            groups.append({})
            name = ""
        elif line[0] in " \t":
            if name:
                groups[-1][name][-1] += " " + line.strip()
        else:
            name, colon, value = line.partition(":")
            name = name.strip().lower() if colon and " " not in name.strip() else ""
            if name:
                groups[-1].setdefault(name, []).append(value.strip())
    return [group for group in groups if group]


def _decoded(value: object) -> str:
    """Return a header value on one line, with its encoded words, or its bare UTF-8, read where they can be."""
    plain = " ".join(str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
    if "=?" not in plain:
        return plain
    try:
        return " ".join(str(make_header(decode_header(plain))).split())
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return plain
