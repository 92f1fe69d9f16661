"""Intake: a complaint is checked, its reporter found in the directory, and stored once with what it counts for.

In come requests from the API, singly or as lists; out go answers, after the commit. Whatever was answered is stored;
the same complaint sent again gets its first answer. The detector is woken and reads the rest from the store. Nothing
here decides about incidents.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import msgspec
from prometheus_client import Counter

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import Actor
from notifier.domain.complaint import NAME_AT_MOST, ComplaintRequest, check
from notifier.domain.contact import normalise_email, normalise_phone
from notifier.domain.errors import InvalidInput, NotifierError, Overloaded, StoreUnavailable, nearest
from notifier.domain.numbering import NumberingPlan
from notifier.domain.playbook import Playbook
from notifier.domain.region import RegionKinds
from notifier.logs import correlation_id, new_correlation_id
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.intake.storing import Accepted, Prepared, Storing
from notifier.storage.database import Database

__all__ = ["ComplaintRequest", "Intake"]

ROWS_IN_A_TRANSACTION = 250  # of a list: about 20 ms
SINGLES_IN_A_TRANSACTION = 64  # which the loop may store itself: about 3 ms
WAITING_AT_MOST = 10_000  # single complaints in front of the writer; beyond it callers are told to come back
NO_KEY = 0  # whose Idempotency-Keys are those of callers without an API key


class Intake:
    """Stores complaints and says what they count for."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook] | None = None,
    ) -> None:
        """Keep the parts; `playbooks` are by service."""
        self._database, self._config, self._clock = database, config, clock
        self._queue, self._metrics = queue, metrics
        self._services = tuple(service.name for service in config.services)
        self._trusted = {source.name: source.trusted for source in config.sources}
        self._plan = NumberingPlan((overlay.name, overlay.codes) for overlay in config.regions.overlays)
        self._kinds = RegionKinds(config.regions.kinds, country=config.regions.country, plan=self._plan)
        self._store = Storing(config, self._kinds, playbooks)
        self._waiting: list[tuple[Prepared, asyncio.Future[Accepted]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._stored: Callable[[str, str], Counter] = cache(metrics.complaints.labels)
        self._not_counted: Callable[[str], Counter] = cache(metrics.complaints_not_counted.labels)

    async def submit(
        self,
        request: ComplaintRequest,
        *,
        actor: Actor,
        idempotency_key: str = "",
        body: bytes = b"",
        hears_back: bool = True,
        again: bool = False,
    ) -> Accepted:
        """Store one complaint and answer after the commit.

        `hears_back` lets its verified reporter be told what is known; `again` counts it although its reporter has
        counted within 24 hours, because we have said that service is back and it is not. Raises `InvalidInput` naming
        the field, the value and what would be right, and `Overloaded`.
        """
        began = time.perf_counter()
        try:
            prepared = self._prepare(
                request, actor, idempotency_key, body, correlation_id(), hears_back=hears_back, again=again
            )
            accepted = await self._with_others(prepared)
        except InvalidInput:
            self._metrics.complaints_refused.inc()
            raise
        self._metrics.intake_seconds.observe(time.perf_counter() - began)
        self._count(prepared, accepted)
        return accepted

    async def submit_many(
        self, requests: Sequence[ComplaintRequest | InvalidInput], *, actor: Actor, history: bool = False
    ) -> list[Accepted | NotifierError]:
        """Store a list of complaints and return a result for each, in order; a bad one does not stop the others.

        `history` rows feed the baseline only. An entry that already is an error is returned as it is. When the store
        takes no more, every row that it did not take has that error: those before it are stored.
        """
        results: list[Accepted | NotifierError] = []
        for first in range(0, len(requests), ROWS_IN_A_TRANSACTION):
            chunk = [self._try_to_prepare(one, actor) for one in requests[first : first + ROWS_IN_A_TRANSACTION]]
            try:
                results += await self._store_chunk(chunk, history=history)
            except (Overloaded, StoreUnavailable) as error:
                return results + [error] * (len(requests) - first)
            self._queue.wake(Topic.COMPLAINTS)
        return results

    def _with_others(self, prepared: Prepared) -> asyncio.Future[Accepted]:
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
                group = self._waiting[:SINGLES_IN_A_TRANSACTION]
                del self._waiting[:SINGLES_IN_A_TRANSACTION]
                self._answer_all(group, await self._try_to_store([prepared for prepared, _ in group]))
                self._queue.wake(Topic.COMPLAINTS)
        finally:
            self._storing = None

    async def _try_to_store(self, prepared: Sequence[Prepared]) -> Sequence[Accepted | Exception]:
        try:
            return await self._store_or_isolate(prepared, history=False)
        except Exception as error:  # noqa: BLE001  # each caller of the group has it as its own
            return [error] * len(prepared)

    def _answer_all(
        self, group: Sequence[tuple[Prepared, asyncio.Future[Accepted]]], results: Sequence[Accepted | Exception]
    ) -> None:
        for (_, future), result in zip(group, results, strict=True):
            if future.done():  # the caller has gone; what it sent is stored
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    async def _store_chunk(
        self, chunk: Sequence[Prepared | InvalidInput], *, history: bool
    ) -> list[Accepted | NotifierError]:
        prepared = [one for one in chunk if isinstance(one, Prepared)]
        stored = iter(await self._store_or_isolate(prepared, history=history) if prepared else [])
        results: list[Accepted | NotifierError] = []
        for one in chunk:
            result = next(stored) if isinstance(one, Prepared) else one
            if isinstance(result, Accepted) and isinstance(one, Prepared):
                self._count(one, result)
            elif isinstance(result, InvalidInput):
                self._metrics.complaints_refused.inc()
            results.append(result)
        return results

    async def _store_or_isolate(self, prepared: Sequence[Prepared], *, history: bool) -> list[Accepted | NotifierError]:
        """Store a chunk in one transaction; when the database refuses it, store its rows one by one."""
        short = len(prepared) <= SINGLES_IN_A_TRANSACTION
        write = self._database.write_here if short else self._database.write
        try:
            return await write(lambda tx: self._store.store(tx, prepared, self._clock.now(), history=history))
        except NotifierError:
            raise
        except Exception:  # the database refused one of them: found by storing each alone
            if len(prepared) == 1:
                raise
        results: list[Accepted | NotifierError] = []
        for one in prepared:
            try:
                results += await self._store_or_isolate([one], history=history)
            except NotifierError as error:  # that of this row only: those before it are stored
                results.append(error)
            except Exception as error:  # noqa: BLE001  # whatever the database says of this row, it is this row's
                results.append(NotifierError(f"could not be stored: {type(error).__name__}"))
        return results

    def _count(self, prepared: Prepared, accepted: Accepted) -> None:
        if accepted.duplicate:
            return
        self._stored(prepared.request.source, prepared.request.service).inc()
        if accepted.not_counted is not None:
            self._not_counted(accepted.not_counted).inc()

    # --- checks that need no store ----------------------------------------------------------------------------------

    def _try_to_prepare(self, request: ComplaintRequest | InvalidInput, actor: Actor) -> Prepared | InvalidInput:
        if isinstance(request, InvalidInput):
            return request
        try:
            return self._prepare(request, actor, "", b"", new_correlation_id())
        except InvalidInput as error:
            return error

    def _prepare(
        self,
        request: ComplaintRequest,
        actor: Actor,
        idempotency_key: str,
        body: bytes,
        correlation: str,
        *,
        hears_back: bool = False,
        again: bool = False,
    ) -> Prepared:
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
        return Prepared(
            request=request,
            address="" if request.customer_id else self._normalise(request.reporter),
            trusted=self._trusted[request.source],
            api_key_id=actor.key_id if actor.key_id is not None or not idempotency_key else NO_KEY,
            idempotency_key=idempotency_key or None,
            body_hash=_hash(body or msgspec.json.encode(request)) if idempotency_key else None,
            correlation_id=correlation,
            hears_back=hears_back,
            again=again,
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


def _unknown(field: str, value: str, known: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        f"{field} '{value}' is not configured{nearest(value, known)}",
        field=field,
        value=value,
        expected="one of " + ", ".join(known),
    )


def _hash(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
