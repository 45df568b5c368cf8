"""gunicorn's configuration for the API: a few processes of many threads, as a thread that only waits costs little.

gunicorn sets TCP_NODELAY on its listeners, hence on every connection: no response waits 40 ms for its body.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from typing import Any

from gunicorn import glogging
from typing_extensions import override

from api.http.metrics.numbers import SharedNumbers
from api.http.requests import malformed
from api.services import Services
from shared import logs
from shared.database.engine import Database
from shared.delivery.reconciler import Reconciler
from shared.delivery.sweeps import SweepKeeper
from shared.errors import ConfigurationError
from shared.people import tokens
from shared.settings import Settings
from shared.storage.orphans import OrphanCollector
from shared.telemetry import tallies, tracing
from shared.webhooks.dispatcher import Dispatcher

_MEMORY = "/dev/shm"  # noqa: S108 -- gunicorn gives its files there random names
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BYTES = 1 << 22
"""Freed memory that a thread's next request finds again: SQLite's cache of pages, and a list of jobs."""


class Logger(glogging.Logger):
    """gunicorn's own logger, without the lines of requests: `api.http.request_log` writes those."""

    @override
    def access(self, resp: object, req: object, environ: object, request_time: object) -> None:
        """Do nothing; gunicorn would compose each line, and throw it away."""


_settings = Settings()
_numbers = SharedNumbers(parts=2 * _settings.api_processes)  # twice, as a reload starts the new before it stops the old
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_host}:{_settings.port}"
worker_class = "api.http.requests.connections.ClientWorker"
workers = _settings.api_processes
threads = _settings.api_threads
worker_connections = threads + 1000
limit_request_line = 0
"""`api.http.requests.connections` limits a request's line: gunicorn's limit cannot be above 8,190 bytes."""
keepalive = 30
graceful_timeout = 10
"""Seconds that a request in progress may still take after SIGTERM."""
sendfile = False
"""Files are sent piece by piece as well: the kernel would wait for a client that takes none for as long as it likes."""
forwarded_allow_ips = ""
forwarder_headers = ""
"""`api.http.proxies` decides which proxies are trusted; gunicorn would trust every client on loopback."""
worker_tmp_dir = _MEMORY if os.access(_MEMORY, os.W_OK) else None
"""Where each process says, before it looks for requests, that it is alive: on a disk it would wait for other writes."""
preload_app = False
"""Each process builds its own app, and thereby its own connections, after the fork."""
logger_class = Logger
loglevel = _settings.log_level.lower()
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {"ours": {"()": logs.handler, "log_format": _settings.log_format}},
    "root": {"level": "WARNING", "handlers": ["ours"]},
    "loggers": {"gunicorn.error": {"level": _settings.log_level, "handlers": [], "propagate": True}},
}
"""gunicorn's own lines have the format of all others."""
control_socket_disable = True
"""gunicorn's control socket would be created in the user's home directory."""


def on_starting(_server: object) -> None:
    """Refuse to start where the API asks for tokens and none has been made: nobody could use it."""
    if not _settings.authenticated:
        return
    db = Database(_settings.sqlalchemy_url)
    try:
        tokens.require_any(db)
    except ConfigurationError as error:
        sys.exit(error.detail)
    finally:
        db.dispose()


def pre_fork(server: Any, worker: Any) -> None:
    """Give a new process a part of the shared numbers that no living one has: it goes on with those of a dead one."""
    worker.part = _numbers.free_part(sibling.part for sibling in server.WORKERS.values())


def post_worker_init(worker: Any) -> None:
    """Start an API process's background threads (reconciler, orphan collector, …) once its app is loaded."""
    malformed.install()
    _keep_freed_memory()
    services: Services = worker.wsgi.extensions["flightline"]
    worker.client_seconds = services.settings.client_seconds
    logs.configure(services.settings.log_level, services.settings.log_format)
    services.metrics.requests.share(_numbers, worker.part)
    tracing.configure("flightline-api")
    # An open stream would delay a stop until gunicorn's graceful timeout.
    services.streams.serving = lambda: bool(worker.alive)
    reconciler = Reconciler.build(services.settings, services.broker)
    reconciler.start(services.settings.reconcile_seconds)
    SweepKeeper.build(services.settings, services.broker).start(services.settings.reconcile_seconds)
    OrphanCollector(services.db, services.storage).start()
    tallies.Merger(services.db).start()
    Dispatcher.build(services.settings, services.db).start()
    services.authentication.uses.start()
    # The modules and schemas live as long as the process; without them a full collection takes 1 ms instead of 70.
    gc.collect()
    gc.freeze()


def _keep_freed_memory() -> None:
    """Make glibc keep `_KEPT_BYTES` of what is freed: the kernel clears each page that it has to give again."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        set_option(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 -- gunicorn's own signature
    """Send the last spans of an API process that stops."""
    tracing.close()
