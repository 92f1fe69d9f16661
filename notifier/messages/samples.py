"""Sample facts: every message in every variant, for `notifier check`, previews of templates, and tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.errors import NotifierError
from notifier.domain.incident import Impact
from notifier.domain.notification import Channel, NotificationFacts, SiteName
from notifier.messages.wording import Wording, kinds_with_first_contact

AT = datetime(2026, 11, 21, 11, 6, tzinfo=UTC)  # 03:06 in Los Angeles
STREETS = ("12 Oak St", "14 Elm Ave", "9 Pine Rd", "3 Birch Ln", "77 Cedar Ct")
LINK = "https://example.com/u/sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One message to render, and what it is called."""

    name: str
    kind: BroadcastKind
    facts: Facts
    personal: NotificationFacts


def samples(service: str, *, cause: str = "", crew: str = "", locale: str = "en") -> Iterator[Sample]:
    """Yield every kind, with and without first contact, with few and many facts, for one and for many sites."""
    for kind, first_contact in kinds_with_first_contact():
        for facts_name, facts in _facts(kind, service, cause, crew):
            for sites in (1, 3, 5):
                personal = NotificationFacts(
                    sites=tuple(SiteName(street=street) for street in STREETS[:sites]),
                    sites_affected=sites,
                    site_count=12 if sites > 1 else 1,
                    locale=locale,
                    time_zone="America/Los_Angeles",
                    at=AT,
                    first_contact=first_contact,
                )
                told = "first contact" if first_contact else "told before"
                yield Sample(
                    name=f"{kind}, {told}, {facts_name}, {sites} sites", kind=kind, facts=facts, personal=personal
                )


def problems(wording: Wording, config: Config) -> Iterator[str]:
    """Yield one line per sample or phrase that cannot be rendered in this wording."""
    locale = wording.edition.locale
    seen = set[str]()
    for service in config.services:
        causes, crews = (wording.phrases.codes(group, service.name) for group in ("causes", "crews"))
        some = {"cause": next(iter(causes), ""), "crew": next(iter(crews), "")}
        for sample in samples(service.name, locale=locale, **some):
            problem = _problem(wording, sample)
            if problem and problem not in seen:
                seen.add(problem)
                yield f"templates/{locale}: {service.name}: {sample.name}: {problem}"
        for impact in Impact:
            if not wording.phrases.service(service.name).impact(impact).state:
                yield f"phrases/{locale}.yaml: services.{service.name}.{impact} has no `state`"


def _problem(wording: Wording, sample: Sample) -> str:
    try:
        rendered = wording.render(Channel.EMAIL, sample.kind, sample.facts, sample.personal, LINK)
    except NotifierError as error:
        return str(error)
    if not rendered.subject or "\n" in rendered.subject:
        return "the subject is empty or has several lines"
    if not rendered.text.strip() or "<p>" not in rendered.html:
        return "the message is empty"
    return "" if LINK in rendered.text and LINK in rendered.html else "the link to opt out is missing"


def _facts(kind: BroadcastKind, service: str, cause: str, crew: str) -> Iterator[tuple[str, Facts]]:
    started = AT - timedelta(minutes=56)
    full = Facts(
        service=service,
        started_at=started,
        cause=cause,
        crew=crew,
        customers=1214,
        next_update_by=AT + timedelta(minutes=69),
    )
    match kind:
        case BroadcastKind.ACKNOWLEDGED:
            yield "with cause", full
            yield "cause unknown", replace(full, cause="", crew="", customers=0)
            yield "little known", Facts(service=service, impact=Impact.DEGRADED, next_update_by=full.next_update_by)
        case BroadcastKind.ETA:
            eta = replace(full, eta_at=AT + timedelta(hours=3, minutes=24))
            yield "with cause", eta
            yield "tomorrow", replace(eta, eta_at=AT + timedelta(hours=24), cause="", crew="", next_update_by=None)
        case BroadcastKind.ETA_CHANGED:
            eta = replace(full, eta_at=AT + timedelta(hours=2), previous_eta_at=AT + timedelta(hours=3))
            yield "earlier", eta
            yield "new cause", replace(eta, previous_eta_at=eta.eta_at)
            yield "new cause, no time", replace(eta, eta_at=None, previous_eta_at=None)
        case BroadcastKind.DELAYED:
            late = replace(full, previous_eta_at=AT + timedelta(minutes=10), eta_at=AT + timedelta(hours=4))
            yield "new time", late
            yield "no new time", replace(late, eta_at=None)
            yield "never a time", replace(late, eta_at=None, previous_eta_at=None, cause="", crew="")
            robot = replace(late, eta_at=None, automatic=True)
            yield "automatic", robot
            yield (
                "automatic, no earlier time",
                replace(robot, previous_eta_at=None, previous_update_by=AT + timedelta(minutes=5)),
            )
            lapsed = replace(robot, previous_eta_at=AT - timedelta(minutes=40), late=True)
            yield "automatic and late", lapsed
            unheard = replace(lapsed, previous_eta_at=None, previous_update_by=AT - timedelta(minutes=40))
            yield "automatic and late, no earlier time", unheard
            yield "automatic and late, and the time stands", replace(unheard, eta_at=AT + timedelta(hours=4))
            standing = replace(late, previous_eta_at=None, previous_update_by=AT + timedelta(minutes=5), automatic=True)
            yield "automatic and the time stands", standing
        case BroadcastKind.RESTORED:
            over = replace(full, next_update_by=None, crew="", restored_at=AT - timedelta(minutes=11))
            yield "in time", over
            yield "time missed", replace(over, missed_eta_at=AT - timedelta(hours=1))
            yield "little known", replace(over, started_at=None, cause="", impact=Impact.INTERMITTENT)
        case BroadcastKind.REOPENED:
            again = replace(full, reopened_at=AT - timedelta(minutes=20), told_at=AT - timedelta(minutes=40))
            yield "no time", again
            yield "with a time", replace(again, eta_at=AT + timedelta(hours=2), told_at=None, crew="")
        case BroadcastKind.CORRECTION:
            yield "told", Facts(service=service, told_at=AT - timedelta(minutes=46))
            yield "told before midnight", Facts(service=service, told_at=AT - timedelta(hours=5))
        case _:
            return
