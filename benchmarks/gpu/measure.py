"""Times whole runs of one network: `python -m benchmarks.gpu.measure tapered --out FOLDER`, a line of JSON for each.

Every engine runs as long as its share of the time allows. Where that is less than 100 epochs, their time is estimated
from the set-up, the first two epochs (which record) and the median of the others, and said to be.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import notebook
from benchmarks.gpu.plans import NETWORKS, images, plan_of
from worker.training import engines
from worker.training.data import LoadedDataset
from worker.training.errors import CancelRequested
from worker.training.plan import Precision, TrainingPlan
from worker.training.results import EpochResult
from worker.training.trainer import train

EPOCHS = 100
PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16")
SECONDS = {"graphs": 60.0, "fused": 4.0, "resident": 4.0, "reference": 4.0}
"""Of each engine's runs, at most."""
SHARE_ON_A_CPU = 0.1

Record = dict[str, Any]


def main() -> int:
    """Measure the network, writing each record as it comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="a quarter of the time")
    parser.add_argument("--engines", nargs="+", default=list(engines.ENGINES))
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":  # as many as a plan asks for, for the notebook's loop too
        torch.set_num_threads(1)
    with (options.out / "records.jsonl").open("a", encoding="utf-8") as file:
        for record in records(options.network, device, 0.25 if options.quick else 1.0, options.engines):
            file.write(json.dumps(record) + "\n")
            file.flush()
            print(line(record), flush=True)
    print(f"{options.network} measured on {device_name(device)}")
    return 0


def records(network: str, device: torch.device, patience: float, chosen: list[str]) -> Iterator[Record]:
    """The notebook's loop, then every engine that runs here at every precision."""
    data = images(1.0 if device.type == "cuda" else SHARE_ON_A_CPU)
    plan = replace(plan_of(network), epochs=EPOCHS)
    about = {"network": network, "device": device_name(device), "torch": torch.__version__, "images": len(data.train)}
    yield {**about, **of_the_notebook(plan, data, device)}
    for precision in PRECISIONS:
        precise = replace(plan, precision=precision)
        yield {**about, **first_in_the_process(precise, data, device)}
        for engine in (engine for engine in candidates(plan, device) if engine in chosen):
            yield {**about, **run(precise, data, device, engine, patience * SECONDS[engine])}


def first_in_the_process(plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> Record:
    """Two epochs by the fastest engine, which load what the device needs: a worker's first job pays for that."""
    engine = candidates(plan, device)[0]
    began = time.perf_counter()
    run(replace(plan, epochs=2), data, device, engine, 0.0)
    return {"engine": engine, "precision": plan.precision, "first_in_process_s": time.perf_counter() - began}


def candidates(plan: TrainingPlan, device: torch.device) -> list[str]:
    """Every engine that can run the plan here, the fastest first."""
    return [name for name, engine in engines.ENGINES.items() if engine.fits(plan, device)]


def of_the_notebook(plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> Record:
    """Four epochs, the first of which does not count."""
    found = notebook.run(plan, data, device, 4)
    epoch = statistics.median(found.epochs[1:])
    figures = {"epoch_s": epoch, "hundred_epochs_s": EPOCHS * epoch + found.evaluation, "estimated": True}
    return {"engine": "notebook", "precision": "fp32", "epochs": 4, "validation_s": found.evaluation, **figures}


def run(plan: TrainingPlan, data: LoadedDataset, device: torch.device, engine: str, patience: float) -> Record:
    """Train until all epochs are done, or three of them and the time is up."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    epochs: list[EpochResult] = []
    began = time.perf_counter()
    ends: list[float] = []

    def on_epoch(result: EpochResult) -> None:
        epochs.append(result)
        ends.append(time.perf_counter() - began)
        if len(epochs) >= 3 and ends[-1] > patience:
            raise CancelRequested

    accuracy, exact = None, None
    reasons = _Reasons()
    logging.getLogger("worker.training").addHandler(reasons)
    try:
        result = train(plan, data, device, on_epoch=on_epoch, check=lambda: None, engine=engine)
        accuracy, exact = result.evaluations["last"].accuracy, result.exact
    except CancelRequested:
        pass
    finally:
        logging.getLogger("worker.training").removeHandler(reasons)
    wall = time.perf_counter() - began
    return {
        "engine": engine,
        "precision": plan.precision,
        "not_recorded": reasons.found,
        **_figures(epochs, ends, wall),
        "accuracy": accuracy,
        "exact": exact,
        "peak_mib": _peak_mib(device),
    }


class _Reasons(logging.Handler):
    """Why steps could not be recorded, where that happened: figures without a recording say nothing of one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the reason of a `steps_not_recorded` event."""
        if record.msg == "steps_not_recorded":
            self.found.append(str(record.__dict__["reason"]))


def _figures(epochs: list[EpochResult], ends: list[float], wall: float) -> Record:
    setup = ends[0] - epochs[0].seconds
    steady = statistics.median(epoch.seconds for epoch in epochs[2:] or epochs)
    whole = len(epochs) == EPOCHS
    estimate = setup + sum(epoch.seconds for epoch in epochs[:2]) + (EPOCHS - 2) * steady
    training = statistics.median(10_000 / epoch.samples_per_second for epoch in epochs[2:] or epochs)
    return {
        "epochs": len(epochs),
        "setup_s": setup,
        "first_epochs_s": [epoch.seconds for epoch in epochs[:2]],
        "epoch_s": steady,
        "training_per_10000_s": training,
        "hundred_epochs_s": wall if whole else estimate,
        "estimated": not whole,
        "slowest_epoch_s": max(epoch.seconds for epoch in epochs[2:] or epochs),
        "train_loss": epochs[-1].train_loss,
    }


def _peak_mib(device: torch.device) -> float | None:
    return torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else None


def device_name(device: torch.device) -> str:
    """The name of the GPU model, or ``CPU``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def line(record: Record) -> str:
    """A record of a measured run as one line of text."""
    if "first_in_process_s" in record:
        seconds = record["first_in_process_s"]
        return f"{record['precision']} {record['engine']}: two epochs, the first in this process: {seconds:.2f} s"
    estimated = "about " if record["estimated"] else ""
    hundred = f"100 epochs {estimated}{record['hundred_epochs_s']:.2f} s, {1e3 * record['epoch_s']:.2f} ms each"
    broken = "".join(f" NOT RECORDED: {reason}" for reason in record.get("not_recorded", ()))
    return f"{record['network']} {record['precision']} {record['engine']}: {hundred}{broken}"


if __name__ == "__main__":
    sys.exit(main())
