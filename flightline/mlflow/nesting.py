"""The runs of a sweep's jobs, nested below one run for the sweep, as MLflow's page shows them.

That run is found by a tag, as those of jobs are. Of several that exports create at the same time one stays, by the same
rule (`doubles`). An export whose own run does not stand goes on with the one that does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from flightline.client.client import Client
from flightline.client.display.tables import flat
from flightline.client.search.sweep_records import SweepRecord
from flightline.errors import NotFound
from flightline.mlflow import doubles, exported, runs
from flightline.mlflow.runs import Run
from flightline.mlflow.server import Server

PARENT = "mlflow.parentRunId"
"""MLflow's own tag of a run that is nested below another."""
STATUSES = {"finished": "FINISHED", "cancelled": "KILLED"}
ASKED = ("algorithm", "objective", "asha", "max_trials", "max_parallel", "repeats")


def nest(client: Client, server: Server, experiment_id: str, sweeps: Iterable[str]) -> None:
    """Write sweeps, each as one run, and nest the runs of their jobs below it.

    Args:
        client: the service that has the sweeps; one that was deleted there is passed over.
        server: where the jobs' runs are.
        experiment_id: the experiment that has them.
        sweeps: ids of sweeps.
    """
    for sweep_id in sweeps:
        try:
            _nest(server, experiment_id, client.find_sweep(sweep_id), client.base_url)
        except NotFound:
            continue


def _nest(server: Server, experiment_id: str, sweep: SweepRecord, url: str) -> None:
    found = doubles.of(server, experiment_id, exported.SWEEP_RUN, sweep.id)
    if not found:
        mine = runs.id_of(server.create_run(_run_of(sweep, experiment_id, url)))
        found = doubles.of(server, experiment_id, exported.SWEEP_RUN, sweep.id)
        if runs.id_of(found[0]) != mine:
            server.delete_run(mine)
    written = None
    while not runs.is_deleted(found[0]) and runs.id_of(found[0]) != written:
        written = runs.id_of(found[0])
        with server.unless_deleted(written):
            _write(server, written, sweep)
            _nest_jobs(server, experiment_id, sweep.id, written)
            server.log(written, tags=[{"key": runs.STATE, "value": runs.WHOLE}])
        found = doubles.of(server, experiment_id, exported.SWEEP_RUN, sweep.id)
    doubles.delete(server, found)


def _nest_jobs(server: Server, experiment_id: str, sweep_id: str, run_id: str) -> None:
    for child in server.runs(experiment_id, where=f"tags.`{exported.SWEEP}` = '{sweep_id}'"):
        if runs.tag(child, PARENT) != run_id:
            with server.unless_deleted(runs.id_of(child)):
                server.log(runs.id_of(child), tags=[{"key": PARENT, "value": run_id}])


def _run_of(sweep: SweepRecord, experiment_id: str, url: str) -> Run:
    tags = {
        exported.SWEEP_RUN: sweep.id,
        runs.STATE: runs.BEGUN,
        "flightline.url": f"{url}/sweeps/{sweep.id}",
        **({"flightline.owner": sweep.owner, "mlflow.user": sweep.owner} if sweep.owner else {}),
        "mlflow.source.name": "flightline",
        "mlflow.source.type": "JOB",
    }
    return {
        "experiment_id": experiment_id,
        "run_name": sweep.title[: exported.LONGEST_KEY],
        "start_time": exported.milliseconds(sweep.created_at),
        "tags": exported.pairs(tags, exported.LONGEST_TAG),
    }


def _write(server: Server, run_id: str, sweep: SweepRecord) -> None:
    """Write what was asked for, the best value so far and, once it has ended, how and with which point as the best."""
    params = flat({name: sweep.raw[name] for name in ASKED})
    params |= {f"space.{path}": json.dumps(one) for path, one in sweep.raw["space"].items()}
    if best := sweep.best:
        value = {"key": f"best_{sweep.objective.metric}", "value": best.value, "step": sweep.points_tried}
        server.log(run_id, metrics=[value | {"timestamp": exported.milliseconds(sweep.created_at)}])
    if sweep.finished_at:
        last = {"point": best.point} | best.raw["params"] if best else {}
        params |= {f"best.{path}": one for path, one in last.items()}
        server.end_run(run_id, STATUSES[sweep.status], exported.milliseconds(sweep.finished_at))
    texts = {path: exported.text(one) for path, one in params.items() if one is not None}
    for part in exported.parts(exported.pairs(texts, exported.LONGEST_PARAM), exported.PARAMS_AT_ONCE):
        server.log(run_id, params=part)
