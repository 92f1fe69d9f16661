"""Test sends: every kind of message in every locale, to one address that is ours to try, by the configured provider.

In: an address, and which kinds and locales. Out: one outcome after the other, as they come. What is sent begins with
TEST, is made of sample facts, and leaves no trace in any incident's ledger: only the audit log knows who sent how many.
Nobody is written to who is on no list unless the caller insists, nor who does not want to hear from us.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from notifier.clock import sleep
from notifier.domain.actor import Actor
from notifier.domain.contact import canonical, mask
from notifier.domain.delivery import Outcome, Result
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.notification import Channel
from notifier.domain.segments import segments
from notifier.messages import Messages
from notifier.messages.gallery import Shown, choose, gallery
from notifier.messages.mime import Mail, MailComposer, encode
from notifier.messages.sms import Text
from notifier.messages.wording import Rendered
from notifier.providers import Provider
from notifier.stages import Surroundings
from notifier.storage.database import Row, Transaction
from notifier.storage.repositories import audit, control

FIRST_WORD = "TEST"
VALID_FOR = timedelta(hours=1)
HAND_OVER_SECONDS = 120.0
NOBODYS = 2**62  # numbers from here on are no notification's: a bounce of a test is about nothing in the ledger
NUMBERS_EACH = 2**12  # messages of one test send


class TestSend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send to whom."""

    __test__ = False

    to: str
    kind: str = ""  # "" = every kind
    locale: str = ""  # "" = every locale
    anybody: bool = False  # also to an address on no list


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one message."""

    number: int
    of: int
    kind: str
    locale: str
    channel: str
    result: str
    code: str
    answer: str  # of the provider
    segments: int  # of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is going to be sent, after it was allowed."""

    address: str
    channel: Channel
    messages: tuple[Shown, ...]
    first_number: int
    unsubscribe_url: str
    actor: Actor
    to_guest: bool


class TestSends:
    """Tries the way to one address."""

    __test__ = False

    def __init__(
        self, around: Surroundings, messages: Messages, link_secret: str, providers: Mapping[Channel, Provider]
    ) -> None:
        """Keep the parts; the providers are used by nobody else."""
        self._around, self._messages, self._providers = around, messages, providers
        self._composer = MailComposer(around.config.sender, link_secret)
        self._one_at_a_time = asyncio.Lock()
        self._open: set[Channel] = set()

    async def plan(self, request: TestSend, actor: Actor) -> Plan:
        """Return what would be sent, noted in the audit log; raise `InvalidInput`, or `Refused` with the reason."""
        config = self._around.config
        try:
            address = canonical(request.to, config.regions.country)
        except InvalidInput as error:
            also = "" if "@" in request.to else f"{error.expected}, or a mail address"
            raise InvalidInput(error.reason, field="to", value=request.to, expected=also or error.expected) from error
        channel = Channel.EMAIL if "@" in address else Channel.SMS
        if channel not in self._providers:
            raise Refused(f"no provider for {channel} is configured")
        if not request.anybody and address not in self._ours():
            raise Refused(
                "this address is neither on the guest list (delivery.only_to) nor of anyone on call;"
                " say that you mean it (--yes) to write to it all the same"
            )
        chosen = choose(
            config,
            kinds=(request.kind,) if request.kind else (),
            locales=(request.locale,) if request.locale else (),
            channels=(channel,),
        )
        found: dict[tuple[str, str], Shown] = {}
        for shown in gallery(self._messages, chosen):
            found.setdefault((shown.locale, shown.kind), shown)
        now = self._around.clock.now()

        def note(tx: Transaction) -> tuple[int, int]:
            if control.is_paused(tx):
                raise Refused("everything is paused; go on with `notifier resume-all`")
            point = _on_file(tx, address)
            if point is not None and point["is_out"]:
                raise Refused("who has this address does not want to hear from us, or cannot be reached there")
            detail = {"channel": channel, "messages": len(found), "to": mask(address), "anybody": request.anybody}
            number = audit.record(tx, at=now, actor=actor, action="test_send", target="one address", detail=detail)
            return number, 0 if point is None else int(point["id"])

        number, point = await self._around.database.write(note)
        return Plan(
            address=address,
            channel=channel,
            messages=tuple(found.values()),
            first_number=NOBODYS + number * NUMBERS_EACH,
            unsubscribe_url=self._composer.unsubscribe_url(point),
            actor=actor,
            to_guest=address in config.delivery.only_to,
        )

    async def send(self, plan: Plan) -> AsyncGenerator[Tried, None]:
        """Send one after the other and yield what became of each; stop where the next would fail as well."""
        provider, accepted = self._providers[plan.channel], 0
        async with self._one_at_a_time:
            for place, shown in enumerate(plan.messages):
                message = self._made(plan, shown, plan.first_number + place)
                outcome = await self._handed_over(plan.channel, message)
                accepted += outcome.result is Result.ACCEPTED
                if place + 1 == len(plan.messages) or outcome.result is Result.OURS:
                    await self._around.database.write(lambda tx: self._note_end(tx, plan, accepted))  # noqa: B023
                yield _tried(plan, place, shown, message, outcome)
                if outcome.result is Result.OURS:
                    return
                if provider.settings.rate and place + 1 < len(plan.messages):
                    await sleep(1 / provider.settings.rate, asyncio.Event())

    def _note_end(self, tx: Transaction, plan: Plan, accepted: int) -> None:
        """Note what the provider took; whoever leaves in the middle has tried nothing."""
        detail = {
            "channel": plan.channel,
            "provider": self._providers[plan.channel].settings.name,
            "accepted": accepted,
            "of": len(plan.messages),
            "guest": plan.to_guest,
        }
        now = self._around.clock.now()
        audit.record(tx, at=now, actor=plan.actor, action=audit.TEST_SENT, target="one address", detail=detail)

    async def close(self) -> None:
        """Close every connection."""
        for channel in self._open:
            await self._providers[channel].close()
        self._open.clear()

    async def _handed_over(self, channel: Channel, message: Mail | Text) -> Outcome:
        provider = self._providers[channel]
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                if channel not in self._open:
                    await provider.open()
                    self._open.add(channel)
                return await provider.send(message, asyncio.Event())
        except TimeoutError:
            return Outcome(result=Result.UNKNOWN, answer="no answer in time")
        except OSError as error:
            return Outcome(result=Result.OURS, answer=error.strerror or type(error).__name__)

    def _ours(self) -> set[str]:
        """Return the addresses that may be tried: guests, and people on call."""
        config = self._around.config
        ours = set(config.delivery.only_to)
        for person in config.on_call.people:
            ours |= {canonical(each, config.regions.country) for each in (person.email, person.sms) if each}
        return ours

    def _made(self, plan: Plan, shown: Shown, number: int) -> Mail | Text:
        text = f"{FIRST_WORD} {shown.text}"
        if plan.channel is Channel.SMS:
            return Text(
                notification_id=number,
                attempt=1,
                recipient=plan.address,
                body=text,
                segments=segments(text).count,
                valid_for=VALID_FOR,
            )
        rendered = Rendered(
            subject=f"{FIRST_WORD} {shown.subject}", text=text, html=_marked(shown.html), template_version=""
        )
        return self._composer.compose(
            notification_id=number,
            broadcast_id=None,
            kind=shown.kind,
            recipient=plan.address,
            message=encode(rendered),
            at=self._around.clock.now(),
            unsubscribe_url=plan.unsubscribe_url,
            purpose=FIRST_WORD.lower(),
        )


def _on_file(tx: Transaction, address: str) -> Row | None:
    """Return the id of a contact point, and whether it must not be written to."""
    return tx.row(
        """SELECT c.id, CASE WHEN c.suppressed IS NOT NULL OR EXISTS (
                  SELECT 1 FROM consents AS o
                  WHERE o.contact_point_id = c.id AND o.purpose = 'outage' AND o.state = 'refused')
                  THEN 1 ELSE 0 END AS is_out
           FROM contact_points AS c WHERE c.address = :address""",
        address=address,
    )


def _marked(page: str) -> str:
    """Return a page whose first visible word is TEST."""
    body = page.find("<body")
    end = page.find(">", body) + 1 if body >= 0 else 0
    return f"{page[:end]}<p><strong>{FIRST_WORD}</strong></p>{page[end:]}"


def _tried(plan: Plan, place: int, shown: Shown, message: Mail | Text, outcome: Outcome) -> Tried:
    return Tried(
        number=place + 1,
        of=len(plan.messages),
        kind=shown.kind,
        locale=shown.locale,
        channel=shown.channel,
        result=outcome.result,
        code=outcome.code,
        answer=outcome.provider_id or outcome.answer,
        segments=message.segments if isinstance(message, Text) else 0,
    )
