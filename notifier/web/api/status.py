"""The daemon at a glance: what needs a person, what is open, what is waiting, and the highest cells."""

from datetime import datetime

from aiohttp import web
from msgspec.structs import replace

from notifier import __version__
from notifier.domain.actor import KeyRole
from notifier.domain.incident import OPEN_STATES, IncidentState
from notifier.domain.on_call import CallReason, alarm_key
from notifier.domain.text import lasting
from notifier.storage.queries import assigned, glance
from notifier.storage.queries.needs import needs as stored_needs
from notifier.storage.queries.needs.waking import key_of
from notifier.storage.views import AskerView, Need, StatusView
from notifier.web.parts import Parts
from notifier.web.problem import Rejected
from notifier.web.route import Call, answer, get

SHOWN_STATES = (*OPEN_STATES, IncidentState.RESOLVED)
CELLS = 20
CELLS_AT_MOST = 200
STOPPED = "stopped"  # how the state of a provider begins that does not work


async def status(call: Call) -> web.StreamResponse:
    """Show the daemon at a glance."""
    call.query()
    parts, now = call.parts, call.parts.clock.now()
    glimpse = await parts.database.read(lambda tx: glance.glance(tx, now))
    view = StatusView(
        version=__version__,
        now=now,
        paused=glimpse.paused,
        needs=await _needs(call),
        incidents=await parts.incidents.cards(SHOWN_STATES),
        complaints_last_hour=glimpse.complaints_last_hour,
        detector_lag=glimpse.detector_lag,
        notifications=glimpse.notifications,
        waiting=glimpse.waiting,
        providers=parts.provider_states(),
    )
    return answer(view)


async def needs(call: Call) -> web.StreamResponse:
    """List what needs a person, most urgent first."""
    call.query()
    return answer(await _needs(call))


async def me(call: Call) -> web.StreamResponse:
    """Say whose key asks."""
    call.query()
    return answer(AskerView(name=call.actor.name, role=call.actor.role))


async def cells(call: Call) -> web.StreamResponse:
    """List the cells with the highest scores now."""
    given = call.query("limit").get("limit", str(CELLS))
    if not given.isdecimal() or not 1 <= int(given[:6]) <= CELLS_AT_MOST:
        expected = f"a whole number from 1 to {CELLS_AT_MOST}"
        raise Rejected(422, "limit is wrong", field="limit", value=given, expected=expected)
    return answer(await call.parts.detection.scores(int(given)))


async def _needs(call: Call) -> list[Need]:
    """Return what the store says, and what only this process knows."""
    parts, reader = call.parts, call.actor.name
    now, time_zone = parts.clock.now(), parts.config.regions.time_zone
    called = await parts.on_call.called()
    stored = await parts.database.read(
        lambda tx: stored_needs(tx, now, parts.playbooks, time_zone=time_zone, reader=reader)
    )
    having = await parts.database.read(assigned.by_incident)
    return [
        *_stopped(parts.provider_states(), called),
        *_silent(parts, now, called),
        *_wrong_clocks(parts),
        *_disagreements(await parts.upkeep.disagreements()),
        *(
            replace(need, called=called.get(key_of(need) or "", ""), assigned_to=having.get(need.incident_id or 0, ""))
            for need in stored
        ),
    ]


def _stopped(states: dict[str, str], called: dict[str, str]) -> list[Need]:
    return [
        replace(
            _need("provider", f"provider {name} is {state}", ["notifier status"]),
            called=called.get(alarm_key(CallReason.PROVIDER_STOPPED, name), ""),
        )
        for name, state in states.items()
        if state.startswith(STOPPED)
    ]


def _silent(parts: Parts, now: datetime, called: dict[str, str]) -> list[Need]:
    """Return the intake sources that say nothing for longer than they ever do: complaints may be lost."""
    return [
        replace(
            _need(
                "source",
                f"source {each.name} is silent for {lasting(now - each.since)}, at this time never for more than "
                f"{lasting(each.news_at - each.since)}",
                ["notifier on-call"],
            ),
            called=called.get(alarm_key(CallReason.SOURCE_SILENT, each.name), ""),
        )
        for each in parts.on_call.silent()
    ]


def _wrong_clocks(parts: Parts) -> list[Need]:
    """Return the intake sources whose clock is wrong: what comes too late by it is no evidence."""
    needs = []
    for name, skew in parts.on_call.wrong_clocks().items():
        by = lasting(abs(skew.ahead))
        if skew.is_ahead:
            text = f"source {name}: its clock is {by} ahead; its complaints count as of when they come"
        else:
            late = lasting(parts.config.detection.late_after)
            text = (
                f"source {name}: its complaints come {by} after they happened, or its clock is behind; "
                f"older than {late} they are no evidence"
            )
        needs.append(_need("clock", text, []))
    return needs


def _disagreements(found: dict[str, int]) -> list[Need]:
    if not found:
        return []
    text = "ledger and audience disagree: " + ", ".join(f"{count} x {rule}" for rule, count in found.items())
    return [_need("ledger", text, [])]


def _need(kind: str, text: str, next_: list[str]) -> Need:
    return Need(kind=kind, incident_id=None, broadcast_id=None, text=text, due_at=None, next=next_)


ROUTES = (
    get("/v1/status", KeyRole.VIEWER, status),
    get("/v1/needs", KeyRole.VIEWER, needs),
    get("/v1/me", KeyRole.VIEWER, me),
    get("/v1/detection/cells", KeyRole.VIEWER, cells),
)
