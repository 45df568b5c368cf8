"""What every test may ask for: real servers, migrated databases, settings of a home of its own.

`database` (and `database_url`) run a test twice, on SQLite and on PostgreSQL; `sqlite_database` is for tests that are
about something else.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, event

import migrations
from shared import logs
from shared.database.engine import Database
from shared.database.tables import Base
from shared.delivery.broker import Broker
from shared.settings import Settings
from shared.storage.s3 import BoundedS3FileSystem
from tests.support.fakes import FakeBroker
from tests.support.s3 import S3Server
from tests.support.servers import Missing, PostgresServer, RedisServer, start_postgres, start_redis

S = TypeVar("S", RedisServer, PostgresServer)
SettingsFactory = Callable[..., Settings]
Jump = Callable[[float], None]

BACKENDS = ("sqlite", "postgresql")

for _name in [name for name in os.environ if name.startswith(("FLIGHTLINE_", "PG"))]:
    del os.environ[_name]  # what a developer's shell holds must not decide a test
os.environ["XDG_CONFIG_HOME"] = os.devnull + "/config"  # nor the tokens that are stored there
# Each of hundreds of processes would compile anew all that it loads: half of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _unbound() -> Iterator[None]:
    """What a test binds to log lines, as a request does, ends with it."""
    with logs.bound():
        yield


def _started(start: Callable[[], S]) -> Iterator[S]:
    """A server for the whole run; where there is none, CI fails and a laptop skips."""
    try:
        server = start()
    except Missing as missing:  # a laptop may lack the server; in CI a test that is skipped would prove nothing
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The run's Redis. Start one of your own (`tests.support.servers.start_redis`) to kill or freeze it."""
    yield from _started(start_redis)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of a real Redis that holds nothing."""
    with redis_server.client() as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The run's PostgreSQL. Start one of your own (`tests.support.servers.start_postgres`) to kill it."""
    yield from _started(start_postgres)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The run's S3."""
    server = S3Server().start()
    yield server
    server.remove()


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty place in the run's S3, which the environment points at."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    BoundedS3FileSystem.clear_instance_cache()  # one may be left that an earlier test made for another server's address
    return s3_server.make_bucket()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "flightline.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_shared(postgres_server: PostgresServer) -> str:
    """The name of the migrated PostgreSQL database that tests use one after another."""
    _migrate(postgres_server.create("flightline"))
    return "flightline"


def _migrate(url: str) -> None:
    db = Database(url)
    migrations.upgrade(db)
    db.dispose()


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is such a thing: SQLite waits for the disk at every commit."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="fl-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_url(sqlite_template: Path, quick_dir: Path) -> str:
    """The URL of a fresh, migrated SQLite database."""
    return f"sqlite:///{shutil.copy(sqlite_template, quick_dir / 'flightline.db')}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_shared: str) -> str:
    """The URL of a migrated PostgreSQL database that holds no rows."""
    postgres_server.empty(postgres_shared, [table.name for table in Base.metadata.sorted_tables])
    return postgres_server.url(postgres_shared)


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=BACKENDS)
def empty_database_url(request: pytest.FixtureRequest, quick_dir: Path) -> Iterator[str]:
    """The URL of a database of each kind that holds no tables."""
    if request.param == "sqlite":
        (quick_dir / "empty.db").touch()
        yield f"sqlite:///{quick_dir / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"empty_{next(_numbers)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database of each kind."""
    yield from _disposed(Database(database_url))


@pytest.fixture
def jump() -> Iterator[Jump]:
    """Has the databases' clock jump ahead by so many seconds (negative: back), for this process."""
    ahead = 0.0

    def jumped(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    def told(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: object) -> tuple[str, Any]:
        # The text as it is sent: statements that are built or compiled only once have it too.
        later = f"{ahead:+.3f} seconds"
        sql = sql.replace("'now'", f"'now', '{later}'")
        return sql.replace("clock_timestamp()", f"(clock_timestamp() + interval '{later}')"), parameters

    event.listen(Engine, "before_cursor_execute", told, retval=True)
    yield jumped
    event.remove(Engine, "before_cursor_execute", told)


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """A fresh, migrated SQLite database."""
    yield from _disposed(Database(sqlite_url))


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """A fresh, migrated PostgreSQL database."""
    yield from _disposed(Database(postgres_url))


@pytest.fixture
def empty_database(empty_database_url: str) -> Iterator[Database]:
    """A database of each kind that holds no tables."""
    yield from _disposed(Database(empty_database_url))


def _disposed(db: Database) -> Iterator[Database]:
    yield db
    db.dispose()


@pytest.fixture
def own_redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A Redis to kill or freeze."""
    server = start_redis()
    yield server
    server.remove()


@pytest.fixture
def broker(redis_url: str) -> Iterator[Broker]:
    """The publishing side over a real, empty Redis."""
    broker = Broker(redis_url)
    yield broker
    broker.close()


@pytest.fixture
def fake_broker() -> FakeBroker:
    """The same without a Redis."""
    return FakeBroker()


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str, redis_url: str) -> SettingsFactory:
    """Makes `Settings` over a home of the test's own, a migrated SQLite database and a real Redis; set any field."""

    def make(**overrides: object) -> Settings:
        places = {"home": tmp_path / "home", "database_url": sqlite_url, "redis_url": redis_url}
        return Settings.model_validate(places | overrides)

    return make


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread for torch, which rounding depends on, and afterwards as many as before."""
    import torch  # here: most tests do without

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything in float64: networks by torch's default, images by converting them."""
    import torch

    from worker.training.data.loader import Normalizer

    normalize = Normalizer.__call__
    monkeypatch.setattr(Normalizer, "__call__", lambda self, images: normalize(self, images).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
