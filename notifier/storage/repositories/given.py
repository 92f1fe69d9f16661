"""What readers were handed of an incident before: when, by what, and which time it named. Set-wise, nothing is written.

Counted is what was handed over or may have been, and was not reported as undelivered; of updates, those about a site
that the new one is about too. Lists of ids come from the store itself.
"""

from collections.abc import Sequence
from datetime import datetime

from notifier.domain.answer import Answer
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.given import Handed, named
from notifier.domain.notification import TOLD_STATES, Channel, NotificationState
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.repositories.audience import numbers

HAS_IT = ", ".join(f"'{state}'" for state in TOLD_STATES if state is not NotificationState.UNDELIVERED)
"""The SQL list of the states of a message that its reader has, or may have."""

_CARRIED = """EXISTS (SELECT 1 FROM audience_notifications AS anew
                      WHERE anew.broadcast_id = :broadcast AND anew.contact_point_id = was.contact_point_id
                        AND anew.site_id = was.site_id)"""


def updates_of(
    tx: Transaction, incident_ids: Sequence[int], *, but: int
) -> dict[int, tuple[datetime | None, datetime]]:
    """Return the other updates that have begun: the time each names, and when it began."""
    return {
        row["id"]: (
            named(BroadcastKind(row["kind"]), from_json(row["facts"], Facts)),
            to_instant(row["started_at"]),
        )
        for row in tx.rows(
            f"""SELECT id, kind, facts, started_at FROM broadcasts
                WHERE incident_id IN ({numbers(incident_ids)}) AND id <> :but AND started_at IS NOT NULL""",
            but=but,
        )
    }


def handed_to(
    tx: Transaction,
    contact_point_ids: Sequence[int],
    incident_ids: Sequence[int],
    *,
    broadcast_id: int,
    site_ids: Sequence[int] | None = None,
) -> dict[int, list[Handed]]:
    """Return, by contact point, what it was handed before an update, the oldest first.

    `site_ids` are those of an update that is not planned yet, which carries nobody's sites so far.
    """
    updates = updates_of(tx, incident_ids, but=broadcast_id) if contact_point_ids else {}
    if not updates:
        return {}
    same = f"was.site_id IN ({numbers(site_ids)})" if site_ids is not None else _CARRIED
    found: dict[int, list[Handed]] = {}
    for point, at, channel, update in tx.tuples(
        f"""SELECT n.contact_point_id, n.sending_at, n.channel, n.broadcast_id FROM notifications AS n
            WHERE n.contact_point_id IN ({numbers(contact_point_ids)}) AND n.broadcast_id IN ({numbers(list(updates))})
              AND n.sending_at IS NOT NULL AND n.state IN ({HAS_IT})
              AND EXISTS (SELECT 1 FROM audience_notifications AS was
                          WHERE was.broadcast_id = n.broadcast_id AND was.contact_point_id = n.contact_point_id
                            AND {same})""",
        **({} if site_ids is not None else {"broadcast": broadcast_id}),
    ):
        found.setdefault(point, []).append(Handed(to_instant(at), updates[update][0], channel == Channel.SMS))
    since = min(began for _, began in updates.values())
    for point, handed in _answers(tx, contact_point_ids, incident_ids, since):
        found.setdefault(point, []).append(handed)
    for each in found.values():
        each.sort(key=lambda handed: handed.at)
    return found


def _answers(
    tx: Transaction, contact_point_ids: Sequence[int], incident_ids: Sequence[int], since: datetime
) -> list[tuple[int, Handed]]:
    """Return the answers that repeated the newest facts of an incident to who asked."""
    told = []
    for point, at, channel, written in tx.tuples(
        f"""SELECT contact_point_id, sending_at, channel, answer FROM notifications
            WHERE contact_point_id IN ({numbers(contact_point_ids)}) AND broadcast_id IS NULL
              AND sending_at >= :since AND answer LIKE '%"facts":%' AND state IN ({HAS_IT})""",
        since=to_micros(since),
    ):
        answer = from_json(written, Answer)
        if answer.incident_id in incident_ids and answer.facts is not None and answer.update is not None:
            eta_at = named(answer.update, answer.facts)
            told.append((int(point), Handed(to_instant(at), eta_at, channel == Channel.SMS)))
    return told
