"""Who an update is for, in SQL: the one place that says which customers are affected and how each can be reached.

Planning and previews are built from the same texts, so a preview counts what planning will do. Everything is one
number per site and role, its *reach*, of which the least is the best: below `UNREACHED` it holds the channel's place
in the playbook's order, the contact point's place in its row, and the contact point; from there on it is the reason
why nobody is told. So "the first reachable contact point in order" and "the reason, when there is none" are one MIN.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.audience import AudienceOutcome
from notifier.domain.consent import CONTRACT, Basis, Purpose
from notifier.domain.notification import TOLD_STATES, Channel
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories.incidents import service_pattern
from notifier.storage.repositories.neighbours import NONE as NO_NEIGHBOURS
from notifier.storage.repositories.neighbours import Neighbours
from notifier.storage.repositories.parts import PartScope

POINT = 2**40  # contact point ids stay below it
POSITION = 2**10 * POINT  # positions in a row stay below 1,024
UNREACHED = 2**60
REASONS = (  # in the order in which the first that applies is given
    AudienceOutcome.HEARS_OF_ANOTHER,
    AudienceOutcome.DUPLICATE_CONTACT_POINT,
    AudienceOutcome.NOT_ON_GUEST_LIST,  # would be told but for that
    AudienceOutcome.PAUSED_BY_CUSTOMER,
    AudienceOutcome.OPTED_OUT,
    AudienceOutcome.SUPPRESSED,
    AudienceOutcome.NO_CHANNEL,
    AudienceOutcome.NO_CONTACT_POINT,
)
TOLD = ", ".join(f"'{state}'" for state in TOLD_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose audience: the affected sites of an incident, or those told before when it is a correction."""

    incident_id: int
    service: str
    region_ids: tuple[int, ...]
    channels: tuple[Channel, ...]  # in the playbook's order
    only_told: bool = False
    but: int = 0  # the broadcast itself: what it told is not what was told before
    purpose: Purpose = Purpose.OUTAGE  # of the broadcast's kind
    basis: Basis = CONTRACT  # what holds where a contact point said nothing about the purpose
    neighbours: Neighbours = NO_NEIGHBOURS  # other incidents that share sites with this one
    part: PartScope | None = None  # which of its sites; None: all of them
    noticed_since: datetime | None = None  # only those who reported it since then, or were told of it
    kin: tuple[int, ...] = ()  # incidents that were merged into it, or it was split from: what they told, it has told
    rest_of: tuple[int, ...] = ()  # only sites of which none of these updates told anybody

    @property
    def walked(self) -> tuple[int, ...]:
        """The regions in which all of its sites lie that are not listed."""
        return self.region_ids if self.part is None or self.part.named is None else self.part.named.region_ids

    @property
    def pattern(self) -> str:
        """The LIKE pattern of the service."""
        return service_pattern(self.service)


def reach(scope: Scope, *, point: str = "c", link: str = "l") -> str:
    """Return the SQL of the reach of one link; the aliases are its own and its contact point's, beside `wishes`."""
    return f"""CASE {_hears_of_another(scope, link)}
                    WHEN {point}.id IS NULL THEN {code(AudienceOutcome.NO_CONTACT_POINT)}
                    WHEN {_rank(scope.channels, point)} IS NULL THEN {code(AudienceOutcome.NO_CHANNEL)}
                    WHEN {point}.suppressed = 'opted_out' OR {refused("o.state", scope.purpose, scope.basis)}
                         OR m.site_id IS NOT NULL THEN {code(AudienceOutcome.OPTED_OUT)}
                    WHEN {point}.suppressed IS NOT NULL THEN {code(AudienceOutcome.SUPPRESSED)}
                    WHEN z.incident_id IS NOT NULL THEN {code(AudienceOutcome.PAUSED_BY_CUSTOMER)}
                    WHEN {uninvited(point)} THEN {code(AudienceOutcome.NOT_ON_GUEST_LIST)}
                    ELSE {_rank(scope.channels, point)} * {POSITION} + {link}.position * {POINT} + {point}.id END"""


def _hears_of_another(scope: Scope, link: str) -> str:
    """Return the case of sites that hear of another incident until both are over; nothing where there is none."""
    conditions = [_is_told_by(other, f"{link}.site_id") for other in scope.neighbours.telling]
    conditions += [hears_of_work(scope, work, f"{link}.site_id") for work in scope.neighbours.works]
    conditions += [
        _in_place_of(each.incident_id, each.region_ids, f"{link}.site_id") for each in scope.neighbours.still_out
    ]
    if not conditions:
        return ""
    return f"WHEN {' OR '.join(conditions)} THEN {code(AudienceOutcome.HEARS_OF_ANOTHER)}"


def _is_told_by(incident_id: int, site: str, *, but: int = 0) -> str:
    """Return the SQL condition that somebody at a site was told by an incident, or is about to be."""
    return f"""EXISTS (SELECT 1 FROM links AS hl CROSS JOIN broadcasts AS hb
                    CROSS JOIN audience_notifications AS ha CROSS JOIN notifications AS hn
                    WHERE hl.site_id = {site} AND hb.incident_id = {int(incident_id)} AND hb.started_at IS NOT NULL
                      AND hb.id <> {int(but)}
                      AND ha.broadcast_id = hb.id AND ha.contact_point_id = hl.contact_point_id
                      AND ha.site_id = hl.site_id AND hn.broadcast_id = hb.id
                      AND hn.contact_point_id = hl.contact_point_id AND hn.state IN ('pending', {TOLD}))"""


def hears_of_work(scope: Scope, work: int, site: str) -> str:
    """Return the SQL condition that a site was told of planned work, and nothing of this incident before."""
    return f"({_is_told_by(work, site)} AND NOT {_is_told_by(scope.incident_id, site, but=scope.but)})"


def uninvited(point: str) -> str:
    """Return the SQL condition that there is a guest list and a contact point is not on it."""
    return f"""EXISTS (SELECT 1 FROM guests)
                         AND NOT EXISTS (SELECT 1 FROM guests AS g WHERE g.address = {point}.address)"""


def code(reason: AudienceOutcome) -> int:
    """Return the reach that stands for a reason."""
    return UNREACHED + REASONS.index(reason)


def outcome(column: str) -> str:
    """Return the SQL of a customer's outcome from the least of its reaches."""
    reasons = " ".join(f"WHEN {column} = {code(reason)} THEN '{reason}'" for reason in REASONS)
    return f"CASE WHEN {column} < {UNREACHED} THEN '{AudienceOutcome.TOLD}' {reasons} END"


def order(column: str) -> str:
    """Return the SQL of the place of an outcome in their order: told first, then the reasons as they are given."""
    known = (AudienceOutcome.TOLD, *REASONS)
    places = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(known))
    return f"CASE {column} {places} ELSE {len(known)} END"


def channel(scope: Scope, column: str) -> str:
    """Return the SQL of the channel from a reach, or from a channel's place when `column` is one already."""
    places = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(scope.channels))
    return f"CASE {column} {places} END"


def in_place(scope: Scope, site: str) -> str:
    """Return the SQL condition that a site lies in the place, in this part of it. Parameter: `incident`."""
    if scope.part is not None and scope.part.joins:
        return scope.part.condition(site)
    return _in_place_of(":incident", scope.region_ids, site) + in_part(scope, site)


def still_in_place(scope: Scope, site: str) -> str:
    """Return what a walk of the scope's regions and lists has to ask of a site, as `AND ...`; nothing of all sites.

    Parameter: `incident`, where the scope is a part.
    """
    if scope.part is None or scope.part.named is None:
        return in_part(scope, site)
    return f" AND {in_place(scope, site)}"


def in_part(scope: Scope, site: str) -> str:
    """Return the SQL condition that a site belongs to the part, as `AND ...`; nothing where that is all of them."""
    part = "" if scope.part is None else f" AND {scope.part.condition(site)}"
    part += f" AND NOT {_told_by(scope.rest_of, site)}" if scope.rest_of else ""
    return part if scope.noticed_since is None else f"{part} AND {_noticed(scope, scope.noticed_since, site)}"


def _told_by(broadcast_ids: Sequence[int], site: str) -> str:
    """Return the SQL condition that one of some updates told somebody of a site."""
    return f"""EXISTS (SELECT 1 FROM links AS rl CROSS JOIN audience_notifications AS ra CROSS JOIN notifications AS rn
                       WHERE rl.site_id = {site} AND ra.broadcast_id IN ({numbers(broadcast_ids)})
                         AND ra.contact_point_id = rl.contact_point_id AND ra.site_id = rl.site_id
                         AND rn.broadcast_id = ra.broadcast_id AND rn.contact_point_id = rl.contact_point_id
                         AND {may_have_been_told("rn")})"""


def _noticed(scope: Scope, since: datetime, site: str) -> str:
    """Return the SQL condition that somebody reported a site's outage, or was told of it."""
    service = scope.service.replace("'", "''")
    return f"""(EXISTS (SELECT 1 FROM sites AS ks CROSS JOIN complaints AS k
                        WHERE ks.id = {site} AND k.customer_id = ks.customer_id AND k.service = '{service}'
                          AND k.effective_at >= {to_micros(since)})
                OR EXISTS (SELECT 1 FROM links AS tl CROSS JOIN broadcasts AS tb
                           CROSS JOIN audience_notifications AS ta CROSS JOIN notifications AS tn
                           WHERE tl.site_id = {site} AND tb.incident_id = {int(scope.incident_id)}
                             AND tb.started_at IS NOT NULL AND tb.id <> {int(scope.but)}
                             AND ta.broadcast_id = tb.id AND ta.contact_point_id = tl.contact_point_id
                             AND ta.site_id = tl.site_id AND tn.broadcast_id = tb.id
                             AND tn.contact_point_id = tl.contact_point_id AND {may_have_been_told("tn")}))"""


def _in_place_of(incident: int | str, region_ids: Sequence[int], site: str) -> str:
    listed = f"EXISTS (SELECT 1 FROM incident_sites AS t WHERE t.incident_id = {incident} AND t.site_id = {site})"
    if not region_ids:
        return listed
    return f"""(EXISTS (SELECT 1 FROM site_regions AS r
                        WHERE r.site_id = {site} AND r.region_id IN ({numbers(region_ids)}))
                OR {listed})"""


def affected(scope: Scope) -> str:
    """Return the SQL of the affected sites as (site_id, customer_id); a site in several places comes several times.

    Parameters: `pattern`, `incident`.
    """
    table, key = list_of(scope)
    still = still_in_place(scope, "s.id")
    listed = f"""SELECT s.id AS site_id, s.customer_id FROM {table} AS t CROSS JOIN sites AS s
                WHERE {key} AND s.id = t.site_id
                  AND s.status = 'active' AND s.services LIKE :pattern{still}"""
    if not scope.walked:
        return listed
    return f"""SELECT s.id AS site_id, s.customer_id FROM site_regions AS sr CROSS JOIN sites AS s
               WHERE sr.region_id IN ({numbers(scope.walked)}) AND s.id = sr.site_id
                 AND s.status = 'active' AND s.services LIKE :pattern{still}
               UNION ALL {listed}"""


def list_of(scope: Scope) -> tuple[str, str]:
    """Return the table that lists sites of a scope, and the SQL condition on its alias `t`. Parameter: `incident`."""
    if scope.part is None or scope.part.named is None:
        return "incident_sites", "t.incident_id = :incident"
    return "part_sites", f"t.part_id = {int(scope.part.named.part_id)}"


def may_have_been_told(notification: str) -> str:
    """Return the SQL condition that a message was handed over or may have been, whatever became of its row since."""
    return f"({notification}.state IN ({TOLD}) OR {notification}.in_doubt_at IS NOT NULL)"


def tells_of(scope: Scope, broadcast: str) -> str:
    """Return the SQL condition that a broadcast is of the incident, or of its kin. Parameter: `incident`."""
    also = "".join(f", {int(other)}" for other in scope.kin)
    return f"{broadcast}.incident_id IN (:incident{also})" if also else f"{broadcast}.incident_id = :incident"


def _told_here(scope: Scope) -> str:
    """Return what is asked of a site that was told of: where kin told it, that it lies in the place now."""
    kin = f" AND (b.incident_id = :incident OR {_in_place_of(':incident', scope.region_ids, 'an.site_id')})"
    return in_part(scope, "an.site_id") + (kin if scope.kin else "")


def told_before(scope: Scope) -> str:
    """Return the SQL of what was told of the incident: (site_id, customer_id, contact_point_id, position).

    Counted are messages that were handed over or may have been. Parameter: `incident`.
    """
    return f"""SELECT an.site_id, an.customer_id, an.contact_point_id, 0 AS position
               FROM broadcasts AS b
               CROSS JOIN notifications AS n CROSS JOIN audience_notifications AS an
               WHERE {tells_of(scope, "b")} AND b.id <> {scope.but}
                 AND n.broadcast_id = b.id AND {may_have_been_told("n")}
                 AND an.broadcast_id = b.id
                 AND an.contact_point_id = n.contact_point_id{_told_here(scope)}"""


def best(scope: Scope, *, most: int | None = None) -> str:
    """Return the SQL of (site_id, customer_id, reach), one row per site and role; of the first `most` sites only.

    Parameters: `incident`, and `pattern` unless the scope is `only_told`.
    """
    limit = "" if most is None else f"LIMIT {most}"
    if scope.only_told:
        return f"""SELECT t.site_id, t.customer_id, MIN({reach(scope, link="t")}) AS reach
                   FROM ({told_before(scope)} {limit}) AS t
                   JOIN contact_points AS c ON c.id = t.contact_point_id
                   {wishes(scope, link="t")}
                   GROUP BY t.site_id, t.customer_id, t.contact_point_id"""
    return f"""SELECT a.site_id, a.customer_id, MIN({reach(scope)}) AS reach
               FROM ({_limited(affected(scope), limit)}) AS a
               LEFT JOIN links AS l ON l.site_id = a.site_id
               LEFT JOIN contact_points AS c ON c.id = l.contact_point_id
               {wishes(scope)}
               GROUP BY a.site_id, a.customer_id, l.role"""


def wishes(scope: Scope, *, link: str = "l") -> str:
    """Return the SQL that joins what a contact point said: of the purpose (o), the incident (z) and the site (m)."""
    return f"""LEFT JOIN consents AS o ON o.contact_point_id = c.id AND o.purpose = '{scope.purpose}'
               LEFT JOIN pauses AS z ON z.contact_point_id = c.id AND z.incident_id = {int(scope.incident_id)}
               LEFT JOIN muted_sites AS m ON m.contact_point_id = c.id AND m.site_id = {link}.site_id"""


def refused(state: str, purpose: Purpose, basis: Basis) -> str:
    """Return the SQL condition that a purpose may not be written for: nothing stored means the basis, never yes."""
    return f"COALESCE({state}, '{basis.default(purpose)}') = 'refused'"


def customers(tx: Transaction, scope: Scope) -> int:
    """Return how many customers an update is for, told or not: the number that is typed."""
    rows = told_before(scope) if scope.only_told else affected(scope)
    return int(
        tx.scalar(
            f"SELECT count(DISTINCT customer_id) FROM ({rows}) AS counted",
            incident=scope.incident_id,
            **({} if scope.only_told else {"pattern": scope.pattern}),
        )
    )


def size(tx: Transaction, broadcast_id: int) -> int:
    """Return how many customers the audience of a broadcast holds by now, told or not."""
    return int(tx.scalar("SELECT count(*) FROM audience WHERE broadcast_id = :id", id=broadcast_id))


def numbers(values: Sequence[int]) -> str:
    """Return integers that we chose ourselves as a list in SQL."""
    return ", ".join(str(int(value)) for value in values)


def _limited(sql: str, limit: str) -> str:
    return f"SELECT * FROM ({sql}) AS every {limit}" if limit else sql


_CARRIES = {"email": (Channel.EMAIL,), "mobile": (Channel.SMS, Channel.VOICE), "landline": (Channel.VOICE,)}


def _rank(channels: Sequence[Channel], point: str) -> str:
    """Return the SQL of the place of a contact point's best channel in the playbook's order, or NULL.

    Few have switched a channel off: only theirs are looked at one by one.
    """
    places = [
        (kind, place, name)
        for kind, names in _CARRIES.items()
        for place, name in sorted((channels.index(name), name) for name in names if name in channels)
    ]
    best: dict[str, int] = {}
    for kind, place, _ in places:
        best.setdefault(kind, place)
    usual = " ".join(f"WHEN '{kind}' THEN {place}" for kind, place in best.items())
    still_on = " ".join(
        f"WHEN {point}.kind = '{kind}' AND {point}.channels_off NOT LIKE '%|{name}|%' THEN {place}"
        for kind, place, name in places
    )
    return f"CASE WHEN {point}.channels_off = '' THEN CASE {point}.kind {usual} END {still_on} END"
