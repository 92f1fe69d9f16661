"""Who is not written to any more: because they said so, or because there is no such address."""

from datetime import datetime
from typing import assert_never

from notifier.clock import Clock
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Suppress
from notifier.messages.links import address_hash
from notifier.metrics import Metrics
from notifier.stages.delivery.claimed import Handed
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import consents, suppressions


class Suppressions:
    """Stops messages to a contact point; the next claim finds it stopped."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics, link_secret: str) -> None:
        """Keep the parts; addresses are logged under a hash made with the secret."""
        self._database, self._clock, self._metrics, self._secret = database, clock, metrics, link_secret

    def after(self, tx: Transaction, one: Handed, now: datetime) -> None:
        """Stop writing to an address that the provider says does not exist, or has said so again."""
        if one.outcome.suppress is not Suppress.NO:
            source = f"{one.provider} {one.outcome.code}"
            point, suppress = one.claimed.contact_point_id, one.outcome.suppress
            self.apply(tx, point, suppress, source=source, sent_at=one.began_at, now=now)

    def apply(
        self,
        tx: Transaction,
        contact_point_id: int,
        suppress: Suppress,
        *,
        source: str,
        sent_at: datetime | None,
        now: datetime,
    ) -> None:
        """Do what a provider's word about an address means, now or in a later report.

        An opt-out that it knew of when the message was sent is over where somebody has opted in since.
        """
        reason = SuppressionReason.BAD_ADDRESS
        match suppress:
            case Suppress.NO:
                return
            case Suppress.NOT_MOBILE:
                suppressions.make_landline(tx, contact_point_id)
                return
            case Suppress.REPEATED:
                if suppressions.count_soft_bounce(tx, contact_point_id) < 2:
                    return
            case Suppress.OPTED_OUT:
                if sent_at is not None and consents.opted_in_since(tx, contact_point_id, sent_at):
                    return
                reason = SuppressionReason.OPTED_OUT
            case Suppress.AT_ONCE:
                pass
            case _:
                assert_never(suppress)
        hashed = address_hash(self._secret, suppressions.address_of(tx, contact_point_id))
        suppressions.suppress(tx, contact_point_id, reason, source=source, hashed=hashed, now=now)
