"""What follows from a text of somebody on file: decided from its meaning, their sites, and what is out there.

In: what was said, and who said it. Out: one decision, with the answer if there is one. An answer says what we know,
never a guess: while nobody has been told of an incident, nobody is told by an answer either, and nobody hears that all
is well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from notifier.domain.answer import Answer, AnswerKind
from notifier.domain.reply import Meaning, Reply

ASKED_WITHIN = timedelta(hours=1)  # a bare "2" answers a question as long as this
OVER_WITHIN = timedelta(hours=24)  # an outage that was over so lately is still what OUT and ON are about
REPORTED_WITHIN = timedelta(hours=12)  # a report as old as this is one that we have
OFFERED_AT_MOST = 6  # sites that a text can offer to choose from
ANSWERS_AN_HOUR = 6  # to one contact point; Twilio stops two robots at 15 to 30 texts in 30 s (error 14107)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSite:
    """A site that the writer hears about."""

    id: int
    customer_id: int
    services: frozenset[str]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentThere:
    """An incident at some of the writer's sites that is open, or was over lately."""

    id: int
    service: str
    site_ids: frozenset[int]  # of the writer's
    is_over: bool
    is_told: bool  # an update of it has started: what it says is public
    told_at: datetime | None = None  # when the writer was last told of it, at this address


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the writer was asked last, within an hour."""

    meaning: Meaning  # out or on
    service: str
    site_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Somebody on file, at one address."""

    sites: tuple[WriterSite, ...] = ()  # in the order in which they are listed and numbered
    incidents: tuple[IncidentThere, ...] = ()  # newest first
    question: Question | None = None
    reported: frozenset[str] = frozenset()  # services that were reported out at their sites, and not ended since
    thanked_for: frozenset[int] = frozenset()  # incidents of which they said ON, and were answered
    said_still_out_for: frozenset[int] = frozenset()  # incidents that were over


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A complaint that follows."""

    site: WriterSite
    service: str
    still_out: bool  # we have said that it is back, and they say so for the first time: counts again, and is noted


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything that follows from one text."""

    meaning: Meaning  # as it was understood in the end
    answer: Answer | None = None
    service: str = ""
    site: WriterSite | None = None
    incident_id: int | None = None  # that it is about
    report: Report | None = None
    pause: int | None = None  # the incident of which nothing more is wanted
    locale: str = ""  # the language from now on
    tell: bool = False  # the newest facts personally, or that we have the report
    forward: bool = False  # to the helpdesk


def decide(reply: Reply, writer: Writer, *, in_own_words: bool = True) -> Decision:
    """Return what follows from a text; STOP and START change consent first, and their answer depends on that.

    `in_own_words` says whether a report in other words than OUT is evidence (a text is, a mail is not).
    """
    meaning = reply.meaning
    match meaning:
        case Meaning.STOP | Meaning.START | Meaning.COURTESY:
            return Decision(meaning=meaning)
        case Meaning.YES | Meaning.NO:
            return _unclear(meaning, writer)
        case Meaning.HELP:
            service = _service(reply, writer)
            return Decision(meaning=meaning, service=service, answer=Answer(kind=AnswerKind.HELP, service=service))
        case Meaning.LANGUAGE:
            return Decision(meaning=meaning, locale=reply.locale, answer=Answer(kind=AnswerKind.LANGUAGE))
        case Meaning.PAUSE:
            return _pause(reply, writer)
        case Meaning.STATUS:
            return _status(reply, writer)
        case Meaning.OUT | Meaning.ON:
            return _out_or_on(reply, writer)
        case Meaning.CHOICE:
            return _choice(reply, writer)
        case Meaning.COMPLAINT:
            return _complaint(reply, writer, counts=in_own_words)
        case Meaning.NOTE | Meaning.ON_CALL:
            return _note(reply, writer)
        case _:
            assert_never(meaning)


def _unclear(meaning: Meaning, writer: Writer) -> Decision:
    """Explain the words to whoever answers yes or no, which our messages never ask for, while something is out."""
    incident = _incident(writer, "", over=False)
    answer = Answer(kind=AnswerKind.HELP, service=incident.service) if incident else None
    return Decision(meaning=meaning, answer=answer)


def _note(reply: Reply, writer: Writer) -> Decision:
    """Give it to a person; whoever writes while something is out there hears the newest."""
    service = _service(reply, writer)
    incident = _incident(writer, service, over=False)
    return Decision(
        meaning=Meaning.NOTE,
        service=incident.service if incident else service,
        incident_id=incident.id if incident else None,
        tell=incident is not None,
        forward=True,
    )


def _pause(reply: Reply, writer: Writer) -> Decision:
    service = _service(reply, writer)
    incident = _incident(writer, service, over=False)
    if incident is None or not incident.is_told:
        return _status(reply, writer)
    answer = Answer(
        kind=AnswerKind.PAUSED,
        incident_id=incident.id,
        service=incident.service,
        site_ids=_sites_in(writer, incident),
    )
    return Decision(
        meaning=Meaning.PAUSE, service=incident.service, incident_id=incident.id, pause=incident.id, answer=answer
    )


def _status(reply: Reply, writer: Writer) -> Decision:
    service = _service(reply, writer)
    incident = _incident(writer, service, over=False) or _incident(writer, service, over=True)
    if incident is not None:
        service, sites = incident.service, _sites_in(writer, incident)
    else:
        service = service or _only(writer.reported)
        sites = _ids(_with_service(writer, service))
    if incident is not None and incident.is_told:
        kind = AnswerKind.STATUS
    elif service in writer.reported or (not service and writer.reported):
        kind = AnswerKind.RECEIVED
    else:  # not all is well where something is suspected, and nobody says what
        kind = AnswerKind.NO_OUTAGE if incident is None else AnswerKind.CHECKING
    answer = Answer(
        kind=kind,
        incident_id=incident.id if incident is not None and incident.is_told else None,
        service=service,
        site_ids=sites,
    )
    return Decision(
        meaning=reply.meaning,
        service=service,
        incident_id=incident.id if incident else None,
        answer=answer if writer.sites else None,
    )


def _choice(reply: Reply, writer: Writer) -> Decision:
    asked = writer.question
    if asked is None or reply.number > len(asked.site_ids):
        return _note(reply, writer)
    site = next((site for site in writer.sites if site.id == asked.site_ids[reply.number - 1]), None)
    if site is None:  # it has been ended or unlinked within the hour
        return _note(reply, writer)
    return _at(asked.meaning, writer, site, asked.service)


def _out_or_on(reply: Reply, writer: Writer) -> Decision:
    service = _service(reply, writer)
    sites = _with_service(writer, service) if service else ()
    if reply.number:
        named = writer.sites[reply.number - 1]
        service = service if service in named.services else _only(named.services)
        sites = (named,) if service else ()
    if not sites:
        answer = Answer(kind=AnswerKind.RECEIVED) if reply.meaning is Meaning.OUT and writer.sites else None
        return Decision(meaning=reply.meaning, service=service, answer=answer, forward=True)
    incident = _incident_at(writer, service, sites)
    there = tuple(site for site in sites if incident is not None and site.id in incident.site_ids) or sites
    known_out = reply.meaning is Meaning.OUT and incident is not None and not incident.is_over
    if len(there) == 1 or known_out:
        return _at(reply.meaning, writer, there[0], service, named=there)
    offered = _ids((*there, *(site for site in sites if site not in there)))[:OFFERED_AT_MOST]
    return Decision(
        meaning=reply.meaning,
        service=service,
        answer=Answer(kind=AnswerKind.WHICH_SITE, service=service, site_ids=offered),
    )


def _complaint(reply: Reply, writer: Writer, *, counts: bool) -> Decision:
    """Take a report in other words: as OUT after we said that it is back, else as a complaint that is told the news."""
    service = _service(reply, writer)
    sites = _with_service(writer, service) if service else ()
    incident = _incident_at(writer, service, sites)
    if counts and incident is not None and incident.is_over and len(sites) == 1:
        found = _at(Meaning.OUT, writer, sites[0], service)
        return Decision(
            meaning=Meaning.COMPLAINT,
            service=service,
            site=found.site,
            incident_id=found.incident_id,
            report=found.report,
            answer=found.answer,
            forward=True,
        )
    is_open = incident is not None and not incident.is_over
    site = sites[0] if len(sites) == 1 or (sites and len({each.customer_id for each in sites}) == 1) else None
    return Decision(
        meaning=Meaning.COMPLAINT,
        service=service,
        site=site if len(sites) == 1 else None,
        incident_id=incident.id if incident is not None and is_open else None,
        report=Report(site=site, service=service, still_out=False) if counts and site is not None else None,
        tell=bool(service),
        forward=True,
    )


def _at(
    meaning: Meaning, writer: Writer, site: WriterSite, service: str, *, named: Sequence[WriterSite] = ()
) -> Decision:
    """Return what follows from OUT or ON at one site; the answer names all that are meant, as far as we know."""
    incident = _incident_at(writer, service, (site,))
    told = incident.id if incident is not None and incident.is_told else None
    if meaning is Meaning.OUT:
        still_out = incident is not None and incident.is_over
        answer: Answer | None = Answer(
            kind=AnswerKind.NOTED_OUT,
            incident_id=None if still_out else told,  # what is over has no facts for those who are still out
            service=service,
            site_ids=_ids(named or (site,)),
        )
        is_first = incident is not None and incident.id not in writer.said_still_out_for
        report: Report | None = Report(site=site, service=service, still_out=still_out and is_first)
    else:
        is_new = told is not None and told not in writer.thanked_for
        answer = Answer(kind=AnswerKind.NOTED_ON, service=service, site_ids=(site.id,)) if is_new else None
        report = None
    return Decision(
        meaning=meaning,
        service=service,
        site=site,
        incident_id=incident.id if incident else None,
        report=report,
        answer=answer,
    )


def _service(reply: Reply, writer: Writer) -> str:
    """Return which service is meant: the one that is named, was last told of, is out, or is the only one; else ""."""
    served = frozenset(service for site in writer.sites for service in site.services)
    if reply.service in served:
        return reply.service
    told = max((each for each in writer.incidents if each.told_at), key=lambda each: each.told_at or 0, default=None)
    if told is not None:
        return told.service
    return _only({each.service for each in writer.incidents if not each.is_over}) or _only(served)


def _only(services: Iterable[str]) -> str:
    found = set(services)
    return found.pop() if len(found) == 1 else ""


def _incident(writer: Writer, service: str, *, over: bool) -> IncidentThere | None:
    """Return the newest incident of a service ("" = any) at the writer's sites; what is public before what is not."""
    found = [each for each in writer.incidents if each.service == (service or each.service) and each.is_over is over]
    return next((each for each in found if each.is_told), found[0] if found and not over else None)


def _incident_at(writer: Writer, service: str, sites: Sequence[WriterSite]) -> IncidentThere | None:
    """Return the incident that OUT and ON are about at some sites: an open one, else one that was over lately."""
    ids = {site.id for site in sites}
    found = [each for each in writer.incidents if each.service == service and each.site_ids & ids]
    found.sort(key=lambda each: (each.is_over, not each.is_told))
    return next((each for each in found if each.is_told or not each.is_over), None)


def _with_service(writer: Writer, service: str) -> tuple[WriterSite, ...]:
    return tuple(site for site in writer.sites if not service or service in site.services)


def _sites_in(writer: Writer, incident: IncidentThere) -> tuple[int, ...]:
    return _ids(site for site in writer.sites if site.id in incident.site_ids)


def _ids(sites: Iterable[WriterSite]) -> tuple[int, ...]:
    return tuple(site.id for site in sites)
