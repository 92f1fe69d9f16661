"""Delivery: from a message that is due to a known end.

The worker claims and records through `Delivery`; what nobody knows the outcome of goes to `Doubts`, and from there
perhaps to a person, by `Held`; who is not written to any more is stopped by `Suppressions`; `Letters` shows a message
as its reader sees it.
"""

from notifier.stages.delivery.claimed import Claimed, Handed
from notifier.stages.delivery.doubts import Doubts
from notifier.stages.delivery.hand_over import Delivery
from notifier.stages.delivery.held import Held
from notifier.stages.delivery.letters import Letters
from notifier.stages.delivery.suppressions import Suppressions

__all__ = ["Claimed", "Delivery", "Doubts", "Handed", "Held", "Letters", "Suppressions"]
