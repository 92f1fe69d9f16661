"""Where it is out, in the words of one reader: by street line or label up to three sites, more as "4 of your 12"."""

from dataclasses import dataclass

from notifier.domain.notification import NotificationFacts, SiteName
from notifier.domain.text import clean_line
from notifier.messages.phrases import Words
from notifier.messages.times import ReaderTimes

NAMED_AT_MOST = 3  # sites that are named in a sentence
LISTED_AT_MOST = 50  # sites that a mail lists
NAME_LENGTH_AT_MOST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a message names its sites."""

    text: str  # "12 Oak St", or "4 of your 12 sites"
    listed: tuple[str, ...] = ()  # only when the text does not name them
    unlisted: int = 0  # affected ones beyond those listed


def site_name(*, address: str, label: str) -> SiteName:
    """Return how a site may be called: the address up to its first comma, and the label, each on one short line."""
    return SiteName(street=_short(address.split(",", 1)[0]), label=_short(label))


def place_of(personal: NotificationFacts, words: Words, times: ReaderTimes) -> Place:
    """Return how this reader's sites are named."""
    affected = max(personal.sites_affected, len(personal.sites))
    names = list(dict.fromkeys(site.street or site.label for site in personal.sites))
    if affected == len(personal.sites) and len(names) <= NAMED_AT_MOST and all(names):
        return Place(text=times.listed(names))
    if affected <= 1:
        return Place(text=words.your_address)
    every = max(personal.site_count, affected)
    pattern = words.all_sites if affected == every else words.some_sites
    listed = tuple(name for name in names[:LISTED_AT_MOST] if name)
    return Place(
        text=pattern.format(affected=times.number(affected), all=times.number(every)),
        listed=listed,
        unlisted=affected - sum(1 for site in personal.sites[:LISTED_AT_MOST] if site.street or site.label),
    )


def _short(text: str) -> str:
    return clean_line(text)[:NAME_LENGTH_AT_MOST].rstrip()
