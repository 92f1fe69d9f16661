"""Complaint streams for a generated town, with their ground truth.

Three kinds of complaint: a seasonal background (more by day than by night, a little more after weekends), outages
whose customers call with a delay, and abusers who shout a lot about nothing. `history` is weeks of background before
the live stream begins; `live` is what arrives from then on. The truth says which sites an outage really affects and
which mail address has to hear about it. The same plan and seed give the same streams on every machine.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from notifier.domain.errors import InvalidInput
from notifier.sandbox.town import REGION_KINDS, TownSite
from notifier.settings.durations import EXPECTED, parse_duration

COMPLAINT_COLUMNS = ("occurred_at", "reporter", "customer_id", "service", "region", "text", "external_id", "source")
"""The columns of history and live files: field names of POST /v1/complaints."""
TRUTH_COLUMNS = (
    *("outage", "service", "place", "started_at", "customer_id", "site_id"),
    *("email", "mobile", "carer", "locale", "priority"),
)

HOURS = (
    *(0.25, 0.18, 0.14, 0.12, 0.14, 0.3, 0.6, 0.9, 1.2, 1.35, 1.35, 1.3),
    *(1.25, 1.25, 1.25, 1.25, 1.3, 1.45, 1.6, 1.65, 1.5, 1.2, 0.8, 0.45),
)
"""How busy each local hour is; about 1 on average."""
DAYS = (1.1, 1.0, 1.0, 1.0, 1.05, 0.9, 0.95)  # Monday first
BACKGROUND_SERVICES = {"internet": 0.62, "power": 0.38}
DELAY_SPREAD = 0.9  # sigma of the log of the calling delay: one in ten calls after three times the median
WEB_SHARE = 0.25  # complaints by the open web form, which verifies nobody
BY_REFERENCE_SHARE = 0.4  # complaints that an agent enters by customer number

TEXTS = {
    "internet": ("no internet", "router light is red", "wifi works but nothing loads", "internet drops all the time"),
    "power": ("lights are out", "no power in the house", "half of the house has no power", "flickering since noon"),
}
OUTAGE_TEXTS = {
    "internet": (
        "internet is down",
        "whole street has no internet",
        "no connection since a few minutes",
        "down again?",
    ),
    "power": ("power is out", "whole street is dark", "heard a bang, then everything went dark", "when is it back?"),
}
ABUSE_TEXT = "IT IS ALL DOWN!!! everybody is affected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A disruption that really happens: where, from when, and who calls about it how soon."""

    kind: str  # a kind of region
    codes: tuple[str, ...]
    started_at: datetime
    callers: float  # below 1: that share of the affected customers; else that many of them
    delay: timedelta  # median from the start to the call
    service: str = "power"

    @property
    def place(self) -> str:
        """Return the place as it is written on the command line."""
        return f"{self.kind}:{'+'.join(self.codes)}"

    def affects(self, site: TownSite) -> bool:
        """Tell whether a site is without service because of it."""
        return site.is_served(self.service) and site.region(self.kind) in self.codes


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """What is to be simulated; times are aware, the shape of the day is that of `time_zone`."""

    live_from: datetime
    live_for: timedelta = timedelta(hours=2)
    weeks: int = 8
    background: float = 8.0  # complaints per 1,000 customers and day, all services
    outages: tuple[Outage, ...] = ()
    abusers: int = 3  # customers who complain again and again; as many strangers with invented addresses each
    time_zone: str = "America/Los_Angeles"
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One complaint of a stream, with the fields of POST /v1/complaints."""

    occurred_at: datetime
    reporter: str
    customer_id: str
    service: str
    region: str
    text: str
    external_id: str
    source: str

    def fields(self) -> dict[str, str]:
        """Return the fields as text, in the order of `COMPLAINT_COLUMNS`; those without a value are empty."""
        return {
            "occurred_at": self.occurred_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            **{name: getattr(self, name) for name in COMPLAINT_COLUMNS[1:]},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One site that an outage affects, and the addresses at which somebody has to hear of it, where there are any."""

    outage: int
    service: str
    place: str
    started_at: datetime
    customer_id: str
    site_id: str
    email: str
    mobile: str  # of the customer; a landline takes no texts
    carer: str  # the mobile number of somebody who looks after the customer
    locale: str
    priority: str  # yes or no


def parse_outage(text: str, live_from: datetime) -> Outage:
    """Read `PLACE,START,SIZE,DELAY[,SERVICE]`.

    PLACE is `kind:CODE+CODE` or postal codes alone; START `+20min` after the live stream begins, or an ISO time with
    its offset; SIZE `12%` of the affected customers or a number of callers; DELAY the median time until they call.
    """
    fields = [field.strip() for field in text.split(",")]
    if len(fields) not in (4, 5) or not all(fields):
        expected = "PLACE,START,SIZE,DELAY[,SERVICE], as in 94110+94112,+20min,12%,6min"
        raise InvalidInput(f"'{text}' is not an outage", field="outage", value=text, expected=expected)
    kind, _, codes = fields[0].rpartition(":")
    if (kind or "postal_code") not in REGION_KINDS:
        raise InvalidInput(f"there is no kind of region '{kind}'", field="outage", expected=", ".join(REGION_KINDS))
    return Outage(
        kind=kind or "postal_code",
        codes=tuple(codes.split("+")),
        started_at=_start(fields[1], live_from),
        callers=_callers(fields[2]),
        delay=_duration(fields[3]),
        service=fields[4] if len(fields) == 5 else "power",
    )


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"'{text}' {error}", field="outage", value=text, expected=EXPECTED) from error


def _start(text: str, live_from: datetime) -> datetime:
    if text.startswith("+"):
        return live_from + _duration(text[1:])
    started_at: datetime | None
    try:
        started_at = datetime.fromisoformat(text)
    except ValueError:
        started_at = None
    if started_at is None or started_at.tzinfo is None:
        raise InvalidInput(
            f"'{text}' is not a start", field="outage", value=text, expected="+20min or an ISO time with offset"
        )
    return started_at


def _callers(text: str) -> float:
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = 0
    if number <= 0 or (text.endswith("%") and number > 1) or (not text.endswith("%") and number < 1):
        raise InvalidInput(f"'{text}' is not a size", field="outage", value=text, expected="12% or 60 (callers)")
    return min(number, 0.999999) if text.endswith("%") else number


def history(plan: StreamPlan, sites: Sequence[TownSite]) -> Iterator[Complaint]:
    """Yield the background of the weeks before the live stream, in order of time."""
    yield from _background(plan, sites, plan.live_from - timedelta(weeks=plan.weeks), plan.live_from, "h")


def live(plan: StreamPlan, sites: Sequence[TownSite]) -> list[Complaint]:
    """Return the live stream in order of time: background, the callers of every outage, and abusers."""
    until = plan.live_from + plan.live_for
    stream = list(_background(plan, sites, plan.live_from, until, "l"))
    for number, outage in enumerate(plan.outages, 1):
        stream += _calls(plan, outage, number, sites)
    stream += _abuse(plan, sites)
    return sorted(
        (one for one in stream if one.occurred_at < until), key=lambda one: (one.occurred_at, one.external_id)
    )


def check_outages(plan: StreamPlan, sites: Sequence[TownSite]) -> None:
    """Raise `InvalidInput` for an outage that nobody in the town would notice."""
    for outage in plan.outages:
        if not any(outage.affects(site) for site in sites):
            there = sorted(
                {code for site in sites if site.is_served(outage.service) and (code := site.region(outage.kind))}
            )
            raise InvalidInput(
                f"nobody in the town has {outage.service} in {outage.place}",
                field="outage",
                value=outage.place,
                expected=f"a {outage.kind} such as {', '.join(there[:3])}" if there else "a place with that service",
            )


def truth(plan: StreamPlan, sites: Iterable[TownSite]) -> Iterator[Affected]:
    """Yield every site that an outage affects."""
    for site in sites:
        for number, outage in enumerate(plan.outages, 1):
            if outage.affects(site):
                yield Affected(
                    outage=number,
                    service=outage.service,
                    place=outage.place,
                    started_at=outage.started_at,
                    customer_id=site.customer_id,
                    site_id=site.site_id,
                    email=site.email,
                    mobile=site.phone if site.phone_kind == "mobile" else "",
                    carer=site.phone2,
                    locale=site.locale,
                    priority="yes" if site.priority else "no",
                )


def _background(
    plan: StreamPlan, sites: Sequence[TownSite], since: datetime, until: datetime, prefix: str
) -> Iterator[Complaint]:
    """Yield a Poisson process thinned to the shape of the week; the calendar is the town's own."""
    random = Random(f"{prefix}:{plan.seed}")
    zone = ZoneInfo(plan.time_zone)
    customers = len({site.customer_id for site in sites})
    peak = max(HOURS) * max(DAYS)
    per_second = plan.background * customers / 1000 / 86400 * peak
    if not per_second:
        return
    at, number = since, 0
    while (at := at + timedelta(seconds=random.expovariate(per_second))) < until:
        local = at.astimezone(zone)
        if random.random() * peak > HOURS[local.hour] * DAYS[local.weekday()]:
            continue
        (service,) = random.choices(list(BACKGROUND_SERVICES), list(BACKGROUND_SERVICES.values()))
        site = _someone(sites, service, random)
        number += 1
        text = random.choice(TEXTS[service])
        yield _complaint(site, at, service, text, f"{prefix}{plan.seed}-{number}", random)


def _someone(sites: Sequence[TownSite], service: str, random: Random) -> TownSite:
    """Return a site with the service; a town without it complains from anywhere."""
    site = random.choice(sites)
    for _ in range(100):
        if site.is_served(service):
            break
        site = random.choice(sites)
    return site


def _calls(plan: StreamPlan, outage: Outage, number: int, sites: Sequence[TownSite]) -> Iterator[Complaint]:
    """Yield the calls of the affected: each caller once, after a log-normal delay."""
    random = Random(f"outage:{plan.seed}:{number}")
    affected = {site.customer_id: site for site in sites if outage.affects(site)}
    count = round(len(affected) * outage.callers) if outage.callers < 1 else int(outage.callers)
    callers = random.sample(sorted(affected), min(count, len(affected)))
    texts = OUTAGE_TEXTS.get(outage.service, OUTAGE_TEXTS["power"])
    for index, customer_id in enumerate(callers, 1):
        delay = outage.delay * random.lognormvariate(0, DELAY_SPREAD)
        at = outage.started_at + delay
        text = random.choice(texts)
        yield _complaint(affected[customer_id], at, outage.service, text, f"o{plan.seed}-{number}-{index}", random)


def _abuse(plan: StreamPlan, sites: Sequence[TownSite]) -> Iterator[Complaint]:
    """Yield one customer shouting forty times, and invented strangers naming one place, all far from every outage."""
    random = Random(f"abuse:{plan.seed}")
    quiet = [site for site in sites if site.email and not any(outage.affects(site) for outage in plan.outages)]
    if not quiet:
        return
    window = plan.live_for.total_seconds()
    for number in range(1, plan.abusers + 1):
        site = random.choice(quiet)
        for index in range(1, 41):
            at = plan.live_from + timedelta(seconds=random.uniform(0, window))
            yield Complaint(
                occurred_at=at,
                reporter=site.email,
                customer_id="",
                service="power",
                region="",
                text=ABUSE_TEXT,
                external_id=f"a{plan.seed}-{number}-{index}",
                source="api",
            )
            yield Complaint(
                occurred_at=at + timedelta(seconds=1),
                reporter=f"stranger.{plan.seed}.{number}.{index}@example.com",
                customer_id="",
                service="power",
                region=f"postal_code:{site.region('postal_code')}",
                text=ABUSE_TEXT,
                external_id=f"s{plan.seed}-{number}-{index}",
                source="web",
            )


def _complaint(site: TownSite, at: datetime, service: str, text: str, key: str, random: Random) -> Complaint:
    """Return a complaint of a customer: by mail address, by telephone number, or by an agent who has the number."""
    addresses = [address for address in (site.email, site.phone) if address]
    by_reference = not addresses or random.random() < BY_REFERENCE_SHARE
    by_web = not by_reference and random.random() < WEB_SHARE
    return Complaint(
        occurred_at=at,
        reporter="" if by_reference else random.choice(addresses),
        customer_id=site.customer_id if by_reference else "",
        service=service,
        region=f"postal_code:{site.region('postal_code')}",
        text=text,
        external_id=key,
        source="web" if by_web else "api",
    )


def write_complaints(path: Path, complaints: Iterable[Complaint]) -> int:
    """Write a stream as CSV and return its number of rows."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COMPLAINT_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for complaint in complaints:
            writer.writerow(complaint.fields())
            count += 1
    return count


def read_complaints(path: Path) -> list[Complaint]:
    """Read a stream that `write_complaints` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Complaint(occurred_at=datetime.fromisoformat(row.pop("occurred_at")), **row) for row in csv.DictReader(file)
        ]


def write_truth(path: Path, affected: Iterable[Affected]) -> int:
    """Write the ground truth as CSV and return its number of rows."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        for one in affected:
            values = (
                one.started_at.isoformat() if name == "started_at" else getattr(one, name) for name in TRUTH_COLUMNS
            )
            writer.writerow(values)
            count += 1
    return count
