"""Parts as they are stored: the first one, which is the rest, those cut off from it, and which sites each of them has.

A site belongs to the first part in `position` that names it, by a region or in a list; to the rest, when none does
(decision 0020). The condition is SQL, for every statement that walks sites; an incident that was never cut has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from notifier.domain.broadcast import BroadcastKind
from notifier.domain.errors import NotFound
from notifier.domain.incident import PartState
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros

REST = "rest"  # how people name the first part


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a part that was cut off is named by."""

    part_id: int
    region_ids: tuple[int, ...] = ()
    is_listed: bool = False

    def condition(self, site: str) -> str:
        """Return the SQL condition that a site is named."""
        return named_by((self,), site)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScope:
    """Which sites of an incident belong to a part, or to any that is still its own."""

    named: Named | None  # None: whatever is not named by the others
    others: tuple[Named, ...]  # parts that are looked at before

    without: tuple["PartScope", ...] = ()  # parts that were split off: what is theirs is not here
    joins: bool = False  # named are sites that come to the place only when what names them is sent

    def condition(self, site: str) -> str:
        """Return the SQL condition that a site belongs here; that it lies in the place is asked apart."""
        conditions = [self.named.condition(site)] if self.named else []
        if self.others:
            conditions.append(f"NOT {named_by(self.others, site)}")
        conditions += [f"NOT ({each.condition(site)})" for each in self.without]
        return " AND ".join(conditions) or "1 = 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """One part, by the names of its columns."""

    id: int
    incident_id: int
    name: str  # "" = the first
    state: PartState
    cause: str
    crew: str
    eta_at: datetime | None
    next_update_by: datetime | None
    believed_back_at: datetime | None
    restored_at: datetime | None
    cut_from: int | None  # the part that its sites belonged to; None: the first
    cut_at: datetime | None  # None of one that is cut off: only a draft names it
    joined_at: datetime | None
    became: int | None
    position: int
    joins: bool

    @property
    def is_own(self) -> bool:
        """Tell whether it stands by itself: not only named by a draft, joined to the first, or gone."""
        return self.cut_from is None or (self.cut_at is not None and self.joined_at is None and self.became is None)

    @property
    def is_draft(self) -> bool:
        """Tell whether it is named by a draft only, and stands for sites of the one it is cut from."""
        return self.cut_from is not None and self.cut_at is None

    @property
    def names_sites(self) -> bool:
        """Tell whether the sites it names are nobody else's."""
        return self.cut_from is not None and self.cut_at is not None and self.joined_at is None


def columns(part: str, prefix: str) -> str:
    """Return the SQL of the columns that `read` wants, where a statement reads more than a part."""
    return ", ".join(f"{part}.{field.name} AS {prefix}{field.name}" for field in fields(StoredPart))


def read(row: Row, prefix: str = "") -> StoredPart:
    """Return the part of a row whose columns have a prefix."""
    return StoredPart(
        id=row[f"{prefix}id"],
        incident_id=row[f"{prefix}incident_id"],
        name=row[f"{prefix}name"],
        state=PartState(row[f"{prefix}state"]),
        cause=row[f"{prefix}cause"],
        crew=row[f"{prefix}crew"],
        eta_at=to_instant(row[f"{prefix}eta_at"]),
        next_update_by=to_instant(row[f"{prefix}next_update_by"]),
        believed_back_at=to_instant(row[f"{prefix}believed_back_at"]),
        restored_at=to_instant(row[f"{prefix}restored_at"]),
        cut_from=row[f"{prefix}cut_from"],
        cut_at=to_instant(row[f"{prefix}cut_at"]),
        joined_at=to_instant(row[f"{prefix}joined_at"]),
        became=row[f"{prefix}became"],
        position=row[f"{prefix}position"],
        joins=bool(row[f"{prefix}joins"]),
    )


def of_incident(tx: Transaction, incident_id: int) -> list[StoredPart]:
    """Return the parts of an incident, the first one in front, then as they are looked at; also those of drafts."""
    rows = tx.rows(
        "SELECT * FROM parts WHERE incident_id = :id ORDER BY cut_from IS NOT NULL, position, id", id=incident_id
    )
    return [read(row) for row in rows]


def own(tx: Transaction, incident_id: int) -> list[StoredPart]:
    """Return the parts that stand by themselves, the first one in front."""
    return [part for part in of_incident(tx, incident_id) if part.is_own]


def are_several(tx: Transaction, incident_id: int) -> bool:
    """Tell whether more than one part of an incident stands by itself."""
    rows = tx.tuples(f"SELECT 1 FROM parts AS p WHERE p.incident_id = :id AND {is_own('p')} LIMIT 2", id=incident_id)
    return len(rows) > 1


def load(tx: Transaction, part_id: int) -> StoredPart:
    """Return a part; raise `NotFound`."""
    row = tx.row("SELECT * FROM parts WHERE id = :id", id=part_id)
    if row is None:
        raise NotFound("part", part_id)
    return read(row)


def is_cut(tx: Transaction, part_id: int) -> bool:
    """Tell whether a part was cut off from another one."""
    return tx.scalar("SELECT 1 FROM parts WHERE id = :id AND cut_from IS NOT NULL", id=part_id) is not None


def has_one(incident: str, state: PartState) -> str:
    """Return the SQL condition that a part of an incident that stands by itself is in a state."""
    return f"""EXISTS (SELECT 1 FROM parts AS one WHERE one.incident_id = {incident} AND one.state = '{state}'
                       AND {is_own("one")})"""


def is_own(part: str) -> str:
    """Return the SQL condition that a part stands by itself."""
    return f"""({part}.cut_from IS NULL
                OR ({part}.cut_at IS NOT NULL AND {part}.joined_at IS NULL AND {part}.became IS NULL))"""


def scope_of(tx: Transaction, incident_id: int, part_id: int | None) -> PartScope | None:
    """Return which sites belong to a part (None: to any, unless they were split off); None when it is all of them.

    A part that only a draft names has the sites that it would have, were it cut off now.
    """
    every = of_incident(tx, incident_id)
    if len(every) == 1:
        return None
    cut = [part for part in every if part.names_sites]
    if part_id is None:
        gone = [place for place, part in enumerate(cut) if part.became is not None]
        names = _names(tx, [each.id for each in cut]) if gone else {}
        theirs = tuple(_scope(names, cut, place) for place in gone)
        return PartScope(named=None, others=(), without=theirs) if theirs else None
    part = next((each for each in every if each.id == part_id), None)
    if part is None or part.cut_from is None:
        names = _names(tx, [each.id for each in cut])
        return PartScope(named=None, others=tuple(names[each.id] for each in cut)) if cut else None
    before = () if part.joins and part.cut_at is None else cut[: place_of(part, cut)]
    names = _names(tx, [part.id, *(each.id for each in before)])
    return PartScope(
        named=names[part.id],
        others=tuple(names[each.id] for each in before),
        joins=part.joins and part.cut_at is None,
    )


def region_ids(tx: Transaction, part_id: int) -> list[int]:
    """Return the ids of the regions that name a part, ascending."""
    sql = "SELECT region_id FROM part_regions WHERE part_id = :id ORDER BY region_id"
    return [int(region) for (region,) in tx.tuples(sql, id=part_id)]


def listed_customers(tx: Transaction, part_id: int) -> list[int]:
    """Return the ids of the customers of the sites that a part lists, ascending."""
    sql = """SELECT DISTINCT s.customer_id FROM part_sites AS l JOIN sites AS s ON s.id = l.site_id
             WHERE l.part_id = :id ORDER BY s.customer_id"""
    return [int(customer) for (customer,) in tx.tuples(sql, id=part_id)]


def listed_site_ids(tx: Transaction, part_id: int) -> list[int]:
    """Return the ids of the sites that a part lists, ascending."""
    sql = "SELECT site_id FROM part_sites WHERE part_id = :id ORDER BY site_id"
    return [int(site_id) for (site_id,) in tx.tuples(sql, id=part_id)]


def any_names(tx: Transaction, cut: Sequence[StoredPart], site: str) -> str:
    """Return the SQL condition that one of some parts names a site; it is no longer for many than for a few."""
    return named_by(tuple(_names(tx, [part.id for part in cut]).values()), site)


def owners(walked: str) -> str:
    """Return the SQL of (site_id, position) of a walk over `site_id`: of the part that names a site; NULL: of the rest.

    It costs the same whether an incident has two parts or two thousand. Parameter: `incident`.
    """
    names = "p.incident_id = :incident AND p.cut_from IS NOT NULL AND p.cut_at IS NOT NULL AND p.joined_at IS NULL"
    return f"""SELECT each_name.site_id, MIN(each_name.position) AS position FROM (
                   SELECT w.site_id, CAST(NULL AS INTEGER) AS position FROM ({walked}) AS w
                   UNION ALL
                   SELECT w.site_id, named.position FROM ({walked}) AS w
                   JOIN site_regions AS lies ON lies.site_id = w.site_id
                   JOIN (SELECT pr.region_id, MIN(p.position) AS position
                         FROM parts AS p JOIN part_regions AS pr ON pr.part_id = p.id
                         WHERE {names} GROUP BY pr.region_id) AS named ON named.region_id = lies.region_id
                   UNION ALL
                   SELECT w.site_id, p.position FROM ({walked}) AS w
                   JOIN part_sites AS ps ON ps.site_id = w.site_id JOIN parts AS p ON p.id = ps.part_id
                   WHERE {names}) AS each_name
               GROUP BY each_name.site_id"""


def by_position(every: Sequence[StoredPart]) -> dict[int | None, int]:
    """Return the parts of an incident as `owners` tells of them; None: the rest."""
    return {None: every[0].id, **{part.position: part.id for part in every if part.names_sites}}


def place_of(part: StoredPart, cut: Sequence[StoredPart]) -> int:
    """Return where a part stands among those that name sites: before the one that it is cut from."""
    for place, each in enumerate(cut):
        if each.id in (part.id, part.cut_from):
            return place
    return len(cut)


def of_site(tx: Transaction, incident_id: int, site_ids: Sequence[int]) -> dict[int, int]:
    """Return, by site, the part that it belongs to; sites that were split off have none."""
    if not site_ids:
        return {}
    every = of_incident(tx, incident_id)
    if not every:
        return {}
    ids = ", ".join(str(int(site)) for site in site_ids)
    rows = tx.tuples(owners(f"SELECT s.id AS site_id FROM sites AS s WHERE s.id IN ({ids})"), incident=incident_id)
    parts = by_position(every)
    gone = {part.id for part in every if part.names_sites and part.became is not None}
    return {site: parts[position] for site, position in rows if parts[position] not in gone}


def lineage(tx: Transaction, part_id: int) -> list[tuple[int, int, datetime | None]]:
    """Return the parts whose updates the customers of a part heard, as (incident, part, those authorised until).

    The part itself comes first, without a limit; then what it was cut from, or was before in another incident.
    """
    part = load(tx, part_id)
    found: list[tuple[int, int, datetime | None]] = [(part.incident_id, part.id, None)]
    until: datetime | None = None
    while True:
        before = tx.row("SELECT * FROM parts WHERE became = :id", id=part.id)
        if before is not None:
            part = read(before)  # it was told nothing more since
        elif part.cut_from is not None and not part.joins:
            times = [at for at in (until, part.cut_at) if at is not None]
            until, part = min(times, default=None), load(tx, part.cut_from)
        else:
            return found
        found.append((part.incident_id, part.id, until))


def kin(tx: Transaction, incident_id: int) -> tuple[int, ...]:
    """Return the other incidents of which customers of this one may have been told: merged into it, or split from."""
    found: set[int] = set()
    ask = [incident_id]
    while ask:
        rows = tx.tuples(
            """SELECT b.incident_id FROM parts AS own JOIN parts AS b ON b.became = own.id
               WHERE own.incident_id = :id""",
            id=ask.pop(),
        )
        new = {int(row[0]) for row in rows} - found - {incident_id}
        found |= new
        ask += new
    return tuple(sorted(found))


def split_off(tx: Transaction, incident_id: int) -> tuple[int, ...]:
    """Return the incidents as which sites of this one were split off."""
    rows = tx.tuples(
        """SELECT DISTINCT p.incident_id FROM parts AS gone JOIN parts AS p ON p.id = gone.became
           WHERE gone.incident_id = :id""",
        id=incident_id,
    )
    return tuple(int(row[0]) for row in rows)


def named_by(names: Sequence[Named], site: str) -> str:
    """Return the SQL condition that one of some parts names a site."""
    regions = sorted({region for each in names for region in each.region_ids})
    lists = [each.part_id for each in names if each.is_listed]
    conditions = []
    if regions:
        conditions.append(
            f"""EXISTS (SELECT 1 FROM site_regions AS named_region
                        WHERE named_region.site_id = {site} AND named_region.region_id IN ({_numbers(regions)}))"""
        )
    if lists:
        conditions.append(
            f"""EXISTS (SELECT 1 FROM part_sites AS named_site
                        WHERE named_site.site_id = {site} AND named_site.part_id IN ({_numbers(lists)}))"""
        )
    return f"({' OR '.join(conditions)})" if conditions else "(1 = 0)"


def told_as(tx: Transaction, incident_id: int, part_id: int, kind: str) -> str:
    """Return what the part is called that an update is for; "" where there is one part, or it is for all of them."""
    if kind == BroadcastKind.CORRECTION:
        return ""
    part = load(tx, part_id)
    return part.name or (REST if len(own(tx, incident_id)) > 1 else "")


def set_words(tx: Transaction, part_id: int, *, like: StoredPart) -> None:
    """Let a part say what another one says."""
    tx.run(
        """UPDATE parts SET state = :state, cause = :cause, crew = :crew, eta_at = :eta, next_update_by = :next,
                  believed_back_at = :back, restored_at = :restored WHERE id = :id""",
        id=part_id,
        state=like.state,
        cause=like.cause,
        crew=like.crew,
        eta=to_micros(like.eta_at),
        next=to_micros(like.next_update_by),
        back=to_micros(like.believed_back_at),
        restored=to_micros(like.restored_at),
    )


def name_by(tx: Transaction, part_id: int, region_ids: Sequence[int]) -> None:
    """Let a part be named by regions."""
    tx.run_many(
        "INSERT INTO part_regions (part_id, region_id) VALUES (:part, :region)",
        [{"part": part_id, "region": region} for region in region_ids],
    )


def list_sites(tx: Transaction, part_id: int, site_ids: Sequence[int]) -> None:
    """Put some sites into the list of a part; those that are gone meanwhile are left out."""
    tx.run(
        f"""INSERT INTO part_sites (part_id, site_id)
            SELECT CAST(:part AS BIGINT), s.id FROM sites AS s WHERE s.id IN ({_numbers(site_ids)})
            ON CONFLICT (part_id, site_id) DO NOTHING""",
        part=part_id,
    )


def _scope(names: Mapping[int, Named], cut: Sequence[StoredPart], place: int) -> PartScope:
    return PartScope(named=names[cut[place].id], others=tuple(names[each.id] for each in cut[:place]))


def _names(tx: Transaction, part_ids: Sequence[int]) -> dict[int, Named]:
    """Return what parts are named by, in the order given."""
    if not part_ids:
        return {}
    listed = _numbers(part_ids)
    regions: dict[int, list[int]] = {}
    for part_id, region_id in tx.tuples(
        f"SELECT part_id, region_id FROM part_regions WHERE part_id IN ({listed}) ORDER BY part_id, region_id"
    ):
        regions.setdefault(int(part_id), []).append(int(region_id))
    rows = tx.tuples(
        f"""SELECT p.id FROM parts AS p WHERE p.id IN ({listed})
              AND EXISTS (SELECT 1 FROM part_sites AS ps WHERE ps.part_id = p.id)"""
    )
    lists = {int(part_id) for (part_id,) in rows}
    return {
        part_id: Named(part_id=part_id, region_ids=tuple(regions.get(part_id, ())), is_listed=part_id in lists)
        for part_id in part_ids
    }


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(str(int(value)) for value in values)
