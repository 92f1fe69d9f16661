"""What mails that service is restored name of credits: approved money, and on which bill it is.

They wait a little for credits to be computed, because nothing is sent later by itself; they never wait longer than
`credits.mail_waits`, nor do texts, which name no money. What was named is frozen with the message.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from notifier.config import Credits
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.notification import Channel, NotificationFacts
from notifier.storage.database import Transaction
from notifier.storage.queries import credits as shown
from notifier.storage.repositories import credit_runs
from notifier.storage.repositories.claims import Candidate, SendingBroadcast


class Owed:
    """Names credits in mails that service is restored."""

    def __init__(self, settings: Credits) -> None:
        self._enabled, self._waits = settings.enabled, settings.mail_waits

    def waits(self, tx: Transaction, broadcast: SendingBroadcast, channel: Channel, now: datetime) -> bool:
        """Tell whether the mails of an update wait for its credits to be computed."""
        if not self._may_name(broadcast, channel) or now >= broadcast.started_at + self._waits:
            return False
        return not credit_runs.is_counted(tx, broadcast.id)

    def named(
        self,
        tx: Transaction,
        broadcast: SendingBroadcast,
        channel: Channel,
        found: Sequence[Candidate],
        personal: dict[int, NotificationFacts],
    ) -> dict[int, NotificationFacts]:
        """Return the personal facts of messages with what each may name."""
        if not self._may_name(broadcast, channel):
            return personal
        owed = shown.named(tx, broadcast.id, broadcast.incident_id, [one.contact_point_id for one in found])
        if not owed:
            return personal
        with_credit = dict(personal)
        for one in found:
            if one.contact_point_id in owed:
                amount, currency, month = owed[one.contact_point_id]
                with_credit[one.id] = replace(
                    personal[one.id], credit_minor=amount, credit_currency=currency, credit_month=month
                )
        return with_credit

    def _may_name(self, broadcast: SendingBroadcast, channel: Channel) -> bool:
        return self._enabled and channel is Channel.EMAIL and broadcast.kind == BroadcastKind.RESTORED
