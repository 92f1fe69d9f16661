"""Rows of the directory: one row is one site, with its customer and how to reach them.

In: a `DirectoryRow`, all strings as they were typed. Out: a `SiteEntry` that can be stored as it is, or a `RejectedRow`
that names every mistake in the row. What can be mended without guessing is mended and said as a `RowWarning`.
Customer columns that are empty leave what is stored, so that not every site has to repeat them.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

import msgspec

from notifier.domain.consent import SOURCE_LENGTH, ConsentState, Purpose
from notifier.domain.contact import normalise_email, parse_phone
from notifier.domain.customer import ContactKind, Role, SiteStatus
from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.money import parse_amount
from notifier.domain.numbering import PUBLIC_PLAN, NumberingPlan, area_code_of
from notifier.domain.preferences import Mistake, parse_hours
from notifier.domain.region import AREA_CODE, STATE, RegionKey, RegionKinds
from notifier.domain.text import clean_line, is_spreadsheet_number

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

REFERENCE_LENGTH = 64  # characters of customer_id and site_id
TEXT_LENGTH = 200  # characters of name, label, plan and account_type
ADDRESS_LENGTH = 300
VALUE_LENGTH = 200  # characters of a wrong value that are repeated
REMEMBERED = 10_000  # checked values kept per column: few differ among a million rows

_YES = frozenset({"yes", "y", "true", "t", "1", "x"})
_NO = frozenset({"no", "n", "false", "f", "0", ""})
_SAID_YES = frozenset({"yes", "y", "true", "t", "1", "x", "granted"})  # an empty cell is neither
_SAID_NO = frozenset({"no", "n", "false", "f", "0", "refused"})
_POSITIONS = {"email": 0, "phone": 1, "phone2": 2}
_HOURS_MISTAKES = {
    Mistake.HOURS_INCOMPLETE: "only one of quiet_from and quiet_until is given",
    Mistake.HOURS_WRONG: "is no time of the day; expected such as 22:00",
    Mistake.HOURS_EQUAL: "begins when it ends; that would be the whole day",
}
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


class DirectoryRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One row as it was given: the columns of `customers import`, and region codes by kind."""

    customer_id: str = ""
    site_id: str = ""
    name: str = ""
    label: str = ""
    address: str = ""
    services: str = ""
    status: str = ""
    account_type: str = ""
    priority: str = ""
    email: str = ""
    phone: str = ""
    phone2: str = ""
    phone2_role: str = ""
    phone_kind: str = ""
    locale: str = ""
    time_zone: str = ""
    plan: str = ""
    monthly_price: str = ""
    currency: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    consent_outage: str = msgspec.field(name="consent.outage", default="")
    consent_planned: str = msgspec.field(name="consent.planned", default="")
    consent_survey: str = msgspec.field(name="consent.survey", default="")
    consent_offer: str = msgspec.field(name="consent.offer", default="")
    consent_basis: str = msgspec.field(name="consent.basis", default="")
    consent_source: str = msgspec.field(name="consent.source", default="")
    regions: dict[str, str] = msgspec.field(default_factory=dict)


COLUMNS = tuple(name for name in DirectoryRow.__struct_encode_fields__ if name != "regions")
"""The columns of the file, besides `region.KIND`, in order."""

REGION_COLUMN = "region."
REQUIRED_COLUMNS = ("customer_id", "site_id", "services")


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not stored: its first mistake, and the others in the reason."""

    line: int
    column: str
    value: str
    reason: str


class RowWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a row that was stored in another way than it was given."""

    line: int
    column: str
    value: str
    reason: str


class ContactEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A contact point of a row."""

    address: str  # normalised
    kind: ContactKind
    is_kind_given: bool  # else what is stored of a known address stays: a landline may have been learnt
    role: Role
    position: int  # order in the row: email 0, phone 1, phone2 2


class WishEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a row says about how one of its contact points wants to be written to."""

    address: str
    consents: tuple[tuple[Purpose, ConsentState], ...] = ()
    basis: str = ""
    source: str = ""
    quiet: tuple[int, int] | None = None  # minutes after local midnight


class RegionEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A region of a row."""

    key: RegionKey
    name: str = ""
    time_zone: str = ""  # IANA; several joined by "|"
    derived: bool = False  # from a phone's area code, because the row gave no region


class SiteEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row that may be stored as it is."""

    line: int
    customer: str  # reference
    name: str
    account_type: str
    plan: str
    price_minor: int | None
    currency: str
    site: str  # reference, unique within the customer
    label: str
    address: str
    services: str  # "|internet|power|"
    status: SiteStatus
    priority: bool
    time_zone: str  # IANA; several joined by "|"; "" = the company's
    locale: str
    contacts: tuple[ContactEntry, ...]
    regions: tuple[RegionEntry, ...]
    wishes: tuple[WishEntry, ...] = ()


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

    def check(self, row: DirectoryRow, line: int) -> tuple[SiteEntry | RejectedRow, Sequence[RowWarning]]:
        """Return what is to be stored of a row, or why it is rejected; and what was stored in another way."""
        return _Check(self, row, line).result()

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


class _Check:
    """One row being checked: mistakes and warnings are gathered, so that one pass over the row names them all."""

    __slots__ = ("_line", "_mistakes", "_row", "_rules", "_warnings")

    def __init__(self, rules: DirectoryRules, row: DirectoryRow, line: int) -> None:
        self._rules, self._row, self._line = rules, row, line
        self._mistakes: list[tuple[str, str, str]] = []
        self._warnings: list[RowWarning] = []

    def result(self) -> tuple[SiteEntry | RejectedRow, Sequence[RowWarning]]:
        """Check every column."""
        row = self._row
        contacts = self._contacts()
        phones = [contact.address for contact in contacts if contact.kind is not ContactKind.EMAIL]
        regions = self._regions(phones)
        price, currency = self._price()
        entry = SiteEntry(
            line=self._line,
            customer=self._reference("customer_id", row.customer_id),
            name=self._text("name", row.name),
            account_type=self._text("account_type", row.account_type),
            plan=self._text("plan", row.plan),
            price_minor=price,
            currency=currency,
            site=self._reference("site_id", row.site_id),
            label=self._text("label", row.label),
            address=self._text("address", row.address, ADDRESS_LENGTH),
            services=self._services(),
            status=self._word("status", row.status, SiteStatus) or SiteStatus.ACTIVE,
            priority=self._yes_or_no("priority", row.priority),
            time_zone=self._time_zone(regions, phones),
            locale=self._locale(),
            contacts=tuple(contacts),
            regions=regions,
            wishes=self._wishes(contacts),
        )
        return (self._rejected() if self._mistakes else entry), self._warnings

    def _rejected(self) -> RejectedRow:
        (column, value, reason), *others = self._mistakes
        also = "".join(f"; also {other}: {why}" for other, _, why in others)
        return RejectedRow(line=self._line, column=column, value=value, reason=reason + also)

    def _contacts(self) -> list[ContactEntry]:
        row = self._row
        found: list[ContactEntry] = []
        if row.email and not row.email.isspace():
            found += self._email(row.email)
        kind = self._word("phone_kind", row.phone_kind, ContactKind)
        if kind is ContactKind.EMAIL:
            self._mistake("phone_kind", row.phone_kind, "is no kind of telephone; expected mobile or landline")
        if row.phone and not row.phone.isspace():
            found += self._phone("phone", row.phone, kind, Role.OWNER, 1)
        role = self._word("phone2_role", row.phone2_role, Role)
        if row.phone2 and not row.phone2.isspace():
            known = {contact.address for contact in found}
            second = self._phone("phone2", row.phone2, None, role or Role.HOUSEHOLD, 2)
            found += [contact for contact in second if contact.address not in known]
        elif role is not None:
            self._warn("phone2_role", row.phone2_role, "left out: there is no phone2")
        return found

    def _wishes(self, contacts: Sequence[ContactEntry]) -> tuple[WishEntry, ...]:
        """Return what is said of consent and quiet hours, per contact point; most rows say nothing."""
        row = self._row
        said = {purpose: getattr(row, f"consent_{purpose}") for purpose in Purpose}
        if not (any(said.values()) or row.quiet_from or row.quiet_until):
            return ()
        quiet = parse_hours(row.quiet_from, row.quiet_until)
        if isinstance(quiet, Mistake):
            self._mistake("quiet_from", f"{row.quiet_from}-{row.quiet_until}", _HOURS_MISTAKES[quiet])
            quiet = None
        by_position: dict[int, list[tuple[Purpose, ConsentState]]] = {}
        for purpose, text in said.items():
            for position, state in self._consent(f"consent.{purpose}", text, contacts):
                by_position.setdefault(position, []).append((purpose, state))
        basis = self._text("consent.basis", row.consent_basis, SOURCE_LENGTH)
        source = self._text("consent.source", row.consent_source, SOURCE_LENGTH)
        return tuple(
            WishEntry(
                address=contact.address,
                consents=tuple(by_position.get(contact.position, ())),
                basis=basis,
                source=source,
                quiet=quiet,
            )
            for contact in contacts
            if quiet is not None or contact.position in by_position
        )

    def _consent(self, column: str, text: str, contacts: Sequence[ContactEntry]) -> list[tuple[int, ConsentState]]:
        """Return what a cell says of each contact point: `yes` of all of the row, or `email=yes|phone2=no`."""
        there = {contact.position for contact in contacts}
        found: list[tuple[int, ConsentState]] = []
        for part in text.lower().split("|"):
            name, equals, word = part.rpartition("=")
            name, word = name.strip(), word.strip()
            if not word and not equals:
                continue
            if word not in _SAID_YES and word not in _SAID_NO:
                self._mistake(column, text, "is neither yes nor no, nor such as email=yes|phone=no")
                return []
            state = ConsentState.GRANTED if word in _SAID_YES else ConsentState.REFUSED
            if not equals:
                found += [(position, state) for position in there]
            elif name not in _POSITIONS:
                self._mistake(column, text, f"'{name}' is no column of a contact{nearest(name, list(_POSITIONS))}")
                return []
            elif _POSITIONS[name] in there:
                found.append((_POSITIONS[name], state))
            else:
                self._warn(column, text, f"left out: there is no {name}")
        if len({position for position, _ in found}) < len(found):
            self._mistake(column, text, "says something of one contact twice")
            return []
        return found

    def _email(self, text: str) -> list[ContactEntry]:
        try:
            address = normalise_email(text)
        except InvalidInput as error:
            self._mistake("email", text, str(error))
            return []
        return [ContactEntry(address=address, kind=ContactKind.EMAIL, is_kind_given=False, role=Role.OWNER, position=0)]

    def _phone(self, column: str, text: str, kind: ContactKind | None, role: Role, position: int) -> list[ContactEntry]:
        try:
            phone = parse_phone(text, self._rules.country, plan=self._rules.plan)
        except InvalidInput as error:
            self._mistake(column, text, str(error))
            return []
        if phone.extension:
            self._warn(column, text, "stored without its extension, as a landline: messages cannot go to an extension")
        is_fixed = phone.is_fixed or bool(phone.extension)
        return [
            ContactEntry(
                address=phone.number,
                kind=kind or (ContactKind.LANDLINE if is_fixed else ContactKind.MOBILE),
                is_kind_given=is_fixed or kind is not None,
                role=role,
                position=position,
            )
        ]

    def _regions(self, phones: Sequence[str]) -> tuple[RegionEntry, ...]:
        given = tuple(self._row.regions.items())
        try:
            found = self._rules.regions(given)
        except InvalidInput:
            for kind, code in given:  # each by itself, to name every mistake
                try:
                    self._rules.regions(((kind, code),))
                except InvalidInput as error:
                    self._mistake(REGION_COLUMN + kind, code, str(error))
            return ()
        if not found and (derived := self._rules.area_region(phones)) is not None:
            return derived
        return found

    def _services(self) -> str:
        try:
            return self._rules.services_of(self._row.services)
        except InvalidInput as error:
            self._mistake("services", self._row.services, str(error))
            return ""

    def _price(self) -> tuple[int | None, str]:
        text = self._row.monthly_price.strip()
        if not text:
            return None, ""
        currency = self._row.currency.strip().upper()
        try:
            return self._rules.price(text, currency), currency
        except InvalidInput as error:
            self._mistake("monthly_price", text, str(error))
            return None, ""

    def _time_zone(self, regions: Sequence[RegionEntry], phones: Sequence[str]) -> str:
        text = self._row.time_zone.strip()
        if not text:
            return self._rules.time_zone_of(regions, phones)
        try:
            return self._rules.time_zone(text)
        except InvalidInput as error:
            self._mistake("time_zone", text, str(error))
            return ""

    def _locale(self) -> str:
        text = self._row.locale.strip()
        if not text or text in self._rules.locales:
            return text
        if _LOCALE.fullmatch(text) is None:
            self._mistake("locale", text, "is not a locale; expected such as en or es-MX")
            return ""
        language, _, rest = text.replace("_", "-").partition("-")
        locale = f"{language.lower()}-{rest}" if rest else language.lower()
        for known in (locale, locale.replace("-", "_"), language.lower()):
            if known in self._rules.locales:
                return known
        self._warn("locale", text, f"there are no messages in it yet, only {' or '.join(self._rules.locales)}")
        return locale

    def _reference(self, column: str, text: str) -> str:
        reference = self._text(column, text, REFERENCE_LENGTH)
        if not reference:
            self._mistake(column, text, "is empty; a row needs the customer's number and that of the site")
        elif is_spreadsheet_number(reference):
            self._mistake(column, text, "a spreadsheet has changed this number; its digits are lost")
        return reference

    def _text(self, column: str, text: str, most: int = TEXT_LENGTH) -> str:
        if not text:
            return ""
        cleaned = clean_line(text)
        if len(cleaned) > most:
            self._mistake(column, text, f"is longer than {most} characters")
        return cleaned

    def _yes_or_no(self, column: str, text: str) -> bool:
        if not text:
            return False
        word = text.strip().lower()
        if word not in _NO and word not in _YES:
            self._mistake(column, text, "is neither yes nor no")
        return word in _YES

    def _word(self, column: str, text: str, words: type[E]) -> E | None:
        if not text:
            return None
        word = "_".join(text.lower().split())
        if not word:
            return None
        try:
            return words(word)
        except ValueError:
            known = [str(each) for each in words]
            self._mistake(column, text, f"is not one of {', '.join(known)}{nearest(word, known)}")
            return None

    def _mistake(self, column: str, value: str, reason: str) -> None:
        self._mistakes.append((column, clean_line(value)[:VALUE_LENGTH], reason))

    def _warn(self, column: str, value: str, reason: str) -> None:
        value = clean_line(value)[:VALUE_LENGTH]
        self._warnings.append(RowWarning(line=self._line, column=column, value=value, reason=reason))
