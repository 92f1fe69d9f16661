"""What mails say of credits, on every database: approved money only, to its owner, on the bill it will be on."""

from datetime import timedelta

import pytest

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.notification import Channel
from notifier.messages import Messages
from notifier.messages.prepared import PreparedMessages
from notifier.stages.credits import Because
from notifier.stages.delivery import Claimed, Delivery
from notifier.stages.incidents import RestoreIncident
from notifier.storage.database import Database
from tests.control_room import ANN
from tests.credit_desk import HOUR, CreditDesk

MIA = Actor(name="mia", role=KeyRole.MANAGER)


class Mails:
    """A desk whose "restored" is on its way, and the delivery that claims it."""

    def __init__(self, database: Database, **settings: object) -> None:
        self.desk = CreditDesk(database, **settings)
        self.desk.room.homes(2)
        self.use(**settings)

    def use(self, **settings: object) -> None:
        self.desk.use(**settings)
        around = self.desk.around
        self.messages = Messages(around.config, around.playbooks)
        self.delivery = Delivery(
            around.database,
            around.config,
            around.clock,
            around.queue,
            around.metrics,
            around.playbooks,
            self.messages,
            "a-secret-of-tests",
        )

    async def begin(self, outage: timedelta = 20 * HOUR) -> None:
        """Let service come back and the update start, with nothing handed over."""
        room = self.desk.room
        await self.desk.credits.step()
        await room.deliver(await room.open())
        room.clock.go_on(outage)
        view = await room.send(await room.incidents.restored(1, RestoreIncident(), ANN))
        assert view.not_before_at is not None
        room.clock.time = max(room.clock.time, view.not_before_at)
        await room.course.start_due()
        while await room.planning.step():
            pass

    async def claim(self) -> list[Claimed]:
        return await self.delivery.claim(Channel.EMAIL, 100)

    def text(self, one: Claimed) -> str:
        wording = self.messages.wording("en")
        prepared = PreparedMessages().find(wording, one.channel, one.kind, one.facts, one.personal)  # type: ignore[arg-type]
        return prepared.render(one.personal, "https://x.example/u/1", "https://x.example/p/1").text


@pytest.fixture
def mails(database: Database) -> Mails:
    return Mails(database)


async def test_a_mail_waits_for_its_credits_and_names_them_with_the_month_of_the_bill(mails: Mails) -> None:
    await mails.begin()
    assert await mails.claim() == []
    await mails.desk.count()
    claimed = await mails.claim()
    assert len(claimed) == 2
    for one in claimed:
        assert "A credit of $25.00 will be on your April bill. You need do nothing." in mails.text(one)


async def test_it_does_not_wait_for_ever_and_then_names_nothing(mails: Mails) -> None:
    await mails.begin()
    mails.desk.clock.go_on(timedelta(minutes=2))
    claimed = await mails.claim()
    assert len(claimed) == 2
    assert all("credit" not in mails.text(one) for one in claimed)


async def test_money_that_waits_for_a_manager_is_not_named(mails: Mails) -> None:
    mails.use(customer_baseline="10")
    await mails.begin()
    await mails.desk.count()
    assert all(one.personal.credit_minor == 0 for one in await mails.claim())


async def test_what_was_reversed_is_not_named(mails: Mails) -> None:
    await mails.begin()
    await mails.desk.count()
    await mails.desk.credits.deciding.reverse(1, Because(reason="another house"), MIA)
    assert sorted(one.personal.credit_minor for one in await mails.claim()) == [0, 2500]


async def test_only_the_owner_reads_of_money(mails: Mails) -> None:
    mails.desk.database.write_now(
        lambda tx: tx.run("UPDATE links SET role = 'carer' WHERE customer_id = 1"),
    )
    await mails.begin()
    await mails.desk.count()
    assert sorted(one.personal.credit_minor for one in await mails.claim()) == [0, 2500]


async def test_an_address_of_two_customers_reads_of_no_money(mails: Mails) -> None:
    mails.desk.database.write_now(lambda tx: tx.run("UPDATE links SET contact_point_id = 1"))
    await mails.begin()
    await mails.desk.count()
    assert [one.personal.credit_minor for one in await mails.claim()] == [0]


async def test_switched_off_no_mail_waits(mails: Mails) -> None:
    mails.use(enabled=False)
    await mails.begin()
    assert len(await mails.claim()) == 2


async def test_two_neighbours_each_read_of_their_own(mails: Mails) -> None:
    await mails.begin()
    await mails.desk.count()
    mails.desk.database.write_now(lambda tx: tx.run("UPDATE credit_lines SET amount_minor = 1234 WHERE id = 1"))
    claimed = await mails.claim()
    prepared = PreparedMessages()
    wording = mails.messages.wording("en")
    texts = [
        prepared.find(wording, one.channel, one.kind, one.facts, one.personal)  # type: ignore[arg-type]
        .render(one.personal, "https://x.example/u/1", "https://x.example/p/1")
        .text
        for one in claimed
    ]
    assert sorted(("$12.34" in text, "$25.00" in text) for text in texts) == [(False, True), (True, False)]
