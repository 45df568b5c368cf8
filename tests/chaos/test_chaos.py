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
SEED = 1550
"""Its first six faults are of six kinds: of a worker, its child, a checkpoint, the API, Redis and the database."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_lost_and_nothing_recorded_twice(backend: str) -> None:
    """Eight jobs and six faults: every guarantee that the program checks holds."""
    options = {"seed": SEED, "jobs": 8, "faults": 6, "workers": 2, "database": backend}
    command = [sys.executable, "-m", "tests.chaos", *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Every guarantee held." in done.stdout


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_seed_always_draws_the_same_faults(backend: str) -> None:
    """Two schedules of one seed are equal, those of two seeds are not."""
    drawn = [schedule(Random(f"{seed} faults"), 30, backend) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_long_schedule_holds_every_fault_of_its_database(backend: str) -> None:
    """No kind of fault that this database can have is left out, none of the other's is in it."""
    drawn = {planned.kind.name for planned in schedule(Random("faults"), 60, backend)}
    assert ("lock SQLite" in drawn) == (backend == "sqlite")
    assert ("kill -9 PostgreSQL" in drawn) == (backend == "postgresql")
    assert len(drawn) >= 14
