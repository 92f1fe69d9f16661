"""People on call, for tests: the whole stage on a control room, carriers that only listen, and a clock set by hand."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from notifier.config import OnCall as OnCallSettings
from notifier.config import Person, ProviderKind
from notifier.config import Provider as ProviderSettings
from notifier.domain.delivery import Outcome, Result
from notifier.domain.incident import IncidentState
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.messages.mime import Mail
from notifier.messages.sms import Text
from notifier.providers.registry import Message
from notifier.stages.incidents import ConfirmIncident, DismissIncident
from notifier.stages.on_call import Deciding, OnCall
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import incidents
from notifier.storage.repositories.evidence import attach_evidence
from tests.control_room import MINUTE, ControlRoom
from tests.incident_town import MORNING, evidence

ANN_NUMBER, BEA_NUMBER, CEM_NUMBER = "+14155550101", "+14155550102", "+14155550103"
PEOPLE = (
    Person(name="Ann", sms=ANN_NUMBER, key="ann"),
    Person(name="Bea", sms=BEA_NUMBER, key="bea"),
    Person(name="Cem", sms=CEM_NUMBER),
)
ACCEPTED = Outcome(result=Result.ACCEPTED, code="201")
GONE = Outcome(result=Result.PERMANENT, code="21211", answer="no such number")
BUSY = Outcome(result=Result.TEMPORARY, code="429")
SECONDS = timedelta(seconds=1)


@dataclass
class Listening:
    """A carrier that keeps what it is handed, and answers what it is told to."""

    channel: Channel
    answers: Callable[[str], Outcome] = lambda _: ACCEPTED
    heard: list[Message] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    stuck: asyncio.Event | None = None  # nothing is answered before it is set
    is_closed: bool = False

    @property
    def settings(self) -> ProviderSettings:
        return ProviderSettings(name=f"own {self.channel}", kind=ProviderKind.FILE, channel=self.channel)

    @property
    def capacity(self) -> int:
        return 2

    async def open(self) -> None:
        self.is_closed = False

    async def send(self, message: Message, recalled: asyncio.Event) -> Outcome:
        assert not recalled.is_set()
        self.asked.set()
        if self.stuck is not None:
            await self.stuck.wait()
        self.heard.append(message)
        found = self.answers(message.recipient)
        return Outcome(result=found.result, code=found.code, answer=found.answer, provider_id=f"SM{len(self.heard)}")

    async def close(self) -> None:
        self.is_closed = True


class Desk:
    """On-call, and the town it is woken for."""

    def __init__(
        self,
        database: Database,
        *,
        people: tuple[Person, ...] = PEOPLE,
        playbook: Playbook | None = None,
        homes: int = 5,
        only_to: tuple[str, ...] = (),
    ) -> None:
        settings = OnCallSettings(people=people)
        self.room = ControlRoom(database, playbook=playbook, on_call=settings, only_to=only_to)
        self.clock = self.room.clock
        self.region = self.room.homes(homes)
        self.sms, self.email = Listening(Channel.SMS), Listening(Channel.EMAIL)
        self.states: dict[str, str] = {"outbox": "up"}
        self.on_call = self.start()

    def start(self) -> OnCall:
        """Return on-call as a new process would have it."""
        incidents_, broadcasts = self.room.incidents, self.room.broadcasts
        self.on_call = OnCall(
            self.room.around,
            Deciding(
                confirm=lambda which, actor: incidents_.confirm(which, ConfirmIncident(), actor),
                dismiss=lambda which, actor: incidents_.dismiss(which, DismissIncident(), actor),
                preview=broadcasts.preview,
                send=broadcasts.send,
                approve=self.room.rounds.approve_as_shown,
                reject=self.room.rounds.reject_asked,
            ),
            secret="a secret of this company",
            provider_states=lambda: self.states,
            providers={Channel.SMS: self.sms, Channel.EMAIL: self.email},
        )
        return self.on_call

    # --- what happens -----------------------------------------------------------------------------------------------

    def suspect(self, region: str = "94110", *, service: str = "power", grade: str = "certain") -> int:
        """Let complaints open a suspected incident."""

        region_id = self.room.town.region(region)

        def save(tx: Transaction) -> int:
            now = self.clock.now()
            which = incidents.open_incident(
                tx,
                service=service,
                impact="down",
                playbook=self.room.playbook.name,
                state=IncidentState.SUSPECTED,
                region_ids=[region_id],
                started_at=now - 11 * MINUTE,
                now=now,
                by="daemon",
                correlation_id=f"c{region}",
            )
            attach_evidence(
                tx,
                which,
                replace(evidence(region_id, at=now, grade=grade), window_from=now - 11 * MINUTE),
                now=now,
            )
            return which

        return self.room.database.write_now(save)

    def prove(self, which: int) -> None:
        """Let the place of an incident have certain evidence."""
        now = self.clock.now()
        self.room.database.write_now(
            lambda tx: attach_evidence(tx, which, evidence(self.region, at=now, grade="certain"), now=now)
        )

    def doubt(self, which: int) -> None:
        """Let the support of a region in the place of an incident be weak."""
        self.room.database.write_now(
            lambda tx: tx.run(
                """INSERT INTO place_doubts (incident_id, region_id, named, callers, expected, sites, chance)
                   SELECT incident_id, region_id, 1, 2, 0.5, 40, 0.3 FROM incident_regions WHERE incident_id = :id""",
                id=which,
            )
        )

    async def watch(self, minutes: float = 0, *, every: timedelta = 10 * SECONDS) -> None:
        """Let the poller run for so long, or once."""
        end = self.clock.now() + timedelta(minutes=minutes)
        await self.on_call.watch()
        while self.clock.now() < end:
            self.clock.go_on(min(every, end - self.clock.now()))
            await self.on_call.watch()

    # --- what was said ----------------------------------------------------------------------------------------------

    def texts(self, number: str = "") -> list[str]:
        """Return the texts that were handed over, to everybody or to one number."""
        return [each.body for each in self.sms.heard if isinstance(each, Text) and number in ("", each.recipient)]

    def mails(self) -> list[Mail]:
        return [each for each in self.email.heard if isinstance(each, Mail)]

    def called(self) -> list[str]:
        """Return who was called, in order."""
        return [row["person"] for row in self.room.rows("SELECT person FROM calls ORDER BY id")]

    def code(self, number: str) -> str:
        """Return the code in the last text to a number that has one."""
        found = [match[1] for text in self.texts(number) if (match := re.search(r"Reply (\w{3}) ", text))]
        return found[-1]

    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(row["person"], row["outcome"]) for row in self.room.rows("SELECT * FROM calls ORDER BY id")]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.room.metrics.registry.get_sample_value(f"notifier_{name}", labels)

    def audit(self) -> list[tuple[str, str, str]]:
        return [
            (row["actor"], row["action"], row["target"])
            for row in self.room.rows("SELECT actor, action, target FROM audit ORDER BY id")
        ]

    def complain(self, source: str, *times: datetime, received_at: datetime | None = None) -> None:
        """Store complaints as intake would."""
        rows = [{"source": source, "at": to_micros(at), "received": to_micros(received_at or at)} for at in times]
        self.room.database.write_now(
            lambda tx: tx.run_many(
                """INSERT INTO complaints (source, reporter, service, occurred_at, received_at, effective_at, regions,
                                           counted_regions, correlation_id)
                   VALUES (:source, 'customer:C-1', 'power', :at, :received, :at, '[]', '[]', 'c')""",
                rows,
            )
        )


__all__ = ["ACCEPTED", "BUSY", "GONE", "MORNING", "PEOPLE", "Desk", "Listening"]
