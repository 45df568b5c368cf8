"""What a stack that starts puts right of the one before it: real Redis, both databases."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.database.engine import Database
from shared.delivery import reconciler
from shared.delivery.broker import Broker
from shared.delivery.reconciler import Report, repair
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.processes import born, pid_namespace
from tests.integration.shared.delivery.messages import messages
from tests.support import factories
from tests.support.factories import RELEASED
from tests.support.servers import RedisServer

LEASE = 15.0


class TestRepair:
    @pytest.fixture
    def live(self) -> Iterator[int]:
        """The process id of something that lives."""
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        yield process.pid
        process.kill()
        process.wait()

    def runs(self, db: Database, name: str, pid: int, **changes: Any) -> str:
        """The id of a job that a worker of this name and process has."""
        identity = Identity(name, socket.gethostname(), pid, "cpu", "cpu", pid_namespace(), born(pid) or "long ago")
        workers.register(db, replace(identity, **changes), device_name=None, versions={}, datasets=[])
        return factories.running(db, name).job_id

    def test_attempts_of_dead_workers_end_at_once(
        self, database: Database, broker: Broker, redis_server: RedisServer, live: int
    ) -> None:
        """Where the process is gone, though its number may be another program's by now."""
        dead = self.runs(database, "dead", 2**22 + 1)
        reused = self.runs(database, "reused", live, pid_born="1")
        alive = self.runs(database, "alive", live)

        assert repair(database, broker, LEASE).expired == 2

        statuses = [queries.job(database, job_id, actor=EVERYBODY)["status"] for job_id in (dead, reused, alive)]
        assert statuses == ["queued", "queued", "running"]
        assert set(messages(redis_server)) == {dead, reused}
        assert [worker["id"] for worker in queries.workers(database, silent_seconds=60)] == ["alive"]

    def test_hosts_that_share_a_name_leave_each_other_alone(self, database: Database, broker: Broker) -> None:
        """Containers of one machine, clones of another one, or this machine before it was started again: who knows."""
        boot, _, namespace = str(pid_namespace()).partition(" ")
        others = [
            self.runs(database, "container", 2**22 + 1, pid_namespace=f"{boot} pid:[1]"),
            self.runs(database, "clone", 2**22 + 1, pid_namespace=f"another-boot {namespace}"),
        ]

        assert repair(database, broker, LEASE).expired == 0
        assert {queries.job(database, job_id, actor=EVERYBODY)["status"] for job_id in others} == {"running"}
        assert len(queries.workers(database, silent_seconds=60)) == 2

    @pytest.mark.parametrize("pid", ["gone", "alive"])
    def test_workers_of_the_release_before_are_left_to_their_leases(
        self, database: Database, broker: Broker, live: int, pid: str
    ) -> None:
        """They do not say where their process ids mean what."""
        nothing: dict[str, Any] = {"pid_namespace": None, "pid_born": None}
        job_id = self.runs(database, "old", live if pid == "alive" else 2**22 + 1, **nothing)

        assert repair(database, broker, LEASE).expired == 0
        assert queries.job(database, job_id, actor=EVERYBODY)["status"] == "running"

    def test_a_platform_that_knows_no_namespaces_ends_nobody(
        self, database: Database, broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Least of all other platforms' workers."""
        monkeypatch.setattr(reconciler, "pid_namespace", lambda: None)
        job_id = self.runs(database, "strange", 2**22 + 1, pid_namespace=None)

        assert repair(database, broker, LEASE).expired == 0
        assert queries.job(database, job_id, actor=EVERYBODY)["status"] == "running"

    def test_two_workers_with_all_alike_have_two_ids(self) -> None:
        """Two containers may share host name, device and process id: the attempts of one are not the other's."""
        one, other = (Identity.of_this_process("cpu", "cpu") for _ in range(2))

        assert one.id != other.id
        assert (one.pid, one.pid_namespace, one.pid_born) == (os.getpid(), pid_namespace(), born(os.getpid()))

    def test_each_queued_job_has_a_ticket(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """The most urgent and oldest first."""
        job_ids = [factories.submit(database, priority=priority) for priority in (1, 9, 5, 5, 9)]

        assert repair(database, broker, LEASE) == Report(tickets=5)

        assert messages(redis_server) == [job_ids[n] for n in (1, 4, 2, 3, 0)]

    def test_a_released_job_goes_on(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """What was stopped in good order is published by the next start."""
        claim = factories.running(database)
        attempts.end(database, claim, RELEASED)

        repair(database, broker, LEASE)

        assert messages(redis_server) == [claim.job_id]

    def test_a_message_that_is_there_is_not_sent_again(
        self, database: Database, broker: Broker, redis_server: RedisServer
    ) -> None:
        """Starting a stack over and over does not fill Redis."""
        job_id = factories.submit(database)
        for _ in range(3):
            repair(database, broker, LEASE)

        assert messages(redis_server) == [job_id]
