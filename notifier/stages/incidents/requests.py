"""What commanders ask for: the bodies of the POSTs about incidents. None leaves things as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from notifier.domain.broadcast import WAKE_REASON_LENGTH
from notifier.domain.incident import Impact, IncidentNumber


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common options of what people ask for."""


class Telling(Request, frozen=True, kw_only=True):
    """What is asked for with everything that tells customers."""

    wake_reason: Annotated[str, Meta(max_length=WAKE_REASON_LENGTH)] = ""  # why the night holds nobody up; "" = it does


class OfPart(Telling, frozen=True, kw_only=True):
    """What may be asked for a part alone; nothing named means the rest, or the only part for which it is possible."""

    part: tuple[str, ...] = ()  # regions that name it, such as "postal_code:94112"; "rest" = what was not cut off
    part_sites: tuple[str | tuple[str, ...], ...] = ()  # or its sites: "C-1001", "C-1001,2" or ["C-1001", "2"]


class OpenIncident(Telling, frozen=True, kw_only=True):
    """Open an incident by hand: a service, and its place as regions or as a list of sites."""

    service: str
    regions: tuple[str, ...] = ()  # "postal_code:94110", or "94110" where only one kind has it
    sites: tuple[str | tuple[str, ...], ...] = ()  # "C-1001", "C-1001,2" or ["C-1001", "2"]
    impact: Impact = Impact.DOWN
    cause: str = ""  # phrase code; "" = not known yet
    crew: str = ""  # phrase code; "" = nothing to say
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    started_at: datetime | None = None  # None = now
    may_delay: bool = True  # authorises an automatic `delayed` before the promise lapses


class ConfirmIncident(Telling, frozen=True, kw_only=True):
    """Confirm what is suspected, and correct the proposal where it is wrong."""

    regions: tuple[str, ...] | None = None
    service: str | None = None
    impact: Impact | None = None
    cause: str | None = None
    crew: str | None = None
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    started_at: datetime | None = None
    may_delay: bool = True


class DismissIncident(Telling, frozen=True, kw_only=True):
    """Say that it was nothing; the note is for the timeline only."""

    note: str = ""


class SetEta(OfPart, frozen=True, kw_only=True):
    """Tell when service will be back; null = nobody knows, or nobody knows any more."""

    eta_at: datetime | None
    impact: Impact | None = None
    cause: str | None = None
    crew: str | None = None
    next_update_by: datetime | None = None
    may_delay: bool = True


class RestoreIncident(OfPart, frozen=True, kw_only=True):
    """Say that service is back."""

    restored_at: datetime | None = None  # None = now


class ReopenIncident(OfPart, frozen=True, kw_only=True):
    """Say that it is out again."""

    reopened_at: datetime | None = None  # None = now
    cause: str | None = None
    crew: str | None = None
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    may_delay: bool = True


class TellEvent(Telling, frozen=True, kw_only=True):
    """Tell the customers of several incidents of an event at once; without a time that it is being assessed."""

    incidents: tuple[IncidentNumber, ...] = ()  # nothing = all that are to be told
    again: bool = False  # also those who were told
    cause: str | None = None
    crew: str | None = None
    eta_at: datetime | None = None  # of what is assessed
    next_update_by: datetime | None = None
    may_delay: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InRound:
    """What is asked for one incident of several that are told at once."""

    incident_id: int
    round_id: int
    said: TellEvent

    def confirmation(self) -> ConfirmIncident:
        """Return it as what is asked of a suspected incident."""
        said = self.said
        return ConfirmIncident(
            cause=said.cause,
            crew=said.crew,
            eta_at=said.eta_at,
            next_update_by=said.next_update_by,
            may_delay=said.may_delay,
            wake_reason=said.wake_reason,
        )

    def estimate(self) -> SetEta:
        """Return it as what is asked of a confirmed incident."""
        said = self.said
        return SetEta(
            cause=said.cause,
            crew=said.crew,
            eta_at=said.eta_at,
            next_update_by=said.next_update_by,
            may_delay=said.may_delay,
            wake_reason=said.wake_reason,
        )


def lines_of(sites: Sequence[str | tuple[str, ...]]) -> list[Sequence[str]]:
    """Return the lines of a list of sites: (customer_id,) or (customer_id, site_id)."""
    return [line.split(",", 1) if isinstance(line, str) else line for line in sites]
