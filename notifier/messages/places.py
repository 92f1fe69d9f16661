"""Where it is out, in the words of one reader: by street line or label up to three sites, more as "4 of your 12"."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from notifier.domain.notification import NotificationFacts, SiteName
from notifier.domain.text import clean_line
from notifier.messages.phrases import Words
from notifier.messages.times import ReaderTimes

NAMED_AT_MOST = 3  # sites that are named in a sentence
NAMED_LENGTH_AT_MOST = 60  # of them together in a mail, whose heading names them too
LISTED_AT_MOST = 50  # sites that a mail lists
NAME_LENGTH_AT_MOST = 80
TEXT_LENGTHS = (40, 24)  # of a place in a text: as long as it is named at first, and when room is short

_WORD_END = re.compile(r"[\s,;]+\S*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a message names its sites."""

    text: str  # "12 Oak St", or "4 of your 12 sites"
    listed: tuple[str, ...] = ()  # only when the text does not name them
    unlisted: int = 0  # affected ones beyond those listed
    texts: tuple[str, ...] = ()  # how a text names it, the shortest last


def site_name(*, address: str, label: str) -> SiteName:
    """Return how a site may be called: the address up to its first comma, and the label, each on one short line."""
    return SiteName(street=_short(address.split(",", 1)[0]), label=_short(label))


def place_of(personal: NotificationFacts, words: Words, times: ReaderTimes) -> Place:
    """Return how this reader's sites are named."""
    affected = max(personal.sites_affected, len(personal.sites))
    every = max(personal.site_count, affected)
    names = list(dict.fromkeys(site.street or site.label for site in personal.sites))
    if affected == len(personal.sites) and 0 < len(names) <= NAMED_AT_MOST and all(names):
        text = _in_sentence(times.listed(names), words)
        if times.is_for_text:
            return Place(text=text, texts=_texts(names, text, words, lambda: _counted(affected, every, words, times)))
        if sum(map(len, names)) <= NAMED_LENGTH_AT_MOST:
            return Place(text=text)
        if len(names) == 1:  # named in short, and in full below
            return Place(text=_in_sentence(cut(names[0], NAMED_LENGTH_AT_MOST), words), listed=tuple(names))
    if affected <= 1:
        return Place(text=words.your_address, texts=(words.your_address,))
    counted = _counted(affected, every, words, times)
    listed = tuple(name for name in names[:LISTED_AT_MOST] if name)
    return Place(
        text=counted,
        listed=listed,
        unlisted=affected - sum(1 for site in personal.sites[:LISTED_AT_MOST] if site.street or site.label),
        texts=(counted,),
    )


def cut(name: str, length: int) -> str:
    """Return a name of at most so many characters, cut between words where it can be; what is cut shows as "..."."""
    if len(name) <= length:
        return name
    room = name[: length - 2]  # a word that ends right there is whole
    whole = _WORD_END.sub("", room)
    return f"{whole if len(whole) >= length // 2 else name[: length - 3].rstrip()}..."


def _texts(names: list[str], text: str, words: Words, counted: Callable[[], str]) -> tuple[str, ...]:
    """Return the names of a place for texts: whole, then shorter; several sites are counted before one is cut."""
    if len(names) > 1:
        return (text, counted()) if len(text) <= TEXT_LENGTHS[0] else (counted(),)
    shorter = [_in_sentence(cut(names[0], length), words) for length in TEXT_LENGTHS]
    return tuple(dict.fromkeys((*shorter, words.your_address)))


def _in_sentence(name: str, words: Words) -> str:
    return (words.street if name[:1].isdecimal() else words.label).format(place=name)


def _counted(affected: int, every: int, words: Words, times: ReaderTimes) -> str:
    pattern = words.all_sites if affected == every else words.some_sites
    return pattern.format(affected=times.number(affected), all=times.number(every))


def _short(text: str) -> str:
    return clean_line(text)[:NAME_LENGTH_AT_MOST].rstrip()
