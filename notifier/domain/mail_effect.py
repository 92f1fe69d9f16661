"""What follows from a mail that came back: decided by its kind and by what it says about the address we wrote to."""

from enum import StrEnum
from typing import assert_never

from notifier.domain.mail_report import MailKind
from notifier.domain.mail_status import Action, Failure
from notifier.domain.mail_verdict import MAILBOX_DISABLED, Verdict


class MailEffect(StrEnum):
    """What was done; stored, shown, and the metric label."""

    SUPPRESSED = "suppressed"  # the address is not written to any more
    UNDELIVERED = "undelivered"  # the message did not arrive; the address stays
    NONE = "none"  # no news about anybody: delayed, a note of absence, a challenge
    NOTED = "noted"  # a customer's answer that says something about service or messages
    FORWARDED = "forwarded"  # a customer's words, on their way to the helpdesk
    UNIDENTIFIED = "unidentified"  # about nothing that we sent: recorded, nothing else


def effect_of(kind: MailKind, failure: Failure) -> MailEffect:
    """Return what a delivery report or a complaint about one of our messages does; what only waits does nothing.

    A complaint says that the message arrived.
    """
    if kind is MailKind.DSN and failure.action is not Action.FAILED:
        return MailEffect.NONE
    match failure.verdict:
        case Verdict.SUPPRESS_ADDRESS | Verdict.COMPLAINT:
            return MailEffect.SUPPRESSED
        case Verdict.SOFT | Verdict.SENDER_PROBLEM | Verdict.AMBIGUOUS:
            return MailEffect.UNDELIVERED if kind is MailKind.DSN else MailEffect.NONE
        case Verdict.NOT_A_FAILURE:
            return MailEffect.NONE
        case _:
            assert_never(failure.verdict)


def calls_it_disabled(failure: Failure) -> bool:
    """Tell whether a report calls the mailbox disabled: said again, it is believed."""
    return failure.verdict is Verdict.AMBIGUOUS and failure.status == MAILBOX_DISABLED
