"""The endpoint that puts jobs beside each other."""

from __future__ import annotations

from api.http.operations import Reply, Routes
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
    "GET", "/v1/compare", query=CompareQuery, answers={200: wire.Comparison}, raises=(JobNotFound, AmbiguousJobId)
)
def compare_jobs(services: Services, actor: Actor, query: CompareQuery) -> Reply:
    """Put 2 to 200 jobs beside each other: in what their specs differ, and the curves of their epochs.

    `curves` has the epochs of all jobs in common columns, each with one list for each job and null where it has no such
    epoch. Of more than 50,000 epochs in all, only every second, third … one is there, and the last one of each job.
    """
    texts = [parse_job_id(text) for text in query.job]
    named = whole_ids(services.db, texts, actor=actor)
    ids = []
    for text in texts:
        found = named[text]
        if isinstance(found, FlightlineError):
            raise found
        ids.append(found)
    return Reply(comparison.compare(services.db, ids, live=live_workers(services), actor=actor))
