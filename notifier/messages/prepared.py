"""Messages rendered once for many readers: what differs between neighbours is their place and their link.

A template is rendered with marks in the place of those two; each further message only fills them in, as words or as
the quoted-printable bytes of a mail. A text is rendered with a mark in every length it may have, and each is fitted
with its own place. Whether that says the same is proved on the first messages of each kind by rendering them in full;
if not, all are rendered in full. Answers are few, and each its own: they are not prepared.
"""

import quopri
import re
from collections.abc import Hashable

from markupsafe import escape

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel, NotificationFacts
from notifier.messages.fitting import fit
from notifier.messages.mime import LINE_AT_MOST, Encoded, encode, quoted_printable
from notifier.messages.places import Place, place_of
from notifier.messages.wording import Rendered, Wording

PLACE, LINK = "\ue000place\ue001", "\ue000link\ue001"  # private use: removed from everything that comes from outside
MARKS = re.compile(f"({PLACE}|{LINK})")
SOFT_BREAK = b"=\r\n"
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
            self._levels = wording.levels(kind, facts, personal, self._times, Place(text=PLACE))
            return
        marked = wording.render_at(channel, kind, facts, personal, self._times, Place(text=PLACE), LINK)
        self._marked = marked
        self._text, self._html = Pieces(marked.text), Pieces(marked.html)
        self._holds = self._text.fit and self._html.fit

    def render(self, personal: NotificationFacts, unsubscribe_url: str) -> Rendered:
        """Return the words for one reader; raise `RenderFailed`."""
        place = place_of(personal, self._wording.phrases.words, self._times)
        if self._channel is Channel.SMS:
            return self._render_text(personal, place)
        if self._must_be_in_full(place, unsubscribe_url):
            return self._in_full(personal, place, unsubscribe_url)
        return self._fill(place, unsubscribe_url)

    def encode(self, personal: NotificationFacts, unsubscribe_url: str) -> Encoded:
        """Return the words for one reader as the parts of a mail; raise `RenderFailed`."""
        place = place_of(personal, self._wording.phrases.words, self._times)
        if self._must_be_in_full(place, unsubscribe_url):
            return encode(self._in_full(personal, place, unsubscribe_url))
        return self._fill_encoded(place, unsubscribe_url)

    def _render_text(self, personal: NotificationFacts, place: Place) -> Rendered:
        if not self._holds:
            return self._in_full(personal, place, "")
        filled = self._wording.as_text(
            fit(
                place.texts,
                lambda text: [level.replace(PLACE, text) for level in self._levels],
                self._wording.budget,
            )
        )
        if not self._proofs_left:
            return filled
        self._proofs_left -= 1
        full = self._in_full(personal, place, "")
        self._holds = full == filled
        return full

    def _must_be_in_full(self, place: Place, unsubscribe_url: str) -> bool:
        if place.listed or place.unlisted or not unsubscribe_url or not self._holds:
            return True
        if self._proofs_left:
            self._proofs_left -= 1
            self._holds = self._prove(place, unsubscribe_url)
        return not self._holds

    def _prove(self, place: Place, unsubscribe_url: str) -> bool:
        """Tell whether filling in says, in words and in bytes, what rendering in full says."""
        full = self._wording.render_at(
            self._channel, self._kind, self._facts, self._personal, self._times, place, unsubscribe_url
        )
        encoded = self._fill_encoded(place, unsubscribe_url)
        return (
            self._fill(place, unsubscribe_url) == full
            and encoded.subject == full.subject
            and _decoded(encoded.text) == full.text
            and _decoded(encoded.html) == full.html
        )

    def _fill(self, place: Place, unsubscribe_url: str) -> Rendered:
        return Rendered(
            subject=self._marked.subject.replace(PLACE, place.text),
            text=self._marked.text.replace(PLACE, place.text).replace(LINK, unsubscribe_url),
            html=self._marked.html.replace(PLACE, escape(place.text)).replace(LINK, escape(unsubscribe_url)),
            template_version=self._wording.version,
        )

    def _fill_encoded(self, place: Place, unsubscribe_url: str) -> Encoded:
        return Encoded(
            subject=self._marked.subject.replace(PLACE, place.text),
            text=self._text.fill(place.text, unsubscribe_url),
            html=self._html.fill(escape(place.text), escape(unsubscribe_url)),
            template_version=self._wording.version,
        )

    def _in_full(self, personal: NotificationFacts, place: Place, unsubscribe_url: str) -> Rendered:
        return self._wording.render_at(
            self._channel, self._kind, self._facts, personal, self._times, place, unsubscribe_url
        )


class Pieces:
    """One part of a mail, quoted-printable between its marks; soft line breaks stand round what is filled in."""

    def __init__(self, marked: str) -> None:
        pieces = MARKS.split(marked)
        self._pieces = [piece.encode() if piece in (PLACE, LINK) else _fragment(piece) for piece in pieces]
        self._places = [index for index, piece in enumerate(pieces) if piece == PLACE]
        self._links = [index for index, piece in enumerate(pieces) if piece == LINK]
        literal = (self._pieces[index] for index, piece in enumerate(pieces) if piece not in (PLACE, LINK))
        self.fit = all(len(piece) - (piece.rfind(b"\n") + 1) < LINE_AT_MOST for piece in literal)

    def fill(self, place: str, link: str) -> bytes:
        """Return the part with both marks filled in."""
        pieces = self._pieces.copy()
        for value, indexes in ((place, self._places), (link, self._links)):
            encoded = _between_soft_breaks(value)
            for index in indexes:
                pieces[index] = encoded
        return b"".join(pieces)


def _between_soft_breaks(value: str) -> bytes:
    """Return quoted-printable on lines of its own; the "x" keeps the column free that the last break needs."""
    return SOFT_BREAK + _fragment(value + "x")[:-1] + SOFT_BREAK


def _fragment(text: str) -> bytes:
    """Return quoted-printable without the line end that makes the encoder end its lines with CRLF."""
    encoded = quoted_printable("\n" + text)
    return encoded.removeprefix(b"\r\n")


def _decoded(data: bytes) -> str:
    return quopri.decodestring(data).decode().replace("\r\n", "\n")
