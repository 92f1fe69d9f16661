"""Which column of an unknown file is which of ours: by its name, in several languages, and by what its cells look like.

In: names and some rows. Out: a `Guess`: a map, and a word on each column that is not used. A name that its cells
contradict does not count; cells alone give away mail addresses, telephone numbers and postal codes. A guess is for a
person to look at: it is never used unseen.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.column_map import ColumnMap
from notifier.domain.column_words import SPELLINGS, WORDS
from notifier.domain.directory import COLUMNS, REGION_COLUMN

POSTAL_CODE, CITY, STATE, NODE = (f"{REGION_COLUMN}{kind}" for kind in ("postal_code", "city", "state", "node"))
_MOSTLY = 0.8  # of the cells with something in them
_HARDLY = 0.3  # fewer cells than this of the expected kind: the name is about something else

_OF_NAME = {spelling: ours for ours, spellings in SPELLINGS.items() for spelling in spellings}
_REFERENCES = {"id", "no", "nr", "number", "ref", "key"}
_SERVICES_APART = re.compile(r"[,;/+&|]")

_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;]{2,}(?:\s*[,;]\s*\S+@\S+)*")
_PHONE = re.compile(r"\+?\(?\d[\d\s().\-/+x,;]{6,40}")
_WRITTEN_AS_PHONE = re.compile(r"\+\d[\d\s().-]{8,}|(?:1[\s.-]?)?(?:\([2-9]\d\d\)\s*|[2-9]\d\d[\s.-])\d{3}[\s.-]\d{4}")
_POSTAL = re.compile(r"\d{5}(?:-\d{4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}")
_DATE = re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T ]\d{1,2}:\d{2}.*)?")
_YES_NO = frozenset(
    ("yes", "no", "y", "n", "true", "false", "t", "f", "0", "1", "x", "si", "oui", "non", "ja", "nein", "sim", "nao")
)


class Look(StrEnum):
    """What most cells of a column look like."""

    EMPTY = "empty"
    EMAIL = "mail addresses"
    PHONE = "telephone numbers"
    POSTAL_CODE = "postal codes"
    DATE = "dates"
    YES_NO = "yes or no"
    TEXT = "text"


_EXPECTED = {"email": (Look.EMAIL,), "phone": (Look.PHONE,), "phone2": (Look.PHONE,), "priority": (Look.YES_NO,)}
_NEVER = {
    Look.DATE: frozenset(SPELLINGS) - {"label"},
    Look.EMAIL: frozenset(SPELLINGS) - {"email", "customer_id"},
    Look.PHONE: frozenset({"name", "address", "street", "services", "status", "locale", POSTAL_CODE, CITY, STATE}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a file seems to be."""

    mapping: ColumnMap
    because: dict[str, str]  # column of ours: what gave theirs away
    unused: dict[str, str]  # column of theirs: why it is not used


def guess(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Guess:
    """Guess a map from the names of columns and some rows, whose cells stand in the same order."""
    looks = [look([row[at] for row in rows if at < len(row)]) for at in range(len(names))]
    found: dict[str, int] = {}
    because: dict[str, str] = {}
    unused: dict[str, str] = {}
    for at, name in enumerate(names):
        ours = _by_name(name)
        if ours and (why := _contradiction(ours, looks[at], [row[at] for row in rows if at < len(row)])):
            unused[name] = why
        elif ours and ours in found and ours == "phone" and "phone2" not in found:
            found["phone2"], because["phone2"] = at, "by its name"
        elif ours and ours not in found:
            found[ours], because[ours] = at, "by its name"
    for at, name in enumerate(names):
        cells = [row[at] for row in rows if at < len(row)]
        if at not in found.values() and name not in unused and (ours := _by_look(looks[at], found, cells)):
            found[ours], because[ours] = at, f"holds {looks[at]}"
    reference = None if "customer_id" in found else _reference(names, rows, taken=set(found.values()))
    if reference is not None:
        found["customer_id"], because["customer_id"] = reference, "has another value in every row"
    for at, name in enumerate(names):
        if at not in found.values() and name not in unused:
            unused[name] = "is empty" if looks[at] is Look.EMPTY else f"{looks[at]}; none of ours is called so"
    columns = _columns(names, found)
    same: dict[str, str] = {}
    if "site_id" not in columns and "customer_id" in found and _is_unique(rows, found["customer_id"]):
        same["site_id"] = "1"
        because["site_id"] = "each customer has one row"
    return Guess(
        mapping=ColumnMap(columns=columns, words=_words(rows, found), same=same), because=because, unused=unused
    )


def look(cells: Sequence[str]) -> Look:
    """Return what most of the cells look like."""
    said = [cell.strip() for cell in cells if cell.strip()]
    if not said:
        return Look.EMPTY
    if _share(said, _DATE) >= _MOSTLY:
        return Look.DATE
    if _share(said, _EMAIL) >= _MOSTLY:
        return Look.EMAIL
    if all(cell.lower() in _YES_NO for cell in said):
        return Look.YES_NO
    if _share([cell.upper() for cell in said], _POSTAL) >= _MOSTLY:
        return Look.POSTAL_CODE
    phones = [cell for cell in said if _PHONE.fullmatch(cell) and sum(c.isdigit() for c in cell) >= 9]
    return Look.PHONE if len(phones) >= _MOSTLY * len(said) else Look.TEXT


def plain(text: str) -> str:
    """Return a name as spellings are compared: `Código_Postal` and `codigoPostal` are `codigo postal`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", bare.replace("ß", "ss").lower()).split())


def _by_name(name: str) -> str:
    """Return what a name means, or nothing; our own names mean themselves."""
    own = name.strip().lower()
    if own in COLUMNS or (own.startswith(REGION_COLUMN) and own != REGION_COLUMN):
        return own
    words = plain(name)
    return _OF_NAME.get(words) or _OF_NAME.get(words.removeprefix("customer ").removeprefix("service "), "")


def _contradiction(ours: str, seen: Look, cells: Sequence[str]) -> str:
    """Return why cells say that a name means something else."""
    if ours in _NEVER.get(seen, ()):
        return f"is called so, but holds {seen}"
    expected = _EXPECTED.get(ours)
    if expected is None or seen in (Look.EMPTY, *expected):
        return ""
    said = [cell.strip() for cell in cells if cell.strip()]
    pattern = {"email": _EMAIL, "phone": _PHONE, "phone2": _PHONE}.get(ours)
    if pattern is not None and _share(said, pattern) >= _HARDLY:
        return ""
    return f"is called so, but holds {'other ' if seen is Look.TEXT else ''}{seen}"


def _by_look(seen: Look, found: dict[str, int], cells: Sequence[str]) -> str:
    """Return which of ours a column without a known name is, by its cells alone.

    Ten bare digits are as well the number of an account: only numbers written as telephone numbers are taken for some.
    """
    if seen is Look.PHONE and _share([cell.strip() for cell in cells if cell.strip()], _WRITTEN_AS_PHONE) < _MOSTLY:
        return ""
    wanted = {Look.EMAIL: ("email",), Look.PHONE: ("phone", "phone2"), Look.POSTAL_CODE: (POSTAL_CODE,)}.get(seen, ())
    return next((ours for ours in wanted if ours not in found), "")


def _reference(names: Sequence[str], rows: Sequence[Sequence[str]], taken: set[int]) -> int | None:
    """Return the one column that is called a number or id and differs in every row."""
    called = [at for at, name in enumerate(names) if _REFERENCES & set(plain(name).split())]
    found = [at for at in called if at not in taken and len(rows) > 1 and _is_unique(rows, at)]
    return found[0] if found else None


def _columns(names: Sequence[str], found: dict[str, int]) -> dict[str, tuple[str, ...]]:
    """Return theirs by ours; parts of a name and of an address are put together."""
    parts = {"name": ("first_name", "last_name"), "address": ("house", "street", "unit")}
    columns: dict[str, tuple[str, ...]] = {}
    for ours in (*COLUMNS, *(each for each in found if each.startswith(REGION_COLUMN))):
        if ours in found:
            columns[ours] = (names[found[ours]],)
        elif ours in parts and (theirs := tuple(names[found[part]] for part in parts[ours] if part in found)):
            columns[ours] = theirs
    return columns


def _words(rows: Sequence[Sequence[str]], found: dict[str, int]) -> dict[str, dict[str, str]]:
    """Return what the words of a column mean where they are not ours; those nobody knows stay and are refused later."""
    words: dict[str, dict[str, str]] = {}
    for ours, known in WORDS.items():
        if ours not in found:
            continue
        cells = {row[found[ours]].strip() for row in rows if found[ours] < len(row)}
        seen = {part.strip() for cell in cells for part in _SERVICES_APART.split(cell)} if ours == "services" else cells
        means = {word: meaning for word in sorted(seen) if (meaning := _meaning(word, known))}
        if ours == "status":  # a few rows do not have them all, and who has ended is at the end of many files
            spelt = set(map(plain, means))
            means |= {
                word: meaning for meaning, said in known.items() for word in said if len(word) > 2 and word not in spelt
            }
        if any(word != meaning for word, meaning in means.items() if word in seen):
            words[ours] = means
    return words


def _meaning(word: str, known: dict[str, tuple[str, ...]]) -> str:
    return next((meaning for meaning, said in known.items() if plain(word) in said), "")


def _is_unique(rows: Sequence[Sequence[str]], at: int) -> bool:
    cells = [row[at].strip() for row in rows if at < len(row)]
    return bool(cells) and all(cells) and len(set(cells)) == len(cells)


def _share(cells: Sequence[str], pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(cell) is not None for cell in cells) / len(cells)
