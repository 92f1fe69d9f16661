"""The times that messages speak of are those which their own reader was handed, on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from notifier.config import Config
from notifier.domain.answer import Answer, AnswerKind
from notifier.domain.broadcast import BroadcastKind, BroadcastState, Facts
from notifier.domain.notification import Channel
from notifier.stages.delivery import Claimed
from notifier.stages.delivery.letters import Letters
from notifier.storage.database import Database
from notifier.storage.instants import to_json, to_micros
from tests.broadcasts import incident
from tests.contract.test_night_delivery import MORNING, NIGHT, Desk, update

MINUTE = timedelta(minutes=1)
SIX_THIRTY = NIGHT + timedelta(hours=3, minutes=24)
NINE = NIGHT + timedelta(hours=5, minutes=54)
ELEVEN = NINE + timedelta(hours=2)
GIVEN = Facts(service="power", started_at=NIGHT - 30 * MINUTE, eta_at=SIX_THIRTY)
BACK = Facts(service="power", started_at=NIGHT - 30 * MINUTE, restored_at=MORNING, missed_eta_at=SIX_THIRTY)
LATER = Facts(service="power", started_at=NIGHT - 30 * MINUTE, eta_at=NINE, previous_eta_at=SIX_THIRTY)
WATCHER = Facts(service="power", started_at=NIGHT - 30 * MINUTE, previous_eta_at=SIX_THIRTY, automatic=True)
DONE = BroadcastState.COMPLETED


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def given(desk: Desk, outage: int, *points: int, **columns: Any) -> int:
    """Hand somebody the time, by text."""
    which = update(desk, outage, kind=BroadcastKind.ETA, facts=GIVEN, state=DONE)
    desk.text(which, *points, **{"state": "delivered", "sending_at": to_micros(NIGHT), **columns})
    return which


def told_else(desk: Desk, outage: int, *points: int) -> None:
    """Hand somebody an update that names no time."""
    which = update(desk, outage, kind=BroadcastKind.ACKNOWLEDGED, facts=Facts(service="power"), state=DONE)
    desk.text(which, *points, state="delivered", sending_at=to_micros(NIGHT - 10 * MINUTE))


def words(desk: Desk, claimed: Claimed) -> str:
    made = desk.delivery.messages.render(claimed.channel, claimed.kind, claimed.facts, claimed.personal)
    return " ".join(f"{made.subject} {made.text}".split())


async def by_point(desk: Desk) -> dict[int, str]:
    return {one.contact_point_id: words(desk, one) for one in await desk.claim()}


async def test_only_who_was_given_the_time_reads_that_it_was_missed(desk: Desk) -> None:
    outage, (has_it, has_none, bounced) = incident(desk.database), (desk.home(1), desk.home(2), desk.home(3))
    given(desk, outage, has_it)
    given(desk, outage, bounced, state="undelivered")
    told_else(desk, outage, has_it, has_none)
    desk.clock.at = MORNING
    desk.text(update(desk, outage, kind=BroadcastKind.RESTORED, facts=BACK), has_it, has_none, bounced)
    told = await by_point(desk)
    assert "for missing the time we gave you, 6:30 am." in told[has_it]
    assert [("We are sorry." in told[each], "missing" in told[each]) for each in (has_none, bounced)] == [
        (True, False),
        (True, False),
    ]


async def test_who_asked_and_was_answered_with_the_time_was_given_it(desk: Desk) -> None:
    outage, (asked, other) = incident(desk.database), (desk.home(1), desk.home(2))
    told_else(desk, outage, asked, other)
    given(desk, outage)
    answer = Answer(kind=AnswerKind.STATUS, incident_id=outage, update=BroadcastKind.ETA, facts=GIVEN)
    desk.run(
        """INSERT INTO notifications (contact_point_id, cause_kind, cause_id, channel, state, answer, due_at,
                                      planned_at, sending_at)
           VALUES (:point, 'reply', 1, 'sms', 'delivered', :answer, :at, :at, :at)""",
        point=asked,
        answer=to_json(answer),
        at=to_micros(NIGHT + MINUTE),
    )
    desk.clock.at = MORNING
    desk.text(update(desk, outage, kind=BroadcastKind.RESTORED, facts=BACK), asked, other)
    told = await by_point(desk)
    assert ["missing the time" in told[each] for each in (asked, other)] == [True, False]


async def test_who_was_given_a_later_time_alone_reads_that_this_was_missed(desk: Desk) -> None:
    outage, late = incident(desk.database), desk.home(1)
    told_else(desk, outage, late)
    which = update(desk, outage, kind=BroadcastKind.DELAYED, facts=LATER, state=DONE)
    desk.text(which, late, state="delivered", sending_at=to_micros(MORNING))
    desk.clock.at = ELEVEN
    back = Facts(service="power", restored_at=ELEVEN, missed_eta_at=SIX_THIRTY)
    desk.text(update(desk, outage, kind=BroadcastKind.RESTORED, facts=back), late)
    assert "missing the time we gave you, 9:00 am" in (await by_point(desk))[late]


async def test_a_time_of_another_site_is_no_time_of_this_one(desk: Desk) -> None:
    outage, point = incident(desk.database), desk.home(1)
    which = given(desk, outage, point)
    desk.home(2)
    desk.run("UPDATE audience_notifications SET site_id = (SELECT MAX(id) FROM sites) WHERE broadcast_id = :b", b=which)
    desk.clock.at = MORNING
    desk.text(update(desk, outage, kind=BroadcastKind.RESTORED, facts=BACK), point)
    assert "missing" not in (await by_point(desk))[point]


async def test_a_new_time_is_a_change_only_to_who_had_one(desk: Desk) -> None:
    outage, (has_it, has_none, joined) = incident(desk.database), (desk.home(1), desk.home(2), desk.home(3))
    given(desk, outage, has_it)
    told_else(desk, outage, has_none)
    desk.clock.at = MORNING
    desk.text(update(desk, outage, kind=BroadcastKind.DELAYED, facts=LATER), has_it, has_none, joined)
    told = await by_point(desk)
    assert "we said 6:30 am and we will not make it. We are sorry. New time" in told[has_it]
    assert "is still out. " in told[has_none]
    assert "We expect it back by 9:00 am" in told[has_none]
    assert "we said" not in told[has_none] + told[joined]


async def test_a_sooner_time_is_sooner_only_to_who_had_one(desk: Desk) -> None:
    outage, (has_it, has_none) = incident(desk.database), (desk.home(1), desk.home(2))
    given(desk, outage, has_it)
    told_else(desk, outage, has_none)
    desk.clock.at = MORNING
    desk.run("UPDATE broadcasts SET facts = :f WHERE kind = 'eta'", f=to_json(Facts(service="power", eta_at=ELEVEN)))
    sooner = Facts(service="power", eta_at=NINE, previous_eta_at=ELEVEN)
    desk.text(update(desk, outage, kind=BroadcastKind.ETA_CHANGED, facts=sooner), has_it, has_none)
    told = await by_point(desk)
    assert "sooner, by 9:00 am today, not 11:00 am." in told[has_it]
    assert "We expect it back by 9:00 am today." in told[has_none]
    assert "still expect" not in told[has_none]


@pytest.mark.parametrize("language", ["en", "es", "fr"])
@pytest.mark.parametrize("channel", [Channel.SMS, Channel.EMAIL])
async def test_in_every_language_a_time_that_was_not_given_is_not_spoken_of(
    desk: Desk, language: str, channel: Channel
) -> None:
    outage, (has_it, has_none) = incident(desk.database), (desk.home(1), desk.home(2))
    given(desk, outage, has_it)
    told_else(desk, outage, has_none)
    desk.clock.at = MORNING
    desk.run("UPDATE contact_points SET locale = :l", l=language)
    for kind, facts in (
        (BroadcastKind.RESTORED, BACK),
        (BroadcastKind.DELAYED, LATER),
        (BroadcastKind.DELAYED, WATCHER),
    ):
        desk.text(update(desk, outage, kind=kind, facts=facts), has_it, has_none, channel=str(channel))
        claimed = await desk.claim(channel)
        assert len(claimed) == 2
        desk.run("UPDATE notifications SET state = 'superseded', sending_at = NULL WHERE state = 'sending'")
        for one in claimed:
            speaks_of_it = any(time in words(desk, one) for time in ("6:30", "06:30", "6 h 30"))
            assert speaks_of_it is (one.contact_point_id == has_it)


# --- the night in which a time was given


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (LATER, "we said 6:30 am and we will not make it. We are sorry. New time for power at 12 Oak St: 9:00 am"),
        (WATCHER, "would be back by 6:30 am. We cannot confirm that any more and do not have a new time yet."),
    ],
)
@pytest.mark.parametrize("quiet", [None, (22 * 60, 9 * 60)])
async def test_who_was_texted_a_time_tonight_hears_tonight_that_it_does_not_hold(
    desk: Desk, facts: Facts, said: str, quiet: tuple[int, int] | None
) -> None:
    outage, (texted, asleep) = incident(desk.database), (desk.home(1, quiet=quiet), desk.home(2))
    told_else(desk, outage, asleep)
    given(desk, outage, texted)
    desk.clock.at = NIGHT + 130 * MINUTE
    desk.text(update(desk, outage, kind=BroadcastKind.DELAYED, facts=facts), texted, asleep)
    (told,) = await desk.claim()
    assert told.contact_point_id == texted
    assert said in words(desk, told)


async def test_who_follows_it_tonight_hears_each_change_and_nobody_else_is_woken(desk: Desk) -> None:
    outage, (wrote, asleep) = incident(desk.database), (desk.home(1), desk.home(2))
    first = update(desk, outage, kind=BroadcastKind.ETA, facts=GIVEN)
    desk.text(first, wrote, reason="wrote")
    desk.text(first, asleep)
    desk.clock.at = NIGHT + 5 * MINUTE
    heard = []
    moved = Facts(service="power", eta_at=NIGHT + timedelta(hours=4), previous_eta_at=SIX_THIRTY)
    lapsing = Facts(service="power", previous_eta_at=moved.eta_at, automatic=True)
    for minutes, facts in ((39, moved), (230, lapsing), (0, None)):
        claimed = await desk.claim()
        heard += [(one.contact_point_id, words(desk, one)) for one in claimed]
        await desk.hand_over(claimed)
        if facts is not None:
            desk.run("UPDATE notifications SET state = 'superseded' WHERE state = 'pending'")
            desk.clock.at = NIGHT + minutes * MINUTE
            desk.text(update(desk, outage, kind=BroadcastKind.DELAYED, facts=facts), wrote, asleep)
    assert [point for point, _ in heard] == [wrote] * 3
    assert "We expect it back by 6:30 am today" in heard[0][1]
    assert "we said 6:30 am and we will not make it. We are sorry. New time" in heard[1][1]
    assert "back by 7:06 am. We cannot confirm that any more" in heard[2][1]


async def test_nobody_is_woken_for_what_was_told_by_day_or_says_the_same_time(desk: Desk) -> None:
    outage, (evening, same) = incident(desk.database), (desk.home(1), desk.home(2))
    given(desk, outage, evening, sending_at=to_micros(NIGHT - timedelta(hours=8)))
    given(desk, outage, same)
    changed = update(desk, outage, kind=BroadcastKind.DELAYED, facts=LATER)
    cause = Facts(service="power", eta_at=SIX_THIRTY, previous_eta_at=SIX_THIRTY, cause="tree")
    desk.text(changed, evening)
    desk.text(update(desk, outage, kind=BroadcastKind.ETA_CHANGED, facts=cause), same)
    over = Facts(service="power", restored_at=NIGHT)
    desk.text(update(desk, outage, kind=BroadcastKind.RESTORED, facts=over), same)
    assert await desk.claim() == []


async def test_the_text_of_the_morning_admits_the_miss_to_who_was_given_the_time(desk: Desk) -> None:
    outage, (evening, has_none) = incident(desk.database), (desk.home(1), desk.home(2))
    given(desk, outage, evening, sending_at=to_micros(NIGHT - timedelta(hours=8)))
    told_else(desk, outage, has_none)
    afresh = Facts(service="power", automatic=True, late=True)  # of what was held, which had no time any more
    desk.text(update(desk, outage, kind=BroadcastKind.DELAYED, facts=afresh), evening, has_none)
    assert await desk.claim() == []
    desk.clock.at = MORNING
    told = await by_point(desk)
    assert "we said power at 12 Oak St would be back by 6:30 am. That time has passed and we should" in told[evening]
    assert "is still out. We have nothing new that is certain." in told[has_none]


async def test_what_was_not_sent_yet_is_shown_as_its_reader_will_see_it(desk: Desk) -> None:
    outage, (has_it, has_none) = incident(desk.database), (desk.home(1), desk.home(2))
    given(desk, outage, has_it)
    told_else(desk, outage, has_none)
    config, shown = Config(), []
    letters = Letters(desk.database, config, desk.clock, desk.delivery.messages, "a secret")
    which = update(desk, outage, kind=BroadcastKind.RESTORED, facts=BACK)
    for point in (has_it, has_none):
        (pending,) = desk.text(which, point)
        view = await letters.show(pending)
        shown.append("missing the time we gave you" in view.text)
    assert shown == [True, False]
