"""What a request of a commander must satisfy: a service with a playbook, phrases, times that one can stand behind."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from notifier.domain.broadcast import check_eta, check_next_update, is_blink
from notifier.domain.errors import InvalidInput, Refused, nearest
from notifier.domain.incident import IncidentState
from notifier.domain.playbook import Playbook
from notifier.storage.repositories.incidents import StoredIncident

PhraseCodes = Callable[[str, str], tuple[str, ...]]
"""The codes of `causes` or `crews` for a service."""


class Checks:
    """Looks at what was asked for; raises `InvalidInput` naming the field, the value, and what would be right."""

    def __init__(self, playbooks: Mapping[str, Playbook], phrase_codes: PhraseCodes, take_back: timedelta) -> None:
        """Keep the parts; `playbooks` are by service, `take_back` is how long nobody is told yet."""
        self._playbooks, self._phrase_codes, self._take_back = playbooks, phrase_codes, take_back

    def playbook(self, service: str) -> Playbook:
        playbook = self._playbooks.get(service)
        if playbook is None:
            known = tuple(self._playbooks)
            raise InvalidInput(
                f"service '{service}' has no playbook{nearest(service, known)}",
                field="service",
                value=service,
                expected=" or ".join(known),
            )
        return playbook

    def words(self, cause: str | None, crew: str | None, service: str) -> None:
        """Raise `InvalidInput` when a cause or crew status is no phrase: customers read phrases only."""
        for field, group, code in (("cause", "causes", cause), ("crew", "crews", crew)):
            if not code:
                continue
            known = self._phrase_codes(group, service)
            if code not in known:
                raise InvalidInput(
                    f"'{code}' is no phrase of {group}{nearest(code, known)}",
                    field=field,
                    value=code,
                    expected=" or ".join(known),
                )

    def eta(
        self, eta_at: datetime | None, playbook: Playbook, *, now: datetime, started_at: datetime
    ) -> datetime | None:
        if eta_at is None:
            return None
        return check_eta(
            aware(eta_at, "eta_at"),
            now=now,
            started_at=started_at,
            at_most=playbook.eta_at_most,
            take_back=self._take_back,
        )

    def next_update(
        self, given: datetime | None, eta_at: datetime | None, playbook: Playbook, now: datetime
    ) -> datetime | None:
        """Return when customers hear next: as given, else the playbook's time where there is no ETA to wait for."""
        if given is not None:
            return check_next_update(
                aware(given, "next_update_by"),
                now=now,
                within=playbook.next_update_within,
                take_back=self._take_back,
            )
        return None if eta_at is not None else now + playbook.next_update_within

    def may_be_restored(self, incident: StoredIncident, at: datetime) -> None:
        """Raise `Refused` when nobody was told of an outage that was no blink."""
        after = self.playbook(incident.service).tell_after
        if incident.state is IncidentState.SUSPECTED and not is_blink(incident.started_at, at, tell_after=after):
            raise Refused(
                f"incident {incident.id} is suspected and nobody was told: confirm or dismiss it first; 'restored' "
                f"alone is for an outage shorter than the playbook's tell_after ({after.total_seconds() / 60:g} min)"
            )


def past(given: datetime | None, field: str, *, now: datetime, after: datetime) -> datetime:
    """Return a time that has been, or `now`; raise `InvalidInput` for one before the outage or to come."""
    at = now if given is None else aware(given, field)
    if after <= at <= now:
        return at
    raise InvalidInput(
        f"{at:%Y-%m-%d %H:%M} UTC is not between {after:%Y-%m-%d %H:%M} and now",
        field=field,
        value=f"{at:%Y-%m-%d %H:%M} UTC",
        expected=f"a time up to {now:%Y-%m-%d %H:%M} UTC",
    )


def aware(instant: datetime, field: str) -> datetime:
    if instant.tzinfo is None:
        raise InvalidInput(
            "the time has no zone", field=field, value=instant.isoformat(), expected="2026-03-02T06:30:00-08:00"
        )
    return instant
