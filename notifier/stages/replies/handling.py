"""What follows from a stored reply: a complaint, a pause, another language, an answer, a mail to the helpdesk.

In: replies that have not been dealt with, oldest first. Out: everything that follows, in one transaction with the mark
that it has; the complaint before it, under the reply's own id, so that it is stored once however often this is tried.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.answer import Answer
from notifier.domain.answering import ANSWERS_AN_HOUR, Decision, Report, Writer, decide
from notifier.domain.complaint import ComplaintRequest
from notifier.domain.errors import InvalidInput, Overloaded, StoreUnavailable
from notifier.domain.reply import Meaning, Reader
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.replies.personal import About, Personal, Told
from notifier.stages.replies.taking_in import CHANNELS
from notifier.storage.database import Transaction
from notifier.storage.queries import writers
from notifier.storage.repositories import answers, contact_points, incidents, replies
from notifier.storage.repositories.answers import CauseKind
from notifier.storage.repositories.replies import StoredReply, Understood

AT_MOST = 50  # replies in one step
STILL_OUT = "still_out"  # in the timeline: customers say that it is not back
NOTED_AT = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)  # people who said so, when the timeline says it
SENDERS = {source: Actor(name=source, role=KeyRole.SYSTEM) for source in CHANNELS}
log = structlog.get_logger(__name__)


class Accepted(Protocol):
    """What became of a complaint."""

    @property
    def incident(self) -> int | None:
        """The open incident that it belongs to."""


Submit = Callable[[ComplaintRequest, Actor, bool], Awaitable[Accepted]]
"""Store a complaint; True: it is out although we have said that it is back, and counts again."""


class Handling:
    """Deals with what people wrote."""

    def __init__(self, around: Surroundings, reader: Reader, personal: Personal, submit: Submit) -> None:
        self._around, self._reader, self._personal, self._submit = around, reader, personal, submit
        self._services = tuple(service.name for service in around.config.services)

    async def step(self) -> bool:
        """Deal with some replies, oldest first; return whether there may be more."""
        found = await self._around.database.read(lambda tx: replies.unhandled(tx, at_most=AT_MOST))
        for one in found:
            try:
                await self._handle(one)
            except (Overloaded, StoreUnavailable):
                raise  # tried again
            except Exception:  # the edge of the loop: a person reads what we could not deal with
                log.exception("could not deal with a reply", reply=one.id)
                await self._give_up(one)
        return len(found) == AT_MOST

    async def _handle(self, one: StoredReply) -> None:
        now = self._around.clock.now()
        point = one.contact_point_id
        if point is None:
            await self._stranger(one, now)
            return
        writer = await self._around.database.read(lambda tx: writers.writer(tx, point, now=now))
        reply = self._reader.read(one.text, [site.name for site in writer.sites])
        decision = decide(reply, writer, in_own_words=one.source == "sms")
        incident_id = decision.incident_id
        if decision.report is not None:
            named = await self._report(one, writer, decision.report)
            incident_id = incident_id if incident_id is not None else named
        told = await self._around.database.write(
            lambda tx: self._apply(tx, one, point, writer, decision, incident_id, now)
        )
        if decision.pause is not None:
            self._around.queue.recall()  # what is claimed of this incident and not begun is looked at again
        self._around.queue.wake(Topic.NOTIFICATIONS)
        if told in (Told.JOINED, Told.RELEASED):
            self._around.queue.wake(Topic.BROADCASTS)

    async def _report(self, one: StoredReply, writer: Writer, report: Report) -> int | None:
        """Store the complaint that a reply is; return the open incident at its place."""
        kinds = self._around.config.regions.kinds
        reference, region = await self._around.database.read(
            lambda tx: writers.address_of_site(tx, report.site.id, kinds)
        )
        several = sum(report.service in site.services for site in writer.sites) > 1
        request = ComplaintRequest(
            service=report.service,
            customer_id=reference,
            region=region if several else "",
            text=one.text,
            external_id=one.external_id,
            source=one.source,
        )
        try:
            return (await self._submit(request, SENDERS[one.source], report.still_out)).incident
        except InvalidInput as error:  # the source was taken out of the configuration, or the customer is gone
            log.warning("a reply could not become a complaint", reply=one.id, field=error.field)
            return None

    def _apply(
        self,
        tx: Transaction,
        one: StoredReply,
        point: int,
        writer: Writer,
        decision: Decision,
        incident_id: int | None,
        now: datetime,
    ) -> Told:
        customer = decision.site.customer_id if decision.site else writers.customer_of(tx, point)
        understood = Understood(
            meaning=decision.meaning,
            service=decision.service,
            customer_id=customer,
            site_id=decision.site.id if decision.site else None,
            incident_id=incident_id,
        )
        forward_at = now if decision.forward and self._may_forward(one) else None
        if not replies.finish(tx, one.id, understood, forward_at=forward_at, now=now):
            return Told.NOTHING
        if decision.report is not None and decision.report.still_out and incident_id is not None:
            _note_still_out(tx, incident_id, now)
        if decision.pause is not None:
            contact_points.pause(tx, point, decision.pause, now=now)
        if decision.locale:
            contact_points.choose_locale(tx, contact_points.load(tx, point, for_update=True), decision.locale)
        if decision.answer is not None:
            self._answer(tx, one, point, decision.answer, now)
        if decision.tell:
            return self._tell(tx, one, point, writer, decision, now)
        return Told.NOTHING

    def _answer(self, tx: Transaction, one: StoredReply, point: int, answer: Answer, now: datetime) -> None:
        """Answer, unless this contact point has had so many answers that it may be a machine."""
        lately = answers.given(tx, point, since=now - timedelta(hours=1))
        if len(lately) >= ANSWERS_AN_HOUR:
            log.warning("a contact point gets no more answers for now", contact_point=point)
            return
        answers.give(
            tx,
            cause=CauseKind.REPLY,
            cause_id=one.id,
            contact_point_id=point,
            channel=CHANNELS[one.source],
            answer=answer,
            now=now,
        )

    def _tell(
        self, tx: Transaction, one: StoredReply, point: int, writer: Writer, decision: Decision, now: datetime
    ) -> Told:
        sites = [site for site in writer.sites if decision.service in site.services]
        site = decision.site or (sites[0] if sites else None)
        if site is None:
            return Told.NOTHING
        about = About(
            cause=CauseKind.REPLY,
            cause_id=one.id,
            customer_id=site.customer_id,
            service=decision.service,
            site_ids=[each.id for each in sites if each.customer_id == site.customer_id],
            contact_point_id=point,
        )
        return self._personal.tell(tx, about, now)

    async def _stranger(self, one: StoredReply, now: datetime) -> None:
        """Note what somebody wrote who is not on file: perhaps a complaint of a stranger, never an answer."""
        reply = self._reader.read(one.text)
        service = reply.service or (self._services[0] if len(self._services) == 1 else "")
        is_report = reply.meaning is Meaning.OUT or (reply.meaning is Meaning.COMPLAINT and one.source == "sms")
        if is_report and service:
            request = ComplaintRequest(
                service=service,
                reporter=one.sender,
                text=one.text,
                external_id=one.external_id,
                source=one.source,
            )
            try:
                await self._submit(request, SENDERS[one.source], False)
            except InvalidInput:  # a short code, or a name instead of a number
                log.info("a stranger's complaint has no sender", reply=one.id)
        forwards = reply.meaning in (Meaning.OUT, Meaning.COMPLAINT, Meaning.NOTE)
        await self._finish(one, Understood(meaning=reply.meaning, service=service), now, forward=forwards)

    def _may_forward(self, one: StoredReply) -> bool:
        """Tell whether a person can be given it: nothing that came from the helpdesk goes back to it."""
        address = self._around.config.inbound.helpdesk_address
        return bool(address) and one.sender.casefold() != address.casefold()

    async def _give_up(self, one: StoredReply) -> None:
        await self._finish(one, Understood(meaning=Meaning.NOTE), self._around.clock.now(), forward=True)

    async def _finish(self, one: StoredReply, understood: Understood, now: datetime, *, forward: bool) -> None:
        forward_at = now if forward and self._may_forward(one) else None
        await self._around.database.write(
            lambda tx: replies.finish(tx, one.id, understood, forward_at=forward_at, now=now)
        )


def _note_still_out(tx: Transaction, incident_id: int, now: datetime) -> None:
    """Say in the timeline that customers are still out, at the first of them and as they become many.

    Their outage goes back to the beginning of this one (a nested outage), not to the minute they wrote.
    """
    said = replies.counts(tx, incident_id)
    people = said.get(Meaning.OUT, 0) + said.get(Meaning.COMPLAINT, 0)
    if people in NOTED_AT:
        started_at = incidents.load(tx, incident_id).started_at
        detail = {"people": people, "since": started_at.isoformat()}
        incidents.record(tx, incident_id, at=now, event=STILL_OUT, actor="daemon", detail=detail)
