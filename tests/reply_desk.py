"""Replies for tests: the stages of incidents and the inbox on one database, a clock set by hand, nothing sent."""

from datetime import timedelta

from notifier.config import Config, Inbound, Provider, ProviderKind
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.answer import Answer
from notifier.domain.notification import Channel
from notifier.domain.playbook import Night, Playbook
from notifier.messages import Messages
from notifier.stages import Surroundings
from notifier.stages.consents import Consents
from notifier.stages.delivery import Claimed, Delivery
from notifier.stages.intake import ComplaintRequest, Intake
from notifier.stages.replies import Inbound as Arrived
from notifier.stages.replies import Inbox
from notifier.storage.database import Database
from notifier.storage.instants import from_json
from tests.control_room import ControlRoom

HELPDESK = Actor(name="helpdesk", role=KeyRole.SYSTEM, key_id=7)
BY_DAY = Night(begins="08:00", ends="08:00")
STANDARD = Playbook(
    name="standard", services=("power", "internet"), channels=(Channel.SMS, Channel.EMAIL), night=BY_DAY
)


class ReplyDesk(ControlRoom):
    """A control room whose customers can answer."""

    def __init__(self, database: Database, *, playbook: Playbook = STANDARD) -> None:
        super().__init__(database, playbook=playbook)
        playbooks = dict.fromkeys(playbook.services, playbook)
        self.config = Config(
            providers=(
                Provider(name="texts", kind=ProviderKind.FILE, channel=Channel.SMS),
                Provider(name="mails", kind=ProviderKind.FILE),
            ),
            inbound=Inbound(helpdesk_address="desk@example.net"),
        )
        self.own = around = Surroundings(
            database=database,
            config=self.config,
            clock=self.clock,
            queue=self.queue,
            metrics=self.metrics,
            playbooks=playbooks,
        )
        self.intake = Intake(database, self.config, self.clock, self.queue, self.metrics, playbooks)
        messages = Messages(self.config, playbooks)
        self.consents = Consents(database, self.config, self.clock, self.queue, self.metrics, "a secret")
        self.inbox = Inbox(
            around,
            messages.reply_words(),
            self.consents,
            lambda request, actor, again: self.intake.submit(request, actor=actor, hears_back=False, again=again),
            "a secret",
        )
        common = (database, self.config, self.clock, self.queue, self.metrics, playbooks)
        self.delivery = Delivery(*common, messages, "a secret")
        self._numbers = 0

    def home(self, reference: str, phone: str, *regions: int, email: str = "", services: str = "|power|") -> int:
        """Add a customer with one site, a mobile and perhaps a mail address; return the site."""
        customer = self.town.customer(reference)
        site = self.town.site(customer, *regions, address=f"{reference} Oak St, Springfield", services=services)
        self.town.contact(customer, [site], phone, kind="mobile")
        if email:
            self.town.contact(customer, [site], email, position=1)
        return site

    async def text(self, sender: str, body: str, *, sid: str = "", source: str = "sms") -> None:
        """Let somebody write, and do everything that follows."""
        self._numbers += 1
        await self.inbox.take(Arrived(source=source, external_id=sid or f"SM{self._numbers}", sender=sender, text=body))
        while await self.inbox.handle():
            pass

    async def complain(self, **fields: str) -> None:
        """Let somebody complain by the API, and tell those who did."""
        request = ComplaintRequest(**{"service": "power", **fields})  # type: ignore[arg-type]
        await self.intake.submit(request, actor=HELPDESK)
        await self.inbox.tell_reporters()

    async def claim(self, channel: Channel = Channel.SMS) -> list[Claimed]:
        """Claim what is due on a channel."""
        return await self.delivery.claim(channel, 100)

    def answers(self, phone: str = "") -> list[Answer]:
        """Return the answers, in order; those to one address."""
        rows = self.rows(
            """SELECT n.answer FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
               WHERE n.broadcast_id IS NULL AND (c.address = :phone OR :phone = '') ORDER BY n.id""",
            phone=phone,
        )
        return [from_json(row["answer"], Answer) for row in rows]

    def kinds(self, phone: str = "") -> list[str]:
        """Return the kinds of the answers."""
        return [str(answer.kind) for answer in self.answers(phone)]

    def messages(self, phone: str) -> list[tuple[str, str]]:
        """Return state and reason of the updates to an address, in order."""
        rows = self.rows(
            """SELECT n.state, n.reason FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
               WHERE n.broadcast_id IS NOT NULL AND c.address = :phone ORDER BY n.id""",
            phone=phone,
        )
        return [(row["state"], row["reason"]) for row in rows]

    def pass_time(self, **time: float) -> None:
        """Let time pass."""
        self.clock.go_on(timedelta(**time))
