"""What a mail system's answer says about an address: a table of enhanced codes, tables of words, and one decision.

Comes in: the codes and words of one failed recipient. Goes out: a verdict. An address is suppressed only when the
answer says that it, or its domain, does not exist; whatever else the answer may mean has the last word. The codes are
those of RFC 3463, 5248, 7372 and 7505; the words are those of Postfix, Exim, qmail, Sendmail, Exchange, Domino,
Courier and of the large mailbox providers. Without an enhanced code, "no such user" counts only as an answer to RCPT TO
or as the word of the system that keeps the mailbox: several providers say it after DATA when they mean "unwanted".
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum


class Verdict(StrEnum):
    """What a report means for the address."""

    SUPPRESS_ADDRESS = "suppress_address"  # it, or its domain, does not exist
    COMPLAINT = "complaint"  # its owner called our mail unwanted
    SOFT = "soft"  # not now: full, busy, unreachable
    SENDER_PROBLEM = "sender_problem"  # our reputation, content or configuration
    AMBIGUOUS = "ambiguous"  # it failed, and nobody can say whose fault that is
    NOT_A_FAILURE = "not_a_failure"  # delivered, relayed, or no report of a failure at all


class Stage(StrEnum):
    """What was being said to the next mail system when it refused."""

    UNKNOWN = "unknown"
    MAIL = "mail"  # our envelope sender: nothing about the recipient is known yet
    RCPT = "rcpt"
    DATA = "data"  # the message itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One recipient's failure as it was reported; empty where the report says nothing."""

    words: str  # the refusing system's own, as far as they can be told from the reporting system's
    around: str = ""  # the rest of what a person would read
    status: str = ""  # of the Status field: written by the reporting system, sometimes made up
    stage: Stage = Stage.UNKNOWN
    by_program: bool = False  # a program on the receiving machine failed, not its mail system


_V = Verdict

# By subject.detail of a 5.x.x, or by subject.
_CODES: dict[str, Verdict] = {
    "1.1": _V.SUPPRESS_ADDRESS,  # bad mailbox
    "1.2": _V.SUPPRESS_ADDRESS,  # bad domain
    "1.3": _V.SUPPRESS_ADDRESS,  # bad syntax
    "1.6": _V.SUPPRESS_ADDRESS,  # moved, no forwarding address
    "1.10": _V.SUPPRESS_ADDRESS,  # null MX
    "1.7": _V.SENDER_PROBLEM,  # bad sender address
    "1.8": _V.SENDER_PROBLEM,
    "2.2": _V.SOFT,  # mailbox full
    "2.3": _V.SENDER_PROBLEM,  # message too long for it
    "3.4": _V.SENDER_PROBLEM,  # message too big
    "4.7": _V.SOFT,  # given up after some days
    "5": _V.SENDER_PROBLEM,  # protocol: we said something that it does not understand
    "5.0": _V.AMBIGUOUS,  # "some protocol error": a catch-all
    "5.3": _V.SOFT,  # too many recipients at once
    "6": _V.SENDER_PROBLEM,  # content, conversion
    "7": _V.SENDER_PROBLEM,  # policy, authentication, reputation
    "7.13": _V.AMBIGUOUS,  # account disabled
    "7.17": _V.SUPPRESS_ADDRESS,  # mailbox has changed its owner (RFC 7293)
}
MAILBOX_DISABLED = "5.2.1"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


# A person's wish, a state that may be lifted, a program of the receiving machine: nobody can say that it is for good.
_NOT_FOR_GOOD = _any(
    r"\b(account|mailbox|user|recipient|address)\b.{0,20}"
    r"\b(disabled|suspended|inactive|frozen|blocked|locked|deactivated)",
    r"disabled (recipient|account|mailbox|user)|account (is )?on hold|compte .{0,30}\bbloqu",
    r"preferences|does not want|no longer accepts|recipient restricted",
    r"command (output|died)|pipe to \||unknown mailer error|delivery agent failed",
    r"recipient address rejected: access denied",  # Exchange Online: no such user, or a rule against us
)
_SENDER = _any(
    r"\bspam|unsolicited|\bu[bc]e\b|\bvirus|\bmalware|\bphish|content reject|unwanted messages",
    r"(mail|message|e-mail) (was )?(rejected|refused)\b|mail rejete|unexpected volume|user complaints",
    r"access denied|not authori[sz]ed|denied by|policy\b|policies\b|protocol violation",
    r"relay(ing)? (access )?(denied|not permitted|prohibited)|no relay|to relay\b|mail relay\b",
    r"black ?-?list|block ?-?list|blocked (using|by|because|for)|\b(dns|r)bl\b|reputation|\bip=\d",
    r"reverse dns|\bptr\b|name lookup failed|unverif[iy]+able sending|client host",
    r"\b(helo|ehlo)\b|\byour (ip|host|hostname|domain|server)\b",
    r"dmarc|dkim|\bspf\b|authenticat|not verified|\btls\b",
    r"(?<!queue )too (large|big|long)|headers too|(line|length) limit",
    r"size (limit|exceed)|exceeds? .{0,40}(size|limit)",
    r"sender (address )?(was )?(rejected|denied|verify|not)|domain of sender|verification failed|call(out|back)",
    r"(invalid|unknown|bad) (envelope )?sender|from:? header|in from:|malformed address",
    r"duplicate header|header error|8-?bit|data format|media error",
    r"(command|parameter)\b.{0,30}not implemented|sequence of commands|syntax error",
)
_SOFT = _any(
    r"(mail)?box (is )?full|full mailbox|quota|disk (space|full)|insufficient (system )?(storage|disk)",
    r"buz[oó]n lleno|bo[iî]te .{0,15}pleine|essayer plus tard",
    r"too many (recipients|connections|sessions|hops|messages)|rate (limit|that)",
    r"try (again|it)? ?later|later again|temporar|deferred|gr[ea]y-?list",
    r"(service|server|system|host|currently|temporarily) .{0,12}unavailable|system (error|failure)",
    r"time[d-]? ?out|unreachable|not reachable|connection (refused|reset|lost|timed)",
    r"(unable|able|requests|failed) to (establish|connect)|failed connect|mail loop|maximum allowed times",
    r"queue too long|giving up\.?\s*$|after multiple retries|for the last \d+|after \d+ (hour|day)",
)
_NO_DOMAIN = _any(
    r"(no such|unknown|illegal|invalid|non-?existent|bad) (host|domain|destination (host|system|domain))",
    r"(host|domain)( name)?( or domain name)? (unknown|not found|does not exist|doesn't exist|is unknown)",
    r"nxdomain|no (mx|mail exchanger) record|no mx\b|couldn't find a mail exchanger|unrouteable address",
    r"null mx|indicated no smtp service|does(n't| not) (receive|accept) (e-?)?mail",
    r"name service error .{0,120}(malformed|host not found)",  # Postfix; the first is its older word for a null MX
)
_NO_MAILBOX = _any(
    r"(user|recipient|mailbox|account|address)( (name|is|was|address))?( is)?"
    r" (unknown|not (found|recognized|known|exist))",
    r"(unknown|no such|invalid|nonexistent|bad) (local )?(user|recipient|mailbox|account|address|person)",
    r"(user|recipient|mailbox|account|address)\b.{0,60}\b(does(n't| not) exist|doesn't have|not exist)",
    r"no (mailbox|user|account|address)\b.{0,20}\b(by that|with that|here|by this)|user mailbox not found",
    r"not (a )?(valid|our|known) (user|customer|recipient|mailbox|account)|not listed in .{0,40}directory",
    r"recipient no longer|no longer on server|mailbox has moved|recip(ient)?notfound",
    r"utilisateur inconnu|usuario (desconocido|no existe)|(adresse|cuenta|direcci[oó]n)\b.{0,30}(n'existe|no existe)",
)

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\w.=-])([245][0-5]\d)(?![\w.])")


def codes_in(words: str) -> list[str]:
    """Return the enhanced codes in an answer, in their order; an IP address is none."""
    return [".".join(found.groups()) for found in _ENHANCED.finditer(words)]


def reply_code_in(words: str) -> str:
    """Return the first SMTP reply code in an answer, or an empty string."""
    found = _REPLY.search(words)
    return found[1] if found else ""


def decide(answer: Answer) -> Verdict:
    """Return what a failure means for its address; every doubt is in the address's favour."""
    answer = replace(answer, words=" ".join(answer.words.split()))  # a reason may be broken over lines
    codes = codes_in(answer.words)
    reply, by_codes, by_words = reply_code_in(answer.words), _by_codes(codes), _by_words(answer)
    if answer.by_program:
        return _V.AMBIGUOUS
    if (reply or (codes or [answer.status])[0])[:1] == "2":
        return _V.NOT_A_FAILURE
    if by_words is _V.AMBIGUOUS:
        return _V.AMBIGUOUS
    if _V.SENDER_PROBLEM in (by_codes, by_words):
        return _V.SENDER_PROBLEM
    if "4" in {reply[:1], answer.status[:1], *(code[:1] for code in codes)}:
        return _V.SOFT  # a failure for good that says "not now": the reply code wins, nobody is suppressed
    if answer.stage is Stage.MAIL:
        return _V.SENDER_PROBLEM
    if _V.SOFT in (by_codes, by_words):
        return _V.SOFT
    if _is_no_address(answer, codes, reply):
        return _V.SUPPRESS_ADDRESS
    if not answer.words:
        return _by_codes([answer.status]) or _V.AMBIGUOUS
    return _V.AMBIGUOUS


def _is_no_address(answer: Answer, codes: list[str], reply: str) -> bool:
    """Tell whether an answer without any other meaning says that there is no such address."""
    if _by_codes(codes) is _V.SUPPRESS_ADDRESS:
        return True
    if _NO_DOMAIN.search(answer.words):  # the DNS says so, and nobody hides behind it
        return True
    status = answer.status if answer.status not in ("", "5.0.0") else ""
    if _by_codes([status]) is _V.SUPPRESS_ADDRESS and not reply:
        return True
    if not _NO_MAILBOX.search(answer.words) or _NOT_FOR_GOOD.search(answer.around):
        return False
    is_of_addresses = any(code.startswith("5.1.") for code in (*codes[:1], status))
    return answer.stage is Stage.RCPT or not reply or is_of_addresses


def _by_codes(codes: list[str]) -> Verdict | None:
    """Return what codes say together: the mildest of them, for the first may be of the system in between."""
    found = set()
    for code in codes:
        if code.startswith("5."):
            detail = code.removeprefix("5.")
            found.add(_CODES.get(detail) or _CODES.get(detail.split(".")[0]))
    for verdict in (_V.AMBIGUOUS, _V.SENDER_PROBLEM, _V.SOFT, _V.SUPPRESS_ADDRESS):
        if verdict in found:
            return verdict
    return None


def _by_words(answer: Answer) -> Verdict | None:
    words = answer.words
    if _NOT_FOR_GOOD.search(words):
        return _V.AMBIGUOUS
    if _SENDER.search(words):
        return _V.SENDER_PROBLEM
    return _V.SOFT if _SOFT.search(words) else None
