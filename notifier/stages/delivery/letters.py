"""One message as its reader sees it: rendered again as it was sent, or as it would be sent now."""

from datetime import datetime

from msgspec.structs import replace

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.answer import Answer
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.consent import purpose_of
from notifier.domain.given import as_given
from notifier.domain.night import as_told
from notifier.domain.notification import NotificationFacts
from notifier.messages import Messages, RenderFailed
from notifier.messages.edition import from_json as edition_from_json
from notifier.messages.mime import MailComposer
from notifier.messages.wording import Wording
from notifier.stages.delivery.answers import freeze_answers
from notifier.stages.delivery.given import handed_before
from notifier.stages.delivery.personal import PersonalFacts
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import notifications
from notifier.storage.queries.notifications import StoredNotification
from notifier.storage.repositories import answers, claims, editions, parts
from notifier.storage.views import NotificationView

FORMER_AT_MOST = 16  # compiled wordings of then


class Letters:
    """Shows messages with all that explains them."""

    def __init__(self, database: Database, config: Config, clock: Clock, messages: Messages, link_secret: str) -> None:
        self._database, self._clock, self._messages = database, clock, messages
        self._composer = MailComposer(config.sender, link_secret)
        self._personal = PersonalFacts(config, messages)
        self._former: dict[str, Wording] = {}  # by version

    async def show(self, notification_id: int) -> NotificationView:
        """Return one notification with the words that were sent, or that would be sent now; raise `NotFound`."""
        now = self._clock.now()

        def load(tx: Transaction) -> tuple[StoredNotification, str | None, NotificationFacts | None]:
            stored = notifications.find(tx, notification_id)
            version = stored.view.template_version
            edition = editions.edition(tx, version) if version else None
            return stored, edition, stored.personal or self._would_freeze(tx, stored, now)

        stored, edition, personal = await self._database.read(load)
        if stored.answer is not None and personal is not None:
            return self._answer(stored, stored.answer, edition, personal)
        if stored.kind is None or stored.facts is None or personal is None:
            return stored.view
        words = self._wording(stored, edition, personal).render(
            stored.channel,
            BroadcastKind(personal.kind or stored.kind),
            as_told(stored.facts, personal),
            personal,
            self._composer.unsubscribe_url(stored.contact_point_id, purpose_of(stored.kind)),
            self._composer.preferences_url(stored.contact_point_id),
        )
        kind = personal.kind or stored.view.kind
        return replace(stored.view, kind=kind, subject=words.subject, text=words.text, html=words.html)

    async def body(self, notification_id: int) -> str:
        """Return the words of a message that was begun, as they were sent; "" where they cannot be made any more."""
        try:
            return (await self.show(notification_id)).text
        except RenderFailed:
            return ""

    def _wording(self, stored: StoredNotification, edition: str | None, personal: NotificationFacts) -> Wording:
        """Return the wording of a version: the one in use, or one of then."""
        current, version = self._messages.wording(personal.locale), stored.view.template_version
        if not edition or not version or version == current.version:
            return current
        if version not in self._former:
            if len(self._former) >= FORMER_AT_MOST:
                self._former.clear()
            self._former[version] = Wording(edition_from_json(edition))
        return self._former[version]

    def _answer(
        self, stored: StoredNotification, answer: Answer, edition: str | None, personal: NotificationFacts
    ) -> NotificationView:
        """Return an answer with its words."""
        words = self._wording(stored, edition, personal).render(
            stored.channel,
            answer.kind,
            answer.facts or Facts(service=answer.service),
            personal,
            self._composer.unsubscribe_url(stored.contact_point_id),
            self._composer.preferences_url(stored.contact_point_id),
        )
        return replace(stored.view, subject=words.subject, text=words.text, html=words.html)

    def _would_freeze(self, tx: Transaction, stored: StoredNotification, now: datetime) -> NotificationFacts | None:
        """Return the personal facts of a message that was never claimed, as a claim at this minute would."""
        if stored.answer is not None:
            candidate_answer = answers.as_candidate(tx, stored.view.id)
            return freeze_answers(self._personal, tx, {candidate_answer: stored.answer}, now)[stored.view.id]
        if stored.view.broadcast_id is None or stored.view.incident_id is None:
            return None
        candidate = claims.as_candidate(tx, stored.view.id, stored.view.incident_id)
        personal = self._personal.freeze(tx, stored.view.broadcast_id, [candidate], now)[stored.view.id]
        if stored.kind is None or stored.facts is None:
            return personal
        kind, incidents = stored.kind, (stored.view.incident_id, *parts.kin(tx, stored.view.incident_id))
        handed = handed_before(tx, kind, stored.facts, [candidate], incidents, broadcast_id=stored.view.broadcast_id)
        return as_given(personal, kind, stored.facts, handed.get(candidate.id, ()), now)
