"""What customers said of an incident, gathered: the same words once, with how many said them, and no contacts in them.

Comes in: texts of people, with when and who. Goes out: groups, newest first. Two texts are the same when they differ
only in case, accents, punctuation or spaces, or in a number or an address that was taken out.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"']+@[^\s@<>()\[\],;:\"']+\.\w+")
_LINK = re.compile(r"(?i)\b(?:https?://|www\.)\S+")
_NUMBER = re.compile(r"\+?\(?\d[\d\s().\-/]{4,}\d")
_DIGITS_OF_A_NUMBER = 7  # fewer are a time, a house or an amount; accounts, cards and telephones have more


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One text of one person."""

    person: str  # the same for all that one person said
    text: str
    at: datetime
    how: str  # complaint, or the meaning of a reply: out, on, status, ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The same words of one or several people."""

    text: str  # as it was said last, without contacts; "" = no words
    times: int
    people: int
    newest_at: datetime
    oldest_at: datetime
    how: Mapping[str, int]


def grouped(said: Iterable[Said]) -> list[Group]:
    """Return the same words once, those said last first."""
    alike: dict[str, list[Said]] = {}
    for each in said:
        alike.setdefault(_same(without_contacts(each.text)), []).append(each)
    groups = [_group(every) for every in alike.values()]
    return sorted(groups, key=lambda group: (group.newest_at, group.times), reverse=True)


def without_contacts(text: str) -> str:
    """Return a text on one line with its mail addresses, links and long numbers taken out."""
    shorter = _EMAIL.sub("[e-mail]", _LINK.sub("[link]", " ".join(text.split())))
    return _NUMBER.sub(lambda match: "[number]" if _is_long(match[0]) else match[0], shorter)


def _is_long(found: str) -> bool:
    return sum(character.isdigit() for character in found) >= _DIGITS_OF_A_NUMBER


def _same(text: str) -> str:
    """Return what two texts have in common that say the same."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split()) or text  # of signs alone, the signs count


def _group(every: Sequence[Said]) -> Group:
    newest = max(every, key=lambda each: each.at)
    how: dict[str, int] = {}
    for each in every:
        how[each.how] = how.get(each.how, 0) + 1
    return Group(
        text=without_contacts(newest.text),
        times=len(every),
        people=len({each.person for each in every}),
        newest_at=newest.at,
        oldest_at=min(each.at for each in every),
        how=how,
    )
