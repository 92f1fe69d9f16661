"""Complaints stored together are stored as if one after another, whatever they are and whatever was there before."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.domain.errors import InvalidInput
from notifier.stages.intake import Accepted
from notifier.stages.intake.storing import Prepared
from notifier.storage.database import Database, Row, Transaction
from notifier.storage.queries import reporters
from notifier.storage.repositories import complaints
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
        rows.append(tx.rows("SELECT * FROM service_hours ORDER BY service, hour"))
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
