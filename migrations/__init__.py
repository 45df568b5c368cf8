"""The database's schema, step by step (Alembic). `upgrade` is all that others call."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.database.engine import Database


# Within a process: Alembic keeps what it works on in globals. Between processes the database's own locks do.
_one_at_a_time = threading.Lock()


def upgrade(db: Database, revision: str = "head") -> None:
    """Bring the database's schema to `revision`; nothing happens where it already is. Makes SQLite's file.

    Raises:
        DatabaseUnavailable: the database does not answer.
        ConfigurationError: the database's revision is none of this release.
    """
    db.create()
    found = current(db)
    if not is_known(found):
        raise unknown(db, found)
    with _one_at_a_time:
        db.write(lambda connection: command.upgrade(_config(connection), revision))


def current(db: Database) -> str | None:
    """The schema's revision, such as ``0001``; None where there are no tables yet.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    # A write, for that is tried again where another process is just making the file.
    return db.write(lambda connection: MigrationContext.configure(connection).get_current_revision())


def is_known(revision: str | None) -> bool:
    """Whether this release has a migration to this revision."""
    return revision is None or revision in _revisions()


def is_newer(revision: str) -> bool:
    """Whether a later release made this schema. Every release works with the schema of the one after it."""
    return revision.isdecimal() and revision > max(_revisions())


def unknown(db: Database, revision: str | None) -> ConfigurationError:
    """The refusal of a database whose schema is at a revision that this release does not have."""
    return ConfigurationError(
        f"{db.name} has the schema {revision!r}, which this release does not know (its newest is "
        f"{max(_revisions())!r}): a later release, or another program, made it. Use the release that made it, or name "
        "another database in FLIGHTLINE_DATABASE_URL."
    )


def downgrade(db: Database, revision: str) -> None:
    """Take the database's schema back to `revision` (``base``: to nothing)."""
    with _one_at_a_time:
        db.write(lambda connection: command.downgrade(_config(connection), revision))


def _revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_bare_config()).walk_revisions()}


def _config(connection: Connection) -> Config:
    config = _bare_config()
    config.attributes["connection"] = connection
    return config


def _bare_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
