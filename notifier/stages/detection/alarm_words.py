"""What alarms have to do with a cell or an incident, in sentences for `detection explain`."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from notifier.domain.text import lasting
from notifier.storage.database import Transaction
from notifier.storage.queries import signals as shown
from notifier.storage.repositories import signals
from notifier.storage.views import SignalView

MINUTE = timedelta(minutes=1)


def of_incident(tx: Transaction, incident_id: int, *, opened_at: datetime, reports: int) -> list[str]:
    """Return which alarms are evidence of an incident, and what that means."""
    found = shown.of_incident(tx, incident_id)
    return [*(_said(each, opened_at) for each in found), *_enough(found, reports)]


def of_cell(tx: Transaction, region_id: int, service: str, now: datetime, *, reports: int) -> list[str]:
    """Return which alarms are open in a cell, and what that means."""
    here = {each.id for each in signals.open_signals(tx) if each.service == service and region_id in each.regions}
    found = [each for each in shown.signals(tx) if each.id in here]
    words = [f"Alarm {each.name} is open here for {lasting(now - each.started_at)}." for each in found]
    return [*words, *_enough(found, reports)]


def _said(signal: SignalView, opened_at: datetime) -> str:
    apart = abs(opened_at - signal.started_at)
    length = lasting(apart) if apart >= MINUTE else "less than a minute"
    when = f"{length} before" if signal.started_at <= opened_at else f"{length} after"
    over = "" if signal.state == "open" else " and is over" if signal.state == "resolved" else " and is silent now"
    return f"Alarm {signal.name} is evidence of it, too: it went off {when} the incident was opened{over}."


def _enough(found: Iterable[SignalView], reports: int) -> list[str]:
    """Say how few customers suspect an incident where an alarm is."""
    if not list(found):
        return []
    return [f"Where an alarm is open, {reports} verified customers beyond those normal there suspect an incident."]
