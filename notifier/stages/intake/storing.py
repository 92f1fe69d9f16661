"""Storing complaints that have been checked: many in one transaction, each as if it were the only one.

What they need to know is read for all of them together, in a few statements; then each is decided in turn by the
functions of the domain, knowing what those before it did; then all are written. A complaint that cannot be taken is
answered with its error and leaves the others alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from notifier.config import Config
from notifier.domain.complaint import (
    NO_STRANGERS,
    ComplaintRequest,
    Counting,
    NotCounted,
    Region,
    Whereabouts,
    baseline_only,
    count,
    effective,
    may_feed,
)
from notifier.domain.errors import InvalidInput, NotifierError
from notifier.domain.local_time import LocalTime
from notifier.domain.planned import is_more_than_the_work
from notifier.domain.playbook import Playbook
from notifier.domain.region import RegionKinds
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import reporters
from notifier.storage.repositories import works
from notifier.storage.repositories.complaint_batch import Batch, Claim
from notifier.storage.repositories.complaints import OpenIncidents, StoredComplaint


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a complaint: what became of it."""

    id: int
    duplicate: bool  # it had been stored before; this is the first answer again
    customer: str | None  # the company's reference
    verified: bool
    counted: bool  # it is evidence
    not_counted: str | None  # why it is none
    regions: list[str]  # in which it counts, narrow before wide: "postal_code 94110"
    incident: int | None  # the open incident at this place
    correlation_id: str


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A request that passed every check that needs no store."""

    request: ComplaintRequest
    address: str  # normalised, or empty
    trusted: bool
    api_key_id: int | None
    idempotency_key: str | None
    body_hash: str | None
    correlation_id: str
    hears_back: bool = False  # one complaint, not one of a list: its reporter may be told what is known
    again: bool = False  # it is out although we said it is back: counts although its reporter has counted today


class _Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint whose reporter has been found."""

    where: Whereabouts
    occurred_at: datetime
    effective_at: datetime
    feeds_only: NotCounted | None
    claim: Claim


class _Known(msgspec.Struct, kw_only=True):
    """What batches have read and may use again."""

    incidents: OpenIncidents
    works: list[works.Work]  # announced work, to which the batches add who complained of it
    regions: dict[int, Region] = {}
    written: object = None  # the mark of the database at the end of the last batch


class Storing:
    """Stores complaints in an open transaction, one batch at a time."""

    def __init__(self, config: Config, kinds: RegionKinds, playbooks: Mapping[str, Playbook] | None = None) -> None:
        self._config, self._kinds, self._playbooks = config, kinds, playbooks or {}
        self._local = LocalTime(config.regions.time_zone)
        self._known: _Known | None = None

    def store(
        self, tx: Transaction, prepared: Sequence[Prepared], now: datetime, *, history: bool
    ) -> list[Accepted | NotifierError]:
        """Store complaints and return a result for each, in order."""
        requests = [one.request for one in prepared]
        batch = Batch(
            tx,
            [(request.source, request.external_id) for request in requests if request.external_id],
            [
                (one.api_key_id, one.idempotency_key)
                for one in prepared
                if one.api_key_id is not None and one.idempotency_key is not None
            ],
        )
        references = [request.customer_id for request in requests if request.customer_id]
        known = self._still_known(tx, now)
        self._known = None  # where this fails, what it has added is not so
        served = reporters.Served(tx, references, known.regions)
        placed = [self._try_to_place(tx, one, served, now, history=history) for one in prepared]
        batch.expect(one.claim for one in placed if isinstance(one, _Placed) and one.where.regions)
        incidents = known.incidents
        results: list[Accepted | NotifierError] = []
        for one, place in zip(prepared, placed, strict=True):
            try:
                stored = _stored_before(batch, one)
                if stored is not None:
                    site_ids = place.where.site_ids if isinstance(place, _Placed) else ()
                    results.append(_answer_again(tx, stored, site_ids, incidents))
                elif isinstance(place, NotifierError):
                    results.append(place)
                else:
                    complaint = self._decide(batch, one, place, now, known.works)
                    batch.add(complaint, len(prepared) - len(results))
                    results.append(_answer(tx, complaint, place.where, None if history else incidents))
            except InvalidInput as error:
                results.append(error)
        batch.save()
        known.written = tx.written()  # by this batch, which changes no incident and no region
        self._known = known
        return results

    def _still_known(self, tx: Transaction, now: datetime) -> _Known:
        """Return what earlier batches have read, or nothing when anything but complaints was written since."""
        if self._known is not None and self._known.written == tx.written():
            return self._known
        return _Known(incidents=OpenIncidents(tx), works=works.told(tx, now))

    def _try_to_place(
        self, tx: Transaction, one: Prepared, served: reporters.Served, now: datetime, *, history: bool
    ) -> _Placed | NotifierError:
        request = one.request
        try:
            occurred_at, effective_at = effective(request.occurred_at, now, history=history)
            where = self._locate(tx, one, served)
        except NotifierError as error:  # which counts only when it was not stored before
            return error
        feeds_only = baseline_only(effective_at, now, history=history, late_after=self._config.detection.late_after)
        return _Placed(
            where=where,
            occurred_at=occurred_at,
            effective_at=effective_at,
            feeds_only=feeds_only,
            claim=Claim(
                reporter=f"customer:{where.customer.reference}" if where.customer is not None else one.address,
                service=request.service,
                at=to_micros(effective_at),
                verified=where.on_file and one.trusted,
                with_baseline=feeds_only is not None,
            ),
        )

    def _locate(self, tx: Transaction, one: Prepared, served: reporters.Served) -> Whereabouts:
        request, kinds = one.request, self._config.regions.kinds
        named = reporters.region_named(tx, request.region, self._kinds) if request.region else None
        if request.customer_id:
            return served.of(request.customer_id, request.service, named, kinds)
        return reporters.of_address(tx, one.address, request.service, named, kinds)

    def _decide(
        self, batch: Batch, one: Prepared, place: _Placed, now: datetime, under_way: Sequence[works.Work]
    ) -> StoredComplaint:
        request, where, claim = one.request, place.where, place.claim
        strangers, written_from, again = NO_STRANGERS, None, one.again or not where.regions
        if where.regions and not claim.verified and place.feeds_only is None:
            written_from = _digest(request.source_address or one.address or claim.reporter)
            strangers = batch.strangers_before(where.regions[0].id, request.service, written_from, place.effective_at)
        counting = count(
            where,
            verified=claim.verified,
            feeds_only=place.feeds_only,
            counted_before=() if again else batch.counted_before(claim),
            named_before=() if again or place.feeds_only is not None else batch.named_before(claim),
            strangers=strangers,
            strangers_at_most=self._config.detection.unverified_at_most,
            per_address_at_most=self._config.detection.unverified_per_address_at_most,
            feeds=may_feed(place.effective_at, now, verified=claim.verified, feeds_only=place.feeds_only),
        )
        if under_way and counting.regions and self._is_explained(place, request.service, under_way):
            counting = Counting(regions=(), not_counted=NotCounted.PLANNED_WORK, feeds=False)
        if counting.regions and counting.feeds:
            source = "" if place.feeds_only is NotCounted.HISTORY else request.source
            day, hour = self._local.day(claim.at), self._local.hour(claim.at)
            batch.count(request.service, counting.regions, day, hour, source)
        return StoredComplaint(
            id=0,
            source=request.source,
            external_id=request.external_id or None,
            api_key_id=one.api_key_id,
            idempotency_key=one.idempotency_key,
            body_hash=one.body_hash,
            reporter=claim.reporter,
            customer_id=None if where.customer is None else where.customer.id,
            service=request.service,
            text=request.text,
            occurred_at=place.occurred_at,
            received_at=now,
            effective_at=place.effective_at,
            verified=claim.verified,
            regions=tuple([region.id for region in where.regions]),
            counted_regions=counting.regions,
            named_before=counting.named_before,
            not_counted=counting.not_counted,
            correlation_id=one.correlation_id,
            answer_to=one.address if one.hears_back and claim.verified else None,
            written_from=written_from,
        )

    def _is_explained(self, place: _Placed, service: str, under_way: Sequence[works.Work]) -> bool:
        """Tell whether planned work explains a complaint: it comes from there, and not too many do."""
        if place.feeds_only is NotCounted.HISTORY:
            return False
        work = next((each for each in under_way if each.explains(service, place.where, place.claim.at)), None)
        playbook = self._playbooks.get(service)
        if work is None or playbook is None:
            return False
        reporter = place.claim.reporter
        distinct = len(work.reporters) + (reporter not in work.reporters)
        if is_more_than_the_work(distinct, work.sites, playbook.planned_share):
            return False
        work.reporters.add(reporter)
        return True


def _digest(address: str) -> str:
    """Return an address so that it can be compared and not be read: all that is asked is whether it is the same."""
    return hashlib.blake2b(address.casefold().encode(), digest_size=12).hexdigest()


def _stored_before(batch: Batch, one: Prepared) -> StoredComplaint | None:
    """Return what was stored under the same key or external id; raise `InvalidInput` when it was another body."""
    if one.idempotency_key is not None and one.api_key_id is not None:
        stored = batch.by_idempotency_key(one.api_key_id, one.idempotency_key)
        if stored is not None:
            if stored.body_hash != one.body_hash:
                raise InvalidInput(
                    f"this Idempotency-Key was used for complaint {stored.id}, which had another body",
                    field="Idempotency-Key",
                    value=one.idempotency_key,
                    expected="a new key for a new complaint, or the same body",
                )
            return stored
    if one.request.external_id:
        return batch.by_external_id(one.request.source, one.request.external_id)
    return None


def _answer(
    tx: Transaction, complaint: StoredComplaint, where: Whereabouts, incidents: OpenIncidents | None
) -> Accepted:
    return Accepted(
        id=complaint.id,
        duplicate=False,
        customer=None if where.customer is None else where.customer.reference,
        verified=complaint.verified,
        counted=complaint.not_counted is None,
        not_counted=complaint.not_counted,
        regions=[region.label for region in where.regions if region.id in complaint.counted_regions],
        incident=None if incidents is None else incidents.of(tx, complaint.service, complaint.regions, where.site_ids),
        correlation_id=complaint.correlation_id,
    )


def _answer_again(
    tx: Transaction, stored: StoredComplaint, site_ids: tuple[int, ...], incidents: OpenIncidents
) -> Accepted:
    reference = None
    if stored.customer_id is not None:
        reference = reporters.customer(tx, stored.customer_id).reference
    regions = [reporters.region(tx, region_id) for region_id in stored.counted_regions]
    history = stored.not_counted is NotCounted.HISTORY
    return Accepted(
        id=stored.id,
        duplicate=True,
        customer=reference,
        verified=stored.verified,
        counted=stored.not_counted is None,
        not_counted=stored.not_counted,
        regions=[region.label for region in regions if region is not None],
        incident=None if history else incidents.of(tx, stored.service, stored.regions, site_ids),
        correlation_id=stored.correlation_id,
    )
