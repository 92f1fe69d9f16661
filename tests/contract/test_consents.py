"""What a contact point says is stored with its source and wording, on both databases, and outlives its deletion."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from notifier.config import Config, Consent
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.consent import ConsentState, OptOutScope, Purpose
from notifier.domain.customer import SuppressionReason
from notifier.domain.errors import InvalidInput, NotFound
from notifier.domain.notification import Channel
from notifier.domain.preferences import Choices
from notifier.messages.links import address_hash
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.consents import Consents, OwnPreferences
from notifier.stages.directory import Directory, DirectoryRow
from notifier.storage.database import Database
from notifier.storage.instants import from_json
from notifier.storage.queries import customers
from notifier.storage.repositories import suppressions
from tests.broadcasts import contact_point

ANN = Actor(name="ann", role=KeyRole.AGENT, origin="127.0.0.1")
NEW_YEAR_EVE = datetime(2027, 1, 31, 7, 59, tzinfo=UTC)  # still the 30th in California


class HandClock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def real_seconds(self, duration: timedelta) -> float:
        return duration.total_seconds()


class Desk:
    """The stage on a database with one contact point."""

    def __init__(self, database: Database, **consent: Any) -> None:
        self.database, self.clock = database, HandClock()
        self.config = Config(consent=replace(Consent(), **consent))
        self.metrics = Metrics()
        self.queue = EmbeddedQueue()
        self.consents = Consents(database, self.config, self.clock, self.queue, self.metrics, "a secret")
        self.directory = Directory(database, self.config, self.clock, self.queue, {}, ("a secret",))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.database.read_now(lambda tx: tx.tuples(sql))

    def run(self, sql: str) -> None:
        self.database.write_now(lambda tx: tx.run(sql))

    def suppressed(self) -> str | None:
        return self.database.read_now(lambda tx: tx.scalar("SELECT suppressed FROM contact_points"))

    def words(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT purpose, state, source, wording FROM consents ORDER BY purpose")

    async def allowed(self, purpose: Purpose = Purpose.OUTAGE) -> bool:
        view = await self.consents.show(1)
        return next(each.allowed for each in view.consents if each.purpose == purpose)


@pytest.fixture
def desk(database: Database) -> Desk:
    contact_point(database, 1)
    return Desk(database)


@pytest.fixture
def all_desk(database: Database) -> Desk:
    contact_point(database, 1)
    return Desk(database, optout_scope=OptOutScope.ALL)


async def test_an_opt_out_stops_the_purpose_of_the_message_it_answers(desk: Desk) -> None:
    assert await desk.consents.opt_out(1, "sms", wording="no more please")
    assert desk.words() == [("outage", "refused", "sms", "no more please")]
    assert desk.suppressed() is None
    assert not await desk.allowed()
    assert await desk.allowed(Purpose.PLANNED)


async def test_an_opt_out_is_noted_counted_and_confirmed_once(desk: Desk) -> None:
    assert await desk.consents.opt_out(1, "link")
    assert not await desk.consents.opt_out(1, "link")
    assert desk.rows("SELECT count(*) FROM consent_log") == [(1,)]
    assert desk.metrics.registry.get_sample_value("notifier_unsubscribes_total") == 1
    assert desk.rows("SELECT actor, action, target FROM audit") == [
        ("customer", "contact_points.opt_out", "contact point 1")
    ]


async def test_with_the_scope_all_an_opt_out_stops_everything(all_desk: Desk) -> None:
    assert await all_desk.consents.opt_out(1, "sms", wording="STOP")
    assert all_desk.suppressed() == "opted_out"
    assert not any([await all_desk.allowed(purpose) for purpose in Purpose])
    assert all_desk.rows("SELECT reason, source, wording, actor FROM suppressions") == [
        ("opted_out", "sms", "STOP", "customer")
    ]
    assert not await all_desk.consents.opt_out(1, "sms", wording="STOP")


async def test_from_its_local_day_on_an_opt_out_stops_everything(database: Database) -> None:
    for number in (1, 2):
        contact_point(database, number)
    desk = Desk(database, optout_all_from="2027-01-31")
    desk.clock.at = NEW_YEAR_EVE
    await desk.consents.opt_out(1, "sms")
    desk.clock.at += timedelta(minutes=1)
    await desk.consents.opt_out(2, "sms")
    assert desk.rows("SELECT id, suppressed FROM contact_points ORDER BY id") == [(1, None), (2, "opted_out")]


async def test_an_opt_out_takes_the_place_of_a_weaker_reason(all_desk: Desk) -> None:
    all_desk.run("UPDATE contact_points SET suppressed = 'bad_address'")
    assert await all_desk.consents.opt_out(1, "link")
    assert all_desk.suppressed() == "opted_out"


async def test_nothing_stored_is_no_yes_where_the_basis_does_not_cover_it(database: Database) -> None:
    contact_point(database, 1)
    desk = Desk(database, outage=False)
    assert not await desk.allowed()
    await desk.consents.note(1, Purpose.OUTAGE, ConsentState.GRANTED, source="form", wording="", basis="", actor=ANN)
    assert await desk.allowed()


async def test_opting_in_undoes_an_opt_out_and_keeps_every_word(desk: Desk) -> None:
    await desk.consents.opt_out(1, "sms", wording="STOP")
    assert await desk.consents.opt_in(1, "sms", wording="START")
    assert await desk.allowed()
    history = (await desk.consents.show(1)).history
    assert [(each.state, each.source, each.wording) for each in history] == [
        ("granted", "sms", "START"),
        ("refused", "sms", "STOP"),
    ]
    assert not await desk.consents.opt_in(1, "sms", wording="START")


async def test_opting_in_undoes_an_opt_out_of_everything(all_desk: Desk) -> None:
    await all_desk.consents.opt_out(1, "sms")
    assert await all_desk.consents.opt_in(1, "sms")
    assert all_desk.suppressed() is None
    assert all_desk.rows("SELECT lifted_source FROM suppressions WHERE lifted_at IS NOT NULL") == [("sms",)]
    assert await all_desk.consents.opt_out(1, "sms"), "a later opt-out is a new one"


@pytest.mark.parametrize(
    ("reason", "proves_address", "stays"),
    [
        (SuppressionReason.COMPLAINT, False, None),
        (SuppressionReason.BAD_ADDRESS, False, "bad_address"),
        (SuppressionReason.BAD_ADDRESS, True, None),
        (SuppressionReason.BY_PERSON, True, "by_person"),
    ],
)
async def test_a_customer_lifts_what_was_theirs_to_stop(
    desk: Desk, reason: SuppressionReason, proves_address: bool, stays: str | None
) -> None:
    desk.run(f"UPDATE contact_points SET suppressed = '{reason}'")
    desk.run(
        f"""INSERT INTO suppressions (contact_point_id, address_hash, reason, source, created_at)
            VALUES (1, 'x', '{reason}', 'test', 1)"""
    )
    desk.database.write_now(
        lambda tx: desk.consents.opt_in_in(
            tx, 1, (Purpose.OUTAGE,), source="sms", proves_address=proves_address, now=desk.clock.now()
        )
    )
    assert desk.suppressed() == stays


async def test_what_stood_behind_an_opt_out_is_in_force_again_after_it(all_desk: Desk) -> None:
    await all_desk.consents.suppress(1, SuppressionReason.BY_PERSON, source="call", wording="", actor=ANN)
    await all_desk.consents.opt_out(1, "sms")
    await all_desk.consents.opt_in(1, "sms")
    assert all_desk.suppressed() == "by_person"


async def test_an_agents_note_names_agent_source_wording_and_basis(desk: Desk) -> None:
    view = await desk.consents.note(
        *(1, Purpose.SURVEY, ConsentState.REFUSED),
        source="call of 2026-11-22",
        wording="do not ask me things",
        basis="",
        actor=ANN,
    )
    survey = next(each for each in view.consents if each.purpose == "survey")
    assert (survey.allowed, survey.reason, survey.source) == (False, "refused", "call of 2026-11-22")
    assert [(each.actor, each.wording) for each in view.history] == [("ann", "do not ask me things")]
    (actor, action, detail) = desk.rows("SELECT actor, action, detail FROM audit")[0]
    assert (actor, action) == ("ann", "contact_points.consent")
    assert "do not ask" not in detail
    assert from_json(detail, dict) == {"source": "call of 2026-11-22", "purpose": "survey", "state": "refused"}


async def test_an_agent_stops_an_address_and_writes_to_it_again(desk: Desk) -> None:
    view = await desk.consents.suppress(
        1, SuppressionReason.BY_PERSON, source="call", wording="wrong number", actor=ANN
    )
    assert view.suppression is not None
    assert (view.suppression.reason, view.suppression.wording, view.suppression.actor) == (
        *("by_person", "wrong number"),
        "ann",
    )
    assert (await desk.consents.unsuppress(1, source="call", actor=ANN)).suppression is None
    assert await desk.allowed()


async def test_an_agent_has_to_say_where_it_is_from(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="where this is from"):
        await desk.consents.note(1, Purpose.OUTAGE, ConsentState.GRANTED, source=" ", wording="", basis="", actor=ANN)
    with pytest.raises(InvalidInput, match="this reason"):
        await desk.consents.suppress(1, SuppressionReason.BAD_ADDRESS, source="x", wording="", actor=ANN)
    with pytest.raises(NotFound):
        await desk.consents.show(99)


async def test_a_log_holds_no_address(all_desk: Desk) -> None:
    await all_desk.consents.opt_out(1, "link")
    await all_desk.consents.note(1, Purpose.OUTAGE, ConsentState.GRANTED, source="x", wording="", basis="", actor=ANN)
    for table in ("suppressions", "consent_log"):
        ((hashed,),) = all_desk.rows(f"SELECT address_hash FROM {table}")
        assert len(hashed) == 64
        assert "example" not in str(all_desk.rows(f"SELECT * FROM {table}"))


async def test_an_opt_out_holds_for_every_customer_the_address_belongs_to(desk: Desk) -> None:
    for customer in ("C-8", "C-9"):
        await desk.directory.load(
            [DirectoryRow(customer_id=customer, site_id="1", services="power", email="customer1@example.net")]
        )
    await desk.consents.opt_out(1, "link")
    for customer in ("C-8", "C-9"):
        view = desk.database.read_now(lambda tx, reference=customer: customers.show(tx, reference))
        assert view is not None
        ((outage, *_),) = (point.consents for point in view.contact_points)
        assert not outage.allowed


async def test_of_two_pages_saved_at_once_one_is_taken_whatever_the_database(desk: Desk) -> None:
    own = OwnPreferences(desk.database, desk.config, desk.clock, desk.queue, desk.consents)
    shown = (await own.read(1)).fingerprint
    wanted = [
        Choices(locale="en", purposes=frozenset(), channels=frozenset({Channel.EMAIL}), sites=frozenset({1})),
        Choices(locale="en", purposes=frozenset(Purpose), channels=frozenset(), sites=frozenset({1})),
    ]
    saved = await asyncio.gather(*(own.save(1, each, lambda now: now.fingerprint == shown) for each in wanted))
    assert sorted(each.outdated for each in saved) == [False, True]
    (taken,) = (place for place, each in enumerate(saved) if not each.outdated)
    assert await desk.allowed() is (taken == 1)
    assert desk.rows("SELECT count(*) FROM audit") == [(1,)]


# --- the address comes back


async def came_back(desk: Desk) -> str | None:
    """Delete the contact point and import its address again."""
    desk.run("DELETE FROM contact_points")
    await desk.directory.load(
        [DirectoryRow(customer_id="C-9", site_id="1", services="power", email="Customer1@example.net")]
    )
    return desk.suppressed()


async def test_an_opt_out_of_everything_outlives_the_contact_point(all_desk: Desk) -> None:
    await all_desk.consents.opt_out(1, "link")
    assert await came_back(all_desk) == "opted_out"
    assert all_desk.rows("SELECT count(*) FROM suppressions WHERE contact_point_id IS NULL") == [(0,)]


async def test_a_refused_purpose_outlives_the_contact_point(desk: Desk) -> None:
    await desk.consents.opt_out(1, "link")
    assert await came_back(desk) is None
    assert desk.words() == [("outage", "refused", "link", "")]


async def test_an_opt_out_of_an_address_that_is_not_on_file_holds_when_it_comes(database: Database) -> None:
    desk = Desk(database)
    hashed = address_hash("a secret", "customer1@example.net")
    desk.database.write_now(
        lambda tx: suppressions.remember(
            tx, SuppressionReason.OPTED_OUT, source="sms", wording="STOP", hashed=hashed, now=desk.clock.now()
        )
    )
    assert await came_back(desk) == "opted_out"


async def test_who_opted_in_before_the_deletion_is_not_stopped_after_it(all_desk: Desk) -> None:
    await all_desk.consents.opt_out(1, "link")
    await all_desk.consents.opt_in(1, "link")
    assert await came_back(all_desk) is None


async def test_a_lifted_suppression_does_not_come_back_with_the_next_import(all_desk: Desk) -> None:
    await all_desk.consents.opt_out(1, "link")
    assert await came_back(all_desk) == "opted_out"
    (point,) = all_desk.rows("SELECT id FROM contact_points")[0]
    await all_desk.consents.opt_in(point, "call")
    await all_desk.directory.load(
        [DirectoryRow(customer_id="C-9", site_id="1", services="power", email="customer1@example.net")]
    )
    assert all_desk.suppressed() is None


# --- what the directory says


ROW = DirectoryRow(customer_id="C-9", site_id="1", services="power", email="customer1@example.net")


async def say(desk: Desk, **columns: str) -> list[tuple[Any, ...]]:
    result = await desk.directory.load([replace(ROW, **columns)])
    assert result.loaded == 1, result.rejected
    return desk.rows("SELECT purpose, state, source FROM consents ORDER BY purpose")


async def test_a_file_says_yes_and_no_with_basis_and_source(desk: Desk) -> None:
    said = await say(desk, consent_outage="yes", consent_survey="no", consent_source="web form")
    assert said == [("outage", "granted", "web form"), ("survey", "refused", "web form")]
    assert [each.actor for each in (await desk.consents.show(1)).history] == ["directory", "directory"]


async def test_a_file_that_is_repeated_changes_nothing(desk: Desk) -> None:
    for _ in range(3):
        await say(desk, consent_outage="yes")
    assert desk.rows("SELECT count(*) FROM consent_log") == [(1,)]


async def test_a_file_that_says_nothing_leaves_what_was_said(desk: Desk) -> None:
    await say(desk, consent_outage="no")
    assert await say(desk) == [("outage", "refused", "directory")]


async def test_a_yes_of_a_file_never_takes_back_a_customers_own_no(desk: Desk) -> None:
    await say(desk, consent_outage="no")
    await desk.consents.opt_in(1, "sms")
    await desk.consents.opt_out(1, "sms")
    assert await say(desk, consent_outage="yes") == [("outage", "refused", "sms")]


async def test_a_no_that_is_new_in_a_file_is_taken_and_an_old_one_does_not_undo_a_start(desk: Desk) -> None:
    await say(desk, consent_outage="yes")
    assert await say(desk, consent_outage="no") == [("outage", "refused", "directory")]
    await desk.consents.opt_in(1, "sms", wording="START")
    assert await say(desk, consent_outage="no") == [("outage", "granted", "sms")]


async def test_hours_of_a_file_hold_until_somebody_chooses_their_own(desk: Desk) -> None:
    await say(desk, quiet_from="22:00", quiet_until="7:00")
    assert desk.rows("SELECT quiet_from, quiet_until FROM contact_points") == [(1320, 420)]
    desk.run("UPDATE contact_points SET quiet_from = 60, quiet_until = 120, chosen = '|quiet|'")
    await say(desk, quiet_from="22:00", quiet_until="7:00")
    assert desk.rows("SELECT quiet_from, quiet_until FROM contact_points") == [(60, 120)]


async def test_a_language_somebody_chose_is_not_taken_back_by_a_file(desk: Desk) -> None:
    desk.run("UPDATE contact_points SET locale = 'es', chosen = '|locale|'")
    await say(desk, locale="en")
    assert desk.rows("SELECT locale FROM contact_points") == [("es",)]


async def test_each_contact_of_a_row_may_have_its_own_word(desk: Desk) -> None:
    await say(desk, phone="415 555 0101", consent_outage="email=no|phone=yes")
    assert desk.rows(
        "SELECT p.kind, o.state FROM consents AS o JOIN contact_points AS p ON p.id = o.contact_point_id ORDER BY 1"
    ) == [("email", "refused"), ("mobile", "granted")]


@pytest.mark.parametrize(
    ("columns", "column", "reason"),
    [
        ({"consent_outage": "maybe"}, "consent.outage", "is neither yes nor no"),
        ({"consent_offer": "fax=yes"}, "consent.offer", "'fax' is no column of a contact"),
        ({"consent_survey": "yes|email=no"}, "consent.survey", "says something of one contact twice"),
        ({"consent_survey": "yes", "consent_basis": "x" * 101}, "consent.basis", "is longer than 100 characters"),
        ({"quiet_from": "22:00"}, "quiet_from", "only one of quiet_from and quiet_until"),
        ({"quiet_from": "24:00", "quiet_until": "7:00"}, "quiet_from", "is no time of the day"),
        ({"quiet_from": "7:00", "quiet_until": "07:00"}, "quiet_from", "the whole day"),
    ],
)
async def test_a_row_with_a_wrong_word_is_refused_with_the_reason(
    desk: Desk, columns: dict[str, str], column: str, reason: str
) -> None:
    result = await desk.directory.load([replace(ROW, **columns)])
    (rejected,) = result.rejected
    assert rejected.column == column
    assert reason in rejected.reason


async def test_a_word_about_a_contact_that_is_not_there_is_left_out_and_said(desk: Desk) -> None:
    result = await desk.directory.load([replace(ROW, consent_outage="phone=yes")])
    assert [warning.reason for warning in result.warnings] == ["left out: there is no phone"]
    assert desk.words() == []
