"""Alarms that come and go each second: people are called once in a while, however often that is."""

from datetime import timedelta

import pytest

from notifier.storage.database import Database
from notifier.storage.queries import signals as shown
from tests.complaint_desk import NOON, Desk
from tests.signals import alert, body, stage

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = Desk(database)
    desk.place("94110", households=1)
    desk.clock.at = NOON
    return desk


def calls(desk: Desk) -> list[str]:
    now = desk.clock.now()
    return desk.database.read_now(lambda tx: [key for key, _ in shown.unattended(tx, now)])


async def test_one_that_goes_off_anew_every_other_second_calls_once_an_hour(desk: Desk) -> None:
    signals, called = stage(desk), set[str]()
    for number in range(50):
        since = desk.clock.at = NOON + 2 * number * SECOND
        await signals.take(body(alert(since=since)))
        called.update(calls(desk))
        desk.clock.at += SECOND
        await signals.take(body(alert(since=since, until=desk.clock.at)))
    assert called == {"alarm 1"}
    desk.clock.at = since = NOON + HOUR + MINUTE
    await signals.take(body(alert(since=since)))
    assert calls(desk) == ["alarm 51"]  # it still comes and goes


async def test_one_that_is_over_and_not_again_and_again_calls_once_an_hour(desk: Desk) -> None:
    signals, called = stage(desk), list[bool]()
    for number in range(12):
        desk.clock.at = NOON + number * 4 * MINUTE
        await signals.take(body(alert()))  # since the same time
        called.append(bool(calls(desk)))
        desk.clock.at += SECOND
        await signals.take(body(alert(until=desk.clock.at)))
    assert called == [True, *[False] * 11]
    desk.clock.at = NOON + HOUR + MINUTE
    await signals.take(body(alert()))
    assert calls(desk) == ["alarm 1"]
