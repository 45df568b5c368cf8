"""The endpoint that puts jobs beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from api.http.operations import Reply, Routes
from api.http.requests.fields import chosen, document_of
from api.http.requests.parameters import CompareQuery
from api.http.requests.parsing import parse_job_id
from api.live import live_workers
from api.services import Services
from shared import wire
from shared.errors import AmbiguousJobId, DatabaseUnavailable, FlightlineError, JobNotFound
from shared.jobs.actor import Actor
from shared.jobs.reads import comparison
from shared.jobs.reads.short_ids import whole_ids

routes = Routes("results", raises=(DatabaseUnavailable,))


@routes.route(
    "GET",
    "/v1/compare",
    query=CompareQuery,
    answers={200: (wire.Comparison, wire.SomeOfComparison)},
    raises=(JobNotFound, AmbiguousJobId),
)
def compare_jobs(services: Services, actor: Actor, query: CompareQuery) -> Reply:
    """Put 2 to 200 jobs beside each other: in what their specs differ, and the curves of their epochs.

    `curves` has the epochs of all jobs in common columns, each with one list for each job and null where it has no such
    epoch. Of more than 50,000 epochs in all, only every second, third … one is there, and the last one of each job.
    Of jobs that do not exist, the error 404 names all in `jobs`.
    """
    ids = _named(services, actor, query.job)
    found = comparison.compare(services.db, ids, query.curves, live=live_workers(services), actor=actor)
    if query.curves is None and not query.paths:
        return Reply(found)
    jobs = [document_of(job) for job in found.jobs]
    jobs = [chosen(job, query.paths) for job in jobs] if query.paths else jobs
    return Reply(wire.SomeOfComparison(jobs=jobs, differing=found.differing, curves=document_of(found.curves)))


def _named(services: Services, actor: Actor, texts: Sequence[str]) -> list[str]:
    """Return the whole ids of jobs. Raises JobNotFound with all that none can be found for, else AmbiguousJobId."""
    named: dict[str, str | FlightlineError] = {}
    for text in texts:
        try:
            named[text] = parse_job_id(text)
        except JobNotFound as error:
            named[text] = error
    whole = whole_ids(services.db, [one for one in named.values() if isinstance(one, str)], actor=actor)
    found = [whole[one] if isinstance(one, str) else one for one in (named[text] for text in texts)]
    if missing := [error.jobs[0] for error in found if isinstance(error, JobNotFound)]:
        raise JobNotFound(*missing)
    for one in found:
        if isinstance(one, FlightlineError):
            raise one
    return [one for one in found if isinstance(one, str)]
