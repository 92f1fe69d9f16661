"""Complaints in the database, and the counts the baseline is made from. Functions of an open transaction.

A complaint is stored once and never changed. With it, in the same transaction, grow the counts per cell and local day
and per service and local hour: those of every complaint that is evidence, and of history and late rows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from notifier.domain.complaint import ADDRESS_WITHIN, UNVERIFIED_WITHIN, NotCounted, Strangers
from notifier.storage.database import Transaction
from notifier.storage.instants import MICROSECOND, from_json, to_instant, to_json, to_micros
from notifier.storage.sets import at_once


class StoredComplaint(Struct, kw_only=True):  # thousands a second: a struct is made in C
    """One complaint as it is stored."""

    id: int
    source: str
    external_id: str | None
    api_key_id: int | None
    idempotency_key: str | None
    body_hash: str | None
    reporter: str
    customer_id: int | None
    service: str
    text: str
    occurred_at: datetime
    received_at: datetime
    effective_at: datetime
    verified: bool
    regions: tuple[int, ...]
    counted_regions: tuple[int, ...]
    not_counted: NotCounted | None
    correlation_id: str
    answer_to: str | None = None  # the address it came from, "" = the customer; None: nobody hears back
    written_from: str | None = None  # of an unverified one: a digest of the address it was written from
    named_before: tuple[int, ...] = ()  # of the counted regions, those in which its customer named another service


@dataclass(slots=True)
class Counts:
    """What one transaction adds to the facts of the baseline, gathered so that every row is written once."""

    cell_days: Counter[tuple[int, str, int]] = field(default_factory=Counter)  # (region, service, local day)
    service_hours: Counter[tuple[str, int, str]] = field(default_factory=Counter)  # (service, local hour, source)

    def add(self, service: str, regions: tuple[int, ...], day: int, hour: int, source: str) -> None:
        """Count one complaint; `source` is "" for history."""
        self.service_hours[service, hour, source] += 1
        for region_id in regions:
            self.cell_days[region_id, service, day] += 1


# --- what counted before --------------------------------------------------------------------------------------------


_IN_PLACE = """SELECT COUNT(*) FROM complaints
               WHERE place_region_id = :place AND service = :service AND effective_at > {after}
                 AND effective_at < {before} AND verified = 0 AND not_counted IS NULL"""
_STRANGERS = f"""SELECT ({_IN_PLACE.format(after=":after", before=":before")}),
                        ({_IN_PLACE.format(after=":day_before", before=":day_after")}),
                        (SELECT COUNT(*) FROM complaints
                         WHERE written_from = :written_from AND effective_at > :day_before
                           AND effective_at < :day_after AND not_counted IS NULL)"""


def strangers_before(
    tx: Transaction, place_region_id: int, service: str, written_from: str, effective_at: datetime
) -> Strangers:
    """Return how many unverified complaints counted around a time, in a place and service and from an address."""
    at = to_micros(effective_at)
    within, day = UNVERIFIED_WITHIN // MICROSECOND, ADDRESS_WITHIN // MICROSECOND
    ((in_place, in_place_today, from_address),) = tx.tuples(
        _STRANGERS,
        place=place_region_id,
        service=service,
        written_from=written_from,
        after=at - within,
        before=at + within,
        day_before=at - day,
        day_after=at + day,
    )
    return Strangers(int(in_place), int(in_place_today), int(from_address))


# --- storing --------------------------------------------------------------------------------------------------------

_STORED = (
    *("id", "source", "external_id", "api_key_id", "idempotency_key", "body_hash", "reporter", "customer_id"),
    *("service", "text", "occurred_at", "received_at", "effective_at", "verified", "regions", "counted_regions"),
    *("place_region_id", "not_counted", "correlation_id", "answer_to", "written_from"),
    "named_before",
)


def next_ids(tx: Transaction, at_most: int) -> Sequence[int]:
    """Return the ids of the complaints to store next, ascending; those not used may come again or never."""
    if tx.dialect == "sqlite":  # which also remembers ids that retention removed
        last = tx.scalar("SELECT seq FROM sqlite_sequence WHERE name = 'complaints'") or 0
        return range(last + 1, last + 1 + at_most)
    reserved = "SELECT nextval(pg_get_serial_sequence('complaints', 'id')) FROM generate_series(1, :at_most)"
    return sorted(position for (position,) in tx.tuples(reserved, at_most=at_most))


def insert(tx: Transaction, complaints: Iterable[StoredComplaint]) -> None:
    """Store complaints under the ids that `next_ids` gave."""
    tx.insert_many("complaints", _STORED, [_values(complaint) for complaint in complaints])


def _values(one: StoredComplaint) -> tuple[object, ...]:
    return (
        one.id,
        one.source,
        one.external_id,
        one.api_key_id,
        one.idempotency_key,
        one.body_hash,
        one.reporter,
        one.customer_id,
        one.service,
        one.text,
        to_micros(one.occurred_at),
        to_micros(one.received_at),
        to_micros(one.effective_at),
        int(one.verified),
        _ids(one.regions),
        _ids(one.counted_regions),
        one.regions[0] if one.regions else None,
        one.not_counted,
        one.correlation_id,
        one.answer_to,
        one.written_from,
        _ids(one.named_before) if one.named_before else None,
    )


@lru_cache(maxsize=4096)
def _ids(region_ids: tuple[int, ...]) -> str:
    """Return region ids as stored; a place has few combinations, and a storm hits the same ones again and again."""
    return to_json(region_ids)


def add_counts(tx: Transaction, counts: Counts) -> None:
    """Add to the counts per cell and day, and per service and hour; in a fixed order, so that writers never cross."""
    tx.run_many(
        """INSERT INTO cell_days (region_id, service, day, complaints) VALUES (:region, :service, :day, :more)
           ON CONFLICT (region_id, service, day)
           DO UPDATE SET complaints = cell_days.complaints + excluded.complaints""",
        [
            {"region": region_id, "service": service, "day": day, "more": more}
            for (region_id, service, day), more in sorted(counts.cell_days.items())
        ],
    )
    tx.run_many(
        """INSERT INTO service_hours (service, hour, source, complaints) VALUES (:service, :hour, :source, :more)
           ON CONFLICT (service, hour, source)
           DO UPDATE SET complaints = service_hours.complaints + excluded.complaints""",
        [
            {"service": service, "hour": hour, "source": source, "more": more}
            for (service, hour, source), more in sorted(counts.service_hours.items())
        ],
    )


# --- finding again --------------------------------------------------------------------------------------------------

_SELECT = """SELECT id, source, external_id, api_key_id, idempotency_key, body_hash, reporter, customer_id, service,
                    text, occurred_at, received_at, effective_at, verified, regions, counted_regions, not_counted,
                    correlation_id FROM complaints"""


def by_external_id(tx: Transaction, source: str, external_id: str) -> StoredComplaint | None:
    """Return the complaint that a source gave this id."""
    return _one(
        tx.tuples(
            f"{_SELECT} WHERE source = :source AND external_id = :external_id", source=source, external_id=external_id
        )
    )


def by_idempotency_key(tx: Transaction, api_key_id: int, key: str) -> StoredComplaint | None:
    """Return the complaint that an API key stored under this Idempotency-Key."""
    return _one(
        tx.tuples(
            f"{_SELECT} WHERE api_key_id = :api_key_id AND idempotency_key = :key", api_key_id=api_key_id, key=key
        )
    )


def load(tx: Transaction, complaint_id: int) -> StoredComplaint | None:
    """Return a complaint by id."""
    return _one(tx.tuples(f"{_SELECT} WHERE id = :id", id=complaint_id))


def _one(rows: list[tuple[object, ...]]) -> StoredComplaint | None:
    if not rows:
        return None
    row = dict(zip(_COLUMNS, rows[0], strict=True))
    for instant in ("occurred_at", "received_at", "effective_at"):
        row[instant] = to_instant(row[instant])  # type: ignore[call-overload]  # NOT NULL columns
    row["verified"] = bool(row["verified"])
    row["regions"] = from_json(str(row["regions"]), tuple[int, ...])
    row["counted_regions"] = from_json(str(row["counted_regions"]), tuple[int, ...])
    row["not_counted"] = None if row["not_counted"] is None else NotCounted(str(row["not_counted"]))
    return StoredComplaint(**row)  # type: ignore[arg-type]  # columns and fields are the same list


_COLUMNS = tuple(name.strip() for name in _SELECT.partition("SELECT")[2].partition("FROM")[0].split(","))


# --- the incident a complaint belongs to ----------------------------------------------------------------------------


class OpenIncidents:
    """The open incidents as one transaction sees them, read once for many complaints."""

    def __init__(self, tx: Transaction) -> None:
        self._by_region: dict[tuple[str, int], tuple[int, int]] = {}  # -> the incident to name first: rank, minus id
        self._with_lists: set[str] = set()  # services with an incident whose place is a list of sites
        for incident_id, rank, service, region_id, lists in at_once(tx, "id, rank, service, region_id, lists", _OPEN):
            if lists:  # also one that has got regions since
                self._with_lists.add(service)
            if region_id is None:
                continue
            first = self._by_region.get((service, region_id))
            if first is None or (rank, -incident_id) < first:
                self._by_region[service, region_id] = rank, -incident_id

    def of(self, tx: Transaction, service: str, region_ids: tuple[int, ...], site_ids: tuple[int, ...]) -> int | None:
        """Return the open incident whose place is one of the regions or lists a site of it; confirmed ones first."""
        if service in self._with_lists and site_ids:
            return _of_lists(tx, service, region_ids, site_ids)
        found = [self._by_region[service, region] for region in region_ids if (service, region) in self._by_region]
        return -min(found)[1] if found else None


def _of_lists(tx: Transaction, service: str, region_ids: tuple[int, ...], site_ids: tuple[int, ...]) -> int | None:
    parameters: dict[str, object] = {f"r{i}": region_id for i, region_id in enumerate(region_ids)}
    parameters |= {f"s{i}": site_id for i, site_id in enumerate(site_ids)}
    found = tx.scalar(_open_incident(len(region_ids), len(site_ids)), service=service, **parameters)
    return None if found is None else int(found)


_RANK = "CASE i.state WHEN 'confirmed' THEN 0 ELSE 1 END"
_OPEN = f"""SELECT i.id, {_RANK} AS rank, i.service, r.region_id,
                   CASE WHEN EXISTS (SELECT 1 FROM incident_sites AS s WHERE s.incident_id = i.id)
                   THEN 1 ELSE 0 END AS lists
            FROM incidents AS i
            LEFT JOIN incident_regions AS r ON r.incident_id = i.id AND r.role = 'place'
            WHERE i.state IN ('confirmed', 'suspected')"""


@lru_cache(maxsize=256)
def _open_incident(regions: int, sites: int) -> str:
    of_regions = ", ".join(f":r{i}" for i in range(regions)) or "NULL"
    of_sites = ", ".join(f":s{i}" for i in range(sites)) or "NULL"
    return f"""SELECT i.id FROM incidents AS i
               WHERE i.id IN (SELECT incident_id FROM incident_regions
                              WHERE region_id IN ({of_regions}) AND role = 'place'
                              UNION SELECT incident_id FROM incident_sites WHERE site_id IN ({of_sites}))
                 AND i.service = :service AND i.state IN ('confirmed', 'suspected')
               ORDER BY {_RANK}, i.id DESC LIMIT 1"""
