"""Saving: what one look at the stream has decided becomes true in one transaction, together with its position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from notifier.domain.detection import Finding
from notifier.domain.playbook import Playbook
from notifier.domain.surveillance import Changes
from notifier.stages.detection.attaching import Opened, attach_or_open
from notifier.storage.database import Transaction
from notifier.storage.repositories import baselines, detector


@dataclass(slots=True)
class Batch:
    """What one look at the stream has decided; it becomes true when it is saved."""

    after: int  # the position it began at
    position: int
    more: bool  # there may be more behind it
    groups: list[tuple[list[Finding], str]] = field(default_factory=list)  # with the complaint's correlation id
    changes: Changes = field(default_factory=Changes)


def save(
    tx: Transaction, batch: Batch, *, playbooks: Mapping[str, Playbook], kinds: Sequence[str], now: datetime
) -> list[Opened]:
    """Store what a batch has decided, and the position up to which it holds; return the incidents it opened.

    `playbooks` are by service; `kinds` are those that are watched, narrow before wide.
    """
    if not detector.advance(tx, after=batch.after, to=batch.position):
        raise RuntimeError("the position of the detector was moved by somebody else")
    save_changes(tx, batch.changes)
    opened = []
    for findings, correlation_id in batch.groups:
        playbook = playbooks[findings[0].cell.service]
        one = attach_or_open(tx, findings, playbook=playbook, kinds=kinds, correlation_id=correlation_id, now=now)
        if one is not None:
            opened.append(one)
    return opened


def save_changes(tx: Transaction, changes: Changes) -> None:
    """Store the baselines that have come into force."""
    for new in changes.days:
        baselines.save_new_day(tx, new)
    if changes.state is not None:
        baselines.save_state(tx, changes.state)
    baselines.save_levels(tx, changes.levels)
