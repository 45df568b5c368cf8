"""The text that Prometheus reads: the requests of all processes, and what the database and Redis hold.

A scrape must tell of an outage rather than fail in it. So each server is asked in a thread of its own, its answer is
awaited for `PATIENCE_SECONDS` at most, and without one the scrape has `flightline_…_up 0` in place of its figures.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from typing import Generic, Self, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from api.http.metrics.families import census_families
from api.http.metrics.requests import RequestFigures
from shared.daemon_thread import DaemonThread
from shared.database.engine import Database
from shared.delivery.broker import Broker
from shared.errors import FlightlineError, QueueUnavailable
from shared.fleet import census
from shared.fleet.census import Census
from shared.jobs.status import RUN_KINDS, Queue

T = TypeVar("T")

FRESH_SECONDS = 5.0
"""How long an answer is given again, so that many scrapers cost no more than one."""
PATIENCE_SECONDS = 3.0
"""How long a scrape waits for a server; Prometheus waits 10 s for a scrape."""

Messages = Mapping[str, Mapping[Queue, int]]
"""Number of messages in Redis, by kind of job and queue."""


class Asked(Generic[T]):
    """A question to a server, asked at most once at a time and every `FRESH_SECONDS`.

    Args:
        ask: asks; raises `FlightlineError` where the server is unavailable.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._thread: DaemonThread | None = None
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None
        self._at = 0.0

    def begin(self) -> Future[T]:
        """Ask, unless the last answer is fresh or still awaited; return that answer."""
        with self._lock:
            now = time.monotonic()
            if self._asked is None or (self._asked.done() and now - self._at >= FRESH_SECONDS):
                self._thread = self._thread or DaemonThread()
                self._asked, self._at = self._thread.submit(self._ask), now
            return self._asked


def answer(asked: Future[T]) -> T | None:
    """Return an answer; None where the server is unavailable or takes longer than `PATIENCE_SECONDS`."""
    try:
        return asked.result(PATIENCE_SECONDS)
    except (TimeoutError, FlightlineError):
        return None


@dataclass(frozen=True)
class Metrics:
    """The metrics of the service, as one process tells them."""

    database: Asked[Census]
    redis: Asked[Messages]
    requests: RequestFigures = field(default_factory=RequestFigures)

    @classmethod
    def build(cls, db: Database, broker: Broker, *, silent_seconds: float) -> Self:
        """Build the metrics of a service; a worker without a report for `silent_seconds` counts as gone."""
        return cls(Asked(partial(census.take, db, silent_seconds=silent_seconds)), Asked(partial(_messages, broker)))

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, version 0.0.4."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all families, as prometheus_client takes them from a collector."""
        database, redis = self.database.begin(), self.redis.begin()
        yield InfoMetricFamily("flightline_build", "The release.", {"version": metadata.version("flightline-train")})
        yield from self.requests.collect()
        found, messages = answer(database), answer(redis)
        yield _up("database", found is not None)
        yield _up("redis", messages is not None)
        if found is not None:
            yield from census_families(found)
        if messages is not None:
            yield _messages_family(messages)


def _messages(broker: Broker) -> Messages:
    """Count the messages in Redis. Raises `QueueUnavailable` where it does not answer."""
    depths = {kind.value: broker.depths(kind) for kind in RUN_KINDS}
    found = {kind: depth for kind, depth in depths.items() if depth is not None}
    if len(found) < len(depths):
        raise QueueUnavailable("Redis does not answer.")
    return found


def _messages_family(messages: Messages) -> Metric:
    family = GaugeMetricFamily("flightline_queue_messages", "Messages in Redis.", labels=["kind", "queue"])
    for kind, depths in messages.items():
        for queue, count in depths.items():
            family.add_metric([kind, queue.value], count)
    return family


def _up(server: str, is_up: bool) -> Metric:
    text = f"Whether {'Redis' if server == 'redis' else 'the database'} answered this scrape."
    return GaugeMetricFamily(f"flightline_{server}_up", text, value=float(is_up))
