"""The endpoints of runs of other trackers: imported as finished jobs, and their metrics."""

from __future__ import annotations

from api.http.operations import Reply, Routes
from api.http.requests.imports import IMPORT, read_runs
from api.services import Services
from shared import wire
from shared.errors import DatabaseUnavailable, InvalidSpec, JobNotFound
from shared.jobs.actor import Actor
from shared.jobs.imports import insertion, reads

routes = Routes("jobs", raises=(DatabaseUnavailable,))


@routes.route("POST", "/v1/jobs/import", body=IMPORT, answers={200: wire.ImportedRuns}, raises=(InvalidSpec,))
def import_runs(services: Services, actor: Actor, body: bytes) -> Reply:
    """Import up to 100 runs of another tracker as finished jobs of the kind `imported`.

    They stand in lists, comparisons and tables beside jobs that were trained here, and nothing runs them. Each run
    becomes one job, of whoever imports it first, however often it is sent: the request may be repeated.
    """
    runs = read_runs(body, services.settings.caps)
    done = insertion.import_runs(services.db, runs, actor=actor)
    items = [wire.ImportedRun(run=one.run, job_id=one.job_id, new=one.new) for one in done]
    return Reply(wire.ImportedRuns(items=items))


@routes.route(
    "GET", "/v1/jobs/<job_id>/metrics", answers={200: wire.Page[wire.Metric], 304: None}, raises=(JobNotFound,)
)
def list_metrics(services: Services, actor: Actor, job_id: str) -> Reply:
    """List the metrics of an imported run that are no figures of epochs, each with its steps and figures.

    A job that was trained here has none: its figures are epochs.
    """
    return Reply(wire.Page(items=reads.metrics(services.db, job_id, actor=actor), next_cursor=None))
