"""Intake: a complaint is checked, its reporter found in the directory, and stored once with what it counts for.

In come requests from the API, singly or as lists; out go answers, after the commit. Whatever was answered is stored;
the same complaint sent again gets its first answer. The detector is woken and reads the rest from the store. Nothing
here decides about incidents.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from prometheus_client import Counter

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import Actor
from notifier.domain.baseline import LocalTime
from notifier.domain.complaint import (
    NAME_AT_MOST,
    ComplaintRequest,
    Counting,
    NotCounted,
    Whereabouts,
    baseline_only,
    check,
    count,
    effective,
)
from notifier.domain.contact import normalise_email, normalise_phone
from notifier.domain.errors import InvalidInput, NotifierError, Overloaded, nearest
from notifier.domain.numbering import NumberingPlan
from notifier.domain.region import RegionKinds
from notifier.logs import correlation_id, new_correlation_id
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import reporters
from notifier.storage.repositories import complaints
from notifier.storage.repositories.complaints import Counts, OpenIncidents, StoredComplaint

__all__ = ["Accepted", "ComplaintRequest", "Intake"]

ROWS_IN_A_TRANSACTION = 250  # of a list: about 30 ms
WAITING_AT_MOST = 10_000  # single complaints in front of the writer; beyond it callers are told to come back
NO_KEY = 0  # whose Idempotency-Keys are those of callers without an API key


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A request that passed every check that needs no store."""

    request: ComplaintRequest
    address: str  # normalised, or empty
    trusted: bool
    api_key_id: int | None
    idempotency_key: str | None
    body_hash: str | None
    correlation_id: str


class Intake:
    """Stores complaints and says what they count for."""

    def __init__(
        self, database: Database, config: Config, clock: Clock, queue: EmbeddedQueue, metrics: Metrics
    ) -> None:
        self._database, self._config, self._clock = database, config, clock
        self._queue, self._metrics = queue, metrics
        self._services = tuple(service.name for service in config.services)
        self._trusted = {source.name: source.trusted for source in config.sources}
        self._local = LocalTime(config.regions.time_zone)  # used by the writer only
        self._plan = NumberingPlan((overlay.name, overlay.codes) for overlay in config.regions.overlays)
        self._kinds = RegionKinds(config.regions.kinds, country=config.regions.country, plan=self._plan)
        self._waiting: list[tuple[_Prepared, asyncio.Future[Accepted]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._counters: dict[tuple[str, str], Counter] = {}

    async def submit(
        self, request: ComplaintRequest, *, actor: Actor, idempotency_key: str = "", body: bytes = b""
    ) -> Accepted:
        """Store one complaint and answer after the commit.

        Raises `InvalidInput` naming the field, the value and what would be right, and `Overloaded`.
        """
        began = time.perf_counter()
        with self._metrics.complaints_refused.count_exceptions(InvalidInput):
            prepared = self._prepare(request, actor, idempotency_key, body, correlation_id())
            accepted = await self._with_others(prepared)
        self._metrics.intake_seconds.observe(time.perf_counter() - began)
        self._count(prepared, accepted)
        self._queue.wake(Topic.COMPLAINTS)
        return accepted

    async def submit_many(
        self, requests: Sequence[ComplaintRequest | InvalidInput], *, actor: Actor, history: bool = False
    ) -> list[Accepted | NotifierError]:
        """Store a list of complaints and return a result for each, in order; a bad one does not stop the others.

        `history` rows feed the baseline only. An entry that already is an error is returned as it is.
        """
        results: list[Accepted | NotifierError] = []
        for first in range(0, len(requests), ROWS_IN_A_TRANSACTION):
            chunk = [self._try_to_prepare(one, actor) for one in requests[first : first + ROWS_IN_A_TRANSACTION]]
            results += await self._store_chunk(chunk, history=history)
            self._queue.wake(Topic.COMPLAINTS)
        return results

    def _with_others(self, prepared: _Prepared) -> asyncio.Future[Accepted]:
        """Return the answer to come: what waits is stored together; while it is committed, the next group gathers."""
        if len(self._waiting) >= WAITING_AT_MOST:
            raise Overloaded("the intake")
        future: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append((prepared, future))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_waiting(), name="store complaints")
        return future

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[:ROWS_IN_A_TRANSACTION]
                del self._waiting[:ROWS_IN_A_TRANSACTION]
                self._answer_all(group, await self._try_to_store([prepared for prepared, _ in group]))
        finally:
            self._storing = None

    async def _try_to_store(self, prepared: Sequence[_Prepared]) -> Sequence[Accepted | Exception]:
        try:
            return await self._store_or_isolate(prepared, history=False)
        except Exception as error:  # noqa: BLE001  # each caller of the group has it as its own
            return [error] * len(prepared)

    def _answer_all(
        self, group: Sequence[tuple[_Prepared, asyncio.Future[Accepted]]], results: Sequence[Accepted | Exception]
    ) -> None:
        for (_, future), result in zip(group, results, strict=True):
            if future.done():  # the caller has gone; what it sent is stored
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    async def _store_chunk(
        self, chunk: Sequence[_Prepared | InvalidInput], *, history: bool
    ) -> list[Accepted | NotifierError]:
        prepared = [one for one in chunk if isinstance(one, _Prepared)]
        stored = iter(await self._store_or_isolate(prepared, history=history) if prepared else [])
        results: list[Accepted | NotifierError] = []
        for one in chunk:
            result = next(stored) if isinstance(one, _Prepared) else one
            if isinstance(result, Accepted) and isinstance(one, _Prepared):
                self._count(one, result)
            elif isinstance(result, InvalidInput):
                self._metrics.complaints_refused.inc()
            results.append(result)
        return results

    async def _store_or_isolate(
        self, prepared: Sequence[_Prepared], *, history: bool
    ) -> list[Accepted | NotifierError]:
        """Store a chunk in one transaction; when the database refuses it, store its rows one by one."""
        try:
            return await self._database.write(lambda tx: self._store_all(tx, prepared, history=history))
        except NotifierError:
            raise
        except Exception:  # the database refused one of them: found by storing each alone
            if len(prepared) == 1:
                raise
        results: list[Accepted | NotifierError] = []
        for one in prepared:
            try:
                results += await self._store_or_isolate([one], history=history)
            except NotifierError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever the database says of this row, it is this row's
                results.append(NotifierError(f"could not be stored: {type(error).__name__}"))
        return results

    def _count(self, prepared: _Prepared, accepted: Accepted) -> None:
        if accepted.duplicate:
            return
        key = prepared.request.source, prepared.request.service
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._metrics.complaints.labels(*key)
        counter.inc()
        if accepted.not_counted is not None:
            self._metrics.complaints_not_counted.labels(accepted.not_counted).inc()

    # --- checks that need no store ----------------------------------------------------------------------------------

    def _try_to_prepare(self, request: ComplaintRequest | InvalidInput, actor: Actor) -> _Prepared | InvalidInput:
        if isinstance(request, InvalidInput):
            return request
        try:
            return self._prepare(request, actor, "", b"", new_correlation_id())
        except InvalidInput as error:
            return error

    def _prepare(
        self, request: ComplaintRequest, actor: Actor, idempotency_key: str, body: bytes, correlation: str
    ) -> _Prepared:
        request = check(request)
        if request.service not in self._services:
            raise _unknown("service", request.service, self._services)
        if request.source not in self._trusted:
            raise _unknown("source", request.source, tuple(self._trusted))
        if ":" in request.region:
            self._kinds.parse(request.region)
        if len(idempotency_key) > NAME_AT_MOST or not idempotency_key.isprintable():
            raise InvalidInput(
                "the Idempotency-Key is too long or cannot be printed",
                field="Idempotency-Key",
                value=idempotency_key[:40],
                expected=f"at most {NAME_AT_MOST} printable characters",
            )
        return _Prepared(
            request=request,
            address="" if request.customer_id else self._normalise(request.reporter),
            trusted=self._trusted[request.source],
            api_key_id=actor.key_id if actor.key_id is not None or not idempotency_key else NO_KEY,
            idempotency_key=idempotency_key or None,
            body_hash=_hash(body or msgspec.json.encode(request)) if idempotency_key else None,
            correlation_id=correlation,
        )

    def _normalise(self, reporter: str) -> str:
        try:
            if "@" in reporter:
                return normalise_email(reporter)
            return normalise_phone(reporter, self._config.regions.country, plan=self._plan)
        except InvalidInput as error:
            raise InvalidInput(
                f"reporter '{reporter}' {error.reason}",
                field="reporter",
                value=reporter,
                expected=error.expected or "a phone number or a mail address",
            ) from None

    # --- in the transaction -----------------------------------------------------------------------------------------

    def _store_all(
        self, tx: Transaction, prepared: Sequence[_Prepared], *, history: bool
    ) -> list[Accepted | NotifierError]:
        now = self._clock.now()
        counts, incidents = Counts(), OpenIncidents(tx)
        results: list[Accepted | NotifierError] = []
        for one in prepared:
            try:
                results.append(self._store(tx, one, now, counts, incidents, history=history))
            except NotifierError as error:  # raised before anything of this row was written
                results.append(error)
        complaints.add_counts(tx, counts)
        return results

    def _store(
        self,
        tx: Transaction,
        one: _Prepared,
        now: datetime,
        counts: Counts,
        incidents: OpenIncidents,
        *,
        history: bool,
    ) -> Accepted:
        request = one.request
        stored = self._stored_before(tx, one)
        if stored is not None:
            return self._answer_again(tx, stored, incidents)
        occurred_at, effective_at = effective(request.occurred_at, now, history=history)
        where = self._locate(tx, one)
        verified = where.on_file and one.trusted
        reporter = f"customer:{where.customer.reference}" if where.customer is not None else one.address
        feeds_only = baseline_only(effective_at, now, history=history, late_after=self._config.detection.late_after)
        counting = self._counting(tx, request.service, reporter, where, verified, effective_at, feeds_only)
        complaint = StoredComplaint(
            id=0,
            source=request.source,
            external_id=request.external_id or None,
            api_key_id=one.api_key_id,
            idempotency_key=one.idempotency_key,
            body_hash=one.body_hash,
            reporter=reporter,
            customer_id=None if where.customer is None else where.customer.id,
            service=request.service,
            text=request.text,
            occurred_at=occurred_at,
            received_at=now,
            effective_at=effective_at,
            verified=verified,
            regions=tuple(region.id for region in where.regions),
            counted_regions=counting.regions,
            not_counted=counting.not_counted,
            correlation_id=one.correlation_id,
        )
        complaint_id = complaints.insert(tx, complaint)
        if counting.regions:
            at = to_micros(effective_at)
            counts.add(request.service, counting.regions, self._local.day(at), self._local.hour(at))
        return Accepted(
            id=complaint_id,
            duplicate=False,
            customer=None if where.customer is None else where.customer.reference,
            verified=verified,
            counted=counting.not_counted is None,
            not_counted=counting.not_counted,
            regions=[region.label for region in where.regions if region.id in counting.regions],
            incident=None if history else incidents.of(request.service, complaint.regions, where.site_ids),
            correlation_id=complaint.correlation_id,
        )

    def _counting(
        self,
        tx: Transaction,
        service: str,
        reporter: str,
        where: Whereabouts,
        verified: bool,
        effective_at: datetime,
        feeds_only: NotCounted | None,
    ) -> Counting:
        before: set[int] = set()
        strangers = 0
        if where.regions:
            before = complaints.counted_before(
                tx, reporter, service, effective_at, verified=verified, with_baseline=feeds_only is not None
            )
            if not verified and feeds_only is None:
                strangers = complaints.strangers_before(tx, where.regions[0].id, service, effective_at)
        return count(
            where,
            verified=verified,
            feeds_only=feeds_only,
            counted_before=before,
            strangers_before=strangers,
            strangers_at_most=self._config.detection.unverified_at_most,
        )

    def _stored_before(self, tx: Transaction, one: _Prepared) -> StoredComplaint | None:
        """Return what was stored under the same key or external id; raise `InvalidInput` when it was another body."""
        if one.idempotency_key is not None and one.api_key_id is not None:
            stored = complaints.by_idempotency_key(tx, one.api_key_id, one.idempotency_key)
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
            return complaints.by_external_id(tx, one.request.source, one.request.external_id)
        return None

    def _answer_again(self, tx: Transaction, stored: StoredComplaint, incidents: OpenIncidents) -> Accepted:
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
            incident=None if history else incidents.of(stored.service, stored.regions, ()),
            correlation_id=stored.correlation_id,
        )

    def _locate(self, tx: Transaction, one: _Prepared) -> Whereabouts:
        request, kinds = one.request, self._config.regions.kinds
        named = reporters.region_named(tx, request.region, self._kinds) if request.region else None
        if request.customer_id:
            return reporters.of_customer(tx, request.customer_id, request.service, named, kinds)
        return reporters.of_address(tx, one.address, request.service, named, kinds)


def _unknown(field: str, value: str, known: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        f"{field} '{value}' is not configured{nearest(value, known)}",
        field=field,
        value=value,
        expected="one of " + ", ".join(known),
    )


def _hash(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
