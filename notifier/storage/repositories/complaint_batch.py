"""Complaints that one transaction stores together, as if they were stored one after another.

What was there before is looked up for all of them at once; what earlier complaints of the batch do to later ones is
remembered here; at the end the rows are written in order. A batch lives as long as its transaction.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from notifier.domain.complaint import ADDRESS_WITHIN, COUNTS_AGAIN_AFTER, UNVERIFIED_WITHIN, NotCounted, Strangers
from notifier.storage.database import Transaction
from notifier.storage.instants import MICROSECOND, from_json, to_micros
from notifier.storage.repositories import baselines, complaints
from notifier.storage.repositories.complaints import Counts, StoredComplaint
from notifier.storage.sets import look_up

_AGAIN = COUNTS_AGAIN_AFTER // MICROSECOND
_STRANGERS = UNVERIFIED_WITHIN // MICROSECOND
_ADDRESS = ADDRESS_WITHIN // MICROSECOND


class Claim(NamedTuple):
    """What it takes to say where a reporter counted within 24 hours of a time.

    What a stranger says in a customer's name never stands in that customer's way: only verified complaints count
    before a verified one. `with_baseline` looks at history and late rows, too.
    """

    reporter: str
    service: str
    at: int  # microseconds
    verified: bool
    with_baseline: bool


@dataclass(slots=True)
class _Earlier:
    """What complaints of the batch itself have done."""

    external_ids: dict[tuple[str, str], StoredComplaint] = field(default_factory=dict)
    keys: dict[tuple[int, str], StoredComplaint] = field(default_factory=dict)
    counted: defaultdict[str, list[StoredComplaint]] = field(default_factory=lambda: defaultdict(list))
    strangers: defaultdict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    addresses: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class Batch:
    """The complaints of one transaction.

    `external_ids` are the (source, external id) pairs that may be asked for, `keys` the (API key,
    Idempotency-Key) ones.
    """

    def __init__(
        self, tx: Transaction, external_ids: Sequence[tuple[str, str]], keys: Sequence[tuple[int, str]]
    ) -> None:
        self._tx = tx
        self._external_ids = {external_ids[n] for (n,) in look_up(tx, "n", _EXTERNAL_IDS, external_ids)}
        self._keys = {keys[n] for (n,) in look_up(tx, "n", _KEYS, keys)}
        self._earlier = _Earlier()
        self._counted: defaultdict[Claim, set[int]] = defaultdict(set)
        self._named: defaultdict[Claim, set[int]] = defaultdict(set)
        self._new: list[StoredComplaint] = []
        self._ids: Sequence[int] = ()
        self._counts = Counts()

    def by_external_id(self, source: str, external_id: str) -> StoredComplaint | None:
        """Return the complaint that a source gave this id."""
        key = source, external_id
        if key in self._external_ids:
            return complaints.by_external_id(self._tx, source, external_id)
        return self._earlier.external_ids.get(key)

    def by_idempotency_key(self, api_key_id: int, key: str) -> StoredComplaint | None:
        """Return the complaint that an API key stored under this Idempotency-Key."""
        if (api_key_id, key) in self._keys:
            return complaints.by_idempotency_key(self._tx, api_key_id, key)
        return self._earlier.keys.get((api_key_id, key))

    def expect(self, claims: Iterable[Claim]) -> None:
        """Look up where the reporters of these claims counted before the batch."""
        distinct = list(dict.fromkeys(claims))
        keys = [
            (claim.reporter, claim.at - _AGAIN, claim.at + _AGAIN, +claim.verified, +claim.with_baseline)
            for claim in distinct
        ]
        for n, service, regions, before in look_up(
            self._tx, "n, service, counted_regions, named_before", _COUNTED, keys
        ):
            claim, counted = distinct[n], from_json(regions, list[int])
            if service == claim.service:
                self._counted[claim].update(counted)
            self._named[claim].update(
                counted if before is None else {*counted}.difference(from_json(before, list[int]))
            )

    def counted_before(self, claim: Claim) -> set[int]:
        """Return the regions in which a reporter counted within 24 hours of a time; the claim must be expected."""
        found = set(self._counted.get(claim, ()))
        for other in self._earlier_of(claim):
            if other.service == claim.service:
                found.update(other.counted_regions)
        return found

    def named_before(self, claim: Claim) -> set[int]:
        """Return the regions in which a reporter counted as a new customer within 24 hours, whatever was named."""
        found = set(self._named.get(claim, ()))
        for other in self._earlier_of(claim):
            found.update(each for each in other.counted_regions if each not in other.named_before)
        return found

    def _earlier_of(self, claim: Claim) -> Iterator[StoredComplaint]:
        """Yield what its reporter counted with before, in this batch."""
        for other in self._earlier.counted.get(claim.reporter, ()):
            if (
                abs(to_micros(other.effective_at) - claim.at) < _AGAIN
                and other.verified >= claim.verified
                and (other.not_counted is None or claim.with_baseline)
            ):
                yield other

    def strangers_before(
        self, place_region_id: int, service: str, written_from: str, effective_at: datetime
    ) -> Strangers:
        """Return how many unverified complaints counted around a time, in a place and service and from an address."""
        at = to_micros(effective_at)
        before = complaints.strangers_before(self._tx, place_region_id, service, written_from, effective_at)
        near = [abs(other - at) for other in self._earlier.strangers.get((place_region_id, service), ())]
        same = self._earlier.addresses.get(written_from, ())
        return Strangers(
            in_place=before.in_place + sum(apart < _STRANGERS for apart in near),
            in_place_today=before.in_place_today + sum(apart < _ADDRESS for apart in near),
            from_address=before.from_address + sum(abs(other - at) < _ADDRESS for other in same),
        )

    def add(self, complaint: StoredComplaint, at_most: int) -> None:
        """Give a complaint its id and take it in; `at_most` more will come, with this one."""
        if not self._ids:
            self._ids = complaints.next_ids(self._tx, at_most)
        complaint.id = self._ids[len(self._new)]
        self._new.append(complaint)
        if complaint.external_id is not None:
            self._earlier.external_ids[complaint.source, complaint.external_id] = complaint
        if complaint.api_key_id is not None and complaint.idempotency_key is not None:
            self._earlier.keys[complaint.api_key_id, complaint.idempotency_key] = complaint
        if complaint.counted_regions:
            self._earlier.counted[complaint.reporter].append(complaint)
            if not complaint.verified and complaint.not_counted is None:
                at = to_micros(complaint.effective_at)
                self._earlier.strangers[complaint.regions[0], complaint.service].append(at)
                if complaint.written_from is not None:
                    self._earlier.addresses[complaint.written_from].append(at)

    def count(self, service: str, regions: tuple[int, ...], day: int, hour: int, source: str) -> None:
        """Add a complaint to the facts of the baseline; `source` is "" for history."""
        self._counts.add(service, regions, day, hour, source)

    def save(self) -> None:
        """Write what was added, in order."""
        complaints.insert(self._tx, self._new)
        complaints.add_counts(self._tx, self._counts)
        if any(one.not_counted is NotCounted.HISTORY for one in self._new):
            baselines.unsettle(self._tx, self._counts.cell_days)


# CROSS JOIN keeps SQLite from reading the table before the keys.
_EXTERNAL_IDS = """SELECT k.key - {first} AS n FROM {each} CROSS JOIN complaints AS c
                   WHERE c.source = k.value ->> 0 AND c.external_id = k.value ->> 1"""
_KEYS = """SELECT k.key - {first} AS n FROM {each} CROSS JOIN complaints AS c
           WHERE c.api_key_id = CAST(k.value ->> 0 AS BIGINT) AND c.idempotency_key = k.value ->> 1"""
_COUNTED = """SELECT k.key - {first} AS n, c.service, c.counted_regions, c.named_before
              FROM {each} CROSS JOIN complaints AS c
              WHERE c.reporter = k.value ->> 0
                AND c.effective_at > CAST(k.value ->> 1 AS BIGINT) AND c.effective_at < CAST(k.value ->> 2 AS BIGINT)
                AND c.counted_regions <> '[]' AND c.verified >= CAST(k.value ->> 3 AS BIGINT)
                AND (c.not_counted IS NULL OR CAST(k.value ->> 4 AS BIGINT) = 1)"""
