"""The endpoints that give a job in another form: as a notebook, as an outline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response
from pydantic import ValidationError

from api.costs import layer_costs
from api.http.downloads import named_after
from api.http.operations import Raw, Reply, Routes
from api.live import catalog_of, live_workers
from api.services import Services
from shared import wire
from shared.errors import DatabaseUnavailable, InvalidSpec, JobNotFound, NotFound
from shared.fleet import datasets
from shared.jobs.actor import Actor
from shared.jobs.reads import queries
from shared.jobs.status import JobKind
from shared.jobspec import NO_CAPS, JobSpec, parse_spec
from shared.jobspec.differences import differences
from shared.notebook import Record, notebook_of

routes = Routes("results", raises=(DatabaseUnavailable,))
NOTEBOOK = Raw("application/x-ipynb+json", {"schema": {"type": "object"}})


@routes.route("GET", "/v1/jobs/<job_id>/notebook", answers={200: NOTEBOOK}, raises=(JobNotFound, NotFound))
def export_notebook(services: Services, actor: Actor, job_id: str) -> Response:
    """Export a job as a Jupyter notebook of plain PyTorch that says what the job did and repeats it."""
    job = queries.job(services.db, job_id, actor=actor)
    notebook = notebook_of(_record(services, actor, job))
    response = Response(orjson.dumps(notebook, option=orjson.OPT_INDENT_2), mimetype=NOTEBOOK.media_type)
    kind = job.spec["architecture"]["kind"]
    name = named_after(job.name or job.preset or kind, kind, job.id, ".ipynb")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.route("GET", "/v1/jobs/<job_id>/outline", answers={200: wire.Outline}, raises=(JobNotFound,))
def read_outline(services: Services, actor: Actor, job_id: str) -> Reply:
    """Read what is particular about a job: what it asks for beyond its preset or the defaults, and its layers."""
    job = queries.job(services.db, job_id, actor=actor)
    found = differences(job.spec, job.preset, job.kind)
    chosen = [wire.Difference(path=one.path, value=one.value, base=one.base) for one in found]
    return Reply(wire.Outline(preset=job.preset, differences=chosen, layers=_layers(services, job)))


def _layers(services: Services, job: wire.Job) -> list[wire.LayerCost] | None:
    if job.kind != JobKind.TRAIN:
        return None
    catalog = catalog_of(services, live_workers(services)).with_any_counts()
    try:
        return layer_costs(parse_spec(job.spec, NO_CAPS, catalog).cost)
    except InvalidSpec:  # a data set that is gone, or the fields of a later release
        return None


def _record(services: Services, actor: Actor, job: wire.Job) -> Record:
    """Return what a notebook is made from.

    Raises:
        NotFound: the job does not train, or a later release has written a spec that this one cannot read.
    """
    spec = _spec(job)
    environments = [attempt.environment for attempt in queries.attempts(services.db, job.id, actor=actor)]
    environment = next((one for one in reversed(environments) if one is not None), {})
    known = queries.workers(services.db, silent_seconds=services.settings.lease_seconds)
    info = datasets.catalog(services.db, known).datasets.get(spec.dataset.name)
    shape = None if info is None else info.shape_for(spec.dataset)
    if info is None or shape is None:
        raise NotFound(f"No notebook of job {job.id}: the images of {spec.dataset.name} are not what they were.")
    held = _held(known, spec, environment)
    return Record(
        job=job,
        spec=spec,
        epochs=queries.epochs(services.db, job.id, actor=actor),
        evaluation=queries.evaluation(services.db, job.id, "best", actor=actor),
        test=queries.evaluation(services.db, job.id, "test", actor=actor),
        environment=environment,
        input_shape=shape,
        published_moments=info.published_moments,
        source=held.get("source"),
        place=held.get("place"),
    )


def _spec(job: wire.Job) -> JobSpec:
    if job.kind != JobKind.TRAIN:
        raise NotFound(f"Job {job.id} is of kind {job.kind}: only a job that trains has a notebook.")
    try:
        return JobSpec.model_validate(job.spec)
    except ValidationError as error:
        raise NotFound(f"Job {job.id} was submitted to a later release, which alone can write its notebook.") from error


def _held(known: queries.Workers, spec: JobSpec, environment: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a worker's report of the images that the job was trained on; of its data set where none fits better."""
    reports = [report for worker in known for report in worker.datasets if report["name"] == spec.dataset.name]
    loaded = {one["source"] for one in reports if one["fingerprint"] == environment.get("data_fingerprint", "")}
    found = [one for one in reports if one.get("place") and set(spec.dataset.classes) <= set(one["classes"])]
    found = [one for one in found if one["source"] in {"torchvision", "folder"}]
    return next((one for one in found if one["source"] in loaded), found[0] if found else {})
