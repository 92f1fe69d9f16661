"""Sample facts: every message in every variant, for `notifier check`, `templates render` and `lint`, and tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from notifier.domain.answer import AnswerKind, MessageKind
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.incident import Impact
from notifier.domain.notification import NotificationFacts, SiteName
from notifier.messages.wording import kinds_with_first_contact

AT = datetime(2026, 11, 21, 11, 6, tzinfo=UTC)  # 03:06 in Los Angeles
DAY = timedelta(days=1)
ZONE = "America/Los_Angeles"
STREETS = ("12 Oak St", "14 Elm Ave", "9 Pine Rd", "3 Birch Ln", "77 Cedar Ct")
LONG_STREETS = (
    "12750 Northwest Martin Luther King Junior Memorial Boulevard, Building C, Unit 1",
    "12752 Northwest Martin Luther King Junior Memorial Boulevard, Building C, Unit 2",
    "12754 Northwest Martin Luther King Junior Memorial Boulevard, Building C, Unit 3",
    "12756 Northwest Martin Luther King Junior Memorial Boulevard, Building C, Unit 4",
    "12758 Northwest Martin Luther King Junior Memorial Boulevard, Building C, Unit 5",
)
LINK = "https://example.com/u/sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One message to render, and what it is called."""

    name: str
    kind: MessageKind
    facts: Facts | None
    personal: NotificationFacts


def samples(
    service: str, *, cause: str = "", crew: str = "", locale: str = "en", impact: Impact = Impact.DOWN
) -> Iterator[Sample]:
    """Yield every kind, with and without first contact, with few and many facts, for one and for many sites."""
    for kind, first_contact in kinds_with_first_contact():
        for facts_name, facts in _facts_of(kind, service, cause, crew, impact):
            for sites in (2,) if kind is AnswerKind.WHICH_SITE else (1, 3, 5):
                personal = NotificationFacts(
                    sites=tuple(SiteName(street=street) for street in STREETS[:sites]),
                    sites_affected=sites,
                    site_count=12 if sites > 1 else 1,
                    locale=locale,
                    time_zone=ZONE,
                    at=AT,
                    first_contact=first_contact,
                )
                told = "first contact" if first_contact else "told before"
                name = f"{kind}, {told}, {facts_name}, {'1 site' if sites == 1 else f'{sites} sites'}"
                yield Sample(name=name, kind=kind, facts=facts, personal=personal)
                if kind in (BroadcastKind.RESTORED, BroadcastKind.OVERNIGHT) and sites == 1:
                    owed = replace(personal, credit_minor=2500, credit_currency="USD", credit_month=202612)
                    yield Sample(name=f"{name}, with a credit", kind=kind, facts=facts, personal=owed)


def stretched(sample: Sample) -> Sample:
    """Return a sample with the longest places there are, and with every time on another day and in two zones."""
    count = len(sample.personal.sites)
    personal = replace(
        sample.personal,
        sites=tuple(SiteName(street=street) for street in LONG_STREETS[:count]),
        site_count=1_200 if count > 1 else 1,
        time_zone=f"{ZONE}|America/Denver",
        at=AT - 4 * DAY,
    )
    return Sample(name=f"{sample.name}, longest", kind=sample.kind, facts=sample.facts, personal=personal)


def _facts_of(
    kind: MessageKind, service: str, cause: str, crew: str, impact: Impact
) -> Iterator[tuple[str, Facts | None]]:
    full = Facts(
        service=service,
        impact=impact,
        started_at=AT - timedelta(minutes=56),
        cause=cause,
        crew=crew,
        customers=1214,
        next_update_by=AT + timedelta(minutes=69),
    )
    if isinstance(kind, AnswerKind):
        yield from _answers(kind, full)
    elif kind.startswith("planned_"):
        yield from _planned(kind, full)
    else:
        yield from _unplanned(kind, full)


def _unplanned(kind: BroadcastKind, full: Facts) -> Iterator[tuple[str, Facts]]:
    service = full.service
    match kind:
        case BroadcastKind.ACKNOWLEDGED:
            yield "with cause", full
            yield "cause unknown", replace(full, cause="", crew="", customers=0)
            yield "little known", Facts(service=service, impact=full.impact, next_update_by=full.next_update_by)
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
            yield "little known", replace(over, started_at=None, cause="")
        case BroadcastKind.REOPENED:
            again = replace(full, reopened_at=AT - timedelta(minutes=20), told_at=AT - timedelta(minutes=40))
            yield "no time", again
            yield "with a time", replace(again, eta_at=AT + timedelta(hours=2), told_at=None, crew="")
        case BroadcastKind.CORRECTION:
            told = Facts(service=service, impact=full.impact, told_at=AT - timedelta(minutes=46))
            yield "told", told
            yield "told before midnight", replace(told, told_at=AT - timedelta(hours=5))
        case BroadcastKind.REPEAT:
            yield "third time", replace(full, outages=3)
            yield "seventh time", replace(full, outages=7, cause="", crew="", customers=0)
            yield "not counted", replace(full, started_at=None)
        case BroadcastKind.OVERNIGHT:
            over = replace(full, next_update_by=None, crew="", restored_at=AT - timedelta(minutes=11))
            yield "with cause", over
            yield "little known", replace(over, started_at=None, cause="")
        case BroadcastKind.ASSESSING:
            yield "with cause", replace(full, assessment_by=AT + timedelta(hours=6), next_update_by=None)
            yield "and an update", replace(full, assessment_by=AT + timedelta(hours=6), cause="", crew="")
            yield "no time", full
        case _:
            return


def _planned(kind: BroadcastKind, full: Facts) -> Iterator[tuple[str, Facts]]:
    planned = replace(
        full,
        started_at=None,
        crew="",
        next_update_by=None,
        window_from_at=AT + timedelta(hours=22),
        window_until_at=AT + timedelta(hours=26),
    )
    match kind:
        case BroadcastKind.PLANNED_CHANGED:
            before = {"previous_window_from_at": AT + 2 * DAY, "previous_window_until_at": AT + 2.1 * DAY}
            yield "new time", replace(planned, **before)
            yield "old time not said", planned
        case BroadcastKind.PLANNED_OVERRUN:
            late = replace(planned, window_from_at=AT - timedelta(hours=4), window_until_at=AT + timedelta(minutes=20))
            yield "new time", replace(late, eta_at=AT + timedelta(hours=2), crew=full.crew)
            yield "no new time", replace(late, next_update_by=full.next_update_by, cause="")
        case BroadcastKind.PLANNED_RESTORED:
            done = replace(planned, restored_at=AT - timedelta(minutes=11))
            yield "in time", done
            yield "time missed", replace(done, missed_eta_at=AT - timedelta(hours=1))
        case _:
            yield "one day", planned
            yield "over midnight", replace(planned, window_from_at=AT + timedelta(hours=18), cause="")


def _answers(kind: AnswerKind, full: Facts) -> Iterator[tuple[str, Facts | None]]:
    match kind:
        case AnswerKind.STATUS:
            yield "out", full
            yield "with a time", replace(full, eta_at=AT + timedelta(hours=3), next_update_by=None)
            yield "no time yet", replace(full, assessment_by=AT + timedelta(hours=6), cause="", crew="")
            yield "over", replace(full, next_update_by=None, restored_at=AT - timedelta(minutes=11))
            work = {"window_from_at": AT - timedelta(hours=1), "window_until_at": AT + timedelta(hours=3)}
            yield "planned work", replace(full, eta_at=None, next_update_by=None, crew="", **work)
            late = replace(full, crew="", missed_eta_at=AT - timedelta(minutes=110))
            yield "planned work, longer than said", late
            yield "planned work, longer than said, no next time", replace(late, next_update_by=None, cause="")
        case (
            AnswerKind.OPTED_OUT
            | AnswerKind.OPTED_IN
            | AnswerKind.HELP
            | AnswerKind.LANGUAGE
            | (AnswerKind.PREFERENCES | AnswerKind.WHICH_SITE)
        ):
            yield "no facts", None
        case _:
            yield "with a service", Facts(service=full.service, impact=full.impact)
            yield "no facts", None
