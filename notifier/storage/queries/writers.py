"""Who wrote to us, as a decision needs them: their sites, and what is out there or was lately."""

from collections.abc import Sequence
from datetime import datetime

from notifier.domain.answer import AnswerKind
from notifier.domain.answering import (
    ASKED_WITHIN,
    OVER_WITHIN,
    REPORTED_WITHIN,
    IncidentThere,
    Question,
    Writer,
    WriterSite,
)
from notifier.domain.consent import Purpose
from notifier.domain.incident import PartState
from notifier.domain.reply import Meaning
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories import answers, parts, replies
from notifier.storage.repositories.audience import may_have_been_told, numbers

SITES_AT_MOST = 200  # of one contact point; who has more is a company that does not answer by text


def sites_of(tx: Transaction, contact_point_id: int) -> tuple[WriterSite, ...]:
    """Return the active sites that a contact point hears about, in the order they are listed."""
    return tuple(
        WriterSite(
            id=row["id"],
            customer_id=row["customer_id"],
            services=frozenset(row["services"].strip("|").split("|")),
            name=f"{row['label']} {row['address']}".strip(),
        )
        for row in tx.rows(
            """SELECT DISTINCT s.id, s.customer_id, s.services, s.label, s.address
               FROM links AS l JOIN sites AS s ON s.id = l.site_id
               WHERE l.contact_point_id = :id AND s.status = 'active' ORDER BY s.id LIMIT :most""",
            id=contact_point_id,
            most=SITES_AT_MOST,
        )
    )


def customer_of(tx: Transaction, contact_point_id: int) -> int | None:
    """Return the one customer that a contact point belongs to, or None when there are several or none."""
    rows = tx.tuples("SELECT DISTINCT customer_id FROM links WHERE contact_point_id = :id LIMIT 2", id=contact_point_id)
    return int(rows[0][0]) if len(rows) == 1 else None


def address_of_site(tx: Transaction, site_id: int, kinds: Sequence[str]) -> tuple[str, str]:
    """Return the customer's reference and the narrowest region (`kind:code`, or "") of a site."""
    reference = str(
        tx.scalar(
            "SELECT c.reference FROM sites AS s JOIN customers AS c ON c.id = s.customer_id WHERE s.id = :id",
            id=site_id,
        )
    )
    regions = tx.tuples(
        "SELECT r.kind, r.code FROM site_regions AS sr JOIN regions AS r ON r.id = sr.region_id WHERE sr.site_id = :id",
        id=site_id,
    )
    narrow = sorted((kinds.index(kind), f"{kind}:{code}") for kind, code in regions if kind in kinds)
    return reference, narrow[0][1] if narrow else ""


def writer(tx: Transaction, contact_point_id: int, *, now: datetime) -> Writer:
    """Return somebody on file with everything that a decision about their text needs."""
    sites = sites_of(tx, contact_point_id)
    return Writer(
        sites=sites,
        incidents=incidents_at(tx, [site.id for site in sites], contact_point_id=contact_point_id, now=now),
        question=_question(tx, contact_point_id, now),
        reported=reported(tx, sites, contact_point_id=contact_point_id, now=now),
        thanked_for=replies.answered(tx, contact_point_id, Meaning.ON),
        said_still_out_for=replies.said_still_out(tx, contact_point_id),
    )


def is_opted_out(tx: Transaction, contact_point_id: int) -> bool:
    """Tell whether a contact point wants no messages about outages."""
    row = tx.row(
        f"""SELECT c.suppressed, (SELECT o.state FROM consents AS o WHERE o.contact_point_id = c.id
                                  AND o.purpose = '{Purpose.OUTAGE}') AS consent
            FROM contact_points AS c WHERE c.id = :id""",
        id=contact_point_id,
    )
    return row is not None and (row["suppressed"] == "opted_out" or row["consent"] == "refused")


def last_told_kind(tx: Transaction, contact_point_id: int) -> str:
    """Return the kind of the update that a contact point was handed last, or "" when it was an answer, or nothing.

    The confirmation of an opt-out is passed over: who says STOP twice means the same twice.
    """
    found = tx.scalar(
        f"""SELECT b.kind FROM notifications AS n LEFT JOIN broadcasts AS b ON b.id = n.broadcast_id
            WHERE n.contact_point_id = :id AND {may_have_been_told("n")}
              AND (n.broadcast_id IS NOT NULL OR n.answer NOT LIKE '%"kind":"{AnswerKind.OPTED_OUT}"%')
            ORDER BY n.sending_at DESC, n.id DESC LIMIT 1""",
        id=contact_point_id,
    )
    return str(found or "")


def incidents_at(
    tx: Transaction, site_ids: Sequence[int], *, contact_point_id: int, now: datetime
) -> tuple[IncidentThere, ...]:
    """Return the incidents at some sites that are open or were over within 24 hours, newest first.

    Sites lie in the place of an incident by their regions or by name, and have its service.
    """
    if not site_ids:
        return ()
    ids = numbers(site_ids)
    found: dict[int, set[int]] = {}
    for incident, site in tx.tuples(
        f"""SELECT i.id, sr.site_id FROM site_regions AS sr
            JOIN incident_regions AS ir ON ir.region_id = sr.region_id AND ir.role = 'place'
            JOIN incidents AS i ON i.id = ir.incident_id JOIN sites AS s ON s.id = sr.site_id
            WHERE sr.site_id IN ({ids}) AND s.services LIKE '%|' || i.service || '|%' AND {_LATELY}
            UNION
            SELECT i.id, t.site_id FROM incident_sites AS t JOIN incidents AS i ON i.id = t.incident_id
            JOIN sites AS s ON s.id = t.site_id
            WHERE t.site_id IN ({ids}) AND s.services LIKE '%|' || i.service || '|%' AND {_LATELY}""",
        since=to_micros(now - OVER_WITHIN),
    ):
        found.setdefault(incident, set()).add(site)
    if not found:
        return ()
    return tuple(
        IncidentThere(
            id=row["id"],
            service=row["service"],
            site_ids=there,
            is_over=is_over,
            is_told=bool(row["told"]),
            told_at=to_instant(row["told_at"]),
        )
        for row in tx.rows(
            f"""SELECT i.id, i.service, i.state,
                       CASE WHEN EXISTS (SELECT 1 FROM broadcasts AS b WHERE b.incident_id = i.id
                                         AND b.started_at IS NOT NULL AND b.state IN ('sending', 'paused', 'completed'))
                            THEN 1 ELSE 0 END AS told,
                       (SELECT MAX(COALESCE(n.ended_at, n.sending_at)) FROM notifications AS n
                        JOIN broadcasts AS b ON b.id = n.broadcast_id
                        WHERE n.contact_point_id = :point AND b.incident_id = i.id
                          AND {may_have_been_told("n")}) AS told_at
                FROM incidents AS i WHERE i.id IN ({numbers(list(found))}) ORDER BY i.id DESC""",
            point=contact_point_id,
        )
        for there, is_over in _in_parts(tx, row["id"], found[row["id"]], row["state"] in ("resolved", "closed"))
    )


def _in_parts(
    tx: Transaction, incident_id: int, site_ids: set[int], is_over: bool
) -> list[tuple[frozenset[int], bool]]:
    """Return the sites by the part of the incident in which they lie, and whether it is over; open ones first."""
    own = parts.own(tx, incident_id)
    if len(own) < 2:
        return [(frozenset(site_ids), is_over)]
    owners = parts.of_site(tx, incident_id, sorted(site_ids))
    found = [
        (frozenset(site for site, owner in owners.items() if owner == part.id), part.state is PartState.RESTORED)
        for part in own
    ]
    return sorted(((sites, over) for sites, over in found if sites), key=lambda each: each[1])


_LATELY = """(i.state IN ('suspected', 'confirmed')
              OR (i.state IN ('resolved', 'closed') AND COALESCE(i.resolved_at, i.closed_at) > :since))"""


def reported(tx: Transaction, sites: Sequence[WriterSite], *, contact_point_id: int, now: datetime) -> frozenset[str]:
    """Return the services that were reported for the customers of some sites lately, while the report is open.

    It ends with an incident of that service there, whatever it turned out to be, or when the contact point says ON.
    """
    if not sites:
        return frozenset()
    ids = numbers([site.id for site in sites])
    return frozenset(
        service
        for (service,) in tx.tuples(
            f"""SELECT DISTINCT c.service FROM complaints AS c
                WHERE c.customer_id IN ({numbers(sorted({site.customer_id for site in sites}))})
                  AND c.received_at > :since AND c.effective_at > :since
                  AND NOT EXISTS (SELECT 1 FROM replies AS r
                                  WHERE r.contact_point_id = :point AND r.meaning = '{Meaning.ON}'
                                    AND r.received_at >= c.effective_at AND r.service IN ('', c.service))
                  AND NOT EXISTS (SELECT 1 FROM incidents AS i
                                  WHERE i.service = c.service AND i.state IN ('resolved', 'closed', 'dismissed')
                                    AND COALESCE(i.resolved_at, i.dismissed_at, i.closed_at) > c.effective_at
                                    AND (EXISTS (SELECT 1 FROM incident_regions AS ir
                                                 JOIN site_regions AS sr ON sr.region_id = ir.region_id
                                                 WHERE ir.incident_id = i.id AND ir.role = 'place'
                                                   AND sr.site_id IN ({ids}))
                                         OR EXISTS (SELECT 1 FROM incident_sites AS t
                                                    WHERE t.incident_id = i.id AND t.site_id IN ({ids}))))""",
            point=contact_point_id,
            since=to_micros(now - REPORTED_WITHIN),
        )
    )


def _question(tx: Transaction, contact_point_id: int, now: datetime) -> Question | None:
    asked = answers.last_question(tx, contact_point_id, within=ASKED_WITHIN, now=now)
    if asked is None:
        return None
    reply_id, question = asked
    reply = replies.load(tx, reply_id)
    if reply is None or reply.meaning not in (Meaning.OUT, Meaning.ON):
        return None
    return Question(meaning=reply.meaning, service=question.service, site_ids=question.site_ids)
