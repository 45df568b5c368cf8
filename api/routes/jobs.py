"""The endpoints of jobs: submit, list, read, change, cancel, retry, delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Response

from api.costs import detailed_cost
from api.http.lists import list_page
from api.http.operations import Reply, Routes, find_job
from api.http.requests.bodies import EVALUATION, SUBMISSION
from api.http.requests.edits import CHANGE, read_change
from api.http.requests.pagination import decode_cursor, encode_cursor
from api.http.requests.parameters import IDEMPOTENCY_KEY, JobsQuery, ReplayQuery, SubmitQuery
from api.live import catalog_of, live_workers
from api.services import Services
from shared import wire
from shared.database.tables import UUID_LENGTH
from shared.delivery import publisher
from shared.errors import (
    DatabaseUnavailable,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidSpec,
    JobNotFound,
    NotYours,
    StorageUnavailable,
    TooManyQueuedJobs,
)
from shared.jobs import actions, deletion, edits, idempotency
from shared.jobs.actor import Actor, Scope
from shared.jobs.batches import only
from shared.jobs.idempotency import SubmissionKey
from shared.jobs.reads import lacking, listing, queries
from shared.jobs.reads.queries import Workers
from shared.jobs.status import JobStatus
from shared.jobspec import NO_CAPS, Submission, parse_submission
from shared.jobspec.evaluation import read_request

routes = Routes("jobs", raises=(DatabaseUnavailable,))


@routes.route(
    "POST",
    "/v1/jobs",
    query=SubmitQuery,
    body=SUBMISSION,
    answers={201: wire.SubmittedJob, 200: wire.DryRun},
    raises=(InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused, TooManyQueuedJobs),
    headers=(IDEMPOTENCY_KEY,),
)
def submit_job(services: Services, actor: Actor, query: SubmitQuery, body: bytes) -> Reply:
    """Submit a job, or only check one.

    Every field but `architecture` has a default, and a `preset` sets that too. The response has the whole spec, the
    network's cost layer by layer, and warnings, such as that no live worker holds the data. While Redis is unavailable
    jobs are still accepted, and delivered once Redis is back.

    Send an `Idempotency-Key` to make retries safe: the same request with the same key makes no second job.
    """
    key, live = IDEMPOTENCY_KEY.read(), cache(live_workers(services))
    try:
        submission = parse_submission(body, services.settings.caps, catalog_of(services, live))
    except InvalidSpec:
        if key is None or query.dry_run or (repeat := _repeat(services, actor, body, key, live)) is None:
            raise
        return repeat
    if query.dry_run:
        return Reply(_dry_run(services, actor, submission, live()), 200)
    once = SubmissionKey.of_submission(key, submission, actor) if key else None
    job_id, new = actions.submit(services.db, submission, actor=actor, key=once)
    answer = _published if new else _read
    return _submitted(answer(services, actor, job_id, live), submission)


@routes.route("POST", "/v1/jobs/check", body=SUBMISSION, answers={200: wire.Verdict}, scope=Scope.READ)
def check_job(services: Services, actor: Actor, body: bytes) -> Reply:
    """Check a job without submitting it, as one writes it.

    A job that would be refused is no error here: the answer is 200 and all that is wrong with it. `POST /v1/jobs` with
    `dry_run` refuses it as a submission would.
    """
    live = cache(live_workers(services))
    try:
        submission = parse_submission(body, services.settings.caps, catalog_of(services, live))
    except InvalidSpec as refused:
        problems = [wire.SpecProblem(pointer=one.pointer, detail=one.detail) for one in refused.errors]
        return Reply(wire.Verdict(job=None, problems=problems), 200)
    return Reply(wire.Verdict(job=_dry_run(services, actor, submission, live()), problems=[]), 200)


@routes.route(
    "GET", "/v1/jobs", query=JobsQuery, answers={200: (wire.Page[wire.Job], wire.Page[dict[str, Any]])}, csv=True
)
def list_jobs(services: Services, actor: Actor, query: JobsQuery) -> Reply | Response:
    """List jobs, newest first unless `sort` says otherwise.

    A page may have fewer jobs than `limit`, even none, and still a `next_cursor`: where filters are passed by none of
    very many jobs, a request ends before it has looked at all of them. `Accept: text/csv` answers the page as CSV, with
    the next page's address in `Link`.
    """
    key = decode_cursor(query.sort, query.cursor)
    page = listing.jobs(
        services.db,
        query.filter(),
        query.sort,
        key,
        query.limit,
        kept=services.lists,
        live=live_workers(services),
        actor=actor,
    )
    return list_page(page.items, query.paths, encode_cursor(query.sort, page.next_key))


@routes.route("GET", "/v1/jobs/<job_id>", answers={200: wire.Job, 304: None}, raises=(JobNotFound,))
def read_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Read a job: its spec, status, progress and result; of a queued one how long it should take, and from when."""
    live = cache(live_workers(services))
    job = _read(services, actor, job_id, live)
    if job.status != JobStatus.QUEUED:
        return Reply(job)
    estimate = services.estimates.of_job(job_id, live(), actor=actor)
    return Reply(wire.Job(**{**vars(job), "estimate": estimate}))


@routes.route(
    "PATCH",
    "/v1/jobs/<job_id>",
    body=CHANGE,
    answers={200: wire.Job},
    raises=(JobNotFound, NotYours, IllegalTransition, InvalidSpec),
)
def change_job(services: Services, actor: Actor, job_id: str, body: bytes) -> Reply:
    """Change a job's name, tags or notes at any time, or its priority while it is queued (409 once it has started).

    What is left out stays as it is; null removes a name, tags or notes. The spec keeps the labels that it was submitted
    with; a retry takes the present ones.
    """
    changes = read_change(body, services.settings.caps)
    edits.edit(services.db, job_id, changes, actor=actor)
    answer = _published if "priority" in changes else _read
    return Reply(answer(services, actor, job_id, live_workers(services)))


@routes.route(
    "DELETE",
    "/v1/jobs/<job_id>",
    answers={204: None},
    raises=(JobNotFound, NotYours, IllegalTransition, StorageUnavailable),
)
def delete_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Delete a finished job with its epochs and artifacts. Cancel one that has not finished first.

    The job's `Idempotency-Key` is free again. While the artifact storage is unavailable the job is not deleted, so that
    no file is left without a job: the response is 503, and the same request succeeds later.
    """
    only(deletion.delete_all(services.db, services.storage, [job_id], actor=actor))
    return Reply(None)


@routes.route(
    "POST",
    "/v1/jobs/<job_id>/cancel",
    answers={200: wire.Job, 202: wire.Job},
    raises=(JobNotFound, NotYours, IllegalTransition),
)
def cancel_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Cancel a job.

    A queued or paused job is cancelled at once (200); a running job stops within seconds (202). Cancelling a cancelled
    job changes nothing (200); a job that has succeeded or failed answers 409.
    """
    done = actions.cancel(services.db, job_id, actor=actor) == "cancelled"
    return Reply(_read(services, actor, job_id, live_workers(services)), 200 if done else 202)


def _find_original(services: Services, actor: Actor, text: str) -> str:
    """Return the id of the job to retry; for a repeated request the job of the first one, even if deleted since."""
    key = IDEMPOTENCY_KEY.read()
    short = len(text) < UUID_LENGTH
    return (short and key and idempotency.retried_by(services.db, key, text, actor=actor)) or find_job(
        services, actor, text
    )


@routes.route(
    "POST",
    "/v1/jobs/<job_id>/retry",
    answers={201: wire.Job},
    raises=(JobNotFound, IllegalTransition, InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused, TooManyQueuedJobs),
    headers=(IDEMPOTENCY_KEY,),
    find_job=_find_original,
)
def retry_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Submit the spec of a finished job again, as a new job linked to it by `retry_of`.

    Send an `Idempotency-Key` to make repeating this request safe, as for a submission.
    """
    key, caps, live = IDEMPOTENCY_KEY.read(), services.settings.caps, cache(live_workers(services))
    once = SubmissionKey.of_retry(key, job_id, actor) if key else None
    new_id, new = actions.retry(services.db, job_id, caps, catalog_of(services, live), actor=actor, key=once)
    answer = _published if new else _read
    return _created(answer(services, actor, new_id, live))


@routes.route(
    "POST",
    "/v1/jobs/<job_id>/replay",
    query=ReplayQuery,
    answers={201: wire.Job},
    raises=(JobNotFound, IllegalTransition, InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused, TooManyQueuedJobs),
    headers=(IDEMPOTENCY_KEY,),
)
def replay_job(services: Services, actor: Actor, query: ReplayQuery, job_id: str) -> Reply:
    """Train a job that has succeeded once more, and compare the two, epoch by epoch.

    The new job is linked by `replay_of`, runs where the original did, with its engine, and has the verdict in `replay`
    once it has ended. Send an `Idempotency-Key` to make repeating this request safe, as for a submission.
    """
    key, caps, live = IDEMPOTENCY_KEY.read(), services.settings.caps, cache(live_workers(services))
    catalog, where = catalog_of(services, live), actions.Elsewhere(query.engine, query.device, query.threads)
    once = SubmissionKey.of_replay(key, job_id, where, actor) if key else None
    new_id, new = actions.replay(services.db, job_id, caps, catalog, where, actor=actor, key=once)
    answer = _published if new else _read
    return _created(answer(services, actor, new_id, live))


@routes.route(
    "POST",
    "/v1/jobs/<job_id>/evaluate",
    body=EVALUATION,
    answers={201: wire.Job},
    raises=(JobNotFound, IllegalTransition, InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused, TooManyQueuedJobs),
    headers=(IDEMPOTENCY_KEY,),
)
def evaluate_job(services: Services, actor: Actor, job_id: str, body: bytes) -> Reply:
    """Score the network of a job that has succeeded on another data set's validation images.

    Makes a job of the kind `evaluate`, whose evaluation has the figures. The data set must have the job's classes; its
    images are prepared as the job's own. An `Idempotency-Key` makes repeating the request safe, as for a submission.
    """
    key, caps, live = IDEMPOTENCY_KEY.read(), services.settings.caps, cache(live_workers(services))
    request = read_request(body, caps)
    once = SubmissionKey.of_evaluation(key, job_id, request, actor) if key else None
    new_id, new = actions.evaluate(
        services.db, job_id, request, caps, catalog_of(services, live), actor=actor, key=once
    )
    answer = _published if new else _read
    return _created(answer(services, actor, new_id, live))


def _repeat(services: Services, actor: Actor, body: bytes, key: str, live: Callable[[], Workers]) -> Reply | None:
    """Answer a refused submission whose first request was accepted; None where no earlier request had its key.

    The first request was checked against the limits and the live workers' data of its time; both may have changed.
    """
    try:
        submission = parse_submission(body, NO_CAPS, catalog_of(services, live).with_any_counts())
    except InvalidSpec:
        return None
    job_id = idempotency.made_by(services.db, SubmissionKey.of_submission(key, submission, actor))
    return None if job_id is None else _submitted(_read(services, actor, job_id, live), submission)


def _read(services: Services, actor: Actor, job_id: str, live: Callable[[], Workers]) -> wire.Job:
    return queries.job(services.db, job_id, live=live, actor=actor)


def _published(services: Services, actor: Actor, job_id: str, live: Callable[[], Workers]) -> wire.Job:
    """Publish the job's message after the commit, then read the job. Without Redis the reconciler publishes later."""
    publisher.publish(services.db, services.broker, job_id)
    return _read(services, actor, job_id, live)


def _submitted(job: wire.Job, submission: Submission) -> Reply:
    return _created(wire.SubmittedJob(**{**vars(job), "cost": detailed_cost(submission.cost)}))


def _created(job: wire.Job) -> Reply:
    return Reply(job, 201, {"Location": f"/v1/jobs/{job.id}"})


def _dry_run(services: Services, actor: Actor, submission: Submission, live: Workers) -> wire.DryRun:
    return wire.DryRun(
        preset=submission.preset,
        queue=submission.spec.queue,
        spec=submission.document,
        spec_hash=submission.spec_hash,
        config_hash=submission.config_hash,
        cost=detailed_cost(submission.cost),
        warnings=lacking.warnings_for(live, submission),
        estimate=services.estimates.of_submission(submission, live, actor=actor),
    )
