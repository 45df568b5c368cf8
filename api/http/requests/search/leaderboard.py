"""What requests about the leaderboard carry: filters and a metric, and the configurations to tell apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from typing_extensions import override

from api.http.operations import Json
from api.http.requests.documents import Document, read_document
from api.http.requests.parameters import JobFilters, Text
from api.http.requests.parsing import Flag, QueryModel
from shared.documents.reader import decode
from shared.jobs.board.leaderboard import MOST_GROUPS, Metric, Mode
from shared.jobs.reads.filters import JobFilter
from shared.jobs.status import JobKind, JobStatus
from shared.sweeps.statistics import LEVEL

MOST_SETTLED = 20
"""Configurations of one request at most."""
MOST_SEEDS = 200
"""Jobs that one request may queue at most."""
_LEVEL = Field(
    LEVEL,
    ge=1e-6,
    le=0.5,
    description="The accepted chance that any two configurations are told apart that are truly equal, at one look. "
    "Whoever looks ten times asks for a tenth of what is accepted over all looks.",
)


class LeaderboardQuery(JobFilters):
    """Query parameters of the leaderboard: which jobs count, and what their configurations are compared by."""

    sweep: Text | None = Field(
        None, description="Is of a configuration that this sweep has tried, whoever made the job: the sweep's whole id."
    )
    metric: Metric = Field(
        "best_val_accuracy", description="The figure of a job's result that configurations are compared by."
    )
    mode: Mode | None = Field(None, description="Whether more or less is better; a loss is better for being less.")
    limit: int = Field(20, ge=1, le=MOST_GROUPS, description="Most configurations.")
    level: float = _LEVEL

    @override
    def filter(self) -> JobFilter:
        """Return the parameters that filter jobs; trainings that have succeeded, unless they ask for others."""
        wanted = super().filter()
        return replace(
            wanted,
            status=wanted.status or (JobStatus.SUCCEEDED.value,),
            kind=wanted.kind or JobKind.TRAIN.value,
            sweep=None,
            tried_by=self.sweep,
        )


class SettleQuery(QueryModel):
    """Query parameters of a request to settle: whether jobs are queued or only counted."""

    dry_run: Flag = Field(default=False, description="Only say which jobs would be queued.")


def _different(groups: list[str]) -> list[str]:
    if len(set(groups)) < len(groups):
        raise ValueError("must name each configuration once")
    return groups


class SettleRequest(Document):
    """Configurations to tell apart by more seeds."""

    groups: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]],
        Field(
            min_length=2,
            max_length=MOST_SETTLED,
            description="`config_hash` of each configuration, as the leaderboard has them.",
        ),
        AfterValidator(_different),
    ]
    metric: Metric = Field("best_val_accuracy", description="The figure that they are compared by.")
    mode: Mode | None = Field(None, description="Whether more or less is better; a loss is better for being less.")
    most_jobs: int = Field(
        20,
        ge=1,
        le=MOST_SEEDS,
        description="Most jobs of these configurations that have yet to end, with those that are queued now.",
    )
    level: float = _LEVEL


def read_settlement(body: bytes) -> SettleRequest:
    """Return what a request asks to settle.

    Raises:
        InvalidSpec: the body is no such request; `errors` point at what is wrong.
    """
    return read_document(SettleRequest, decode(body), "The body", '{"groups": ["…", "…"]}')


def _schemas() -> dict[str, Any]:
    return {SettleRequest.__name__: SettleRequest.model_json_schema()}


SETTLEMENT = Json(
    SettleRequest.__name__,
    _schemas,
    {"two": {"summary": "Two configurations", "value": {"groups": ["5e0f…", "91c2…"], "most_jobs": 10}}},
)
"""The body of a request to settle: a `SettleRequest` as JSON."""
