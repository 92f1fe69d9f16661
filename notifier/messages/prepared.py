"""Messages rendered once for many readers: what differs between neighbours is their place and their links.

A template is rendered with marks in the place of those; each further message only fills them in, as words or as
the quoted-printable bytes of a mail. A text is rendered with a mark in every length it may have, and each is fitted
with its own place. Whether that says the same is proved on the first messages of each kind by rendering them in full;
if not, all are rendered in full. Answers are few, and each its own: they are not prepared.
"""

import quopri
import re
from collections.abc import Hashable, Sequence

from markupsafe import escape

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel, NotificationFacts
from notifier.messages.fitting import fit
from notifier.messages.mime import LINE_AT_MOST, Encoded, encode, quoted_printable
from notifier.messages.places import Place, place_of
from notifier.messages.wording import Rendered, Wording

PLACE, LINK, SETTINGS = (f"\ue000{name}\ue001" for name in ("place", "link", "settings"))  # private use: in no wording
MARKS = re.compile(f"({PLACE}|{LINK}|{SETTINGS})")
Links = tuple[str, str]  # to opt out, to the reader's own settings
NO_LINKS = ("", "")
SOFT_BREAK = b"=\r\n"
_NEEDS_CODE = re.compile("=| $")
PROOFS = 3  # messages that are rendered both ways
PREPARED_AT_MOST = 256


class PreparedMessages:
    """Renders messages, keeping what neighbours share."""

    def __init__(self) -> None:
        self._prepared: dict[Hashable, PreparedMessage] = {}

    def find(
        self, wording: Wording, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts
    ) -> "PreparedMessage":
        """Return what this reader shares with neighbours; raise `RenderFailed`."""
        key = (
            wording.version,
            channel,
            kind,
            facts,
            personal.locale,
            personal.time_zone,
            personal.at,
            personal.first_contact,
            (personal.credit_minor, personal.credit_currency, personal.credit_month),
        )
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = PreparedMessage(wording, channel, kind, facts, personal)
            if len(self._prepared) >= PREPARED_AT_MOST:
                self._prepared.clear()  # facts of minutes that have passed
            self._prepared[key] = prepared
        return prepared


class PreparedMessage:
    """One message with marks where readers differ."""

    def __init__(
        self, wording: Wording, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts
    ) -> None:
        self._wording, self._channel, self._kind, self._facts = wording, channel, kind, facts
        self._personal = personal  # of the first reader: its sites are not used
        self._times = wording.times(personal, channel)
        self._proofs_left = PROOFS
        self._holds = True
        if channel is Channel.SMS:
            self._sentences = wording.sentences(kind, facts, personal, self._times, Place(text=PLACE))
            return
        marked = wording.render_at(channel, kind, facts, personal, self._times, Place(text=PLACE), LINK, SETTINGS)
        self._marked = marked
        self._text, self._html = Pieces(marked.text), Pieces(marked.html)
        self._holds = self._text.fit and self._html.fit

    def render(self, personal: NotificationFacts, unsubscribe_url: str, preferences_url: str = "") -> Rendered:
        """Return the words for one reader; raise `RenderFailed`."""
        place = place_of(personal, self._wording.phrases.words, self._times)
        if self._channel is Channel.SMS:
            return self._render_text(personal, place)
        links = (unsubscribe_url, preferences_url)
        return (
            self._in_full(personal, place, links) if self._must_be_in_full(place, links) else self._fill(place, links)
        )

    def encode(self, personal: NotificationFacts, unsubscribe_url: str, preferences_url: str = "") -> Encoded:
        """Return the words for one reader as the parts of a mail; raise `RenderFailed`."""
        place = place_of(personal, self._wording.phrases.words, self._times)
        links = (unsubscribe_url, preferences_url)
        if self._must_be_in_full(place, links):
            return encode(self._in_full(personal, place, links))
        return self._fill_encoded(place, links)

    def _render_text(self, personal: NotificationFacts, place: Place) -> Rendered:
        if not self._holds:
            return self._in_full(personal, place, NO_LINKS)
        fitted = fit(place.texts, lambda _: self._sentences, self._wording.budget, mark=PLACE)
        filled = self._wording.as_text(fitted)
        if not self._proofs_left:
            return filled
        self._proofs_left -= 1
        full = self._in_full(personal, place, NO_LINKS)
        self._holds = full == filled
        return full

    def _must_be_in_full(self, place: Place, links: Links) -> bool:
        if place.listed or place.unlisted or not all(links) or not self._holds:
            return True
        if self._proofs_left:
            self._proofs_left -= 1
            self._holds = self._prove(place, links)
        return not self._holds

    def _prove(self, place: Place, links: Links) -> bool:
        """Tell whether filling in says, in words and in bytes, what rendering in full says."""
        full = self._wording.render_at(
            self._channel, self._kind, self._facts, self._personal, self._times, place, *links
        )
        encoded = self._fill_encoded(place, links)
        return (
            self._fill(place, links) == full
            and encoded.subject == full.subject
            and _decoded(encoded.text) == full.text
            and _decoded(encoded.html) == full.html
        )

    def _fill(self, place: Place, links: Links) -> Rendered:
        text, html = self._marked.text, self._marked.html
        for mark, value in zip((PLACE, LINK, SETTINGS), (place.text, *links), strict=True):
            text, html = text.replace(mark, value), html.replace(mark, escape(value))
        return Rendered(
            subject=self._marked.subject.replace(PLACE, place.text),
            text=text,
            html=html,
            template_version=self._wording.version,
        )

    def _fill_encoded(self, place: Place, links: Links) -> Encoded:
        values = (place.text, *links)
        in_text = [_between_soft_breaks(value) for value in values]
        in_html = [
            encoded if (escaped := str(escape(value))) == value else _between_soft_breaks(escaped)
            for value, encoded in zip(values, in_text, strict=True)
        ]
        return Encoded(
            subject=self._marked.subject.replace(PLACE, place.text),
            text=self._text.fill(in_text),
            html=self._html.fill(in_html),
            template_version=self._wording.version,
        )

    def _in_full(self, personal: NotificationFacts, place: Place, links: Links) -> Rendered:
        return self._wording.render_at(self._channel, self._kind, self._facts, personal, self._times, place, *links)


class Pieces:
    """One part of a mail, quoted-printable between its marks; soft line breaks stand round what is filled in."""

    def __init__(self, marked: str) -> None:
        pieces = MARKS.split(marked)
        marks = (PLACE, LINK, SETTINGS)
        self._pieces = [piece.encode() if piece in marks else _fragment(piece) for piece in pieces]
        self._indexes = [[index for index, piece in enumerate(pieces) if piece == mark] for mark in marks]
        literal = (self._pieces[index] for index, piece in enumerate(pieces) if piece not in marks)
        self.fit = all(len(piece) - (piece.rfind(b"\n") + 1) < LINE_AT_MOST for piece in literal)

    def fill(self, values: Sequence[bytes]) -> bytes:
        """Return the part with the place and both links filled in."""
        pieces = self._pieces.copy()
        for value, indexes in zip(values, self._indexes, strict=True):
            for index in indexes:
                pieces[index] = value
        return b"".join(pieces)


def _between_soft_breaks(value: str) -> bytes:
    """Return quoted-printable on lines of its own; the "x" keeps the column free that the last break needs."""
    if len(value) < LINE_AT_MOST and value.isascii() and value.isprintable() and not _NEEDS_CODE.search(value):
        return SOFT_BREAK + value.encode() + SOFT_BREAK  # as most are: nothing to encode
    return SOFT_BREAK + _fragment(value + "x")[:-1] + SOFT_BREAK


def _fragment(text: str) -> bytes:
    """Return quoted-printable without the line end that makes the encoder end its lines with CRLF."""
    encoded = quoted_printable("\n" + text)
    return encoded.removeprefix(b"\r\n")


def _decoded(data: bytes) -> str:
    return quopri.decodestring(data).decode().replace("\r\n", "\n")
