"""What Alembic runs: the migrations of this folder on the database named in its configuration."""

import asyncio

from alembic import context
from sqlalchemy import Connection, create_engine, inspect, pool

from notifier.storage.append_only import APPEND_ONLY, statements
from notifier.storage.schema import metadata

url = context.config.get_main_option("sqlalchemy.url") or ""


def migrate(connection: Connection) -> None:
    """Apply what is missing, each migration in a transaction of its own."""
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    if set(APPEND_ONLY) <= set(inspect(connection).get_table_names()):
        for statement in statements(connection.dialect.name):
            connection.exec_driver_sql(statement)
        connection.commit()


def migrate_sqlite() -> None:
    """Migrate a file."""
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.commit()
        migrate(connection)
    engine.dispose()


async def migrate_postgresql() -> None:
    """Migrate a database of a server, on a connection made as the daemon makes its own."""
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=pool.NullPool, async_creator=lambda: asyncpg.connect(url)
    )
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


if url.startswith("sqlite:"):
    migrate_sqlite()
else:
    asyncio.run(migrate_postgresql())
