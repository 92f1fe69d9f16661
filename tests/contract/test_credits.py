"""Credits on every database: counted once for each customer, decided by the right people, totals that agree."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from notifier.domain.errors import Forbidden, InvalidInput, NotFound, Refused, TransitionRefused
from notifier.stages.credits import Because, Decide, DecideAll, Grant
from notifier.stages.credits import counting as counting_stage
from notifier.stages.incidents import DismissIncident
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.queries import credits as shown
from tests.credit_desk import ANN, DAILY, EVE, HOUR, MAX, MIA, CreditDesk

DAY = timedelta(days=1)


@pytest.fixture
def desk(database: Database) -> CreditDesk:
    desk = CreditDesk(database)
    desk.room.homes(3)
    asyncio.run(desk.credits.step())  # credits are switched on before anything happens
    return desk


def granted(desk: CreditDesk, customer: str, incident: int = 1, amount: str = "10.00") -> Grant:
    del desk
    return Grant(incident=incident, customer=customer, amount=amount, reason="a long night")


async def test_each_customer_of_the_audience_gets_a_line_for_each_step_once(desk: CreditDesk) -> None:
    await desk.out_for(30 * HOUR)
    assert await desk.count() > 0
    expected = [(f"94110-{home}", step, 2500, "approved", "within_baselines") for home in range(3) for step in (1, 2)]
    assert desk.lines() == expected
    assert desk.owed() == 6 * 2500
    assert await desk.count() == 0
    await desk.credits.counting.again(1, MIA)
    assert await desk.count() > 0
    assert desk.lines() == expected
    assert desk.owed() == 6 * 2500


async def test_too_short_an_outage_gives_nothing_and_neither_does_a_tariff_that_is_off(desk: CreditDesk) -> None:
    await desk.out_for(HOUR)
    await desk.count()
    desk.tariffs = (replace(DAILY, enabled=False),)
    desk.use()
    await desk.out_again(1)
    await desk.back_after(1, 40 * HOUR)
    await desk.count()
    assert desk.lines() == []


async def test_outages_of_one_incident_add_up_and_nothing_is_paid_twice(desk: CreditDesk) -> None:
    await desk.out_for(20 * HOUR)
    await desk.count()
    assert [line[1] for line in desk.lines("c.reference = '94110-0'")] == [1]
    await desk.out_again(1)
    await desk.back_after(1, 5 * HOUR)  # 25 hours in all
    await desk.count()
    assert [line[1] for line in desk.lines("c.reference = '94110-0'")] == [1, 2]
    assert desk.owed() == 6 * 2500


async def test_what_a_person_rejected_is_not_made_again(desk: CreditDesk) -> None:
    desk.use(customer_baseline="10")
    await desk.out_for(20 * HOUR)
    await desk.count()
    await desk.credits.deciding.reject(1, Because(reason="no power was off there"), MIA)
    await desk.out_again(1)
    await desk.back_after(1, 5 * HOUR)
    await desk.count()
    assert [line[1:4] for line in desk.lines("c.reference = '94110-0'")] == [
        (1, 2500, "rejected"),
        (2, 2500, "proposed"),
    ]


async def test_above_a_baseline_or_the_budget_lines_wait_for_a_manager(database: Database) -> None:
    desk = CreditDesk(database, incident_baseline="60", budget="80")
    desk.room.homes(4)
    await desk.credits.step()
    await desk.out_for(20 * HOUR)
    await desk.count()
    assert [line[3:] for line in desk.lines()] == [
        ("approved", "within_baselines"),
        ("approved", "within_baselines"),
        ("proposed", "above_incident_baseline"),
        ("proposed", "above_incident_baseline"),
    ]
    with pytest.raises(Refused, match=r"is 25\.00 \(1 line\), not 50\.00; the budget stops 1 \(--over-budget WHY\)"):
        await desk.credits.deciding.approve_all(1, DecideAll(total="50.00"), MIA)
    with pytest.raises(Refused, match=r"is 50\.00 \(2 lines\), not 25\.00"):
        await desk.credits.deciding.approve_all(1, DecideAll(total="25.00", over_budget="the mayor"), MIA)
    for empty in ("", "  "):
        with pytest.raises(InvalidInput, match="reason is missing"):
            await desk.credits.deciding.approve_all(1, DecideAll(total="25.00", over_budget=empty), MIA)
    assert [line[3] for line in desk.lines()] == ["approved", "approved", "proposed", "proposed"]
    seen = desk.database.read_now(
        lambda tx: shown.of_incident(tx, 1, currency="USD", budget=8000, enabled=True, reader=MIA.name)
    )
    assert (seen.within, seen.within_lines, seen.over, seen.over_lines) == ("25.00", 1, "50.00", 2)
    view = await desk.credits.deciding.approve_all(1, DecideAll(total="25.00"), MIA)
    assert (view.decided, view.amount, view.over_budget) == (1, "25.00", 1)
    assert desk.lines()[3][3:] == ("proposed", "over_budget")
    with pytest.raises(Refused, match=r"budget .*--over-budget WHY$"):
        await desk.credits.deciding.approve(4, Decide(), MIA)
    with pytest.raises(InvalidInput, match="reason is missing"):
        await desk.credits.deciding.approve(4, Decide(over_budget=""), MIA)
    line = await desk.credits.deciding.approve(4, Decide(over_budget="the mayor asked"), MIA)
    assert (line.state, line.bill_month) == ("approved", "2026-04")
    assert desk.owed() == 4 * 2500
    with pytest.raises(TransitionRefused):
        await desk.credits.deciding.approve(4, Decide(over_budget="again"), MIA)


async def test_goodwill_is_approved_up_to_the_baseline_of_the_role_and_above_it_by_another_manager(
    desk: CreditDesk,
) -> None:
    await desk.out_for(HOUR)
    deciding = desk.credits.deciding
    line = await deciding.grant(granted(desk, "94110-0", amount="20.00"), EVE)
    assert (line.state, line.amount, line.tariff, line.bill_month) == ("approved", "20.00", "goodwill", "2026-04")
    more = await deciding.grant(granted(desk, "94110-0", amount="0.01"), EVE)
    assert (more.state, more.reason) == ("proposed", "above_own_baseline")
    with pytest.raises(Forbidden):
        await deciding.approve(more.id, Decide(), EVE)
    large = await deciding.grant(granted(desk, "94110-1", amount="100.01"), MIA)
    assert large.state == "proposed"
    with pytest.raises(Forbidden, match="another manager"):
        await deciding.approve(large.id, Decide(), MIA)
    assert (await deciding.approve(large.id, Decide(), MAX)).decided_by == "max"
    with pytest.raises(Forbidden):
        await deciding.grant(granted(desk, "94110-0"), ANN.__class__(name="v", role="viewer"))  # type: ignore[arg-type]
    assert desk.owed() == 2000 + 10_001


async def test_a_grant_that_is_repeated_under_its_key_is_the_same_grant(desk: CreditDesk) -> None:
    await desk.out_for(HOUR)
    deciding = desk.credits.deciding
    first = await deciding.grant(granted(desk, "94110-0"), EVE, key="k1")
    assert await deciding.grant(granted(desk, "94110-0"), EVE, key="k1") == first
    with pytest.raises(Refused, match="another grant"):
        await deciding.grant(granted(desk, "94110-0", amount="11.00"), EVE, key="k1")
    await deciding.grant(granted(desk, "94110-1"), MIA, key="k1")  # of another person
    assert len(desk.lines()) == 2


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (Grant(incident=9, customer="94110-0", amount="1.00", reason="x"), NotFound),
        (Grant(incident=1, customer="nobody", amount="1.00", reason="x"), NotFound),
        (Grant(incident=1, customer="94110-0", amount="1.001", reason="x"), InvalidInput),
        (Grant(incident=1, customer="94110-0", amount="-1.00", reason="x"), InvalidInput),
        (Grant(incident=1, customer="94110-0", amount="0", reason="x"), InvalidInput),
        (Grant(incident=1, customer="94110-0", amount="1.00", reason=" "), InvalidInput),
    ],
)
async def test_a_grant_that_makes_no_sense_is_refused(
    desk: CreditDesk, request_: Grant, error: type[Exception]
) -> None:
    await desk.out_for(HOUR)
    with pytest.raises(error):
        await desk.credits.deciding.grant(request_, MIA)
    assert desk.lines() == []


async def test_a_reversal_is_one_negative_line_and_the_total_follows(desk: CreditDesk) -> None:
    await desk.out_for(20 * HOUR)
    await desk.count()
    deciding = desk.credits.deciding
    line = await deciding.reverse(1, Because(reason="it was another house"), MIA)
    assert (line.amount, line.state, line.reverses, line.step) == ("-25.00", "approved", 1, -1)
    assert desk.owed() == 2 * 2500
    for which, said in ((1, "reversed already"), (line.id, "is a reversal itself")):
        with pytest.raises(Refused, match=said):
            await deciding.reverse(which, Because(reason="again"), MIA)
    with pytest.raises(Refused, match="reverse it"):
        await deciding.reject(2, Because(reason="no"), MIA)
    await desk.credits.counting.again(1, MIA)
    await desk.count()
    assert len(desk.lines()) == 4  # what was reversed is not given again


async def test_what_was_restored_before_credits_were_switched_on_gets_none(database: Database) -> None:
    desk = CreditDesk(database)
    desk.room.homes(2)
    await desk.out_for(20 * HOUR)
    desk.clock.go_on(HOUR)
    await desk.count()
    assert desk.lines() == []
    await desk.out_again(1)
    await desk.back_after(1, 3 * HOUR)  # only these are counted
    await desk.count()
    assert [line[1] for line in desk.lines()] == [1, 1]


async def test_switched_off_nothing_is_counted_granted_or_posted(database: Database) -> None:
    desk = CreditDesk(database)
    desk.room.homes(1)
    desk.use(enabled=False)
    await desk.out_for(20 * HOUR)
    assert not await desk.credits.step()
    with pytest.raises(Refused, match="switched off"):
        await desk.credits.deciding.grant(granted(desk, "94110-0"), MIA)
    assert desk.lines() == []


async def test_a_dismissed_incident_rejects_what_was_only_proposed(desk: CreditDesk) -> None:
    desk.use(customer_baseline="10")
    await desk.out_for(20 * HOUR)
    await desk.count()
    await desk.credits.deciding.approve(1, Decide(), MIA)
    desk.database.write_now(lambda tx: tx.run("UPDATE incidents SET state = 'dismissed' WHERE id = 1"))
    await desk.count()
    assert sorted(line[3] for line in desk.lines()) == ["approved", "rejected", "rejected"]
    with pytest.raises(Refused, match="no credits"):
        await desk.credits.deciding.grant(granted(desk, "94110-0"), MIA)


async def test_the_credits_of_a_merged_incident_move_and_none_is_lost_or_doubled(desk: CreditDesk) -> None:
    await desk.out_for(20 * HOUR)
    await desk.count()
    await desk.credits.deciding.reverse(1, Because(reason="test"), MIA)
    desk.use(customer_baseline="10")
    desk.room.homes(2, "94199")
    desk.clock.go_on(10 * DAY)
    second = await desk.room.open("94199")
    await desk.room.deliver(second)
    desk.database.write_now(
        lambda tx: tx.run(
            """INSERT INTO credit_lines (incident_id, customer_id, tariff, step, amount_minor, currency, month, state,
                                         reason, created_at, created_by)
               SELECT 2, customer_id, 'daily', 1, 2500, 'USD', 202603, 'proposed', 'over_budget', 0, 'daemon'
               FROM credit_lines WHERE step = 1"""
        )
    )
    before = desk.owed(1)
    desk.database.write_now(lambda tx: tx.run("UPDATE incidents SET state = 'merged', merged_into = 2 WHERE id = 1"))
    await desk.count()
    assert (desk.owed(1), desk.owed(2)) == (0, before)
    moved = desk.database.read_now(
        lambda tx: tx.tuples(
            "SELECT step, amount_minor, state FROM credit_lines WHERE incident_id = 2 AND customer_id = 1 ORDER BY step"
        )
    )
    assert moved == [(-2, -2500, "approved"), (1, 2500, "proposed"), (2, 2500, "approved")]
    assert desk.database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM credit_runs WHERE incident_id = 2")) == 1


async def test_two_incidents_over_the_same_hours_are_one_outage(desk: CreditDesk) -> None:
    await desk.out_for(30 * HOUR)
    await desk.count()

    def beside() -> None:
        """Make another incident of the same homes that was out from an hour before to ten hours after."""

        def make(tx):
            tx.run(
                """INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)
                   SELECT service, 'resolved', playbook, started_at - 3600000000, opened_at, 'ann', 'x'
                   FROM incidents WHERE id = 1"""
            )
            tx.run("INSERT INTO parts (incident_id, restored_at) VALUES (2, :at)", at=to_micros(desk.clock.now()))
            tx.run(
                """INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by, sent_at,
                                           started_at, planned_at, correlation_id, expected_customers)
                   VALUES (2, 2, 'restored', 'completed', '{"service": "power"}', :at, 'ann', :at, :at, :at, 'x', 3)""",
                at=to_micros(desk.clock.now()),
            )
            tx.run(
                """INSERT INTO audience (broadcast_id, customer_id, outcome)
                   SELECT (SELECT MAX(id) FROM broadcasts), id, 'told' FROM customers"""
            )

        desk.clock.go_on(20 * HOUR)
        desk.database.write_now(make)

    beside()
    await desk.count()
    # 51 hours in all are three days begun: two were given for the first incident, the third is the second's
    assert [line[1] for line in desk.lines("c.reference = '94110-0' AND incident_id = 2")] == [3]


async def test_counting_goes_on_behind_the_last_chunk_after_a_crash(
    desk: CreditDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting_stage, "CHUNK", 1)
    monkeypatch.setattr(
        counting_stage,
        "count",
        lambda *args, real=counting_stage.count, **more: real(*args, **{**more, "at_most": 1}),
    )
    await desk.out_for(20 * HOUR)
    await desk.credits.step()
    assert len(desk.lines()) == 1
    desk.use()  # killed and started
    await desk.count()
    assert len(desk.lines()) == 3


async def test_a_share_of_the_price_is_only_for_those_whose_price_is_known(database: Database) -> None:
    desk = CreditDesk(database, replace(DAILY, amount="", share_of_month="1/30", per_month_at_most="2.00"))
    desk.room.homes(3)
    await desk.credits.step()
    desk.database.write_now(
        lambda tx: tx.run("UPDATE customers SET monthly_price_minor = 4990, currency = 'USD' WHERE id < 3")
    )
    desk.database.write_now(lambda tx: tx.run("UPDATE customers SET currency = 'EUR' WHERE id = 2"))
    await desk.out_for(30 * HOUR)
    await desk.count()
    assert [line[:3] for line in desk.lines()] == [("94110-0", 1, 166), ("94110-0", 2, 34)]  # capped at 2.00


async def test_a_preview_says_what_it_would_cost_and_stores_nothing(desk: CreditDesk) -> None:
    await desk.room.deliver(await desk.room.open())
    desk.clock.go_on(30 * HOUR)
    preview = await desk.credits.previewing.preview(1)
    assert (preview.customers, preview.lines, preview.amount, preview.by_rule) == (3, 6, "150.00", "150.00")
    assert preview.by_tariff == {"daily": "150.00"}
    later = await desk.credits.previewing.preview(1, desk.clock.now() + 50 * HOUR)
    assert later.amount == "300.00"
    assert later.held == {}
    assert desk.lines() == []
    with pytest.raises(NotFound):
        await desk.credits.previewing.preview(9)


async def test_everything_that_people_decide_is_in_the_audit_log(desk: CreditDesk) -> None:
    desk.use(customer_baseline="20")
    await desk.out_for(20 * HOUR)
    await desk.count()
    deciding = desk.credits.deciding
    await deciding.grant(granted(desk, "94110-0"), EVE)
    await deciding.approve(1, Decide(), MIA)
    await deciding.reject(2, Because(reason="no"), MIA)
    await deciding.reverse(1, Because(reason="no"), MIA)
    await deciding.reject_all(1, Because(reason="no"), MIA)
    actions = [row["action"] for row in desk.room.rows("SELECT action FROM audit WHERE action LIKE 'credits.%'")]
    assert actions.pop(0) == "credits.counted"
    assert actions == ["credits.grant", "credits.approve", "credits.reject", "credits.reverse", "credits.reject_all"]
    assert not desk.room.rows("SELECT 1 FROM audit WHERE detail LIKE '%94110%'")


async def test_the_sums_of_an_incident_add_up(desk: CreditDesk) -> None:
    desk.use(customer_baseline="30")
    await desk.out_for(20 * HOUR)
    await desk.count()
    await desk.credits.deciding.grant(granted(desk, "94110-0", amount="30.00"), EVE)
    view = desk.database.read_now(lambda tx: shown.of_incident(tx, 1, currency="USD", budget=200000, enabled=True))
    assert (view.owed, view.waiting, view.waiting_lines, view.counted) == ("75.00", "30.00", 1, True)
    assert [(each.tariff, each.state, each.lines, each.amount) for each in view.sums] == [
        ("daily", "approved", 3, "75.00"),
        ("goodwill", "proposed", 1, "30.00"),
    ]


async def test_nobody_is_dismissed_through_the_stage_with_credits_left_behind(desk: CreditDesk) -> None:
    desk.use(customer_baseline="10")
    draft = await desk.room.open()
    await desk.room.deliver(draft)
    await desk.room.deliver(await desk.room.incidents.dismiss(1, DismissIncident(), ANN))
    assert await desk.count() == 0
    assert desk.lines() == []


async def test_what_waits_for_a_manager_or_was_refused_by_billing_is_a_need(database: Database) -> None:
    desk = CreditDesk(database, budget="40")
    desk.room.homes(4)
    await desk.credits.step()
    await desk.out_for(20 * HOUR)
    await desk.count()
    found = [need for need in desk.room.needs() if need.kind.startswith("credits")]
    assert [(need.kind, need.next[1]) for need in found] == [
        ("credits_over_budget", "notifier credits approve --incident 1")
    ]
    text = found[0].text
    assert "3 lines of credit, 75.00 USD, wait for a manager; the budget stops 3 of them" in text
    desk.database.write_now(
        lambda tx: tx.run("UPDATE credit_lines SET state = 'failed', reason = 'refused' WHERE state = 'proposed'")
    )
    found = [need for need in desk.room.needs() if need.kind.startswith("credits")]
    assert [(need.kind, "billing did not take 3 lines" in need.text) for need in found] == [("credits_failed", True)]
