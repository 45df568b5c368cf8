"""The endpoints of results: a job's epochs, attempts, evaluation, log and artifacts."""

from __future__ import annotations

from flask import Response, request

from api.http.downloads import FILE, RangeNotSatisfiable, download
from api.http.operations import Reply, Routes
from api.http.requests.parameters import EpochsQuery, EvaluationQuery, LogQuery
from api.http.tables import as_csv, wants_csv
from api.services import Services
from shared import wire
from shared.errors import DatabaseUnavailable, JobNotFound, NotFound, StorageUnavailable
from shared.jobs.actor import Actor
from shared.jobs.reads import queries
from shared.storage.store import Stored

routes = Routes("results", raises=(DatabaseUnavailable,))


@routes.route(
    "GET",
    "/v1/jobs/<job_id>/epochs",
    query=EpochsQuery,
    answers={200: wire.EpochColumns, 304: None},
    raises=(JobNotFound,),
    csv=True,
)
def read_epochs(services: Services, actor: Actor, query: EpochsQuery, job_id: str) -> Reply | Response:
    """Read a job's epochs as columns of equal length; `Accept: text/csv` answers a row for each epoch."""
    epochs = queries.epochs(services.db, job_id, after=query.after, actor=actor)
    if not wants_csv(request):
        return Reply(epochs, headers={"Vary": "Accept"})
    columns = vars(epochs)
    return as_csv([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], list(columns))


@routes.route(
    "GET", "/v1/jobs/<job_id>/attempts", answers={200: wire.Page[wire.Attempt], 304: None}, raises=(JobNotFound,)
)
def list_attempts(services: Services, actor: Actor, job_id: str) -> Reply:
    """List a job's attempts: worker, device, environment and outcome of each."""
    return Reply(wire.Page(items=queries.attempts(services.db, job_id, actor=actor), next_cursor=None))


@routes.route(
    "GET",
    "/v1/jobs/<job_id>/evaluation",
    query=EvaluationQuery,
    answers={200: wire.Evaluation, 304: None},
    raises=(JobNotFound, NotFound),
)
def read_evaluation(services: Services, actor: Actor, query: EvaluationQuery, job_id: str) -> Reply:
    """Read the confusion matrix and the figures per class of the best or the last weights.

    `test` is there for jobs with a `holdout_fraction`: the best weights on the data set's own validation split.
    """
    evaluation = queries.evaluation(services.db, job_id, query.weights, actor=actor)
    if evaluation is None:
        what = f"of its {query.weights} weights" if query.weights != "test" else "on a test split (holdout_fraction)"
        raise NotFound(f"Job {job_id} has no evaluation {what} until it has succeeded.")
    return Reply(evaluation)


@routes.route(
    "GET",
    "/v1/jobs/<job_id>/log",
    query=LogQuery,
    answers={200: wire.Page[wire.LogLine], 304: None},
    raises=(JobNotFound,),
)
def read_log(services: Services, actor: Actor, query: LogQuery, job_id: str) -> Reply:
    """Read a job's log lines, oldest first.

    `next_cursor` is null while no further line has been written; to follow a running job, pass the number of the last
    line as `after`.
    """
    lines = queries.log(services.db, job_id, after=query.last_read, limit=query.limit + 1, actor=actor)
    page = lines[: query.limit]
    return Reply(wire.Page(items=page, next_cursor=str(page[-1].line) if len(lines) > len(page) else None))


@routes.route(
    "GET", "/v1/jobs/<job_id>/artifacts", answers={200: wire.Page[wire.Artifact], 304: None}, raises=(JobNotFound,)
)
def list_artifacts(services: Services, actor: Actor, job_id: str) -> Reply:
    """List a job's artifacts: weights, logits, and the files that describe them."""
    return Reply(wire.Page(items=queries.artifacts(services.db, job_id, actor=actor), next_cursor=None))


@routes.route(
    "GET",
    "/v1/jobs/<job_id>/artifacts/<path:name>",
    answers={200: FILE, 206: FILE, 304: None},
    raises=(JobNotFound, NotFound, RangeNotSatisfiable, StorageUnavailable),
)
def download_artifact(services: Services, actor: Actor, job_id: str, name: str) -> Response:
    """Download an artifact by its name. The ETag is its sha256; range requests are supported."""
    for artifact in queries.artifacts(services.db, job_id, actor=actor):
        if artifact.name == name:
            stored = Stored(artifact.path, artifact.sha256, artifact.bytes)
            return download(services.storage, stored, name.rpartition("/")[2])
    raise NotFound(f"Job {job_id} has no artifact {name!r}. GET /v1/jobs/{job_id}/artifacts lists its artifacts.")
