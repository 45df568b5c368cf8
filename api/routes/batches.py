"""The endpoints about many jobs at once: submit, cancel, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeAlias

from api.http.operations import Reply, Routes
from api.http.requests.batches import BATCH, IDS, read_batch, read_ids
from api.http.requests.parameters import IDEMPOTENCY_KEY
from api.http.requests.parsing import parse_job_id
from api.live import catalog_of, live_workers
from api.services import Services
from shared import wire
from shared.delivery import publisher
from shared.errors import (
    DatabaseUnavailable,
    FlightlineError,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidSpec,
    JobNotFound,
    TooManyQueuedJobs,
)
from shared.jobs import batches, deletion, idempotency
from shared.jobs.actor import Actor
from shared.jobs.batches import Outcomes
from shared.jobs.idempotency import SubmissionKey
from shared.jobs.reads import queries
from shared.jobs.reads.queries import Workers
from shared.jobs.reads.short_ids import whole_ids
from shared.jobspec import NO_CAPS, parse_batch

Done: TypeAlias = Literal["cancelled", "requested", "deleted"]
routes = Routes("jobs", raises=(DatabaseUnavailable,))


@routes.route(
    "POST",
    "/v1/jobs/batch",
    body=BATCH,
    answers={201: wire.Batch},
    raises=(InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused, TooManyQueuedJobs),
    headers=(IDEMPOTENCY_KEY,),
)
def submit_batch(services: Services, actor: Actor, body: bytes) -> Reply:
    """Submit up to 1,000 jobs, all of them or none.

    Each is as in a submission of its own. Where some of them are wrong none is stored, and the problems point into the
    batch, as `/jobs/3/training/epochs`.

    Send an `Idempotency-Key` to make retries safe: the same batch with the same key makes no second jobs. For 24 hours
    the key stays with the batch, whatever becomes of its jobs.
    """
    key, live, documents = IDEMPOTENCY_KEY.read(), cache(live_workers(services)), read_batch(body)
    try:
        submissions = parse_batch(documents, services.settings.caps, catalog_of(services, live))
    except InvalidSpec:
        if key is None or (first := _first(services, actor, documents, key, live)) is None:
            raise
        return _accepted(services, actor, first, live)
    if key is None:
        ids, new = batches.submit_all(services.db, submissions, actor=actor), True
    else:
        once = SubmissionKey.of_batch(key, submissions, actor)
        ids, new = batches.submit_all_once(services.db, submissions, once, actor=actor)
    if new:
        publisher.publish_many(services.db, services.broker, ids)
    return _accepted(services, actor, ids, live)


@routes.route("POST", "/v1/jobs/cancel", body=IDS, answers={200: wire.JobOutcomes}, raises=(InvalidSpec,))
def cancel_jobs(services: Services, actor: Actor, body: bytes) -> Reply:
    """Cancel up to 1,000 jobs, each as by a request of its own, and say of each what became of it.

    Those that do not exist, have ended or are meant by an ambiguous end of an id are left as they are. The request may
    be repeated.
    """
    texts = read_ids(body)
    named = _named(services, actor, texts)
    done = batches.cancel_all(services.db, _ids_in(named), actor=actor)
    return _outcomes(texts, named, done)


@routes.route("POST", "/v1/jobs/delete", body=IDS, answers={200: wire.JobOutcomes}, raises=(InvalidSpec,))
def delete_jobs(services: Services, actor: Actor, body: bytes) -> Reply:
    """Delete up to 1,000 finished jobs with their epochs and artifacts, and say of each what became of it.

    Those that do not exist, have not ended or are meant by an ambiguous end of an id are left as they are. While the
    artifact storage is unavailable, jobs that have files are not deleted (`storage_unavailable`).
    """
    texts = read_ids(body)
    named = _named(services, actor, texts)
    done = deletion.delete_all(services.db, services.storage, _ids_in(named), actor=actor)
    return _outcomes(texts, named, {one: "deleted" if error is None else error for one, error in done.items()})


def _first(
    services: Services, actor: Actor, documents: Sequence[Any], key: str, live: Callable[[], Workers]
) -> list[str] | None:
    """Return the jobs of a refused batch whose first request was accepted; None where no earlier request had its key.

    The first request was checked against the limits and the live workers' data of its time; both may have changed.
    """
    try:
        submissions = parse_batch(documents, NO_CAPS, catalog_of(services, live).with_any_counts())
    except InvalidSpec:
        return None
    return idempotency.batch_made_by(services.db, SubmissionKey.of_batch(key, submissions, actor))


def _accepted(services: Services, actor: Actor, job_ids: Sequence[str], live: Callable[[], Workers]) -> Reply:
    jobs = queries.jobs_by_id(services.db, job_ids, live=live, actor=actor)
    return Reply(wire.Batch(items=jobs), 201, {"Location": "/v1/jobs"})


def _named(services: Services, actor: Actor, texts: Sequence[str]) -> Outcomes[str]:
    """Return for each text the id of the job that it names, or why it names none."""
    named = dict[str, str | FlightlineError]()
    for text in texts:
        try:
            named[text] = parse_job_id(text)
        except JobNotFound as error:
            named[text] = error
    whole = whole_ids(services.db, _ids_in(named), actor=actor)
    return {text: one if isinstance(one, FlightlineError) else whole[one] for text, one in named.items()}


def _ids_in(named: Outcomes[str]) -> list[str]:
    return [one for one in named.values() if isinstance(one, str)]


def _outcomes(texts: Sequence[str], named: Outcomes[str], done: Mapping[str, Done | FlightlineError]) -> Reply:
    return Reply(wire.JobOutcomes(items=[_outcome(text, named[text], done) for text in texts]))


def _outcome(text: str, job: str | FlightlineError, done: Mapping[str, Done | FlightlineError]) -> wire.JobOutcome:
    result = job if isinstance(job, FlightlineError) else done[job]
    return wire.JobOutcome(
        id=text,
        job_id=None if isinstance(job, FlightlineError) else job,
        outcome=None if isinstance(result, FlightlineError) else result,
        error=wire.Failure(code=result.code, detail=result.detail) if isinstance(result, FlightlineError) else None,
    )
