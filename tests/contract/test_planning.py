"""What planning promises on every database: each affected customer told once or named with a reason, no one else."""

import contextlib
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import pytest

from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.caps import Caps
from notifier.domain.incident import IncidentState
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import previews, texts
from notifier.storage.repositories import audience, broadcasts, incidents, neighbours, planning
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.planning import Cursor
from tests.control_room import FakeMessages
from tests.incident_town import MORNING, Town

BOTH = (Channel.EMAIL, Channel.SMS)


@dataclass
class Desk:
    """An incident whose broadcasts are planned by hand."""

    database: Database
    incident_id: int
    service: str = "power"
    channels: tuple[Channel, ...] = (Channel.EMAIL,)

    def broadcast(self, kind: BroadcastKind = BroadcastKind.ACKNOWLEDGED) -> int:
        def make(tx: Transaction) -> int:
            incident = incidents.load(tx, self.incident_id)
            which = broadcasts.create(
                tx,
                incident_id=self.incident_id,
                part_id=incident.part.id,
                kind=kind,
                facts=Facts(service=self.service),
                changes=None,
                now=MORNING,
                by="ann",
                correlation_id="c",
                automatic=True,
            )
            tx.run("UPDATE broadcasts SET state = 'sending', started_at = 1 WHERE id = :id", id=which)
            return which

        return self.database.write_now(make)

    def scope(self, tx: Transaction, which: int) -> Scope:
        return Scope(
            incident_id=self.incident_id,
            service=self.service,
            region_ids=tuple(incidents.place_regions(tx, self.incident_id)),
            channels=self.channels,
            only_told=broadcasts.load(tx, which).kind is BroadcastKind.CORRECTION,
            but=which,
            neighbours=neighbours.of(tx, incidents.load(tx, self.incident_id), broadcasts.load(tx, which).kind),
        )

    def chunk(self, which: int, cursor: Cursor | None, at_most: int) -> Cursor | None:
        def plan(tx: Transaction) -> Cursor | None:
            return planning.plan_chunk(
                tx,
                which,
                self.scope(tx, which),
                cursor or Cursor(source=0, after=0),
                at_most=at_most,
                due_at=MORNING,
                now=MORNING,
            ).upto

        return self.database.write_now(plan)

    def plan(self, which: int, at_most: int = 100) -> int:
        """Plan a broadcast to its end; return in how many chunks."""
        cursor, chunks = self.chunk(which, None, at_most), 1
        while cursor is not None:
            cursor, chunks = self.chunk(which, cursor, at_most), chunks + 1
        return chunks

    def outcomes(self, which: int) -> dict[str, str]:
        """Return the outcome of each customer by its reference."""
        return self.database.read_now(
            lambda tx: dict(
                tx.tuples(
                    """SELECT c.reference, a.outcome FROM audience AS a JOIN customers AS c ON c.id = a.customer_id
                       WHERE a.broadcast_id = :b""",
                    b=which,
                )
            )
        )

    def carried(self, which: int) -> dict[str, list[int]]:
        """Return the sites that each notification carries, by address."""
        rows = self.database.read_now(
            lambda tx: tx.tuples(
                """SELECT c.address, an.site_id FROM notifications AS n
                   JOIN contact_points AS c ON c.id = n.contact_point_id
                   LEFT JOIN audience_notifications AS an
                     ON an.broadcast_id = n.broadcast_id AND an.contact_point_id = n.contact_point_id
                   WHERE n.broadcast_id = :b ORDER BY c.address, an.site_id""",
                b=which,
            )
        )
        carried: dict[str, list[int]] = {}
        for address, site in rows:
            carried.setdefault(address, []).append(site)
        return carried

    def hand_over(self, which: int, state: str = "sent") -> None:
        self.database.write_now(
            lambda tx: tx.run(
                "UPDATE notifications SET state = :state, facts = '{}' WHERE broadcast_id = :b", state=state, b=which
            )
        )

    def preview(self, which: int) -> object:
        playbook = Playbook(name="standard", services=(self.service,), channels=self.channels)
        outlook = previews.Outlook(
            playbook=playbook,
            rates={Channel.EMAIL: 10.0},
            take_back=timedelta(),
            time_zone="UTC",
            kinds=("postal_code",),
            default_locale="en",
            now=MORNING,
            words=FakeMessages(),
            caps=Caps(every=timedelta(), sms_per_day=6),
            terms=texts.terms(Config()),
        )
        return self.database.read_now(lambda tx: previews.preview(tx, which, outlook))


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


def desk(
    town: Town, *regions: int, sites: Sequence[int] = (), channels: tuple[Channel, ...] = (Channel.EMAIL,)
) -> Desk:
    def make(tx: Transaction) -> int:
        return incidents.open_incident(
            tx,
            service="power",
            impact="down",
            playbook="standard",
            state=IncidentState.CONFIRMED,
            region_ids=regions,
            site_ids=sites,
            started_at=MORNING,
            now=MORNING,
            by="ann",
            correlation_id="c",
        )

    return Desk(town.database, town.database.write_now(make), channels=channels)


def test_everyone_affected_is_told_and_nobody_else(town: Town) -> None:
    here, there = town.region("94110"), town.region("94199")
    town.household("here", here)
    town.household("there", there)
    town.household("other-service", here, services="|internet|")
    town.household("ended", here, status="ended")
    town.household("paused", here, status="paused")
    room = desk(town, here)
    which = room.broadcast()
    room.plan(which)
    assert room.outcomes(which) == {"here": "told"}
    assert list(room.carried(which)) == ["here@example.net"]


def test_each_customer_not_told_has_its_reason(town: Town) -> None:
    here = town.region("94110")

    def home(name: str, **contact: object) -> None:
        customer = town.customer(name)
        site = town.site(customer, here)
        if contact:
            town.contact(customer, [site], f"{name}@example.net", **contact)  # type: ignore[arg-type]

    home("nothing")
    home("mobile-only", kind="mobile")
    home("unsubscribed", suppressed="opted_out")
    home("refused", refused=True)
    home("bounced", suppressed="bad_address")
    room = desk(town, here)
    which = room.broadcast()
    room.plan(which)
    assert room.outcomes(which) == {
        "nothing": "no_contact_point",
        "mobile-only": "no_channel",
        "unsubscribed": "opted_out",
        "refused": "opted_out",
        "bounced": "suppressed",
    }
    assert room.carried(which) == {}


def test_the_first_reachable_contact_point_in_channel_order_is_told(town: Town) -> None:
    here = town.region("94110")
    for name, suppressed in (("a", None), ("b", "bad_address")):
        customer = town.customer(name)
        site = town.site(customer, here)
        town.contact(customer, [site], f"+1415555000{ord(name) % 10}", kind="mobile", position=0)
        town.contact(customer, [site], f"{name}@example.net", position=1, suppressed=suppressed)
    room = desk(town, here, channels=BOTH)
    which = room.broadcast()
    room.plan(which)
    assert sorted(room.carried(which)) == ["+14155550008", "a@example.net"]
    channels = town.database.read_now(lambda tx: tx.tuples("SELECT channel FROM notifications ORDER BY channel"))
    assert channels == [("email",), ("sms",)]


def test_among_equals_the_position_in_the_row_decides_then_the_older_one(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    site = town.site(customer, here)
    for address, position in (("third@x.net", 1), ("second@x.net", 0), ("first@x.net", 0)):
        town.contact(customer, [site], address, position=position)
    room = desk(town, here)
    which = room.broadcast()
    room.plan(which)
    assert list(room.carried(which)) == ["second@x.net"]


def test_every_role_is_told_on_its_own(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    site = town.site(customer, here)
    for role in ("owner", "carer", "household"):
        town.contact(customer, [site], f"{role}@example.net", role=role)
    town.contact(customer, [site], "owner2@example.net", position=1)
    room = desk(town, here)
    which = room.broadcast()
    room.plan(which)
    assert sorted(room.carried(which)) == ["carer@example.net", "household@example.net", "owner@example.net"]


def test_one_message_lists_every_affected_site_of_a_contact_point(town: Town) -> None:
    here, also, away = town.region("94110"), town.region("94112"), town.region("94199")
    customer = town.customer("shops")
    sites = [town.site(customer, region, reference=str(n)) for n, region in enumerate((here, also, away, here))]
    town.contact(customer, sites, "boss@example.net")
    room = desk(town, here, also)
    which = room.broadcast()
    room.plan(which, at_most=1)
    assert room.carried(which) == {"boss@example.net": [sites[0], sites[1], sites[3]]}


def test_a_site_whose_own_contact_point_differs_is_told_there(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("shops")
    first, second = (town.site(customer, here, reference=str(n)) for n in (1, 2))
    town.contact(customer, [first], "north@example.net", role="site_manager")
    town.contact(customer, [second], "south@example.net", role="site_manager")
    room = desk(town, here)
    which = room.broadcast()
    room.plan(which)
    assert room.carried(which) == {"north@example.net": [first], "south@example.net": [second]}


def test_a_household_that_shares_a_contact_point_is_whole_in_its_chunk(town: Town) -> None:
    here = town.region("94110")
    sites = []
    for name in ("a", "b", "c"):  # a and b share one address, b and c another
        customer = town.customer(name)
        site = town.site(customer, here)
        sites.append(site)
        if name in "ab":
            town.contact(customer, [site], "ab@example.net", role="household")
        if name in "bc":
            town.contact(customer, [site], "bc@example.net", role="owner")
    room = desk(town, here)
    which = room.broadcast()
    room.chunk(which, None, at_most=1)
    assert room.outcomes(which) == {"a": "told", "b": "told", "c": "told"}
    assert room.carried(which) == {"ab@example.net": sites[:2], "bc@example.net": sites[1:]}


def test_a_customer_with_one_reachable_site_is_told_whatever_comes_first(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    town.site(customer, here, reference="1")
    town.contact(customer, [town.site(customer, here, reference="2")], "a@example.net")
    room = desk(town, here)
    which = room.broadcast()
    room.plan(which, at_most=1)
    assert room.outcomes(which) == {"a": "told"}


def test_overlapping_regions_and_lists_tell_each_site_once(town: Town) -> None:
    postal, city = town.region("94110"), town.region("Riverside", kind="city")
    for name in "abc":
        town.household(name, postal, city)
    sites = town.database.read_now(lambda tx: [row[0] for row in tx.tuples("SELECT id FROM sites ORDER BY id")])
    room = desk(town, postal, city, sites=sites[:2])
    which = room.broadcast()
    room.plan(which, at_most=2)
    assert room.outcomes(which) == dict.fromkeys("abc", "told")
    assert [len(listed) for listed in room.carried(which).values()] == [1, 1, 1]


def test_a_list_of_sites_is_told_and_no_other_site(town: Town) -> None:
    here = town.region("94110")
    town.household("a", here)
    town.household("b", here)
    site = town.database.read_now(lambda tx: tx.scalar("SELECT MIN(id) FROM sites"))
    room = desk(town, sites=[site])
    which = room.broadcast()
    room.plan(which)
    assert room.outcomes(which) == {"a": "told"}


def test_planning_again_changes_nothing_even_when_somebody_opted_out(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    site = town.site(customer, here)
    point = town.contact(customer, [site], "a@example.net")
    town.contact(customer, [site], "+14155550100", kind="mobile", position=1)
    town.household("b", here)
    room = desk(town, here, channels=BOTH)
    which = room.broadcast()
    room.plan(which)
    before = room.carried(which)
    room.hand_over(which)
    town.database.write_now(
        lambda tx: tx.run("UPDATE contact_points SET suppressed = 'opted_out' WHERE id = :id", id=point)
    )
    room.plan(which)
    assert room.carried(which) == before
    assert room.outcomes(which) == {"a": "told", "b": "told"}


def test_late_joiners_are_added_and_a_message_that_has_left_is_not_rewritten(town: Town) -> None:
    here = town.region("94110")
    shared = town.customer("shared")
    first = town.site(shared, here, reference="1")
    town.contact(shared, [first], "boss@example.net")
    room = desk(town, here)
    which = room.broadcast()
    room.plan(which)
    room.hand_over(which)
    neighbour, second = town.customer("neighbour"), town.site(shared, here, reference="2")
    town.contact(shared, [second], "boss@example.net")
    town.contact(neighbour, [town.site(neighbour, here)], "boss@example.net")
    town.household("new", here)
    room.plan(which)
    assert room.outcomes(which) == {"shared": "told", "neighbour": "duplicate_contact_point", "new": "told"}
    assert room.carried(which)["boss@example.net"] == [first]


def test_a_later_update_names_those_whose_contract_ended_meanwhile(town: Town) -> None:
    here = town.region("94110")
    for name in ("a", "b", "c"):
        town.household(name, here)
    room = desk(town, here)
    first = room.broadcast()
    room.plan(first)
    room.hand_over(first)
    town.database.write_now(
        lambda tx: tx.run("UPDATE sites SET status = 'ended' WHERE id = (SELECT MIN(id) FROM sites)")
    )
    second = room.broadcast(BroadcastKind.RESTORED)
    room.plan(second, at_most=1)
    assert room.outcomes(second) == {"a": "site_ended", "b": "told", "c": "told"}


@pytest.mark.parametrize("state", ["sending", "sent", "delivered", "undelivered", "in_doubt", "held"])
def test_a_correction_goes_to_whoever_may_have_been_told(town: Town, state: str) -> None:
    here = town.region("94110")
    for name in ("a", "b", "c", "d"):
        town.household(name, here)
    room = desk(town, here)
    first = room.broadcast()
    room.plan(first)
    town.database.write_now(
        lambda tx: tx.run("UPDATE notifications SET state = :state WHERE contact_point_id IN (1, 3)", state=state)
    )
    town.database.write_now(lambda tx: tx.run("UPDATE sites SET status = 'ended' WHERE id = 1"))
    correction = room.broadcast(BroadcastKind.CORRECTION)
    room.plan(correction, at_most=1)
    assert room.outcomes(correction) == {"a": "told", "c": "told"}
    assert sorted(room.carried(correction)) == ["a@example.net", "c@example.net"]


def test_a_correction_respects_who_opted_out_meanwhile(town: Town) -> None:
    here = town.region("94110")
    town.household("a", here)
    room = desk(town, here)
    first = room.broadcast()
    room.plan(first)
    room.hand_over(first)
    town.database.write_now(lambda tx: tx.run("UPDATE contact_points SET suppressed = 'opted_out'"))
    correction = room.broadcast(BroadcastKind.CORRECTION)
    room.plan(correction)
    assert room.outcomes(correction) == {"a": "opted_out"}
    assert room.carried(correction) == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_preview_counts_what_planning_does(town: Town, seed: int) -> None:
    """On a random town with every kind of tangle, whatever the size of the chunks."""
    chance = random.Random(seed)  # noqa: S311  # a town, not a secret
    regions = [town.region(code) for code in ("94110", "94112", "94199")]
    for number in range(60):
        customer = town.customer(f"c{number}")
        for reference in range(chance.choice((1, 1, 1, 2, 3))):
            site = town.site(
                customer,
                chance.choice(regions),
                reference=str(reference),
                status=chance.choice(("active", "active", "active", "ended")),
                services=chance.choice(("|power|", "|power|internet|", "|internet|")),
            )
            for position in range(chance.choice((0, 1, 2))):
                kind = chance.choice(("email", "email", "mobile", "landline"))
                role = chance.choice(("owner", "carer"))
                with contextlib.suppress(sqlite3.IntegrityError, asyncpg.UniqueViolationError):  # the same link twice
                    town.contact(
                        customer,
                        [site],
                        f"{kind}{chance.randrange(40)}",
                        kind=kind,
                        role=role,
                        position=position,
                        suppressed=chance.choice((None, None, None, "bad_address", "opted_out")),
                    )
    room = desk(town, *regions[:2], channels=BOTH)
    which = room.broadcast()
    preview = room.preview(which)
    room.plan(which, at_most=chance.choice((1, 3, 7)))
    outcomes = list(room.outcomes(which).values())
    told = outcomes.count("told")
    assert preview.customers == len(outcomes)  # type: ignore[attr-defined]
    assert preview.not_told == {  # type: ignore[attr-defined]
        reason: outcomes.count(reason) for reason in sorted(set(outcomes) - {"told"})
    }
    assert told + sum(preview.not_told.values()) == len(outcomes)  # type: ignore[attr-defined]
    assert preview.notifications == len(room.carried(which))  # type: ignore[attr-defined]
    counted = town.database.read_now(lambda tx: audience.customers(tx, room.scope(tx, which)))
    assert counted == len(outcomes)
    for sites in room.carried(which).values():
        assert len(sites) == len(set(sites))
        assert None not in sites


# --- who hears first


def in_line(room: Desk, which: int) -> list[str]:
    """Return the addresses of a broadcast in the order in which claims take them."""
    rows = room.database.read_now(
        lambda tx: tx.tuples(
            """SELECT c.address FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
               WHERE n.broadcast_id = :b ORDER BY n.due_at, n.id""",
            b=which,
        )
    )
    return [str(row[0]) for row in rows]


@pytest.mark.parametrize("at_most", [1, 100])
def test_priority_hears_first_then_who_reported_then_who_has_one_channel_only_then_the_rest(
    town: Town, at_most: int
) -> None:
    here = town.region("94110")

    def home(name: str, *kinds: str, **site: int) -> int:
        customer = town.customer(name)
        at = [town.site(customer, here, **site)]  # type: ignore[arg-type]
        for position, kind in enumerate(kinds):
            address = f"{name}@example.net" if kind == "email" else f"+1415555{customer:04}"
            town.contact(customer, at, address, kind=kind, position=position)
        return customer

    home("rest", "email", "mobile")
    home("one-channel", "email")
    reporter = home("reporter", "email", "mobile")
    home("priority", "email", "mobile", priority=1)
    elsewhere = town.customer("elsewhere")
    town.contact(elsewhere, [town.site(elsewhere, town.region("94199"), priority=1)], "elsewhere@example.net")
    for customer, service, minutes in (
        (reporter, "power", 5),
        (elsewhere, "power", 5),
        (1, "power", -5),
        (1, "water", 5),
    ):
        town.database.write_now(
            lambda tx, customer=customer, service=service, minutes=minutes: tx.run(
                """INSERT INTO complaints (source, reporter, customer_id, service, occurred_at, received_at,
                                           effective_at, regions, counted_regions, correlation_id)
                   VALUES ('api', 'x', :customer, :service, :at, :at, :at, '[]', '[]', 'c')""",
                customer=customer,
                service=service,
                at=to_micros(MORNING + timedelta(minutes=minutes)),
            )
        )
    room = desk(town, here, channels=BOTH)
    which = room.broadcast()
    room.plan(which, at_most=at_most)
    ordered = ["priority@example.net", "reporter@example.net", "one-channel@example.net", "rest@example.net"]
    assert in_line(room, which) == ordered


# --- a site in two incidents


def test_a_site_in_two_incidents_hears_of_one_until_both_are_over(town: Town) -> None:
    here, node = town.region("94110"), town.region("OLT-7", kind="node")
    town.household("here", here)
    town.household("there", node)
    customer = town.customer("both")
    town.contact(customer, [town.site(customer, here, node)], "both@example.net")
    street, line = desk(town, here), desk(town, node)
    first = street.broadcast()
    street.plan(first)
    street.hand_over(first)
    second = line.broadcast()
    line.plan(second)
    assert line.outcomes(second) == {"there": "told", "both": "hears_of_another"}
    assert line.preview(second).not_told == {"hears_of_another": 1}  # type: ignore[attr-defined]
    again = street.broadcast(BroadcastKind.ETA)
    street.plan(again)
    assert street.outcomes(again) == {"here": "told", "both": "told"}
    over = street.broadcast(BroadcastKind.RESTORED)
    street.plan(over)
    assert street.outcomes(over) == {"here": "told", "both": "hears_of_another"}
    town.database.write_now(
        lambda tx: tx.run("UPDATE incidents SET state = 'resolved' WHERE id = :id", id=street.incident_id)
    )
    last = line.broadcast(BroadcastKind.RESTORED)
    line.plan(last)
    assert line.outcomes(last) == {"there": "told", "both": "told"}


def test_incidents_that_share_no_site_know_nothing_of_each_other(town: Town) -> None:
    here, there, node = town.region("94110"), town.region("94112"), town.region("OLT-7", kind="node")
    town.household("here", here)
    town.household("there", there, node)
    one, other = desk(town, here), desk(town, node)
    for each in (one, other):
        which = each.broadcast()
        each.plan(which)
        assert list(each.outcomes(which).values()) == ["told"]
    found = town.database.read_now(lambda tx: neighbours.of(tx, incidents.load(tx, one.incident_id), BroadcastKind.ETA))
    assert found == neighbours.NONE
