"""How gunicorn serves the API: threads, because a thread that only waits costs little, and two processes of them.

gunicorn sets TCP_NODELAY on its listeners, and so on every connection: no answer waits 40 ms for its body.
"""

from __future__ import annotations

from typing import Any

from api.http import malformed
from api.services import Services
from shared import logs
from shared.delivery.reconciler import Reconciler
from shared.settings import Settings
from shared.storage.orphans import OrphanCollector

_settings = Settings()
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_host}:{_settings.port}"
worker_class = "gthread"
workers = _settings.api_processes
threads = _settings.api_threads
worker_connections = threads + 1000
keepalive = 30
graceful_timeout = 10
"""Seconds that a request in progress has to end after SIGTERM."""
preload_app = False
"""Each process builds its own app after the fork, and with it its own connections."""
loglevel = _settings.log_level.lower()
control_socket_disable = True
"""It would write into the user's home."""


def post_worker_init(worker: Any) -> None:
    """Start what an API process does beside answering, once its app is there."""
    malformed.install()
    services: Services = worker.wsgi.extensions["flightline"]
    logs.configure(services.settings.log_level)
    # A stream would hold a stop up until gunicorn's patience ends.
    services.streams.serving = lambda: bool(worker.alive)
    reconciler = Reconciler.build(services.settings, services.broker)
    reconciler.start(services.settings.reconcile_seconds)
    OrphanCollector(services.db, services.storage).start()
