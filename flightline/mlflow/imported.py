"""What a run of MLflow's is as a run that the service imports."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from flightline.mlflow import runs
from flightline.mlflow.exported import JOB, SWEEP_RUN, TAGS

SOURCE = "mlflow"
STATUSES = {"FINISHED": "succeeded", "FAILED": "failed", "KILLED": "cancelled"}
"""MLflow's statuses of runs that have ended, and ours."""
MOST_PARAMS, MOST_METRICS, MOST_TAGS, MOST_LABELS = 1000, 500, 200, 20
LONGEST_NAME, LONGEST_VALUE, LONGEST_LABEL, LONGEST_NOTES = 250, 8000, 100, 10_000
MOST_POINTS = 100_000
"""Values of all metrics of a run together; of a run with more, every second, third … is kept, and each last one."""
INFINITE = sys.float_info.max
"""What MLflow's database stores in place of infinity."""
_SHOWN_ELSEWHERE = frozenset(
    {"mlflow.note.content", "mlflow.runName", "mlflow.user", "mlflow.log-model.history", "mlflow.loggedArtifacts"}
)
Json = dict[str, Any]


def is_finished(run: Mapping[str, Any]) -> bool:
    """Whether the run has ended."""
    return run["info"].get("status") in STATUSES


def job_of(run: Mapping[str, Any]) -> str | None:
    """Return the id of the job that the run was exported from; None for a run of any other origin."""
    return _pairs(run, "tags").get(JOB)


def is_sweep(run: runs.Run) -> bool:
    """Whether the run stands for a sweep, so that its jobs' runs are nested below it."""
    return runs.tag(run, SWEEP_RUN) is not None


def metric_names(run: Mapping[str, Any]) -> list[str]:
    """Return the names of the run's metrics."""
    return [str(metric["key"]) for metric in run["data"].get("metrics", ())][:MOST_METRICS]


def import_of(run: Mapping[str, Any], experiment: str, histories: Mapping[str, Iterable[Mapping[str, Any]]]) -> Json:
    """Return the run as the service takes it.

    Args:
        run: as MLflow's search answers it.
        experiment: name of its experiment.
        histories: every value of each of its metrics, by name.
    """
    info, tags = run["info"], _pairs(run, "tags")
    name = info.get("run_name") or tags.get("mlflow.runName")
    user = info.get("user_id") or tags.get("mlflow.user")
    own = {key[:LONGEST_NAME]: value[:LONGEST_VALUE] for key, value in tags.items() if key not in _SHOWN_ELSEWHERE}
    params = {key[:LONGEST_NAME]: value[:LONGEST_VALUE] for key, value in _pairs(run, "params").items()}
    return {
        "source": SOURCE,
        "id": info["run_id"],
        "experiment": _clean(experiment)[:LONGEST_VALUE],
        "user": _clean(user)[:LONGEST_NAME] if user and user != "unknown" else None,
        "name": _label(name) if name else None,
        "notes": _clean(tags.get("mlflow.note.content", ""))[:LONGEST_NOTES] or None,
        "tags": _labels(tags),
        "status": STATUSES[info["status"]],
        "started_at": _instant(info.get("start_time")),
        "finished_at": _instant(info.get("end_time")),
        "params": _first(params, MOST_PARAMS),
        "run_tags": _first(own, MOST_TAGS),
        "metrics": _thinned({name[:LONGEST_NAME]: _series(points) for name, points in histories.items()}),
    }


def _pairs(run: Mapping[str, Any], what: str) -> dict[str, str]:
    return {_clean(str(one["key"])): _clean(str(one.get("value", ""))) for one in run["data"].get(what, ())}


def _first(values: dict[str, str], most: int) -> dict[str, str]:
    return {key: values[key] for key in sorted(values)[:most]}


def _clean(text: str) -> str:
    """Replace NUL and halves of surrogate pairs, which no database stores."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _labels(tags: Mapping[str, str]) -> list[str]:
    """Return tags for the job: those that it had before an export, else what people tagged the run with."""
    if TAGS in tags:
        found = _listed(tags[TAGS])
    else:
        own = ((key, value) for key, value in tags.items() if not key.startswith(("mlflow.", "flightline.")))
        found = [key if value in ("", "true", "True") else f"{key}={value}" for key, value in own]
    labels = (_label(tag) for tag in found if len(tag) <= LONGEST_LABEL)
    return list(dict.fromkeys(label for label in labels if label))[:MOST_LABELS]


def _listed(text: str) -> list[str]:
    """Return the texts of a JSON list; none where somebody has changed it to something else."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def _label(text: str) -> str | None:
    """Return a text as a name or tag: on one line, not too long; None where nothing of it is left."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:LONGEST_LABEL] or None


def _instant(milliseconds: object) -> str | None:
    """Return MLflow's time as ISO 8601; None where a run has none."""
    if not milliseconds:
        return None
    return dt.datetime.fromtimestamp(int(str(milliseconds)) / 1000, dt.UTC).isoformat()


def _series(points: Iterable[Mapping[str, Any]]) -> tuple[list[int], list[float | None]]:
    """Return steps and values in their order; null for what is no finite number."""
    ordered = sorted(points, key=lambda point: (int(point.get("step", 0)), int(point.get("timestamp", 0))))
    values = (float(point["value"]) for point in ordered)
    return [int(point.get("step", 0)) for point in ordered], [one if abs(one) < INFINITE else None for one in values]


def _thinned(series: Mapping[str, tuple[list[int], list[float | None]]]) -> Json:
    every = -(-sum(len(steps) for steps, _ in series.values()) // MOST_POINTS) or 1
    kept: Json = {}
    for name, (steps, values) in series.items():
        chosen = sorted({*range(0, len(steps), every), len(steps) - 1} - {-1})
        kept[name] = {"steps": [steps[at] for at in chosen], "figures": [values[at] for at in chosen]}
    return kept
