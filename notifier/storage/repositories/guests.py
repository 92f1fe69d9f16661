"""The guest list in the store, where planning, previews and fallbacks find it: nobody else is written to."""

from collections.abc import Sequence

from notifier.storage.database import Transaction


def replace(tx: Transaction, addresses: Sequence[str]) -> None:
    """Make the guest list this one; an empty one invites everybody."""
    tx.run("DELETE FROM guests")
    tx.run_many("INSERT INTO guests (address) VALUES (:address)", [{"address": each} for each in set(addresses)])
