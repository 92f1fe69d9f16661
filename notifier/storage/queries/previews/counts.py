"""How many would be told, by what and where: the audience of a broadcast that is not planned yet, counted in SQL."""

from collections.abc import Mapping

from notifier.domain.notification import Channel
from notifier.storage.database import Transaction
from notifier.storage.queries.capped import Lately
from notifier.storage.repositories import audience
from notifier.storage.repositories.audience import POINT, POSITION, UNREACHED, Scope


def count(tx: Transaction, scope: Scope, values: Mapping[str, object], lately: Lately) -> dict[str, dict[str, int]]:
    """Return the audience counted in five ways: by `outcome`, `channel`, `locale`, `first` contact and `capped`."""
    counted: dict[str, dict[str, int]] = {"outcome": {}, "channel": {}, "locale": {}, "first": {}, "capped": {}}
    for group, name, number in tx.tuples(_counts(scope, lately), **values):
        counted[group][name] = int(number)
    return counted


def _counts(scope: Scope, lately: Lately) -> str:
    """Return one statement that walks the audience once and counts it in five ways: (group, name, number)."""
    mails = lately.mails(scope.channels.index(Channel.EMAIL)) if Channel.EMAIL in scope.channels else ""
    return f"""
        WITH best AS MATERIALIZED ({audience.best(scope)}),
        points AS MATERIALIZED (SELECT reach % {POINT} AS point, MIN(reach / {POSITION}) AS place
                                FROM best WHERE reach < {UNREACHED} GROUP BY 1)
        SELECT 'outcome', {audience.outcome("least")} AS name, count(*)
        FROM (SELECT MIN(reach) AS least FROM best GROUP BY customer_id) AS each_one GROUP BY 2
        UNION ALL
        SELECT 'channel', {audience.channel(scope, "place")}, count(*) FROM points GROUP BY place
        UNION ALL
        SELECT 'locale', c.locale, count(*) FROM points JOIN contact_points AS c ON c.id = points.point
        GROUP BY c.locale
        UNION ALL
        SELECT 'first', '', count(*) FROM points WHERE {is_first_contact(scope, "points.point")}
        {f"UNION ALL {mails}" if mails else ""}"""


def by_work(tx: Transaction, scope: Scope, values: Mapping[str, object]) -> dict[int, int]:
    """Return how many customers hear of planned work under way, not of this incident; by the work."""
    return {
        work: int(
            tx.scalar(
                f"""SELECT count(DISTINCT a.customer_id) FROM ({audience.affected(scope)}) AS a
                    WHERE {audience.hears_of_work(scope, work, "a.site_id")}""",
                **values,
            )
        )
        for work in scope.neighbours.works
    }


def is_first_contact(scope: Scope, point: str) -> str:
    """Return the SQL condition that a contact point was told nothing of the incident by another broadcast."""
    return f"""NOT EXISTS (SELECT 1 FROM broadcasts AS b
                           JOIN notifications AS n ON n.broadcast_id = b.id AND n.contact_point_id = {point}
                           WHERE {audience.tells_of(scope, "b")} AND b.id <> {scope.but}
                             AND {audience.may_have_been_told("n")})"""


def by_region(tx: Transaction, scope: Scope, values: Mapping[str, object]) -> dict[str, int]:
    """Return how many customers are affected by region, as `kind code`."""
    if not scope.walked:
        return {}
    regions = audience.numbers(scope.walked)
    if scope.only_told:
        sql = f"""SELECT r.kind, r.code, count(DISTINCT t.customer_id) FROM ({audience.told_before(scope)}) AS t
                  JOIN site_regions AS sr ON sr.site_id = t.site_id AND sr.region_id IN ({regions})
                  JOIN regions AS r ON r.id = sr.region_id GROUP BY r.kind, r.code ORDER BY r.kind, r.code"""
        return {f"{kind} {code}": int(number) for kind, code, number in tx.tuples(sql, **values)}
    sql = f"""SELECT r.kind, r.code, count(DISTINCT s.customer_id)
              FROM regions AS r CROSS JOIN site_regions AS sr CROSS JOIN sites AS s
              WHERE r.id IN ({regions}) AND sr.region_id = r.id AND s.id = sr.site_id
                AND s.status = 'active' AND s.services LIKE :pattern{audience.still_in_place(scope, "s.id")}
              GROUP BY r.kind, r.code ORDER BY r.kind, r.code"""
    return {f"{kind} {code}": int(number) for kind, code, number in tx.tuples(sql, **values)}


def by_locale(counted: Mapping[str, int], default: str) -> dict[str, int]:
    """Return the readers by language; those without one have the usual one."""
    merged: dict[str, int] = {}
    for locale, number in counted.items():
        merged[locale or default] = merged.get(locale or default, 0) + number
    return dict(sorted(merged.items()))
