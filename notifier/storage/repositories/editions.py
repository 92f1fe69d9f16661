"""The sources of template versions that were used, so that what was sent can be shown again."""

from datetime import datetime

from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros


def keep_edition(tx: Transaction, version: str, content: str, *, now: datetime) -> None:
    """Keep the sources of a template version; the same version is kept once."""
    tx.run(
        """INSERT INTO editions (version, content, first_used_at) VALUES (:version, :content, :now)
           ON CONFLICT (version) DO NOTHING""",
        version=version,
        content=content,
        now=to_micros(now),
    )


def edition(tx: Transaction, version: str) -> str | None:
    """Return the sources of a template version, or None when they were never kept."""
    content = tx.scalar("SELECT content FROM editions WHERE version = :version", version=version)
    return None if content is None else str(content)
