"""A short run of the chaos program on each database, and that its schedule follows from its seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.chaos.schedule import schedule
from tests.conftest import BACKENDS

ROOT = Path(__file__).resolve().parents[2]
SEED = 15858
"""Its first seven faults are of a worker, its child, a checkpoint, the API, Redis, the database and the storage."""
PLACES = [("sqlite", "folder"), ("postgresql", "s3")]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend, storage", PLACES)
def test_nothing_is_lost_and_nothing_recorded_twice(backend: str, storage: str) -> None:
    """Eight jobs and seven faults: every guarantee that the program checks holds."""
    options = {"seed": SEED, "jobs": 8, "faults": 7, "workers": 2, "database": backend, "storage": storage}
    command = [sys.executable, "-m", "tests.chaos", *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Every guarantee held." in done.stdout


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_seed_always_draws_the_same_faults(backend: str) -> None:
    """Two schedules of one seed are equal, those of two seeds are not."""
    drawn = [schedule(Random(f"{seed} faults"), 30, backend, "folder") for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("backend, storage", PLACES)
def test_a_long_schedule_holds_every_fault_of_its_database_and_storage(backend: str, storage: str) -> None:
    """No kind of fault that these can have is left out, none of the others' is in it."""
    drawn = {planned.kind.name for planned in schedule(Random("faults"), 60, backend, storage)}
    assert ("lock SQLite" in drawn) == (backend == "sqlite")
    assert ("kill -9 PostgreSQL" in drawn) == (backend == "postgresql")
    assert ("fill the artifacts' disk" in drawn) == (storage == "folder")
    assert "the storage is unavailable" in drawn
    assert len(drawn) >= 14


@pytest.mark.parametrize("backend, storage", PLACES)
def test_the_short_run_has_the_faults_that_it_is_there_for(backend: str, storage: str) -> None:
    """A change of the kinds draws others: then another seed is needed."""
    drawn = {planned.kind.name for planned in schedule(Random(f"{SEED} faults"), 7, backend, storage)}
    assert {"the storage is unavailable", "damage the newest checkpoint", "kill -9 a worker's child"} <= drawn
    assert len(drawn) == 7
