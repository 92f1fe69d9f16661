"""How calls end: somebody has it, or it is over. Whoever was called and does not know is told."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.domain.on_call import CallOutcome, CallReason, Route, RouteState, Says, Verb, event_of, person_behind
from notifier.stages.on_call.people import People
from notifier.storage.database import Transaction
from notifier.storage.queries.needs import alarms as signals
from notifier.storage.queries.needs import waking
from notifier.storage.queries.needs.waking import Act
from notifier.storage.repositories import call_routes
from notifier.storage.repositories import on_call as stored
from notifier.storage.repositories.on_call import StoredAlarm, StoredCall

Settled = tuple[CallReason, CallOutcome]
"""Under which reason a call counts, and how it ended."""


def sweep(tx: Transaction, people: People, zone: ZoneInfo, *, now: datetime) -> tuple[Settled, ...]:
    """Settle the calls of which nothing rings any more, and leave word for those who were called."""
    settled: list[Settled] = []
    told: set[str] = set()  # one word is enough for somebody who was called several times
    for call in reversed(stored.unfinished(tx)):
        alarms = stored.alarms_of(tx, call.id)
        is_over = all(alarm.ended_at is not None for alarm in alarms)
        if not is_over and not all(_rests(alarm, now) for alarm in alarms):
            continue
        outcome = _outcome(call, alarms, _acts(tx, alarms), people)
        if stored.settle(tx, call.id, outcome):
            settled.append((call.reason, outcome))
        call_routes.call_off(tx, call.id)
        if is_over:
            _tell_over(tx, call, alarms, people, zone, told, now=now)
            stored.finish(tx, call.id, now=now)
        elif call.reason is not CallReason.TEST and Route.WEBHOOK in people.routes(call.person):
            call_routes.to_hand_over(tx, call.id, Route.WEBHOOK, Says.ANSWERED, _has_it(alarms), now=now)
    return tuple(settled)


def _rests(alarm: StoredAlarm, now: datetime) -> bool:
    return alarm.ended_at is not None or (alarm.rests_until is not None and alarm.rests_until > now)


def _acts(tx: Transaction, alarms: Sequence[StoredAlarm]) -> list[Act]:
    """Return what people did last with the incidents of these alarms since they began."""
    found = []
    for alarm in alarms:
        if alarm.incident_id is not None:
            found.append(waking.acted(tx, alarm.incident_id, since=alarm.opened_at))
        elif (event_id := event_of(alarm.key)) is not None:
            found.append(waking.acted_in_event(tx, event_id, since=alarm.opened_at))
    return [act for act in found if act is not None]


def _outcome(call: StoredCall, alarms: Sequence[StoredAlarm], acts: Sequence[Act], people: People) -> CallOutcome:
    if call.answered_at is not None or any(people.is_same(call.person, act.by) for act in acts):
        return CallOutcome.ANSWERED  # also who did something about it instead of answering
    if call.reason is CallReason.TEST:
        return CallOutcome.UNANSWERED
    somebody = acts or any(alarm.answered_at is not None for alarm in alarms)
    return CallOutcome.ELSEWHERE if somebody else CallOutcome.OVER


def _tell_over(
    tx: Transaction,
    call: StoredCall,
    alarms: Sequence[StoredAlarm],
    people: People,
    zone: ZoneInfo,
    told: set[str],
    *,
    now: datetime,
) -> None:
    """Leave word that it is over; an incident in PagerDuty is closed in any case, one by one."""
    text = _over(tx, alarms, zone)
    knows = call.reason is CallReason.TEST or _knows(tx, call, alarms, people)
    for row in call_routes.routes_of(tx, [call.id])[call.id]:
        route, is_call = Route(row["route"]), row["says"] == Says.CALL
        if not is_call:
            continue
        keeps_incidents = route is Route.WEBHOOK and people.shows_incidents(call.person)
        waits_for_word = not knows and call.person not in told and row["state"] == RouteState.HANDED_OVER
        if keeps_incidents or waits_for_word:
            call_routes.to_hand_over(tx, call.id, route, Says.OVER, text, now=now)
    told.add(call.person)


def _knows(tx: Transaction, call: StoredCall, alarms: Sequence[StoredAlarm], people: People) -> bool:
    """Tell whether the person who was called has ended it themselves, by text or by key."""
    if call.answer in (Verb.SEND, Verb.YES, Verb.NO):
        return True
    return any(people.is_same(call.person, act.by) for act in _acts(tx, alarms))


def _over(tx: Transaction, alarms: Sequence[StoredAlarm], zone: ZoneInfo) -> str:
    longer = [each for each in alarms if waking.takes_longer(tx, each, zone)]
    if len(alarms) > 1:
        return _all_over(alarms, longer)
    alarm = alarms[0]
    if longer:
        event_id = event_of(alarm.key)
        name = waking.label(tx, alarm.incident_id) if event_id is None else waking.event_label(tx, event_id)
        return f"{name}: {waking.takes_longer(tx, alarm, zone)}"
    if (event_id := event_of(alarm.key)) is not None:
        return f"{waking.event_label(tx, event_id)}: over. Nothing more to do"
    if alarm.incident_id is None:
        name = alarm.key.partition(" ")[2]
        if alarm.reason is CallReason.ALARM:
            return f"{signals.ended(tx, int(name))}. Nothing more to do"
        what = "works again" if alarm.reason is CallReason.PROVIDER_STOPPED else "speaks again"
        return f"{'provider' if alarm.reason is CallReason.PROVIDER_STOPPED else 'source'} {name} {what}. Over"
    label, what = waking.label(tx, alarm.incident_id), waking.epilogue(tx, alarm.incident_id, zone)
    return f"{label}: over ({what}). Nothing more to do"


def _all_over(alarms: Sequence[StoredAlarm], longer: Sequence[StoredAlarm]) -> str:
    """Say that several things are over, and of which the daemon alone has told customers that they take longer."""
    if not longer:
        return f"{len(alarms)} things you were called about are over. Nothing more to do"
    ids = [each.incident_id for each in longer if each.incident_id is not None]
    named = ", ".join(dict.fromkeys(f"#{which}" for which in ids)) or "a storm"
    rest = len(alarms) - len(longer)
    others = "" if rest == 0 else f"; {'1 other is' if rest == 1 else f'{rest} others are'} over"
    return f"{named}: it takes longer, the daemon alone told customers so. See notifier{others}"


def _has_it(alarms: Sequence[StoredAlarm]) -> str:
    who = {person_behind(alarm.answered_by) or alarm.answered_by for alarm in alarms if alarm.answered_by}
    return f"{', '.join(sorted(who))} has it"
