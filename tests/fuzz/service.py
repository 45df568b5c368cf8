"""The API with a few jobs in it, for requests that try to hurt it."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import migrations
from api.services import Services
from shared.jobs.running import attempts
from shared.people.scopes import Scope
from shared.settings import Settings
from tests.support import factories, people
from tests.support.api_server import ApiServer, served
from tests.support.servers import start_redis

PROCESSES = 2
"""Processes of the API; gunicorn would start another for each that ends."""


@dataclass(frozen=True)
class Target:
    """The service under attack.

    Attributes:
        server: the API.
        jobs: ids of jobs, the first of which has succeeded, the second of which runs and the last of which is queued.
        token: a token that may do everything; None where the service asks for none.
    """

    server: ApiServer
    jobs: tuple[str, ...]
    token: str | None = None

    @property
    def memory_bytes(self) -> int:
        """What the processes of the API hold in memory together."""
        pages = (Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in self.server.workers)
        return sum(map(int, pages)) * resource.getpagesize()

    def check(self) -> None:
        """Check that every process of the beginning is still there, and that none has logged a fault of its own.

        Raises:
            AssertionError: a process has ended, or an exception was logged.
        """
        log = self.server.log.read_text()
        assert len(self.server.workers) == PROCESSES, log[-3000:]
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]


@contextmanager
def attacked(*, authentication: bool) -> Iterator[Target]:
    """Run a service of its own in a folder in memory, which may ask for tokens, and remove it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="fl-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    redis = start_redis()
    try:
        services = Services.build(Settings.model_validate({"home": home, "redis_url": redis.url}))
        migrations.upgrade(services.db)
        jobs = _fill(services)
        token, _ = people.token(services.db, scope=Scope.ADMIN)
        services.broker.close()
        services.db.dispose()
        environment = {
            "FLIGHTLINE_HOME": str(home),
            "FLIGHTLINE_REDIS_URL": redis.url,
            "FLIGHTLINE_AUTH": "on" if authentication else "off",
            "FLIGHTLINE_REQUESTS_PER_MINUTE": "0",
            "FLIGHTLINE_FAILED_SIGN_INS_PER_MINUTE": "0",
            "FLIGHTLINE_CLIENT_SECONDS": "5",
            "FLIGHTLINE_RECONCILE_SECONDS": "3600",  # which would end the running job, as no worker renews it
        }
        with served(environment, home / "server.log") as server:
            yield Target(server, jobs, token if authentication else None)
    finally:
        redis.remove()
        shutil.rmtree(home, ignore_errors=True)


def _fill(services: Services) -> tuple[str, ...]:
    succeeded = factories.submit(services.db, name="done", tags=["a", "b"])
    claim = factories.claim(services.db, succeeded)
    stored = services.storage.put(f"{succeeded}/1/best.safetensors", bytes(1000))
    told: dict[str, Any] = {
        "epochs": factories.epoch_rows(1, 3),
        "best": factories.best(2, 0.9),
        "exact": True,
        "evaluations": [factories.evaluation("best")],
        "artifacts": [factories.artifact(path=stored.path, sha256=stored.sha256, bytes=stored.bytes)],
    }
    assert attempts.succeed(services.db, claim, **told)
    running = factories.running(services.db, lease_seconds=86_400.0).job_id
    return succeeded, running, factories.submit(services.db)
