"""An evening, a night and a morning, minute by minute on both databases: everyone hears what is true, once.

In Los Angeles on 2 March 2026 it is eight hours before UTC; the night is from 21:00 to 8:00.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.delivery import Outcome, Result
from notifier.domain.night import AFTER_RELEASE
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.stages.delivery import Claimed, Delivery, Handed
from notifier.stages.incidents import DismissIncident, RestoreIncident, SetEta
from notifier.storage.database import Database
from tests.control_room import ANN, MINUTE, ControlRoom

HOUR = timedelta(hours=1)
DAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # midnight in Los Angeles, as the second begins
PLAN = Playbook(name="standard", services=("power",), channels=(Channel.SMS, Channel.EMAIL), next_update_within=HOUR)


def at(hour: float) -> datetime:
    """Return an hour of the second of March there; 32 is 8:00 on the third."""
    return DAY + hour * HOUR


class Night(ControlRoom):
    """A control room whose messages are handed over by the delivery itself, to a carrier that takes all."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, playbook=PLAN)
        playbooks = {"power": PLAN}
        config = Config()
        self.delivery = Delivery(
            database, config, self.clock, self.queue, self.metrics, playbooks, Messages(config, playbooks), "a secret"
        )
        self.heard: defaultdict[str, list[Claimed]] = defaultdict(list)

    def home(self, name: str, *, mobile: bool = True, mail: bool = False, priority: int = 0) -> None:
        customer = self.town.customer(name)
        site = self.town.site(customer, self.town.region("94110"), priority=priority)
        if mobile:
            number = f"+1415555{len(name):02}{sum(map(ord, name)) % 100:02}"
            self.town.contact(customer, [site], number, kind="mobile", position=1)
        if mail:
            self.town.contact(customer, [site], f"{name}@example.net", position=0)

    async def until(self, end: datetime) -> None:
        """Let the daemon work until a time, minute by minute."""
        while self.clock.now() < end:
            self.clock.time = min(end, self.clock.now() + MINUTE)
            await self.promises.watch()
            await self.course.start_due()
            while await self.planning.step():
                pass
            while await self.hand_over_due():
                pass
            await self.course.sweep()

    async def hand_over_due(self) -> int:
        found = [one for channel in (Channel.SMS, Channel.EMAIL) for one in await self.delivery.claim(channel, 100)]
        for one in found:
            self.heard[one.address].append(one)
        now = self.clock.now()
        taken = Outcome(result=Result.ACCEPTED)
        await self.delivery.record(
            [Handed(claimed=one, outcome=taken, provider="outbox", began_at=now, ended_at=now) for one in found]
        )
        return len(found)

    def kinds(self, address: str) -> list[str]:
        return [str(one.kind) for one in self.heard[address]]

    def number(self, name: str) -> str:
        """Return the number of a customer."""
        (row,) = self.rows(
            """SELECT c.address FROM contact_points AS c JOIN links AS l ON l.contact_point_id = c.id
               JOIN customers AS k ON k.id = l.customer_id WHERE k.reference = :name AND c.kind = 'mobile'""",
            name=name,
        )
        return str(row["address"])


@pytest.fixture
def night(database: Database) -> Night:
    room = Night(database)
    room.home("sleeper")
    room.home("both", mail=True)
    room.home("only-mail", mobile=False, mail=True)
    room.home("priority", priority=1)
    room.clock.time = at(22)
    return room


async def changes_twice(night: Night) -> None:
    """Let an outage be acknowledged at 22:00 and its ETA be told and changed."""
    await night.send(await night.open(started_at=at(21.5)))
    await night.until(at(22.7))
    await night.send(await night.incidents.eta(1, SetEta(eta_at=at(25)), ANN))
    await night.until(at(24))
    await night.send(await night.incidents.eta(1, SetEta(eta_at=at(33)), ANN))
    await night.until(at(25.5))


async def test_what_came_and_went_in_the_night_is_one_mail_in_the_morning_or_nothing(night: Night) -> None:
    await changes_twice(night)
    assert not night.heard[night.number("sleeper")]
    await night.send(await night.incidents.restored(1, RestoreIncident(restored_at=at(25.5)), ANN))
    await night.until(at(33))
    assert night.kinds("both@example.net") == ["overnight"]
    assert night.heard[night.number("sleeper")] == night.heard[night.number("both")] == []
    whole_story = ["acknowledged", "eta", "delayed", "restored"]
    assert night.kinds("only-mail@example.net") == night.kinds(night.number("priority")) == whole_story
    assert {row["state"] for row in night.rows("SELECT state FROM promises")} <= {"kept", "revised"}
    assert [row["state"] for row in night.rows("SELECT state FROM broadcasts ORDER BY id DESC LIMIT 1")] == [
        "completed"
    ]


async def test_what_lasts_until_the_morning_is_one_message_with_the_newest_facts(night: Night) -> None:
    await changes_twice(night)
    await night.until(at(32))
    for name in ("sleeper", "both"):
        (only,) = night.heard[night.number(name)]
        assert only.facts.eta_at == at(33)
        assert only.personal.first_contact
        assert only.personal.at == at(32)
    assert night.kinds("both@example.net") == []


async def test_when_nobody_is_awake_nothing_is_promised_to_anyone_until_the_morning(database: Database) -> None:
    night = Night(database)
    night.home("sleeper")
    night.clock.time = at(22)
    await night.send(await night.open(started_at=at(21.5)))
    await night.until(at(31))
    assert not night.heard
    assert night.promise_states() == [("next_update", "void")]
    assert night.needs() == []  # nobody waits for a word
    assert len(night.rows("SELECT id FROM broadcasts")) == 1  # and nobody is told "nothing new" all night
    await night.until(at(32))
    (only,) = night.heard[night.number("sleeper")]
    assert (only.kind, only.personal.first_contact) == (BroadcastKind.DELAYED, True)
    assert only.facts.next_update_by == at(32) - MINUTE + HOUR
    assert not only.facts.late


async def test_an_update_that_was_overtaken_in_the_night_is_replaced_also_after_the_daemon_was_down(
    database: Database,
) -> None:
    night = Night(database)
    night.home("sleeper")
    night.clock.time = at(22)
    await night.send(await night.open(started_at=at(21.5)))
    await night.until(at(23))
    night.clock.time = at(33)
    assert await night.hand_over_due() == 0  # the delivery is there first, and leaves it to the watcher
    await night.until(at(33) + 2 * MINUTE)
    assert night.kinds(night.number("sleeper")) == ["delayed"]


async def test_who_was_told_in_the_evening_hears_of_it_once_in_the_morning(night: Night) -> None:
    night.clock.time = at(20.5)
    await night.send(await night.open(started_at=at(20)))
    await night.until(at(20.75))
    sleeper = night.number("sleeper")
    (told,) = night.heard[sleeper]
    assert told.facts.next_update_by == at(32) + AFTER_RELEASE
    await night.until(at(32))
    first, second = night.heard[sleeper]
    assert (second.kind, second.personal.first_contact, second.facts.previous_update_by) == ("delayed", False, None)
    assert second.facts.next_update_by is not None
    assert second.facts.next_update_by > at(32)
    assert first is told


async def test_a_held_message_is_dropped_when_it_was_nothing(night: Night) -> None:
    await night.send(await night.open(started_at=at(21.5)))
    await night.until(at(22.2))
    draft = await night.incidents.dismiss(1, DismissIncident(), ANN)
    await night.send(draft)
    await night.until(at(33))
    assert not night.heard[night.number("sleeper")]
    assert night.kinds(night.number("priority")) == ["acknowledged", "correction"]


async def test_what_waits_leaves_the_promises_of_others_kept(night: Night) -> None:
    await changes_twice(night)
    await night.until(at(26))
    assert night.promise_states() == [("next_update", "kept"), ("eta", "revised"), ("eta", "open")]
