"""A worker's parts over a real SQLite file, with a database that can be taken away and a clock that can be turned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from shared.db import Database
from shared.errors import DatabaseUnavailable
from shared.settings import Settings
from shared.storage import Storage
from shared.workers import Identity
from tests.fakes import FakeBroker
from worker.context import Context
from worker.devices import Device
from worker.loading import Loader
from worker.stop import StopFlag
from worker.vitals import Vitals

T = TypeVar("T")


class FlakyDatabase(Database):
    """A real database that can be away, and that can lose its answers: it commits, and the caller never hears of it."""

    away = False
    answers_lost = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """As the real one, unless it is away."""
        self._require()
        with super().read() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """As the real one, unless it is away."""
        self._require()
        result = super().write(work)
        if self.answers_lost:
            self.answers_lost -= 1
            raise DatabaseUnavailable("The answer was lost.")
        return result

    def _require(self) -> None:
        if self.away:
            raise DatabaseUnavailable("It is away.")


class Clock:
    """Stands in for a module's `time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps = 0

    def monotonic(self) -> float:
        """As late as the test says."""
        return self.now

    def sleep(self, _seconds: float) -> None:
        """Counts, and takes next to no time."""
        self.naps += 1
        time.sleep(0.001)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time for the lease and the recorder."""
    clock = Clock()
    for module in ("worker.lease", "worker.recorder"):
        monkeypatch.setattr(f"{module}.time", clock)
    return clock


@pytest.fixture
def db(sqlite_url: str) -> Iterator[FlakyDatabase]:
    """A migrated database."""
    db = FlakyDatabase(sqlite_url)
    yield db
    db.dispose()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A folder."""
    return Storage(str(tmp_path / "artifacts"))


@pytest.fixture
def worker_settings(tmp_path: Path, sqlite_url: str) -> Settings:
    """Times that a test can count with: a lease of 15 s, a beat every second, hung after 300 s."""
    return Settings.model_validate({"home": tmp_path / "home", "database_url": sqlite_url, "redis_url": "unix:///none"})


@pytest.fixture
def context(worker_settings: Settings, db: FlakyDatabase, storage: Storage) -> Context:
    """A CPU worker's parts, Redis in a list."""
    return Context(
        settings=worker_settings,
        db=db,
        broker=FakeBroker(),
        storage=storage,
        device=Device("cpu", "cpu", ""),
        identity=Identity("host:cpu:1", "host", 1, "cpu", "cpu"),
        stop=StopFlag(),
        vitals=Vitals(),
        loader=Loader(),
    )
