"""One row of the directory checked against the rules.

In: a `DirectoryRow`. Out: a `SiteEntry` that can be stored as it is, or a `RejectedRow` that names every mistake in the
row. What can be mended without guessing is mended and said as a `RowWarning`. Customer columns that are empty leave
what is stored, so that not every site has to repeat them.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from notifier.domain.consent import SOURCE_LENGTH, ConsentState, Purpose
from notifier.domain.contact import normalise_email, parse_phone
from notifier.domain.customer import ContactKind, Role, SiteStatus
from notifier.domain.directory import (
    REGION_COLUMN,
    ContactEntry,
    DirectoryRow,
    RegionEntry,
    RejectedRow,
    RowWarning,
    SiteEntry,
    WishEntry,
)
from notifier.domain.directory_rules import DirectoryRules
from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.preferences import Mistake, parse_hours
from notifier.domain.text import clean_line, is_spreadsheet_number

E = TypeVar("E", bound=StrEnum)

REFERENCE_LENGTH = 64  # characters of customer_id and site_id
TEXT_LENGTH = 200  # characters of name, label, plan and account_type
ADDRESS_LENGTH = 300
VALUE_LENGTH = 200  # characters of a wrong value that are repeated

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


def check(rules: DirectoryRules, row: DirectoryRow, line: int) -> tuple[SiteEntry | RejectedRow, Sequence[RowWarning]]:
    """Return what is to be stored of a row, or why it is rejected; and what was stored in another way."""
    return _Check(rules, row, line).result()


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
