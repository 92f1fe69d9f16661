"""Tariffs: dated rules that turn outage time into credit. Parsed from `config/tariffs/*.yaml`; every key is documented.

In: when a customer was out, what failed, who the customer is. Out: how many steps are owed, and what each is worth in
minor units. Several files may share a name: the one with the newest `valid_from` on the day the outage began counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from notifier.domain.errors import InvalidInput
from notifier.domain.incident import Impact, IncidentKind
from notifier.domain.money import parse_amount

ZERO, DAY = timedelta(), timedelta(days=1)
WORKING_DAYS_AT_MOST = 30  # of grace
_WEEKEND = 5  # the first weekday of it: Saturday
_AMOUNT = r"^([0-9]{1,9}(\.[0-9]{1,3})?)?$"
_SHARE = r"^([0-9]{1,6}/[1-9][0-9]{0,5})?$"
_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class TariffClock(StrEnum):
    """What outage time is measured in."""

    HOURS = "hours"  # in steps of any length, from the moment it began
    CALENDAR_DAYS = "calendar_days"  # in days of the company's calendar


class Counts(StrEnum):
    """Which steps are owed."""

    COMPLETED = "completed"  # a step is owed when it has passed as a whole
    BEGUN = "begun"  # from its first moment


class OwedFor(StrEnum):
    """What a step is owed for."""

    CUSTOMER = "customer"  # once, however many of their sites were out
    SITE = "site"  # for each site that was out, for as long as it was


class Rounding(StrEnum):
    """How a share of the monthly price becomes minor units."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"


_ROUNDING = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.UP: ROUND_UP,
    Rounding.DOWN: ROUND_DOWN,
}


class TariffTest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worked example: `notifier check` computes it."""

    name: Annotated[str, Meta(description="What it shows.", min_length=1)]
    outages: Annotated[
        tuple[str, ...],
        Meta(description="When the customer was out, local: `2026-03-02T08:00/2026-03-05T10:00`.", min_length=1),
    ]
    credit: Annotated[str, Meta(description="What is owed in all.", pattern=_AMOUNT, min_length=1)]
    time_zone: Annotated[str, Meta(description="IANA zone of these times.")] = "UTC"
    account_type: Annotated[str, Meta(description="Of the customer.")] = ""
    plan: Annotated[str, Meta(description="Of the customer.")] = ""
    monthly_price: Annotated[str, Meta(description="Of the customer; empty = not known.", pattern=_AMOUNT)] = ""
    service: Annotated[str, Meta(description="What failed; empty = the tariff's first service.")] = ""
    impact: Annotated[Impact, Meta(description="How bad it was.")] = Impact.DOWN
    kind: Annotated[IncidentKind, Meta(description="unplanned or planned.")] = IncidentKind.UNPLANNED
    cause: Annotated[str, Meta(description="Code of its cause.")] = ""
    customers: Annotated[int, Meta(description="Customers of the incident.", ge=1)] = 1
    sites: Annotated[int, Meta(description="How many sites of the customer were out.", ge=1, le=1000)] = 1


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dated rules that turn outage time into credit."""

    name: Annotated[
        str,
        Meta(
            description="Name in the ledger; files that share it are the same tariff at different dates."
            " `goodwill` is the name of what people grant by hand.",
            pattern="^[a-z][a-z0-9-]{0,39}$",
        ),
    ]
    valid_from: Annotated[str, Meta(description="First local day of outages it is for (YYYY-MM-DD).", pattern=_DAY)]
    source: Annotated[str, Meta(description="Where the rule is written, for whoever checks it.", min_length=1)]
    currency: Annotated[
        str, Meta(description="ISO 4217 code of its amounts; the same as credits.currency.", pattern="^[A-Z]{3}$")
    ]
    services: Annotated[tuple[str, ...], Meta(description="Services it is for.", min_length=1)]
    enabled: Annotated[bool, Meta(description="Whether it counts; what is shipped does not.")] = False
    impacts: Annotated[tuple[Impact, ...], Meta(description="Impacts it is for.", min_length=1)] = (Impact.DOWN,)
    kinds: Annotated[tuple[IncidentKind, ...], Meta(description="Kinds of incident it is for.", min_length=1)] = (
        IncidentKind.UNPLANNED,
    )
    account_types: Annotated[
        tuple[str, ...], Meta(description="Classes of customer (account_type of the directory) it is for; empty = all.")
    ] = ()
    plans: Annotated[tuple[str, ...], Meta(description="Plans (of the directory) it is for; empty = all.")] = ()
    causes: Annotated[
        tuple[str, ...], Meta(description="Causes (codes of phrases) it is for; empty = all, also an unknown one.")
    ] = ()
    causes_excluded: Annotated[tuple[str, ...], Meta(description="Causes it is not for.")] = ()
    customers_at_least: Annotated[
        int, Meta(description="Only for incidents with this many customers or more.", ge=0)
    ] = 0
    per: Annotated[
        OwedFor,
        Meta(
            description="customer (once, however many of their sites were out) or site (for each that was out, for as"
            " long as it was; amounts and caps are then those of one site)."
        ),
    ] = OwedFor.CUSTOMER
    longer_than: Annotated[timedelta, Meta(description="Nothing is owed unless the outage was longer than this.")] = (
        ZERO
    )
    consecutive: Annotated[
        bool,
        Meta(
            description="false: outages of one incident add up, as after a reopening;"
            " true: each must be long enough by itself."
        ),
    ] = False
    clock: Annotated[
        TariffClock, Meta(description="hours (steps of any length) or calendar_days (of regions.time_zone).")
    ] = TariffClock.HOURS
    grace: Annotated[timedelta, Meta(description="hours: outage time before the first step begins.")] = ZERO
    grace_working_days: Annotated[
        int,
        Meta(
            description="calendar_days: full working days after the day it began, before days count.",
            ge=0,
            le=WORKING_DAYS_AT_MOST,
        ),
    ] = 0
    holidays: Annotated[
        tuple[str, ...],
        Meta(description="Days (YYYY-MM-DD) that are no working days, beside Saturdays and Sundays."),
    ] = ()
    step: Annotated[timedelta, Meta(description="hours: length of a step.")] = DAY
    counts: Annotated[Counts, Meta(description="completed (steps that have passed as a whole) or begun.")] = (
        Counts.COMPLETED
    )
    amount: Annotated[
        str, Meta(description="What one step is worth, such as 25.00; or give share_of_month.", pattern=_AMOUNT)
    ] = ""
    share_of_month: Annotated[
        str,
        Meta(
            description="What one step is worth as a share of the customer's monthly price, such as 1/30.",
            pattern=_SHARE,
        ),
    ] = ""
    rounding: Annotated[
        Rounding,
        Meta(
            description="half_up, half_even, up or down: of the sum of the steps, so that no cent is lost between them."
        ),
    ] = Rounding.HALF_UP
    steps_at_most: Annotated[int, Meta(description="Most steps per customer and incident; 0 = no limit.", ge=0)] = 0
    per_incident_at_most: Annotated[
        str, Meta(description="Most per customer and incident; empty = no limit.", pattern=_AMOUNT)
    ] = ""
    per_month_at_most: Annotated[
        str, Meta(description="Most per customer and calendar month, over all incidents.", pattern=_AMOUNT)
    ] = ""
    per_year_at_most: Annotated[
        str, Meta(description="Most per customer and calendar year, over all incidents.", pattern=_AMOUNT)
    ] = ""
    price_at_most: Annotated[
        str,
        Meta(
            description="Most per customer and incident as a share of the monthly price, such as 1/1.", pattern=_SHARE
        ),
    ] = ""
    bill_after_months: Annotated[
        int, Meta(description="On which bill it is: so many months after its approval.", ge=0, le=12)
    ] = 1
    tests: Annotated[
        tuple[TariffTest, ...], Meta(description="Worked examples that `notifier check` computes.", min_length=1)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time without service."""

    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """What failed, as tariffs look at it."""

    service: str
    impact: Impact
    kind: IncidentKind
    cause: str
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who pays for the service: the customer as tariffs look at it."""

    account_type: str
    plan: str
    monthly_price_minor: int | None
    currency: str


def in_force(tariffs: Iterable[Tariff], on: date) -> tuple[Tariff, ...]:
    """Return the tariffs that count for outages that began on a day: of each name the newest that is valid then."""
    found: dict[str, Tariff] = {}
    for tariff in sorted(tariffs, key=lambda each: each.valid_from):
        if date.fromisoformat(tariff.valid_from) <= on:
            found[tariff.name] = tariff
    return tuple(tariff for _, tariff in sorted(found.items()) if tariff.enabled)


def is_for(tariff: Tariff, disruption: Disruption) -> bool:
    """Tell whether a tariff is for such a disruption at all."""
    return (
        disruption.service in tariff.services
        and disruption.impact in tariff.impacts
        and disruption.kind in tariff.kinds
        and (not tariff.causes or disruption.cause in tariff.causes)
        and disruption.cause not in tariff.causes_excluded
        and disruption.customers >= tariff.customers_at_least
    )


def is_for_payer(tariff: Tariff, payer: Payer) -> bool:
    """Tell whether a tariff is for such a customer; a share of a price needs one in the tariff's currency."""
    needs_price = bool(tariff.share_of_month or tariff.price_at_most)
    return (
        (not tariff.account_types or payer.account_type in tariff.account_types)
        and (not tariff.plans or payer.plan in tariff.plans)
        and (not needs_price or (payer.monthly_price_minor is not None and payer.currency == tariff.currency))
    )


def joined(spells: Iterable[Spell]) -> list[Spell]:
    """Return spells as disjoint ones in order: time that several cover is counted once."""
    found: list[Spell] = []
    for spell in sorted(spells, key=lambda each: (each.from_at, each.until_at)):
        if spell.until_at <= spell.from_at:
            continue
        if found and spell.from_at <= found[-1].until_at:
            last = found.pop()
            found.append(Spell(from_at=last.from_at, until_at=max(last.until_at, spell.until_at)))
        else:
            found.append(spell)
    return found


def without(spells: Iterable[Spell], taken: Iterable[Spell]) -> list[Spell]:
    """Return spells without the time that others have taken."""
    left = joined(spells)
    for gone in joined(taken):
        rest: list[Spell] = []
        for spell in left:
            if gone.until_at <= spell.from_at or gone.from_at >= spell.until_at:
                rest.append(spell)
                continue
            if spell.from_at < gone.from_at:
                rest.append(Spell(from_at=spell.from_at, until_at=gone.from_at))
            if gone.until_at < spell.until_at:
                rest.append(Spell(from_at=gone.until_at, until_at=spell.until_at))
        left = rest
    return left


def steps(tariff: Tariff, spells: Sequence[Spell], zone: ZoneInfo) -> int:
    """Return how many steps are owed for disjoint spells in order, before any cap on money."""
    owed = 0
    for group in ([spell] for spell in spells) if tariff.consecutive else [list(spells)]:
        if not group or sum((each.until_at - each.from_at for each in group), ZERO) <= tariff.longer_than:
            continue
        owed += _days(tariff, group, zone) if tariff.clock is TariffClock.CALENDAR_DAYS else _steps(tariff, group)
    return min(owed, tariff.steps_at_most) if tariff.steps_at_most else owed


def _steps(tariff: Tariff, spells: Sequence[Spell]) -> int:
    counted = sum((each.until_at - each.from_at for each in spells), ZERO) - tariff.grace
    if counted <= ZERO:
        return 0
    whole = counted // tariff.step
    return whole + 1 if tariff.counts is Counts.BEGUN else whole  # at the end of one step the next one has begun


def _days(tariff: Tariff, spells: Sequence[Spell], zone: ZoneInfo) -> int:
    first = _after_working_days(spells[0].from_at.astimezone(zone).date(), tariff)
    found: set[date] = set()
    for spell in spells:
        day = max(first, spell.from_at.astimezone(zone).date())
        last = spell.until_at.astimezone(zone).date()
        while day <= last:
            begins = datetime.combine(day, time(), zone)
            ends = datetime.combine(day + DAY, time(), zone)
            whole = spell.from_at <= begins and spell.until_at >= ends
            if whole or (tariff.counts is Counts.BEGUN and spell.from_at < ends and spell.until_at > begins):
                found.add(day)
            day += DAY
    return len(found)


def _after_working_days(began: date, tariff: Tariff) -> date:
    """Return the first day that counts: the one after so many full working days, which begin after the first day."""
    day, left = began, tariff.grace_working_days
    while left:
        day += DAY
        if day.weekday() < _WEEKEND and day.isoformat() not in tariff.holidays:
            left -= 1
    return day + DAY if tariff.grace_working_days else began


def step_amount(tariff: Tariff, number: int, payer: Payer) -> int:
    """Return what the `number`-th step (from 1) is worth in minor units.

    A share is rounded as a sum up to each step, so that the steps together are exactly the rounded whole.
    """
    if tariff.amount:
        return parse_amount(tariff.amount, tariff.currency)
    share = Fraction(tariff.share_of_month) * (payer.monthly_price_minor or 0)
    return _rounded(share * number, tariff.rounding) - _rounded(share * (number - 1), tariff.rounding)


def limit_of(text: str, currency: str) -> int | None:
    """Return a limit in minor units; None where there is none."""
    return parse_amount(text, currency) if text else None


def price_limit(tariff: Tariff, payer: Payer) -> int | None:
    """Return the most per incident that the customer's price allows; None where it does not matter."""
    if not tariff.price_at_most:
        return None
    return _rounded(Fraction(tariff.price_at_most) * (payer.monthly_price_minor or 0), Rounding.DOWN)


def _rounded(share: Fraction, rounding: Rounding) -> int:
    whole, rest = divmod(share.numerator, share.denominator)
    fraction = Decimal(rest) / Decimal(share.denominator) if rest else Decimal()
    if rest * 2 == share.denominator:
        fraction = Decimal("0.5")
    return int((Decimal(whole) + fraction).quantize(Decimal(1), rounding=_ROUNDING[rounding]))


def spell_of(text: str, zone: ZoneInfo) -> Spell:
    """Return the spell that a text such as `2026-03-02T08:00/2026-03-05T10:00` names; raise `InvalidInput`."""
    begins, _, ends = text.partition("/")
    expected = "two local times such as 2026-03-02T08:00/2026-03-05T10:00"
    try:
        found = [datetime.fromisoformat(each) for each in (begins, ends)]
    except ValueError:
        raise InvalidInput(f"'{text}' is no outage", expected=expected) from None
    if any(each.tzinfo is not None for each in found) or found[0] >= found[1]:
        raise InvalidInput(f"'{text}' is no outage", expected=expected)
    from_at, until_at = (each.replace(tzinfo=zone).astimezone(UTC) for each in found)
    return Spell(from_at=from_at, until_at=until_at)
