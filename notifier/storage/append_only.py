"""Tables in which a row stays as it was written: the database itself refuses to change or remove one.

Made anew at the end of every upgrade of the schema, so that no migration leaves them out.
"""

APPEND_ONLY = ("audit", "timeline")

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION notifier_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: nothing in it is changed or removed', TG_TABLE_NAME;
END $$
"""


def statements(dialect: str) -> list[str]:
    """Return what makes the tables append-only, on a database that may have it already."""
    if dialect == "sqlite":
        return [
            f"""CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}
                BEGIN SELECT RAISE(ABORT, '{table} is append-only: nothing in it is changed or removed'); END"""
            for table in APPEND_ONLY
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        _POSTGRESQL_FUNCTION,
        *(
            f"""CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION notifier_append_only()"""
            for table in APPEND_ONLY
        ),
    ]
