"""What a worker and what is around it may do to a running job: stop, die, freeze, hang, go away and come back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.jobs.status import Queue
from shared.settings import Settings
from tests.acceptance.conftest import QUICK
from tests.support import factories
from tests.support.processes import PATIENCE, WorkerProcess
from tests.support.servers import PostgresServer, RedisServer, start_postgres, wait_until
from tests.support.service import Service
from tests.support.silent_proxy import SilentProxy

pytestmark = pytest.mark.timeout(400)  # several workers, one after another: each of their waits has its own limit
MID_EPOCH = 25
"""A step in the third epoch of `SPEC`."""


@pytest.fixture
def fragile(own_redis: RedisServer, tmp_path: Path, sqlite_url: str, images: Path, decoded: Path) -> Iterator[Service]:
    """A service whose Redis may be killed."""
    service = Service(tmp_path, decoded, database_url=sqlite_url, redis_url=own_redis.url, data_dir=images, **QUICK)
    yield service
    service.close()


def _held(service: Service, *workers: WorkerProcess) -> str:
    """A job that one of these workers holds in the middle of its third epoch."""
    for worker in workers:
        worker.gates.shut("hold", MID_EPOCH)
    job_id = service.submit()
    wait_until(lambda: service.job(job_id)["worker"], "the job being claimed", PATIENCE)
    service.holder(job_id).gates.wait("hold")
    return job_id


class TestFailure:
    def test_what_failed_is_tried_again_after_a_while(self, service: Service) -> None:
        """Not by the same worker at once, which another job has meanwhile; when it is due, from its checkpoint."""
        worker = service.worker(retry_seconds=600.0)
        worker.gates.shut("full", MID_EPOCH)
        worker.start()
        job_id = service.submit()
        service.wait_for_attempt(job_id, 1)
        service.wait_for_outcome(job_id)
        worker.gates.open("full")
        other = service.submit(training={"epochs": 1})
        service.wait(other, "succeeded")
        assert service.outcomes(job_id) == ["failed"]
        service.set(job_id, not_before=factories.EPOCH)
        job = service.wait(job_id, "succeeded")

        first, second = service.attempts(job_id)
        assert (first["outcome"], first["error"]["code"]) == ("failed", "out_of_device_memory")
        assert second["resumed_from_epoch"] == 3
        assert (job["failures"], job["not_before"]) == (1, None)
        service.assert_equal_to_a_clean_run(job_id)


class TestStop:
    def test_a_stopped_worker_releases_its_job_and_another_one_resumes_it_bit_for_bit(self, service: Service) -> None:
        """SIGTERM, first to a worker, then to another one's child: exit code 0, no attempt used up, equal bits."""
        first, second, third = (service.worker() for _ in range(3))
        first.start()
        job_id = _held(service, first)
        service.ask_to_stop(first)
        first.gates.open("hold")
        assert first.wait() == 0
        assert service.job(job_id)["status"] == "queued"
        second.gates.shut("hold", 8)
        second.start()
        second.gates.wait("hold")
        second.kill_child(signal.SIGTERM)
        second.gates.open("hold")
        assert second.wait() == 0
        third.start()
        job = service.wait(job_id, "succeeded")
        assert service.outcomes(job_id) == ["released", "released", "succeeded"]
        assert [attempt["resumed_from_epoch"] for attempt in service.attempts(job_id)] == [None, 3, 3]
        assert (job["failures"], job["exact"]) == (0, True)
        service.assert_equal_to_a_clean_run(job_id)

    def test_a_worker_stops_while_data_are_loaded(self, service: Service) -> None:
        """Decoding may take minutes: the job is released at once, and the process ends without waiting for it."""
        worker = service.worker()
        worker.gates.shut("load")
        worker.start()
        job_id = service.submit()
        worker.gates.wait("load")
        assert worker.stop() == 0
        assert service.job(job_id)["status"] == "queued"
        assert service.outcomes(job_id) == ["released"]

    def test_a_child_that_does_not_stop_in_time_is_killed(self, service: Service) -> None:
        """The job is released all the same: a stop never uses up an attempt. The exit code tells of the violence."""
        worker = service.start_worker(stop_grace_seconds=0.5)
        job_id = _held(service, worker)
        worker.stop()
        assert "stop_grace_over" in worker.log
        assert service.job(job_id)["status"] == "queued"
        assert service.outcomes(job_id) == ["released"]

    def test_a_worker_whose_torch_cannot_be_loaded_ends_with_a_failure(self, service: Service) -> None:
        """It neither takes messages nor starts children for ever: its supervisor and its log are told."""
        worker = service.worker()
        worker.gates.shut("torch")
        job_id = service.submit()
        worker.launch()
        assert worker.wait() == 1
        assert "child_cannot_start" in worker.log
        assert service.job(job_id)["status"] == "queued"


class TestTakeover:
    def test_another_worker_takes_over_from_one_that_is_frozen_or_killed(self, service: Service) -> None:
        """Once the lease has run out it resumes from the checkpoint; what the frozen one wakes up with is refused."""
        workers = service.start_workers(2)
        job_id = _held(service, *workers)
        frozen = service.holder(job_id)
        other = next(worker for worker in workers if worker is not frozen)
        other.gates.open("hold")
        with frozen.frozen():
            frozen.gates.open("hold")
            service.wait(job_id, "succeeded")
            service.assert_equal_to_a_clean_run(job_id)
        wait_until(lambda: "lease_lost" in frozen.log, "the frozen worker seeing its loss", PATIENCE)
        assert service.outcomes(job_id) == ["lost", "succeeded"]
        service.assert_equal_to_a_clean_run(job_id)

        job_id = _held(service, *workers)
        killed = service.holder(job_id)
        next(worker for worker in workers if worker is not killed).gates.open("hold")
        killed.kill()
        service.wait(job_id, "succeeded")
        lost, _ = service.attempts(job_id)
        assert lost["error"]["code"] == "lease_expired"
        assert service.job(job_id)["failures"] == 1
        service.assert_equal_to_a_clean_run(job_id)

    def test_a_hung_loop_is_lost_and_its_job_resumed(self, service: Service) -> None:
        """Whether other threads still run (the lease sees no steps) or none does (the parent sees no beats)."""
        worker = service.start_worker(stall_seconds=5.0)
        for gate, code in (("hold", "hung"), ("freeze", "lease_expired")):
            worker.gates.shut(gate, MID_EPOCH)
            job_id = service.submit()
            service.wait_for_attempt(job_id, 1)
            worker.gates.wait(gate)
            service.wait_for_outcome(job_id)
            worker.gates.open(gate)
            service.wait(job_id, "succeeded")
            lost, *_ = service.attempts(job_id)
            assert (lost["outcome"], lost["error"]["code"]) == ("lost", code)
            service.assert_equal_to_a_clean_run(job_id)


class TestDevices:
    def test_a_job_runs_on_the_kind_of_device_that_it_asks_for(self, service: Service) -> None:
        """A GPU worker leaves a CPU job alone, whatever message it is given, and takes those for `cuda` and `any`."""
        service.start_worker("cuda:0")
        for_cpu = service.submit(resources={"device": "cpu"}, priority=9)
        for queue in (Queue.ANY, Queue.CUDA):
            service.broker.enqueue_many([(for_cpu, queue.value, 9)])
        for device in ("cuda", "any"):
            job = service.wait(service.submit(resources={"device": device}, priority=1), "succeeded")
            assert job["device"] == "cuda:0"
        assert service.job(for_cpu)["status"] == "queued"
        assert service.attempts(for_cpu) == []


class TestRedis:
    def test_redis_may_be_killed_flushed_and_away_while_a_job_runs(
        self, fragile: Service, own_redis: RedisServer
    ) -> None:
        """The running job ends once; what was queued before a flush, or submitted meanwhile, runs afterwards."""
        worker = fragile.start_worker()
        running = _held(fragile, worker)
        queued = [fragile.submit() for _ in range(3)]
        with own_redis.client() as client:
            client.flushall()
        own_redis.kill()
        unpublished = fragile.write_down()
        assert not fragile.publish(unpublished)
        worker.gates.open("hold")
        fragile.wait(running, "succeeded")
        own_redis.start()
        for job_id in [*queued, unpublished]:
            fragile.wait(job_id, "succeeded")
        assert all(fragile.outcomes(job_id) == ["succeeded"] for job_id in [running, *queued, unpublished])
        fragile.assert_equal_to_a_clean_run(running)

    def test_a_worker_starts_and_stops_while_redis_is_away(self, fragile: Service, own_redis: RedisServer) -> None:
        """It waits for Redis and then works; without Redis it still stops in good order."""
        own_redis.kill()
        worker = fragile.worker().launch()
        wait_until(lambda: "Cannot connect" in worker.log, "the worker missing Redis", PATIENCE)
        job_id = fragile.write_down()
        own_redis.start()
        fragile.wait(job_id, "succeeded")
        own_redis.kill()
        wait_until(lambda: "Connection to broker lost" in worker.log, "the worker losing Redis", PATIENCE)
        assert worker.stop() == 0

    def test_a_connection_that_died_without_a_word_costs_no_job(
        self, own_redis: RedisServer, tmp_path: Path, sqlite_url: str, images: Path, decoded: Path
    ) -> None:
        """The worker's connections are silenced, its next job is published: it runs all the same, sooner or later."""
        proxy = SilentProxy(own_redis.folder / "proxy.sock", own_redis.socket)
        places: dict[str, Any] = {"database_url": sqlite_url, "data_dir": images, **QUICK}
        service = Service(tmp_path, decoded, redis_url=own_redis.url, **places)
        try:
            worker = service.worker(redis_url=f"unix://{own_redis.folder / 'proxy.sock'}")
            worker.start()
            service.drain()
            proxy.silence()
            service.drain()
        finally:
            service.close()
            proxy.close()


class TestDatabase:
    def test_a_database_that_is_away_costs_no_running_job_and_a_frozen_one_an_idle_worker(
        self, redis_url: str, tmp_path: Path, images: Path, decoded: Path
    ) -> None:
        """The loop waits at its step until PostgreSQL is back. An idle worker that gets no answer says so and exits."""
        server = start_postgres()
        service = Service(
            tmp_path, decoded, database_url=_migrated(server), redis_url=redis_url, data_dir=images, **QUICK
        )
        try:
            worker = service.start_worker()
            job_id = _held(service, worker)
            server.kill(signal.SIGINT)
            worker.gates.open("hold")
            wait_until(lambda: "heartbeat_failed" in worker.log, "a beat that fails", PATIENCE)
            server.start()
            service.wait(job_id, "succeeded")
            assert service.outcomes(job_id) == ["succeeded"]
            service.assert_equal_to_a_clean_run(job_id)
            idle = service.start_worker(cut_off_seconds=2.0)
            with server.frozen():
                assert idle.wait() == 1
            assert "worker_cut_off reason='The database has not answered" in idle.log
        finally:
            service.close()
            server.remove()


def _migrated(server: PostgresServer) -> str:
    import migrations
    from shared.database.engine import Database

    db = Database(server.create("flightline"))
    migrations.upgrade(db)
    db.dispose()
    return Settings.model_validate({"database_url": server.url("flightline")}).sqlalchemy_url
