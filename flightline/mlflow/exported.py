"""What a finished job is as a run of MLflow's: its params, metrics, tags and status, within MLflow's limits."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from flightline.client.display.tables import flat
from flightline.client.jobs import Job
from flightline.client.records import Attempt, Epochs
from flightline.mlflow import runs

JOB, TAGS = "flightline.job", "flightline.tags"
SWEEP, SWEEP_RUN = "flightline.sweep", "flightline.sweep_run"
"""Tags with the id of a sweep: those of its jobs' runs, and of the run that they are nested below."""
PARAMS_AT_ONCE, TAGS_AT_ONCE, METRICS_AT_ONCE = 100, 100, 1000
LONGEST_PARAM, LONGEST_TAG, LONGEST_KEY = 6000, 5000, 250
STATUSES = {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
FIGURES = (
    *("train_loss", "train_accuracy", "last_batch_loss", "val_loss", "val_accuracy"),
    *("lr", "seconds", "samples_per_second"),
)
_FOREIGN = re.compile(r"[^\w\-. :/]", re.ASCII)
Json = dict[str, Any]


def run_of(job: Job, experiment_id: str, url: str) -> Json:
    """Return the run to create for a job, whose tags say which job it is and that it is not whole yet."""
    tags = {**tags_of(job, url), runs.STATE: runs.BEGUN}
    return {
        "experiment_id": experiment_id,
        "run_name": job.title[:LONGEST_KEY],
        "start_time": milliseconds(job.started_at or job.created_at),
        "tags": pairs(tags, LONGEST_TAG),
    }


def tags_of(job: Job, url: str) -> dict[str, str]:
    """Return the tags of a job: its id and address, its owner, tags and hashes, and MLflow's own for user and notes."""
    raw = job.raw
    known = {name: raw.get(name) for name in ("owner", "preset", "device", "engine", "retry_of", "sweep")}
    error = raw.get("error") or {}
    found = {
        JOB: job.id,
        "flightline.url": f"{url}/jobs/{job.id}",
        "flightline.status": job.status,
        "flightline.spec_hash": job.spec_hash,
        "flightline.config_hash": job.config_hash,
        TAGS: json.dumps(job.tags) if job.tags else None,
        **{f"flightline.{name}": value for name, value in known.items()},
        "flightline.error": f"{error['code']}: {error['detail']}" if error else None,
        "mlflow.user": raw.get("owner"),
        "mlflow.source.name": "flightline",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": raw.get("notes"),
    }
    return {key: str(value) for key, value in found.items() if value is not None}


def environment_tags(attempts: Sequence[Attempt]) -> dict[str, str]:
    """Return what decided the bits of the last attempt that says so, such as versions of packages."""
    environments = [attempt.raw["environment"] for attempt in attempts if attempt.raw.get("environment")]
    plain = flat(environments[-1]) if environments else {}
    return {f"flightline.environment.{path}": text(value) for path, value in plain.items() if value is not None}


def params_of(job: Job) -> dict[str, str]:
    """Return the job's spec by dotted paths, labels apart; null is left out."""
    spec = {name: value for name, value in job.raw["spec"].items() if name not in {"name", "tags"}}
    return {path: text(value) for path, value in flat(spec).items() if value is not None}


def metrics_of(job: Job, epochs: Epochs) -> Iterator[Json]:
    """Yield each figure of each epoch, at the time at which the epoch ended, by the durations that were recorded.

    The times are the same whenever they are computed: MLflow stores a value that it has already once.
    """
    at = float(milliseconds(job.started_at or job.created_at))
    for epoch in epochs.rows():
        at += 1000 * epoch.seconds
        for name in FIGURES:
            yield {"key": name, "value": epoch.raw[name], "timestamp": int(at), "step": epoch.epoch}


def pairs(values: Mapping[str, str], longest: int) -> list[Json]:
    """Return keys and values as MLflow takes them: keys of its characters, values cut where they are too long."""
    return [{"key": _key(key), "value": _cut(value, longest)} for key, value in values.items()]


def parts(values: Iterable[Json], most: int) -> Iterator[list[Json]]:
    """Yield the values in lists of at most so many."""
    rest = iter(values)
    while part := list(islice(rest, most)):
        yield part


def milliseconds(instant: str) -> int:
    """Return an ISO 8601 instant as milliseconds since 1970."""
    return int(dt.datetime.fromisoformat(instant).timestamp() * 1000)


def _key(key: str) -> str:
    return _FOREIGN.sub("_", key)[:LONGEST_KEY]


def _cut(value: str, longest: int) -> str:
    return value if len(value) <= longest else f"{value[: longest - 1]}…"


def text(value: object) -> str:
    """Return a value as JSON, but a text as it is."""
    return value if isinstance(value, str) else json.dumps(value)
