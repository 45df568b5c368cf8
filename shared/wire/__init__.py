"""Every answer of the HTTP API, field by field: built by the server, described by OpenAPI, read by the client."""

from __future__ import annotations

from shared.wire.batches import Batch, JobOutcome, JobOutcomes
from shared.wire.comparison import Comparison, Curves
from shared.wire.fleet import Queue, Worker
from shared.wire.jobs import (
    Artifact,
    Attempt,
    ClassFigures,
    Cost,
    DetailedCost,
    DeviceEstimate,
    DryRun,
    Epoch,
    EpochColumns,
    EpochFigures,
    Estimate,
    Evaluation,
    Event,
    Failure,
    Job,
    LayerCost,
    LogLine,
    Progress,
    Result,
    SubmittedJob,
)
from shared.wire.predictions import Mistake, Prediction, Predictions
from shared.wire.service import DatasetInfo, Health, Page, PresetInfo, Readiness
from shared.wire.tokens import NewToken, Token, WhoAmI
from shared.wire.webhooks import Delivery, FinishedJob, NewWebhook, Webhook

__all__ = [
    "Artifact",
    "Attempt",
    "Batch",
    "ClassFigures",
    "Comparison",
    "Cost",
    "Curves",
    "DatasetInfo",
    "Delivery",
    "DetailedCost",
    "DeviceEstimate",
    "DryRun",
    "Epoch",
    "EpochColumns",
    "EpochFigures",
    "Estimate",
    "Evaluation",
    "Event",
    "Failure",
    "FinishedJob",
    "Health",
    "Job",
    "JobOutcome",
    "JobOutcomes",
    "LayerCost",
    "LogLine",
    "Mistake",
    "NewToken",
    "NewWebhook",
    "Page",
    "Prediction",
    "Predictions",
    "PresetInfo",
    "Progress",
    "Queue",
    "Readiness",
    "Result",
    "SubmittedJob",
    "Token",
    "Webhook",
    "WhoAmI",
    "Worker",
]
