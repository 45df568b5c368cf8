"""The database's schema, step by step (Alembic). Other packages call `upgrade` and the queries below, never Alembic."""

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


# Within a process, as Alembic's state is global. Between processes the database's own locks do the same.
_one_at_a_time = threading.Lock()


def upgrade(db: Database, revision: str = "head") -> None:
    """Bring the database's schema to `revision`; does nothing where the schema is there already. Creates SQLite's file.

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
    if revision == "head":
        _index_jobs(db)


def _index_jobs(db: Database) -> None:
    """Index the jobs that an earlier release inserted, in transactions that are short beside a lease."""
    from shared.jobs.search import index  # noqa: PLC0415 -- here: a process that stays, such as `up`, has no other use for pydantic

    while index.catch_up(db):
        pass


def current(db: Database) -> str | None:
    """The schema's revision, such as ``0001``; None where there are no tables yet.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with db.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str | None) -> bool:
    """Whether this release has a migration to this revision."""
    return revision is None or revision in _revisions()


def is_newer(revision: str) -> bool:
    """Whether a later release made the schema of this revision. Each release works with the next one's schema."""
    return revision.isdecimal() and revision > max(_revisions())


def unknown(db: Database, revision: str | None) -> ConfigurationError:
    """The error for a database whose schema is at a revision that this release does not have."""
    return ConfigurationError(
        f"{db.name} has the schema {revision!r}, which this release does not know (its newest is "
        f"{max(_revisions())!r}): a later release, or another program, made it. Use the release that made it, or name "
        "another database in FLIGHTLINE_DATABASE_URL."
    )


def downgrade(db: Database, revision: str) -> None:
    """Bring the database's schema back to an earlier `revision` (``base``: no tables at all)."""
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
