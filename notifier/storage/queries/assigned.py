"""Who has which incident, as people of the company have said it."""

from notifier.storage.database import Transaction


def by_incident(tx: Transaction) -> dict[int, str]:
    """Return who has each incident that is not over, by its number."""
    return {
        int(which): name
        for which, name in tx.tuples(
            """SELECT id, assigned_to FROM incidents
               WHERE assigned_to IS NOT NULL AND state IN ('scheduled', 'suspected', 'confirmed', 'resolved')"""
        )
    }
