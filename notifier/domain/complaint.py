"""Complaints: one report of a problem by one reporter, and whether it counts as evidence.

A request comes in as it was sent; `check` refuses what cannot be meant and cleans what may be. Then three decisions
follow: when it counts as having happened (`effective`), where its reporter is (`locate`), and in which regions it
counts (`count`). Nothing here reads the directory or the store: the stage brings what they know.
"""

from collections.abc import Container, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, NamedTuple, NewType

from msgspec import Meta, Struct

from notifier.domain.errors import InvalidInput

ComplaintId = NewType("ComplaintId", int)

TEXT_AT_MOST = 10_000  # characters kept of what the reporter wrote; the rest is cut, the complaint counts
NAME_AT_MOST = 200  # characters of identifiers: references, external ids, keys, regions
ADDRESS_AT_MOST = 320  # characters of a reporter's address
AHEAD_AT_MOST = timedelta(hours=24)  # a clock or a time zone may be wrong by this much; more is a mistake
HISTORY_AHEAD_AT_MOST = timedelta(minutes=5)  # history lies in the past
OLDEST_AT = datetime(2000, 1, 1, tzinfo=UTC)
COUNTS_AGAIN_AFTER = timedelta(hours=24)  # a reporter counts once per cell in this time
UNVERIFIED_WITHIN = timedelta(hours=4)  # the time for which `detection.unverified_at_most` is meant
ADDRESS_WITHIN = timedelta(hours=24)  # the time for which `detection.unverified_per_address_at_most` is meant
LATE_FEEDS_WITHIN = timedelta(days=1)  # an older row feeds the baseline only when it is imported as history


class NotCounted(StrEnum):
    """Why a complaint is no evidence in a cell."""

    HISTORY = "history"  # imported for the baseline only
    LATE = "late"  # more than 15 minutes old on arrival: baseline only
    REPEAT = "repeat"  # the same reporter counted there in the last 24 hours
    UNVERIFIED_CAP = "unverified_cap"  # strangers count up to the caps per place and per address they write from
    NO_REGION = "no_region"  # neither the customer nor the request says where
    NOT_SERVED = "not_served"  # the reporter is on file, but no active site of theirs has the service
    AMBIGUOUS_CUSTOMER = "ambiguous_customer"  # several customers share the address and it does not say which
    PLANNED_WORK = "planned_work"  # announced work explains it: neither evidence nor what is usual


class ComplaintRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One complaint as it is sent: the body of `POST /v1/complaints`, a line of NDJSON, a row of CSV."""

    service: str
    reporter: str = ""  # a phone number or a mail address
    customer_id: str = ""  # or the company's own reference of the customer
    region: str = ""  # `postal_code:94110`, or the code alone where it is unique
    text: str = ""
    occurred_at: Annotated[datetime, Meta(tz=True)] | None = None  # aware; None = now
    external_id: str = ""  # the source's own id: the same one twice is stored once
    source: str = "api"
    source_address: str = ""  # from where at the source it was written: an IP address, a device; "" = the reporter's


class Region(NamedTuple):  # made several times per complaint: a tuple costs a third of a frozen dataclass
    """A region as the directory has it."""

    id: int
    kind: str
    code: str

    @property
    def label(self) -> str:
        """Return it as people are shown it."""
        return f"{self.kind} {self.code}"


class KnownCustomer(NamedTuple):
    """A customer in the directory."""

    id: int
    reference: str


class CandidateSite(NamedTuple):
    """An active site with the service complained about that may be meant."""

    id: int
    customer: KnownCustomer
    regions: tuple[Region, ...]


class Whereabouts(Struct, frozen=True, kw_only=True):
    """Who complained, and in which regions the trouble is."""

    customer: KnownCustomer | None
    on_file: bool  # the directory knows the reporter to be served there
    regions: tuple[Region, ...] = ()  # narrow before wide
    site_ids: tuple[int, ...] = ()  # the sites that may be meant
    unknown: NotCounted | None = None  # why there are no regions


class Counting(Struct, frozen=True, kw_only=True):
    """In which regions a complaint counts, and why it is no evidence anywhere."""

    regions: tuple[int, ...]  # as evidence; for the baseline only when `not_counted` is history or late
    not_counted: NotCounted | None
    feeds: bool = True  # it is counted for the baseline
    named_before: tuple[int, ...] = ()  # of `regions`, those in which its customer counted with another service


class Strangers(NamedTuple):
    """Unverified complaints that counted around a time."""

    in_place: int = 0  # in the same place and service, within four hours
    in_place_today: int = 0  # the same, within 24 hours
    from_address: int = 0  # written from the same address, anywhere, within 24 hours


NO_STRANGERS = Strangers()


def check(request: ComplaintRequest) -> ComplaintRequest:
    """Return the request with its text cleaned and its identifiers stripped; raise `InvalidInput` otherwise.

    NUL and lone surrogates, which one database stores and the other refuses, are replaced in the text and refused in
    identifiers, as are control characters there.
    """
    if not request.reporter.strip() and not request.customer_id.strip():
        raise InvalidInput(
            "nobody complains",
            field="reporter",
            value="",
            expected="reporter (a phone number or mail address) or customer_id",
        )
    if request.occurred_at is not None and request.occurred_at.tzinfo is None:
        raise InvalidInput(
            f"occurred_at {request.occurred_at.isoformat()} has no time zone",
            field="occurred_at",
            value=request.occurred_at.isoformat(),
            expected="a time with an offset, such as 2026-03-01T18:30:00-08:00 or ...Z",
        )
    names = f"{request.service}{request.source}{request.customer_id}{request.reporter}"
    names += f"{request.region}{request.external_id}{request.source_address}"
    text = clean_text(request.text)
    if len(names) <= NAME_AT_MOST and " " not in names and names.isprintable() and text == request.text:
        return request  # nothing to strip, to cut or to refuse in any of them
    cleaned = {
        name: _identifier(name, getattr(request, name), most)
        for name, most in (
            ("service", NAME_AT_MOST),
            ("reporter", ADDRESS_AT_MOST),
            ("customer_id", NAME_AT_MOST),
            ("region", NAME_AT_MOST),
            ("external_id", NAME_AT_MOST),
            ("source", NAME_AT_MOST),
            ("source_address", NAME_AT_MOST),
        )
    }
    return ComplaintRequest(**cleaned, text=text, occurred_at=request.occurred_at)


def clean_text(text: str) -> str:
    """Return what both databases can store, at most `TEXT_AT_MOST` characters of it."""
    text = text[:TEXT_AT_MOST]
    if text.isascii():
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _identifier(field: str, value: str, most: int) -> str:
    value = value.strip()
    if len(value) > most:
        raise InvalidInput(
            f"{field} has {len(value)} characters", field=field, value=value[:40] + "...", expected=f"at most {most}"
        )
    if value and not value.isprintable():
        shown = value.encode("ascii", "backslashreplace").decode()
        raise InvalidInput(
            f"{field} holds characters that cannot be printed", field=field, value=shown, expected="printable text"
        )
    return value


def effective(occurred_at: datetime | None, now: datetime, *, history: bool) -> tuple[datetime, datetime]:
    """Return when it happened as far as we believe it: (`occurred_at`, `effective_at`), the second never after `now`.

    A source whose clock is ahead still reports something that has happened: the complaint counts as of now. More than
    24 hours ahead (5 minutes in history) is a mistake and refused, as are years before 2000.
    """
    if occurred_at is None:
        return now, now
    most = HISTORY_AHEAD_AT_MOST if history else AHEAD_AT_MOST
    if not OLDEST_AT <= occurred_at <= now + most:
        raise InvalidInput(
            f"occurred_at {occurred_at.isoformat()} cannot be when it happened",
            field="occurred_at",
            value=occurred_at.isoformat(),
            expected=f"a time between {OLDEST_AT.date()} and now ({now.isoformat(timespec='seconds')})",
        )
    occurred_at = occurred_at.astimezone(UTC)
    return occurred_at, min(occurred_at, now)


def locate(
    sites: Sequence[CandidateSite], named: Region | None, kinds: Sequence[str], *, known: KnownCustomer | None = None
) -> Whereabouts:
    """Decide who complained and where the trouble is.

    `sites` are the active sites with the service of every customer the reporter may be; `named` is the region the
    request names; `known` is the one customer the reporter is, served or not. With a named region only the sites that
    lie there are meant (or whose region of that kind is not on file); a customer who has none there is a stranger
    there. A customer who has no site at all, and names no region, is not served. One customer counts in the regions
    that all its sites in question share; several customers behind one address count where a region is named, or where
    all their regions are the same.
    """
    if named is None and len(sites) == 1:  # nearly every customer has one site
        site = sites[0]
        return Whereabouts(
            customer=site.customer,
            on_file=True,
            regions=_narrow_first(site.regions, tuple(kinds)),
            site_ids=(site.id,),
            unknown=None if site.regions else NotCounted.NO_REGION,
        )
    meant = [site for site in sites if named is None or _may_lie_in(site, named)]
    if not meant:
        if named is not None:
            return Whereabouts(customer=known, on_file=False, regions=(named,))
        return Whereabouts(
            customer=known, on_file=False, unknown=NotCounted.NO_REGION if known is None else NotCounted.NOT_SERVED
        )
    customers = {site.customer.id: site.customer for site in meant}
    if len(customers) > 1 and named is None and len({frozenset(site.regions) for site in meant}) > 1:
        return Whereabouts(customer=None, on_file=True, unknown=NotCounted.AMBIGUOUS_CUSTOMER)
    shared = set(meant[0].regions)
    for site in meant[1:]:
        shared.intersection_update(site.regions)
    if named is not None:
        shared.add(named)
    return Whereabouts(
        customer=customers[min(customers)],
        on_file=True,
        regions=_narrow_first(tuple(shared), tuple(kinds)),
        site_ids=tuple(site.id for site in meant),
        unknown=None if shared else NotCounted.NO_REGION,
    )


@lru_cache(maxsize=4096)
def _narrow_first(regions: tuple[Region, ...], kinds: tuple[str, ...]) -> tuple[Region, ...]:
    return tuple(sorted(set(regions), key=lambda region: (_rank(region.kind, kinds), region.id)))


def _may_lie_in(site: CandidateSite, named: Region) -> bool:
    of_kind = [region for region in site.regions if region.kind == named.kind]
    return not of_kind or named in of_kind


def _rank(kind: str, kinds: Sequence[str]) -> int:
    return kinds.index(kind) if kind in kinds else len(kinds)


def baseline_only(effective_at: datetime, now: datetime, *, history: bool, late_after: timedelta) -> NotCounted | None:
    """Return why a complaint feeds the baseline only, or None when it may be evidence."""
    if history:
        return NotCounted.HISTORY
    return NotCounted.LATE if now - effective_at > late_after else None


def may_feed(effective_at: datetime, now: datetime, *, verified: bool, feeds_only: NotCounted | None) -> bool:
    """Tell whether a complaint may feed the baseline, as far as its time goes.

    Nobody bends the baseline from outside: a late row of a stranger feeds nothing, nor does one of a customer that is
    more than a day old. What a person imports as history does.
    """
    return feeds_only is not NotCounted.LATE or (verified and now - effective_at <= LATE_FEEDS_WITHIN)


def count(
    where: Whereabouts,
    *,
    verified: bool,
    feeds_only: NotCounted | None,
    counted_before: Container[int],
    strangers: Strangers = NO_STRANGERS,
    strangers_at_most: int,
    per_address_at_most: int,
    feeds: bool = True,
    named_before: Container[int] = (),
) -> Counting:
    """Decide where a complaint counts.

    `feeds_only` is what `baseline_only` returned, `feeds` what `may_feed` did. `counted_before` are the regions in
    which the same reporter counted within 24 hours, `strangers` the unverified ones that counted there and from the
    same address. One stranger a day and place feeds the baseline: ordinary ones do, a flood of invented ones does not.
    `named_before` are the regions in which a customer counted within 24 hours, whatever was named: another service is
    evidence of its own there, but no other customer.
    """
    if where.unknown is not None:
        return Counting(regions=(), not_counted=where.unknown)
    regions = tuple([region.id for region in where.regions if region.id not in counted_before])
    if not regions:
        return Counting(regions=(), not_counted=NotCounted.REPEAT)
    if feeds_only is not None:
        return Counting(regions=regions if feeds else (), not_counted=feeds_only)
    if not verified and (strangers.in_place >= strangers_at_most or strangers.from_address >= per_address_at_most):
        return Counting(regions=(), not_counted=NotCounted.UNVERIFIED_CAP)
    return Counting(
        regions=regions,
        not_counted=None,
        feeds=verified or strangers.in_place_today == 0,
        named_before=tuple([each for each in regions if each in named_before]) if verified else (),
    )
