"""Alarms of machines, as they are shown."""

from datetime import datetime

from notifier.storage.views.view import View


class SignalView(View, frozen=True, kw_only=True):
    """An alarm, one time that it went off."""

    id: int
    source: str  # alertmanager | json
    alarm: str  # the same each time it goes off
    name: str
    service: str  # as it was named; "" = none was
    regions: list[str]  # "node OLT-7"
    sites: int  # listed by name
    why_not: str  # why it is evidence nowhere; "" = it is
    state: str  # open | resolved | lapsed
    started_at: datetime
    ended_at: datetime | None
    received_at: datetime
    heard_at: datetime  # the newest report
    times: int  # reports of it
    left_out: int  # alerts that its sender had cut off behind it
    summary: str
    labels: dict[str, str]
    incidents: list[int]  # of which it is evidence
