"""Notebooks made from specs, and a process of their own that runs them as a person's kernel would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from shared import wire
from shared.jobspec import BUILT_IN, Caps, Catalog, parse_spec
from shared.jobspec.fields.job import JobSpec
from shared.notebook import Record
from worker.training.results import EpochResult, TrainingResult

_KERNEL = """
import contextlib, io, json, sys, traceback

OURS = {"api", "flightline", "migrations", "shared", "tests", "worker"}

for line in sys.stdin:
    names, printed = {"__name__": "__main__"}, io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            for cell in json.loads(line):
                exec(compile(cell, "<cell>", "exec"), names)
        answer = {name: names[name] for name in ("history", "best_epoch")}
        answer |= {"confusion": names["confusion"].tolist(), "weights": list(names["network"].state_dict())}
    except Exception:
        answer = {"failure": traceback.format_exc()}
    answer |= {"printed": printed.getvalue(), "ours": sorted(OURS & set(sys.modules))}
    print(json.dumps(answer), flush=True)
"""


def code_of(notebook: Mapping[str, Any]) -> list[str]:
    """The source of each code cell."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def words_of(notebook: Mapping[str, Any]) -> str:
    """All Markdown cells as one text."""
    return "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


@dataclass
class Ran:
    """What a notebook has in its variables after its last cell, and what it printed."""

    history: dict[str, list[float]]
    best_epoch: int
    confusion: list[list[int]]
    weights: list[str]
    printed: str


class Kernel:
    """An isolated Python, without this checkout on its path, that runs notebooks one after another."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-I", "-W", "ignore", "-c", _KERNEL]
        environment = {**os.environ, "MPLBACKEND": "Agg"}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, notebook: Mapping[str, Any], before: str = "") -> Ran:
        """Run all code cells, top to bottom, among variables of their own, after a cell of `before`.

        Fails where a cell does.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([before, *code_of(notebook)]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "failure" not in answer, answer["failure"]
        assert not answer.pop("ours"), "the notebook imports Flightline"
        return Ran(**answer)


def record_of(
    document: Mapping[str, Any],
    epochs: list[EpochResult] | None = None,
    result: TrainingResult | None = None,
    catalog: Catalog = BUILT_IN,
    **fields: Any,
) -> Record:
    """What a notebook is made from: a job of this document, with these epochs and this result."""
    submission = parse_spec(document, Caps(), catalog)
    spec = JobSpec.model_validate(submission.document)
    info = catalog.datasets[spec.dataset.name]
    given: dict[str, Any] = {
        "job": _job(submission.document, submission.preset, epochs or [], result),
        "spec": spec,
        "epochs": _columns(epochs or []),
        "evaluation": None if result is None else _evaluation(result, "best"),
        "test": _evaluation(result, "test") if result is not None and "test" in result.evaluations else None,
        "environment": {} if result is None else result.environment,
        "input_shape": info.shape_for(spec.dataset),
        "published_moments": info.published_moments,
    }
    return Record(**given | fields)


def _job(
    document: dict[str, Any], preset: str | None, epochs: list[EpochResult], result: TrainingResult | None
) -> wire.Job:
    best = max(epochs, key=lambda epoch: epoch.val_accuracy, default=None)
    last = epochs[-1] if epochs else None
    figures = None
    if best is not None and last is not None:
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        of_last = {name: getattr(last, name) for name in names}
        figures = wire.Result(**of_last, best_val_accuracy=best.val_accuracy, best_epoch=best.epoch)
    missing: dict[str, Any] = dict.fromkeys(
        ("device", "worker", "error", "retry_of", "not_before", "started_at", "finished_at"), None
    )
    return wire.Job(
        id="01890000-0000-7000-8000-00000000abcd",
        kind="train",
        name=document["name"],
        tags=[],
        preset=preset,
        status="queued" if result is None else "succeeded",
        cancel_requested=False,
        priority=5,
        spec=document,
        spec_hash="",
        config_hash="",
        cost=wire.Cost(parameters=0, flops_per_epoch=0, weight_bytes=0),
        warnings=[],
        progress=wire.Progress(epoch=len(epochs), epochs=document["training"]["epochs"], eta_seconds=None),
        result=figures,
        engine=None if result is None else result.engine,
        attempts=1,
        exact=True if result is None else result.exact,
        created_at="2026-11-27T10:00:00Z",
        queued_at="2026-11-27T10:00:00Z",
        **missing,
    )


def _columns(epochs: list[EpochResult]) -> wire.EpochColumns:
    names = ("epoch", "train_loss", "train_accuracy", "last_batch_loss", "val_loss", "val_accuracy", "lr", "seconds")
    columns: dict[str, list[Any]] = {name: [getattr(epoch, name) for epoch in epochs] for name in names}
    speeds = [epoch.samples_per_second for epoch in epochs]
    digests: list[str | None] = [epoch.digest for epoch in epochs]
    more = {"attempt": [1] * len(epochs), "seq": columns["epoch"]}
    return wire.EpochColumns(**columns, samples_per_second=speeds, digest=digests, **more)


def _evaluation(result: TrainingResult, weights: Literal["best", "test"]) -> wire.Evaluation:
    best = result.evaluations[weights]
    return wire.Evaluation(
        weights=weights,
        epoch=result.best_epoch,
        accuracy=best.accuracy,
        loss=best.loss,
        classes=list(best.classes),
        confusion_matrix=[list(row) for row in best.confusion_matrix],
        per_class=[],
    )
