"""The settings and connections that the endpoints use, built in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Self

from api.http.access.admission import Admission
from api.http.access.authentication import Authentication
from api.http.access.limits import Limits
from api.http.live.streams import Streams
from api.http.metrics.exposition import Metrics
from api.sweeps import Importances
from shared.daemon_thread import DaemonThread
from shared.database.engine import Database
from shared.delivery.broker import Broker
from shared.delivery.predictors import Predictors
from shared.jobs.reads.estimates import Estimates
from shared.jobs.reads.listing import Kept
from shared.settings import Settings
from shared.storage.orphans import names_files
from shared.storage.store import Storage

RESTART_LEASES = 2.0
"""Leases for which a predictor that was killed counts as running: its supervisor starts another, which loads torch."""


@dataclass(frozen=True)
class Services:
    """The settings and connections of one process. A connection is made on its first use."""

    settings: Settings
    db: Database
    broker: Broker
    storage: Storage
    streams: Streams
    predictors: Predictors
    estimates: Estimates
    authentication: Authentication
    admission: Admission
    probes: DaemonThread
    """The thread that asks the database and Redis for readiness: a frozen server may never answer."""
    metrics: Metrics
    lists: Kept = field(default_factory=Kept)
    """What lists have read before."""
    importances: Importances = field(default_factory=Importances)
    """What was worked out of sweeps before."""

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Build the real services. Call after a fork, never before: processes must not share connections."""
        db = Database(settings.sqlalchemy_url)
        # An eighth of the threads is reserved for ordinary requests.
        streams = Streams(db, most=max(1, settings.api_threads * 7 // 8))
        storage = Storage(settings.storage_url, in_use=partial(names_files, db))
        broker = Broker(settings.broker_url)
        predictors = Predictors(
            db,
            broker,
            settings.broker_url,
            silent_seconds=RESTART_LEASES * settings.lease_seconds,
            most=max(1, settings.api_threads // 16),
        )
        authentication = Authentication(db, required=settings.authenticated)
        limits = Limits(
            settings.broker_url,
            broker.rest,
            requests=settings.requests_per_minute,
            failed_sign_ins=settings.failed_sign_ins_per_minute,
        )
        return cls(
            settings=settings,
            db=db,
            broker=broker,
            storage=storage,
            streams=streams,
            predictors=predictors,
            estimates=Estimates(db),
            authentication=authentication,
            admission=Admission(authentication, limits, settings.max_queued_per_owner),
            probes=DaemonThread(),
            metrics=Metrics.build(db, broker, silent_seconds=settings.lease_seconds),
        )
