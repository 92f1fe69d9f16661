"""What an explanation promises on every database: its figures are the detector's, and everyone left out is counted."""

from datetime import timedelta
from random import Random

import pytest

from notifier.domain.errors import InvalidInput, NotFound
from notifier.domain.playbook import Mode
from notifier.stages.detection import Explaining
from notifier.storage.database import Database
from notifier.storage.explained import CellExplained, Explanation, WindowView
from notifier.storage.queries import explain
from tests.complaint_desk import NOON, SERVICES, SYSTEM, Desk, request

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place()
    made.place("94112")
    return made


def explaining(desk: Desk) -> Explaining:
    return Explaining(desk.database, desk.config, desk.clock, dict.fromkeys(SERVICES, desk.playbook))


async def of_cell(desk: Desk, region: str = "94110", **options: object) -> Explanation:
    return await explaining(desk).cell(region, "power", **{"named": True, **options})  # type: ignore[arg-type]


async def of_incident(desk: Desk, incident: int = 1) -> Explanation:
    return await explaining(desk).incident(incident, named=True)


async def outage(desk: Desk, code: str = "94110", *, customers: int = 4, first: int = 1) -> None:
    for number in range(first, first + customers):
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}")
        await desk.decide()


def the_cell(explained: Explanation) -> CellExplained:
    assert explained.cell is not None
    return explained.cell


def window(explained: Explanation, kind: str) -> WindowView:
    return next(each for each in the_cell(explained).windows if each.kind == kind)


# --- an incident ----------------------------------------------------------------------------------------------------


async def test_an_incident_is_explained_by_the_very_figures_that_opened_it(desk: Desk) -> None:
    await outage(desk)
    explained = await of_incident(desk)
    (opened,) = [each.opened for each in explained.regions if each.region == "postal_code 94110"]
    assert opened is not None
    shown = window(explained, "most_surprising")
    assert shown.score == pytest.approx(opened.score)
    assert (shown.observed, shown.expected, shown.from_at) == (
        opened.observed,
        pytest.approx(opened.expected),
        opened.window_from,
    )
    assert (the_cell(explained).at, the_cell(explained).grade) == (opened.at, opened.grade)


async def test_every_evidence_ever_stored_can_be_scored_again(desk: Desk) -> None:
    """Complaints out of order, of strangers, and over a midnight: what was decided is found again from the store."""
    desk.clock.at = NOON + 11 * HOUR + 50 * MINUTE  # ten minutes before a Californian midnight
    for number in range(1, 8):
        desk.clock.at += 3 * MINUTE
        late = timedelta(minutes=7) if number % 3 == 0 else timedelta()
        await desk.complain(f"94110-{number}", occurred_at=desk.clock.at - late)
        await desk.decide()
    explained = await of_incident(desk)
    evidence = desk.rows("SELECT * FROM evidence ORDER BY id")
    first = next(row for row in evidence if row["position"] == evidence[0]["position"])
    assert window(explained, "most_surprising").score == pytest.approx(first["score"])


async def test_what_came_after_the_opening_is_told_beside_it(desk: Desk) -> None:
    await outage(desk, customers=3)
    await outage(desk, first=4, customers=2)
    await desk.complain("94110-1")
    await desk.decide()
    desk.clock.at += 2 * HOUR
    explained = await of_incident(desk)
    assert explained.incident is not None
    assert (explained.incident.counted_since, explained.incident.not_counted_since) == (2, {"repeat": 1})
    assert the_cell(explained).counted == 3
    assert explained.words[0].startswith("3 different customers in 2 minutes, where ")
    assert explained.words[1].startswith("Since then (2 h 2 min) 2 more counted; in the last hour 0, where ")
    roles = {each.region: (each.role, each.opened is not None) for each in explained.regions}
    assert roles == {"postal_code 94110": ("place", True), "city San Francisco": ("attached", True)}


async def test_how_it_is_now_is_said_when_it_is_not_what_opened_it(desk: Desk) -> None:
    await outage(desk, customers=3)
    assert not any(each.startswith("Now:") for each in (await of_incident(desk)).words)
    await outage(desk, first=4, customers=5)
    explained = await of_incident(desk)
    (now,) = [each.now for each in explained.regions if each.region == "postal_code 94110"]
    assert now is not None
    assert the_cell(explained).grade == "likely"
    assert explained.words[2] == f"Now: certain, score {now.score:.1f}."
    desk.clock.at += 30 * HOUR
    assert (await of_incident(desk)).words[2] == "Now: nothing unusual."


async def test_an_incident_of_a_person_has_no_evidence_to_explain(desk: Desk) -> None:
    await outage(desk)
    desk.database.write_now(lambda tx: tx.run("DELETE FROM evidence"))
    explained = await of_incident(desk)
    assert explained.cell is None
    assert explained.words == ["It was opened by daemon: no complaints were evidence for it."]
    assert [each.opened for each in explained.regions] == [None, None]
    assert explained.regions[0].now is not None  # people do complain there, all the same


async def test_figures_outlive_the_complaints_they_are_made_from(desk: Desk) -> None:
    await outage(desk)
    desk.database.write_now(lambda tx: tx.run("DELETE FROM complaints"))
    explained = await of_incident(desk)
    assert explained.words[0].startswith("3 different customers in 2 minutes")
    assert explained.words[-1] == "The complaints of then are not stored any more: these are the figures of that time."


async def test_an_incident_that_does_not_exist_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound, match=r"there is no incident 9$"):
        await of_incident(desk, 9)


async def test_a_number_that_is_a_region_and_no_incident_is_said_to_be_one(desk: Desk) -> None:
    with pytest.raises(NotFound) as caught:
        await of_incident(desk, 94110)
    assert str(caught.value) == (
        "there is no incident 94110; postal_code 94110 is a region: "
        "notifier detection explain 94110 SERVICE (internet, power, water)"
    )


async def test_a_region_whose_code_begins_with_a_nought_is_known_as_it_was_typed(desk: Desk) -> None:
    desk.place("02139")
    with pytest.raises(NotFound, match="notifier detection explain 02139 SERVICE"):
        await explaining(desk).incident(2139, named=True, typed="02139")


async def test_why_long_windows_expect_no_more_is_said_until_the_service_has_been_heard_for_long(desk: Desk) -> None:
    """Before the first live complaint nothing could be heard, so nothing counts as normal there."""
    desk.place("94114", households=60)
    times = [NOON - n * HOUR / 2 for n in range(2, 60 * 24)]
    rows = [request(customer_id=f"94114-{1 + n % 60}", occurred_at=at) for n, at in enumerate(times)]
    await desk.import_history(rows)
    await desk.detection.refresh_baseline()
    await outage(desk, "94114", customers=1)
    desk.clock.at += 30 * MINUTE
    cell = the_cell(await of_cell(desk, "94114"))
    hour, four = (
        next(each.expected for each in cell.windows if each.kind == "last" and each.until_at - each.from_at == length)
        for length in (HOUR, 4 * HOUR)
    )
    assert hour == pytest.approx(four)
    (said,) = cell.nothing_normal
    first = (NOON + MINUTE).strftime("%Y-%m-%d %H:%M UTC")
    assert said == (
        f"power was first heard live at {first}; before it nothing counts as normal, "
        "and windows that reach further back show the same NORMAL."
    )
    desk.clock.at += 6 * HOUR
    assert the_cell(await of_cell(desk, "94114")).nothing_normal == []


# --- a cell ---------------------------------------------------------------------------------------------------------


async def test_a_cell_is_scored_as_the_detector_scores_it(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 20 * MINUTE
    (score, *_) = await desk.detection.scores(1)
    shown = window(await of_cell(desk, score.region.replace(" ", ":")), "most_surprising")
    assert (shown.score, shown.expected) == (pytest.approx(score.score), pytest.approx(score.expected))


async def test_every_cell_the_detector_shows_is_explained_with_its_score(desk: Desk) -> None:
    """Two days of customers and strangers, out of order, over midnights, a silent night, with looks in between."""
    chance = Random(5)  # noqa: S311 - no secret
    for _ in range(120):
        gap = chance.choice([1, 2, 3, 30]) if chance.random() < 0.97 else 700
        desk.clock.at += gap * MINUTE
        code, late = chance.choice(["94110", "94112"]), timedelta(minutes=chance.choice([0, 0, 0, 9]))
        if chance.random() < 0.2:
            stranger = request(reporter=f"s{chance.randrange(40)}@example.com", region=code)
            await desk.intake.submit(stranger, actor=SYSTEM)
        else:
            await desk.complain(f"{code}-{chance.randrange(1, 9)}", occurred_at=desk.clock.at - late)
        if chance.random() < 0.4:
            await desk.decide()
            for score in await desk.detection.scores(50):
                shown = window(await of_cell(desk, score.region), "most_surprising")
                if score.verified >= 3:  # with fewer it is another window that would open something
                    assert (score.region, shown.score) == (score.region, pytest.approx(score.score))


async def test_a_quiet_cell_says_so(desk: Desk) -> None:
    explained = await of_cell(desk)
    assert explained.words[0].startswith("Nothing unusual: 0 different customers in the last hour, where ")
    assert (the_cell(explained).grade, the_cell(explained).callers) == ("", [])


async def test_everyone_who_did_not_count_is_counted_by_why(desk: Desk) -> None:
    await outage(desk, customers=3)
    await desk.complain("94110-1", "94110-1", "94110-2")
    await desk.complain("94110-6", occurred_at=desk.clock.at - HOUR)
    for number in range(5):  # strangers: two count, the others are over the cap
        await desk.intake.submit(request(reporter=f"s{number}@example.com", region="94110"), actor=SYSTEM)
        await desk.intake.submit(request(reporter=f"nowhere{number}@example.com"), actor=SYSTEM)
    await desk.complain("94112-1")
    await desk.decide()
    explained = await of_cell(desk)
    cell = the_cell(explained)
    assert (cell.counted, cell.not_counted) == (5, {"repeat": 3, "unverified_cap": 3, "late": 1})
    assert cell.without_place == {"no_region": 5}
    assert (
        "7 more complaints did not count: 3 repeats within 24 hours, 3 by strangers over the cap" in explained.words[2]
    )


async def test_a_repeat_in_the_postal_code_may_count_in_the_city(desk: Desk) -> None:
    """A customer with two sites, one in each postal code, has counted in one of them and in the city."""
    await desk.complain("94110-1")
    desk.database.write_now(lambda tx: tx.run("UPDATE complaints SET counted_regions = '[2]' WHERE id = 1"))
    await desk.decide()
    assert the_cell(await of_cell(desk)).not_counted == {"repeat": 1}
    assert the_cell(await of_cell(desk, "city:San Francisco")).counted == 1


async def test_callers_are_named_only_to_those_who_may_read_them(desk: Desk) -> None:
    await outage(desk, customers=2)
    await desk.intake.submit(request(reporter="secret@example.com", region="94110"), actor=SYSTEM)
    await desk.decide()
    named, nameless = await of_cell(desk), await of_cell(desk, named=False)
    assert [each.customer for each in the_cell(named).callers] == [None, "94110-2", "94110-1"]
    assert {each.customer for each in the_cell(nameless).callers} == {None}
    assert {each.name for each in the_cell(nameless).callers} == {""}
    assert "secret" not in repr(named)


async def test_the_past_can_be_asked_for(desk: Desk) -> None:
    await outage(desk, customers=3)
    then = desk.clock.at
    desk.clock.at += 9 * HOUR
    assert the_cell(await of_cell(desk)).grade == ""
    explained = await of_cell(desk, at=then)
    assert (the_cell(explained).grade, the_cell(explained).at) == ("likely", then)


async def test_too_few_customers_on_file_are_named_as_the_reason(database: Database) -> None:
    desk = Desk(database, strangers=9)
    desk.place()
    for number in range(6):
        await desk.intake.submit(request(reporter=f"s{number}@example.com", region="94110"), actor=SYSTEM)
    await desk.complain("94110-1")
    await desk.decide()
    explained = await of_cell(desk)
    assert explained.words[0].startswith("7 different callers (1 of them on file) within a minute, where ")
    assert "1 of them is a customer on file, and the playbook wants 3" in explained.words[1]
    assert the_cell(explained).grade == ""


async def test_what_ended_an_hour_ago_is_named_as_the_reason(desk: Desk) -> None:
    await outage(desk)
    ended = desk.clock.at + MINUTE
    at = int(ended.timestamp() * 1_000_000)
    desk.database.write_now(lambda tx: tx.run("UPDATE incidents SET state='resolved', resolved_at=:at", at=at))
    desk.clock.at += 5 * MINUTE
    explained = await of_cell(desk)
    assert (
        f"an incident here ended at {ended:%Y-%m-%d %H:%M} UTC, and only what came after it counts"
        in (explained.words[1])
    )


async def test_a_kind_that_is_not_watched_and_a_playbook_that_observes_are_said(database: Database) -> None:
    desk = Desk(database, mode=Mode.OBSERVE)
    desk.place()
    desk.town.region("N-1", kind="node")
    assert "Regions of the kind node are not watched" in (await of_cell(desk, "node:N-1")).words[-1]
    assert "The playbook of power only observes" in (await of_cell(desk)).words[-1]


async def test_complaints_nobody_has_looked_at_are_said(desk: Desk) -> None:
    await desk.complain("94110-1", "94110-2")
    assert (await of_cell(desk)).words[-1] == "The detector has not looked at the newest 2 complaints yet."


async def test_the_plot_holds_every_complaint_that_counts(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 5 * HOUR
    await outage(desk, first=6, customers=2)
    buckets = the_cell(await of_incident(desk)).buckets
    assert sum(each.observed for each in buckets) == 6
    assert len(buckets) <= 60
    assert all(each.expected > 0 for each in buckets)


async def test_what_does_not_exist_is_named_with_what_is_near(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="there is no service 'powr'; did you mean 'power'"):
        await explaining(desk).cell("94110", "powr", named=True)
    with pytest.raises(InvalidInput, match="94111"):
        await of_cell(desk, "94111")


@pytest.mark.parametrize("at_a_time", [7, 10_000])
async def test_a_surge_of_the_service_is_in_the_score_and_said(
    desk: Desk, at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quiet fortnight, then a day on which nearly every place complains."""
    monkeypatch.setattr(explain, "AT_A_TIME", at_a_time)
    codes = [f"9{number:04}" for number in range(40)]
    for code in codes:
        desk.place(code, city="Elsewhere", households=2)
    await desk.import_history(
        [request(customer_id="94112-1", occurred_at=NOON - timedelta(days=day)) for day in range(1, 15)]
    )
    await desk.detection.refresh_baseline()
    await desk.complain(*(f"{code}-{number}" for code in codes for number in (1, 2)))
    await outage(desk)
    explained = await of_cell(desk)
    (score, *_) = [each for each in await desk.detection.scores(50) if each.region == "postal_code 94110"]
    assert window(explained, "most_surprising").score == pytest.approx(score.score)
    (said,) = [each for each in explained.words if "complained about all over" in each]
    assert float(said.split()[0]) > 1


@pytest.mark.parametrize(("elsewhere", "why"), [(0, ""), (3, "other places complain, too")])
async def test_a_burst_in_a_small_town_is_no_storm(desk: Desk, elsewhere: int, why: str) -> None:
    await desk.import_history(
        [request(customer_id="94112-1", occurred_at=NOON - timedelta(days=day)) for day in range(1, 15)]
    )
    await desk.detection.refresh_baseline()
    if elsewhere:
        await desk.complain(*(f"94112-{number}" for number in range(2, 2 + elsewhere)))
    await outage(desk, customers=8)
    said = [each for each in (await of_cell(desk)).words if "of the score is there" in each]
    assert [each.partition("because ")[2] for each in said] == [f"{why}."] * bool(why)
