"""Incidents: what commanders decide. Each action that tells leaves a draft; nothing has happened before `send`.

Comes in: a person's request. Goes out: a draft broadcast with the changes it will make, and its preview. Must never
tell anyone by itself, nor pass on a commander's own words: causes and crews are phrase codes.
"""

from notifier.stages.incidents.decisions import Incidents
from notifier.stages.incidents.requests import (
    ConfirmIncident,
    DismissIncident,
    OpenIncident,
    ReopenIncident,
    RestoreIncident,
    SetEta,
)

__all__ = [
    "ConfirmIncident",
    "DismissIncident",
    "Incidents",
    "OpenIncident",
    "ReopenIncident",
    "RestoreIncident",
    "SetEta",
]
