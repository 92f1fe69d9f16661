"""The guest list (`delivery.only_to`): while real providers are tried out, these addresses alone are written to.

It is put into the store before anything is planned, so that previews count what it leaves out and planning records it;
the claim of every message looks at it again, in memory. People on call are not bound by it.
"""

import structlog

from notifier.config import Config
from notifier.storage.database import Database
from notifier.storage.repositories import guests

log = structlog.get_logger(__name__)


async def publish(database: Database, config: Config) -> None:
    """Put the configured guest list into the store, in the place of the one before."""
    await database.write(lambda tx: guests.replace(tx, config.delivery.only_to))
    if config.delivery.only_to:
        log.warning("only guests are written to", guests=len(config.delivery.only_to))
