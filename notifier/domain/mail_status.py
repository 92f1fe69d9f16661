"""Failures told in fields: delivery status notifications (RFC 3464, 6533), feedback reports (RFC 5965), SES notices.

Comes in: a parsed mail. Goes out: what it says about each recipient, with a verdict. The address that a report names is
a word of the report: it is compared with ours later, and never believed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum
from json import JSONDecodeError, JSONDecoder
from typing import Any

from notifier.domain.mail_parts import FIELDS, Fields, fields_of, said
from notifier.domain.mail_transcript import Telling, stage_of
from notifier.domain.mail_verdict import Answer, Stage, Verdict, codes_in, decide, reply_code_in


class Action(StrEnum):
    """What a mail system did with a message to one recipient (RFC 3464, 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"  # it goes on trying: no news yet
    DELIVERED = "delivered"
    RELAYED = "relayed"  # handed to a system that reports nothing
    EXPANDED = "expanded"  # handed on to several addresses
    COMPLAINED = "complained"  # its reader called it unwanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a report says about one recipient; called so because most are."""

    recipient: str  # as the report names it, in lower case; "" when it does not
    original: str = ""  # the address it was before it was forwarded, when the report says so
    action: Action
    status: str = ""  # enhanced code: of the answer, or else of the report
    reply_code: str = ""
    words: str = ""  # of the mail system; may hold addresses
    verdict: Verdict


_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\s*(?:\((.*)\))?")
_TYPE = re.compile(r"\s*([\w.-]+)\s*;\s*(.*)", re.DOTALL)
_UNWANTED = ("abuse", "fraud", "opt-out", "opt-out-list", "complaint", "other")
_ACTIONS = {"deliverable": Action.DELIVERED, "failure": Action.FAILED, "expired": Action.FAILED}
_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient", "action", "status")


def delivery_status(mail: Message, told: list[Telling], text: str) -> list[Failure]:
    """Return what the fields of a delivery status say; `told` and `text` are the same in words for people."""
    found = []
    for part in said(mail):
        if part.get_content_type() in FIELDS[:2]:
            groups = [group for group in fields_of(part) if any(name in group for name in _RECIPIENT_FIELDS)]
            found += [_of_group(group, told, text) for group in groups]
    return found


def of_words(telling: Telling, action: Action, around: str = "") -> Failure:
    """Return a failure that is told in words alone."""
    return _judged(telling.recipient, "", action, Answer(words=telling.words, around=around, stage=telling.stage))


def feedback(mail: Message) -> list[Failure] | None:
    """Return whom a feedback report names; None when the mail holds none."""
    for part in said(mail):
        if part.get_content_type() == "message/feedback-report":
            fields = {name: values for group in fields_of(part) for name, values in group.items()}
            verdict = _of_feedback(fields)
            named = [_plain(value) for value in fields.get("original-rcpt-to", fields.get("removal-recipient", []))]
            return [
                Failure(recipient=each, action=Action.COMPLAINED, verdict=verdict)
                for each in dict.fromkeys(named or [""])
            ]
    return None


def ses_notice(text: str) -> list[Failure]:
    """Return what a notice of Amazon SES says that came by mail: JSON as the first thing in the text."""
    try:
        notice, _ = JSONDecoder(strict=False).raw_decode(text.lstrip())
    except (JSONDecodeError, RecursionError):
        return []
    if not isinstance(notice, dict):
        return []
    match notice.get("notificationType") or notice.get("eventType"):
        case "Complaint":
            named = _items(notice, "complaint", "complainedRecipients")
            verdict = Verdict.COMPLAINT
            return [Failure(recipient=_email(each), action=Action.COMPLAINED, verdict=verdict) for each in named]
        case "Delivery":
            words = str(_section(notice, "delivery").get("smtpResponse", ""))
            named = _items(notice, "delivery", "recipients")
            return [_judged(_email(each), "", Action.DELIVERED, Answer(words=words)) for each in named]
        case "Bounce":
            return [_of_ses(each) for each in _items(notice, "bounce", "bouncedRecipients")]
        case _:
            return []


def _of_group(group: Fields, told: list[Telling], text: str) -> Failure:
    """Read one recipient's fields; the remote system's own words are in Diagnostic-Code, and rank before the Status."""
    recipient = _recipient(group, "final-recipient") or _recipient(group, "original-recipient")
    own = next((each for each in told if each.recipient == recipient), told[0] if len(told) == 1 else None)
    status = _ENHANCED.search(_first(group, "status"))
    kind, diagnosis = _typed(_first(group, "diagnostic-code"))
    comment = (status[2] or "") if status else ""
    words = " ".join(filter(None, (diagnosis or (own.words if own else ""), comment)))
    by_program = kind == "x-unix" or "|" in _first(group, "final-recipient")
    said_at = stage_of(diagnosis) if diagnosis else Stage.UNKNOWN
    answer = Answer(
        words=words,
        around=text,
        status=status[1] if status else "",
        stage=said_at if said_at is not Stage.UNKNOWN else own.stage if own else Stage.UNKNOWN,
        by_program=by_program,
    )
    return _judged(recipient, _recipient(group, "original-recipient"), _action(_first(group, "action"), answer), answer)


def _judged(recipient: str, original: str, action: Action, answer: Answer) -> Failure:
    verdict = Verdict.NOT_A_FAILURE
    if action in (Action.FAILED, Action.DELAYED):
        verdict = decide(answer)
    if action is Action.DELAYED and verdict not in (Verdict.SENDER_PROBLEM, Verdict.NOT_A_FAILURE):
        verdict = Verdict.SOFT
    codes = codes_in(answer.words)
    return Failure(
        recipient=recipient,
        original=original,
        action=action,
        status=(codes or [answer.status])[0],
        reply_code=reply_code_in(answer.words),
        words=answer.words,
        verdict=verdict,
    )


def _of_feedback(fields: Fields) -> Verdict:
    match _first(fields, "feedback-type").lower():
        case "not-spam":  # RFC 6430: the reader took it out of the junk
            return Verdict.NOT_A_FAILURE
        case "auth-failure" | "virus" | "dkim":  # RFC 6591: our signatures or content
            return Verdict.SENDER_PROBLEM
        case kind:
            return Verdict.COMPLAINT if kind in _UNWANTED or not kind else Verdict.AMBIGUOUS


def _of_ses(bounced: object) -> Failure:
    fields = bounced if isinstance(bounced, dict) else {}
    answer = Answer(words=str(fields.get("diagnosticCode", "")), status=str(fields.get("status", "")))
    return _judged(_email(bounced), "", _action(str(fields.get("action", "failed")), answer), answer)


def _action(given: str, answer: Answer) -> Action:
    word = given.strip().lower().split(" ")[0] if given.strip() else ""
    if word in _ACTIONS:
        return _ACTIONS[word]
    if word in (Action.FAILED, Action.DELAYED, Action.DELIVERED, Action.RELAYED, Action.EXPANDED):
        return Action(word)
    return Action.DELIVERED if answer.status.startswith("2") else Action.FAILED


def _recipient(group: Fields, name: str) -> str:
    kind, value = _typed(_first(group, name))
    return _plain(value if kind in ("", "rfc822", "utf-8") else "")


def _typed(value: str) -> tuple[str, str]:
    """Split `rfc822; a@b` and `smtp; 550 no` into type and value; some leave the type out."""
    found = _TYPE.match(value)
    return (found[1].lower(), found[2].strip()) if found else ("", value.strip())


def _plain(value: str) -> str:
    return value.strip().strip("<>").strip().lower() if "@" in value else ""


def _first(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, [])), "")


def _section(notice: dict[str, Any], name: str) -> dict[str, Any]:
    found = notice.get(name)
    return found if isinstance(found, dict) else {}


def _items(notice: dict[str, Any], section: str, name: str) -> Iterator[object]:
    found = _section(notice, section).get(name)
    yield from found if isinstance(found, list) and found else [""]


def _email(entry: object) -> str:
    return _plain(str(entry.get("emailAddress", "") if isinstance(entry, dict) else entry))
