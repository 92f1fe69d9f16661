"""What SMTP replies mean: one table of codes, read by one function.

The reply code decides (4yz try again, 5yz stop), the enhanced code says why (RFC 3463). Only codes that say "there is
no such address" suppress it. Where the two disagree (550 4.2.2, 450 5.1.1) the reply code wins and nobody is
suppressed. An unknown code is temporary.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from notifier.domain.delivery import Outcome, Result, Suppress

GREYLIST_AT_LEAST = timedelta(minutes=5)
ANSWER_AT_MOST = 300  # characters kept of a reply
RETRY_AT_MOST = timedelta(hours=4)


class Stage(StrEnum):
    """What was refused."""

    CONNECT = "connect"  # banner, EHLO, TLS, AUTH: never the recipient's fault
    MAIL = "mail"  # our sender address: never the recipient's fault
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"  # the message itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an enhanced code says after a refusal for good."""

    result: Result
    suppress: Suppress = Suppress.NO


_NO_SUCH_ADDRESS = Meaning(result=Result.PERMANENT, suppress=Suppress.AT_ONCE)
_RECIPIENT = Meaning(result=Result.PERMANENT)
_OURS = Meaning(result=Result.OURS)
_TEMPORARY = Meaning(result=Result.TEMPORARY)

# By subject.detail of a 5.x.x; a whole subject where the detail is not listed.
ENHANCED: dict[str, Meaning] = {
    "1.1": _NO_SUCH_ADDRESS,  # bad mailbox
    "1.2": _NO_SUCH_ADDRESS,  # bad domain
    "1.3": _NO_SUCH_ADDRESS,  # bad syntax
    "1.6": _NO_SUCH_ADDRESS,  # moved, no forwarding
    "1.10": _NO_SUCH_ADDRESS,  # null MX (RFC 7505)
    "1.7": _OURS,  # bad sender address
    "1.8": _OURS,
    "1": _RECIPIENT,
    "2.1": Meaning(result=Result.PERMANENT, suppress=Suppress.REPEATED),  # mailbox disabled
    "2.2": _RECIPIENT,  # mailbox full: soft, whatever the first digit says
    "2": _RECIPIENT,
    "3.4": _OURS,  # message too big
    "3": _RECIPIENT,
    "4": _RECIPIENT,
    "5": _RECIPIENT,
    "6": _OURS,  # content, conversion
    "7": _OURS,  # policy, authentication, reputation
}
OURS_WITHOUT_ENHANCED = frozenset({503, 504, 530, 534, 535, 538, 552})  # 552 to MAIL or DATA: too big; see _meaning
# No enhanced code: the text tells reputation from a mailbox. It never suppresses.
_OUR_WORDS = re.compile(
    r"spam|block|black ?list|policy|reputation|authenti|dmarc|dkim|\bspf\b|relay|\brate\b", re.IGNORECASE
)
_MAILBOX_WORDS = re.compile(r"user|mailbox|recipient|address|account|quota", re.IGNORECASE)
_ENHANCED_CODE = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_WAIT = re.compile(r"(\d{1,5})\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>@,;:\"'()]+@[^\s<>@,;:\"'()]+")


def outcome_of(code: int, text: str, stage: Stage) -> Outcome:
    """Return what a reply that is no success means; `text` is the reply without its code."""
    found = _ENHANCED_CODE.match(text)
    enhanced = ".".join(found.groups()) if found else ""
    meaning, retry_after = _TEMPORARY, None
    if stage is Stage.CONNECT:
        meaning = _OURS
    elif 500 <= code <= 599:
        meaning = _meaning(code, text, enhanced, stage)
    else:
        retry_after = _retry_after(code, text, enhanced)
    return Outcome(
        result=meaning.result,
        code=f"{code} {enhanced}".strip(),
        answer=masked(text),
        suppress=meaning.suppress,
        retry_after=retry_after,
    )


def _meaning(code: int, text: str, enhanced: str, stage: Stage) -> Meaning:
    if stage is Stage.MAIL:
        return _OURS
    if enhanced.startswith("5."):
        detail = enhanced.removeprefix("5.")
        return ENHANCED.get(detail) or ENHANCED.get(detail.split(".")[0], _RECIPIENT)
    if enhanced:  # 550 4.2.2: the pair disagrees
        return _RECIPIENT
    if code in OURS_WITHOUT_ENHANCED and not (code == 552 and _MAILBOX_WORDS.search(text)):
        return _OURS
    if _OUR_WORDS.search(text) and not _MAILBOX_WORDS.search(text):
        return _OURS
    return _RECIPIENT


def _retry_after(code: int, text: str, enhanced: str) -> timedelta | None:
    """Return how long a greylisting server wants us to wait."""
    if code not in (450, 451) or not (enhanced == "4.7.1" or re.search("gr[ea]y-?list", text, re.IGNORECASE)):
        return None
    found = _WAIT.search(text)
    if not found:
        return GREYLIST_AT_LEAST
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[found[2][0].lower()]
    return min(max(timedelta(**{unit: int(found[1])}), GREYLIST_AT_LEAST), RETRY_AT_MOST)


def masked(text: str) -> str:
    """Return the provider's words on one line, without addresses, cut to what the ledger keeps.

    What cannot be printed goes: bytes that are no UTF-8 come from aiosmtplib as lone surrogates, which no store takes.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(_ADDRESS.sub("***", text).split())[:ANSWER_AT_MOST]
