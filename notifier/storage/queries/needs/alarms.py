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
        yield key, _need(said(signal, now, zone), *_opened(signal), *_explained(signal))


def unplaced(tx: Transaction) -> Iterator[Need]:
    """Return one need about all open alarms that are evidence nowhere, each with its own reason."""
    found = signals.without_place(tx)
    if found:
        each = "; ".join(f"{one.name}: {one.why_not}" for one in found[:PLACES_SHOWN])
        more = f"; and {len(found) - PLACES_SHOWN:,} more" if len(found) > PLACES_SHOWN else ""
        what = "1 alarm is" if len(found) == 1 else f"{len(found):,} alarms are"
        yield _need(f"{what} evidence nowhere: {each}{more}")


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


def ended(tx: Transaction, signal_id: int) -> str:
    """Return what became of an alarm that somebody was called about: `alarm OLT-7 is over`."""
    signal = signals.one(tx, signal_id)
    if signal is None:
        return f"alarm {signal_id} is over"
    if signal.state == SignalState.OPEN:
        where = f"#{signal.incidents[-1]}" if signal.incidents else "nothing"
        return f"alarm {signal.name} belongs to {where} now"
    return f"alarm {signal.name} {'is over' if signal.state == SignalState.RESOLVED else 'is not reported any more'}"


def _opened(signal: SignalView) -> Iterator[str]:
    """Yield the command that opens an incident where an alarm is, unless there are more places than are known here."""
    if signal.regions and len(signal.regions) < signals.REGIONS_SHOWN and not signal.sites:
        places = ",".join(each.replace(" ", ":", 1) for each in signal.regions)
        yield f"notifier open --service {shlex.quote(signal.service)} --regions {shlex.quote(places)}"


def _explained(signal: SignalView) -> Iterator[str]:
    if signal.regions:
        first = shlex.quote(signal.regions[0].replace(" ", ":", 1))
        yield f"notifier detection explain {first} {shlex.quote(signal.service)}"


def _need(text: str, *commands: str) -> Need:
    return Need(
        kind="alarm",
        incident_id=None,
        broadcast_id=None,
        text=text,
        due_at=None,
        next=[*commands, "notifier signals list"],
    )
