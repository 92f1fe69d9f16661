"""Everything kept about one person, table by table, as the law lets them ask for it.

Rows as they are stored, with instants as RFC 3339 and JSON unpacked. What other people said, and what only counts, is
not in it; which tables those are, and why, is said in `NOT_PERSONAL`.
"""

from typing import Any

from notifier.domain.notification import TOLD_STATES
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant

_TOLD = ", ".join(f"'{state}'" for state in TOLD_STATES)
_SITES = "SELECT id FROM sites WHERE customer_id = :customer"
_HAD = (
    "SELECT contact_point_id FROM links WHERE customer_id = :customer"
    " UNION SELECT contact_point_id FROM former_links WHERE customer_id = :customer"
    " UNION SELECT contact_point_id FROM audience_notifications WHERE customer_id = :customer"
    " UNION SELECT contact_point_id FROM replies WHERE customer_id = :customer AND contact_point_id IS NOT NULL"
)
# An address that was theirs and is another's now is that other's: what they say of it is nobody else's to read.
_POINTS = (
    f"SELECT h.contact_point_id FROM ({_HAD}) AS h"
    " WHERE EXISTS (SELECT 1 FROM links l WHERE l.contact_point_id = h.contact_point_id AND l.customer_id = :customer)"
    " OR NOT EXISTS (SELECT 1 FROM links o WHERE o.contact_point_id = h.contact_point_id)"
)
# Nor is what was said of it, or answered to it, before it came to them.
_WHILE_THEIRS = (
    "NOT EXISTS (SELECT 1 FROM former_links f WHERE f.contact_point_id = {table}.contact_point_id"
    " AND f.customer_id <> :customer AND f.left_at >= {table}.{at}"
    " AND NOT EXISTS (SELECT 1 FROM links b"
    " WHERE b.contact_point_id = f.contact_point_id AND b.customer_id = f.customer_id)"
    " AND NOT EXISTS (SELECT 1 FROM former_links m WHERE m.contact_point_id = f.contact_point_id"
    " AND m.customer_id = :customer AND m.left_at >= {table}.{at} AND m.left_at <= f.left_at))"
)
_ANSWERED = (
    "COALESCE((SELECT r.customer_id FROM replies r WHERE n.cause_kind = 'reply' AND r.id = n.cause_id),"
    " (SELECT c.customer_id FROM complaints c WHERE n.cause_kind = 'complaint' AND c.id = n.cause_id))"
)
_MESSAGES = (
    f"SELECT n.id FROM notifications n WHERE n.contact_point_id IN ({_HAD}) AND (EXISTS"
    " (SELECT 1 FROM audience_notifications a WHERE a.broadcast_id = n.broadcast_id"
    " AND a.contact_point_id = n.contact_point_id AND a.customer_id = :customer) OR (n.broadcast_id IS NULL"
    f" AND ({_ANSWERED} = :customer OR ({_ANSWERED} IS NULL AND n.contact_point_id IN ({_POINTS})"
    f" AND {_WHILE_THEIRS.format(table='n', at='planned_at')}))))"
)

WHERE = {
    "customers": "id = :customer",
    "sites": "customer_id = :customer",
    "site_regions": f"site_id IN ({_SITES})",
    "contact_points": f"id IN ({_POINTS})",
    "links": "customer_id = :customer",
    "former_links": "customer_id = :customer",
    "consents": f"contact_point_id IN ({_POINTS})",
    "consent_log": f"contact_point_id IN ({_POINTS}) AND {_WHILE_THEIRS.format(table='consent_log', at='at')}",
    "suppressions": f"contact_point_id IN ({_POINTS})"
    f" AND {_WHILE_THEIRS.format(table='suppressions', at='created_at')}",
    "muted_sites": f"site_id IN ({_SITES})",
    "pauses": f"contact_point_id IN ({_POINTS})",
    "complaints": "customer_id = :customer",
    "replies": "customer_id = :customer",
    "audience": "customer_id = :customer",
    "audience_notifications": "customer_id = :customer",
    "notifications": f"id IN ({_MESSAGES})",
    "attempts": f"notification_id IN ({_MESSAGES})",
    "receipts": f"notification_id IN ({_MESSAGES})",
    "mail_reports": f"notification_id IN ({_MESSAGES})",
    "incident_sites": f"site_id IN ({_SITES})",
    "part_sites": f"site_id IN ({_SITES})",
    "credit_lines": "customer_id = :customer",
    "follow_ups": "customer_id = :customer",
    "cases": "customer_id = :customer",
}
"""Table -> which of its rows are about a customer."""

# `told` in an audience says who is to be told: of an update that was stopped before, nothing was handed over. Messages
# that are not kept any more say nothing; what has never begun has told nobody.
_UNHEARD = f"""SELECT a.broadcast_id, b.state, MAX(CASE WHEN n.state = 'pending' THEN 1 ELSE 0 END) AS waits
               FROM audience AS a JOIN broadcasts AS b ON b.id = a.broadcast_id
               LEFT JOIN audience_notifications AS an
                    ON an.broadcast_id = a.broadcast_id AND an.customer_id = a.customer_id
               LEFT JOIN notifications AS n
                    ON n.broadcast_id = an.broadcast_id AND n.contact_point_id = an.contact_point_id
               WHERE a.customer_id = :customer
               GROUP BY a.broadcast_id, b.state, b.started_at
               HAVING COUNT(CASE WHEN n.state IN ({_TOLD}) OR n.in_doubt_at IS NOT NULL THEN 1 END) = 0
                  AND (COUNT(n.id) > 0 OR b.started_at IS NULL)"""

_JSON = {"facts", "answer", "detail", "regions", "counted_regions"}
_HIDDEN = {"address_hash", "body_hash", "written_from", "owner", "lease_until"}  # of ours: they say nothing to anybody


def everything(tx: Transaction, customer_id: int) -> dict[str, list[dict[str, Any]]]:
    """Return the rows about a customer by table; a table without any is an empty list."""
    found = {
        table: [_shown(row, table) for row in tx.rows(f"SELECT * FROM {table} WHERE {where}", customer=customer_id)]
        for table, where in WHERE.items()
    }
    unheard = {row["broadcast_id"]: _became(row) for row in tx.rows(_UNHEARD, customer=customer_id)}
    for row in found["audience"]:
        if row["outcome"] == "told":
            row["outcome"] = unheard.get(row["broadcast_id"], "told")
    return found


def _became(row: Row) -> str:
    return "waits" if row["waits"] and row["state"] in ("sending", "paused") else "not_told"


def _shown(row: Row, table: str) -> dict[str, Any]:
    return {name: _value(name, value, table) for name, value in row.items() if name not in _HIDDEN}


def _value(name: str, value: Any, table: str) -> Any:
    if value is None:
        return None
    if isinstance(value, int) and (name.endswith(("_at", "_by", "_after")) or name == "at"):
        return to_instant(value)
    if isinstance(value, str) and name in _JSON and not (table == "attempts" and name == "answer"):
        return from_json(value, Any) if value else None
    return value
