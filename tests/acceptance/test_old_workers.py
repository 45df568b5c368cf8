"""Workers of an earlier release, of its own code, beside this one, while a service is upgraded step by step."""

from __future__ import annotations

import os
import signal
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import QUICK
from tests.acceptance.test_evaluations import evaluation
from tests.golden.releases.make import CODE, RELEASES
from tests.support.processes import PATIENCE, WorkerProcess
from tests.support.servers import RedisServer, wait_until
from tests.support.service import Service

ARCHIVES = sorted(RELEASES.glob(f"*/{CODE}"))


class OldWorker(WorkerProcess):
    """A worker of a release's code, without gates."""

    def command(self) -> list[str]:
        """The release's own."""
        return [sys.executable, "-m", "worker", "--device", "cpu"]


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.parent.name)
def code(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a release's packages."""
    folder = tmp_path / "release"
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def service(tmp_path: Path, database_url: str, redis_url: str, images: Path, decoded: Path) -> Iterator[Service]:
    """A service on each database without a worker."""
    service = Service(
        tmp_path,
        decoded,
        database_url=database_url,
        redis_url=redis_url,
        data_dir=images,
        artifacts_url=str(tmp_path / "artifacts"),
        **QUICK,
    )
    yield service
    service.close()


@pytest.fixture
def old(service: Service, code: Path) -> WorkerProcess:
    """A running worker of the release."""
    worker = OldWorker(service.settings, service.folder / "old")
    worker.code = code
    service.workers.append(worker)
    return worker.start()


def _wait_for_a_refusal(service: Service, old: WorkerProcess, job_id: str, after: int = 0) -> int:
    """Until the release's worker has been refused a job more than `after` times; return how many times."""

    def refused() -> int:
        assert service.job(job_id)["status"] in {"queued", "running"}
        return sum("claim_refused" in line and job_id in line for line in old.log.splitlines())

    wait_until(lambda: refused() > after, f"refusal {after + 1} of a claim", PATIENCE)
    return refused()


def test_they_leave_evaluations_to_workers_that_know_them(
    service: Service, old: WorkerProcess, redis_server: RedisServer
) -> None:
    """Whatever they do to have one: they send its message again, and claim it by its id.

    They do so as soon as they see it, once Redis has lost everything, and when its worker has died.
    """
    trained = service.submit(training={"epochs": 1})
    assert service.wait(trained, "succeeded")["worker"].endswith(f":{old.pid}")

    job_id = evaluation(service, trained, "synthetic")
    refused = _wait_for_a_refusal(service, old, job_id)
    with redis_server.client() as client:
        client.flushall()
    refused = _wait_for_a_refusal(service, old, job_id, refused)
    assert (service.job(job_id)["status"], service.outcomes(job_id)) == ("queued", [])

    first = service.worker()
    first.gates.shut("load")
    first.start()
    service.publish(job_id)
    first.gates.wait("load")
    os.kill(first.pid, signal.SIGKILL)
    _wait_for_a_refusal(service, old, job_id, refused)
    second = service.start_worker()
    assert service.wait(job_id, "succeeded")["worker"].endswith(f":{second.pid}")
    assert service.outcomes(job_id) == ["lost", "succeeded"]


def test_there_is_their_code() -> None:
    """Of one release at least."""
    assert ARCHIVES
