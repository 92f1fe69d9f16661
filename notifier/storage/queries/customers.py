"""Customers for a support agent: found by telephone, mail address or reference, and shown whole.

The only question whose answer has addresses in full: whoever looks up one customer must be able to say which one was
written to.
"""

from collections.abc import Iterable, Sequence

from notifier.domain.answer import Answer
from notifier.domain.consent import CONTRACT, Basis
from notifier.domain.contact import normalise_email, normalise_phone
from notifier.domain.customer import CustomerId
from notifier.domain.errors import InvalidInput
from notifier.domain.notification import TOLD_STATES
from notifier.domain.text import clean_line
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.queries import complaints, promises
from notifier.storage.queries import consents as said
from notifier.storage.repositories import consents, contact_points, parts, replies
from notifier.storage.views import (
    ComplaintView,
    ContactPointView,
    CustomerCard,
    CustomerView,
    PromiseView,
    ReplyView,
    SiteView,
    ToldView,
)

FOUND_AT_MOST = 50
COMPLAINTS_AT_MOST = 100
REPLIES_AT_MOST = 100
BROADCASTS_AT_MOST = 50  # the newest; each is looked through for the messages of this customer

_CARD = """
SELECT c.id, c.reference, c.name, (SELECT count(*) FROM sites s WHERE s.customer_id = c.id) AS sites,
    COALESCE((SELECT s.address FROM sites s WHERE s.customer_id = c.id ORDER BY s.id LIMIT 1), '') AS address
FROM customers c
"""


def find(tx: Transaction, wanted: str, *, country: str = "US") -> list[CustomerCard]:
    """Return the customers with this telephone number, mail address or reference, at most 50, by reference."""
    reference = clean_line(wanted)
    rows = tx.rows(
        _CARD + "WHERE c.reference = :reference OR c.id IN (SELECT l.customer_id FROM contact_points p "
        "JOIN links l ON l.contact_point_id = p.id WHERE p.address = :address) ORDER BY c.reference LIMIT :most",
        reference=reference,
        address=_address(wanted, country) or "",
        most=FOUND_AT_MOST,
    )
    return [
        CustomerCard(
            id=row["id"], reference=row["reference"], name=row["name"], sites=row["sites"], address=row["address"]
        )
        for row in rows
    ]


def _address(wanted: str, country: str) -> str | None:
    """Return what was typed as an address on file would be written, or None when it cannot be one."""
    try:
        return normalise_email(wanted) if "@" in wanted else normalise_phone(wanted, country)
    except InvalidInput:
        return None


def show(tx: Transaction, reference: str, basis: Basis = CONTRACT) -> CustomerView | None:
    """Return everything known about one customer, or None; `basis` is what holds where nothing was said."""
    row = tx.row(
        "SELECT id, reference, name, account_type, plan FROM customers WHERE reference = :reference",
        reference=clean_line(reference),
    )
    if row is None:
        return None
    customer_id = CustomerId(row["id"])
    updates = tx.rows(_UPDATES, customer_id=customer_id)
    messages = _messages(tx, customer_id, [update for update in updates if update["outcome"] == "told"])
    return CustomerView(
        id=customer_id,
        reference=row["reference"],
        name=row["name"],
        account_type=row["account_type"],
        plan=row["plan"],
        sites=_sites(tx, customer_id),
        contact_points=_contact_points(tx, customer_id, basis),
        complaints=_complaints(tx, customer_id),
        wrote=_wrote(tx, customer_id),
        told=_told(tx, customer_id, messages),
        not_told=[
            {
                "broadcast_id": update["broadcast_id"],
                "incident_id": update["incident_id"],
                "kind": update["kind"],
                "reason": update["outcome"],
                "at": to_instant(update["at"]),
            }
            for update in updates
            if update["outcome"] != "told"
        ],
        promises=_promises(
            tx, customer_id, {update["broadcast_id"] for update, row in messages if _may_have_been_told(row)}
        ),
    )


# There are few broadcasts and one audience row at most in each: CROSS JOIN makes SQLite go that way.
_UPDATES = """
SELECT b.id AS broadcast_id, b.incident_id, b.kind, COALESCE(b.started_at, b.sent_at, b.created_at) AS at, a.outcome
FROM broadcasts b CROSS JOIN audience a
WHERE a.broadcast_id = b.id AND a.customer_id = :customer_id ORDER BY b.id DESC
"""


def _sites(tx: Transaction, customer_id: CustomerId) -> list[SiteView]:
    regions: dict[int, list[str]] = {}
    for site_id, kind, code, derived in tx.tuples(
        "SELECT sr.site_id, r.kind, r.code, sr.derived FROM sites s JOIN site_regions sr ON sr.site_id = s.id "
        "JOIN regions r ON r.id = sr.region_id WHERE s.customer_id = :customer_id ORDER BY r.kind, r.code",
        customer_id=customer_id,
    ):
        regions.setdefault(site_id, []).append(f"{kind} {code}" + (" (from the phone number)" if derived else ""))
    return [
        SiteView(
            id=row["id"],
            reference=row["reference"],
            label=row["label"],
            address=row["address"],
            services=row["services"].strip("|").split("|"),
            status=row["status"],
            priority=bool(row["priority"]),
            time_zone=row["time_zone"],
            regions=regions.get(row["id"], []),
        )
        for row in tx.rows(
            "SELECT id, reference, label, address, services, status, priority, time_zone FROM sites "
            "WHERE customer_id = :customer_id ORDER BY id",
            customer_id=customer_id,
        )
    ]


def _contact_points(tx: Transaction, customer_id: CustomerId, basis: Basis) -> list[ContactPointView]:
    """Return one entry per contact point and role, with the sites it hears about and what it said."""
    found: dict[tuple[int, str], list[Row]] = {}
    for row in tx.rows(
        "SELECT p.id, p.kind, p.address, p.locale, p.suppressed, l.role, s.reference FROM sites s "
        "JOIN links l ON l.site_id = s.id JOIN contact_points p ON p.id = l.contact_point_id "
        "WHERE s.customer_id = :customer_id ORDER BY s.id, l.position",
        customer_id=customer_id,
    ):
        found.setdefault((row["id"], row["role"]), []).append(row)
    stored = consents.of_contact_points(tx, {point for point, _ in found})
    own = {id_: contact_points.load(tx, id_) for id_ in {point for point, _ in found}}
    return [
        ContactPointView(
            id=rows[0]["id"],
            kind=rows[0]["kind"],
            address=rows[0]["address"],
            role=rows[0]["role"],
            locale=rows[0]["locale"],
            suppressed=rows[0]["suppressed"],
            sites=[row["reference"] for row in rows],
            consents=said.per_purpose(stored.get(id_, {}), basis, own[id_].suppressed),
            suppression=said.suppression(tx, id_, own[id_].suppressed),
            channels_off=sorted(own[id_].channels_off),
            quiet_from=said.clock(own[id_].quiet_from),
            quiet_until=said.clock(own[id_].quiet_until),
            muted_sites=_muted(tx, id_, customer_id),
            paused_incidents=said.paused(tx, id_),
        )
        for (id_, _), rows in found.items()
    ]


def _muted(tx: Transaction, contact_point_id: int, customer_id: CustomerId) -> list[str]:
    """Return which sites of this customer a contact point does not want to hear about."""
    return [
        reference
        for (reference,) in tx.tuples(
            """SELECT s.reference FROM muted_sites AS m JOIN sites AS s ON s.id = m.site_id
               WHERE m.contact_point_id = :id AND s.customer_id = :customer ORDER BY s.id""",
            id=contact_point_id,
            customer=customer_id,
        )
    ]


def _complaints(tx: Transaction, customer_id: CustomerId) -> list[ComplaintView]:
    return [
        complaints.view(row)
        for row in tx.rows(
            "SELECT id, service, source, occurred_at, received_at, not_counted, text FROM complaints "
            "WHERE customer_id = :customer_id ORDER BY received_at DESC, id DESC LIMIT :most",
            customer_id=customer_id,
            most=COMPLAINTS_AT_MOST,
        )
    ]


def _wrote(tx: Transaction, customer_id: CustomerId) -> list[ReplyView]:
    """Return what came from the contact points of a customer, newest first."""
    points = [
        point
        for (point,) in tx.tuples(
            """SELECT DISTINCT l.contact_point_id FROM sites AS s JOIN links AS l ON l.site_id = s.id
               WHERE s.customer_id = :customer_id""",
            customer_id=customer_id,
        )
    ]
    return [
        ReplyView(
            id=row["id"],
            source=row["source"],
            sender=row["sender"],
            meaning=row["meaning"],
            service=row["service"],
            text=row["text"],
            received_at=to_instant(row["received_at"]),
            incident_id=row["incident_id"],
        )
        for row in replies.of_contact_points(tx, points, at_most=REPLIES_AT_MOST)
    ]


_MESSAGE = "n.id, n.channel, n.state, n.reason, n.ended_at, n.in_doubt_at, n.answer, p.address"

# Through the audience, not through today's links: the address may have been another one then.
_MESSAGES = f"""
SELECT DISTINCT {_MESSAGE} FROM audience_notifications a
JOIN notifications n ON n.broadcast_id = a.broadcast_id AND n.contact_point_id = a.contact_point_id
JOIN contact_points p ON p.id = n.contact_point_id
WHERE a.broadcast_id = :broadcast_id AND a.customer_id = :customer_id ORDER BY n.id
"""

_ANSWERS = f"""
SELECT DISTINCT {_MESSAGE} FROM sites s JOIN links l ON l.site_id = s.id
JOIN notifications n ON n.contact_point_id = l.contact_point_id JOIN contact_points p ON p.id = n.contact_point_id
WHERE s.customer_id = :customer_id AND n.broadcast_id IS NULL AND n.answer IS NOT NULL ORDER BY n.id DESC
"""


def _messages(tx: Transaction, customer_id: CustomerId, updates: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the messages of updates, each with its update, newest first."""
    return [
        (update, row)
        for update in updates[:BROADCASTS_AT_MOST]
        for row in tx.rows(_MESSAGES, broadcast_id=update["broadcast_id"], customer_id=customer_id)
    ]


def _may_have_been_told(row: Row) -> bool:
    return row["state"] in TOLD_STATES or row["in_doubt_at"] is not None


def _told(tx: Transaction, customer_id: CustomerId, messages: Iterable[tuple[Row, Row]]) -> list[ToldView]:
    """Return the messages of updates, newest first, then the answers to this customer's contact points."""
    told = [_message(row, update["incident_id"], update["kind"]) for update, row in messages]
    for row in tx.rows(_ANSWERS, customer_id=customer_id):
        answer = from_json(row["answer"], Answer)
        told.append(_message(row, answer.incident_id, answer.kind))
    return told


def _message(row: Row, incident_id: int | None, kind: str) -> ToldView:
    return ToldView(
        notification_id=row["id"],
        incident_id=incident_id,
        kind=kind,
        channel=row["channel"],
        address=row["address"],
        state=row["state"],
        reason=row["reason"],
        at=to_instant(row["ended_at"]),
        subject="",  # rendered by who asks for it
    )


def _promises(tx: Transaction, customer_id: CustomerId, broadcast_ids: Iterable[int]) -> list[PromiseView]:
    """Return the promises made in these updates, newest first: as they stand for the parts of this customer's sites."""
    rows = [
        row
        for broadcast_id in sorted(broadcast_ids, reverse=True)
        for row in tx.rows("SELECT * FROM promises WHERE broadcast_id = :id ORDER BY id DESC", id=broadcast_id)
    ]
    mine: dict[int, set[int]] = {}
    for incident_id in {row["incident_id"] for row in rows}:
        if len(parts.own(tx, incident_id)) > 1:
            site_ids = [id_ for (id_,) in tx.tuples("SELECT id FROM sites WHERE customer_id = :id", id=customer_id)]
            mine[incident_id] = set(parts.of_site(tx, incident_id, site_ids).values())
    return [promises.view(row) for row in rows if row["part_id"] in mine.get(row["incident_id"], {row["part_id"]})]
