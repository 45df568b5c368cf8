"""The database of a home, brought up to date. Needs the server's packages, so it is imported where it is used."""

from __future__ import annotations

import migrations
from shared.broker import Broker
from shared.db import Database
from shared.reconciler import Report, sweep
from shared.settings import Settings
from shared.storage import Storage


def migrate(settings: Settings) -> str:
    """Create or upgrade the schema; return the database's URL without its password.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    database = Database(settings.sqlalchemy_url)
    try:
        migrations.upgrade(database)
    finally:
        database.dispose()
    return safe_url(settings)


def safe_url(settings: Settings) -> str:
    """The database's URL with stars for its password."""
    from sqlalchemy import make_url

    return make_url(settings.sqlalchemy_url).render_as_string(hide_password=True)


def migrate_and_sweep(settings: Settings, broker_url: str) -> Report:
    """Migrate, then put right what the last stack left: attempts of processes that are gone, jobs not in Redis.

    Raises:
        DatabaseUnavailable, QueueUnavailable: one of the two does not answer.
        ConfigurationError, StorageError: artifacts cannot be kept where FLIGHTLINE_ARTIFACTS_URL says.
    """
    Storage(settings.storage_url).check()
    migrate(settings)
    database, broker = Database(settings.sqlalchemy_url), Broker(broker_url)
    try:
        return sweep(database, broker)
    finally:
        broker.close()
        database.dispose()
