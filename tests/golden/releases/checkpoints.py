"""Checkpoints in the middle of an epoch, as the code that is checked out writes them, with what the whole run gives.

The images are the drawn ones at a sixteenth of their size, and the networks as small: a file has a few kilobytes.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from shared.jobspec import Caps, parse_spec
from worker.training.data import LoadedDataset
from worker.training.data.records import Split, loaded_dataset
from worker.training.data.sources.synthetic import draw_split
from worker.training.plan import plan_from_spec
from worker.training.results import EpochResult, TrainingResult
from worker.training.state.checkpoints import Checkpointing, State, decode, encode
from worker.training.trainer import train

RUNS = "checkpoints.json"
"""Beside the files: of each run its stored spec, its epochs and the last epoch's validation scores."""
INTERRUPTED = 2, 2
"""The epoch that a checkpoint is in, of four, and how many of its three batches are done."""

_CLASSES = ("airplane", "bird")
_MLP = {"kind": "mlp", "hidden": [8]}
_CONVOLUTION: dict[str, Any] = {"kind": "conv2d", "out_channels": 4, "kernel_size": 2, "stride": 2}
_END: list[dict[str, Any]] = [{"kind": "flatten"}, {"kind": "dropout", "p": 0.3}, {"kind": "linear"}]
_LAYERS = [_CONVOLUTION, {"kind": "batchnorm"}, {"kind": "relu"}, *_END]
_BLOCK = {"kind": "residual", "layers": [{**_CONVOLUTION, "kernel_size": 1, "stride": 1}, {"kind": "batchnorm"}]}
_WHITENED = [{"kind": "whitening", "kernel_size": 2}, {"kind": "gelu"}, {**_CONVOLUTION, "stride": 1}, _BLOCK, *_END]
_AUGMENT = [{"kind": "flip"}, {"kind": "crop", "padding": 1}, {"kind": "cutout", "size": 2}]

CASES: dict[str, dict[str, Any]] = {
    "reference-mlp-momentum": {
        "architecture": _MLP,
        "training": {"engine": "reference", "optimizer": {"kind": "sgd", "lr": 0.05, "momentum": 0.9}},
    },
    "reference-layers-adam": {
        "architecture": {"kind": "layers", "layers": _LAYERS, "output": "logits"},
        "training": {
            "engine": "reference",
            "optimizer": {"kind": "adam"},
            "augment": _AUGMENT,
            "early_stopping": {"patience": 3},
            "label_smoothing": 0.1,
        },
    },
    "fused-mlp-adam": {
        "architecture": {**_MLP, "activation": "gelu"},
        "training": {"engine": "fused", "optimizer": {"kind": "adam"}, "schedule": {"kind": "cosine"}},
    },
    "fused-mlp-momentum": {
        "architecture": _MLP,
        "training": {
            "engine": "fused",
            "optimizer": {"kind": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            "schedule": {"kind": "step", "step_epochs": 2, "gamma": 0.5},
        },
    },
    "resident-layers-adamw": {
        "architecture": {"kind": "layers", "layers": _LAYERS},
        "training": {"engine": "resident", "optimizer": {"kind": "adamw"}, "augment": _AUGMENT},
    },
    "resident-whitened-momentum": {
        "architecture": {"kind": "layers", "layers": _WHITENED, "output": "logits"},
        "training": {
            "engine": "resident",
            "optimizer": {"kind": "sgd", "lr": 0.05, "momentum": 0.9},
            "schedule": {"kind": "one_cycle"},
            "weight_average": {"kind": "ema", "decay": 0.9},
        },
    },
}


def images() -> LoadedDataset:
    """Every eighth pixel of drawn images: 3 × 4 × 4, 48 for training and 20 for validation of each class."""
    splits = (draw_split(_CLASSES, split, count) for split, count in (("train", 48), ("val", 20)))
    small = [Split(split.images[..., ::8, ::8].contiguous(), split.labels) for split in splits]
    return loaded_dataset("synthetic", "drawn", _CLASSES, *small)


def run(
    spec: dict[str, Any], resume: State | None = None, states: list[State] | None = None
) -> tuple[list[EpochResult], TrainingResult]:
    """Train a stored spec on these images, from the state if there is one, keeping the states at every boundary."""
    saving = None if states is None else Checkpointing(states.append, every_seconds=0, clock=lambda: 0.0)
    epochs: list[EpochResult] = []
    calls: dict[str, Any] = {"on_epoch": epochs.append, "check": lambda: None}
    plan = plan_from_spec(spec)
    result = train(plan, images(), torch.device("cpu"), resume=resume, checkpoints=saving, **calls)
    return epochs, result


def kept(folder: Path) -> dict[str, tuple[State, dict[str, Any]]]:
    """Of each run of a release its checkpoint and its entry in `RUNS`, by the run's name."""
    runs = json.loads((folder / RUNS).read_text())
    return {name: (decode((folder / f"{name}.ckpt").read_bytes()), entry) for name, entry in runs.items()}


def make(folder: Path) -> None:
    """Write both into a release's folder."""
    runs = {}
    for name, case in CASES.items():
        training = {"epochs": 4, "batch_size": 40, "seed": 5, **case["training"]}
        submission = parse_spec({**case, "dataset": "synthetic", "training": training}, Caps())
        spec = json.loads(json.dumps(submission.document))
        states: list[State] = []
        epochs, result = run(spec, states=states)
        state = next(s for s in states if (s.epoch, s.batches) == INTERRUPTED)
        (folder / f"{name}.ckpt").write_bytes(encode(state))
        runs[name] = {"spec": spec, "epochs": list(map(figures, epochs)), "scores": result.logits["last"].tolist()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in runs.items())
    (folder / RUNS).write_text(f"{{\n{lines}\n}}\n")


def figures(epoch: EpochResult) -> dict[str, Any]:
    """An epoch without its wall times, and without the digest, which the first releases did not have."""
    left_out = {"seconds", "samples_per_second", "digest"}
    return {k: v for k, v in dataclasses.asdict(epoch).items() if k not in left_out}
