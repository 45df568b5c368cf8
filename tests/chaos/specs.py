"""The jobs of a run, drawn from its seed: small, mixed, and each long enough to be hit."""

from __future__ import annotations

from random import Random
from typing import Any

_MOST, _LEAST = 12, 3
MAX_ATTEMPTS = 100
"""So many that no job can use them up: every failure is then somebody's fault."""

_OPTIMIZERS: list[dict[str, Any]] = [
    {"kind": "sgd", "lr": 0.01},
    {"kind": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.001},
    {"kind": "adam", "lr": 0.001},
    {"kind": "adamw", "lr": 0.001},
]
_SCHEDULES: list[dict[str, Any]] = [
    {"kind": "constant"},
    {"kind": "step", "step_epochs": 3, "gamma": 0.5},
    {"kind": "cosine"},
    {"kind": "one_cycle"},
]
_AUGMENTATIONS: list[list[dict[str, Any]]] = [
    [],
    [{"kind": "flip"}],
    [{"kind": "flip"}, {"kind": "crop", "padding": 2}],
    [{"kind": "crop", "padding_mode": "reflect"}, {"kind": "cutout"}],
]
_STOPPING: list[dict[str, Any] | None] = [None, None, {"monitor": "val_loss", "patience": 3, "min_delta": 0.0}]
_AVERAGES: list[dict[str, Any] | None] = [None, None, {"kind": "ema", "decay": 0.95}]


def palette(dice: Random, jobs: int) -> list[dict[str, Any]]:
    """Specs of several kinds for so many jobs, without names; fewer, as each needs a clean run to compare with."""
    return [_spec(dice, number) for number in range(min(_MOST, max(_LEAST, jobs // 3)))]


def _spec(dice: Random, number: int) -> dict[str, Any]:
    """One spec; the optimizers and both kinds of network take turns, the rest is drawn."""
    convolutional = bool(number % 3)
    return {
        "dataset": {"name": "synthetic", "train_per_class": dice.choice([150, 200, 250]), "val_per_class": 50},
        "architecture": _convolutions(dice) if convolutional else _perceptron(dice),
        "training": {
            "epochs": dice.randint(30, 70) * (1 if convolutional else 2),
            "batch_size": dice.choice([12, 16, 20]),
            "seed": dice.randrange(1000),
            "optimizer": _OPTIMIZERS[number % 4],
            "schedule": dice.choice(_SCHEDULES),
            "augment": dice.choice(_AUGMENTATIONS),
            "early_stopping": dice.choice(_STOPPING),
            "weight_average": dice.choice(_AVERAGES),
            "precision": dice.choice(["fp32", "fp32", "bf16"]),
        },
        "limits": {"max_attempts": MAX_ATTEMPTS, "timeout_seconds": 3600},
    }


def _perceptron(dice: Random) -> dict[str, Any]:
    hidden = dice.choice([[], [24], [32, 16]])
    return {"kind": "mlp", "hidden": hidden, "activation": dice.choice(["tanh", "relu"]), "output": "log_softmax"}


def _convolutions(dice: Random) -> dict[str, Any]:
    layers: list[dict[str, Any]] = [
        {"kind": "conv2d", "out_channels": dice.choice([3, 4, 6]), "kernel_size": 5, "stride": 3},
        {"kind": "batchnorm"},
        {"kind": "relu"},
        {"kind": "dropout", "p": 0.25},
        {"kind": "flatten"},
        {"kind": "linear", "out_features": 16},
        {"kind": "batchnorm"},
        {"kind": "gelu"},
        {"kind": "linear", "out_features": 2},
    ]
    return {"kind": "layers", "layers": layers, "output": dice.choice(["logits", "log_softmax"])}
