"""A message on its way through the worker: claimed, then handed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from notifier.domain.answer import Answer, MessageKind
from notifier.domain.broadcast import Facts
from notifier.domain.delivery import Next, Outcome
from notifier.domain.lease import Lease
from notifier.domain.notification import Channel, NotificationFacts
from notifier.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message to hand over now: committed as `sending` under a lease."""

    id: int
    broadcast_id: int | None  # None: an answer to one contact point
    kind: MessageKind
    channel: Channel
    contact_point_id: int
    address: str
    number: int  # of this attempt, from 1
    facts: Facts
    personal: NotificationFacts
    due_at: datetime
    since: datetime  # when it could first have gone out
    stale_after: timedelta
    lease: Lease
    correlation_id: str
    answer: Answer | None = None  # what an answer is made of; its `facts` are those it repeats, or name the service


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What became of one claimed message."""

    claimed: Claimed
    outcome: Outcome
    provider: str
    began_at: datetime
    ended_at: datetime
    template_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a source gave in one transaction: messages that are `sending` now, and others that have ended or wait."""

    claimed: Sequence[Claimed] = ()
    ended: Mapping[int, Next] = field(default_factory=dict)  # by notification, for metrics; written already
    put_off: int = 0  # how many wait for later now


class Source(Protocol):
    """Where messages come from: updates to audiences, and answers to single contact points."""

    def take(self, tx: Transaction, channel: Channel, limit: int, lease: Lease, now: datetime) -> Taken:
        """Claim up to `limit` messages of a channel that are due now and may be told; end those that may not."""
        ...
