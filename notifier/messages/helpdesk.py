"""The mail by which a person of the company reads what customers wrote and no rule could answer.

In: some texts. Out: one plain mail, the same Message-ID each time it is handed over. It is marked as automatic, so that
nobody's vacation note answers it, and a text from outside is quoted line by line: it is data, never a header.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from notifier.config import Sender
from notifier.domain.text import clean_line
from notifier.messages.mime import Mail

TEXT_AT_MOST = 2_000  # characters of each text
SUBJECT_AT_MOST = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one person wrote."""

    id: int
    source: str  # "sms" or "email"
    sender: str
    customer: str  # the company's reference; "" = not on file
    meaning: str
    text: str
    received_at: datetime


def helpdesk_mail(said: Sequence[Said], sender: Sender, recipient: str, *, zone: ZoneInfo, at: datetime) -> Mail:
    """Return one mail with everything that was said."""
    domain = sender.address.rpartition("@")[2]
    token = f"helpdesk{said[0].id}-{said[-1].id}"
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = sender.address
    message["To"] = recipient
    message["Subject"] = _subject(said)
    message["Date"] = format_datetime(at.replace(microsecond=0))
    message["Message-ID"] = f"<{token}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content("\n\n".join(_paragraph(one, zone) for one in said) + "\n")
    return Mail(
        notification_id=0,  # no notification to a customer
        sender=f"bounces+helpdesk@{sender.bounce_domain or domain}",
        recipient=recipient,
        data=message.as_bytes(),
    )


def _subject(said: Sequence[Said]) -> str:
    if len(said) > 1:
        return f"{len(said)} messages from customers"
    return clean_line(f"{_who(said[0])}: {said[0].text}")[:SUBJECT_AT_MOST]


def _who(one: Said) -> str:
    return f"Customer {one.customer}" if one.customer else "Somebody not on file"


def _paragraph(one: Said, zone: ZoneInfo) -> str:
    when = one.received_at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    lines = [clean_line(line) for line in one.text[:TEXT_AT_MOST].splitlines()]
    quoted = "\n".join(f"> {line}" for line in lines if line) or "> (nothing)"
    what = "text" if one.source == "sms" else "mail"
    known = f"notifier customers show {clean_line(one.customer)}" if one.customer else "not on file"
    return f"{_who(one)} by {what} from {clean_line(one.sender)}, {when}, taken as: {one.meaning}\n{quoted}\n({known})"
