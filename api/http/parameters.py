"""The query parameters of every operation."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.http.operations import Header
from api.http.pagination import Cursor, Sort
from api.http.parsing import Flag, Instant, QueryModel
from shared.jobs.listing import JobFilter
from shared.jobs.status import JobStatus

MAX_LIMIT = 500
MAX_NUMBER = 2**31 - 1
"""Largest epoch or line that a database's integer holds."""


Text = Annotated[str, Field(min_length=1, max_length=200)]
_DEVICE = re.compile(r"(cpu|cuda(:[0-9]{1,3})?)", re.ASCII)


def _device(value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise ValueError("must be cpu, cuda or one GPU such as cuda:1")
    return value


Device = Annotated[str, AfterValidator(_device), Field(json_schema_extra={"pattern": f"^{_DEVICE.pattern}$"})]
Accuracy = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _line_cursor(value: str) -> str:
    if not (value.isascii() and value.isdigit() and len(value) < 11 and int(value) <= MAX_NUMBER):
        raise ValueError("must be the next_cursor of a page")
    return value


LineCursor = Annotated[str, AfterValidator(_line_cursor), Field(json_schema_extra={"pattern": "^[0-9]{1,9}$"})]


class SubmitQuery(QueryModel):
    """How a submission is handled."""

    dry_run: Flag = Field(default=False, description="Only check: answer what would be stored, and store nothing.")


class JobsQuery(QueryModel):
    """Which jobs, in which order. Different parameters must all hold; of a repeated one, any."""

    status: tuple[JobStatus, ...] = Field((), description="Any of these statuses; repeat it for more than one.")
    kind: Text | None = Field(None, description="Of this kind, such as `train`.")
    device: Device | None = Field(
        None, description="Ran last on this kind of device (`cpu`, `cuda`) or this one (`cuda:1`)."
    )
    architecture_kind: Text | None = Field(None, description="`mlp`, `layers` or `torchvision`.")
    preset: Text | None = Field(None, description="Submitted from this preset.")
    tag: Text | None = Field(None, description="Has this tag.")
    name: Text | None = Field(None, description="Has exactly this name.")
    min_val_accuracy: Accuracy | None = Field(None, description="The latest epoch's accuracy is at least this.")
    min_best_val_accuracy: Accuracy | None = Field(None, description="The best epoch's accuracy is at least this.")
    created_after: Instant | None = Field(None, description="Such as 2026-01-31T12:00:00Z.")
    created_before: Instant | None = Field(None, description="Such as 2026-01-31T12:00:00Z.")
    config_hash: Text | None = Field(None, description="Has this `config_hash`: the same but for the seed.")
    sort: Sort = Field("-created_at", description="Prefix with `-` for descending. Jobs without the value come last.")
    cursor: Cursor | None = Field(None, description="`next_cursor` of the page before, with the same `sort`.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Jobs on a page.")

    def filter(self) -> JobFilter:
        """The part that chooses jobs."""
        chosen = self.model_dump(exclude={"sort", "cursor", "limit", "status"})
        return JobFilter(status=tuple(one.value for one in self.status), **chosen)


class EpochsQuery(QueryModel):
    """Which epochs."""

    after: int = Field(0, ge=0, le=MAX_NUMBER, description="Only epochs with a larger number.")


class EventsQuery(QueryModel):
    """From where a stream goes on."""

    after: int = Field(0, ge=0, le=MAX_NUMBER, description="Only events with a larger id; 0 is the job's beginning.")


class LogQuery(QueryModel):
    """Which log lines."""

    after: int = Field(
        0, ge=0, le=MAX_NUMBER, description="Only lines with a larger number, such as the last one read."
    )
    cursor: LineCursor | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(2000, ge=1, le=10_000, description="Most lines on a page.")

    @property
    def last_read(self) -> int:
        """The line after which the page begins."""
        return max(self.after, int(self.cursor or 0))


class EvaluationQuery(QueryModel):
    """Which weights."""

    weights: Literal["best", "last"] = Field("best", description="The best epoch's weights, or the last one's.")


LAST_EVENT_ID = Header(
    "Last-Event-ID",
    "the id of an event of this job, a whole number",
    "The id of the last event that came, as browsers send it: as `after`, whichever is larger.",
    {"type": "string", "pattern": "^[0-9]{0,18}$"},
)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "1 to 255 characters of ASCII without spaces",
    "1 to 255 characters of ASCII without spaces, new for each job. A request that is sent again with its key within "
    "24 hours makes no second job: the answer is the first one's job as it is now. It must ask for the same, in "
    "whatever order or form. Deleting the job frees its key.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
)
