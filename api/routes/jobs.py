"""Jobs: submit, list, read, cancel, retry, delete."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import asdict

from api.http.bodies import ChangeBody, SubmissionBody
from api.http.operations import Reply, Routes
from api.http.pagination import decode_cursor, encode_cursor
from api.http.parameters import IDEMPOTENCY_KEY, JobsQuery, SubmitQuery
from api.services import Services
from shared import wire
from shared.delivery import publisher
from shared.errors import (
    DatabaseUnavailable,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidSpec,
    JobNotFound,
    StorageError,
    StorageUnavailable,
)
from shared.jobs import actions, idempotency, listing, queries
from shared.jobs.actor import Actor
from shared.jobs.idempotency import SubmissionKey
from shared.jobspec import BUILT_IN, Catalog, Submission, parse_submission

routes = Routes("jobs", raises=(DatabaseUnavailable,))
log = logging.getLogger(__name__)


@routes.route(
    "POST",
    "/v1/jobs",
    query=SubmitQuery,
    body=SubmissionBody(),
    answers={201: wire.SubmittedJob, 200: wire.DryRun},
    raises=(InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused),
    headers=(IDEMPOTENCY_KEY,),
)
def submit_job(services: Services, actor: Actor, query: SubmitQuery, body: bytes) -> Reply:
    """Submit a job, or only check one.

    Every field but `architecture` has a default, and a `preset` brings that too. The answer carries the whole spec,
    what the network costs layer by layer, and warnings, such as that no live worker holds the data. While Redis is down
    a job is accepted all the same and delivered once it is back.

    Whoever sends an `Idempotency-Key` may send the same again when no answer came, and makes no second job.
    """
    key = IDEMPOTENCY_KEY.read()
    submission = _judged(services, actor, body, None if query.dry_run else key)
    warnings = queries.warnings_for(services.db, submission, silent_seconds=services.settings.lease_seconds)
    if query.dry_run:
        return Reply(_dry_run(submission, warnings), 200)
    if key is None:
        job_id, new = actions.submit(services.db, submission, warnings=warnings, actor=actor), True
    else:
        once = SubmissionKey.of_submission(key, submission, actor)
        job_id, new = actions.submit_once(services.db, submission, once, warnings=warnings, actor=actor)
    job = _published(services, actor, job_id) if new else _read(services, actor, job_id)
    return _created(wire.SubmittedJob(**{**vars(job), "cost": _cost(submission)}))


@routes.route("GET", "/v1/jobs", query=JobsQuery, answers={200: wire.JobPage})
def list_jobs(services: Services, actor: Actor, query: JobsQuery) -> Reply:
    """List jobs, the newest first unless sorted otherwise."""
    key = decode_cursor(query.sort, query.cursor)
    silent_seconds = services.settings.lease_seconds
    page = listing.jobs(
        services.db, query.filter(), query.sort, key, query.limit, silent_seconds=silent_seconds, actor=actor
    )
    return Reply(wire.JobPage(items=page.items, next_cursor=encode_cursor(query.sort, page.next_key)))


@routes.route("GET", "/v1/jobs/<job_id>", answers={200: wire.Job}, raises=(JobNotFound,))
def read_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Read a job: its spec, status, progress and result."""
    return Reply(_read(services, actor, job_id))


@routes.route(
    "PATCH",
    "/v1/jobs/<job_id>",
    body=ChangeBody(),
    answers={200: wire.Job},
    raises=(JobNotFound, IllegalTransition, InvalidSpec),
)
def change_job(services: Services, actor: Actor, job_id: str, body: bytes) -> Reply:
    """Change a queued job's priority. A job that has started answers 409."""
    actions.set_priority(services.db, job_id, ChangeBody.read(body).priority, actor=actor)
    return Reply(_published(services, actor, job_id))


@routes.route(
    "DELETE", "/v1/jobs/<job_id>", answers={204: None}, raises=(JobNotFound, IllegalTransition, StorageUnavailable)
)
def delete_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Delete a finished job with its epochs and artifacts. A job that is not finished has to be cancelled first.

    The `Idempotency-Key` that it was made with is free again. While the artifact storage does not answer the job stays,
    so that no file is left that no job names: the answer is 503, and the same request succeeds later.
    """
    if actions.may_have_files(services.db, job_id, actor=actor):
        _delete_artifacts(services, job_id)
    actions.delete(services.db, job_id, actor=actor)
    return Reply(None)


@routes.route(
    "POST", "/v1/jobs/<job_id>/cancel", answers={200: wire.Job, 202: wire.Job}, raises=(JobNotFound, IllegalTransition)
)
def cancel_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Cancel a job.

    A queued one is cancelled at once (200); a running one is asked to stop and does so within seconds (202). Cancelling
    a cancelled job changes nothing; any other finished job answers 409.
    """
    done = actions.cancel(services.db, job_id, actor=actor) == "cancelled"
    return Reply(_read(services, actor, job_id), 200 if done else 202)


@routes.route(
    "POST",
    "/v1/jobs/<job_id>/retry",
    answers={201: wire.Job},
    raises=(JobNotFound, IllegalTransition, InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused),
    headers=(IDEMPOTENCY_KEY,),
)
def retry_job(services: Services, actor: Actor, job_id: str) -> Reply:
    """Submit the same spec again as a new job, linked to this one by `retry_of`.

    With an `Idempotency-Key` it may be sent again when no answer came, as a submission may.
    """
    key, caps, catalog = IDEMPOTENCY_KEY.read(), services.settings.caps, _catalog(services)
    if key is None:
        new_id, new = actions.retry(services.db, job_id, caps, catalog, actor=actor), True
    else:
        once = SubmissionKey.of_retry(key, job_id, actor)
        new_id, new = actions.retry_once(services.db, job_id, caps, once, catalog, actor=actor)
    return _created(_published(services, actor, new_id) if new else _read(services, actor, new_id))


def _judged(services: Services, actor: Actor, body: bytes, key: str | None) -> Submission:
    """What is submitted, by what live workers hold; a repeat, by what they held when its first one was accepted."""
    caps, catalog = services.settings.caps, _catalog(services)
    try:
        return parse_submission(body, caps, catalog)
    except InvalidSpec:
        if key is not None:
            with suppress(InvalidSpec):
                repeated = parse_submission(body, caps, catalog.with_any_counts())
                if idempotency.stands(services.db, SubmissionKey.of_submission(key, repeated, actor)):
                    return repeated
        raise


def _read(services: Services, actor: Actor, job_id: str) -> wire.Job:
    return queries.job(services.db, job_id, silent_seconds=services.settings.lease_seconds, actor=actor)


def _catalog(services: Services) -> Catalog:
    """What a spec is judged by; a wrong one is refused without a database, too."""
    try:
        return queries.catalog(services.db, silent_seconds=services.settings.lease_seconds)
    except DatabaseUnavailable:
        return BUILT_IN


def _published(services: Services, actor: Actor, job_id: str) -> wire.Job:
    """Publish after the commit, then read. If Redis is down the reconciler publishes later."""
    publisher.publish(services.db, services.broker, job_id)
    return _read(services, actor, job_id)


def _created(job: wire.Job) -> Reply:
    return Reply(job, 201, {"Location": f"/v1/jobs/{job.id}"})


def _dry_run(submission: Submission, warnings: list[str]) -> wire.DryRun:
    return wire.DryRun(
        preset=submission.preset,
        queue=submission.spec.queue,
        spec=submission.document,
        spec_hash=submission.spec_hash,
        config_hash=submission.config_hash,
        cost=_cost(submission),
        warnings=warnings,
    )


def _cost(submission: Submission) -> wire.DetailedCost:
    totals = asdict(submission.cost)
    return wire.DetailedCost(**totals | {"layers": [wire.LayerCost(**layer) for layer in totals["layers"]]})


def _delete_artifacts(services: Services, job_id: str) -> None:
    """Files that may not be deleted (no permission, no such bucket) are left over: say so and go on."""
    try:
        services.storage.delete_below(job_id)
    except StorageError:
        log.exception("artifacts_left_over", extra={"job_id": job_id})
