"""Complaints: one, or a stream of them with a result per line."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.domain.errors import InvalidInput, NotifierError, Overloaded
from notifier.stages.intake import Accepted, ComplaintRequest
from notifier.web.ndjson import Answers, Line, lines, too_long
from notifier.web.problem import Rejected, problem, problem_of
from notifier.web.route import Call, answer, post
from notifier.web.wire import decode, encode

KEY_AT_MOST = 200  # characters of an Idempotency-Key
PATIENCE = 50  # times that a list waits for a full writer before its lines are refused
PATIENCE_SECONDS = 0.1


async def submit(call: Call) -> web.StreamResponse:
    """Store one complaint."""
    body = await call.raw()
    request = decode(ComplaintRequest, body or b"{}")
    key = call.request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_AT_MOST:
        expected = f"at most {KEY_AT_MOST} characters"
        raise Rejected(422, "the Idempotency-Key is too long", field="Idempotency-Key", expected=expected)
    accepted = await call.parts.intake.submit(request, actor=call.actor, idempotency_key=key, body=body)
    return answer(accepted, 200 if accepted.duplicate else 201)


async def submit_many(call: Call) -> web.StreamResponse:
    """Store complaints as they arrive; each line has its own result, in order."""
    query = call.query("history")
    history = call.flag(query, "history")
    async with Answers(call) as answers:
        try:
            async for chunk in lines(call.request.content):
                await answers.write(*await _store(call, chunk, history=history))
        finally:
            if history:  # what was imported is the baseline from here on, also when the client is gone
                await call.parts.auditing.note(call.actor, "complaints.import_history", "baseline")
                await call.parts.detection.refresh_baseline()
    return answers.response


async def _store(call: Call, chunk: Sequence[Line], *, history: bool) -> list[bytes]:
    """Store the lines of one chunk and return the answer to each."""
    parsed = [_parse(line) for line in chunk]
    requests = [one for one in parsed if isinstance(one, ComplaintRequest)]
    stored = iter(await _submit(call, requests, history=history) if requests else ())
    results = [one if isinstance(one, Rejected) else next(stored) for one in parsed]
    return [_result(line.number, result) for line, result in zip(chunk, results, strict=True)]


def _parse(line: Line) -> ComplaintRequest | Rejected:
    if line.body is None:
        return too_long()
    try:
        return decode(ComplaintRequest, line.body)
    except Rejected as error:
        return error


async def _submit(
    call: Call, requests: Sequence[ComplaintRequest | InvalidInput], *, history: bool
) -> Sequence[Accepted | NotifierError]:
    """Submit a chunk; a full writer makes the sender wait, because nothing more is read meanwhile.

    What is stored is not submitted again: a complaint without an id of its source would be stored twice.
    """
    results = list(await call.parts.intake.submit_many(requests, actor=call.actor, history=history))
    for _ in range(PATIENCE):
        left = [number for number, result in enumerate(results) if isinstance(result, Overloaded)]
        if not left:
            break
        await asyncio.sleep(PATIENCE_SECONDS)
        again = [requests[number] for number in left]
        stored = await call.parts.intake.submit_many(again, actor=call.actor, history=history)
        for number, result in zip(left, stored, strict=True):
            results[number] = result
    return results


def _result(line: int, result: Accepted | NotifierError) -> bytes:
    if isinstance(result, Accepted):
        status, encoded = (200 if result.duplicate else 201), encode(result)
        return b'{"line":%d,"status":%d,%b' % (line, status, encoded[1:])
    found = problem_of(result) or problem(500, "this line could not be stored")
    return b'{"line":%d,%b' % (line, encode(found)[1:])


ROUTES = (
    post("/v1/complaints", KeyRole.AGENT, submit, or_system=True),
    post("/v1/complaints/bulk", KeyRole.AGENT, submit_many, or_system=True),
)
