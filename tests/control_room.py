"""A control room for tests: the stages of incidents on a real SQLite file, a clock set by hand, fake messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.config import Config, Delivery, OnCall, Provider, ProviderKind
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel, NotificationFacts
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages import Surroundings
from notifier.stages.broadcasts import Broadcasts, Course
from notifier.stages.broadcasts.rounds import Rounds
from notifier.stages.incidents import Incidents, OpenIncident
from notifier.stages.incidents.planned import PlannedWork
from notifier.stages.incidents.reshaping import Reshaping
from notifier.stages.incidents.rounds import RoundDrafts
from notifier.stages.planned import Calendar
from notifier.stages.planning import Planning
from notifier.stages.promises import Promises
from notifier.storage.database import Database, Row
from notifier.storage.instants import to_micros
from notifier.storage.views import BroadcastView, Draft, Need
from tests.incident_town import MORNING, Town

ANN = Actor(name="ann", role=KeyRole.COMMANDER, key_id=1)
BOB = Actor(name="bob", role=KeyRole.COMMANDER, key_id=2)
AGENT = Actor(name="eve", role=KeyRole.AGENT, key_id=3)
TAKE_BACK = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


class SetClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.time, self.seconds = now, 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        self.seconds += 0.001
        return self.seconds

    def real_seconds(self, duration: timedelta) -> float:
        return duration.total_seconds()

    def go_on(self, duration: timedelta) -> None:
        self.time += duration


@dataclass(frozen=True)
class FakeRendered:
    subject: str
    text: str


class FakeMessages:
    """Knows a few phrases and writes nothing but the kind and the sites."""

    def phrase_codes(self, group: str, service: str = "", /) -> tuple[str, ...]:
        del service
        return {"causes": ("storm", "cable-cut"), "crews": ("on-the-way", "there")}[group]

    def render(
        self, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts, /
    ) -> FakeRendered:
        del channel
        sites = ", ".join(site.street for site in personal.sites)
        return FakeRendered(subject=f"{kind} for {sites}", text=f"{facts.service} {facts.customers}")

    def unworded(self, facts: Facts, by_locale: Mapping[str, int], /) -> list[str]:
        return [f"no word for {facts.cause} in es"] if facts.cause == "storm" and by_locale.get("es") else []


class ControlRoom:
    """Every stage of incidents on one database, as the app would build them."""

    def __init__(
        self,
        database: Database,
        *,
        playbook: Playbook | None = None,
        rate: float = 100.0,
        on_call: OnCall = OnCall(),  # noqa: B008 - a value that nobody changes
        only_to: tuple[str, ...] = (),
    ) -> None:
        self.database, self.town, self.clock = database, Town(database), SetClock()
        self.playbook = playbook or Playbook(name="standard", services=("power", "internet"))
        playbooks = dict.fromkeys(self.playbook.services, self.playbook)
        config = Config(
            delivery=Delivery(take_back=TAKE_BACK, only_to=only_to),
            providers=(Provider(name="outbox", kind=ProviderKind.FILE, rate=rate),),
            on_call=on_call,
        )
        self.queue, self.metrics = EmbeddedQueue(), Metrics(services=("power", "internet"))
        messages = FakeMessages()
        common = (database, config, self.clock, self.queue, self.metrics, playbooks)
        self.around = around = Surroundings(
            database=database,
            config=config,
            clock=self.clock,
            queue=self.queue,
            metrics=self.metrics,
            playbooks=playbooks,
        )
        self.incidents = Incidents(around, messages)
        self.reshaping = Reshaping(around, messages)
        self.planned, self.calendar = PlannedWork(around, messages), Calendar(around)
        self.broadcasts = Broadcasts(around, messages)
        self.round_drafts = RoundDrafts(around, self.incidents)
        self.rounds = Rounds(around, messages, self.broadcasts)
        self.course = Course(around)
        self.planning = Planning(*common)
        self.promises = Promises(*common)

    # --- a town in short --------------------------------------------------------------------------------------------

    def homes(self, count: int, region: str = "94110") -> int:
        """Add so many homes with a mail address each in a region; return the region's id."""
        region_id = self.town.region(region)
        for number in range(count):
            self.town.household(f"{region}-{number}", region_id)
        return region_id

    # --- actions in short -------------------------------------------------------------------------------------------

    async def open(self, *regions: str, **facts: object) -> Draft:
        return await self.incidents.open(
            OpenIncident(service="power", regions=regions or ("94110",), **facts),  # type: ignore[arg-type]
            ANN,
        )

    async def send(self, draft: Draft) -> BroadcastView:
        """Send a draft with the count of its preview."""
        assert draft.broadcast is not None
        assert draft.preview is not None
        return await self.broadcasts.send(draft.broadcast.id, draft.preview.customers, ANN)

    async def deliver(self, draft: Draft) -> int:
        """Send, wait for the start, plan and hand everything over; return the broadcast's id."""
        view = await self.send(draft)
        assert view.not_before_at is not None
        self.clock.time = max(self.clock.time, view.not_before_at)
        await self.work()
        return view.id

    async def work(self) -> None:
        """Start what is due, plan everything, hand over what is pending, sweep."""
        await self.course.start_due()
        while await self.planning.step():
            pass
        self.hand_over()
        await self.course.sweep()

    def hand_over(self, *, state: str = "sent") -> None:
        """Pretend that a provider took what is pending in broadcasts that send."""
        self.database.write_now(
            lambda tx: tx.run(
                """UPDATE notifications SET state = :state, reason = 'accepted', facts = '{}', ended_at = :now
                   WHERE state = 'pending' AND broadcast_id IN
                         (SELECT id FROM broadcasts WHERE state = 'sending' AND started_at IS NOT NULL)""",
                state=state,
                now=to_micros(self.clock.now()),
            )
        )

    # --- looking ----------------------------------------------------------------------------------------------------

    def rows(self, sql: str, **values: object) -> list[Row]:
        return self.database.read_now(lambda tx: tx.rows(sql, **values))

    def promise_states(self) -> list[tuple[str, str]]:
        return [(row["kind"], row["state"]) for row in self.rows("SELECT kind, state FROM promises ORDER BY id")]

    def events(self, incident_id: int = 1) -> list[str]:
        return [
            row["event"]
            for row in self.rows("SELECT event FROM timeline WHERE incident_id = :i ORDER BY id", i=incident_id)
        ]

    def needs(self, reader: str = "") -> list[Need]:
        from notifier.storage.queries.needs import needs

        playbooks = dict.fromkeys(self.playbook.services, self.playbook)
        return self.database.read_now(lambda tx: needs(tx, self.clock.now(), playbooks, reader=reader))
