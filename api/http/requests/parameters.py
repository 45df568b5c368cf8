"""The query parameters of every operation."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.http.operations import Header
from api.http.requests.fields import Curves, Fields
from api.http.requests.pagination import Cursor, Sort
from api.http.requests.parsing import Flag, Instant, QueryModel
from shared.jobs.reads.filters import JobFilter
from shared.jobs.search.conditions import read_condition
from shared.jobs.status import JobStatus
from shared.jobspec.fields.training import Engine

MAX_LIMIT = 500
MAX_IDS = 50
"""Ids that fit into a request's first line, of which servers read some 4,000 characters."""
MAX_CONDITIONS = 20
MAX_COMPARED = 200
MAX_NUMBER = 2**31 - 1
"""Largest epoch or line number that an integer column of the database holds."""


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
    """Query parameters of a submission: whether the job is stored or only checked."""

    dry_run: Flag = Field(default=False, description="Only check the job: answer what would be stored.")


class JobFilters(QueryModel):
    """Query parameters that filter jobs, which must all match."""

    id: tuple[Text, ...] = Field(
        (), max_length=MAX_IDS, description="Is one of these jobs: whole ids; repeat it for up to 50 jobs."
    )
    status: tuple[JobStatus, ...] = Field((), description="Has this status; repeat it to match any of several.")
    kind: Text | None = Field(None, description="Is of this kind: `train` or `evaluate`.")
    device: Device | None = Field(
        None, description="Last ran on this kind of device (`cpu`, `cuda`) or on this device (`cuda:1`)."
    )
    architecture_kind: Text | None = Field(
        None, description="Has an architecture of this kind: `mlp`, `layers` or `torchvision`."
    )
    preset: Text | None = Field(None, description="Was submitted from this preset.")
    tag: tuple[Text, ...] = Field(
        (), max_length=MAX_CONDITIONS, description="Has this tag; repeat it for jobs that have each of several."
    )
    name: Text | None = Field(None, description="Has exactly this name.")
    min_val_accuracy: Accuracy | None = Field(None, description="The latest epoch's accuracy is at least this.")
    min_best_val_accuracy: Accuracy | None = Field(None, description="The best epoch's accuracy is at least this.")
    created_after: Instant | None = Field(None, description="Was submitted after this, e.g. 2026-01-31T12:00:00Z.")
    created_before: Instant | None = Field(None, description="Was submitted before this, e.g. 2026-01-31T12:00:00Z.")
    config_hash: Text | None = Field(
        None, description="Has this `config_hash`: jobs that differ at most in their seed."
    )
    sweep: Text | None = Field(None, description="Was made by this sweep: its whole id.")
    owner: Text | None = Field(None, description="Belongs to this owner.")
    text: Text | None = Field(None, description="Has each of these words in its name or tags, whatever their case.")
    where: tuple[Text, ...] = Field(
        (),
        max_length=MAX_CONDITIONS,
        description="A condition on a field of the spec, such as `training.optimizer.lr>=0.01`: a dotted path, one of "
        "`=` `!=` `<` `<=` `>` `>=`, and a number, text, `true`, `false` or `null`; or on `val_accuracy`, "
        "`best_val_accuracy` or `val_loss`. Repeat it for several. Defaults count as if they were written; a job that "
        "has no such field meets only `= null`.",
    )

    def filter(self) -> JobFilter:
        """Return the parameters that filter jobs."""
        chosen = self.model_dump(include=set(JobFilters.model_fields) - {"status", "where"})
        where = tuple(read_condition(one) for one in self.where)
        return JobFilter(status=tuple(one.value for one in self.status), where=where, **chosen)


class JobsQuery(JobFilters):
    """Query parameters of the list of jobs: filters, the order, and the page."""

    sort: Sort = Field(
        "-created_at",
        description="`created_at`, `finished_at`, `val_accuracy`, `best_val_accuracy`, `val_loss`, or a field of the "
        "spec, such as `spec.training.optimizer.lr`. Prefix with `-` for descending. Jobs without the value come last.",
    )
    fields: Fields | None = Field(
        None,
        description="Answer only these fields of each job, separated by commas, such as "
        "`id,result.val_accuracy,spec.training.optimizer.lr`.",
    )
    cursor: Cursor | None = Field(None, description="`next_cursor` of the previous page; `sort` must be the same.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Most jobs on a page.")

    @property
    def paths(self) -> list[str]:
        """Return the dotted paths of the fields that are wanted; none for whole jobs."""
        return [] if self.fields is None else self.fields.split(",")


class ReplayQuery(QueryModel):
    """Query parameters of a replay: where it is to run otherwise than its original."""

    engine: Engine | None = Field(None, description="Run with this engine; default the original's.")
    device: Literal["any", "cpu", "cuda"] | None = Field(
        None, description="Run on this kind of device; default the original's."
    )
    threads: int | None = Field(None, ge=1, le=64, description="Run with so many CPU threads; default the original's.")


class CompareQuery(QueryModel):
    """Query parameters of a comparison: the jobs, and what of them to answer."""

    job: tuple[Text, ...] = Field(
        min_length=2,
        max_length=MAX_COMPARED,
        description="A job's id, or its last four or more characters; repeat it for up to 200 jobs.",
    )
    columns: Curves | None = Field(
        None,
        description="Answer only these curves, separated by commas, such as `val_accuracy,seconds`; `epoch` alone for "
        "none.",
    )
    fields: Fields | None = Field(
        None, description="Answer only these fields of each job, as for `GET /v1/jobs`. `differing` stays whole."
    )

    @property
    def curves(self) -> list[str] | None:
        """Return the names of the curves that are wanted; None for all."""
        return None if self.columns is None else self.columns.split(",")

    @property
    def paths(self) -> list[str]:
        """Return the dotted paths of the fields that are wanted; none for whole jobs."""
        return [] if self.fields is None else self.fields.split(",")


class EpochsQuery(QueryModel):
    """Query parameters of a job's epochs: which of them to answer."""

    after: int = Field(0, ge=0, le=MAX_NUMBER, description="Answer only epochs with a larger number.")


class EventsQuery(QueryModel):
    """Query parameters of an event stream: the event after which it starts."""

    after: int = Field(0, ge=0, le=MAX_NUMBER, description="Answer only events with a larger id; 0 answers all.")


class LogQuery(QueryModel):
    """Query parameters of a job's log: which lines to answer, and how many on a page."""

    after: int = Field(
        0, ge=0, le=MAX_NUMBER, description="Answer only lines with a larger number, e.g. than the last one read."
    )
    cursor: LineCursor | None = Field(None, description="`next_cursor` of the previous page.")
    limit: int = Field(2000, ge=1, le=10_000, description="Most lines on a page.")

    @property
    def last_read(self) -> int:
        """Return the number of the line after which the page begins: the larger of `after` and `cursor`."""
        return max(self.after, int(self.cursor or 0))


class WeightsQuery(QueryModel):
    """Query parameters of what a job's network is asked: the best weights or the last ones."""

    weights: Literal["best", "last"] = Field("best", description="The weights of the best epoch or of the last one.")


class EvaluationQuery(QueryModel):
    """Query parameters of an evaluation: the best weights, the last ones, or the best ones on the test split."""

    weights: Literal["best", "last", "test"] = Field(
        "best", description="The weights of the best epoch or of the last one; `test`: the best ones on the test split."
    )


class ModelQuery(WeightsQuery):
    """Query parameters of a network's file: its format, and which weights."""

    format: Literal["safetensors", "onnx"] = Field(
        "safetensors", description="The weights with metadata, or the network with its normalisation as ONNX."
    )


class MistakesQuery(WeightsQuery):
    """Query parameters of a job's mistakes: how many, and of which weights."""

    limit: int = Field(20, ge=1, le=100, description="Most images, of the worst 100.")


class ImageQuery(QueryModel):
    """Query parameters of a data set's image: as it is, or normalised."""

    normalized: Flag = Field(
        default=False,
        description="Each channel's distance from the data set's mean, ± 3 deviations as white and black.",
    )


LAST_EVENT_ID = Header(
    "Last-Event-ID",
    "the id of an event of this job, a whole number",
    "The id of the last event received, as browsers send it when they reconnect. The larger of this and `after` holds.",
    {"type": "string", "pattern": "^[0-9]{0,18}$"},
)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "1 to 255 ASCII characters without spaces",
    "Makes retries safe for 24 hours: the same request with the same key returns the first job (201), a different "
    "request 422, and a request whose first one is still in progress 409. 1 to 255 ASCII characters without spaces, "
    "new for each job. Field order and spelling of the body do not matter. Deleting the job frees its key.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
)
