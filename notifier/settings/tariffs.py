"""Tariffs: one YAML file per dated rule in, those that count out, or every mistake at once.

The operator's folder (`credits.tariffs`) overrides the shipped examples file by file. Every file is checked whole, also
one that is switched off: its worked examples are computed, and one that comes to another amount is a mistake.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.credit import BILLED, GOODWILL, NOTHING_YET, lines, steps_by_tariff
from notifier.domain.errors import ConfigError, InvalidInput, nearest
from notifier.domain.money import decimals_of, parse_amount
from notifier.domain.tariff import ZERO, Disruption, OwedFor, Payer, Tariff, TariffClock, TariffTest, joined, spell_of
from notifier.resources import resources
from notifier.settings.addresses import is_zone
from notifier.settings.conversion import Reader
from notifier.settings.descriptions import alternatives
from notifier.settings.load import read_table
from notifier.settings.rules import Finding
from notifier.settings.tree import Place, Problem, lines_of

FOLDER = "config/tariffs"
BYTES_AT_MOST = 262_144
_AMOUNTS = ("amount", "per_incident_at_most", "per_month_at_most", "per_year_at_most")
_TAKEN = {GOODWILL: "what people grant by hand", BILLED: "what billing has by its own list"}
_OF_CUSTOMERS = ("share_of_month", "price_at_most", "per_month_at_most", "per_year_at_most")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A tariff with the file it was read from."""

    file: Path
    tariff: Tariff
    reader: Reader


def tariff_files(config: Config, base: Path | None = None) -> list[Path]:
    """Return the files that tariffs are read from, the operator's in place of shipped ones of the same name."""
    own = (base or Path()) / config.credits.tariffs if config.credits.tariffs else None
    return list(resources(FOLDER, "*.yaml", own).values())


def load_tariffs(config: Config, base: Path | None = None) -> tuple[Tariff, ...]:
    """Return every tariff, also those switched off; raise `ConfigError` with one line per mistake."""
    problems: list[Problem] = []
    written = [found for file in tariff_files(config, base) if (found := _read(file, problems)) is not None]
    if not problems:
        problems += list(_between(written, config))
    if problems:
        raise ConfigError(lines_of(problems))
    return tuple(each.tariff for each in written)


def findings(tariff: Tariff) -> Iterator[Finding]:
    """Yield what is wrong with a tariff by itself; its worked examples are computed when nothing else is."""
    wrong = False
    for finding in _rules(tariff):
        wrong = True
        yield finding
    if not wrong:
        for index, test in enumerate(tariff.tests):
            yield from ((f"tests[{index}].{key}", reason) for key, reason in _tried(tariff, test))


def _rules(tariff: Tariff) -> Iterator[Finding]:
    if tariff.name in _TAKEN:
        yield "name", f"'{tariff.name}' is {_TAKEN[tariff.name]}; expected another name, such as courtesy"
    yield from _dates(tariff)
    for key in _OF_CUSTOMERS if tariff.per is OwedFor.SITE else ():
        if getattr(tariff, key):
            yield key, "is of a customer, not of each site; expected none with per: site"
    if bool(tariff.amount) == bool(tariff.share_of_month):
        yield "amount", "expected one of amount and share_of_month, not both or none"
    try:
        decimals_of(tariff.currency)
    except InvalidInput as error:
        yield "currency", str(error)
        return
    for key in _AMOUNTS:
        if text := getattr(tariff, key):
            try:
                parse_amount(text, tariff.currency)
            except InvalidInput as error:
                yield key, str(error)
    if tariff.step <= ZERO:
        yield "step", "0 s is out of bounds; expected more"
    by_days = tariff.clock is TariffClock.CALENDAR_DAYS
    if by_days and tariff.grace > ZERO:
        yield "grace", "is for clock hours; expected grace_working_days, or none"
    if not by_days and tariff.grace_working_days:
        yield "grace_working_days", "is for clock calendar_days; expected grace, or none"


def _dates(tariff: Tariff) -> Iterator[Finding]:
    written = [("valid_from", tariff.valid_from)]
    written += [(f"holidays[{index}]", day) for index, day in enumerate(tariff.holidays)]
    for path, day in written:
        try:
            date.fromisoformat(day)
        except ValueError:
            yield path, f"'{day}' is no day; expected one such as 2026-04-01"


def _tried(tariff: Tariff, test: TariffTest) -> Iterator[Finding]:
    """Yield what is wrong with a worked example."""
    if not is_zone(test.time_zone):
        yield "time_zone", f"'{test.time_zone}' is no IANA time zone"
        return
    zone = ZoneInfo(test.time_zone)
    try:
        spells = joined(spell_of(text, zone) for text in test.outages)
        expected = parse_amount(test.credit, tariff.currency)
        price = parse_amount(test.monthly_price, tariff.currency) if test.monthly_price else None
    except InvalidInput as error:
        yield "outages" if "outage" in error.reason else "credit", str(error)
        return
    if spells[0].from_at.astimezone(zone).date() < date.fromisoformat(tariff.valid_from):
        yield "outages", f"it began before valid_from ({tariff.valid_from}): the tariff is not for it"
        return
    disruption = Disruption(
        service=test.service or tariff.services[0],
        impact=test.impact,
        kind=test.kind,
        cause=test.cause,
        customers=test.customers,
    )
    payer = Payer(account_type=test.account_type, plan=test.plan, monthly_price_minor=price, currency=tariff.currency)
    owed = steps_by_tariff((replace(tariff, enabled=True),), disruption, spells, zone)
    computed = sum(line.amount for line in lines(0, owed, payer, NOTHING_YET))
    computed *= test.sites if tariff.per is OwedFor.SITE else 1
    if computed != expected:
        decimals = decimals_of(tariff.currency)
        amount = f"{computed / 10**decimals:.{decimals}f}" if decimals else str(computed)
        yield "credit", f"'{test.name}' comes to {amount}, not {test.credit}"


def _read(file: Path, problems: list[Problem]) -> _Written | None:
    """Return the tariff of one file; add what is wrong with it."""
    table, found = read_table(file, BYTES_AT_MOST)
    reader = Reader(folder=file.parent, problems=found)
    tariff = reader.read(table, Tariff) if table is not None else None
    if tariff is not None and not reader.problems:
        reader.problems += [
            Problem(place=reader.place_of(path, Place(str(file))), path=path, reason=reason)
            for path, reason in findings(tariff)
        ]
    problems += reader.problems
    return None if tariff is None else _Written(file=file, tariff=tariff, reader=reader)


def _between(written: list[_Written], config: Config) -> Iterator[Problem]:
    """Yield what is wrong between tariffs, and between those that count and the configuration."""
    services = [service.name for service in config.services]
    seen: dict[tuple[str, str], Path] = {}
    for each in written:
        tariff = each.tariff
        key = (tariff.name, tariff.valid_from)
        if key in seen:
            yield _problem(each, "valid_from", f"{seen[key]} is the same tariff of the same day")
        seen.setdefault(key, each.file)
        if not tariff.enabled:
            continue
        if tariff.currency != config.credits.currency:
            reason = f"{tariff.currency} is not credits.currency ({config.credits.currency}); expected the same"
            yield _problem(each, "currency", reason)
        for index, service in enumerate(tariff.services):
            if service not in services:
                expected = f"expected {alternatives(services)}{nearest(service, services)}"
                yield _problem(each, f"services[{index}]", f"'{service}' is no service; {expected}")


def _problem(written: _Written, path: str, reason: str) -> Problem:
    return Problem(place=written.reader.place_of(path, Place(str(written.file))), path=path, reason=reason)
