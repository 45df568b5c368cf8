"""The database's tables, declared as classes but used as SQLAlchemy Core tables only, never as loaded objects."""

from __future__ import annotations

from shared.database.tables.base import Base
from shared.database.tables.jobs import (
    DELAYED,
    ENDING_LENGTH,
    LIVE,
    LIVE_COLUMNS,
    READY,
    UNJUDGED,
    UUID_LENGTH,
    Job,
    JobTag,
    JobValue,
    JobWord,
    id_ending,
)
from shared.database.tables.runs import Artifact, Attempt, Epoch, Evaluation, JobChange, JobEvent, JobLog, JobMetric
from shared.database.tables.service import (
    BatchKey,
    Dataset,
    IdempotencyKey,
    Lock,
    Session,
    Tally,
    Token,
    Webhook,
    WebhookDelivery,
    Worker,
)
from shared.database.tables.sweeps import Sweep, SweepEvent, SweepPoint, SweepRung, SweepTrial

__all__ = [
    "DELAYED",
    "ENDING_LENGTH",
    "LIVE",
    "LIVE_COLUMNS",
    "READY",
    "UNJUDGED",
    "UUID_LENGTH",
    "Artifact",
    "Attempt",
    "Base",
    "BatchKey",
    "Dataset",
    "Epoch",
    "Evaluation",
    "IdempotencyKey",
    "Job",
    "JobChange",
    "JobEvent",
    "JobLog",
    "JobMetric",
    "JobTag",
    "JobValue",
    "JobWord",
    "Lock",
    "Session",
    "Sweep",
    "SweepEvent",
    "SweepPoint",
    "SweepRung",
    "SweepTrial",
    "Tally",
    "Token",
    "Webhook",
    "WebhookDelivery",
    "Worker",
    "id_ending",
]

# Configured here rather than at the first statement: a child forked during that would inherit a held lock.
Base.registry.configure()
