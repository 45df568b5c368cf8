"""Real workers that do not all hold the same images, and tickets that come to the wrong one or to nobody."""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
from pathlib import Path

import pytest

from shared.delivery.broker import queue_keys
from shared.errors import IllegalTransition
from shared.jobs import edits
from shared.jobs.actor import EVERYBODY
from shared.jobs.status import Queue
from tests.support.processes import PATIENCE, WorkerProcess
from tests.support.servers import RedisServer, wait_until
from tests.support.service import Service
from worker.run_job.search import PAUSE_SECONDS

pytestmark = pytest.mark.timeout(300)
MNIST = {"name": "mnist", "classes": ["0", "1"]}


def _tickets(service: Service) -> int:
    return sum((service.broker.depths() or {}).values())


def _spent_in_vain(service: Service) -> int:
    return sum(worker.log.count("nothing_to_claim") for worker in service.workers)


def _started(service: Service, *data_dirs: Path) -> list[WorkerProcess]:
    """Workers with these data directories, started side by side."""
    started = [service.worker(data_dir=one).launch() for one in data_dirs]
    for worker in started:
        wait_until(worker.answers, "a worker waiting for work", PATIENCE)
    return started


def test_jobs_go_to_who_holds_their_images(service: Service, tmp_path: Path, redis_server: RedisServer) -> None:
    """A worker with a bare data directory takes none of them, and none fails; whatever becomes of their tickets.

    The job of images that nobody has is in nobody's way: its tickets are not sent again and again.
    """
    bare = service.start_worker(data_dir=tmp_path / "nothing")
    holder = service.start_worker()
    nowhere = service.submit(dataset=MNIST, priority=9)
    for lost in (False, True, False):
        job_id = service.submit(training={"epochs": 1})
        if lost:
            with redis_server.client() as client:
                client.delete(*queue_keys(Queue.ANY))
        service.wait(job_id, "succeeded")
        assert str(service.job(job_id)["worker"]).endswith(f":{holder.pid}")
    assert service.job(nowhere)["status"] == "queued"
    wait_until(lambda: _tickets(service) == 0, "the end of the last ticket", PATIENCE)
    before = _spent_in_vain(service)
    service.wait(service.submit(training={"epochs": 1}), "succeeded")
    assert _spent_in_vain(service) - before < 10
    assert bare.process.poll() is None


def test_a_worker_whose_images_are_gone_gives_its_job_back(service: Service, tmp_path: Path) -> None:
    """No attempt is used up. It is said what it misses, and it takes the job again once the images are back."""
    folder = tmp_path / "disk"
    shutil.copytree(service.settings.datasets_dir, folder)
    worker = service.worker(data_dir=folder)
    worker.gates.shut("load")
    worker.start()
    job_id = service.submit(training={"epochs": 1})
    worker.gates.wait("load")
    (folder / "cifar2").rename(tmp_path / "unmounted")
    shutil.rmtree(service.settings.cache_dir, ignore_errors=True)
    worker.gates.open("load")
    service.wait_for_outcome(job_id)
    assert service.outcomes(job_id)[0] == "released"
    assert "does not hold the job's images any more: The data set cifar10" in service.log(job_id)
    assert service.job(job_id)["status"] == "queued"
    (tmp_path / "unmounted").rename(folder / "cifar2")
    service.wait(job_id, "succeeded")
    assert (service.job(job_id)["failures"], set(service.outcomes(job_id))) == (0, {"released", "succeeded"})


def test_images_that_nobody_has_fail_a_job_after_a_while(service: Service, tmp_path: Path) -> None:
    """With the folders that live workers looked in; a job that was queued before any worker came waits for one."""
    job_id = service.submit(dataset=MNIST)
    service.start_worker(data_dir=tmp_path / "nothing", data_grace_seconds=2 * PAUSE_SECONDS)
    job = service.wait(job_id, "failed")
    assert job["error_code"] == "dataset_unavailable"
    assert str(tmp_path / "nothing") in str(job["error_detail"])
    assert service.attempts(job_id) == []


def test_two_workers_with_different_images_as_priorities_change(service: Service, images: Path, tmp_path: Path) -> None:
    """Each job is trained once, by the worker that holds its images, however often it changes its place."""
    others = tmp_path / "others" / "cifar10"
    for split, label, name in itertools.product(("train", "val"), ("airplane", "bird"), ("cat", "dog")):
        if (label == "airplane") is (name == "cat"):
            shutil.copytree(service.settings.datasets_dir / "cifar2" / split / label, others / split / name)
    first, second = _started(service, images, tmp_path / "others")
    wanted = {
        service.submit(training={"epochs": 1}, dataset={"name": "cifar10", "classes": list(classes)}): worker.pid
        for classes, worker in [(("airplane", "bird"), first), (("cat", "dog"), second)] * 4
    }
    dice = random.Random(0)

    def done() -> bool:
        with contextlib.suppress(IllegalTransition):  # it has begun meanwhile
            edits.edit(service.db, dice.choice(list(wanted)), {"priority": dice.randrange(10)}, actor=EVERYBODY)
        return all(service.job(job_id)["status"] == "succeeded" for job_id in wanted)

    wait_until(done, "the end of the jobs", PATIENCE)
    assert {job_id: int(str(service.job(job_id)["worker"]).rpartition(":")[2]) for job_id in wanted} == wanted
    assert [service.outcomes(job_id) for job_id in wanted] == [["succeeded"]] * len(wanted)
