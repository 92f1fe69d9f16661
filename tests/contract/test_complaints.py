"""What intake promises on every database: found, counted, stored once, answered again."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from notifier.domain.errors import InvalidInput, NotifierError, StoreUnavailable
from notifier.domain.local_time import LocalTime
from notifier.queue.embedded import Topic
from notifier.stages.intake import Accepted, taking_in
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import complaints as shown
from notifier.storage.repositories import complaints
from notifier.storage.repositories.complaints import StoredComplaint
from tests.complaint_desk import NOON, SYSTEM, Desk, request

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place()
    return made


async def refused(desk: Desk, **fields: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        await desk.intake.submit(request(**fields), actor=SYSTEM)
    assert not desk.rows("SELECT 1 FROM complaints")
    return caught.value


# --- who and where --------------------------------------------------------------------------------------------------


async def test_a_customer_is_found_by_reference_and_counts_in_its_regions(desk: Desk) -> None:
    (answer,) = await desk.complain("94110-1")
    assert (answer.customer, answer.verified, answer.counted, answer.duplicate) == ("94110-1", True, True, False)
    assert answer.regions == ["postal_code 94110", "city San Francisco"]
    assert (answer.not_counted, answer.incident) == (None, None)


async def test_a_customer_is_found_by_any_way_of_writing_its_address(desk: Desk) -> None:
    answer = await desk.intake.submit(request(reporter=" 94110-1@EXAMPLE.net"), actor=SYSTEM)
    assert (answer.customer, answer.verified) == ("94110-1", True)


async def test_a_customer_is_found_by_telephone(desk: Desk) -> None:
    customer = desk.town.customer("phone")
    site = desk.town.site(customer, desk.town.region("94110"))
    desk.town.contact(customer, [site], "+14155550123", kind="mobile")
    answer = await desk.intake.submit(request(reporter="(415) 555-0123"), actor=SYSTEM)
    assert answer.customer == "phone"


async def test_only_a_trusted_source_verifies(desk: Desk) -> None:
    (answer,) = await desk.complain("94110-1", source="web")
    assert (answer.customer, answer.verified, answer.counted) == ("94110-1", False, True)


async def test_a_stranger_counts_where_it_says_and_nowhere_without(desk: Desk) -> None:
    named = await desk.intake.submit(request(reporter="me@example.com", region="postal_code:94110"), actor=SYSTEM)
    assert (named.customer, named.verified, named.regions) == (None, False, ["postal_code 94110"])
    silent = await desk.intake.submit(request(reporter="you@example.com"), actor=SYSTEM)
    assert (silent.counted, silent.not_counted) == (False, "no_region")


async def test_a_code_alone_is_enough_where_one_kind_has_it(desk: Desk) -> None:
    desk.town.region("94110", kind="node")
    with pytest.raises(InvalidInput, match="several regions") as caught:
        await desk.intake.submit(request(reporter="me@example.com", region="94110"), actor=SYSTEM)
    assert caught.value.expected == "node:94110 or postal_code:94110"
    answer = await desk.intake.submit(request(reporter="me@example.com", region="san francisco"), actor=SYSTEM)
    assert answer.regions == ["city San Francisco"]


async def test_several_customers_behind_one_address(desk: Desk) -> None:
    for number, code in enumerate(("94110", "94112")):
        customer = desk.town.customer(f"shared-{number}")
        site = desk.town.site(customer, desk.town.region(code), desk.town.region("San Francisco", kind="city"))
        desk.town.contact(customer, [site], "office@example.com")
    unsure = await desk.intake.submit(request(reporter="office@example.com"), actor=SYSTEM)
    assert (unsure.customer, unsure.counted, unsure.not_counted) == (None, False, "ambiguous_customer")
    sure = await desk.intake.submit(request(reporter="office@example.com", region="94112"), actor=SYSTEM)
    assert (sure.customer, sure.verified, sure.counted) == ("shared-1", True, True)


async def test_sites_without_the_service_and_ended_ones_do_not_say_where(desk: Desk) -> None:
    region = desk.town.region("94110")
    desk.town.household("water", region, services="|water|")
    desk.town.household("ended", region, status="ended")
    answers = await desk.complain("water", "ended")
    assert [(one.customer, one.not_counted) for one in answers] == [("water", "not_served"), ("ended", "not_served")]


async def test_an_address_on_file_without_the_service_is_not_served_and_a_region_makes_it_a_stranger(
    desk: Desk,
) -> None:
    region = desk.town.region("94110")
    for number in (1, 2):
        customer = desk.town.customer(f"water-{number}")
        desk.town.contact(customer, [desk.town.site(customer, region, services="|water|")], "both@example.com")
    shared = await desk.intake.submit(request(reporter="both@example.com"), actor=SYSTEM)
    assert (shared.customer, shared.counted, shared.not_counted) == (None, False, "not_served")
    named = await desk.intake.submit(request(reporter="both@example.com", region="94110"), actor=SYSTEM)
    assert (named.verified, named.counted, named.not_counted) == (False, True, None)


# --- refused, with what would be right ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ({"customer_id": "1", "service": "powr"}, "service", "did you mean 'power'"),
        ({"customer_id": "1", "source": "ap"}, "source", "did you mean 'api'"),
        ({"customer_id": "nobody"}, "customer_id", "there is no customer 'nobody'"),
        ({"reporter": "12"}, "reporter", "reporter '12'"),
        ({"reporter": "a@b@c"}, "reporter", "reporter 'a@b@c'"),
        ({"reporter": "a@example.com", "region": "postal_code:94111"}, "region", "did you mean '94110'"),
        ({"reporter": "a@example.com", "region": "San Francsico"}, "region", "did you mean 'San Francisco'"),
        ({"reporter": "a@example.com", "region": "zip:94110"}, "region", "not a kind of region"),
        ({"reporter": "a@example.com", "region": "*"}, "region", ""),
        ({"customer_id": "94110-1", "occurred_at": NOON + 25 * HOUR}, "occurred_at", "cannot be when"),
    ],
)
async def test_wrong_input_names_field_value_and_what_would_be_right(
    desk: Desk, fields: dict[str, object], field: str, hint: str
) -> None:
    error = await refused(desk, **fields)
    assert error.field == field
    assert hint in str(error)
    assert error.expected


# --- once -----------------------------------------------------------------------------------------------------------


async def test_the_same_external_id_is_stored_once_and_answered_again(desk: Desk) -> None:
    first, again = await desk.complain("94110-1", "94110-1", external_id="T-1")
    assert (again.duplicate, again.id, again.correlation_id) == (True, first.id, first.correlation_id)
    assert (again.customer, again.verified, again.regions) == (first.customer, True, first.regions)
    assert len(desk.rows("SELECT 1 FROM complaints")) == 1
    (counts,) = desk.rows("SELECT SUM(complaints) AS n FROM service_hours")
    assert counts["n"] == 1


async def test_external_ids_belong_to_their_source(desk: Desk) -> None:
    await desk.complain("94110-1", external_id="T-1")
    (other,) = await desk.complain("94110-2", external_id="T-1", source="web")
    assert other.duplicate is False


async def test_an_idempotency_key_answers_again_and_refuses_another_body(desk: Desk) -> None:
    async def post(body: bytes, customer: str) -> Accepted:
        return await desk.intake.submit(request(customer_id=customer), actor=SYSTEM, idempotency_key="k1", body=body)

    first = await post(b"one", "94110-1")
    assert (await post(b"one", "94110-1")).id == first.id
    with pytest.raises(InvalidInput, match="had another body") as caught:
        await post(b"two", "94110-2")
    assert caught.value.field == "Idempotency-Key"
    assert len(desk.rows("SELECT 1 FROM complaints")) == 1


# --- what counts ----------------------------------------------------------------------------------------------------


async def test_a_customer_counts_once_in_24_hours_over_all_addresses(desk: Desk) -> None:
    await desk.complain("94110-1")
    again = await desk.intake.submit(request(reporter="94110-1@example.net"), actor=SYSTEM)
    assert (again.counted, again.not_counted, again.regions) == (False, "repeat", [])
    (next_day,) = await desk.complain("94110-1", at=NOON + 24 * HOUR)
    assert next_day.counted


async def test_services_count_apart(desk: Desk) -> None:
    desk.town.household("both", desk.town.region("94110"), services="|power|water|")
    await desk.complain("both")
    (answer,) = await desk.complain("both", service="water")
    assert answer.counted


async def test_an_impostor_does_not_silence_the_customer(desk: Desk) -> None:
    await desk.complain("94110-1", source="web")
    (customer,) = await desk.complain("94110-1")
    assert (customer.verified, customer.counted) == (True, True)
    (impostor,) = await desk.complain("94110-1", source="web")
    assert impostor.not_counted == "repeat"


async def test_strangers_count_up_to_the_cap_in_one_place(desk: Desk) -> None:
    reasons = []
    for number in range(4):
        stranger = request(reporter=f"s{number}@example.com", region="94110")
        reasons.append((await desk.intake.submit(stranger, actor=SYSTEM)).not_counted)
    assert reasons == [None, None, "unverified_cap", "unverified_cap"]
    desk.clock.at = NOON + 5 * HOUR
    later = await desk.intake.submit(request(reporter="s9@example.com", region="94110"), actor=SYSTEM)
    assert later.counted


async def test_late_rows_and_history_feed_the_baseline_only(desk: Desk) -> None:
    (late,) = await desk.complain("94110-1", occurred_at=NOON - timedelta(minutes=16))
    (past,) = await desk.import_history([request(customer_id="94110-2", occurred_at=NOON - 240 * HOUR)])
    assert (late.counted, late.not_counted, late.regions[0]) == (False, "late", "postal_code 94110")
    assert isinstance(past, Accepted)
    assert past.not_counted == "history"
    days = desk.rows("SELECT region_id, day, complaints FROM cell_days ORDER BY day, region_id")
    local = LocalTime(desk.config.regions.time_zone)
    today = local.day(to_micros(NOON))
    assert [(row["day"] - today, row["complaints"]) for row in days] == [(-10, 1), (-10, 1), (0, 1), (0, 1)]
    hours = {row["hour"]: row["complaints"] for row in desk.rows("SELECT hour, complaints FROM service_hours")}
    assert hours == {today * 24 - 240 + 12: 1, today * 24 + 11: 1}


async def test_a_late_row_does_not_keep_its_customer_from_being_evidence(desk: Desk) -> None:
    (late,) = await desk.complain("94110-1", occurred_at=NOON - 2 * HOUR)
    (live,) = await desk.complain("94110-1")
    assert (late.not_counted, live.counted) == ("late", True)


async def test_history_counts_a_customer_once_a_day(desk: Desk) -> None:
    answers = await desk.import_history(
        [request(customer_id="94110-1", occurred_at=NOON - hours * HOUR) for hours in (300, 301, 290, 270)]
    )
    assert [one.not_counted for one in answers if isinstance(one, Accepted)] == [
        "history",
        "repeat",
        "repeat",
        "history",
    ]
    assert desk.rows("SELECT SUM(complaints) AS n FROM service_hours")[0]["n"] == 2


async def test_a_flood_of_one_customer_leaves_no_trace_in_the_baseline(desk: Desk) -> None:
    await desk.complain(*(["94110-1"] * 30))
    assert desk.rows("SELECT SUM(complaints) AS n FROM service_hours")[0]["n"] == 1


# --- lists ----------------------------------------------------------------------------------------------------------


async def test_a_bad_row_does_not_stop_the_others(desk: Desk) -> None:
    given = InvalidInput("not JSON", field="body")
    results = await desk.intake.submit_many(
        [request(customer_id="94110-1"), given, request(customer_id="no"), request(customer_id="94110-2")], actor=SYSTEM
    )
    assert [type(result).__name__ for result in results] == ["Accepted", "InvalidInput", "InvalidInput", "Accepted"]
    assert results[1] is given
    assert len(desk.rows("SELECT 1 FROM complaints")) == 2


async def test_a_row_that_the_database_refuses_is_isolated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = complaints.insert

    def refuse_one(tx: Transaction, stored: Iterable[StoredComplaint]) -> None:
        if any(one.reporter == "customer:94110-2" for one in stored):
            raise ValueError("no such luck")
        insert(tx, stored)

    monkeypatch.setattr(complaints, "insert", refuse_one)
    rows = [request(customer_id=f"94110-{number}") for number in (1, 2, 3)]
    results = await desk.intake.submit_many(rows, actor=SYSTEM)
    assert [isinstance(result, Accepted) for result in results] == [True, False, True]
    assert isinstance(results[1], NotifierError)
    assert desk.rows("SELECT SUM(complaints) AS n FROM service_hours")[0]["n"] == 2


async def test_when_the_store_takes_no_more_what_it_took_is_answered_and_the_rest_is_not_tried(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_in, "ROWS_IN_A_TRANSACTION", 2)
    write_here, tries = desk.database.write_here, []

    async def full(work: Callable[[Transaction], Any]) -> Any:
        tries.append(work)
        if len(tries) > 1:
            raise StoreUnavailable("database or disk is full")
        return await write_here(work)

    monkeypatch.setattr(desk.database, "write_here", full)
    rows = [request(customer_id=f"94110-{number}") for number in (1, 2, 3, 4, 5, 6)]
    results = await desk.intake.submit_many(rows, actor=SYSTEM)
    assert [type(result) for result in results] == [Accepted] * 2 + [StoreUnavailable] * 4
    assert len(desk.rows("SELECT 1 FROM complaints")) == 2
    assert len(tries) == 2


async def test_complaints_that_wait_together_are_not_tried_one_by_one_on_a_full_disk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    async def full(work: Callable[[Transaction], Any]) -> Any:
        tries.append(work)
        raise StoreUnavailable("database or disk is full")

    monkeypatch.setattr(desk.database, "write_here", full)
    group = [desk.intake.submit(request(customer_id=f"94110-{number}"), actor=SYSTEM) for number in (1, 2, 3)]
    results = await asyncio.gather(*group, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert len(tries) == 1


async def test_rows_of_one_list_see_each_other(desk: Desk) -> None:
    results = await desk.intake.submit_many([request(customer_id="94110-1", external_id="T")] * 3, actor=SYSTEM)
    assert [result.duplicate for result in results if isinstance(result, Accepted)] == [False, True, True]


# --- stored ---------------------------------------------------------------------------------------------------------


async def test_text_that_only_one_database_could_hold_is_cleaned(desk: Desk) -> None:
    await desk.complain("94110-1", text="no\0power \ud800 señor 🕯")
    assert desk.rows("SELECT text FROM complaints")[0]["text"] == "no\ufffdpower ? señor 🕯"


async def test_a_clock_that_is_ahead_is_stored_and_clamped(desk: Desk) -> None:
    await desk.complain("94110-1", occurred_at=NOON + HOUR)
    (row,) = desk.rows("SELECT * FROM complaints")
    assert (row["occurred_at"], row["effective_at"]) == (to_micros(NOON + HOUR), to_micros(NOON))


async def test_ids_ascend_and_the_detector_is_woken(desk: Desk) -> None:
    answers = await desk.complain("94110-1", "94110-2", "94110-3")
    assert [one.id for one in answers] == sorted({one.id for one in answers})
    assert await desk.queue.wait(Topic.COMPLAINTS, 0.01)


async def test_complaints_at_the_same_time_all_get_their_own_answer(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.complain(f"94110-{number}") for number in range(1, 9)))
    assert [one.customer for (one,) in answers] == [f"94110-{number}" for number in range(1, 9)]


async def test_what_is_stored_and_refused_is_counted(desk: Desk) -> None:
    await desk.complain("94110-1", "94110-1")
    with pytest.raises(InvalidInput):
        await desk.complain("nobody")
    value = desk.metrics.registry.get_sample_value
    assert value("notifier_complaints_total", {"source": "api", "service": "power"}) == 2
    assert value("notifier_complaints_not_counted_total", {"reason": "repeat"}) == 1
    assert value("notifier_complaints_refused_total") == 1
    assert value("notifier_intake_seconds_count") == 2


async def test_complaints_are_shown_by_hour_and_by_incident(desk: Desk) -> None:
    await desk.complain("94110-1", "94110-2", at=NOON - HOUR, text="dark")
    await desk.complain("94110-3", "94110-4", at=NOON)
    await desk.decide()
    counts = await desk.database.read(lambda tx: shown.per_hour(tx, "power", now=NOON, hours=3))
    assert counts == [0, 2, 2]
    (incident,) = desk.incidents()
    texts = await desk.database.read(lambda tx: shown.of_incident(tx, incident[0], at_most=10))
    assert [one.text for one in texts] == ["", "", "dark", "dark"]
