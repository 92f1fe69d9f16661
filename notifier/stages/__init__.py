"""What happens, one stage each, in the order a complaint travels: load, decide, save. Stages meet in the store."""

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the stages of incidents and of broadcasts work with."""

    database: Database
    config: Config
    clock: Clock
    queue: EmbeddedQueue
    metrics: Metrics
    playbooks: Mapping[str, Playbook]  # by service
