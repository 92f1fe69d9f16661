"""Posting on every database, to a real biller on this machine: each line booked once, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from notifier.config import Posting, PostingKind
from notifier.domain.errors import Forbidden, NotFound, Refused
from notifier.stages.credits import Because, Grant, Loaded, Post
from notifier.storage.backup import mark_restored
from notifier.storage.database import Database
from notifier.storage.queries import credits as shown
from notifier.storage.repositories import control, credit_posting
from notifier.storage.views import CreditBatchView, CreditLineView, CreditsDecidedView
from tests.biller import SECRET, Biller
from tests.credit_desk import ANN, HOUR, MIA, CreditDesk

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def biller() -> AsyncIterator[Biller]:
    async with Biller() as running:
        yield running


@pytest.fixture
async def desk(database: Database, biller: Biller) -> AsyncIterator[CreditDesk]:
    settings = Posting(kind=PostingKind.WEBHOOK, url=biller.url, secret=SECRET, timeout=timedelta(seconds=2))
    desk = CreditDesk(database, posting=settings)
    desk.room.homes(3)
    await desk.credits.step()
    await desk.out_for(20 * HOUR)
    await desk.count()
    yield desk
    await desk.credits.posting.close()
    assert biller.wrong == []


def line(desk: CreditDesk, which: int = 1) -> CreditLineView:
    return desk.database.read_now(lambda tx: shown.line(tx, which))


async def post(desk: CreditDesk, **more: object) -> int:
    view = await desk.credits.posting.ask(Post(**more), MIA)  # type: ignore[arg-type]
    assert isinstance(view, CreditsDecidedView)
    return view.decided


async def test_what_is_approved_is_booked_once_with_what_it_is(desk: CreditDesk, biller: Biller) -> None:
    assert await post(desk) == 3
    await desk.credits.posting.step()
    assert biller.lines() == [1, 2, 3]
    assert biller.line(1) == {
        "id": 1,
        "incident": 1,
        "customer": "94110-0",
        "tariff": "daily",
        "amount": "25.00",
        "amount_minor": 2500,
        "currency": "USD",
        "bill_month": "2026-04",
        "reverses": None,
    }
    found = line(desk)
    assert (found.state, found.reference, found.attempts) == ("posted", "inv-1", 1)
    assert await post(desk) == 0
    await desk.credits.posting.step()
    assert len(biller.asked) == 3


async def test_while_all_is_paused_as_after_a_restore_nothing_goes_to_billing(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    desk.database.write_now(lambda tx: mark_restored(tx, now=desk.clock.now(), revision="0001"))
    await desk.credits.posting.step()
    assert biller.asked == []
    desk.database.write_now(lambda tx: control.clear(tx, control.PAUSED))
    await desk.credits.posting.step()
    assert biller.asked == []  # held beyond the pause: see test_credits_reconciling
    await desk.credits.reconciling.none_lost(Because(reason="nothing was posted since the copy"), MIA)
    await desk.credits.posting.step()
    assert len(biller.booked) == 3


async def test_what_the_biller_cannot_take_now_is_tried_again_later(desk: CreditDesk, biller: Biller) -> None:
    biller.failing = [503, (429, {"Retry-After": "600"}, b"slow down"), 409]
    await post(desk)
    await desk.credits.posting.step()
    assert {each.state for each in (line(desk, 1), line(desk, 2), line(desk, 3))} == {"posting"}
    assert biller.booked == {}
    desk.clock.go_on(5 * MINUTE)
    await desk.credits.posting.step()
    assert len(biller.booked) == 2  # one waits as long as it was told to
    desk.clock.go_on(10 * MINUTE)
    await desk.credits.posting.step()
    assert biller.total() == 7500


async def test_what_the_biller_refuses_is_failed_with_its_reason_until_a_person_decides(
    desk: CreditDesk, biller: Biller
) -> None:
    biller.failing = [422, 422, 422]
    await post(desk)
    await desk.credits.posting.step()
    found = line(desk)
    assert (found.state, found.reason, found.problem) == ("failed", "refused", "422 no: 422")
    assert await post(desk) == 0
    await desk.credits.deciding.reject(2, Because(reason="the account is closed"), MIA)
    assert desk.owed() == 2 * 2500
    assert await post(desk, failed=True) == 2
    await desk.credits.posting.step()
    assert biller.lines() == [1, 3]


async def test_a_line_that_was_booked_though_the_answer_was_lost_is_asked_again_under_its_key(
    desk: CreditDesk, biller: Biller
) -> None:
    biller.failing = [0]
    await post(desk)
    await desk.credits.posting.step()
    assert len(biller.booked) == 3
    desk.clock.go_on(10 * MINUTE)
    await desk.credits.posting.step()
    assert {line(desk, which).state for which in (1, 2, 3)} == {"posted"}
    assert len(biller.asked) == 4
    assert biller.total() == 7500


async def test_a_line_that_has_the_id_of_one_lost_with_a_restored_store_is_another_to_billing(
    desk: CreditDesk, biller: Biller
) -> None:
    await post(desk)
    await desk.credits.posting.step()
    desk.database.write_now(
        lambda tx: tx.run(
            """UPDATE credit_lines SET tariff = 'another', state = 'approved', attempts = 0, posted_at = NULL,
                   created_at = created_at + 1 WHERE id = 1"""
        )
    )
    assert await post(desk) == 1
    await desk.credits.posting.step()
    assert biller.lines() == [1, 1, 2, 3]
    assert len({key for key, _ in biller.asked}) == 4


async def test_what_a_crash_left_behind_is_replayed_under_the_same_key(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    now = desk.clock.now()
    desk.database.write_now(
        lambda tx: credit_posting.claim(tx, now=now, again_at=now + MINUTE, at_most=100)
    )  # and then it was killed: nobody knows whether they were handed over
    desk.use(posting=desk.around.config.credits.posting)
    await desk.credits.posting.step()
    assert biller.asked == []
    desk.clock.go_on(MINUTE)
    await desk.credits.posting.step()
    assert len(biller.booked) == 3
    assert line(desk).attempts == 2
    await desk.credits.posting.close()


async def test_an_outcome_of_an_older_try_changes_nothing(desk: CreditDesk, biller: Biller) -> None:
    await post(desk)
    now = desk.clock.now()

    def work(tx):
        credit_posting.claim(tx, now=now, again_at=now, at_most=100)
        credit_posting.claim(tx, now=now, again_at=now, at_most=100)
        return (
            credit_posting.failed(tx, 1, 1, "refused", "late"),
            credit_posting.posted(tx, 1, 2, reference="x", now=now),
            credit_posting.put_off(tx, 1, 2, "late", due_at=now),
        )

    assert desk.database.write_now(work) == (False, True, False)
    assert line(desk).state == "posted"


async def test_a_line_that_cannot_be_handed_over_for_long_is_failed(desk: CreditDesk, biller: Biller) -> None:
    biller.failing = [500] * 6
    await post(desk)
    await desk.credits.posting.step()
    desk.clock.go_on(timedelta(days=3))
    await desk.credits.posting.step()
    assert (line(desk).state, line(desk).reason) == ("failed", "tried_in_vain")


async def test_a_reversal_follows_when_billing_has_what_it_reverses(desk: CreditDesk, biller: Biller) -> None:
    await desk.credits.deciding.reverse(1, Because(reason="x"), MIA)
    assert await post(desk) == 3  # the reversal waits
    await desk.credits.posting.step()
    with pytest.raises(Refused):
        await desk.credits.deciding.reverse(1, Because(reason="x"), MIA)
    assert await post(desk) == 1
    await desk.credits.posting.step()
    assert biller.line(4)["amount"] == "-25.00"
    assert biller.line(4)["reverses"] == 1
    assert biller.total() == desk.owed() == 2 * 2500


async def test_rejecting_what_billing_refused_ends_its_reversal_too(desk: CreditDesk, biller: Biller) -> None:
    await desk.credits.deciding.reverse(1, Because(reason="x"), MIA)
    biller.failing = [422, 422, 422]
    await post(desk)
    await desk.credits.posting.step()
    await desk.credits.deciding.reject(1, Because(reason="x"), MIA)
    assert (line(desk, 1).state, line(desk, 4).state) == ("rejected", "rejected")
    assert desk.owed() == 2 * 2500


async def test_what_billing_is_asked_about_cannot_be_reversed_before_it_answers(desk: CreditDesk) -> None:
    await post(desk)
    with pytest.raises(Refused, match="wait for billing"):
        await desk.credits.deciding.reverse(1, Because(reason="x"), MIA)


async def test_by_itself_it_posts_what_is_approved(desk: CreditDesk, biller: Biller) -> None:
    from msgspec.structs import replace

    await desk.credits.posting.close()
    desk.use(posting=replace(desk.around.config.credits.posting, by_itself=True))
    await desk.credits.posting.step()
    assert len(biller.booked) == 3


async def test_only_a_manager_posts_and_only_where_there_is_a_biller(database: Database) -> None:
    desk = CreditDesk(database)
    with pytest.raises(Forbidden):
        await desk.credits.posting.ask(Post(), ANN)
    with pytest.raises(Refused, match="no biller"):
        await desk.credits.posting.ask(Post(), MIA)
    desk.use(enabled=False)
    with pytest.raises(Refused, match="switched off"):
        await desk.credits.posting.ask(Post(), MIA)


async def test_a_slow_biller_is_given_up_in_time_and_holds_no_transaction(desk: CreditDesk, biller: Biller) -> None:
    biller.delay_seconds = 3.0
    await post(desk)
    posting = asyncio.create_task(desk.credits.posting.step())
    await asyncio.sleep(0.3)
    grant = Grant(incident=1, customer="94110-0", amount="1.00", reason="meanwhile")
    async with asyncio.timeout(1):
        await desk.credits.deciding.grant(grant, MIA)
    await posting
    assert line(desk).problem == "no answer in time"


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def files(database: Database) -> CreditDesk:
    desk = CreditDesk(database, posting=Posting(kind=PostingKind.CSV))
    desk.room.homes(3)
    await desk.credits.step()
    await desk.out_for(20 * HOUR)
    await desk.count()
    return desk


async def batch(desk: CreditDesk, **more: object) -> CreditBatchView:
    view = await desk.credits.posting.ask(Post(**more), MIA)  # type: ignore[arg-type]
    assert isinstance(view, CreditBatchView)
    return view


async def test_a_file_is_posted_when_its_control_total_is_confirmed(files: CreditDesk) -> None:
    await files.credits.deciding.reverse(1, Because(reason="x"), MIA)
    view = await batch(files)
    assert (view.id, view.lines, view.total, view.currency) == (1, 4, "50.00", "USD")
    assert await files.credits.posting.ask(Post(), MIA) == CreditsDecidedView(incident_id=None, decided=0, amount="")
    with pytest.raises(Refused, match=r"come to 50\.00"):
        await files.credits.posting.loaded(1, Loaded(total="75.00"), MIA)
    assert line(files).state == "posting"
    done = await files.credits.posting.loaded(1, Loaded(total="50.00"), MIA)
    assert (done.loaded_by, line(files).state, line(files).reference) == ("mia", "posted", "batch 1")
    with pytest.raises(Refused, match="confirmed already"):
        await files.credits.posting.loaded(1, Loaded(total="50.00"), MIA)
    with pytest.raises(NotFound):
        await files.credits.posting.loaded(9, Loaded(total="50.00"), MIA)


async def test_a_file_that_a_crash_left_half_filled_is_gone_on_with(files: CreditDesk) -> None:
    now = files.clock.now()

    def half(tx):
        which = credit_posting.open_batch(tx, now=now, by="mia")
        credit_posting.fill(tx, which, incident_id=None, failed=False, at_most=1, now=now)

    files.database.write_now(half)
    with pytest.raises(Refused, match="not filled"):
        await files.credits.posting.loaded(1, Loaded(total="25.00"), MIA)
    view = await batch(files)
    assert (view.id, view.lines, view.total) == (1, 3, "75.00")


async def test_a_file_of_reversals_alone_has_a_negative_total(files: CreditDesk) -> None:
    await batch(files)
    await files.credits.posting.loaded(1, Loaded(total="75.00"), MIA)
    await files.credits.deciding.reverse(2, Because(reason="x"), MIA)
    assert (await batch(files)).total == "-25.00"
    await files.credits.posting.loaded(2, Loaded(total="-25.00"), MIA)
    assert files.owed() == 5000
