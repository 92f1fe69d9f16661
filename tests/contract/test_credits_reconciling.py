"""Reconciling on every database: what billing has and a restored store does not know of is never paid again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from notifier.config import Posting, PostingKind
from notifier.domain.errors import Forbidden, InvalidInput, NotifierError, Refused
from notifier.stages.credits import Because, Grant, Post, Reconcile
from notifier.stages.credits.requests import BilledLine
from notifier.storage.backup import mark_restored
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_instant
from notifier.storage.queries.needs import needs
from notifier.storage.repositories import audit, control
from notifier.storage.repositories.credit_posting import key_of
from notifier.storage.views import ReconciledView
from tests.biller import SECRET, Biller
from tests.credit_desk import ANN, HOUR, MAX, MIA, CreditDesk

SECOND = timedelta(seconds=1)


@pytest.fixture
async def biller() -> AsyncIterator[Biller]:
    async with Biller() as running:
        yield running


@pytest.fixture
async def desk(database: Database, biller: Biller) -> AsyncIterator[CreditDesk]:
    """Three homes were out for 20 h; what they are owed was counted and not posted yet."""
    settings = Posting(kind=PostingKind.WEBHOOK, url=biller.url, secret=SECRET, timeout=timedelta(seconds=2))
    desk = CreditDesk(database, posting=settings)
    desk.room.homes(3)
    await desk.credits.step()
    await desk.out_for(20 * HOUR)
    await desk.count()
    yield desk
    await desk.credits.posting.close()
    assert biller.wrong == []


async def post(desk: CreditDesk) -> None:
    await desk.credits.posting.ask(Post(), MIA)
    await desk.credits.posting.step()


def restore(desk: CreditDesk, *, lines: str = "1 = 1", also: str = "") -> None:
    """Make the store one that was copied before some lines were made, and is that copy again."""

    def work(tx: Transaction) -> None:
        tx.run(f"DELETE FROM credit_lines WHERE {lines}")
        tx.run("DELETE FROM credit_totals")
        tx.run(
            """INSERT INTO credit_totals (incident_id, currency, owed_minor)
               SELECT incident_id, currency, SUM(amount_minor) FROM credit_lines
               WHERE state IN ('approved', 'posting', 'posted', 'failed') GROUP BY incident_id, currency"""
        )
        tx.run("UPDATE credit_runs SET finished_at = NULL, counted_to = 0")
        if also:
            tx.run(also)
        if tx.dialect == "postgresql":  # ids are given out again
            tx.run("SELECT setval('credit_lines_id_seq', COALESCE(MAX(id), 1), MAX(id) IS NOT NULL) FROM credit_lines")
        mark_restored(tx, now=desk.clock.now(), revision="0001")
        control.clear(tx, control.PAUSED)

    desk.clock.go_on(SECOND)
    desk.database.write_now(work)
    desk.clock.go_on(SECOND)


def billed(biller: Biller, *, only: tuple[str, ...] = ()) -> list[BilledLine]:
    """Return billing's own list: all it knows of each line, or only some columns."""
    rows = []
    for number, (key, line) in enumerate(biller.booked.items(), start=2):
        said = {
            "key": key,
            **{name: line[name] for name in ("id", "incident", "customer", "amount", "tariff", "reverses")},
        }
        rows.append(BilledLine(row=number, **{name: said[name] for name in only or said}))
    return rows


async def reconcile(desk: CreditDesk, rows: list[BilledLine], **more: object) -> ReconciledView:
    """Hold a list against the store, with the total that it comes to."""
    request = Reconcile(lines=rows, **more)  # type: ignore[arg-type]
    shown = await desk.credits.reconciling.reconcile(request, MIA)
    assert not shown.applied
    total = shown.rows.amount
    return await desk.credits.reconciling.reconcile(Reconcile(lines=rows, total=total, **more), MIA)  # type: ignore[arg-type]


def is_held(desk: CreditDesk) -> bool:
    return desk.database.read_now(lambda tx: control.get(tx, control.CREDITS_HELD)) is not None


async def settle(desk: CreditDesk, biller: Biller) -> None:
    """Count again and post all; billing then has what is owed and not a cent more."""
    await desk.count()
    await post(desk)
    assert {state for *_, state, _ in desk.lines()} <= {"posted", "rejected"}
    assert biller.total() == desk.owed() == 3 * 2500


async def test_without_a_list_nothing_is_posted_after_a_restore(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    restore(desk)
    await desk.count()
    with pytest.raises(Refused, match="nothing is posted since the store was restored"):
        await desk.credits.posting.ask(Post(), MIA)
    assert len(biller.asked) == 3
    found = desk.database.read_now(lambda tx: needs(tx, desk.clock.now(), {}))
    assert [need.next[0] for need in found if need.kind == "credits_held"] == ["credits reconcile FILE"]


@pytest.mark.parametrize("only", [(), ("customer", "incident", "amount"), ("id", "customer", "incident", "amount")])
@pytest.mark.parametrize("is_counted_first", [False, True], ids=["listed first", "counted first"])
async def test_what_billing_has_and_the_copy_does_not_is_never_paid_again(
    desk: CreditDesk, biller: Biller, only: tuple[str, ...], is_counted_first: bool
) -> None:
    await post(desk)
    restore(desk)
    if is_counted_first:
        await desk.count()
    view = await reconcile(desk, billed(biller, only=only))
    assert (view.recovered if not is_counted_first else view.noted).lines == 3
    assert (view.refused.lines, view.held, is_held(desk)) == (0, False, False)
    await settle(desk, biller)
    again = await reconcile(desk, billed(biller, only=only))
    assert (again.agreed.lines, again.rows.amount, again.not_there.lines) == (3, "75.00", 0)
    assert len(desk.lines()) == 3


async def test_the_same_list_after_a_second_restore_finds_what_it_found(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    restore(desk)
    await desk.count()
    for _ in range(2):
        await reconcile(desk, billed(biller))
        restore(desk, lines="1 = 0")
    view = await reconcile(desk, billed(biller))
    assert view.agreed.lines == 3
    await settle(desk, biller)


async def test_lines_of_the_copy_that_were_posted_since_are_noted_by_key_or_id(
    desk: CreditDesk, biller: Biller
) -> None:
    await post(desk)
    restore(
        desk,
        lines="1 = 0",
        also="""UPDATE credit_lines SET posted_at = NULL, reference = '', bill_month = NULL,
                    state = CASE id WHEN 1 THEN 'proposed' WHEN 2 THEN 'approved' ELSE 'posting' END""",
    )
    desk.database.write_now(lambda tx: tx.run("UPDATE credit_totals SET owed_minor = 5000"))
    only_ids = billed(biller, only=("id",))
    view = await reconcile(desk, only_ids)
    assert (view.noted.lines, view.noted.amount, view.held) == (3, "75.00", False)
    assert {(state, reason) for *_, state, reason in desk.lines()} == {("posted", "reconciled")}
    await settle(desk, biller)


async def test_money_of_which_billing_does_not_know_what_for_is_what_is_counted_then(
    desk: CreditDesk, biller: Biller
) -> None:
    await post(desk)
    restore(desk)
    view = await reconcile(desk, billed(biller, only=("customer", "incident", "amount")))
    assert view.recovered.lines == 3
    assert (
        desk.database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM credit_lines WHERE tariff = 'billed'")) == 3
    )
    await settle(desk, biller)
    assert desk.database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM credit_lines WHERE tariff = 'daily'")) == 3


async def test_while_another_amount_is_for_nobody_knows_what_a_person_compares(
    desk: CreditDesk, biller: Biller
) -> None:
    del biller
    restore(desk)
    row = BilledLine(row=2, customer="94110-0", incident=1, amount="10.00")
    view = await reconcile(desk, [row])
    assert (view.recovered.lines, view.held) == (1, False)
    await desk.count()
    found = {(customer, state, reason) for customer, _, amount, state, reason in desk.lines() if amount == 2500}
    assert ("94110-0", "proposed", "billed_already") in found
    assert ("94110-1", "approved", "within_baselines") in found


async def test_a_reversal_that_was_lost_is_taken_back_here_too(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    await desk.credits.deciding.reverse(1, Because(reason="another house"), MAX)
    await post(desk)
    assert biller.total() == 5000
    restore(desk, lines="reverses IS NOT NULL OR id > 1")
    view = await reconcile(desk, billed(biller))
    assert (view.agreed.lines, view.recovered.lines, view.recovered.amount, view.held) == (1, 3, "25.00", False)
    await desk.count()
    await post(desk)
    assert biller.total() == desk.owed() == 5000
    assert [amount for customer, _, amount, *_ in desk.lines() if customer == "94110-0"] == [2500, -2500]


async def test_goodwill_that_was_lost_counts_for_the_next_grant(desk: CreditDesk, biller: Biller) -> None:
    grant = Grant(incident=1, customer="94110-0", amount="60.00", reason="sorry")
    await desk.credits.deciding.grant(grant, MIA)
    await post(desk)
    restore(desk)
    assert (await reconcile(desk, billed(biller))).recovered.lines == 4
    again = await desk.credits.deciding.grant(grant, MIA)
    assert (again.state, again.reason) == ("proposed", "above_own_baseline")


async def test_rows_that_nobody_can_tell_are_refused_one_by_one_and_hold_posting(
    desk: CreditDesk, biller: Biller
) -> None:
    await post(desk)
    restore(desk, lines="id = 3")
    key = list(biller.booked)[2]
    good = {"customer": "94110-2", "incident": 1, "amount": "25.00"}
    rows = [
        *billed(biller)[:2],
        BilledLine(row=10, key=key, **good | {"incident": 57}),
        BilledLine(row=11, key="credit-77-1795273793412007"),
        BilledLine(row=12, key="inv-1", **good),
        BilledLine(row=13, **good | {"customer": "C-nobody"}),
        BilledLine(row=14, **good | {"amount": "twenty"}),
        BilledLine(row=15, **good, currency="EUR"),
        BilledLine(row=16, key=next(iter(biller.booked)), amount="25.00"),
        BilledLine(row=17, **good | {"amount": "-25.00"}),
        BilledLine(row=18, id=2, amount="30.00"),
    ]
    view = await reconcile(desk, rows)
    why = {each.row: each.why for each in view.refusals}
    for row, said in {
        10: "there is no incident 57 here; --incident 57=ID says which it is",
        11: "credit-77-1795273793412007 is not here, and the row does not name customer, incident and amount",
        12: "its key is none of ours",
        13: "customer 'C-nobody' is not here",
        14: "'twenty' is not an amount",
        15: "it is in EUR, and credits are in USD",
        16: "is in row 2 already: has billing booked it twice?",
        17: "does not say what",
        18: "credit 2 is",
    }.items():
        assert said in why[row]
    assert (view.agreed.lines, view.recovered.lines, view.held) == (2, 0, True)
    with pytest.raises(Refused):
        await desk.credits.posting.ask(Post(), MIA)
    mended = [*billed(biller)[:2], BilledLine(row=10, key=key, **good | {"incident": 57})]
    view = await reconcile(desk, mended, incidents={"57": 1})
    assert (view.recovered.lines, view.held) == (1, False)
    await settle(desk, biller)


async def test_an_incident_that_was_opened_after_the_restore_may_be_another_one(
    desk: CreditDesk, biller: Biller
) -> None:
    await post(desk)
    restore(desk)
    desk.database.write_now(
        lambda tx: tx.run("UPDATE incidents SET opened_at = :now", now=int(desk.clock.now().timestamp() * 1_000_000))
    )
    view = await reconcile(desk, billed(biller))
    assert (view.refused.lines, view.held) == (3, True)
    assert "incident 1 was opened after the restore, and may be another one" in view.refusals[0].why
    assert (await reconcile(desk, billed(biller), gone=[1])).left_out.lines == 3
    assert not is_held(desk)
    assert desk.lines() == []


async def test_a_line_that_may_be_the_same_money_in_another_amount_is_answered_for_first(
    desk: CreditDesk, biller: Biller
) -> None:
    await post(desk)
    restore(desk)
    await desk.count()
    desk.database.write_now(lambda tx: tx.run("UPDATE credit_lines SET amount_minor = 2000 WHERE id = 1"))
    view = await reconcile(desk, billed(biller))
    (refused,) = view.refusals
    assert "(daily, approved) may be the same money in another amount: reverse it" in refused.why
    await desk.credits.deciding.reverse(1, Because(reason="billing has 25.00"), MAX)
    assert (await reconcile(desk, billed(biller))).held is False
    await post(desk)
    await post(desk)  # the reversal, once billing has what it takes back
    assert biller.total() == 3 * 2500


async def test_two_lines_that_are_alike_are_not_guessed_between(desk: CreditDesk, biller: Biller) -> None:
    await desk.credits.deciding.grant(Grant(incident=1, customer="94110-0", amount="25.00", reason="sorry"), MIA)
    restore(desk, lines="1 = 0")
    row = BilledLine(row=2, customer="94110-0", incident=1, amount="25.00")
    view = await reconcile(desk, [row])
    assert "several credits are like it: 1 (daily), 4 (goodwill)" in view.refusals[0].why
    named = BilledLine(row=2, customer="94110-0", incident=1, amount="25.00", tariff="goodwill")
    assert (await reconcile(desk, [named])).noted.lines == 1
    await post(desk)
    assert [line["tariff"] for line in biller.booked.values()] == ["daily"] * 3


async def test_a_list_of_this_store_itself_is_not_billings(desk: CreditDesk, biller: Biller) -> None:
    restore(desk)  # nothing was posted, nor lost
    await desk.count()
    keys = desk.database.read_now(
        lambda tx: [
            key_of(id_, to_instant(at)) for id_, at in tx.tuples("SELECT id, created_at FROM credit_lines ORDER BY id")
        ]
    )
    own = [BilledLine(row=number, key=key) for number, key in enumerate(keys, start=2)]
    view = await reconcile(desk, own)
    assert (view.noted.lines, view.refused.lines, view.held) == (0, 3, True)
    assert "is this billing's list?" in view.refusals[0].why
    await reconcile(desk, [])  # billing has nothing
    await settle(desk, biller)
    assert (await reconcile(desk, own)).agreed.lines == 3  # by now it has them


async def test_what_is_posted_here_and_not_in_the_list_is_said_and_holds(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    desk.clock.go_on(SECOND)
    copied_at = desk.clock.now()
    desk.database.write_now(
        lambda tx: audit.record(tx, at=copied_at, actor=MIA, action="db.backup", target="store", detail={})
    )
    desk.clock.go_on(HOUR)
    restore(desk, lines="1 = 0")
    view = await reconcile(desk, billed(biller)[:2])
    assert (view.not_there.lines, view.not_there.amount, view.not_there_ids, view.held) == (1, "25.00", [3], True)
    view = await reconcile(desk, [], since=copied_at)
    assert (view.rows.lines, view.not_there.lines, view.held) == (0, 0, False)


async def test_a_list_that_begins_between_the_copy_and_the_restore_lets_nothing_be_paid_again(
    desk: CreditDesk, biller: Biller
) -> None:
    desk.clock.go_on(HOUR)  # the copy is made
    await post(desk)
    desk.clock.go_on(HOUR)
    nearly = desk.clock.now()
    desk.clock.go_on(SECOND)
    restore(desk)
    await desk.count()
    for since in (nearly, desk.clock.now()):
        with pytest.raises(InvalidInput, match="may begin after the copy was made"):
            await reconcile(desk, [], since=since)
    assert is_held(desk)


async def test_a_copy_of_a_store_that_was_held_lacks_what_the_restore_before_lost(
    desk: CreditDesk, biller: Biller
) -> None:
    await post(desk)
    desk.clock.go_on(HOUR)
    restore(desk)
    first_at = desk.clock.now() - SECOND
    desk.clock.go_on(HOUR)  # a copy is made, and restored later
    restore(desk, lines="1 = 0")
    await desk.count()
    with pytest.raises(InvalidInput, match="may begin after the copy was made"):
        await reconcile(desk, [], since=first_at)
    assert is_held(desk)
    assert (await reconcile(desk, billed(biller))).noted.lines == 3
    await settle(desk, biller)


async def test_what_is_no_list_is_refused_as_a_whole(desk: CreditDesk) -> None:
    for request, said in (
        (Reconcile(lines=[BilledLine(row=2), BilledLine(row=2)]), "same number"),
        (Reconcile(lines=[], incidents={"x": 1}), "no number"),
        (Reconcile(lines=[], incidents={"1": -1}), "no number"),
        (Reconcile(lines=[BilledLine(row=at) for at in range(50_001)]), "50,001 rows"),
    ):
        with pytest.raises(InvalidInput, match=said):
            await desk.credits.reconciling.reconcile(request, MIA)


async def test_a_list_that_comes_to_another_total_changes_nothing(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    restore(desk)
    with pytest.raises(Refused, match=r"the 2 rows come to 50\.00 USD, not to that"):
        await desk.credits.reconciling.reconcile(Reconcile(lines=billed(biller)[:2], total="75.00"), MIA)
    assert (desk.lines(), is_held(desk)) == ([], True)


async def test_a_manager_may_answer_for_it_without_a_list_and_that_is_in_the_audit_log(desk: CreditDesk) -> None:
    with pytest.raises(Refused, match="not held"):
        await desk.credits.reconciling.none_lost(Because(reason="x"), MIA)
    restore(desk, lines="1 = 0")
    with pytest.raises(Forbidden):
        await desk.credits.reconciling.none_lost(Because(reason="x"), ANN)
    with pytest.raises(NotifierError, match="reason is missing"):
        await desk.credits.reconciling.none_lost(Because(reason=" "), MIA)
    await desk.credits.reconciling.none_lost(Because(reason="billing was away all night"), MIA)
    assert not is_held(desk)
    detail = desk.database.read_now(
        lambda tx: tx.scalar("SELECT detail FROM audit WHERE action = 'credits.none_lost' AND actor = 'mia'")
    )
    assert "billing was away all night" in str(detail)


async def test_without_a_restore_a_key_of_nobody_is_refused(desk: CreditDesk) -> None:
    row = BilledLine(row=2, key="credit-9-1795273793412007", customer="94110-0", incident=1, amount="25.00")
    view = await reconcile(desk, [row])
    assert "was never made here, and this store was not restored" in view.refusals[0].why


async def test_two_who_reconcile_at_once_recover_each_line_once(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    restore(desk)
    request = Reconcile(lines=billed(biller), total="75.00")
    await asyncio.gather(*(desk.credits.reconciling.reconcile(request, MIA) for _ in range(3)))
    assert len(desk.lines()) == 3
    await settle(desk, biller)
