"""Messages rendered once for many readers: what differs between neighbours is their place and their link.

A template is rendered with marks in the place of those two; each further message only fills them in. Whether that
says the same is proved on the first messages of each kind by rendering them in full; if not, all are rendered in full.
"""

from collections.abc import Hashable

from markupsafe import escape

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel, NotificationFacts
from notifier.messages.places import Place, place_of
from notifier.messages.render import Rendered, Wording

PLACE, LINK = "\ue000place\ue001", "\ue000link\ue001"  # private use: removed from everything that comes from outside
PROOFS = 3  # messages that are rendered both ways
PREPARED_AT_MOST = 256


class PreparedMessages:
    """Renders messages, keeping what neighbours share."""

    def __init__(self) -> None:
        self._prepared: dict[Hashable, _Prepared] = {}

    def render(
        self,
        wording: Wording,
        channel: Channel,
        kind: BroadcastKind,
        facts: Facts,
        personal: NotificationFacts,
        unsubscribe_url: str,
    ) -> Rendered:
        """Return the message for one reader; raise `RenderFailed`."""
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
            prepared = _Prepared(wording, channel, kind, facts, personal)
            if len(self._prepared) >= PREPARED_AT_MOST:
                self._prepared.clear()  # facts of minutes that have passed
            self._prepared[key] = prepared
        return prepared.render(personal, unsubscribe_url)


class _Prepared:
    """One message with marks where readers differ."""

    def __init__(
        self, wording: Wording, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts
    ) -> None:
        self._wording, self._channel, self._kind, self._facts = wording, channel, kind, facts
        self._times = wording.times(personal)
        marked = wording.render_at(channel, kind, facts, personal, self._times, Place(text=PLACE), LINK)
        self._subject, self._text, self._html = marked.subject, marked.text, marked.html
        self._proofs_left = PROOFS
        self._holds = True

    def render(self, personal: NotificationFacts, unsubscribe_url: str) -> Rendered:
        place = place_of(personal, self._wording.phrases.words, self._times)
        if place.listed or place.unlisted or not unsubscribe_url or not self._holds:
            return self._in_full(personal, place, unsubscribe_url)
        filled = self._fill(place, unsubscribe_url)
        if self._proofs_left:
            self._proofs_left -= 1
            full = self._in_full(personal, place, unsubscribe_url)
            self._holds = full == filled
            return full
        return filled

    def _fill(self, place: Place, unsubscribe_url: str) -> Rendered:
        return Rendered(
            subject=self._subject.replace(PLACE, place.text),
            text=self._text.replace(PLACE, place.text).replace(LINK, unsubscribe_url),
            html=self._html.replace(PLACE, escape(place.text)).replace(LINK, escape(unsubscribe_url)),
            template_version=self._wording.version,
        )

    def _in_full(self, personal: NotificationFacts, place: Place, unsubscribe_url: str) -> Rendered:
        return self._wording.render_at(
            self._channel, self._kind, self._facts, personal, self._times, place, unsubscribe_url
        )
