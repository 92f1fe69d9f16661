"""What customers said of an incident in their own words: complaints from its place, and what they wrote back.

A text or mail that became a complaint is counted once. Who said it stays out: people are counted, contacts in their
words are taken out by `domain.their_words`.
"""

from collections.abc import Iterator

from notifier.domain.incident import RegionRole
from notifier.domain.their_words import Group, Said, grouped
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.repositories import incidents
from notifier.storage.views import WordsGroup, WordsView

READ_AT_MOST = 20_000  # of the newest: in a storm there may be a million complaints
SHOWN = 20
_FOR_EVER_US = 2**62


def view(tx: Transaction, incident_id: int, *, every: bool = False) -> WordsView:
    """Return what customers said of an incident; raise `NotFound`. Without `every`, only what was said last."""
    complaints, replies = list(_complaints(tx, incident_id)), list(_replies(tx, incident_id))
    said = complaints + replies
    groups = grouped(said)
    shown = groups if every else groups[:SHOWN]
    return WordsView(
        incident_id=incident_id,
        people=len({each.person for each in said}),
        complaints=len(complaints),
        replies=len(replies),
        groups=[_shown(group) for group in shown],
        left_out=len(groups) - len(shown),
    )


def _shown(group: Group) -> WordsGroup:
    return WordsGroup(
        text=group.text,
        times=group.times,
        people=group.people,
        newest_at=group.newest_at,
        oldest_at=group.oldest_at,
        how=dict(group.how),
    )


def _complaints(tx: Transaction, incident_id: int) -> Iterator[Said]:
    """Yield what was complained from the place, from when service failed until the incident was over."""
    incident = incidents.load(tx, incident_id)
    place = _regions(tx, incident_id)
    listed = {
        int(customer)
        for (customer,) in tx.tuples(
            """SELECT DISTINCT s.customer_id FROM incident_sites AS l JOIN sites AS s ON s.id = l.site_id
               WHERE l.incident_id = :id""",
            id=incident_id,
        )
    }
    since, until = tx.tuples(
        """SELECT (SELECT MIN(e.window_from_at) FROM evidence AS e WHERE e.incident_id = i.id),
                  COALESCE(i.closed_at, i.dismissed_at) FROM incidents AS i WHERE i.id = :id""",
        id=incident_id,
    )[0]
    began = to_micros(incident.started_at)
    rows = tx.tuples(
        f"""SELECT regions, customer_id, reporter, text, effective_at FROM complaints
            WHERE service = :service AND effective_at >= :since AND effective_at <= :until
            ORDER BY effective_at DESC, id DESC LIMIT {READ_AT_MOST}""",
        service=incident.service,
        since=began if since is None else min(began, since),
        until=_FOR_EVER_US if until is None else until,
    )
    for regions, customer, reporter, text, at in rows:
        if customer in listed or place.intersection(from_json(regions, list[int])):
            yield Said(person=_person(customer, reporter), text=text, at=to_instant(at), how="complaint")


def _regions(tx: Transaction, incident_id: int) -> set[int]:
    """Return the regions of the place, and those that lie in it: who is no customer names the one they know."""
    rows = tx.tuples(
        """SELECT ir.region_id FROM incident_regions AS ir
           WHERE ir.incident_id = :id
             AND (ir.role = :place OR NOT EXISTS (
                  SELECT 1 FROM site_regions AS s WHERE s.region_id = ir.region_id
                    AND NOT EXISTS (SELECT 1 FROM site_regions AS p
                                    JOIN incident_regions AS pr ON pr.region_id = p.region_id
                                     AND pr.incident_id = :id AND pr.role = :place
                                    WHERE p.site_id = s.site_id)))""",
        id=incident_id,
        place=RegionRole.PLACE,
    )
    return {int(region) for (region,) in rows}


def _replies(tx: Transaction, incident_id: int) -> Iterator[Said]:
    """Yield what was written back about the incident, but for what is a complaint already."""
    rows = tx.tuples(
        f"""SELECT r.customer_id, r.sender, r.text, r.received_at, r.meaning FROM replies AS r
            WHERE r.incident_id = :id
              AND NOT EXISTS (SELECT 1 FROM complaints AS c WHERE c.source = r.source AND c.external_id = r.external_id)
            ORDER BY r.received_at DESC, r.id DESC LIMIT {READ_AT_MOST}""",
        id=incident_id,
    )
    for customer, sender, text, at, meaning in rows:
        yield Said(person=_person(customer, sender), text=text, at=to_instant(at), how=meaning)


def _person(customer: int | None, sender: str) -> str:
    return sender if customer is None else f"#{customer}"
