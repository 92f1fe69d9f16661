"""Baselines in the database: what is known of each service and cell when a local day begins.

Functions of an open transaction. Shapes and levels are made from the counts that intake keeps (`service_hours`,
`cell_days`) and are stored when they come into force, so that a restarted detector decides as the first one did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from notifier.domain.baseline import (
    HOURS_PER_DAY,
    Level,
    LocalTime,
    ServiceHistory,
    service_history,
    shape_weights,
)
from notifier.domain.detection import CellKey
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_json

IMPORTED_SHARE = 0.01  # the counts of past days grew by more than this: history was imported


class StoredHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of a service when the baseline day began."""

    first_day: int
    daily_mean: float | None
    gaps: tuple[int, ...]
    weeks: int  # complete weeks the shape in force is made from
    through_day: int  # the last day that is known
    complaints: int  # counted up to then

    def history(self) -> ServiceHistory:
        """Return it as decisions take it."""
        return ServiceHistory(first_day=self.first_day, daily_mean=self.daily_mean, gaps=frozenset(self.gaps))


class BaselineState(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline of one day, apart from levels and shapes."""

    services: dict[str, StoredHistory] = {}
    regions: dict[str, int] = {}  # kind -> how many


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredShape:
    """The shape of a service."""

    through_day: int
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDay:
    """The baseline that a day begins with."""

    day: int
    state: BaselineState
    shapes: dict[str, StoredShape]  # those that changed
    imported: tuple[str, ...]  # services whose past changed: their levels are to be made anew
    new_gaps: dict[str, tuple[int, ...]]  # days on which the feed of a service was found to be broken


def begin_day(tx: Transaction, day: int, services: Sequence[str], local: LocalTime, before: BaselineState) -> NewDay:
    """Make the baseline of a day from the counts of the days before it.

    The shape of a service is made anew when another week is complete, or when its past has changed by an import.
    """
    histories: dict[str, StoredHistory] = {}
    changed: dict[str, StoredShape] = {}
    imported: list[str] = []
    gaps: dict[str, tuple[int, ...]] = {}
    for service in services:
        hours = service_hours(tx, service, day * HOURS_PER_DAY)
        if not hours:
            continue
        known = before.services.get(service)
        history = service_history(hours, day)
        weeks = (day - history.first_day) // 7
        if known is None or _past_changed(hours, history, known):
            imported.append(service)
        if weeks > 0 and (service in imported or known is None or weeks != known.weeks):
            weights = shape_weights(hours, history.first_day, weeks, local)
            changed[service] = StoredShape(through_day=history.first_day + 7 * weeks - 1, weights=weights)
        histories[service] = StoredHistory(
            first_day=history.first_day,
            daily_mean=history.daily_mean,
            gaps=tuple(sorted(history.gaps)),
            weeks=weeks,
            through_day=day - 1,
            complaints=sum(hours.values()),
        )
        if new := history.gaps - set(known.gaps if known is not None else ()):
            gaps[service] = tuple(sorted(new))
    return NewDay(
        day=day,
        state=BaselineState(services=histories, regions=regions_by_kind(tx)),
        shapes=changed,
        imported=tuple(imported),
        new_gaps=gaps,
    )


def _past_changed(hours: Mapping[int, int], history: ServiceHistory, known: StoredHistory) -> bool:
    past = sum(complaints for hour, complaints in hours.items() if hour // HOURS_PER_DAY <= known.through_day)
    return history.first_day != known.first_day or past - known.complaints > IMPORTED_SHARE * past


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


def shapes(tx: Transaction) -> dict[str, StoredShape]:
    """Return the shapes in force by service."""
    return {
        service: StoredShape(through_day=through_day, weights=from_json(shape, tuple[float, ...]))
        for service, through_day, shape in tx.tuples("SELECT service, through_day, shape FROM baseline_shapes")
    }


def service_hours(tx: Transaction, service: str, before_hour: int) -> dict[int, int]:
    """Return the complaints of a service by local hour."""
    rows = tx.tuples(
        "SELECT hour, complaints FROM service_hours WHERE service = :service AND hour < :before",
        service=service,
        before=before_hour,
    )
    return {int(hour): int(complaints) for hour, complaints in rows}


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


def level(tx: Transaction, key: CellKey) -> Level | None:
    """Return the level of a cell that was last put into force."""
    row = tx.row(
        """SELECT through_day, level_sum, level_weight, daily_mean FROM baselines
           WHERE region_id = :region AND service = :service""",
        region=key.region_id,
        service=key.service,
    )
    if row is None:
        return None
    return Level(
        through_day=row["through_day"],
        total=row["level_sum"],
        weight=row["level_weight"],
        daily_mean=row["daily_mean"],
    )


def save_levels(tx: Transaction, levels: Mapping[CellKey, Level]) -> None:
    """Store levels that have come into force."""
    tx.run_many(
        """INSERT INTO baselines (region_id, service, through_day, level_sum, level_weight, daily_mean)
           VALUES (:region, :service, :day, :total, :weight, :mean)
           ON CONFLICT (region_id, service) DO UPDATE SET through_day = excluded.through_day,
             level_sum = excluded.level_sum, level_weight = excluded.level_weight, daily_mean = excluded.daily_mean""",
        [
            {
                "region": key.region_id,
                "service": key.service,
                "day": one.through_day,
                "total": one.total,
                "weight": one.weight,
                "mean": one.daily_mean,
            }
            for key, one in sorted(levels.items())
        ],
    )


def forget_levels(tx: Transaction, service: str) -> None:
    """Let every level of a service be made anew from its counts, when its cell is next complained about."""
    tx.run("DELETE FROM baselines WHERE service = :service", service=service)
