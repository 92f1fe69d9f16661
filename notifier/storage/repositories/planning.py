"""Planning in SQL: one chunk of affected sites becomes audience and notifications, whole contact points at a time.

A chunk is a range of ids in one source: the priority sites, the customers who reported, the listed sites, then each
region of the place (of a part that was cut off: its own list and regions), at last those who were told before and are
served no more. All have one due time, in whose
microseconds stands who hears first: priority sites, who reported, who can be reached on one channel only, the rest.
Sites that share a chosen contact point are drawn into the chunk until none is missing, so the one message to a contact
point names all its sites and may be handed over as soon as the chunk is committed. Every insert tolerates that the row
is there already: a chunk may be planned again at any time, and late joiners may be planned by name beside the walk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from itertools import count

from notifier.domain.audience import AudienceOutcome
from notifier.domain.notification import NotificationReason
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, incidents
from notifier.storage.repositories.audience import POINT, POSITION, TOLD, UNREACHED, Scope
from notifier.storage.repositories.claims import MICROS_OF_ORDER

PRIORITY_SITES = 0  # the first source, with which every broadcast begins
REPORTED = -2  # customers who have complained of the service since it failed
LISTED_SITES = -1  # then region ids, ascending
ENDED_SITES = 2**31 - 1  # the last source

_TABLES = (
    """CREATE TEMPORARY TABLE IF NOT EXISTS plan_reach (
           site_id BIGINT NOT NULL, customer_id BIGINT NOT NULL, reach BIGINT NOT NULL, round INTEGER NOT NULL,
           place_in_line INTEGER NOT NULL)""",
    # sites chosen by name (round 0), and those drawn in by a shared contact point
    "CREATE TEMPORARY TABLE IF NOT EXISTS plan_sites (site_id BIGINT NOT NULL, round INTEGER NOT NULL)",
)
LOOKS_AT_MOST = 4  # ranges in front that hold nobody of the place, in one chunk


class Line(IntEnum):
    """Who of a broadcast hears first."""

    PRIORITY = 0  # somebody at the site depends on the service
    REPORTED = 1  # they asked
    ONE_CHANNEL = 2  # there is no other way to reach them
    REST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far planning has walked: a source, and the last id taken there."""

    source: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one chunk brought: where to go on (None = the audience is complete) and new rows."""

    upto: Cursor | None
    notifications: int
    customers: int


def plan_chunk(
    tx: Transaction,
    broadcast_id: int,
    scope: Scope,
    cursor: Cursor,
    *,
    at_most: int,
    due_at: datetime,
    now: datetime,
) -> Chunk:
    """Plan the next range of at most `at_most` ids; what shares a contact point with it comes along."""
    chunk = _Chunk(tx, broadcast_id, scope, due_at=due_at, now=now)
    if scope.only_told:
        return chunk.told_before(cursor, at_most)
    return chunk.affected(cursor, at_most)


def plan_sites(
    tx: Transaction, broadcast_id: int, scope: Scope, site_ids: Sequence[int], *, due_at: datetime, now: datetime
) -> Chunk:
    """Plan the affected ones among some sites, whether the walk has come by or not; what shares a contact point too."""
    chunk = _Chunk(tx, broadcast_id, scope, due_at=due_at, now=now, reason=NotificationReason.LATE_JOINER)
    return chunk.these(site_ids)


class _Chunk:
    """One chunk in one transaction."""

    def __init__(
        self,
        tx: Transaction,
        broadcast_id: int,
        scope: Scope,
        *,
        due_at: datetime,
        now: datetime,
        reason: NotificationReason = NotificationReason.PLANNED,
    ) -> None:
        self.tx, self.broadcast_id, self.scope = tx, broadcast_id, scope
        self.due_at, self.now = to_micros(due_at) // MICROS_OF_ORDER * MICROS_OF_ORDER, to_micros(now)
        self.reason = reason
        self._part_named = None if scope.part is None else scope.part.named  # of a part that was cut off
        self.line: Line | None = None  # where all of the chunk stand; None: it depends on their channels
        for table in _TABLES:
            tx.run(table)
        self._forget()

    def _forget(self) -> None:
        self.tx.run("DELETE FROM plan_sites")
        self.tx.run("DELETE FROM plan_reach")

    def affected(self, cursor: Cursor, at_most: int) -> Chunk:
        """Plan a range of a source; those in front that are empty are passed over."""
        for looks in count(1):
            if cursor.source not in _IN_FRONT:
                break
            chunk = self._in_front(cursor, at_most)
            if chunk.upto is None or chunk.notifications or looks == LOOKS_AT_MOST:
                return chunk
            cursor = chunk.upto
        if cursor.source == LISTED_SITES and not self._lists_any():
            cursor = self._next_source(LISTED_SITES)
        if cursor.source == ENDED_SITES:
            return self.ended(cursor, at_most)
        table, column, key = self._walked(cursor.source)
        until = self._until(table, column, key, cursor.after, at_most)
        self._choose(
            f"{table} AS w",
            f"w.{column} = :key AND w.site_id > :after AND w.site_id <= :until",
            number=0,
            key=key,
            after=cursor.after,
            until=_FAR if until is None else until,
        )
        self._draw_in()
        notifications, customers = self._store()
        upto = self._next_source(cursor.source) if until is None else Cursor(source=cursor.source, after=until)
        return Chunk(upto=upto, notifications=notifications, customers=customers)

    def _lists_any(self) -> bool:
        """Tell whether sites are listed, of the place or of the part."""
        if self._part_named is not None:
            return self._part_named.is_listed
        return incidents.listed_sites(self.tx, self.scope.incident_id) > 0

    def _walked(self, source: int) -> tuple[str, str, int]:
        """Return the table of a source, the column of its key, and the key."""
        if source != LISTED_SITES:
            return "site_regions", "region_id", source
        if self._part_named is not None:
            return "part_sites", "part_id", self._part_named.part_id
        return "incident_sites", "incident_id", self.scope.incident_id

    def _in_front(self, cursor: Cursor, at_most: int) -> Chunk:
        """Plan a range of those who hear first, as far as they lie in the place."""
        priority = cursor.source == PRIORITY_SITES
        listed = _PRIORITY if priority else _REPORTED
        values: dict[str, object] = {"after": cursor.after, "most": at_most}
        if not priority:
            values |= {"incident": self.scope.incident_id, "service": self.scope.service}
        found = self.tx.tuples(listed, **values)
        ids = [int(row[0]) for row in found]
        is_last = len(ids) < at_most
        self.line = Line.PRIORITY if priority else Line.REPORTED
        planned = self.these(ids if priority else self._sites_of(ids)) if ids else _NOTHING
        self.line = None
        if ids:
            self._forget()
        upto = self._next_source(cursor.source) if is_last else Cursor(source=cursor.source, after=ids[-1])
        return Chunk(upto=upto, notifications=planned.notifications, customers=planned.customers)

    def _sites_of(self, customer_ids: Sequence[int]) -> list[int]:
        return [
            int(row[0])
            for row in self.tx.tuples(f"SELECT id FROM sites WHERE customer_id IN ({audience.numbers(customer_ids)})")
        ]

    def these(self, site_ids: Sequence[int]) -> Chunk:
        """Plan the affected ones among some sites."""
        self.tx.run_many(
            "INSERT INTO plan_sites (site_id, round) VALUES (:site, 0)", [{"site": site_id} for site_id in site_ids]
        )
        lies_there = audience.in_place(self.scope, "w.site_id")
        self._choose("plan_sites AS w", f"w.round = 0 AND {lies_there}", number=0, incident=self.scope.incident_id)
        self._draw_in()
        notifications, customers = self._store()
        return Chunk(upto=None, notifications=notifications, customers=customers)

    def told_before(self, cursor: Cursor, at_most: int) -> Chunk:
        """Plan a range of the contact points that were told before."""
        until = self._least_nth(
            f"""SELECT contact_point_id FROM notifications
                WHERE broadcast_id = :earlier AND contact_point_id > :after AND state IN ({TOLD})
                ORDER BY contact_point_id LIMIT 1 OFFSET :skip""",
            cursor.after,
            at_most,
        )
        self.tx.run(
            f"""INSERT INTO plan_reach (site_id, customer_id, reach, round, place_in_line)
                SELECT t.site_id, t.customer_id, MIN({audience.reach(self.scope, link="t")}), 0, {int(Line.REST)}
                FROM ({audience.told_before(self.scope)} AND n.contact_point_id > :after
                                                         AND n.contact_point_id <= :until) AS t
                JOIN contact_points AS c ON c.id = t.contact_point_id
                {audience.wishes(self.scope, link="t")}
                GROUP BY t.site_id, t.customer_id, t.contact_point_id""",
            incident=self.scope.incident_id,
            after=cursor.after,
            until=_FAR if until is None else until,
        )
        notifications, customers = self._store()
        upto = None if until is None else Cursor(source=cursor.source, after=until)
        return Chunk(upto=upto, notifications=notifications, customers=customers)

    def ended(self, cursor: Cursor, at_most: int) -> Chunk:
        """Note those who were told before and whose contract ended or was paused meanwhile: they are not told.

        Of an incident in parts that is noted with the first one, and not with what is for the rest of an update.
        """
        if self._part_named is not None or self.scope.rest_of:
            return _NOTHING
        elsewhere, values = self._lives_elsewhere()
        until = self._least_nth(
            """SELECT customer_id FROM audience
               WHERE broadcast_id = :earlier AND customer_id > :after AND outcome = 'told'
               ORDER BY customer_id LIMIT 1 OFFSET :skip""",
            cursor.after,
            at_most,
        )
        customers = self.tx.run(
            """INSERT INTO audience (broadcast_id, customer_id, outcome)
               SELECT DISTINCT CAST(:broadcast AS BIGINT), e.customer_id, 'site_ended'
               FROM broadcasts AS b CROSS JOIN audience AS e
               WHERE b.incident_id = :incident AND b.id <> :broadcast AND b.started_at IS NOT NULL
                 AND e.broadcast_id = b.id AND e.customer_id > :after AND e.customer_id <= :until
                 AND e.outcome = 'told'"""
            + elsewhere
            + """
               ON CONFLICT (broadcast_id, customer_id) DO NOTHING""",
            broadcast=self.broadcast_id,
            incident=self.scope.incident_id,
            after=cursor.after,
            until=_FAR if until is None else until,
            **values,
        )
        upto = None if until is None else Cursor(source=ENDED_SITES, after=until)
        return Chunk(upto=upto, notifications=0, customers=customers)

    def _lives_elsewhere(self) -> tuple[str, dict[str, object]]:
        """Return the SQL that leaves out who has a site in another part, and its parameters; nothing of one part."""
        if self.scope.part is None:
            return "", {}
        there = audience.in_place(replace(self.scope, part=None), "o.id")
        return (
            f""" AND NOT EXISTS (SELECT 1 FROM sites AS o WHERE o.customer_id = e.customer_id AND o.status = 'active'
                                AND o.services LIKE :pattern AND {there})""",
            {"pattern": self.scope.pattern},
        )

    def _least_nth(self, sql: str, after: int, at_most: int) -> int | None:
        """Return up to which id each earlier broadcast has at most `at_most` rows; None when none has more."""
        earlier = self.tx.tuples(
            f"""SELECT b.id FROM broadcasts AS b
                WHERE {audience.tells_of(self.scope, "b")} AND b.id <> :broadcast AND b.started_at IS NOT NULL""",
            incident=self.scope.incident_id,
            broadcast=self.broadcast_id,
        )
        found = (self.tx.scalar(sql, earlier=row[0], after=after, skip=at_most - 1) for row in earlier)
        return min((int(nth) for nth in found if nth is not None), default=None)

    def _until(self, table: str, column: str, key: int, after: int, at_most: int) -> int | None:
        found = self.tx.scalar(
            f"SELECT site_id FROM {table} WHERE {column} = :key AND site_id > :after "
            "ORDER BY site_id LIMIT 1 OFFSET :skip",
            key=key,
            after=after,
            skip=at_most - 1,
        )
        return None if found is None else int(found)

    def _next_source(self, source: int) -> Cursor:
        if source in _IN_FRONT:
            return Cursor(source=_IN_FRONT[source], after=0)
        later = [region_id for region_id in self.scope.walked if region_id > source]
        return Cursor(source=min(later, default=ENDED_SITES), after=0)

    def _choose(self, walked: str, condition: str, *, number: int, **values: object) -> None:
        """Choose a contact point per role for the affected sites of a walk that are not carried yet."""
        self.tx.run(
            f"""INSERT INTO plan_reach (site_id, customer_id, reach, round, place_in_line)
                SELECT w.site_id, MIN(s.customer_id), MIN({audience.reach(self.scope)}), :round, {self._place_in_line()}
                FROM {walked} CROSS JOIN sites AS s
                LEFT JOIN links AS l ON l.site_id = s.id
                LEFT JOIN contact_points AS c ON c.id = l.contact_point_id
                {audience.wishes(self.scope)}
                WHERE {condition} AND s.id = w.site_id AND s.status = 'active' AND s.services LIKE :pattern
                  {audience.still_in_place(self.scope, "s.id")} AND {_NOT_CARRIED}
                GROUP BY w.site_id, l.role""",
            **{
                "round": number,
                "pattern": self.scope.pattern,
                "broadcast": self.broadcast_id,
                **({"incident": self.scope.incident_id} if self._part_named is not None else {}),
                **values,
            },
        )

    def _place_in_line(self) -> str:
        """Return the SQL of where those whom a contact point serves stand, over the links of a site and role."""
        if self.line is not None:
            return str(int(self.line))
        if len(self.scope.channels) == 1 or self.reason is NotificationReason.LATE_JOINER:
            return str(int(Line.REST))
        reach = audience.reach(self.scope)
        place = f"CASE WHEN {reach} < {UNREACHED} THEN {reach} / {POSITION} END"
        return f"CASE WHEN MAX({place}) = MIN({place}) THEN {int(Line.ONE_CHANNEL)} ELSE {int(Line.REST)} END"

    def _draw_in(self) -> None:
        """Draw in the other affected sites that the chosen contact points serve, until none is new."""
        number = 0
        while True:
            drawn_in = self.tx.run(
                f"""INSERT INTO plan_sites (site_id, round)
                    SELECT DISTINCT l.site_id, CAST(:next AS INTEGER)
                    FROM plan_reach AS p CROSS JOIN links AS l
                    WHERE p.round = :round AND p.reach < {UNREACHED} AND l.contact_point_id = p.reach % {POINT}
                      AND l.site_id <> p.site_id AND l.site_id NOT IN (SELECT site_id FROM plan_reach)
                      AND {audience.in_place(self.scope, "l.site_id")}""",
                round=number,
                next=number + 1,
                incident=self.scope.incident_id,
            )
            if drawn_in <= 0:
                return
            number += 1
            self._choose("plan_sites AS w", "w.round = :round", number=number)

    def _store(self) -> tuple[int, int]:
        """Write audience and notifications; return how many of each are new."""
        place = f"(reach / {POSITION})"
        notifications = self.tx.run(
            f"""INSERT INTO notifications (broadcast_id, contact_point_id, channel, reason, due_at, planned_at)
                SELECT CAST(:broadcast AS BIGINT), reach % {POINT}, {audience.channel(self.scope, place)},
                       CAST(:reason AS TEXT), CAST(:due AS BIGINT) + place_in_line, CAST(:now AS BIGINT)
                FROM plan_reach WHERE reach < {UNREACHED} {self._in_line()}
                ON CONFLICT (broadcast_id, contact_point_id) DO NOTHING""",
            broadcast=self.broadcast_id,
            reason=self.reason,
            due=self.due_at,
            now=self.now,
        )
        if notifications < self._chosen():
            self._leave_out_the_handed_over()
        self.tx.run(
            f"""INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
                SELECT CAST(:broadcast AS BIGINT), reach % {POINT}, site_id, customer_id FROM plan_reach
                WHERE reach < {UNREACHED}
                ON CONFLICT (broadcast_id, contact_point_id, site_id) DO NOTHING""",
            broadcast=self.broadcast_id,
        )
        least = "SELECT customer_id, MIN(reach) AS least FROM plan_reach GROUP BY customer_id"
        if self.tx.dialect == "sqlite":  # it may meet a customer twice in one statement, and then sorts nothing
            least = "SELECT customer_id, reach AS least FROM plan_reach"
        customers = self.tx.run(
            f"""INSERT INTO audience (broadcast_id, customer_id, outcome)
                SELECT CAST(:broadcast AS BIGINT), customer_id, {audience.outcome("least")}
                FROM ({least}) AS each_one
                WHERE true
                ON CONFLICT (broadcast_id, customer_id) DO UPDATE SET outcome = excluded.outcome
                WHERE {audience.order("excluded.outcome")} < {audience.order("audience.outcome")}""",
            broadcast=self.broadcast_id,
        )
        return notifications, customers

    def _in_line(self) -> str:
        """Return the SQL of their order, so that claims touch rows side by side."""
        return "ORDER BY place_in_line" if self.line is None and len(self.scope.channels) > 1 else ""

    def _chosen(self) -> int:
        """Return how many contact points were chosen; fewer new notifications mean that some were there before."""
        return int(self.tx.scalar(f"SELECT count(DISTINCT reach % {POINT}) FROM plan_reach WHERE reach < {UNREACHED}"))

    def _leave_out_the_handed_over(self) -> None:
        """Carry no new site with a message that has been made already: it does not say so."""
        self.tx.run(
            f"""UPDATE plan_reach SET reach = {audience.code(AudienceOutcome.DUPLICATE_CONTACT_POINT)}
                WHERE reach < {UNREACHED} AND EXISTS (
                    SELECT 1 FROM notifications AS n
                    WHERE n.broadcast_id = :broadcast AND n.contact_point_id = plan_reach.reach % {POINT}
                      AND NOT (n.state = 'pending' AND n.facts IS NULL))""",
            broadcast=self.broadcast_id,
        )


_FAR = 2**62
_NOTHING = Chunk(upto=None, notifications=0, customers=0)
_IN_FRONT = {PRIORITY_SITES: REPORTED, REPORTED: LISTED_SITES}
_PRIORITY = "SELECT id FROM sites WHERE priority = 1 AND id > :after ORDER BY id LIMIT :most"
_REPORTED = """SELECT DISTINCT k.customer_id + 0 AS customer_id FROM complaints AS k
               WHERE k.effective_at >= (SELECT started_at FROM incidents WHERE id = :incident)
                 AND k.service = :service AND k.customer_id + 0 > :after ORDER BY 1 LIMIT :most"""
# `+ 0`: by time, of which there are few, not by customer, of which there are all

# OFFSET keeps PostgreSQL from joining all that has been told, of which it has no statistics yet: each is looked up.
_NOT_CARRIED = """NOT EXISTS (
    SELECT 1 FROM audience AS told
    WHERE told.broadcast_id = :broadcast AND told.customer_id = s.customer_id AND told.outcome = 'told' AND EXISTS (
        SELECT 1 FROM links AS k WHERE k.site_id = s.id AND EXISTS (
            SELECT 1 FROM audience_notifications AS an
            WHERE an.broadcast_id = :broadcast AND an.contact_point_id = k.contact_point_id AND an.site_id = s.id
            LIMIT 1 OFFSET 0)
        LIMIT 1 OFFSET 0)
    LIMIT 1 OFFSET 0)"""
