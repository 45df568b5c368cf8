"""A service without its API for tests with real worker processes: a Redis of its own, a database, tiny images."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import SettingsFactory
from tests.support.processes import WorkerProcess
from tests.support.servers import RedisServer, start_redis
from tests.support.service import Service
from worker.training.data import load
from worker.training.plan import DatasetPlan

QUICK: dict[str, Any] = {
    "lease_seconds": 3.0,
    "heartbeat_seconds": 0.2,
    "reconcile_seconds": 0.2,
    "checkpoint_seconds": 0.0,
}
TRAIN, VAL = 40, 10
"""Images of each class."""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory: airplanes and birds as class folders, random but the same in every run."""
    data_dir = tmp_path_factory.mktemp("datasets")
    dice = random.Random(0)
    for split, count in (("train", TRAIN), ("val", VAL)):
        for label, name in enumerate(("airplane", "bird")):
            folder = data_dir / "cifar2" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = bytes(dice.randrange(200) + 40 * label for _ in range(32 * 32 * 3))
                Image.frombytes("RGB", (32, 32), pixels).save(folder / f"{number:03}.png")
    return data_dir


@pytest.fixture(scope="session")
def decoded(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A worker's cache that holds them."""
    cache = tmp_path_factory.mktemp("cache")
    load(DatasetPlan("cifar10", ("airplane", "bird")), images, cache)
    return cache


@pytest.fixture(scope="module")
def module_redis() -> Iterator[RedisServer]:
    """A Redis that a module's worker keeps to itself."""
    server = start_redis()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def shared_service(
    module_redis: RedisServer, sqlite_template: Path, images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One service on SQLite with one running worker, for the tests of a module that leave it alive."""
    folder = tmp_path_factory.mktemp("service")
    shutil.copytree(images, folder / "datasets")
    url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'flightline.db')}"
    places: dict[str, Any] = {"database_url": url, "redis_url": module_redis.url, "data_dir": folder / "datasets"}
    service = Service(folder, **places, data_grace_seconds=5, **QUICK)
    service.start_worker()
    yield service
    service.close()


@pytest.fixture
def service(tmp_path: Path, settings: SettingsFactory, images: Path, decoded: Path) -> Iterator[Service]:
    """A service on SQLite without a worker."""
    found = settings()
    places = {"database_url": found.sqlalchemy_url, "redis_url": found.broker_url, "data_dir": images}
    service = Service(tmp_path, decoded, **places, **QUICK)
    yield service
    service.close()


@pytest.fixture
def worker(shared_service: Service) -> Iterator[WorkerProcess]:
    """The module's worker, with every gate open."""
    worker = shared_service.workers[0]
    yield worker
    worker.gates.open_all()
