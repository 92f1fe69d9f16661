"""A round: one word to the customers of several incidents of an event, sent by one number.

In: how the incidents of the event stand, and which were named. Out: which of them are told, and why the others are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.incident import IncidentState

INCIDENTS_AT_MOST = 50
"""Of one round: all of it is drafted, and authorised, in one transaction. What is left is told by the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an incident of an event stands with its customers."""

    incident_id: int
    state: IncidentState
    is_out: bool  # suspected or confirmed, with a part that is out
    is_assessed: bool
    is_told: bool  # of it, or an update is on its way
    waits: bool  # an update waits for a second person
    has_time: bool  # its customers were told when service is back


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which incidents a round is for."""

    incident_ids: tuple[int, ...]
    left_out: dict[int, str]  # incident -> why it is not told, of those that were named
    more: int = 0  # incidents that are to be told, too, and for which there is no room


def select(standing: Sequence[Standing], *, named: Sequence[int], again: bool, gives_time: bool) -> Selection:
    """Return which incidents are told: those that were named, else all that are to be told.

    Without a time these are the ones that nobody has assessed and nobody was told of; with a time those that are
    assessed and have none. `again` takes in those that were told, or have one. Unless it is named, what waits for a
    second person goes on waiting, and a time that customers have is not taken from them.
    """
    if named:
        return _named(standing, named)
    chosen = [
        each.incident_id
        for each in standing
        if each.is_out
        and not each.waits
        and each.is_assessed is gives_time
        and (again or not (each.has_time if gives_time else each.is_told))
        and (gives_time or not each.has_time)
    ]
    return Selection(
        incident_ids=tuple(chosen[:INCIDENTS_AT_MOST]), left_out={}, more=max(0, len(chosen) - INCIDENTS_AT_MOST)
    )


def nothing_to_tell(standing: Sequence[Standing], *, gives_time: bool, event_id: int) -> str:
    """Return why there is nobody to tell, and what can be done instead."""
    out = [each for each in standing if each.is_out]
    waiting = [each for each in out if each.waits]
    if not out:
        return "none of its incidents is out"
    if waiting:
        return (
            f"{_count(len(waiting), 'waits', 'wait')} for a second person: `event approve {event_id}`, or"
            f" `event tell {event_id} --alone REASON`"
        )
    if gives_time and not any(each.is_assessed for each in out):
        return f"nobody has assessed any of its incidents, so that no time is given: `event assessed {event_id} ID`"
    if gives_time:
        return "all that are assessed have a time already; name them, or add --again"
    if all(each.is_assessed for each in out):
        return (
            f"all of its incidents are assessed: give each its time (`eta ID TIME`, or `event tell {event_id} --eta`)"
        )
    if all(each.has_time for each in out if not each.is_assessed):
        return "all that nobody has assessed have a time from before, which stands; to take it back, name them"
    return "all that nobody has assessed were told already; add --again for an update to them"


def _named(standing: Sequence[Standing], named: Sequence[int]) -> Selection:
    by_id = {each.incident_id: each for each in standing}
    chosen, left_out = [], {}
    for which in dict.fromkeys(named):
        if which not in by_id:
            left_out[which] = "it is not in this event"
        elif not by_id[which].is_out:
            left_out[which] = f"it is {by_id[which].state}, and nobody is out"
        else:
            chosen.append(which)
    return Selection(
        incident_ids=tuple(chosen[:INCIDENTS_AT_MOST]), left_out=left_out, more=max(0, len(chosen) - INCIDENTS_AT_MOST)
    )


def _count(number: int, one: str, many: str) -> str:
    return f"1 incident {one}" if number == 1 else f"{number:,} incidents {many}"
