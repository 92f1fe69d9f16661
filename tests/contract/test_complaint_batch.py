"""Complaints stored together are stored as if one after another, whatever they are and whatever was there before."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.domain.errors import InvalidInput
from notifier.domain.incident import IncidentState
from notifier.stages.intake import Accepted
from notifier.stages.intake.storing import Prepared, Storing
from notifier.storage.database import Database, Row, Transaction
from notifier.storage.queries import reporters
from notifier.storage.repositories import complaints, incidents
from tests.complaint_desk import NOON, SYSTEM, Desk, request

HOURS = (None, 0, -0.2, -2, -23.9, -24, -30, 1, 30)

who = st.one_of(
    st.fixed_dictionaries({"customer_id": st.sampled_from(["94110-1", "94110-2", "two-places", "ended", "nobody"])}),
    st.fixed_dictionaries({"reporter": st.sampled_from(["94110-1@example.net", "office@example.com"])}),
    st.fixed_dictionaries({"reporter": st.sampled_from([f"stranger{n}@example.com" for n in range(4)])}),
)
what = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["power", "power", "water"]),
        "source": st.sampled_from(["api", "api", "web"]),
        "region": st.sampled_from(["", "", "94110", "94112", "94199"]),
        "external_id": st.sampled_from(["", "", "", "T-1", "T-2"]),
        "occurred_at": st.sampled_from([None if hour is None else NOON + timedelta(hours=hour) for hour in HOURS]),
    }
)
keyed = st.sampled_from([("", b""), ("", b""), ("k", b"one"), ("k", b"two"), ("l", b"one")])
complaint = st.tuples(who, what, keyed)
happening = st.one_of(  # between two groups
    st.tuples(
        st.just("open"),
        st.sampled_from(["power", "water"]),
        st.sampled_from(["94110", "94112", "listed"]),
        st.sampled_from([IncidentState.SUSPECTED, IncidentState.CONFIRMED]),
    ),
    st.tuples(st.just("close"), st.integers(1, 3)),
    st.tuples(st.just("move"), st.sampled_from(["94110", "94112", "94199"])),
    st.tuples(st.just("rename"), st.sampled_from(["two-places", "2-places"])),
    st.just(("forget",)),
)
group = st.tuples(st.lists(complaint, max_size=5), st.booleans())


class RollBack(Exception):
    """Leave nothing behind."""


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=2)
    san_francisco = made.town.region("San Francisco", kind="city")
    mission, excelsior = made.town.region("94110"), made.town.region("94112")
    two = made.town.customer("two-places")
    for number, region in enumerate((mission, excelsior)):
        made.town.site(two, region, san_francisco, reference=f"{number}", services="|power|water|")
        shared = made.town.customer(f"shared-{number}")
        made.town.contact(shared, [made.town.site(shared, region, san_francisco)], "office@example.com")
    made.town.household("ended", mission, status="ended")
    return made


def stored(
    desk: Desk, before: Sequence[Prepared], group: Sequence[Prepared], *, history: bool, together: bool
) -> tuple[list[tuple[Any, ...]], list[list[Row]]]:
    """Return answers and rows of a group that is stored after others, and leave nothing behind."""
    answers: list[tuple[Any, ...]] = []
    rows: list[list[Row]] = []

    def work(tx: Transaction) -> None:
        store = desk.intake._store.store
        for one in before:
            store(tx, [one], NOON - timedelta(hours=1), history=False)
        chunks = [group] if together else [[one] for one in group]
        results = [result for chunk in chunks for result in store(tx, chunk, NOON, history=history)]
        rows.append(tx.rows("SELECT * FROM complaints ORDER BY id"))
        rows.append(tx.rows("SELECT * FROM cell_days ORDER BY region_id, service, day"))
        rows.append(tx.rows("SELECT * FROM service_hours ORDER BY service, hour, source"))
        rank = {row["id"]: number for number, row in enumerate(rows[0])}  # PostgreSQL gives no id twice
        rows[0] = [{**row, "id": rank[row["id"]]} for row in rows[0]]
        for result in results:
            if isinstance(result, Accepted):
                answers.append((rank[result.id], *[getattr(result, name) for name in result.__struct_fields__[1:]]))
            else:
                assert isinstance(result, InvalidInput)
                answers.append((type(result), result.field, result.value, result.expected))
        raise RollBack

    with pytest.raises(RollBack):
        desk.database.write_now(work)
    return answers, rows


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(complaint, max_size=4), group=st.lists(complaint, max_size=10), history=st.booleans())
def test_a_group_is_stored_as_if_one_by_one(desk: Desk, before: list[Any], group: list[Any], history: bool) -> None:
    def prepared(given: Sequence[Any], name: str) -> list[Prepared]:
        return [
            desk.intake._prepare(request(**who, **what), SYSTEM, key, body, f"{name}-{number}")
            for number, (who, what, (key, body)) in enumerate(given)
        ]

    earlier, ones = prepared(before, "before"), prepared(group, "group")
    assert stored(desk, earlier, ones, history=history, together=True) == stored(
        desk, earlier, ones, history=history, together=False
    )


def happen(tx: Transaction, desk: Desk, what: Sequence[Any]) -> None:
    """Let somebody else write between two groups."""
    match what:
        case ("open", service, place, state):
            regions = () if place == "listed" else (tx.scalar("SELECT id FROM regions WHERE code = :c", c=place),)
            sites = tx.tuples("SELECT id FROM sites ORDER BY id") if place == "listed" else []
            incidents.open_incident(
                tx,
                service=service,
                impact="down",
                playbook="standard",
                state=state,
                region_ids=regions,
                site_ids=[site for (site,) in sites[::2]],
                started_at=NOON,
                now=NOON,
                by="ann",
                correlation_id="c",
            )
        case ("close", number):
            tx.run(
                """UPDATE incidents SET state = 'dismissed'
                   WHERE id = (SELECT MAX(id) FROM incidents WHERE state <> 'dismissed') - :back""",
                back=number - 1,
            )
        case ("move", code):  # whoever lived in 94110 lives there now, in a region that may be new
            tx.run("INSERT INTO regions (kind, code) VALUES ('postal_code', :c) ON CONFLICT DO NOTHING", c=code)
            tx.run(
                """UPDATE site_regions SET region_id = (SELECT id FROM regions WHERE code = :c)
                   WHERE region_id = (SELECT id FROM regions WHERE code = '94110')""",
                c=code,
            )
        case ("rename", reference):
            tx.run("UPDATE customers SET reference = :r WHERE reference IN ('two-places', '2-places')", r=reference)
        case ("forget",):
            tx.run("DELETE FROM complaints WHERE id = (SELECT MIN(id) FROM complaints)")


def played(desk: Desk, steps: Sequence[Any], *, together: bool) -> tuple[list[tuple[Any, ...]], list[list[Row]]]:
    """Return answers and rows of groups between which other things happen, and leave nothing behind.

    Together they are stored by one stage, which remembers; else each complaint by a stage that knows nothing.
    """
    answers: list[tuple[Any, ...]] = []
    rows: list[list[Row]] = []
    remembering = Storing(desk.config, desk.intake._kinds)

    def work(tx: Transaction) -> None:
        first = tx.scalar("SELECT COALESCE(MAX(id), 0) FROM incidents")
        results: list[Any] = []
        for step in steps:
            if not isinstance(step[0], list):
                happen(tx, desk, step)
                continue
            ones, history = step
            if together:
                results += remembering.store(tx, ones, NOON, history=history)
            else:
                for one in ones:
                    results += Storing(desk.config, desk.intake._kinds).store(tx, [one], NOON, history=history)
        rows.append(tx.rows("SELECT * FROM complaints ORDER BY id"))
        rows.append(tx.rows("SELECT * FROM cell_days ORDER BY region_id, service, day"))
        rows.append(tx.rows("SELECT * FROM service_hours ORDER BY service, hour, source"))
        opened = [row["id"] for row in tx.rows("SELECT id FROM incidents WHERE id > :first ORDER BY id", first=first)]
        taken = sorted({one.id for one in results if isinstance(one, Accepted)})
        regions = {row["id"]: row["code"] for row in tx.rows("SELECT id, code FROM regions")}
        for row in rows[0]:
            row["id"] = taken.index(row["id"])
            for name in ("regions", "counted_regions"):
                row[name] = [regions[region] for region in json.loads(row[name])]
            row["place_region_id"] = regions.get(row["place_region_id"])
        rows[1] = sorted([{**row, "region_id": regions[row["region_id"]]} for row in rows[1]], key=str)
        for one in results:
            if isinstance(one, Accepted):
                incident = None if one.incident is None else opened.index(one.incident)
                fields = {name: getattr(one, name) for name in one.__struct_fields__}
                answers.append(tuple((fields | {"id": taken.index(one.id), "incident": incident}).values()))
            else:
                assert isinstance(one, InvalidInput)
                answers.append((type(one), one.field, one.value, one.expected))
        raise RollBack

    with pytest.raises(RollBack):
        desk.database.write_now(work)
    return answers, rows


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(group, group, happening), min_size=2, max_size=9))
def test_groups_between_which_others_write_are_stored_and_answered_as_if_nothing_was_remembered(
    desk: Desk, steps: list[Any]
) -> None:
    prepared = [
        (
            [
                desk.intake._prepare(request(**who, **what), SYSTEM, key, body, f"{number}-{place}")
                for place, (who, what, (key, body)) in enumerate(step[0])
            ],
            step[1],
        )
        if isinstance(step[0], list)
        else step
        for number, step in enumerate(steps)
    ]
    assert played(desk, prepared, together=True) == played(desk, prepared, together=False)


async def test_what_was_read_in_a_transaction_that_is_undone_is_not_remembered(desk: Desk) -> None:
    (before,) = await desk.complain("94110-1")
    prepared = desk.intake._prepare(request(customer_id="94110-2"), SYSTEM, "", b"", "c")

    def undone(tx: Transaction) -> None:
        happen(tx, desk, ("open", "power", "94110", IncidentState.SUSPECTED))
        (seen,) = desk.intake._store.store(tx, [prepared], NOON, history=False)
        assert isinstance(seen, Accepted)
        assert seen.incident is not None
        raise RollBack

    group = (lambda _tx: None, undone)  # in which the second one is undone alone
    results = await asyncio.gather(*map(desk.database.write, group), return_exceptions=True)
    assert isinstance(results[1], RollBack)
    (after,) = await desk.complain("94110-2")
    assert (before.incident, after.incident) == (None, None)


async def test_a_customer_of_very_many_sites_is_looked_up_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (usual,) = await desk.complain("two-places")
    monkeypatch.setattr(reporters, "SITE_REGIONS_AT_MOST", 6)
    desk.clock.at = NOON + timedelta(hours=25)
    many = await desk.intake.submit_many(
        [request(customer_id=name) for name in ("two-places", "94110-1", "nobody")], actor=SYSTEM
    )
    assert [type(one) for one in many] == [Accepted, Accepted, InvalidInput]
    assert isinstance(many[0], Accepted)
    assert many[0].regions == usual.regions == ["city San Francisco"]


async def test_the_id_of_a_removed_complaint_never_comes_again(desk: Desk) -> None:
    (last,) = await desk.complain("94110-1")
    desk.database.write_now(lambda tx: tx.run("DELETE FROM complaints"))
    (again,) = await desk.complain("94110-1")
    assert again.id > last.id
    assert desk.database.read_now(lambda tx: complaints.load(tx, again.id)) is not None
