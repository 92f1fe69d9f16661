"""Failures told in words alone: bounces of mail systems that do not, or not fully, follow RFC 3464.

Comes in: the text that a person would read, up to the returned message. Goes out: who failed, with the words that
belong to each. Three shapes cover the many: a transcript of the session (Sendmail and its children), addresses each
followed by their reason (Postfix, Exim, qmail, Courier, Exchange), one address with a reason somewhere (all others).
"""

import re
from dataclasses import dataclass
from itertools import zip_longest

from notifier.domain.mail_verdict import Stage

_ADDRESS = r"[^\s<>@,;:\"'()\[\]|]+@[A-Za-z0-9.-]+[A-Za-z0-9]"
_SERVANTS = re.compile(r"(postmaster|mailer-daemon|abuse|support)@", re.IGNORECASE)
# An address at the start of a line, alone or before its reason; or behind a word for it.
_LEADING = re.compile(rf"^[ \t>*-]*<?({_ADDRESS})>?(?=[\s:.,(<]|$)(?!\s+wrote)", re.MULTILINE)
_NAMED = re.compile(
    rf"(?:recipient(?:\ address)?:|addressed\ to:|your\ message\ to:?|mail\ to|delivered\ to:?)\s*<?({_ADDRESS})>?",
    re.IGNORECASE | re.VERBOSE,
)
# Sendmail: `>>> RCPT To:<a@b>`, `<<< 550 no`, `550 5.1.1 <a@b>... User unknown`
_COMMAND = re.compile(rf">>> (\w+)(?:.*?<({_ADDRESS})>)?", re.IGNORECASE)
_HEARD = re.compile(r"<<< (.*)")
_STATED = re.compile(rf"([245]\d\d )?(?:[245]\.\d+\.\d+ )?<?({_ADDRESS})>?\.\.\. (.*)")
_OF_A_HOST = re.compile(r"[245]\d\d \S+ \(\S+\)\.\.\. ")

_SAID_AT = (
    (Stage.RCPT, re.compile(r"(reply to|our|after) RCPT TO|does not like recipient|>>> RCPT TO", re.IGNORECASE)),
    (
        Stage.DATA,
        re.compile(r"(reply to|our|after) (the )?((final|end of) )?DATA|after i sent the message", re.IGNORECASE),
    ),
    (Stage.MAIL, re.compile(r"(reply to|our|after) MAIL FROM|sender was rejected|>>> MAIL FROM", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a text says about one recipient."""

    recipient: str
    words: str
    stage: Stage = Stage.UNKNOWN


def stage_of(words: str) -> Stage:
    """Return what was being said when the other side refused, if the words tell."""
    return next((stage for stage, pattern in _SAID_AT if pattern.search(words)), Stage.UNKNOWN)


def tellings(text: str, *, named: tuple[str, ...] = (), not_these: frozenset[str] = frozenset()) -> list[Telling]:
    """Return who failed and why; `named` are known to have failed, `not_these` are the mail's own addressees."""
    if found := _of_transcript(text):
        return found
    found = _of_list(text, not_these)
    if len(found) > 1:
        return found
    recipient = named[0] if named else found[0].recipient if found else _one_named(text, not_these)
    if len(named) > 1:
        return [Telling(recipient=each, words=text, stage=stage_of(text)) for each in named]
    return [Telling(recipient=recipient, words=text.strip(), stage=stage_of(text))]


def _of_transcript(text: str) -> list[Telling]:
    """Read a transcript: each statement on an address, with what was heard from the other side just before it."""
    found: dict[str, Telling] = {}
    stage, heard = Stage.UNKNOWN, ""
    for line in text.splitlines():
        if command := _COMMAND.match(line):
            stage, heard = _stage_of_command(command[1]), ""
        elif reply := _HEARD.match(line):
            heard += f"{reply[1]}\n"
        elif statement := _STATED.match(line):
            address = statement[2].lower()
            if (statement[1] or "5")[0] != "4" and address not in found:
                words = f"{heard}{statement[1] or ''}{statement[3]}"
                found[address] = Telling(recipient=address, words=words, stage=stage)
        elif _OF_A_HOST.match(line):  # another host, another story: what was heard before is not about it
            stage, heard = Stage.UNKNOWN, ""
    return list(found.values())


def _stage_of_command(verb: str) -> Stage:
    match verb.upper():
        case "RCPT":
            return Stage.RCPT
        case "MAIL":
            return Stage.MAIL
        case "DATA":
            return Stage.DATA
        case _:
            return Stage.UNKNOWN


def _of_list(text: str, not_these: frozenset[str]) -> list[Telling]:
    """Read a list: an address at the start of a line owns the text up to the next."""
    starts = [
        found
        for found in _LEADING.finditer(text)
        if found[1].lower() not in not_these and not _SERVANTS.match(found[1])
    ]
    words: dict[str, str] = {}
    for one, following in zip_longest(starts, starts[1:]):
        block = text[one.start() : following.start() if following else len(text)]
        address = one[1].lower()
        words[address] = words.get(address, "") + block
    return [Telling(recipient=address, words=block, stage=stage_of(block)) for address, block in words.items()]


def _one_named(text: str, not_these: frozenset[str]) -> str:
    for found in _NAMED.finditer(text):
        if found[1].lower() not in not_these and not _SERVANTS.match(found[1]):
            return found[1].lower()
    return ""
