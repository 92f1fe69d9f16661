"""A message on its way through the worker: claimed, then handed over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.delivery import Outcome
from notifier.domain.lease import Lease
from notifier.domain.notification import Channel, NotificationFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message to hand over now: committed as `sending` under a lease."""

    id: int
    broadcast_id: int
    kind: BroadcastKind
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What became of one claimed message."""

    claimed: Claimed
    outcome: Outcome
    provider: str
    began_at: datetime
    ended_at: datetime
    template_version: str = ""
