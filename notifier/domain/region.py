"""Regions: named sets of sites of one kind, and the order of kinds from narrow to wide.

A region is written `postal_code:94110`: its kind, a colon, its code. Codes are compared as written, with three
exceptions: postal codes and states in capitals, an area code by the region it lies in, cities without regard to case
(the first spelling stays). Nothing here ever means "everywhere": an empty code or `*` is refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NewType

from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.numbering import PUBLIC_PLAN, NumberingPlan
from notifier.domain.text import clean_line, is_spreadsheet_number

RegionId = NewType("RegionId", int)
AREA_CODE = "area_code"
POSTAL_CODE = "postal_code"
CITY = "city"
STATE = "state"
CODE_LENGTH = 80  # characters
_ZIP = re.compile(r"(\d{5})(-?\d{4})?")
_EVERYTHING = frozenset({"*", "%", "all", "any", "everywhere"})
_ABSENT = frozenset({"n/a", "na", "none", "null", "-", "#n/a", "unknown"})


@dataclass(frozen=True, slots=True, order=True)
class RegionKey:
    """What a region is known by."""

    kind: str
    code: str

    def __str__(self) -> str:
        """Return it as people type it."""
        return f"{self.kind}:{self.code}"


class RegionKinds:
    """The configured kinds of region from narrow to wide, and how a code of each is written.

    `country` is the two-letter country of the company; in the USA a postal code of digits must be a ZIP code.
    """

    def __init__(self, kinds: Sequence[str], *, country: str = "US", plan: NumberingPlan = PUBLIC_PLAN) -> None:
        self.kinds = tuple(kinds)
        self._country = country
        self._plan = plan
        self._rank = {kind: rank for rank, kind in enumerate(self.kinds)}

    def rank(self, kind: str) -> int:
        """Return the place of a kind in the order from narrow (0) to wide; an unknown kind comes last."""
        return self._rank.get(kind, len(self.kinds))

    def narrowest(self, keys: Iterable[RegionKey]) -> list[RegionKey]:
        """Return regions in order, narrowest kind first."""
        return sorted(keys, key=lambda key: (self.rank(key.kind), key.code))

    def key(self, kind: str, code: str) -> RegionKey:
        """Return the region of a kind with a code, written as it is stored; raise `InvalidInput`."""
        if kind not in self._rank:
            raise InvalidInput(
                f"'{kind}' is not a kind of region{nearest(kind, self.kinds)}",
                field="region",
                value=kind,
                expected=" or ".join(self.kinds),
            )
        written = clean_line(code)
        if not written or written.lower() in _EVERYTHING | _ABSENT:
            raise InvalidInput(f"'{written}' is not a {label(kind)}", field="region", value=code, expected="one place")
        if len(written) > CODE_LENGTH:
            raise InvalidInput(f"is longer than {CODE_LENGTH} characters", field="region", value=code)
        if kind == AREA_CODE:
            written = self._area_code(written)
        elif kind == POSTAL_CODE:
            written = self._postal_code(written)
        elif kind == STATE:
            written = written.upper()
        return RegionKey(kind, written)

    def parse(self, text: str) -> RegionKey:
        """Return the region written as `KIND:CODE`; raise `InvalidInput`."""
        kind, colon, code = text.partition(":")
        if not colon:
            raise InvalidInput(
                f"'{clean_line(text)}' does not say which kind of region it is",
                field="region",
                value=text,
                expected=f"KIND:CODE, for example {self.kinds[0]}:..., where KIND is {' or '.join(self.kinds)}",
            )
        return self.key(kind.strip().lower(), code)

    def _area_code(self, written: str) -> str:
        region = self._plan.region_named(written)
        if region is not None:
            return region
        known = self._plan.find(written.removeprefix("+1").strip())
        if known is None:
            reason, expected = f"'{written}' is not an area code", "three digits, or an overlay such as 415/628"
        elif known.is_geographic:
            reason, expected = f"area code {known.code} serves two regions at once", "the region meant"
        else:
            reason, expected = f"area code {known.code} belongs to no place", "a geographic area code"
        raise InvalidInput(reason, field="region", value=written, expected=expected)

    def _postal_code(self, written: str) -> str:
        written = written.upper()
        if self._country != "US" or not written.replace("-", "").isdigit():
            if is_spreadsheet_number(written):
                raise InvalidInput("a spreadsheet has changed this number", field="region", value=written)
            return written
        match = _ZIP.fullmatch(written)
        if match is None:
            raise InvalidInput(
                f"'{written}' is not a ZIP code (has a spreadsheet dropped its leading 0?)",
                field="region",
                value=written,
                expected="five digits, or five-four",
            )
        return match.group(1)  # the four digits behind it name a block or a box: too narrow to be a region


def label(kind: str) -> str:
    """Return what people call a kind: `postal code`."""
    return kind.replace("_", " ")
