"""The same jobs without faults, trained by a plain call, to compare with."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import torch

from shared.settings import Settings
from worker.run_job.records import artifacts
from worker.training.data import load
from worker.training.plan import plan_from_spec
from worker.training.results import Weights
from worker.training.trainer import train

_TIMES = ("seconds", "samples_per_second")


@dataclasses.dataclass(frozen=True)
class Clean:
    """What a job should have become.

    Attributes:
        epochs: rows by number, without wall times.
        evaluations: rows by their weights' name.
        tensors: by artifact's name.
        best: `best_val_accuracy` and `best_epoch`.
    """

    epochs: dict[int, dict[str, Any]]
    evaluations: dict[str, dict[str, Any]]
    tensors: dict[str, Weights]
    best: tuple[float, int]


class CleanRuns:
    """Clean runs of specs, each made once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Clean] = {}

    def of(self, spec: dict[str, Any]) -> Clean:
        """The clean run of a stored spec."""
        digest = plan_from_spec(spec).digest
        if digest not in self._made:
            self._made[digest] = self._make(spec)
        return self._made[digest]

    def _make(self, spec: dict[str, Any]) -> Clean:
        plan = plan_from_spec(spec)
        data = load(plan.dataset, self._settings.datasets_dir, self._settings.cache_dir)
        rows: list[dict[str, Any]] = []
        result = train(
            plan,
            data,
            torch.device("cpu"),
            on_epoch=lambda epoch: rows.append(dataclasses.asdict(epoch)),
            check=lambda: None,
        )
        tensors = {f"{name}.safetensors": weights for name, weights in result.weights.items()}
        best = max(rows, key=lambda row: (row["val_accuracy"], -row["epoch"]))
        return Clean(
            epochs={row["epoch"]: untimed(row) for row in rows},
            evaluations={row["weights"]: _as_stored(row) for row in artifacts.evaluation_rows(result)},
            tensors={**tensors, "logits.safetensors": result.logits},
            best=(best["val_accuracy"], best["epoch"]),
        )


def _as_stored(row: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as JSON columns give them back, and without the mistakes, which are read by themselves."""
    stored: dict[str, Any] = json.loads(json.dumps(row))
    return {key: value for key, value in stored.items() if key != "mistakes"}


def untimed(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its wall times, which differ from run to run."""
    return {key: value for key, value in row.items() if key not in _TIMES}
