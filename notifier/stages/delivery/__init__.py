"""Delivery: from a message that is due to a known end.

The worker claims and records through `Delivery`; what a provider reports later comes by `Receipts`; what nobody knows
the outcome of goes to `Doubts`, which asks its provider by `Asking`, and from there perhaps to a person, by `Held`;
who is not written to any more is stopped by `Suppressions`; `Letters` shows a message as its reader sees it.
"""

from notifier.stages.delivery.asking import Asking
from notifier.stages.delivery.claimed import Claimed, Handed
from notifier.stages.delivery.doubts import Doubts
from notifier.stages.delivery.hand_over import Delivery
from notifier.stages.delivery.held import Held
from notifier.stages.delivery.letters import Letters
from notifier.stages.delivery.receipts import Receipts
from notifier.stages.delivery.suppressions import Suppressions

__all__ = ["Asking", "Claimed", "Delivery", "Doubts", "Handed", "Held", "Letters", "Receipts", "Suppressions"]
