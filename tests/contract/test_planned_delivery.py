"""Messages about planned work on their way: the night holds them whatever it does in an outage and counts."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.domain.broadcast import BroadcastKind, Facts, is_overtaken
from notifier.domain.errors import Refused
from notifier.domain.night import rule_for
from notifier.domain.notification import Channel
from notifier.domain.planned import needs_notice
from notifier.domain.playbook import Night, NightDecision, NightRule, Playbook
from notifier.stages.incidents.planned import ChangePlanned, OpenPlanned
from notifier.storage.database import Database
from notifier.storage.repositories import late_joiners
from tests.control_room import ANN
from tests.reply_desk import STANDARD, ReplyDesk

AT_THREE = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)  # in California
AT_EIGHT = AT_THREE + timedelta(hours=5)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WAKES = Playbook(
    name="standard",
    services=("power",),
    channels=(Channel.SMS,),
    night=Night(down=NightDecision(rule=NightRule.WAKE, safety=True)),
)


def work(from_at: datetime) -> OpenPlanned:
    return OpenPlanned(service="power", regions=("94110",), from_at=from_at, until_at=from_at + 4 * HOUR)


def desk_at(database: Database, at: datetime, playbook: Playbook = WAKES) -> ReplyDesk:
    desk = ReplyDesk(database, playbook=playbook)
    desk.clock.time = at
    desk.home("first", "+14155550101", desk.town.region("94110"))
    return desk


async def started(desk: ReplyDesk, broadcast_id: int) -> None:
    """Let a broadcast start and be planned, and nothing be handed over."""
    not_before = (await desk.broadcasts.show(broadcast_id)).not_before_at
    desk.clock.time = max(desk.clock.time, not_before or desk.clock.time)
    await desk.course.start_due()
    while await desk.planning.step():
        pass


async def test_a_notice_waits_for_the_morning_though_an_outage_would_wake(database: Database) -> None:
    desk = desk_at(database, AT_THREE)
    draft = await desk.planned.open(work(AT_THREE + 5 * DAY), ANN)
    assert draft.preview is not None
    assert [(each.until, each.messages) for each in draft.preview.waits] == [(AT_EIGHT, 1)]
    assert draft.preview.done_at is not None
    assert draft.preview.done_at >= AT_EIGHT
    view = await desk.send(draft)
    await started(desk, view.id)
    assert await desk.claim() == []
    desk.clock.time = AT_EIGHT
    assert [each.kind for each in await desk.claim()] == [BroadcastKind.PLANNED_NOTICE]


async def test_what_the_night_holds_until_too_late_is_refused_with_the_time_that_would_do(database: Database) -> None:
    desk = desk_at(database, AT_THREE)
    draft = await desk.planned.open(work(AT_THREE + 3 * DAY + HOUR), ANN)
    assert draft.preview is not None
    assert not draft.preview.fits
    with pytest.raises(Refused, match=r"it can begin from 2026-03-05 16:0\d UTC on"):
        await desk.send(draft)


async def test_who_was_not_told_before_reads_another_time_as_a_notice(database: Database) -> None:
    desk = desk_at(database, AT_EIGHT, STANDARD)
    from_at = AT_EIGHT + 5 * DAY
    await desk.deliver(await desk.planned.open(work(from_at), ANN))
    desk.home("second", "+14155550102", desk.town.region("94110"))
    request = ChangePlanned(from_at=from_at + DAY, until_at=from_at + DAY + HOUR)
    view = await desk.send(await desk.planned.change(1, request, ANN))
    await started(desk, view.id)
    kinds = {each.address: each.kind for each in await desk.claim()}
    assert kinds == {
        "+14155550101": BroadcastKind.PLANNED_CHANGED,
        "+14155550102": BroadcastKind.PLANNED_NOTICE,
    }


async def test_who_moves_in_after_another_time_was_told_reads_a_notice_of_that(database: Database) -> None:
    desk = desk_at(database, AT_EIGHT, STANDARD)
    from_at = AT_EIGHT + 5 * DAY
    await desk.deliver(await desk.planned.open(work(from_at), ANN))
    request = ChangePlanned(from_at=from_at + DAY, until_at=from_at + DAY + HOUR)
    await desk.deliver(await desk.planned.change(1, request, ANN))
    site = desk.home("late", "+14155550103", desk.town.region("94110"))
    database.write_now(lambda tx: late_joiners.join(tx, [site], {"power": STANDARD}, now=desk.clock.now()))
    (claimed,) = await desk.claim()
    assert (claimed.address, claimed.kind) == ("+14155550103", BroadcastKind.PLANNED_NOTICE)
    assert claimed.facts.window_from_at == from_at + DAY


async def test_nothing_is_announced_any_more_when_it_has_begun(database: Database) -> None:
    desk = desk_at(database, AT_EIGHT, STANDARD)
    from_at = AT_EIGHT + 5 * DAY
    view = await desk.send(await desk.planned.open(work(from_at), ANN))
    await started(desk, view.id)
    desk.clock.time = from_at
    await desk.calendar.watch()
    assert await desk.claim() == []
    rows = desk.rows("SELECT state, reason FROM notifications")
    assert [(row["state"], row["reason"]) for row in rows] == [("expired", "no_longer_true")]


def test_planned_work_wakes_nobody() -> None:
    outage = Facts(service="power")
    planned = Facts(service="power", window_from_at=AT_THREE, window_until_at=AT_EIGHT)
    assert rule_for(WAKES.night, outage) == NightDecision(rule=NightRule.WAKE, safety=True)
    assert rule_for(WAKES.night, planned) == NightDecision(rule=NightRule.HOLD)
    mails = Night(down=NightDecision(rule=NightRule.EMAIL_ONLY))
    assert rule_for(mails, planned).rule is NightRule.EMAIL_ONLY


def test_an_announcement_is_true_until_the_work_begins() -> None:
    facts = Facts(service="power", window_from_at=AT_EIGHT, window_until_at=AT_EIGHT + HOUR, upcoming=True)
    assert not is_overtaken(facts, AT_THREE)
    assert is_overtaken(facts, AT_EIGHT)


@pytest.mark.parametrize(
    ("hours", "needs"), [((0, 4), False), ((1, 4), False), ((1, 3), False), ((-1, 3), True), ((1, 5), True)]
)
def test_a_time_inside_the_one_told_needs_no_notice(hours: tuple[int, int], needs: bool) -> None:
    told = (AT_THREE, AT_THREE + 4 * HOUR)
    assert needs_notice(AT_THREE + hours[0] * HOUR, AT_THREE + hours[1] * HOUR, told) is needs
    assert needs_notice(*told, None)
