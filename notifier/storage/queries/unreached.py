"""Who was not reached by a broadcast, for a person to call: priority sites first, then by street.

Unreached is a customer for whom there was no way (nothing on file, no channel of the playbook, an address that must not
be written to) and one all of whose messages failed; a fallback that succeeded, or is under way, takes somebody off.
Who opted out, paused or hears otherwise wants no call, and is left out; but the owner of a priority site who opted out
of messages is named, because staff may want to knock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.audience import AudienceOutcome
from notifier.domain.customer import ContactKind, SuppressionReason
from notifier.domain.notification import NotificationReason, NotificationState
from notifier.storage.database import Row, Transaction
from notifier.storage.repositories import audience, broadcasts, incidents, parts
from notifier.storage.repositories.audience import Scope, numbers
from notifier.storage.views import UnreachedView

NO_WAY = (AudienceOutcome.NO_CONTACT_POINT, AudienceOutcome.NO_CHANNEL, AudienceOutcome.SUPPRESSED)
_FAILED = (
    NotificationState.FAILED,
    NotificationState.UNDELIVERED,
    NotificationState.ABANDONED,
    NotificationState.EXPIRED,
    NotificationState.SUPPRESSED,
)
_NO_FAILURE = (  # ends that are no failure to reach somebody
    NotificationReason.NOT_TOLD_BEFORE,
    NotificationReason.SITE_ENDED,
    NotificationReason.OVER_BEFORE_RELEASE,
    NotificationReason.PAUSED_BY_CUSTOMER,
    NotificationReason.NOT_ON_GUEST_LIST,
)


@dataclass(frozen=True, slots=True)
class Place:
    """One site of somebody who was not reached; few bytes, because there may be many."""

    site_id: int
    customer_id: int
    outcome: str


def places(tx: Transaction, broadcast_id: int) -> list[Place]:
    """Return the sites whose customers were not reached, in the order in which they are called; raise `NotFound`."""
    found = broadcasts.load(tx, broadcast_id)
    scope = Scope(
        incident_id=found.incident_id,
        service=found.facts.service or incidents.load(tx, found.incident_id).service,
        region_ids=tuple(incidents.place_regions(tx, found.incident_id)),
        channels=(),
        part=parts.scope_of(tx, found.incident_id, found.part_id if parts.is_cut(tx, found.part_id) else None),
    )
    rows = tx.tuples(
        f"""SELECT s.id, s.customer_id, u.outcome FROM ({_no_way(scope)} UNION ALL {_FAILED_ON_ALL}) AS u
            JOIN sites AS s ON s.id = u.site_id
            ORDER BY s.priority DESC, s.address, s.label, s.id""",
        broadcast=broadcast_id,
        incident=found.incident_id,
        pattern=scope.pattern,
    )
    return [Place(*row) for row in rows]


def without_a_way(tx: Transaction, scope: Scope) -> list[Place]:
    """Return the sites of those whom an update that has not begun cannot reach, in the order in which they are called.

    The same are named as when it has begun: those for whom there is no way, and the owners of priority sites who opted
    out.
    """
    no_way = ", ".join(f"'{outcome}'" for outcome in NO_WAY)
    values: dict[str, object] = {"incident": scope.incident_id}
    if not scope.only_told:
        values["pattern"] = scope.pattern
    rows = tx.tuples(
        f"""WITH best AS MATERIALIZED ({audience.best(scope)}),
            each_one AS (SELECT customer_id, {audience.outcome("MIN(reach)")} AS outcome FROM best GROUP BY customer_id)
            SELECT s.id, s.customer_id, e.outcome
            FROM each_one AS e JOIN (SELECT DISTINCT site_id, customer_id FROM best) AS b
              ON b.customer_id = e.customer_id
            JOIN sites AS s ON s.id = b.site_id
            WHERE e.outcome IN ({no_way}) OR (e.outcome = '{AudienceOutcome.OPTED_OUT}' AND s.priority = 1)
            ORDER BY s.priority DESC, s.address, s.label, s.id""",
        **values,
    )
    return [Place(*row) for row in rows]


def _no_way(scope: Scope) -> str:
    """Return the SQL of the affected sites of those for whom planning found no way."""
    reasons = ", ".join(f"'{outcome}'" for outcome in NO_WAY)
    return f"""SELECT s.id AS site_id, a.outcome FROM audience AS a JOIN sites AS s ON s.customer_id = a.customer_id
               WHERE a.broadcast_id = :broadcast AND s.status = 'active' AND s.services LIKE :pattern
                 AND (a.outcome IN ({reasons}) OR (a.outcome = '{AudienceOutcome.OPTED_OUT}' AND s.priority = 1))
                 AND {audience.in_place(scope, "s.id")}"""


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_UNREACHED_BY = f"""n.state IN ({_listed(_FAILED)}) AND n.reason NOT IN ({_listed(_NO_FAILURE)})"""
_FAILED_ON_ALL = f"""
    SELECT DISTINCT an.site_id, 'told' AS outcome FROM audience_notifications AS an
    JOIN sites AS s ON s.id = an.site_id
    JOIN (SELECT w.customer_id,
                 MIN(CASE WHEN n.reason = '{NotificationReason.OPTED_OUT}' THEN 1 ELSE 0 END) AS opted_out
          FROM audience_notifications AS w
          JOIN notifications AS n ON n.broadcast_id = w.broadcast_id AND n.contact_point_id = w.contact_point_id
          WHERE w.broadcast_id = :broadcast
          GROUP BY w.customer_id
          HAVING MIN(CASE WHEN {_UNREACHED_BY} THEN 1 ELSE 0 END) = 1) AS u ON u.customer_id = an.customer_id
    WHERE an.broadcast_id = :broadcast AND (u.opted_out = 0 OR s.priority = 1)"""


def details(tx: Transaction, broadcast_id: int, some: Sequence[Place]) -> list[UnreachedView]:
    """Return some sites with everything a person needs to call, in the order given."""
    if not some:
        return []
    ids = [place.site_id for place in some]
    sites = {
        row["id"]: row
        for row in tx.rows(
            f"""SELECT s.id, s.reference, s.label, s.address, s.priority, c.reference AS customer, c.name
                FROM sites AS s JOIN customers AS c ON c.id = s.customer_id WHERE s.id IN ({numbers(ids)})"""
        )
    }
    contacts = _contacts(tx, ids)
    messages = _messages(tx, broadcast_id, ids)
    return [
        _view(sites[place.site_id], place, contacts.get(place.site_id, []), messages)
        for place in some
        if place.site_id in sites
    ]


def _contacts(tx: Transaction, site_ids: Sequence[int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in tx.rows(
        f"""SELECT DISTINCT l.site_id, l.position, p.id, p.kind, p.address, p.suppressed, p.channels_off
            FROM links AS l JOIN contact_points AS p ON p.id = l.contact_point_id
            WHERE l.site_id IN ({numbers(site_ids)}) ORDER BY l.site_id, l.position, p.id"""
    ):
        found.setdefault(row["site_id"], []).append(row)
    return found


def _messages(tx: Transaction, broadcast_id: int, site_ids: Sequence[int]) -> Mapping[int, Row]:
    """Return the messages of the broadcast to whoever hears about these sites, by contact point."""
    return {
        row["contact_point_id"]: row
        for row in tx.rows(
            f"""SELECT n.contact_point_id, n.channel, n.state, n.reason FROM notifications AS n
                WHERE n.broadcast_id = :broadcast AND n.contact_point_id IN (
                    SELECT an.contact_point_id FROM links AS l JOIN audience_notifications AS an
                      ON an.broadcast_id = :broadcast AND an.contact_point_id = l.contact_point_id
                     AND an.site_id = l.site_id
                    WHERE l.site_id IN ({numbers(site_ids)}))""",
            broadcast=broadcast_id,
        )
    }


def _view(site: Row, place: Place, contacts: Sequence[Row], messages: Mapping[int, Row]) -> UnreachedView:
    phones = [row["address"] for row in contacts if row["kind"] != ContactKind.EMAIL]
    return UnreachedView(
        customer=site["customer"],
        name=site["name"],
        site=site["reference"],
        label=site["label"],
        address=site["address"],
        priority=bool(site["priority"]),
        call=list(dict.fromkeys(phones)),
        why=[_why(row, messages.get(row["id"]), place) for row in contacts] or ["nothing on file"],
    )


def _why(contact: Row, message: Row | None, place: Place) -> str:
    """Return why one contact point did not reach its customer: "email: failed (permanent failure)"."""
    if message is not None:
        return f"{message['channel']}: {_words(message['state'])} ({_words(message['reason'])})"
    kind = "email" if contact["kind"] == ContactKind.EMAIL else contact["kind"]
    if contact["suppressed"] is not None:
        return f"{kind}: {_words(SuppressionReason(contact['suppressed']))}"
    if contact["channels_off"]:
        return f"{kind}: switched off by the customer"
    if place.outcome == AudienceOutcome.OPTED_OUT:
        return f"{kind}: opted out"
    return f"{kind}: no channel of the playbook"


def _words(code: str) -> str:
    return str(code).replace("_", " ")
