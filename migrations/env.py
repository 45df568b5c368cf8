"""Alembic's script: migrates the connection that `migrations.upgrade` passes, inside its transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from shared.database.tables import Base

# An arbitrary constant: two stacks that start at once take turns on PostgreSQL. On SQLite the write lock does that.
_ADVISORY_LOCK = 7_208_413


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
    context.run_migrations()


_migrate(context.config.attributes["connection"])
