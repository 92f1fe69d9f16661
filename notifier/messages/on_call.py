"""What people on call read: short, plain, without a customer's data. A text fits into two segments of GSM-7.

In: one line about what needs them, the code, what may be answered. Out: the body of a text, a mail, or a webhook.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from notifier.config import Sender, WebhookKind
from notifier.domain.on_call import CallReason, Says, Verb
from notifier.domain.segments import Segments, segments, to_gsm7
from notifier.messages.mime import Mail

SEGMENTS_AT_MOST = 2
NAME = "NOTIFIER"
SUBJECT_AT_MOST = 110  # characters
SUMMARY_AT_MOST = 1024  # characters, PagerDuty Events API v2
_CUT = ".."


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one person is told."""

    id: int  # of the call: `notifier on-call ack ID`
    route_id: int  # the same when it is handed over again
    says: Says
    reason: CallReason
    text: str  # one line
    verbs: tuple[Verb, ...] = ()
    code: str = ""
    answer_within: timedelta = timedelta(minutes=10)
    others: int = 0  # people on the list beside this one
    at: datetime


def text_message(notice: Notice) -> tuple[str, Segments]:
    """Return the body of a text, at most two segments long: the line is cut where it must be, never the answers."""
    head = f"{NAME} {notice.text}".rstrip(". ")
    tail = f". {_answers(notice)}".rstrip() if notice.says is Says.CALL else "."
    return _fitted(to_gsm7(head), to_gsm7(tail))


def mail(notice: Notice, sender: Sender, recipient: str, public_url: str) -> Mail:
    """Return a plain mail; a mail of the same route has the same Message-ID each time."""
    domain = sender.address.rpartition("@")[2]
    token = f"oncall{notice.route_id}"
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = sender.address
    message["To"] = recipient
    message["Subject"] = _shortened(f"{NAME} {notice.text}", SUBJECT_AT_MOST)
    message["Date"] = format_datetime(notice.at.replace(microsecond=0))
    message["Message-ID"] = f"<{token}.{int(notice.at.timestamp())}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Priority"] = "1" if notice.says is Says.CALL else "3"
    message.set_content("\n\n".join((f"{notice.text}.".replace("..", "."), *_by_hand(notice, public_url))) + "\n")
    return Mail(
        notification_id=-notice.route_id,  # no notification to a customer
        sender=f"bounces+{token}@{sender.bounce_domain or domain}",
        recipient=recipient,
        data=message.as_bytes(),
    )


def webhook(notice: Notice, kind: WebhookKind, key: str, source: str) -> Mapping[str, object]:
    """Return the JSON that a webhook is posted; `source` names this daemon."""
    match kind:
        case WebhookKind.PAGERDUTY:
            return _pagerduty(notice, key, source)
        case WebhookKind.SLACK:
            return {"text": _in_slack("\n".join((f"{NAME} {notice.text}", *_by_hand(notice, source))))}
        case WebhookKind.TEAMS:
            return _teams((f"{NAME} {notice.text}", *_by_hand(notice, source)))


def one_text(text: str) -> str:
    """Return a text of ours as it may be sent: GSM-7, cut to two segments."""
    return _fitted(to_gsm7(text), "")[0]


def trial_line(person: str) -> str:
    """Return what a test says."""
    return f"test for {person}: nothing has happened, this only tries whether you are reached"


def words_to_answer(code: str, verbs: Sequence[Verb]) -> str:
    """Return what to answer with: `Reply K7Q SEND, K7Q WAIT or K7Q NO.`"""
    each = [f"{code} {verb.upper()}" for verb in verbs]
    return f"Reply {' or '.join(filter(None, (', '.join(each[:-1]), each[-1])))}."


def _answers(notice: Notice) -> str:
    """Return how to answer, and what happens when nobody does."""
    said = f"{words_to_answer(notice.code, notice.verbs)} " if notice.code and notice.verbs else ""
    if notice.reason is CallReason.TEST or not notice.verbs:  # nothing is asked
        return said.rstrip()
    minutes = max(1, round(notice.answer_within.total_seconds() / 60))
    then = "the next on call is woken" if notice.others else "you are called again"
    return f"{said}No answer in {minutes} min: {then}."


def _by_hand(notice: Notice, where: str) -> Sequence[str]:
    """Return the lines that say what to do at a keyboard."""
    if notice.says is not Says.CALL:
        return ()
    if not notice.verbs:
        return (f"Look: notifier (at {where})",)
    return (
        f"Look: notifier (at {where})",
        f"You have it: notifier on-call ack {notice.id}",
        *([_answers(notice)] if notice.reason is not CallReason.TEST and not notice.code else []),
    )


def _pagerduty(notice: Notice, key: str, source: str) -> Mapping[str, object]:
    """Return an event of PagerDuty's Events API v2; the same call is the same event, however often it is posted."""
    action = {Says.CALL: "trigger", Says.ANSWERED: "acknowledge", Says.OVER: "resolve"}[notice.says]
    event: dict[str, object] = {
        "routing_key": key,
        "event_action": action,
        "dedup_key": f"notifier {source} call {notice.id}"[:255],
    }
    if notice.says is Says.CALL:
        event["payload"] = {
            "summary": _shortened(f"{NAME} {notice.text}", SUMMARY_AT_MOST),
            "source": source,
            "severity": "info" if notice.reason is CallReason.TEST or not notice.verbs else "critical",
            "timestamp": notice.at.isoformat(timespec="seconds"),
            "class": str(notice.reason),
            "custom_details": {"acknowledge": f"notifier on-call ack {notice.id}"},
        }
        event["client"] = "Notifier"
    return event


def _in_slack(text: str) -> str:
    """Return a text with Slack's three control characters escaped: a name cannot call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(lines: Sequence[str]) -> Mapping[str, object]:
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [
                        {"type": "TextBlock", "text": line, "wrap": True, "weight": "Default" if n else "Bolder"}
                        for n, line in enumerate(lines)
                    ],
                },
            }
        ],
    }


def _fitted(head: str, tail: str) -> tuple[str, Segments]:
    whole = f"{head}{tail}"
    taken = segments(whole)
    while taken.count > SEGMENTS_AT_MOST and head:
        head = head.removesuffix(_CUT)[:-8].rstrip(" ,;:.") + _CUT
        if head == _CUT:  # only the answers are too long: no text of ours
            break
        whole = f"{head}{tail.lstrip('.')}"
        taken = segments(whole)
    return whole, taken


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - len(_CUT)].rstrip()}{_CUT}"
