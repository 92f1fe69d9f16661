"""The incident that a need is about, and the words that needs share."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from notifier.storage.database import Row
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import Need


@dataclass(frozen=True, slots=True)
class Subject:
    """An incident as a need names it."""

    id: int
    service: str
    place: str

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the subject of a row with the incident's `id`, `service` and `place`."""
        return cls(row["id"], row["service"], row["place"])

    @classmethod
    def of_incident(cls, incident: StoredIncident) -> Self:
        """Return an incident as a subject."""
        return cls(incident.id, incident.service, incident.place)

    @classmethod
    def of_part(cls, incident: StoredIncident) -> Self:
        """Return an incident by the name of the part that it was loaded with."""
        return cls(incident.id, incident.service, incident.part.name or incident.place)

    def need(
        self, kind: str, said: str, *commands: str, broadcast_id: int | None = None, due_at: datetime | None = None
    ) -> Need:
        """Return a need about it; `commands` are without the word `notifier`."""
        return Need(
            kind=kind,
            incident_id=self.id,
            broadcast_id=broadcast_id,
            text=f"#{self.id} {self.service}, {self.place}: {said}",
            due_at=due_at,
            next=[f"notifier {command}" for command in commands],
        )


def of_part(name: str) -> str:
    """Return the option that names a part as it is called; nothing where there is only one."""
    return f" --part {shlex.quote(name)}" if name else ""


def customers(number: int) -> str:
    return "1 customer" if number == 1 else f"{number:,} customers"


def messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"


def waiting(number: int) -> str:
    return f"{messages(number)} {'waits' if number == 1 else 'wait'}"


def words(kind: str) -> str:
    return f"`{kind}`"


def clock(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%H:%M %Z}"
