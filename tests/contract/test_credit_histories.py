"""Random histories of credits on every database: never paid twice, no cent lost, and every total agrees.

A history is a list of moves: service comes back, fails again, lines are counted (with a crash in between), granted,
approved, rejected, reversed, posted to a biller that fails as it likes, incidents are merged. After each move the store
is held against a model that knows nothing but the lines themselves and what the biller has booked.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from notifier.config import Posting, PostingKind
from notifier.domain.credit import OWED_STATES, Granted, lines, steps_by_tariff
from notifier.domain.errors import NotifierError
from notifier.domain.incident import Impact, IncidentKind
from notifier.domain.tariff import Disruption, OwedFor, Payer, Spell, joined
from notifier.stages.credits import Because, Decide, Grant, Post, Reconcile
from notifier.stages.credits import counting as counting_stage
from notifier.stages.credits.biller import BillersAnswer, Taken
from notifier.stages.credits.requests import BilledLine
from notifier.storage.backup import mark_restored
from notifier.storage.database import Database, Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories import control
from notifier.storage.repositories.credit_posting import ToPost
from notifier.storage.views import ReconciledView
from tests.credit_desk import DAILY, HOUR, MAX, MIA, CreditDesk

DAY = timedelta(days=1)


class MoodyBiller:
    """Books each key once; answers by a list of moods, and books or not before the answer is lost."""

    def __init__(self) -> None:
        self.lines: dict[str, ToPost] = {}
        self.booked: dict[int, int] = {}  # by the id that the line has in the store now
        self.moods: list[str] = []

    async def post(self, line: ToPost, now: datetime, /) -> BillersAnswer:
        del now
        mood = self.moods.pop(0) if self.moods else "takes"
        if mood in ("takes", "loses the answer"):
            if line.reverses is not None:
                assert line.reverses in self.booked, "a reversal came before what it reverses"
            assert self.lines.setdefault(line.key, line).amount == line.amount
            assert self.booked.setdefault(line.id, line.amount) == line.amount
        if mood == "takes":
            return BillersAnswer(taken=Taken.YES, reference=f"b{line.id}")
        if mood == "refuses" and line.id not in self.booked:
            return BillersAnswer(taken=Taken.NO, problem="422 no")
        return BillersAnswer(taken=Taken.NOT_YET, problem="503")

    def total(self) -> int:
        return sum(line.amount for line in self.lines.values())

    async def close(self) -> None:
        """Nothing is open."""


class World:
    """Two incidents of a few customers, written as rows: how they are told is not the matter here."""

    def __init__(self, database: Database, *, per: OwedFor = OwedFor.CUSTOMER) -> None:
        self.database, self.biller = database, MoodyBiller()
        self.sites = 2 if per is OwedFor.SITE else 1  # of each customer, as the tariff sees it
        self.desk = CreditDesk(
            database,
            replace(DAILY, per=per),
            biller=self.biller,
            customer_baseline="60",
            incident_baseline="150",
            budget="220",
            agent_baseline="20",
            posting=Posting(kind=PostingKind.WEBHOOK, url="http://127.0.0.1:1/", secret="x" * 16),
        )
        self.clock = self.desk.clock
        town = self.desk.room.town
        self.region = town.region("1")
        for number in range(3):
            customer = town.customer(f"C-{number}")
            for home in range(self.sites):
                town.site(customer, self.region, services="|power|", reference=f"home {home}")
        self.out: dict[int, datetime] = {}
        self.incidents: list[int] = []
        self.saved: tuple[dict[str, list[Row]], dict[int, datetime], list[int]] | None = None
        self.gone: set[int] = set()  # incidents that a restore lost
        self.paid_for_gone = 0
        asyncio.run(self.desk.credits.step())

    def fail(self, incident: int) -> None:
        """Let service of the first or second incident fail, for the first time or again."""
        if incident in self.out or incident in self.gone or self._state(incident) == "merged":
            return
        if incident not in self.incidents:
            self._insert(incident)
            self.incidents.append(incident)
        self.out[incident] = self.clock.now()
        self._run("UPDATE incidents SET state = 'confirmed' WHERE id = :id", id=incident)

    def restore(self, incident: int, customers: list[int]) -> None:
        """Tell some customers that service is back."""
        if incident not in self.out or self._state(incident) != "confirmed":
            return
        failed_at, now = self.out.pop(incident), self.clock.now()

        def work(tx: Transaction) -> None:
            tx.run("UPDATE incidents SET state = 'resolved' WHERE id = :id", id=incident)
            for kind, facts in (
                ("reopened", f'{{"service":"power","reopened_at":"{failed_at.isoformat()}"}}'),
                ("restored", f'{{"service":"power","restored_at":"{now.isoformat()}"}}'),
            ):
                broadcast = tx.scalar(
                    """INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by,
                                               sent_at, started_at, planned_at, correlation_id, expected_customers)
                       VALUES (:incident, (SELECT MIN(id) FROM parts WHERE incident_id = :incident), :kind, 'completed',
                               :facts, :now, 'ann', :now, :now, :now, 'x', 3) RETURNING id""",
                    incident=incident,
                    kind=kind,
                    facts=facts,
                    now=to_micros(now),
                )
            for customer in customers:
                tx.run(
                    """INSERT INTO audience (broadcast_id, customer_id, outcome)
                       SELECT CAST(:b AS BIGINT), id, 'told' FROM customers WHERE reference = :reference""",
                    b=broadcast,
                    reference=f"C-{customer}",
                )

        self.database.write_now(work)

    def merge(self, source: int, into: int) -> None:
        """Let an incident go over to the other one."""
        if source not in self.incidents or into not in self.incidents or self._state(into) == "merged":
            return
        self.out.pop(source, None)
        self._run("UPDATE incidents SET state = 'merged', merged_into = :into WHERE id = :id", into=into, id=source)

    def count(self, steps: int) -> None:
        """Count so many chunks, then crash."""
        self.desk.use(**self._settings())
        asyncio.run(self.desk.count(at_most=steps))

    def post(self, moods: list[str]) -> None:
        """Post everything, and what failed before; the biller has its moods, and some time goes by."""
        self.biller.moods = list(moods)
        asyncio.run(self.desk.credits.posting.ask(Post(failed=len(moods) % 2 == 0), MIA))
        asyncio.run(self.desk.credits.posting.step())
        self.clock.go_on(2 * HOUR)

    def copy(self) -> None:
        """Make a backup."""

        def look(tx: Transaction) -> dict[str, list[Row]]:
            return {table: tx.rows(f"SELECT * FROM {table}") for table in TABLES}

        self.saved = (self.database.read_now(look), dict(self.out), list(self.incidents))

    def lose(self, by: str, is_counted_first: bool) -> None:
        """Make the store the backup again, and hold the biller's own list against it."""
        if self.saved is None:
            return
        tables, out, incidents = self.saved
        self.out, self.incidents = dict(out), list(incidents)
        lost = sorted({line.incident_id for line in self.biller.lines.values()} - set(incidents))

        def work(tx: Transaction) -> None:
            empty(tx)
            for table in reversed(TABLES):
                rows = sorted(tables[table], key=lambda row: row.get("id", 0))
                for row in rows:
                    later = {name: None for name in ("reverses", "merged_into") if row.get(name) is not None}
                    names = ", ".join(row)
                    tx.run(f"INSERT INTO {table} ({names}) VALUES (:{', :'.join(row)})", **{**row, **later})
                for row in rows:
                    for name in ("reverses", "merged_into"):
                        if row.get(name) is not None:
                            tx.run(f"UPDATE {table} SET {name} = :value WHERE id = :id", value=row[name], id=row["id"])
            mark_restored(tx, now=self.clock.now(), revision="0001")
            control.clear(tx, control.PAUSED)

        self.clock.go_on(HOUR)
        self.database.write_now(work)
        self.desk.use(**self._settings())
        if is_counted_first:
            self.count(10_000)
        view = self._reconcile(by, lost)
        if by == "like" and view.refusals:  # which of several that are alike it is, only their ids tell
            view = self._reconcile("id", lost)
        assert (view.refusals, view.held) == ([], False)
        paid = sum(line.amount for line in self.biller.lines.values() if line.incident_id in lost)
        self.gone, self.saved, self.paid_for_gone = set(lost), None, paid
        self.biller.booked = {row["id"]: row["amount_minor"] for row in self.lines() if row["state"] == "posted"}
        assert sum(self.biller.booked.values()) + paid == self.biller.total()

    def _reconcile(self, by: str, lost: list[int]) -> ReconciledView:
        rows = [
            BilledLine(
                row=number,
                key=key if by == "key" else "",
                id=line.id if by == "id" or line.amount < 0 else None,
                customer=line.customer,
                incident=line.incident_id,
                amount=f"{line.amount / 100:.2f}",
                tariff=line.tariff,
                reverses=line.reverses,
            )
            for number, (key, line) in enumerate(self.biller.lines.items(), start=2)
        ]
        request = Reconcile(lines=rows, total=f"{self.biller.total() / 100:.2f}", gone=lost)
        return asyncio.run(self.desk.credits.reconciling.reconcile(request, MIA))

    def decide(self, what: str, which: int, amount: int) -> None:
        """Let a person decide about one of the lines there are, whether that is possible or not."""
        found = self.lines()
        with suppress(NotifierError):
            if what == "grant":
                incident = self.incidents[which % len(self.incidents)] if self.incidents else 1
                grant = Grant(incident=incident, customer=f"C-{which % 3}", amount=f"{amount}.00", reason="sorry")
                asyncio.run(self.desk.credits.deciding.grant(grant, MIA))
            elif found:
                line_id = found[which % len(found)]["id"]
                deciding = self.desk.credits.deciding
                if what == "approve":
                    asyncio.run(deciding.approve(line_id, Decide(over_budget="yes" if amount > 30 else None), MAX))
                elif what == "reject":
                    asyncio.run(deciding.reject(line_id, Because(reason="no"), MAX))
                else:
                    asyncio.run(deciding.reverse(line_id, Because(reason="no"), MAX))

    # --- what must hold ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Hold the store against what it says by itself."""
        found = self.lines()
        by_id = {row["id"]: row for row in found}
        owed: defaultdict[int, int] = defaultdict(int)
        for row in found:
            if row["state"] in OWED_STATES:
                owed[row["incident_id"]] += row["amount_minor"]
            if row["reverses"] is not None:
                original = by_id[row["reverses"]]
                assert row["amount_minor"] == -original["amount_minor"]
                assert row["incident_id"] == original["incident_id"] or original["state"] == "rejected"
                if row["state"] == "posted":
                    assert original["state"] == "posted"
            else:
                assert row["amount_minor"] > 0
        for incident in self.incidents:
            assert self.desk.owed(incident) == owed[incident]
        posted = {row["id"]: row["amount_minor"] for row in found if row["state"] == "posted"}
        assert posted.items() <= self.biller.booked.items()  # what we call posted is booked, once, as it is
        unknown = self.biller.booked.keys() - posted.keys()  # answers that were lost: still asked about
        for line_id in unknown:
            assert (by_id[line_id]["state"], by_id[line_id]["reason"]) == ("failed", "tried_in_vain") or (
                by_id[line_id]["state"] == "posting"
            )
        self._nobody_has_more_than_is_due(found)

    def _nobody_has_more_than_is_due(self, found: list[Row]) -> None:
        """Hold each customer's lines by tariff against the whole of their outages, computed from nothing."""
        spells: defaultdict[int, list[Spell]] = defaultdict(list)

        def look(tx: Transaction) -> list[tuple[int, int, int]]:
            return [
                (row[0], row[1], row[2])
                for row in tx.tuples(
                    """SELECT a.customer_id, r.from_at, r.until_at FROM credit_runs AS r
                       JOIN audience AS a ON a.broadcast_id = r.broadcast_id"""
                )
            ]

        for customer, from_at, until_at in self.database.read_now(look):
            spells[customer].append(Spell(from_at=to_instant(from_at), until_at=to_instant(until_at)))
        made: defaultdict[int, int] = defaultdict(int)
        for row in found:
            if row["tariff"] == "daily" and row["step"] > 0 and row["state"] in OWED_STATES:
                made[row["customer_id"]] += row["amount_minor"]
        for customer, amount in made.items():
            # apart, each incident may have begun its own first day: so many at most, one for each outage
            whole = steps_by_tariff((DAILY,), OUT, joined(spells[customer]), self.desk.credits.deciding._rules.zone)
            due = sum(line.amount for line in lines(customer, whole, NOBODY, Granted(steps={})))
            assert amount <= (due + 2500 * (len(spells[customer]) - 1)) * self.sites

    def settle(self) -> None:
        """Count and post to the end; then what is owed is what billing has, to the cent."""
        self.count(10_000)
        for row in self.lines():
            if row["state"] == "failed":
                with suppress(NotifierError):  # billing may have it
                    asyncio.run(self.desk.credits.deciding.reject(row["id"], Because(reason="given up"), MAX))
        for _ in range(6):
            self.biller.moods = []
            asyncio.run(self.desk.credits.posting.ask(Post(failed=True), MIA))
            asyncio.run(self.desk.credits.posting.step())
            self.clock.go_on(DAY)
        self.check()
        found = self.lines()
        assert {row["state"] for row in found} <= {"proposed", "rejected", "posted"}
        assert sum(self.biller.booked.values()) == sum(self.desk.owed(incident) for incident in self.incidents)
        assert self.biller.total() == sum(self.biller.booked.values()) + self.paid_for_gone
        before = [(row["id"], row["state"]) for row in found]
        for incident in self.incidents:
            with suppress(NotifierError):
                asyncio.run(self.desk.credits.counting.again(incident, MIA))
        self.count(10_000)
        assert [(row["id"], row["state"]) for row in self.lines()] == before  # counting again gives nothing

    # --- rows -------------------------------------------------------------------------------------------------------

    def lines(self) -> list[Row]:
        return self.database.read_now(lambda tx: tx.rows("SELECT * FROM credit_lines ORDER BY id"))

    def _settings(self) -> dict[str, object]:
        chosen = self.desk.around.config.credits
        return {name: getattr(chosen, name) for name in chosen.__struct_fields__}

    def _state(self, incident: int) -> str:
        return str(
            self.database.read_now(lambda tx: tx.scalar("SELECT state FROM incidents WHERE id = :id", id=incident))
        )

    def _run(self, sql: str, **values: object) -> None:
        self.database.write_now(lambda tx: tx.run(sql, **values))

    def _insert(self, incident: int) -> None:
        now = to_micros(self.clock.now())

        def work(tx: Transaction) -> None:
            tx.run(
                """INSERT INTO incidents (id, service, state, playbook, started_at, opened_at, opened_by,
                                          correlation_id)
                   VALUES (:id, 'power', 'confirmed', 'standard', :now, :now, 'ann', 'x')""",
                id=incident,
                now=now,
            )
            tx.run("INSERT INTO parts (incident_id) VALUES (:id)", id=incident)
            tx.run(
                "INSERT INTO incident_regions (incident_id, region_id, role) VALUES (:id, :region, 'place')",
                id=incident,
                region=self.region,
            )

        self.database.write_now(work)


OUT = Disruption(service="power", impact=Impact.DOWN, kind=IncidentKind.UNPLANNED, cause="", customers=3)
NOBODY = Payer(account_type="", plan="", monthly_price_minor=None, currency="")

OUTAGE = st.tuples(
    st.just("outage"),
    st.integers(1, 2),
    st.integers(1, 60),
    st.lists(st.integers(0, 2), unique=True, min_size=1),
    st.sampled_from([0, 1, 2, 50]),
)
MOVES = st.one_of(
    OUTAGE,
    st.tuples(st.just("fail"), st.integers(1, 2)),
    st.tuples(st.just("restore"), st.integers(1, 2), st.lists(st.integers(0, 2), unique=True, min_size=1)),
    st.tuples(st.just("pass"), st.integers(1, 40)),
    st.tuples(st.just("count"), st.sampled_from([1, 2, 3, 50])),
    st.tuples(
        st.just("decide"),
        st.sampled_from(["grant", "approve", "reject", "reverse"]),
        st.integers(0, 20),
        st.integers(1, 70),
    ),
    st.tuples(
        st.just("post"),
        st.lists(st.sampled_from(["takes", "loses the answer", "refuses", "is away"]), max_size=8),
    ),
    st.just(("copy",)),
    st.tuples(st.just("lose"), st.sampled_from(["key", "id", "like"]), st.booleans()),
    st.tuples(st.just("merge"), st.sampled_from([(1, 2), (2, 1)])),
)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk be one customer, so that a crash can fall between any two."""
    real = counting_stage.count
    monkeypatch.setattr(counting_stage, "count", lambda *args, **more: real(*args, **{**more, "at_most": 1}))


TABLES = (
    "credit_lines",
    "credit_totals",
    "credit_batches",
    "credit_runs",
    "audience",
    "broadcasts",
    "parts",
    "incident_regions",
    "incidents",
    "site_regions",
    "sites",
    "regions",
    "customers",
    "control",
)


def emptied(database: Database) -> Database:
    database.write_now(empty)
    return database


def empty(tx: Transaction) -> None:
    tx.run("UPDATE credit_lines SET reverses = NULL")
    tx.run("UPDATE incidents SET merged_into = NULL")
    for table in TABLES:
        tx.run(f"DELETE FROM {table}")


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=OUTAGE, moves=st.lists(MOVES, min_size=3, max_size=25), per=st.sampled_from(OwedFor))
def test_whatever_happens_nobody_is_paid_twice_and_no_cent_is_lost(
    database: Database, small_chunks: None, first: tuple, moves: list[tuple], per: OwedFor
) -> None:
    play(database, [first, *moves], per)


def play(database: Database, moves: list[tuple], per: OwedFor = OwedFor.CUSTOMER) -> None:
    """Play a history from an empty store, and hold it against the model after each move."""
    world = World(emptied(database), per=per)
    for move in moves:
        match move:
            case ("outage", incident, hours, customers, steps):
                world.fail(incident)
                world.clock.go_on(hours * HOUR)
                world.restore(incident, customers)
                world.count(steps)
            case ("fail", incident):
                world.fail(incident)
            case ("restore", incident, customers):
                world.restore(incident, customers)
            case ("pass", hours):
                world.clock.go_on(hours * HOUR)
            case ("count", steps):
                world.count(steps)
            case ("decide", what, which, amount):
                world.decide(what, which, amount)
            case ("post", moods):
                world.post(moods)
            case ("copy",):
                world.copy()
            case ("lose", by, is_counted_first):
                world.lose(by, is_counted_first)
            case ("merge", (source, into)):
                world.merge(source, into)
        world.check()
    world.settle()


def test_a_long_history_with_everything_in_it(database: Database, small_chunks: None) -> None:
    """One history by hand, so that what it covers does not depend on chance."""
    world_moves: list[tuple] = [
        ("fail", 1),
        ("pass", 30),
        ("restore", 1, [0, 1, 2]),
        ("count", 2),
        ("decide", "grant", 0, 10),
        ("count", 50),
        ("post", ["takes", "loses the answer", "refuses"]),
        ("fail", 1),
        ("pass", 40),
        ("restore", 1, [0, 1]),
        ("count", 50),
        ("decide", "approve", 6, 50),
        ("decide", "reverse", 0, 1),
        ("fail", 2),
        ("pass", 30),
        ("restore", 2, [1, 2]),
        ("count", 1),
        ("merge", (2, 1)),
        ("count", 50),
        ("decide", "reject", 7, 1),
        ("post", ["is away", "loses the answer", "takes", "refuses"]),
        ("post", []),
    ]
    play(database, world_moves)


def test_two_incidents_that_turn_out_to_be_one_outage_owe_no_more_steps_than_it_has(
    database: Database, small_chunks: None
) -> None:
    """20 h and then 4 h, counted apart: a third that lies around them both must not add to their first steps."""
    play(database, [("outage", 2, 20, [0, 1], 1), ("fail", 1), ("outage", 1, 4, [0, 1], 1), ("outage", 2, 1, [0], 0)])


LOST = [
    ("outage", 1, 30, [0, 1, 2], 50),
    ("post", ["takes"]),
    ("copy",),
    ("post", ["loses the answer", "is away"]),
    ("decide", "reverse", 0, 1),
    ("outage", 1, 60, [0, 1], 50),
    ("decide", "grant", 1, 15),
    ("decide", "approve", 6, 50),
    ("outage", 2, 30, [1, 2], 50),
    ("post", []),
    ("post", []),
]


@pytest.mark.parametrize("by", ["key", "id", "like"])
@pytest.mark.parametrize("is_counted_first", [False, True], ids=["listed first", "counted first"])
@pytest.mark.parametrize("per", OwedFor)
def test_what_a_restore_lost_is_never_paid_again(
    database: Database, small_chunks: None, by: str, is_counted_first: bool, per: OwedFor
) -> None:
    """One history by hand: posted before and after the copy, reversed, granted, of an incident that is gone."""
    after: list[tuple] = [("lose", by, is_counted_first), ("outage", 1, 60, [0, 1], 50), ("post", []), ("post", [])]
    play(database, [*LOST, *after], per)
