"""A worker's parts over a real SQLite file, with a database that can be taken away and a clock that can be turned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from shared.daemon_thread import DaemonThread
from shared.fleet.workers import Identity
from shared.settings import Settings
from shared.storage.store import Storage
from tests.support.clocks import Clock
from tests.support.fakes import FakeBroker, FlakyDatabase
from worker.device_pin import Device
from worker.processes.child_state import ChildState
from worker.processes.stop_flag import StopFlag
from worker.run_job.context import Context
from worker.training.data import Datasets

T = TypeVar("T")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time for the lease, the recorder and every deadline."""
    clock = Clock()
    modules = ("worker.run_job.lease", "worker.run_job.records.recorder", "worker.processes.parent", "shared.timers")
    for module in modules:
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
    """The parts of a CPU worker that holds the built-in images, Redis in a list."""
    context = Context(
        settings=worker_settings,
        db=db,
        broker=FakeBroker(),
        storage=storage,
        device=Device("cpu", "cpu", ""),
        identity=Identity("host:cpu:1", "host", 1, "cpu", "cpu"),
        stop=StopFlag(),
        child_state=ChildState(),
        data_thread=DaemonThread(),
        data=Datasets(worker_settings.datasets_dir, worker_settings.cache_dir),
    )
    context.dataset_reports.survey()
    return context
