"""What contact points said decides whom planning tells, and who was not reached is listed for a person to call."""

from collections.abc import Iterable

import pytest

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.consent import CONTRACT, Basis, Purpose, purpose_of
from notifier.domain.incident import IncidentState
from notifier.domain.notification import Channel
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import unreached
from notifier.storage.repositories import broadcasts, contact_points, incidents, planning
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.planning import Cursor
from notifier.storage.views import UnreachedView
from tests.incident_town import AT, MORNING, Town

NOTHING_COVERED = Basis(name="nothing", purposes=frozenset())


class Desk:
    """An outage in one place whose broadcast is planned by hand."""

    def __init__(self, town: Town, *regions: int) -> None:
        self.town, self.database = town, town.database

        def make(tx: Transaction) -> int:
            return incidents.open_incident(
                tx,
                service="power",
                impact="down",
                playbook="standard",
                state=IncidentState.CONFIRMED,
                region_ids=regions,
                site_ids=(),
                started_at=MORNING,
                now=MORNING,
                by="ann",
                correlation_id="c",
            )

        self.incident_id = self.database.write_now(make)

    def plan(
        self,
        kind: BroadcastKind = BroadcastKind.ACKNOWLEDGED,
        *,
        basis: Basis = CONTRACT,
        channels: tuple[Channel, ...] = (Channel.EMAIL, Channel.SMS),
    ) -> int:
        """Plan a broadcast and return it."""

        def work(tx: Transaction) -> int:
            incident = incidents.load(tx, self.incident_id)
            which = broadcasts.create(
                tx,
                incident_id=self.incident_id,
                part_id=incident.part.id,
                kind=kind,
                facts=Facts(service="power"),
                changes=None,
                now=MORNING,
                by="ann",
                correlation_id="c",
                automatic=True,
            )
            tx.run("UPDATE broadcasts SET state = 'sending', started_at = 1 WHERE id = :id", id=which)
            scope = Scope(
                incident_id=self.incident_id,
                service="power",
                region_ids=tuple(incidents.place_regions(tx, self.incident_id)),
                channels=channels,
                but=which,
                purpose=purpose_of(kind),
                basis=basis,
            )
            cursor: Cursor | None = Cursor(source=0, after=0)
            while cursor is not None:
                cursor = planning.plan_chunk(tx, which, scope, cursor, at_most=1_000, due_at=MORNING, now=MORNING).upto
            return which

        return self.database.write_now(work)

    def outcomes(self, which: int) -> dict[str, str]:
        return self.database.read_now(
            lambda tx: dict(
                tx.tuples(
                    """SELECT c.reference, a.outcome FROM audience AS a JOIN customers AS c ON c.id = a.customer_id
                       WHERE a.broadcast_id = :b""",
                    b=which,
                )
            )
        )

    def told(self, which: int) -> list[tuple[str, str]]:
        return self.database.read_now(
            lambda tx: tx.tuples(
                """SELECT p.address, n.channel FROM notifications AS n
                   JOIN contact_points AS p ON p.id = n.contact_point_id WHERE n.broadcast_id = :b ORDER BY 1""",
                b=which,
            )
        )

    def run(self, sql: str, **values: object) -> None:
        self.database.write_now(lambda tx: tx.run(sql, **values))

    def become(self, state: str, reason: str, *, address: str = "%") -> None:
        """Let the messages to an address end."""
        self.run(
            """UPDATE notifications SET state = :state, reason = :reason WHERE contact_point_id IN
               (SELECT id FROM contact_points WHERE address LIKE :address)""",
            state=state,
            reason=reason,
            address=address,
        )

    def unreached(self, which: int) -> list[UnreachedView]:
        return self.database.read_now(lambda tx: unreached.details(tx, which, unreached.places(tx, which)))


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


def say(town: Town, point: int, purpose: Purpose, state: str) -> None:
    town.database.write_now(
        lambda tx: tx.run(
            """INSERT INTO consents (contact_point_id, purpose, state, source, changed_at)
               VALUES (:point, :purpose, :state, 'link', :at)""",
            point=point,
            purpose=purpose,
            state=state,
            at=AT,
        )
    )


# --- planning asks


@pytest.mark.parametrize("refused", Purpose)
def test_a_refused_purpose_is_refused_for_the_kinds_of_that_purpose_alone(town: Town, refused: Purpose) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    point = town.contact(customer, [town.site(customer, here)], "a@example.net")
    say(town, point, refused, "refused")
    desk = Desk(town, here)
    for kind in (BroadcastKind.ETA, BroadcastKind.PLANNED_NOTICE, BroadcastKind.FOLLOW_UP):
        expected = "opted_out" if purpose_of(kind) is refused else "told"
        assert desk.outcomes(desk.plan(kind)) == {"a": expected}, kind


def test_where_no_basis_covers_it_only_those_who_said_yes_are_told(town: Town) -> None:
    here = town.region("94110")
    for name in ("silent", "yes", "no"):
        customer = town.customer(name)
        point = town.contact(customer, [town.site(customer, here)], f"{name}@example.net")
        if name != "silent":
            say(town, point, Purpose.OUTAGE, "granted" if name == "yes" else "refused")
    desk = Desk(town, here)
    assert desk.outcomes(desk.plan(basis=NOTHING_COVERED)) == {
        "silent": "opted_out",
        "yes": "told",
        "no": "opted_out",
    }


def test_who_paused_the_incident_is_not_told_and_hears_of_the_next_one(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    point = town.contact(customer, [town.site(customer, here)], "a@example.net")
    desk, other = Desk(town, here), Desk(town, here)
    town.database.write_now(lambda tx: contact_points.pause(tx, point, desk.incident_id, now=MORNING))
    assert desk.outcomes(desk.plan()) == {"a": "paused_by_customer"}
    assert other.outcomes(other.plan()) == {"a": "told"}


def test_a_channel_that_is_off_is_passed_over_for_the_next_address(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    site = town.site(customer, here)
    town.contact(customer, [site], "a@example.net")
    town.contact(customer, [site], "+14155550101", kind="mobile", position=1)
    desk = Desk(town, here)
    desk.run("UPDATE contact_points SET channels_off = '|email|' WHERE kind = 'email'")
    assert desk.told(desk.plan()) == [("+14155550101", "sms")]
    desk.run("UPDATE contact_points SET channels_off = '|sms|voice|' WHERE kind = 'mobile'")
    assert desk.outcomes(desk.plan()) == {"a": "no_channel"}


def test_a_muted_site_is_not_told_of_and_the_others_are(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    barn, home = town.site(customer, here, reference="1"), town.site(customer, here, reference="2")
    point = town.contact(customer, [barn, home], "a@example.net")
    town.database.write_now(lambda tx: contact_points.mute(tx, point, [barn], now=MORNING))
    desk = Desk(town, here)
    which = desk.plan()
    carried = town.database.read_now(lambda tx: tx.tuples("SELECT site_id FROM audience_notifications"))
    assert carried == [(home,)]
    assert desk.outcomes(which) == {"a": "told"}


def test_what_waits_about_nothing_but_muted_sites_is_stopped_at_once(town: Town) -> None:
    here = town.region("94110")
    customer = town.customer("a")
    barn, home = town.site(customer, here, reference="1"), town.site(customer, here, reference="2")
    point = town.contact(customer, [barn, home], "a@example.net")
    Desk(town, here).plan()

    def state() -> object:
        return town.database.read_now(lambda tx: tx.tuples("SELECT state, reason FROM notifications"))

    town.database.write_now(lambda tx: contact_points.mute(tx, point, [barn], now=MORNING))
    assert state() == [("pending", "planned")]
    town.database.write_now(lambda tx: contact_points.mute(tx, point, [home], now=MORNING))
    assert state() == [("suppressed", "opted_out")]


# --- who was not reached


def home(town: Town, region: int, name: str, contacts: Iterable[tuple[str, str, str | None]], **site: object) -> None:
    """Add a customer with a site and contacts of (kind, address, suppression)."""
    customer = town.customer(name)
    id_ = town.site(customer, region, **site)  # type: ignore[arg-type]
    for position, (kind, address, suppressed) in enumerate(contacts):
        town.contact(customer, [id_], address, kind=kind, position=position, suppressed=suppressed)


def test_those_without_a_way_are_listed_priority_first_then_by_street(town: Town) -> None:
    here = town.region("94110")
    home(town, here, "nothing", [], address="9 Elm St")
    home(town, here, "landline", [("landline", "+14155550100", None)], address="3 Ash St")
    home(town, here, "bounced", [("email", "b@example.net", "bad_address")], address="1 Oak St", priority=1)
    home(town, here, "reached", [("email", "r@example.net", None)], address="2 Oak St")
    home(town, here, "refused", [("email", "x@example.net", "opted_out")], address="4 Oak St")
    home(town, here, "refused-priority", [("email", "y@example.net", "opted_out")], address="5 Oak St", priority=1)
    desk = Desk(town, here)
    found = desk.unreached(desk.plan())
    assert [(each.customer, each.address, each.priority) for each in found] == [
        ("bounced", "1 Oak St", True),
        ("refused-priority", "5 Oak St", True),
        ("landline", "3 Ash St", False),
        ("nothing", "9 Elm St", False),
    ]
    assert [each.why for each in found] == [
        ["email: bad address"],
        ["email: opted out"],
        ["landline: no channel of the playbook"],
        ["nothing on file"],
    ]
    assert [each.call for each in found] == [[], [], ["+14155550100"], []]


def test_who_failed_on_all_is_listed_with_the_reason_per_channel(town: Town) -> None:
    here = town.region("94110")
    home(town, here, "a", [("email", "a@example.net", None), ("mobile", "+14155550101", None)])
    desk = Desk(town, here)
    which = desk.plan()
    assert desk.unreached(which) == [], "it still waits"
    desk.become("failed", "permanent_failure")
    (found,) = desk.unreached(which)
    assert found.call == ["+14155550101"]
    assert found.why == ["email: failed (permanent failure)", "mobile: no channel of the playbook"]


@pytest.mark.parametrize("state", ["sent", "delivered", "pending", "in_doubt", "held", "sending"])
def test_a_fallback_that_succeeded_or_is_under_way_takes_somebody_off(town: Town, state: str) -> None:
    here = town.region("94110")
    home(town, here, "a", [("email", "a@example.net", None), ("mobile", "+14155550101", None)])
    desk = Desk(town, here)
    which = desk.plan()
    desk.become("failed", "permanent_failure")
    desk.run(
        """INSERT INTO notifications (broadcast_id, contact_point_id, channel, state, reason, due_at, planned_at)
           SELECT :b, id, 'sms', :state, 'fallback', 1, 1 FROM contact_points WHERE kind = 'mobile'""",
        b=which,
        state=state,
    )
    desk.run(
        """INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
           SELECT an.broadcast_id, p.id, an.site_id, an.customer_id FROM audience_notifications AS an
           JOIN contact_points AS p ON p.kind = 'mobile' WHERE an.broadcast_id = :b""",
        b=which,
    )
    assert desk.unreached(which) == []
    desk.become("undelivered", "provider_reported", address="+1%")
    (found,) = desk.unreached(which)
    assert found.why == ["email: failed (permanent failure)", "sms: undelivered (provider reported)"]


@pytest.mark.parametrize(
    ("state", "reason", "priority", "listed"),
    [
        ("superseded", "newer_update", 0, False),
        ("cancelled", "broadcast_cancelled", 1, False),
        ("expired", "site_ended", 1, False),
        ("expired", "no_longer_true", 0, True),
        ("suppressed", "paused_by_customer", 1, False),
        ("suppressed", "suppressed", 0, True),
        ("suppressed", "opted_out", 0, False),
        ("suppressed", "opted_out", 1, True),
    ],
)
def test_only_a_failure_to_reach_somebody_is_listed(
    town: Town, state: str, reason: str, priority: int, listed: bool
) -> None:
    here = town.region("94110")
    home(town, here, "a", [("email", "a@example.net", None)], priority=priority)
    desk = Desk(town, here)
    which = desk.plan()
    desk.become(state, reason)
    assert bool(desk.unreached(which)) is listed


def test_sites_elsewhere_of_somebody_who_was_not_reached_are_not_listed(town: Town) -> None:
    here, there = town.region("94110"), town.region("94199")
    customer = town.customer("a")
    town.site(customer, here, reference="1", address="1 Oak St")
    town.site(customer, there, reference="2", address="2 Oak St")
    town.site(customer, here, reference="3", address="3 Oak St", status="ended")
    desk = Desk(town, here)
    assert [each.address for each in desk.unreached(desk.plan())] == ["1 Oak St"]
