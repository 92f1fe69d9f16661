"""Alarms that wait for a person: open ones where no incident is, and ones that name no known place."""

import shlex
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.domain.signal import SignalState
from notifier.domain.text import lasting
from notifier.storage.database import Transaction
from notifier.storage.queries import signals
from notifier.storage.queries.needs.subject import clock
from notifier.storage.views import Need, SignalView

PLACES_SHOWN = 3


def open_alarms(tx: Transaction, now: datetime, zone: ZoneInfo) -> Iterator[tuple[str, Need]]:
    """Yield the alarms that call people, each with the key of its call."""
    for key, signal in signals.unattended(tx, now):
        first = shlex.quote(signal.regions[0].replace(" ", ":", 1)) if signal.regions else ""
        explain = f"notifier detection explain {first} {signal.service}" if first else ""
        yield key, _need(said(signal, now, zone), explain)


def unplaced(tx: Transaction) -> Iterator[Need]:
    """Return one need about all open alarms that are evidence nowhere."""
    found = signals.without_place(tx)
    if found:
        first = found[0]
        more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
        yield _need(f"alarm {first.name}{more}: evidence nowhere, for {first.why_not}", "")


def of_incident(tx: Transaction, incident_id: int, zone: ZoneInfo) -> str:
    """Return the open alarms of an incident: `alarm OLT-7 since 02:49 PST and 2 more`; "" where there is none."""
    found = [each for each in signals.of_incident(tx, incident_id) if each.state == SignalState.OPEN]
    if not found:
        return ""
    more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    return f"alarm {found[0].name} since {clock(found[0].started_at, zone)}{more}"


def said(signal: SignalView, now: datetime, zone: ZoneInfo) -> str:
    """Return an alarm in a line: `alarm OLT-7 since 02:49 PST, internet, node OLT-7: no incident is open there`."""
    places = ", ".join(signal.regions[:PLACES_SHOWN])
    if len(signal.regions) > PLACES_SHOWN:
        places += " ..."
    if signal.sites:
        listed = "1 site" if signal.sites == 1 else f"{signal.sites:,} sites"
        places = f"{places}, {listed}" if places else listed
    since = clock(signal.started_at, zone)
    if now.astimezone(zone).date() != signal.started_at.astimezone(zone).date():
        since = f"{since}, for {lasting(now - signal.started_at)}"
    return f"alarm {signal.name} since {since}, {signal.service}, {places}: no incident is open there"


def _need(text: str, explain: str) -> Need:
    return Need(
        kind="alarm",
        incident_id=None,
        broadcast_id=None,
        text=text,
        due_at=None,
        next=["notifier signals", *([explain] if explain else [])],
    )
