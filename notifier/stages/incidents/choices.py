"""What may be said about an incident: the phrases of its service, and the times its playbook gives.

Comes in: an incident. Goes out: the answers that a commander chooses from. It decides nothing and stores nothing.
"""

from typing import Protocol

from notifier.domain.incident import Impact
from notifier.domain.playbook import Playbook
from notifier.stages import Surroundings
from notifier.stages.incidents.checks import Checks
from notifier.storage.database import Transaction
from notifier.storage.repositories import events, incidents
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import ChoicesView, PhraseView


class Phrasebook(Protocol):
    """What is needed of the messages: the phrases there are, and how they read."""

    def phrase_codes(self, group: str, service: str = "", /) -> tuple[str, ...]:
        """Return the codes of `causes` or `crews`."""
        ...

    def is_of_work(self, cause: str, /) -> bool:
        """Tell whether a cause is one of planned work alone."""
        ...

    def phrase_text(self, group: str, code: str, /) -> str:
        """Return what readers of the default locale see for a code; "" where it has no wording."""
        ...


class Choices:
    """Says what may be said."""

    def __init__(self, around: Surroundings, phrases: Phrasebook) -> None:
        self._database, self._clock, self._phrases = around.database, around.clock, phrases
        self._take_back = around.config.delivery.take_back
        self._checks = Checks(around.playbooks, phrases.phrase_codes, self._take_back)
        self._on_call = [person.name for person in around.config.on_call.people]

    async def of(self, incident_id: int) -> ChoicesView:
        """Return what may be said about an incident; raise `NotFound`."""
        incident, playbook = await self._database.read(lambda tx: self._load(tx, incident_id))
        return ChoicesView(
            impacts=[str(impact) for impact in Impact],
            causes=[
                cause
                for cause in self._group("causes", incident.service)
                if incident.is_planned or not self._phrases.is_of_work(cause.code)
            ],
            crews=self._group("crews", incident.service),
            next_update_within_seconds=playbook.next_update_within.total_seconds(),
            eta_at_most_seconds=playbook.eta_at_most.total_seconds(),
            take_back_seconds=self._take_back.total_seconds(),
            warn_before_seconds=playbook.warn_before.total_seconds(),
            on_call=self._on_call,
        )

    def _load(self, tx: Transaction, incident_id: int) -> tuple[StoredIncident, Playbook]:
        """Return an incident with the playbook by which it is told now."""
        incident = incidents.load(tx, incident_id)
        playbook = self._checks.playbook(incident.service)
        return incident, events.in_force(tx, incident_id, incident.started_at, playbook, now=self._clock.now())

    def _group(self, group: str, service: str) -> list[PhraseView]:
        codes = self._phrases.phrase_codes(group, service)
        return [PhraseView(code=code, text=self._phrases.phrase_text(group, code)) for code in codes]
