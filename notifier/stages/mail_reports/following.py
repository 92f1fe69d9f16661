"""What follows from a delivery report or a complaint: a receipt, the end of its notification, a suppressed address, and
a message on the next channel, if there is one and the news is still true.

All of it in the transaction that stores the report. A state never goes back: whatever ended already stays as it is.
"""

from dataclasses import replace
from datetime import datetime

from notifier.domain.customer import SuppressionReason
from notifier.domain.mail_effect import MailEffect, calls_it_disabled, effect_of
from notifier.domain.mail_report import MailKind
from notifier.domain.mail_status import Failure
from notifier.domain.mail_verdict import Verdict
from notifier.domain.notification import NotificationState
from notifier.domain.receipt import Fate, Receipt, ReceiptStatus, Reported, Standing, after_receipt
from notifier.messages.links import address_hash
from notifier.providers.smtp_replies import masked
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import fallbacks, receipts, suppressions
from notifier.storage.repositories.mail_reports import Addressed, Recorded
from notifier.storage.repositories.receipts import Subject

SOURCE = "mail report"
DISABLED_TWICE = 2  # reports that call a mailbox disabled before it is believed


def told(recorded: Recorded, failure: Failure) -> Recorded:
    """Return a record with what a report says, and with the effect that it would have on an address of ours."""
    return replace(
        recorded,
        effect=effect_of(recorded.kind, failure),
        verdict=failure.verdict,
        code=f"{failure.reply_code} {failure.status}".strip(),
        words=masked(failure.words),
    )


def must_wait(tx: Transaction, recorded: Recorded) -> bool:
    """Tell whether the message of a report is still being handed over: its outcome must be in the ledger first."""
    if recorded.effect is MailEffect.NONE or recorded.notification_id is None:
        return False
    subject = receipts.subject(tx, recorded.notification_id)
    return subject is not None and subject.state is NotificationState.SENDING


class Following:
    """Does what a report says."""

    def __init__(self, around: Surroundings, link_secret: str) -> None:
        """Keep the parts; addresses are logged under a hash made with the secret."""
        self._metrics, self._playbooks, self._secret = around.metrics, around.playbooks, link_secret
        self._basis = around.config.consent.covers()

    def follow(self, tx: Transaction, recorded: Recorded, failure: Failure, found: Addressed, now: datetime) -> None:
        """Bring about the effect of a report that is stored with this transaction."""
        if recorded.effect is MailEffect.NONE or recorded.notification_id is None:
            return
        subject = receipts.subject(tx, recorded.notification_id)
        if subject is None:
            return
        if recorded.kind is MailKind.DSN:
            self._undelivered(tx, recorded, failure, found, subject, now)
        is_complaint = failure.verdict is Verdict.COMPLAINT
        reason = SuppressionReason.COMPLAINT if is_complaint else SuppressionReason.BAD_ADDRESS
        if recorded.effect is MailEffect.SUPPRESSED or self._is_disabled_again(tx, failure, found):
            suppressions.suppress(
                tx,
                found.contact_point_id,
                reason,
                source=f"{SOURCE} {recorded.code}".strip(),
                hashed=address_hash(self._secret, found.address),
                now=now,
            )

    def _is_disabled_again(self, tx: Transaction, failure: Failure, found: Addressed) -> bool:
        if not calls_it_disabled(failure):
            return False
        return suppressions.count_soft_bounce(tx, found.contact_point_id) >= DISABLED_TWICE

    def _undelivered(
        self, tx: Transaction, recorded: Recorded, failure: Failure, found: Addressed, subject: Subject, now: datetime
    ) -> None:
        """Append a receipt, and end the notification as not delivered."""
        receipt = Receipt(
            notification_id=subject.id,
            attempt=subject.attempts,
            provider=found.provider or SOURCE,
            provider_id=f"mail {recorded.key}",
            status=ReceiptStatus.UNDELIVERED,
            code=int(failure.reply_code or 0),
        )
        receipts.append(tx, receipt, now=now)
        reported = Reported(state=subject.state, reason=subject.reason, attempts=subject.attempts)
        next_ = after_receipt(Standing.NOT_ARRIVED, Fate(), attempt=subject.attempts, reported=reported, now=now)
        if next_ is not None:
            receipts.move(tx, subject, next_, replace(receipt, provider_id=found.provider_id), now=now)
            self._metrics.notifications.labels(subject.channel, next_.state, next_.reason).inc()
            fallbacks.fall_back(tx, [subject.id], self._playbooks, now=now, basis=self._basis)
