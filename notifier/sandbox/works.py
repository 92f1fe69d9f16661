"""Planned work in a rehearsal: where it is done, who calls while it lasts, and the truth about whom it interrupts.

In: the town, its complaints of the day, and its outage. Out: a place where nobody else complains, so that whoever is
told something there was told because of the work; and calls of people who forgot that it was announced.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.domain.errors import NotifierError
from notifier.sandbox import simulate
from notifier.sandbox.simulate import Affected, Complaint, Outage, StreamPlan
from notifier.sandbox.town import TownSite

CALLERS_AT_MOST = 12
CALLERS_SHARE = 0.05  # of the sites: half of what work explains by default
FIRST_CALL_AFTER = timedelta(seconds=45)
CALL_EVERY = timedelta(seconds=15)
LASTS = timedelta(hours=2)
WORDS = "is the power out? nobody told me"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work in one postal code: its calls are those of work that began at `begins_at`."""

    interrupts: Outage  # as an outage that lasts; nobody calls of itself
    names: tuple[str, ...]  # of its place, as a call of the person on call would say them
    calls: tuple[Complaint, ...]

    @property
    def begins_at(self) -> datetime:
        """Return when it was to begin when its calls were made up."""
        return self.interrupts.started_at

    @property
    def place(self) -> str:
        """Return the code of its place."""
        return self.interrupts.codes[0]

    @property
    def callers(self) -> frozenset[str]:
        """Return the addresses that call."""
        return frozenset(each.reporter for each in self.calls)


def plan_work(town: Sequence[TownSite], complaints: Sequence[Complaint], outage: Outage, begins_at: datetime) -> Work:
    """Return work on the service of the outage, in the first postal code far from it where nobody else complains."""
    code = _quiet_code(town, complaints, outage)
    sites = [site for site in town if site.region("postal_code") == code and site.is_served(outage.service)]
    interrupts = Outage(
        kind="postal_code",
        codes=(code,),
        started_at=begins_at,
        callers=0,
        delay=timedelta(),
        service=outage.service,
    )
    return Work(
        interrupts=interrupts,
        names=(code, sites[0].region("city")),
        calls=tuple(_calls(sites, town, interrupts)),
    )


def truth(work: Work, town: Sequence[TownSite]) -> Iterator[Affected]:
    """Yield every site that the work interrupts."""
    return simulate.truth(StreamPlan(live_from=work.begins_at, outages=(work.interrupts,)), town)


def _quiet_code(town: Sequence[TownSite], complaints: Sequence[Complaint], outage: Outage) -> str:
    """Return the first postal code outside the area codes of the outage from which nobody complains of the service."""
    loud = {each.customer_id for each in complaints} | {each.reporter for each in complaints}
    named = {each.region.partition(":")[2] for each in complaints if each.service == outage.service}
    near = {site.region("area_code") for site in town if outage.affects(site)}
    out: set[str] = set(named)
    for site in town:
        if site.region("area_code") in near or not loud.isdisjoint({site.customer_id, site.email, site.phone} - {""}):
            out.add(site.region("postal_code"))
    codes = sorted({site.region("postal_code") for site in town if site.is_served(outage.service)})
    found = next((code for code in codes if code not in out), None) or next(
        (code for code in codes if code not in named and code not in outage.codes), None
    )
    if found is None:
        raise NotifierError("there is no quiet place in this town for planned work")
    return found


def _calls(sites: Sequence[TownSite], town: Sequence[TownSite], work: Outage) -> Iterator[Complaint]:
    """Yield calls of readers of English who have one site and share no address, telephones first."""
    owned = Counter(site.customer_id for site in town)
    read = Counter(address for site in town for address in {site.email, site.phone, site.phone2})
    plain = [
        site
        for site in sites
        if owned[site.customer_id] == 1 and site.locale == "en" and read[_address(site)] == 1 and _address(site)
    ]
    plain.sort(key=lambda site: (site.phone_kind != "mobile", site.customer_id))
    most = max(1, min(CALLERS_AT_MOST, int(len(sites) * CALLERS_SHARE)))
    texters = plain[: most // 2]  # the others write mails, as far as there are any
    mailers = [site for site in plain[most // 2 :] if site.phone_kind != "mobile"][: most - len(texters)]
    for number, site in enumerate((*texters, *mailers)):
        yield Complaint(
            occurred_at=work.started_at + FIRST_CALL_AFTER + number * CALL_EVERY,
            reporter=_address(site),
            customer_id="",
            service=work.service,
            region="",
            text=WORDS,
            external_id=f"w-{number + 1}",
            source="api",
        )


def _address(site: TownSite) -> str:
    """Return the address at which somebody is told, and from which they call."""
    return site.phone if site.phone_kind == "mobile" else site.email
