"""Incidents: list, show, and every action on one. What tells customers answers with a draft that waits to be sent."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.domain.incident import IncidentState
from notifier.stages.incidents import (
    ConfirmIncident,
    DismissIncident,
    OpenIncident,
    ReopenIncident,
    RestoreIncident,
    SetEta,
)
from notifier.stages.incidents.reshaping import ExtendIncident, MergeIncident, SplitIncident
from notifier.web.problem import Rejected
from notifier.web.route import Call, Nothing, answer, get, post

ID_DIGITS = 18
SITES_BYTES_AT_MOST = 4 * 1024 * 1024  # of a body with a list of sites: some 100,000 of them


async def cards(call: Call) -> web.StreamResponse:
    """List incidents."""
    query = call.query("state", "before")
    states, before = query.get("state"), query.get("before")
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) <= ID_DIGITS):
        raise Rejected(422, "before is no incident", field="before", value=before, expected="the number of an incident")
    return answer(
        await call.parts.incidents.cards(
            None if states is None else _states(states), before=None if before is None else int(before)
        )
    )


async def show(call: Call) -> web.StreamResponse:
    """Show one incident, whole."""
    call.query()
    return answer(await call.parts.incidents.show(call.number()))


async def open_(call: Call) -> web.StreamResponse:
    """Open an incident by hand."""
    request = await call.body(OpenIncident, SITES_BYTES_AT_MOST)
    return answer(await call.parts.incidents.open(request, call.actor), 201)


async def confirm(call: Call) -> web.StreamResponse:
    """Confirm what is suspected."""
    request = await call.body(ConfirmIncident)
    return answer(await call.parts.incidents.confirm(call.number(), request, call.actor))


async def dismiss(call: Call) -> web.StreamResponse:
    """Say that it was nothing."""
    request = await call.body(DismissIncident)
    return answer(await call.parts.incidents.dismiss(call.number(), request, call.actor))


async def eta(call: Call) -> web.StreamResponse:
    """Set or change the estimate."""
    request = await call.body(SetEta, SITES_BYTES_AT_MOST)
    return answer(await call.parts.incidents.eta(call.number(), request, call.actor))


async def restored(call: Call) -> web.StreamResponse:
    """Say that service is back."""
    request = await call.body(RestoreIncident, SITES_BYTES_AT_MOST)
    return answer(await call.parts.incidents.restored(call.number(), request, call.actor))


async def reopen(call: Call) -> web.StreamResponse:
    """Say that it is out again."""
    request = await call.body(ReopenIncident, SITES_BYTES_AT_MOST)
    return answer(await call.parts.incidents.reopen(call.number(), request, call.actor))


async def extend(call: Call) -> web.StreamResponse:
    """Let sites join an incident."""
    request = await call.body(ExtendIncident, SITES_BYTES_AT_MOST)
    return answer(await call.parts.reshaping.extend(call.number(), request, call.actor))


async def split(call: Call) -> web.StreamResponse:
    """Let sites leave as an incident of their own; tells nobody."""
    request = await call.body(SplitIncident, SITES_BYTES_AT_MOST)
    return answer(await call.parts.reshaping.split(call.number(), request, call.actor), 201)


async def merge(call: Call) -> web.StreamResponse:
    """Merge an incident into another one; tells nobody."""
    request = await call.body(MergeIncident)
    return answer(await call.parts.reshaping.merge(call.number(), request, call.actor))


async def close(call: Call) -> web.StreamResponse:
    """Close what is resolved; tells nobody."""
    await call.body(Nothing)
    return answer(await call.parts.incidents.close(call.number(), call.actor))


def _states(given: str) -> list[str]:
    wanted = [state.strip() for state in given.split(",")]
    for state in wanted:
        if state not in set(IncidentState):
            expected = "one or several of " + ", ".join(IncidentState)
            raise Rejected(422, f"'{state}' is no state of an incident", field="state", value=state, expected=expected)
    return wanted


ROUTES = (
    get("/v1/incidents", KeyRole.VIEWER, cards),
    post("/v1/incidents", KeyRole.COMMANDER, open_),
    get("/v1/incidents/{id}", KeyRole.VIEWER, show),
    post("/v1/incidents/{id}/confirm", KeyRole.COMMANDER, confirm),
    post("/v1/incidents/{id}/dismiss", KeyRole.COMMANDER, dismiss),
    post("/v1/incidents/{id}/eta", KeyRole.COMMANDER, eta),
    post("/v1/incidents/{id}/restored", KeyRole.COMMANDER, restored),
    post("/v1/incidents/{id}/reopen", KeyRole.COMMANDER, reopen),
    post("/v1/incidents/{id}/extend", KeyRole.COMMANDER, extend),
    post("/v1/incidents/{id}/split", KeyRole.COMMANDER, split),
    post("/v1/incidents/{id}/merge", KeyRole.COMMANDER, merge),
    post("/v1/incidents/{id}/close", KeyRole.COMMANDER, close),
)
