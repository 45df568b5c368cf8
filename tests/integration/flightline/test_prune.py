"""`flightline prune` over a home with a job in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import Settings
from shared.storage.store import Storage
from tests.integration.shared.storage.test_retention import trained
from tests.support.homes import Home, closing_database


@pytest.fixture
def old(home: Home) -> Settings:
    """A home with the artifacts of one job."""
    settings = home("old")
    storage = Storage(settings.storage_url)
    storage.check()
    with closing_database(settings) as db:
        trained(db, storage, days_ago=100, size=2000)
    return settings


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `flightline prune` in this home."""
    command = [sys.executable, "-m", "flightline", "prune", *arguments]
    environment = os.environ | {"FLIGHTLINE_HOME": str(settings.home_dir)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def files(settings: Settings) -> list[Path]:
    """The files of all jobs."""
    return [path for path in Path(settings.storage_url).glob("*/*/*") if path.is_file()]


def test_it_says_what_it_would_delete_and_deletes_it(old: Settings) -> None:
    """With --dry-run nothing; then the files, and nothing more the second time."""
    assert run(old, "--older-than", "90d", "--dry-run").stdout == "Would delete 2 files of 1 job, 2.0 kB.\n"
    assert len(files(old)) == 2
    assert run(old, "--older-than", "90d").stdout == "Deleted 2 files of 1 job, 2.0 kB.\n"
    assert files(old) == []
    nothing = {"jobs": 0, "files": 0, "bytes": 0, "dry_run": False}
    assert json.loads(run(old, "--max-size", "0", "--json").stdout) == nothing


def test_more_than_one_job_is_asked_about(old: Settings) -> None:
    """On a terminal; a script says --yes."""
    with closing_database(old) as db:
        trained(db, Storage(old.storage_url), days_ago=50, size=2000)
    refused = run(old, "--keep", "0")
    assert (refused.returncode, "of 2 jobs" in refused.stderr, "--yes" in refused.stderr) == (2, True, True)
    assert len(files(old)) == 4
    assert run(old, "--keep", "0", "--yes").stdout == "Deleted 4 files of 2 jobs, 4.0 kB.\n"


@pytest.mark.parametrize(
    "arguments,words", [((), "--older-than 90d"), (("--older-than", "old"), "90d"), (("--max-size", "big"), "50GB")]
)
def test_it_must_be_told_what_to_delete(old: Settings, arguments: tuple[str, ...], words: str) -> None:
    """Without a limit, or with one that is none, nothing is deleted."""
    refused = run(old, *arguments)
    assert (refused.returncode, words in refused.stderr) == (2, True)
    assert len(files(old)) == 2
