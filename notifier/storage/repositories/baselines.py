"""Baselines in the database: what is known of each service and cell when a local day begins.

Functions of an open transaction. Shapes and levels are made from the counts that intake keeps (`service_hours`,
`cell_days`) and are stored when they come into force, so that a restarted detector decides as the first one did.
"""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from notifier.domain.baseline_day import BaselineState, NewDay, StoredShape
from notifier.domain.detection import CellKey
from notifier.domain.level import Level, Settled
from notifier.domain.local_time import HOURS_PER_DAY
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_json
from notifier.storage.sets import look_up, look_up_exactly

_KEYS_AT_ONCE = 1_000  # in one statement: an array of them is parsed, and its rows are held, as a whole


def save_new_day(tx: Transaction, new: NewDay) -> None:
    """Store the baseline of a day."""
    save_day(tx, new.day, new.state, new.shapes)
    for service in new.imported:
        forget_levels(tx, service)


def save_day(tx: Transaction, day: int, state: BaselineState, shapes: Mapping[str, StoredShape]) -> None:
    """Store the baseline that a day begins with; `shapes` are those that changed."""
    tx.run("UPDATE detector SET baseline_day = :day, state = :state WHERE id = 1", day=day, state=to_json(state))
    tx.run_many(
        """INSERT INTO baseline_shapes (service, through_day, shape) VALUES (:service, :day, :shape)
           ON CONFLICT (service) DO UPDATE SET through_day = excluded.through_day, shape = excluded.shape""",
        [
            {"service": service, "day": shape.through_day, "shape": to_json(shape.weights)}
            for service, shape in sorted(shapes.items())
        ],
    )


def save_state(tx: Transaction, state: BaselineState) -> None:
    """Store what has changed of a baseline within its day."""
    tx.run("UPDATE detector SET state = :state WHERE id = 1", state=to_json(state))


def shapes(tx: Transaction) -> dict[str, StoredShape]:
    """Return the shapes in force by service."""
    return {
        service: StoredShape(through_day=through_day, weights=from_json(shape, tuple[float, ...]))
        for service, through_day, shape in tx.tuples("SELECT service, through_day, shape FROM baseline_shapes")
    }


def service_days(tx: Transaction, service: str, before_day: int) -> dict[int, int]:
    """Return the complaints of a service by local day."""
    rows = tx.tuples(
        """SELECT hour / 24 AS day, SUM(complaints) FROM service_hours
           WHERE service = :service AND hour < :before GROUP BY hour / 24""",
        service=service,
        before=before_day * HOURS_PER_DAY,
    )
    return {int(day): int(complaints) for day, complaints in rows}


def service_hours(tx: Transaction, service: str, from_hour: int, before_hour: int) -> dict[int, int]:
    """Return the complaints of a service by local hour."""
    rows = tx.tuples(
        """SELECT hour, SUM(complaints) FROM service_hours
           WHERE service = :service AND hour >= :first AND hour < :before GROUP BY hour""",
        service=service,
        first=from_hour,
        before=before_hour,
    )
    return {int(hour): int(complaints) for hour, complaints in rows}


def source_hours(tx: Transaction, service: str, from_hour: int, before_hour: int) -> dict[str, dict[int, int]]:
    """Return the complaints of a service by source and local hour, without imported history."""
    found: dict[str, dict[int, int]] = {}
    for source, hour, complaints in tx.tuples(
        """SELECT source, hour, complaints FROM service_hours
           WHERE service = :service AND hour >= :first AND hour < :before AND source <> '' ORDER BY source, hour""",
        service=service,
        first=from_hour,
        before=before_hour,
    ):
        found.setdefault(source, {})[int(hour)] = int(complaints)
    return found


def regions_by_kind(tx: Transaction) -> dict[str, int]:
    """Return how many regions there are of each kind."""
    return {kind: int(number) for kind, number in tx.tuples("SELECT kind, COUNT(*) FROM regions GROUP BY kind")}


def cell_days(tx: Transaction, key: CellKey, first_day: int, before_day: int) -> dict[int, int]:
    """Return the complaints of a cell by local day."""
    rows = tx.tuples(
        """SELECT day, complaints FROM cell_days
           WHERE region_id = :region AND service = :service AND day >= :first AND day < :before""",
        region=key.region_id,
        service=key.service,
        first=first_day,
        before=before_day,
    )
    return {int(day): int(complaints) for day, complaints in rows}


def days_of_cells(tx: Transaction, since: Mapping[CellKey, int], before_day: int) -> dict[CellKey, dict[int, int]]:
    """Return the complaints of cells by local day, each since its own day and before one.

    Take no more than some hundred cells where each may have 400 days.
    """
    found: dict[CellKey, dict[int, int]] = {key: {} for key in since}
    keys = list(since)
    asked = [(*key, since[key], before_day) for key in keys]
    for n, days, complaints in look_up(tx, "n, json(days), json(complaints)", _DAYS, asked):
        found[keys[n]] = dict(zip(days, complaints, strict=True))
    return found


def level(tx: Transaction, key: CellKey) -> Level | None:
    """Return the level of a cell that was last put into force."""
    rows = tx.tuples(
        f"SELECT {_COLUMNS} FROM baselines AS b WHERE b.region_id = :region AND b.service = :service",
        region=key.region_id,
        service=key.service,
    )
    return _level(*rows[0]) if rows else None


def levels(tx: Transaction, keys: Iterable[CellKey]) -> dict[CellKey, Level]:
    """Return the levels of cells that were last put into force; those that have none are left out."""
    wanted, found = list(keys), {}
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        some = wanted[start : start + _KEYS_AT_ONCE]
        for n, *columns in look_up_exactly(tx, _LEVELS, some):
            found[some[n]] = _level(*columns)
    return found


def _level(through_day: int, total: float, weight: float, mean: float, *settled: Any) -> Level:
    """Return a level from its `_COLUMNS`."""
    sums = None if settled[0] is None else Settled(*settled)
    return Level(through_day=through_day, total=total, weight=weight, daily_mean=mean, settled=sums)


_SETTLED = ("through_day", "first_day", "sum", "long_sum", "complaints", "fingerprint")  # in the order of `Settled`
_COLUMNS = ", ".join(
    (
        *("b.through_day", "b.level_sum", "b.level_weight", "b.daily_mean"),
        *(f"b.settled_{name}" for name in _SETTLED),
    )
)
# CROSS JOIN keeps SQLite from reading the table before the keys.
_DAYS = """SELECT k.key - {first} AS n, {array}(d.day) AS days, {array}(d.complaints) AS complaints
           FROM {each} CROSS JOIN cell_days AS d
           WHERE d.region_id = CAST(k.value ->> 0 AS BIGINT) AND d.service = k.value ->> 1
             AND d.day >= CAST(k.value ->> 2 AS BIGINT) AND d.day < CAST(k.value ->> 3 AS BIGINT)
           GROUP BY k.key"""
_LEVELS = f"""SELECT k.key - {{first}} AS n, {_COLUMNS}
             FROM {{each}} CROSS JOIN baselines AS b
             WHERE b.region_id = CAST(k.value ->> 0 AS BIGINT) AND b.service = k.value ->> 1"""


_SAVED = ("region_id", "service", "through_day", "level_sum", "level_weight", "daily_mean")
_SAVED_TOO = tuple(f"settled_{name}" for name in _SETTLED)
_SAVE_LEVEL = f"""INSERT INTO baselines ({", ".join(_SAVED + _SAVED_TOO)})
    VALUES ({", ".join(f":{name}" for name in _SAVED + _SAVED_TOO)})
    ON CONFLICT (region_id, service) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in (_SAVED + _SAVED_TOO)[2:])}"""


def save_levels(tx: Transaction, levels: Mapping[CellKey, Level]) -> None:
    """Store levels that have come into force."""
    nothing = (None,) * len(_SAVED_TOO)
    tx.run_many(
        _SAVE_LEVEL,
        [
            dict(zip(_SAVED, (*key, one.through_day, one.total, one.weight, one.daily_mean), strict=True))
            | dict(zip(_SAVED_TOO, one.settled or nothing, strict=True))
            for key, one in sorted(levels.items(), key=itemgetter(0))
        ],
    )


def unsettle(tx: Transaction, counted: Iterable[tuple[int, str, int]]) -> None:
    """Let levels be made from all their days again, where something was counted on a day that was settled.

    `counted` are (region, service, local day). A level in force stays; the next one does not go on from it.
    """
    earliest: dict[tuple[int, str], int] = {}
    for region_id, service, day in counted:
        earliest[region_id, service] = min(day, earliest.get((region_id, service), day))
    tx.run_many(
        """UPDATE baselines SET settled_through_day = NULL
           WHERE region_id = :region AND service = :service AND settled_through_day >= :day""",
        [
            {"region": region_id, "service": service, "day": day}
            for (region_id, service), day in sorted(earliest.items())
        ],
    )


def forget_levels(tx: Transaction, service: str) -> None:
    """Let every level of a service be made anew from its counts, when its cell is next complained about."""
    tx.run("DELETE FROM baselines WHERE service = :service", service=service)
