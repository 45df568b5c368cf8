"""Every answer of the HTTP API, field by field: built by the server, described by OpenAPI, read by the client."""

from __future__ import annotations

from shared.wire.batches import Batch, ImportedRun, ImportedRuns, JobOutcome, JobOutcomes
from shared.wire.comparison import Comparison, Curves, SomeOfComparison
from shared.wire.epochs import Epoch, EpochColumns, EpochFigures, Metric
from shared.wire.fleet import Queue, Worker
from shared.wire.jobs import (
    Artifact,
    Attempt,
    ClassFigures,
    Cost,
    DetailedCost,
    DeviceEstimate,
    Difference,
    DryRun,
    Estimate,
    Evaluation,
    Event,
    Failure,
    Job,
    LayerCost,
    LogLine,
    Outline,
    Progress,
    Result,
    SpecProblem,
    SubmittedJob,
    Verdict,
)
from shared.wire.leaderboard import Leaderboard, SettledGroup, SettledPair, Settlement, Standing
from shared.wire.predictions import Mistake, Prediction, Predictions
from shared.wire.replays import Replay
from shared.wire.service import DatasetInfo, Health, Page, PresetInfo, Readiness
from shared.wire.sweeps import BestPoint, Reached, Sweep, SweepPreview, Trial, TrialCounts
from shared.wire.tokens import NewToken, Token, WhoAmI
from shared.wire.webhooks import Delivery, FinishedJob, FinishedSweep, NewWebhook, Webhook

__all__ = [
    "Artifact",
    "Attempt",
    "Batch",
    "BestPoint",
    "ClassFigures",
    "Comparison",
    "Cost",
    "Curves",
    "DatasetInfo",
    "Delivery",
    "DetailedCost",
    "DeviceEstimate",
    "Difference",
    "DryRun",
    "Epoch",
    "EpochColumns",
    "EpochFigures",
    "Estimate",
    "Evaluation",
    "Event",
    "Failure",
    "FinishedJob",
    "FinishedSweep",
    "Health",
    "ImportedRun",
    "ImportedRuns",
    "Job",
    "JobOutcome",
    "JobOutcomes",
    "LayerCost",
    "Leaderboard",
    "LogLine",
    "Metric",
    "Mistake",
    "NewToken",
    "NewWebhook",
    "Outline",
    "Page",
    "Prediction",
    "Predictions",
    "PresetInfo",
    "Progress",
    "Queue",
    "Reached",
    "Readiness",
    "Replay",
    "Result",
    "SettledGroup",
    "SettledPair",
    "Settlement",
    "SomeOfComparison",
    "SpecProblem",
    "Standing",
    "SubmittedJob",
    "Sweep",
    "SweepPreview",
    "Token",
    "Trial",
    "TrialCounts",
    "Verdict",
    "Webhook",
    "WhoAmI",
    "Worker",
]
