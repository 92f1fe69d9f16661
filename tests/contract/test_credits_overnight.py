"""The mail of the morning after names approved money as the mail that service is restored does, on every database."""

import pytest

from notifier.domain.notification import Channel
from notifier.messages import Messages
from notifier.messages.prepared import PreparedMessages
from notifier.stages.delivery import Claimed, Delivery
from notifier.stages.incidents import RestoreIncident
from notifier.storage.database import Database
from tests.contract.test_a_night import PLAN, Night, at
from tests.control_room import ANN
from tests.credit_desk import CreditDesk


async def morning_mail(database: Database, **settings: object) -> tuple[Claimed, str]:
    """Let an outage come and go in the night; return the mail of the morning, and what it says."""
    desk = CreditDesk(database)
    desk.room = night = Night(database)
    desk.clock = night.clock
    desk.use(**settings)
    night.home("both", mail=True)
    night.clock.time = at(22)
    around, messages = desk.around, Messages(desk.around.config, {"power": PLAN})
    night.delivery = Delivery(
        database,
        around.config,
        around.clock,
        around.queue,
        around.metrics,
        {"power": PLAN},
        messages,
        "a secret",
    )
    await desk.credits.step()
    await night.send(await night.open(started_at=at(21.5)))
    await night.until(at(25.5))
    await night.send(await night.incidents.restored(1, RestoreIncident(restored_at=at(25.5)), ANN))
    await night.until(at(26.5))
    await desk.count()
    await night.until(at(33))
    assert night.kinds("both@example.net") == ["overnight"]
    (mail,) = night.heard["both@example.net"]
    assert mail.channel is Channel.EMAIL
    prepared = PreparedMessages().find(messages.wording("en"), mail.channel, mail.kind, mail.facts, mail.personal)  # type: ignore[arg-type]
    return mail, prepared.render(mail.personal, "https://x.example/u/1", "https://x.example/p/1").text


async def test_the_mail_of_the_morning_names_approved_money_and_its_bill(database: Database) -> None:
    mail, text = await morning_mail(database)
    assert mail.personal.credit_minor == 2500
    assert "A credit of $25.00 will be on your April bill. You need do nothing." in " ".join(text.split())


@pytest.mark.parametrize("settings", [{"customer_baseline": "10"}, {"enabled": False}])
async def test_money_that_nobody_approved_is_not_named_in_the_morning(
    database: Database, settings: dict[str, object]
) -> None:
    mail, text = await morning_mail(database, **settings)
    assert mail.personal.credit_minor == 0
    assert "credit" not in text
