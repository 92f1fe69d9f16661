"""Credits: what was granted, what waits, and what people decide about it; files for billing."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.domain.credit import CreditState
from notifier.domain.money import parse_amount
from notifier.domain.text import inert
from notifier.stages.credits import Because, Decide, DecideAll, Grant, Loaded, Post, Reconcile
from notifier.storage.queries import credits as shown
from notifier.storage.repositories.credit_posting import key_of
from notifier.storage.views import CreditLineView
from notifier.web.problem import Rejected
from notifier.web.route import Call, Nothing, answer, get, post

KEY_AT_MOST = 200  # characters of an Idempotency-Key
EXPORTED_AT_ONCE = 1_000  # lines
LIST_AT_MOST = 16 * 1024 * 1024  # bytes of billing's own list
COLUMNS = (
    "record",
    "id",
    "customer",
    "amount",
    "currency",
    "bill_month",
    "tariff",
    "step",
    "incident",
    "state",
    "reverses",
    "key",
    "site",
)


async def listed(call: Call) -> web.StreamResponse:
    """List at most 200 lines, newest first."""
    query = call.query("incident", "customer", "state", "before")
    incident, before, states = _number(query, "incident"), _number(query, "before"), _states(query)
    return answer(
        await call.parts.database.read(
            lambda tx: shown.listed(
                tx, incident_id=incident, customer=query.get("customer"), states=states, before=before
            )
        )
    )


async def show(call: Call) -> web.StreamResponse:
    """Show one line."""
    call.query()
    return answer(await call.parts.database.read(lambda tx: shown.line(tx, call.number())))


async def grant(call: Call) -> web.StreamResponse:
    """Grant goodwill to one customer."""
    key = call.request.headers.get("Idempotency-Key") or None
    if key is not None and (len(key) > KEY_AT_MOST or not (key.isascii() and key.isprintable())):
        expected = f"up to {KEY_AT_MOST} printable ASCII characters"
        raise Rejected(422, "the Idempotency-Key is not usable", field="Idempotency-Key", expected=expected)
    line = await call.parts.credits.deciding.grant(await call.body(Grant), call.actor, key=key)
    return answer(line, 201)


async def approve(call: Call) -> web.StreamResponse:
    """Approve one line."""
    return answer(await call.parts.credits.deciding.approve(call.number(), await call.body(Decide), call.actor))


async def reject(call: Call) -> web.StreamResponse:
    """Reject one line."""
    return answer(await call.parts.credits.deciding.reject(call.number(), await call.body(Because), call.actor))


async def reverse(call: Call) -> web.StreamResponse:
    """Take one line back by a negative one, and show that."""
    return answer(await call.parts.credits.deciding.reverse(call.number(), await call.body(Because), call.actor), 201)


async def of_incident(call: Call) -> web.StreamResponse:
    """Show the sums of an incident."""
    call.query()
    settings = call.parts.credits.settings
    return answer(
        await call.parts.database.read(
            lambda tx: shown.of_incident(
                tx,
                call.number(),
                currency=settings.currency,
                budget=parse_amount(settings.budget, settings.currency),
                enabled=settings.enabled,
                reader=call.actor.name,
            )
        )
    )


async def preview(call: Call) -> web.StreamResponse:
    """Say what counting an incident would grant now."""
    given = call.query("at").get("at")
    at = None
    if given is not None:
        expected = "an instant with a zone such as 2026-03-01T18:30:00Z"
        try:
            at = datetime.fromisoformat(given)
        except ValueError:
            raise Rejected(422, f"'{given[:40]}' is no instant", field="at", expected=expected) from None
        if at.tzinfo is None:
            raise Rejected(422, f"'{given[:40]}' has no zone", field="at", expected=expected)
    return answer(await call.parts.credits.previewing.preview(call.number(), at))


async def approve_all(call: Call) -> web.StreamResponse:
    """Approve what waits of an incident."""
    return answer(await call.parts.credits.deciding.approve_all(call.number(), await call.body(DecideAll), call.actor))


async def reject_all(call: Call) -> web.StreamResponse:
    """Reject what waits of an incident."""
    return answer(await call.parts.credits.deciding.reject_all(call.number(), await call.body(Because), call.actor))


async def count(call: Call) -> web.StreamResponse:
    """Let an incident be counted once more."""
    await call.body(Nothing)
    runs = await call.parts.credits.counting.again(call.number(), call.actor)
    return answer({"incident_id": call.number(), "runs": runs}, 202)


async def post_all(call: Call) -> web.StreamResponse:
    """Hand approved lines to billing."""
    return answer(await call.parts.credits.posting.ask(await call.body(Post), call.actor), 202)


async def reconcile(call: Call) -> web.StreamResponse:
    """Hold billing's own list against what there is."""
    request = await call.body(Reconcile, LIST_AT_MOST)
    return answer(await call.parts.credits.reconciling.reconcile(request, call.actor))


async def none_lost(call: Call) -> web.StreamResponse:
    """Post again after a restore without a list."""
    await call.parts.credits.reconciling.none_lost(await call.body(Because), call.actor)
    return answer({"held": False})


async def batches(call: Call) -> web.StreamResponse:
    """List the files for billing."""
    call.query()
    return answer(await call.parts.database.read(shown.batches))


async def loaded(call: Call) -> web.StreamResponse:
    """Note that billing has all of a file."""
    return answer(await call.parts.credits.posting.loaded(call.number(), await call.body(Loaded), call.actor))


async def export(call: Call) -> web.StreamResponse:
    """Send lines as CSV with a control total at the end; no cell is a formula."""
    query = call.query("incident", "state", "batch")
    incident, batch, states = _number(query, "incident"), _number(query, "batch"), _states(query)
    if batch is not None:  # an empty file with a total of 0 would look like one that was paid
        await call.parts.database.read(lambda tx: shown.require_batch(tx, batch))
    response = web.StreamResponse(headers={"Content-Type": "text/csv; charset=utf-8", "Cache-Control": "no-store"})
    await response.prepare(call.request)
    await response.write(_csv([COLUMNS]))
    totals: dict[str, tuple[int, int]] = {}
    async for lines in _pages(call, incident, batch, states):
        for line in lines:
            number, amount = totals.get(line.currency, (0, 0))
            sign = -1 if line.amount.startswith("-") else 1
            minor = sign * parse_amount(line.amount.removeprefix("-"), line.currency)
            totals[line.currency] = (number + 1, amount + minor)
        await response.write(_csv([_row(line) for line in lines]))
    ends = [
        ("total", str(number), "", shown.amount(amount, currency), currency, "", "", "", "", "", "", "", "")
        for currency, (number, amount) in sorted((totals or {call.parts.credits.settings.currency: (0, 0)}).items())
    ]
    await response.write(_csv(ends))
    await response.write_eof()
    return response


async def _pages(
    call: Call, incident: int | None, batch: int | None, states: list[str]
) -> AsyncIterator[list[CreditLineView]]:
    """Yield lines in the order of their ids; with bounded memory, however many there are."""
    after = 0
    while True:
        lines = await call.parts.database.read(
            lambda tx, after=after: shown.listed(  # type: ignore[misc]
                tx, incident_id=incident, batch_id=batch, states=states, after=after, at_most=EXPORTED_AT_ONCE
            )
        )
        if lines:
            yield lines
            after = lines[-1].id
        if len(lines) < EXPORTED_AT_ONCE:
            return


def _row(line: CreditLineView) -> tuple[str, ...]:
    return (
        "line",
        str(line.id),
        inert(line.customer),
        line.amount,  # ours, a number: the minus of a reversal is its sign
        line.currency,
        line.bill_month,
        line.tariff,
        str(line.step),
        str(line.incident_id),
        line.state,
        str(line.reverses or ""),
        key_of(line.id, line.created_at),
        inert(line.site),
    )


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _number(query: dict[str, str], name: str) -> int | None:
    given = query.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 18):
        why = f"is no {name}" if given.isdecimal() else "is no number"
        raise Rejected(422, f"'{given[:40]}' {why}", field=name, value=given, expected="a number such as 42")
    return int(given)


def _states(query: dict[str, str]) -> list[str]:
    given = query.get("state")
    if given is None:
        return []
    wanted = [state.strip() for state in given.split(",")]
    for state in wanted:
        if state not in set(CreditState):
            expected = "one or several of " + ", ".join(CreditState)
            raise Rejected(422, f"'{state[:40]}' is no state of a credit", field="state", expected=expected)
    return wanted


ROUTES = (
    get("/v1/credits", KeyRole.AGENT, listed),
    post("/v1/credits", KeyRole.AGENT, grant),
    get("/v1/credits/{id}", KeyRole.AGENT, show),
    post("/v1/credits/{id}/approve", KeyRole.MANAGER, approve),
    post("/v1/credits/{id}/reject", KeyRole.MANAGER, reject),
    post("/v1/credits/{id}/reverse", KeyRole.MANAGER, reverse),
    get("/v1/credits/export", KeyRole.MANAGER, export),
    post("/v1/credits/post", KeyRole.MANAGER, post_all),
    post("/v1/credits/reconcile", KeyRole.MANAGER, reconcile),
    post("/v1/credits/none-lost", KeyRole.MANAGER, none_lost),
    get("/v1/credits/batches", KeyRole.MANAGER, batches),
    post("/v1/credits/batches/{id}/loaded", KeyRole.MANAGER, loaded),
    get("/v1/incidents/{id}/credits", KeyRole.VIEWER, of_incident),
    get("/v1/incidents/{id}/credits/preview", KeyRole.COMMANDER, preview),
    post("/v1/incidents/{id}/credits/approve", KeyRole.MANAGER, approve_all),
    post("/v1/incidents/{id}/credits/reject", KeyRole.MANAGER, reject_all),
    post("/v1/incidents/{id}/credits/count", KeyRole.MANAGER, count),
)
