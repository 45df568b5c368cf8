"""The stack's database: its migration and its checks. Needs the server's packages, so it is imported late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import migrations
from flightline.errors import StackError
from shared.database.engine import TRY_AGAIN, Database
from shared.delivery.broker import ACCEPTED_MEANWHILE, Broker
from shared.delivery.reconciler import Report, sweep
from shared.delivery.redis_url import checked
from shared.errors import DatabaseUnavailable, QueueUnavailable, StorageUnavailable
from shared.jobs.reads.queries import names_files
from shared.settings import Settings
from shared.storage.store import Storage


def migrate(settings: Settings) -> str:
    """Create or upgrade the schema; return the database's URL without its password.

    Raises:
        StackError, DatabaseUnavailable: the database does not answer.
    """
    database = Database(settings.sqlalchemy_url)
    try:
        with _advised(settings):
            migrations.upgrade(database)
    finally:
        database.dispose()
    return safe_url(settings)


def check(settings: Settings) -> str | None:
    """Check the database and Redis settings of a process before it starts.

    Returns:
        A warning where a later release has upgraded the schema already; None otherwise, also where the database does
        not answer: the process waits for it.

    Raises:
        ConfigurationError: FLIGHTLINE_DATABASE_URL or FLIGHTLINE_REDIS_URL cannot work, or the schema is unknown.
    """
    checked(settings.broker_url)
    database = Database(settings.sqlalchemy_url)
    try:
        revision = migrations.current(database)
    except DatabaseUnavailable:
        return None
    finally:
        database.dispose()
    if revision is None or migrations.is_known(revision):
        return None
    if not migrations.is_newer(revision):
        raise migrations.unknown(database, revision)
    later = f"A later release made the database's schema ({revision})."
    return f"{later} This release works with it; install that release here too."


def safe_url(settings: Settings) -> str:
    """The database's URL with its password replaced by stars."""
    from sqlalchemy import make_url

    return make_url(settings.sqlalchemy_url).render_as_string(hide_password=True)


def migrate_and_sweep(settings: Settings, broker_url: str, *, warn: Callable[[str], object]) -> Report:
    """Migrate the database, end the attempts of processes that are gone, and send tickets for queued jobs.

    Args:
        settings: which database, and where artifacts are stored.
        broker_url: Redis.
        warn: called with what a person should know: storage that does not answer keeps nothing from starting.

    Raises:
        StackError, DatabaseUnavailable: the database or Redis does not answer.
        ConfigurationError, StorageError: artifacts cannot be kept where FLIGHTLINE_ARTIFACTS_URL says.
    """
    migrate(settings)
    database, broker = Database(settings.sqlalchemy_url), Broker(broker_url)
    try:
        _check_artifacts(settings, database, warn)
        with _advised(settings):
            return sweep(database, broker, settings.lease_seconds)
    finally:
        broker.close()
        database.dispose()


def _check_artifacts(settings: Settings, database: Database, warn: Callable[[str], object]) -> None:
    try:
        Storage(settings.storage_url, in_use=partial(names_files, database)).check()
    except StorageUnavailable as error:
        warn(f"{error.detail} Jobs are trained all the same; their results wait until the storage answers.")


def fold(settings: Settings) -> None:
    """Write SQLite's write-ahead log into the database file, once no other process has it open."""
    database = Database(settings.sqlalchemy_url)
    try:
        database.fold()
    finally:
        database.dispose()


@contextmanager
def _advised(settings: Settings) -> Iterator[None]:
    """Replace the advice in the error of an unavailable server by what the person who starts a stack can do."""
    try:
        yield
    except DatabaseUnavailable as error:
        said = error.detail.removesuffix(TRY_AGAIN)
        if said == error.detail or settings.sqlalchemy_url.startswith("sqlite"):
            raise
        advice = "Start that server, or correct FLIGHTLINE_DATABASE_URL; without it, a SQLite file in the home is used."
        raise StackError(said + advice) from error
    except QueueUnavailable as error:
        said = error.detail.removesuffix(ACCEPTED_MEANWHILE)
        advice = "Start that server, or correct FLIGHTLINE_REDIS_URL; without it, the stack starts a Redis of its own."
        raise StackError(said + advice) from error
