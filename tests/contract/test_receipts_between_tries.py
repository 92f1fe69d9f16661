"""What a provider reports about one try while another is under way, and whose message it has; on both databases."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

import pytest

from notifier.domain.delivery import Outcome, Result
from notifier.domain.receipt import ReceiptStatus
from notifier.providers import Found
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from tests.broadcasts import NOW, broadcast, incident, notification, states
from tests.contract.test_receipts import DELIVERED, SID, TextDesk, Twilio

S = ReceiptStatus
OTHER = "SM" + "b" * 32


@pytest.fixture
def desk(database: Database) -> TextDesk:
    return TextDesk(database)


async def second_try(desk: TextDesk) -> int:
    """Let a text be in doubt, not found at its provider, and begun again; return it."""
    id_ = await desk.in_doubt()
    await desk.ask_until(65)
    return id_


@pytest.mark.parametrize("result", [Result.ACCEPTED, Result.TEMPORARY, Result.UNKNOWN, Result.PERMANENT])
async def test_a_try_that_arrived_while_the_next_was_under_way_is_the_end(desk: TextDesk, result: Result) -> None:
    id_ = await second_try(desk)
    claimed = await desk.claimed()
    assert claimed.number == 2
    await desk.report(id_, S.DELIVERED, attempt=1)
    provider_id = OTHER if result is Result.ACCEPTED else ""
    await desk.hand_over(claimed, Outcome(result=result, provider_id=provider_id))
    assert desk.state() == DELIVERED
    await desk.report(id_, S.UNDELIVERED, attempt=2, sid=OTHER, code=30003)
    assert desk.state() == DELIVERED


async def test_a_number_that_a_text_arrived_at_is_not_stopped_by_a_second_report(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.DELIVERED, S.UNDELIVERED, code=30005)
    assert desk.state() == DELIVERED
    assert desk.value("SELECT suppressed FROM contact_points") is None


async def test_a_night_s_text_that_comes_back_in_the_morning_is_tried_again(desk: TextDesk) -> None:
    id_ = desk.text()
    morning = NOW + timedelta(days=1)
    desk.run("UPDATE notifications SET due_at = :due, reason = 'quiet_hours'", due=to_micros(morning))
    desk.run('UPDATE broadcasts SET facts = \'{"service":"power","started_at":"2026-11-21T10:00:00Z"}\'')
    desk.clock.at = morning
    claimed = await desk.claimed()
    await desk.hand_over(claimed, Outcome(result=Result.UNKNOWN))
    desk.run("UPDATE attempts SET began_at = :at", at=to_micros(morning))
    await desk.ask_until(65)
    assert desk.state() == ("pending", "not_taken")
    desk.run("UPDATE notifications SET due_at = :due", due=to_micros(morning))
    await desk.hand_over(await desk.claimed(), Outcome(result=Result.ACCEPTED, provider_id=SID))
    desk.run("UPDATE attempts SET began_at = :at", at=to_micros(morning))
    await desk.report(id_, S.UNDELIVERED, code=30003, attempt=2)
    assert desk.state() == ("pending", "temporary_failure")


# --- whose message it is


async def two_texts(desk: TextDesk) -> None:
    """Write two texts to one number: the first in doubt, the second due."""
    await desk.in_doubt()
    point = int(str(desk.value("SELECT contact_point_id FROM notifications")))
    notification(desk.database, broadcast(desk.database, incident(desk.database)), point)
    desk.run("UPDATE notifications SET channel = 'sms'")


async def test_a_message_of_another_hand_over_settles_no_doubt(desk: TextDesk) -> None:
    await two_texts(desk)
    claimed = await desk.claimed()  # and its provider has it, which is not recorded yet
    desk.twilio.has["+12125550001"] = [Found(provider_id=OTHER, status=S.QUEUED)]
    await desk.doubts.ask()
    assert states(desk.database)[0][0] == "in_doubt"
    await desk.hand_over(claimed, Outcome(result=Result.ACCEPTED, provider_id=OTHER))
    await desk.ask_until(70)
    assert [state for state, _ in states(desk.database)] == ["pending", "sent"]


async def test_a_message_that_is_recorded_while_the_provider_answers_settles_no_doubt(desk: TextDesk) -> None:
    await two_texts(desk)
    claimed = await desk.claimed()

    class Slow(Twilio):
        async def ask(self, recipient: str, *, body: str, began_at: datetime, known: Collection[str]) -> Found | None:
            del recipient, body, began_at, known
            await desk.hand_over(claimed, Outcome(result=Result.ACCEPTED, provider_id=OTHER))
            await asyncio.sleep(0)
            return Found(provider_id=OTHER, status=S.QUEUED)

    desk.twilio.__class__ = Slow
    await desk.doubts.ask()
    assert [state for state, _ in states(desk.database)] == ["in_doubt", "sent"]


async def test_a_provider_that_falls_silent_after_it_had_nothing_leaves_it_to_the_policy(desk: TextDesk) -> None:
    await desk.in_doubt()
    await desk.ask_until(5)
    assert desk.twilio.asked
    desk.twilio.is_silent = True
    await desk.ask_until(660)
    assert desk.state() == ("held", "held_by_policy")
