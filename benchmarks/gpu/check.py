"""Whether CUDA graphs work here at all: `python -m benchmarks.gpu.check`, a quarter of a minute; 1 where they do not.

A tiny and the tapered network at every precision: steps must be recorded, and give the losses of `resident`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.gpu.measure import PRECISIONS, run
from benchmarks.gpu.plans import images, plan_of
from worker.training.data import LoadedDataset
from worker.training.plan import MlpPlan, TrainingPlan

TOLERANCES = {"fp32": 1e-3, "tf32": 0.01, "bf16": 0.03}
EPOCHS = 6


def main() -> int:
    """Print a line for each run."""
    if not torch.cuda.is_available():
        print("There is no GPU here: nothing to check.")
        return 0
    failed = list(_failures())
    print("\n".join(failed) or "CUDA graphs are recorded, and give the losses of resident.")
    return 1 if failed else 0


def _failures() -> Iterator[str]:
    data = images(0.2)
    tiny = replace(plan_of("linear"), architecture=MlpPlan((16,)))
    for name, plan in {"tiny": tiny, "tapered": plan_of("tapered")}.items():
        for precision in PRECISIONS:
            problem = _problem(replace(plan, precision=precision), data)
            if problem:
                yield f"{name} {precision}: {problem}"


def _problem(plan: TrainingPlan, data: LoadedDataset) -> str:
    device, began = torch.device("cuda"), time.perf_counter()
    short = replace(plan, epochs=EPOCHS)
    ours, theirs = (run(short, data, device, engine, 1000.0) for engine in ("graphs", "resident"))
    apart = abs(ours["train_loss"] / theirs["train_loss"] - 1)
    seconds = time.perf_counter() - began
    print(
        f"{plan.precision}: {1e3 * ours['epoch_s']:.2f} ms an epoch, losses {apart:.1e} apart, {seconds:.1f} s",
        flush=True,
    )
    if ours["not_recorded"]:
        return f"not recorded: {'; '.join(ours['not_recorded'])}"
    return "" if apart <= TOLERANCES[plan.precision] else f"losses are {apart:.1e} apart"


if __name__ == "__main__":
    sys.exit(main())
