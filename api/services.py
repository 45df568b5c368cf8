"""The real parts that the endpoints use, chosen in one place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Self

from api.http.streams import Streams
from shared.daemon_thread import DaemonThread
from shared.database.engine import Database
from shared.delivery.broker import Broker
from shared.jobs import queries
from shared.settings import Settings
from shared.storage.store import Storage


@dataclass(frozen=True)
class Services:
    """One process's settings and connections. None of them connects before it is used."""

    settings: Settings
    db: Database
    broker: Broker
    storage: Storage
    streams: Streams
    probes: DaemonThread
    """Where readiness is asked for: a part that is frozen never answers."""

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """The real ones. Call after a fork, never before: no connection may be shared between processes."""
        db = Database(settings.sqlalchemy_url)
        # An eighth of the threads is kept for ordinary requests.
        streams = Streams(db, most=max(1, settings.api_threads * 7 // 8))
        storage = Storage(settings.storage_url, in_use=partial(queries.names_files, db))
        return cls(settings, db, Broker(settings.broker_url), storage, streams, DaemonThread())
