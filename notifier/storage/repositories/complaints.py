"""Complaints in the database, and the counts the baseline is made from. Functions of an open transaction.

A complaint is stored once and never changed. With it, in the same transaction, grow the counts per cell and local day
and per service and local hour: those of every complaint that is evidence, and of history and late rows.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from notifier.domain.complaint import (
    BASELINE_ONLY,
    COUNTS_AGAIN_AFTER,
    UNVERIFIED_WITHIN,
    NotCounted,
)
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros

_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True, kw_only=True)
class StoredComplaint:  # not frozen, which would cost 5 us on the hot path; nobody changes one
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


@dataclass(slots=True)
class Counts:
    """What one transaction adds to the facts of the baseline, gathered so that every row is written once."""

    cell_days: Counter[tuple[int, str, int]] = field(default_factory=Counter)  # (region, service, local day)
    service_hours: Counter[tuple[str, int]] = field(default_factory=Counter)  # (service, local hour)

    def add(self, service: str, regions: tuple[int, ...], day: int, hour: int) -> None:
        """Count one complaint."""
        self.service_hours[service, hour] += 1
        for region_id in regions:
            self.cell_days[region_id, service, day] += 1


# --- what counted before --------------------------------------------------------------------------------------------

_COUNTED = """SELECT counted_regions FROM complaints
              WHERE reporter = :reporter AND service = :service AND effective_at > :after AND effective_at < :before
                AND counted_regions <> '[]' AND verified >= :verified AND (not_counted IS NULL OR :with_baseline = 1)"""


def counted_before(
    tx: Transaction, reporter: str, service: str, effective_at: datetime, *, verified: bool, with_baseline: bool
) -> set[int]:
    """Return the regions in which a reporter counted within 24 hours of a time.

    What a stranger says in a customer's name never stands in that customer's way: only verified complaints count
    before a verified one. `with_baseline` looks at history and late rows, too.
    """
    at = to_micros(effective_at)
    again = COUNTS_AGAIN_AFTER // _MICROSECOND
    rows = tx.tuples(
        _COUNTED,
        reporter=reporter,
        service=service,
        after=at - again,
        before=at + again,
        verified=int(verified),
        with_baseline=int(with_baseline),
    )
    return {region_id for (regions,) in rows for region_id in from_json(regions, list[int])}


def strangers_before(tx: Transaction, place_region_id: int, service: str, effective_at: datetime) -> int:
    """Return how many unverified complaints counted in a place and service within four hours of a time."""
    at = to_micros(effective_at)
    within = UNVERIFIED_WITHIN // _MICROSECOND
    return int(
        tx.scalar(
            """SELECT COUNT(*) FROM complaints
               WHERE place_region_id = :place AND service = :service
                 AND effective_at > :after AND effective_at < :before AND verified = 0 AND not_counted IS NULL""",
            place=place_region_id,
            service=service,
            after=at - within,
            before=at + within,
        )
    )


# --- storing --------------------------------------------------------------------------------------------------------

_INSERT = """INSERT INTO complaints
    (source, external_id, api_key_id, idempotency_key, body_hash, reporter, customer_id, service, text, occurred_at,
     received_at, effective_at, verified, regions, counted_regions, place_region_id, not_counted, correlation_id)
    VALUES (:source, :external_id, :api_key_id, :idempotency_key, :body_hash, :reporter, :customer_id, :service, :text,
     :occurred_at, :received_at, :effective_at, :verified, :regions, :counted_regions, :place_region_id, :not_counted,
     :correlation_id) RETURNING id"""


def insert(tx: Transaction, complaint: StoredComplaint) -> int:
    """Store a complaint (its `id` is ignored) and return its id, which is also its position."""
    return int(
        tx.scalar(
            _INSERT,
            source=complaint.source,
            external_id=complaint.external_id,
            api_key_id=complaint.api_key_id,
            idempotency_key=complaint.idempotency_key,
            body_hash=complaint.body_hash,
            reporter=complaint.reporter,
            customer_id=complaint.customer_id,
            service=complaint.service,
            text=complaint.text,
            occurred_at=to_micros(complaint.occurred_at),
            received_at=to_micros(complaint.received_at),
            effective_at=to_micros(complaint.effective_at),
            verified=int(complaint.verified),
            regions=to_json(complaint.regions),
            counted_regions=to_json(complaint.counted_regions),
            place_region_id=complaint.regions[0] if complaint.regions else None,
            not_counted=complaint.not_counted,
            correlation_id=complaint.correlation_id,
        )
    )


def feeds_baseline(not_counted: NotCounted | None) -> bool:
    """Tell whether a complaint with this reason belongs into the counts of the baseline."""
    return not_counted is None or not_counted in BASELINE_ONLY


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
        """INSERT INTO service_hours (service, hour, complaints) VALUES (:service, :hour, :more)
           ON CONFLICT (service, hour) DO UPDATE SET complaints = service_hours.complaints + excluded.complaints""",
        [
            {"service": service, "hour": hour, "more": more}
            for (service, hour), more in sorted(counts.service_hours.items())
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
    """The open incidents as one transaction sees them, read once for all complaints that it stores."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._by_region: dict[tuple[str, int], tuple[int, int]] = {}  # -> rank and id of the incident to name first
        self._with_lists: set[str] = set()  # services with an incident whose place is a list of sites
        for rank, (incident_id, service, region_id) in enumerate(tx.tuples(_OPEN)):
            if region_id is None:
                self._with_lists.add(service)
            else:
                self._by_region.setdefault((service, region_id), (rank, incident_id))

    def of(self, service: str, region_ids: tuple[int, ...], site_ids: tuple[int, ...]) -> int | None:
        """Return the open incident whose place is one of the regions or lists a site of it; confirmed ones first."""
        if service in self._with_lists and site_ids:
            return self._of_lists(service, region_ids, site_ids)
        found = [self._by_region[service, region] for region in region_ids if (service, region) in self._by_region]
        return min(found)[1] if found else None

    def _of_lists(self, service: str, region_ids: tuple[int, ...], site_ids: tuple[int, ...]) -> int | None:
        parameters: dict[str, object] = {f"r{i}": region_id for i, region_id in enumerate(region_ids)}
        parameters |= {f"s{i}": site_id for i, site_id in enumerate(site_ids)}
        found = self._tx.scalar(_open_incident(len(region_ids), len(site_ids)), service=service, **parameters)
        return None if found is None else int(found)


_FIRST = "CASE i.state WHEN 'confirmed' THEN 0 ELSE 1 END, i.id DESC"
_OPEN = f"""SELECT i.id, i.service, r.region_id FROM incidents AS i
            LEFT JOIN incident_regions AS r ON r.incident_id = i.id AND r.role = 'place'
            WHERE i.state IN ('confirmed', 'suspected') ORDER BY {_FIRST}"""


@lru_cache(maxsize=256)
def _open_incident(regions: int, sites: int) -> str:
    of_regions = ", ".join(f":r{i}" for i in range(regions)) or "NULL"
    of_sites = ", ".join(f":s{i}" for i in range(sites)) or "NULL"
    return f"""SELECT i.id FROM incidents AS i
               WHERE i.id IN (SELECT incident_id FROM incident_regions
                              WHERE region_id IN ({of_regions}) AND role = 'place'
                              UNION SELECT incident_id FROM incident_sites WHERE site_id IN ({of_sites}))
                 AND i.service = :service AND i.state IN ('confirmed', 'suspected')
               ORDER BY {_FIRST} LIMIT 1"""
