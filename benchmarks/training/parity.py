"""Whether jobs learn what the notebook's loop learns: prints a table of both, for the notebook's three networks.

    python -m benchmarks.training.parity                      two epochs of each: losses must agree to 1e-4
    … --epochs 100 --only notebook-tapered                    accuracy must agree to half a point

Real images where the data directory has them (FLIGHTLINE_DATA_DIR), else drawn ones. One thread.
Exits with 1 where they do not agree.
"""

from __future__ import annotations

import argparse
import sys
from typing import TypeVar

import torch

from benchmarks.support.images import real_or_drawn
from tests.golden import notebook
from worker.training.data import LoadedDataset
from worker.training.engines import ENGINES
from worker.training.plan import DatasetPlan, MlpPlan, TrainingPlan
from worker.training.results import EpochResult
from worker.training.trainer import train

LOSS_TOLERANCE = 1e-4  # relative, in fp32, over the first two epochs: after that, rounding has been amplified
ACCURACY_TOLERANCE = 0.005
ARCHITECTURES = {
    "notebook-linear": MlpPlan((512,)),
    "notebook-tapered": MlpPlan((1024, 512, 128)),
    "notebook-tapered-logits": MlpPlan((1024, 512, 128), output="logits"),
}
CLASSES = ("airplane", "bird")

E = TypeVar("E")


def main() -> int:
    """Train by both and compare, with the options of the command line; return the exit code."""
    options = _options()
    torch.set_num_threads(1)
    data = real_or_drawn(CLASSES)
    print(f"{data.name} ({data.source}), {len(data.train)} + {len(data.val)} images, seed {options.seed}, one thread")
    names = options.only or list(ARCHITECTURES)
    agreements = [_compare(name, data, options) for name in names]
    return 0 if all(agreements) else 1


def _compare(name: str, data: LoadedDataset, options: argparse.Namespace) -> bool:
    expected = _notebook(name, data, options)
    got = _flightline(name, data, options)
    print(f"{'':24}{'notebook loss':>16}{'job loss':>16}{'relative':>12}{'notebook acc.':>15}{'job acc.':>10}")
    for number, (theirs, ours) in enumerate(zip(expected, got, strict=True), start=1):
        apart = abs(ours.train_loss / theirs.train_loss - 1)
        losses = f"{theirs.train_loss:16.9f}{ours.train_loss:16.9f}{apart:12.1e}"
        print(f"  epoch {number:<16}{losses}{theirs.val_accuracy:15.4f}{ours.val_accuracy:10.4f}")
    return _agrees(expected, got)


def _agrees(expected: list[notebook.NotebookEpoch], got: list[EpochResult]) -> bool:
    first_two = list(zip(expected, got, strict=True))[:2]
    losses = max(abs(ours.train_loss / theirs.train_loss - 1) for theirs, ours in first_two)
    accuracy = abs(got[-1].val_accuracy - expected[-1].val_accuracy)
    agrees = losses <= LOSS_TOLERANCE and accuracy <= ACCURACY_TOLERANCE
    verdict = "agree" if agrees else "DO NOT AGREE"
    best = f"best accuracy {max(e.val_accuracy for e in expected):.4f} and {max(e.val_accuracy for e in got):.4f}"
    print(f"  {verdict}: losses of two epochs to {losses:.1e}, final accuracy to {100 * accuracy:.2f} points; {best}")
    return agrees


def _notebook(name: str, data: LoadedDataset, options: argparse.Namespace) -> list[notebook.NotebookEpoch]:
    train_set, val_set = (notebook.samples(split.images, split.labels) for split in (data.train, data.val))
    epochs = notebook.train(name, train_set, val_set, options.seed, options.epochs)
    return [_progress(name, "notebook", epoch) for epoch in epochs]


def _flightline(name: str, data: LoadedDataset, options: argparse.Namespace) -> list[EpochResult]:
    plan = TrainingPlan(
        DatasetPlan(data.name, data.classes), ARCHITECTURES[name], epochs=options.epochs, seed=options.seed
    )
    epochs: list[EpochResult] = []
    cpu = torch.device("cpu")

    def report(epoch: EpochResult) -> None:
        epochs.append(_progress(name, "job", epoch))

    result = train(plan, data, cpu, on_epoch=report, check=lambda: None, engine=options.engine)
    print(f"\n{name}, engine {result.engine}")
    return epochs


def _progress(name: str, whose: str, epoch: E) -> E:
    print(f"{name} {whose} {epoch}", file=sys.stderr, flush=True)
    return epoch


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=list(ARCHITECTURES), help="this network; may be repeated")
    parser.add_argument("--engine", default="auto", choices=["auto", *ENGINES])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
