"""Bodies of Alertmanager for tests, as its version 4 webhook writes them, and a desk that takes them."""

from datetime import datetime
from typing import Any

from notifier.stages import Surroundings
from notifier.stages.signals import Signals
from tests.complaint_desk import NOON, SERVICES, Desk

OPEN_END = "0001-01-01T00:00:00Z"


def alert(
    region: str = "postal_code:94110",
    *,
    name: str = "OLT-7",
    service: str = "power",
    since: datetime = NOON,
    until: datetime | None = None,
    fingerprint: str = "6d44e5e58a641003",
    **labels: str,
) -> dict[str, Any]:
    """Return one alert; with `until` it is resolved."""
    named = {"alertname": "RegionalOutage", "device": name, "region": region, "service": service, **labels}
    return {
        "status": "firing" if until is None else "resolved",
        "labels": {label: value for label, value in named.items() if value},
        "annotations": {"summary": "No light on the uplink"},
        "startsAt": f"{since:%Y-%m-%dT%H:%M:%S.%f}123Z",
        "endsAt": OPEN_END if until is None else f"{until:%Y-%m-%dT%H:%M:%S.%f}123Z",
        "generatorURL": "http://prometheus.example.net/graph?g0.expr=up",
        "fingerprint": fingerprint,
    }


def body(*alerts: Any, truncated: int = 0) -> dict[str, Any]:
    """Return the body of a webhook; a newer field is in it, too."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="RegionalOutage"}',
        "truncatedAlerts": truncated,
        "notification_reason": "firing",
        "status": "firing",
        "receiver": "notifier",
        "groupLabels": {},
        "commonLabels": {"alertname": "RegionalOutage"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.net",
        "alerts": list(alerts),
    }


def around(desk: Desk) -> Surroundings:
    """Return what stages work with at a desk."""
    return Surroundings(
        database=desk.database,
        config=desk.config,
        clock=desk.clock,
        queue=desk.queue,
        metrics=desk.metrics,
        playbooks=dict.fromkeys(SERVICES, desk.playbook),
    )


def stage(desk: Desk) -> Signals:
    """Return the stage of signals at a desk, as a new process would have it."""
    return Signals(around(desk))
