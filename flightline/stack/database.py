"""The stack's database: its migration and its checks. Needs the server's packages, so it is imported late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import orjson
from pydantic import ValidationError

import migrations
from flightline.client.records import Dataset, NewToken, Token, Worker
from flightline.errors import StackError, UsageError
from flightline.stack.home import make_home
from shared.database.engine import TRY_AGAIN, Database
from shared.delivery.broker import ACCEPTED_MEANWHILE, Broker
from shared.delivery.reconciler import Report, repair
from shared.delivery.redis_url import checked
from shared.documents.messages import describe_plain
from shared.documents.phrases import summary
from shared.errors import DatabaseUnavailable, QueueUnavailable, StorageUnavailable
from shared.fleet import datasets
from shared.jobs.reads import queries
from shared.people import tokens
from shared.people.scopes import Scope
from shared.people.tokens import TokenRequest
from shared.settings import Settings
from shared.storage.orphans import names_files
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


def require_token(settings: Settings) -> None:
    """Check that there is a token, where the API asks for one: without any, nobody could use it.

    Raises:
        ConfigurationError: no token has been made; the message names the command that makes the first.
    """
    if not settings.authenticated:
        return
    database = Database(settings.sqlalchemy_url)
    try:
        tokens.require_any(database)
    finally:
        database.dispose()


class TokenTable:
    """The tokens in the database, for whoever runs the service: the first one cannot be asked of the service.

    Args:
        settings: which database; its schema is created or brought up to date.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def tokens(self) -> list[Token]:
        """All tokens, the newest first."""
        return [Token(raw) for raw in self._call(tokens.tokens)]

    def create_token(self, owner: str, scope: str, *, expires_seconds: int | None) -> NewToken:
        """Make a token. Raises UsageError where the owner's name or the time is none."""
        try:
            request = TokenRequest(owner=owner, scope=Scope(scope), expires_seconds=expires_seconds)
        except ValidationError as error:
            problems = tuple(describe_plain(error, TokenRequest))
            raise UsageError(summary(problems), problems) from None
        return NewToken(self._call(lambda db: tokens.create(db, request)))

    def revoke_token(self, id: str) -> None:
        """Revoke a token. Raises TokenNotFound."""
        self._call(lambda db: tokens.revoke(db, id))

    def _call(self, call: Callable[[Database], object]) -> Any:
        """Return what `call` gives as the JSON that the API would answer with."""
        make_home(self._settings.home_dir)
        migrate(self._settings)
        return _as_json(self._settings, call)


def _as_json(settings: Settings, call: Callable[[Database], object]) -> Any:
    database = Database(settings.sqlalchemy_url)
    try:
        return orjson.loads(orjson.dumps(call(database), default=vars))
    finally:
        database.dispose()


class Fleet:
    """The workers and data sets that the database knows, read without the API, which may ask for a token.

    Args:
        settings: which database, and after how long a worker without a report counts as gone.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def workers(self) -> list[Worker]:
        """The workers, the live ones first. Raises DatabaseUnavailable."""
        silent = self._settings.lease_seconds
        found = _as_json(self._settings, lambda db: queries.workers(db, silent_seconds=silent))
        return [Worker(raw) for raw in found]

    def datasets(self) -> list[Dataset]:
        """The data sets, with the copies that live workers hold. Raises DatabaseUnavailable."""
        silent = self._settings.lease_seconds
        found = _as_json(
            self._settings, lambda db: datasets.datasets(db, queries.live_workers(db, silent_seconds=silent))
        )
        return [Dataset(raw) for raw in found]


def migrate_and_repair(settings: Settings, broker_url: str, *, warn: Callable[[str], object]) -> Report:
    """Migrate the database, end the attempts of processes that are gone, and send tickets for queued jobs.

    Args:
        settings: which database, and where artifacts are stored.
        broker_url: Redis.
        warn: called with what a person should know: storage that does not answer keeps nothing from starting.

    Raises:
        StackError, DatabaseUnavailable: the database or Redis does not answer.
        ConfigurationError, StorageError: artifacts cannot be kept where FLIGHTLINE_ARTIFACTS_URL says, or the API would
            ask for a token while there is none.
    """
    migrate(settings)
    require_token(settings)
    database, broker = Database(settings.sqlalchemy_url), Broker(broker_url)
    try:
        _check_artifacts(settings, database, warn)
        with _advised(settings):
            return repair(database, broker, settings.lease_seconds)
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
