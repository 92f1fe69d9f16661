"""What rows of the directory are checked against: services, kinds of region, locales, zones, the numbering plan.

Values that few rows differ in are worked out once and remembered: a million rows share some thousand regions.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from notifier.domain.directory import RegionEntry
from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.money import parse_amount
from notifier.domain.numbering import PUBLIC_PLAN, NumberingPlan, area_code_of
from notifier.domain.region import AREA_CODE, STATE, RegionKey, RegionKinds
from notifier.domain.text import clean_line

REMEMBERED = 10_000  # checked values kept per column: few differ among a million rows


class NamedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says of a region."""

    name: str = ""
    time_zone: str = ""


class DirectoryRules:
    """What rows are checked against: services, kinds of region, locales, zones, the numbering plan.

    `named` are the configured regions with a name or time zone; `time_zones` every IANA zone there is.
    """

    def __init__(
        self,
        *,
        services: Sequence[str],
        kinds: RegionKinds,
        locales: Sequence[str],
        time_zones: Collection[str],
        country: str = "US",
        named: Mapping[RegionKey, NamedPlace] | None = None,
        plan: NumberingPlan = PUBLIC_PLAN,
    ) -> None:
        self.services, self.kinds, self.locales = tuple(services), kinds, tuple(locales)
        self.country, self.plan = country, plan
        self._time_zones = {zone.lower(): zone for zone in time_zones}
        self._named = dict(named or {})
        remember = lru_cache(maxsize=REMEMBERED)
        self.regions: Callable[[tuple[tuple[str, str], ...]], tuple[RegionEntry, ...]] = remember(self._regions)
        self.services_of: Callable[[str], str] = remember(self._services_of)
        self.price: Callable[[str, str], int] = remember(_price)
        self._derived: Callable[[str], tuple[RegionEntry] | None] = remember(self._region_of_area_code)

    def area_region(self, phones: Iterable[str]) -> tuple[RegionEntry] | None:
        """Return the area-code region of the first number that lies in one, marked as derived."""
        for phone in phones:
            code = area_code_of(phone)
            if code is not None and (found := self._derived(code)) is not None:
                return found
        return None

    def time_zone_of(self, regions: Iterable[RegionEntry], phones: Iterable[str]) -> str:
        """Return the zone of a site whose row gives none: of its narrowest region that has one, else by area code."""
        for region in regions:
            if region.time_zone:
                return region.time_zone
        for phone in phones:
            code = area_code_of(phone)
            if code is not None and (zones := self.plan.time_zones_of(code)):
                return "|".join(zones)
        return ""

    def time_zone(self, text: str) -> str:
        """Return a zone as IANA spells it; raise `InvalidInput`."""
        zone = self._time_zones.get(text.lower())
        if zone is None:
            known = list(self._time_zones.values())
            raise InvalidInput(f"is not an IANA time zone{nearest(text, known)}", expected="such as America/New_York")
        return zone

    def _regions(self, given: Iterable[tuple[str, str]]) -> tuple[RegionEntry, ...]:
        keys = [self.kinds.key(kind, code) for kind, code in given if code and not code.isspace()]
        return tuple(self._region_entry(key, derived=False) for key in self.kinds.narrowest(keys))

    def _region_of_area_code(self, code: str) -> tuple[RegionEntry] | None:
        region = self.plan.region_of(code)
        if region is None or AREA_CODE not in self.kinds.kinds:
            return None
        return (self._region_entry(RegionKey(AREA_CODE, region), derived=True),)

    def _region_entry(self, key: RegionKey, *, derived: bool) -> RegionEntry:
        named = self._named.get(key, NamedPlace())
        zone = named.time_zone
        if not zone and key.kind == AREA_CODE:
            zone = "|".join(self.plan.time_zones_of(key.code))
        elif not zone and key.kind == STATE:
            zone = self.plan.time_zone_of_place(key.code)
        return RegionEntry(key=key, name=named.name, time_zone=zone, derived=derived)

    def _services_of(self, text: str) -> str:
        given = [word.strip().lower() for word in clean_line(text).split("|") if word.strip()]
        expected = " or ".join(self.services)
        if not given:
            raise InvalidInput("is empty", expected=f"{expected}, several separated by |")
        for word in given:
            if word not in self.services:
                raise InvalidInput(f"'{word}' is not a service{nearest(word, self.services)}", expected=expected)
        return "|" + "|".join(service for service in self.services if service in given) + "|"


def _price(text: str, currency: str) -> int:
    if not currency:
        raise InvalidInput("has no currency beside it", expected="a code such as USD in the column currency")
    return parse_amount(text, currency)
