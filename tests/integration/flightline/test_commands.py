"""`logs -f` and `top` against the API as gunicorn serves it, with a worker's writes in the database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.database.engine import Database
from shared.jobs.running import attempts
from shared.jobs.running.attempts import Line
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from tests.support import factories
from tests.support.api_server import served
from tests.support.servers import RedisServer, wait_until


@pytest.fixture
def environment(redis_server: RedisServer, sqlite_template: Path, tmp_path: Path, port: str) -> dict[str, str]:
    """A home, and a port that a restarted API takes again."""
    shutil.copy(sqlite_template, tmp_path / "flightline.db")
    return {
        "FLIGHTLINE_HOME": str(tmp_path),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_PORT": port,
        "FLIGHTLINE_URL": f"http://127.0.0.1:{port}",
    }


@pytest.fixture
def db(environment: dict[str, str], tmp_path: Path) -> Iterator[Database]:
    """The same home's database, to act as a worker does."""
    database = Database(f"sqlite:///{tmp_path / 'flightline.db'}")
    yield database
    database.dispose()


def write(db: Database, claim: Claim, *messages: str) -> None:
    """Write lines into a job's log, of which the newest three are kept."""
    assert attempts.log(db, claim, [Line("INFO", message, 0.0) for message in messages], keep=3)


def test_a_log_is_followed_over_a_restart_of_the_service(
    environment: dict[str, str], db: Database, tmp_path: Path
) -> None:
    """Each line once and in order, those written meanwhile too; with the job's end the command ends."""
    claim = factories.running(db, name="mine")
    printed, said = tmp_path / "out", tmp_path / "err"
    with served(environment, tmp_path / "first.log") as server:
        write(db, claim, "before")
        with printed.open("wb") as out, said.open("wb") as err:
            command = [sys.executable, "-m", "flightline", "logs", "-f", claim.job_id, "--json"]
            following = subprocess.Popen(command, env=os.environ | environment, stdout=out, stderr=err)
        wait_until(lambda: "before" in printed.read_text(), "the first line")
        assert server.stop() == 0
    write(db, claim, "meanwhile 1", "meanwhile 2")
    with served(environment, tmp_path / "second.log"):
        wait_until(lambda: "meanwhile 2" in printed.read_text(), "the lines since")
        assert following.poll() is None
        write(db, claim, "at the end")
        assert attempts.end(db, claim, Ending(Outcome.CANCELLED)) is not None
        assert following.wait() == 1
    lines = [json.loads(line) for line in printed.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["before", "meanwhile 1", "meanwhile 2", "at the end"]
    assert [line["line"] for line in lines] == [1, 2, 3, 4]
    assert said.read_text() == "mine cancelled\n"


def test_top_has_the_services_jobs_workers_and_queues(
    environment: dict[str, str], db: Database, tmp_path: Path
) -> None:
    """The running job before the waiting one; the queue counts the latter."""
    waiting = factories.submit(db)
    claim = factories.running(db, name="mine")
    assert attempts.record_epochs(db, claim, [factories.epoch_row(1)], factories.best(1, 0.5))
    with served(environment, tmp_path / "api.log"):
        command = [sys.executable, "-m", "flightline", "top"]
        environment |= {"FORCE_COLOR": "1"}
        found, shown = (
            subprocess.run(
                [*command, *json_], env=os.environ | environment, capture_output=True, text=True, check=True
            ).stdout
            for json_ in (["--json"], [])
        )
    document = json.loads(found)
    assert [job["id"] for job in document["jobs"]] == [claim.job_id, waiting]
    assert {queue["name"]: queue["depth"] for queue in document["queues"]}["flightline.any"] == 1
    assert claim.job_id in shown
    assert "flightline.any" in shown
