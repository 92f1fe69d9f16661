"""Saving: what one look at the stream has decided becomes true in one transaction, together with its position."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from notifier.domain.playbook import Playbook
from notifier.domain.surveillance import Changes, Surveillance
from notifier.stages.detection.alarms import Alarmed
from notifier.stages.detection.any_service import service_of
from notifier.stages.detection.attaching import attach_or_open
from notifier.stages.detection.opening import Attaching, Group, Opened
from notifier.stages.detection.surroundings import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import baselines, detector


@dataclass(slots=True)
class Batch:
    """What one look at the stream has decided; it becomes true when it is saved."""

    after: int  # the position it began at
    position: int
    more: bool  # there may be more behind it
    newest_us: int = 0  # the newest effective time in it
    groups: list[Group] = field(default_factory=list)
    alarmed: list[Alarmed] = field(default_factory=list)  # what alarms had a part in
    changes: Changes = field(default_factory=Changes)


def save(
    tx: Transaction,
    batch: Batch,
    *,
    playbooks: Mapping[str, Playbook],
    around: Surroundings,
    surveillance: Surveillance,
    likely: float,
    now: datetime,
) -> list[Opened]:
    """Store what a batch has decided, and the position up to which it holds; return the incidents it opened.

    `playbooks` are by service; `surveillance` knows what is expected; from the score `likely` something is evidence.
    """
    if not detector.advance(tx, after=batch.after, to=batch.position, newest_us=batch.newest_us):
        raise RuntimeError("the position of the detector was moved by somebody else")
    save_changes(tx, batch.changes)
    around.refresh(now)
    opened: list[Opened] = []
    for group in batch.groups:
        service = service_of(group.findings[0])
        attaching = Attaching(
            around=around, surveillance=surveillance, playbook=playbooks[service], likely=likely, now=now
        )
        opened += attach_or_open(tx, group, attaching)
    return opened


def save_changes(tx: Transaction, changes: Changes) -> None:
    """Store the baselines that have come into force."""
    for new in changes.days:
        baselines.save_new_day(tx, new)
    if changes.state is not None:
        baselines.save_state(tx, changes.state)
    baselines.save_levels(tx, changes.levels)
