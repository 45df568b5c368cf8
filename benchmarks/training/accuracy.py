"""How well the `convnet` preset learns, over five seeds, and how long one thread takes for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import torch

from benchmarks.support.lines import Line, median
from shared.jobspec import Caps, parse_spec
from shared.settings import Settings
from worker.training.data import load
from worker.training.plan import TrainingPlan, plan_from_spec
from worker.training.results import EpochResult
from worker.training.trainer import train

CPU = torch.device("cpu")
SEEDS = range(5)


def lines(rounds: int) -> Iterator[Line]:
    """Accuracy of the last epoch, as each job reports it: nothing is chosen afterwards. Needs the real images."""
    del rounds  # a seed's result is always the same
    settings, plans = Settings(), [_plan(seed) for seed in SEEDS]
    data = load(plans[0].dataset, settings.datasets_dir, settings.cache_dir)
    last, best, seconds = [], [], []
    for plan in plans:
        began = time.process_time()
        epochs: list[EpochResult] = []
        train(plan, data, CPU, on_epoch=epochs.append, check=lambda: None)
        seconds.append(time.process_time() - began)
        last.append(100 * epochs[-1].val_accuracy)
        best.append(100 * max(epoch.val_accuracy for epoch in epochs))
    what = "convnet, accuracy after the last epoch"
    yield Line(f"{what}: mean of {len(SEEDS)} seeds", "%", statistics.mean(last), at_least=95.0, values=last)
    yield Line(f"{what}: standard deviation", "%", statistics.stdev(last))
    yield Line("convnet, accuracy of the best epoch: mean", "%", statistics.mean(best), values=best)
    yield median("convnet, a whole job: processor time of one thread", "s", seconds, at_most=180.0)


def _plan(seed: int) -> TrainingPlan:
    return plan_from_spec(parse_spec({"preset": "convnet", "training": {"seed": seed}}, Caps()).document)
