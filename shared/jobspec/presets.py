"""Presets: named partial specs that a submission may start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Preset:
    """A partial spec with a name.

    Attributes:
        name: name for `preset`, or in place of an `architecture`.
        title: one line of description.
        document: the partial spec, which always has an architecture.
        note: origin of the preset, and the accuracy to expect.
    """

    name: str
    title: str
    document: Mapping[str, object]
    note: str


_RECIPE: dict[str, object] = {
    "epochs": 100,
    "batch_size": 64,
    "optimizer": {"kind": "sgd", "lr": 0.01},
    "schedule": {"kind": "constant"},
}
_CIFAR2: dict[str, object] = {"name": "cifar10", "classes": ["airplane", "bird"]}


def _mlp(name: str, hidden: list[int], output: str, title: str, note: str) -> Preset:
    architecture = {"kind": "mlp", "hidden": hidden, "activation": "tanh", "output": output}
    return Preset(name, title, {"dataset": _CIFAR2, "architecture": architecture, "training": _RECIPE}, note)


def _stage(width: int) -> list[dict[str, object]]:
    """Return the layers of a stage that halves height and width and outputs `width` channels."""
    convolution: dict[str, object] = {
        "kind": "conv2d",
        "out_channels": width,
        "kernel_size": 3,
        "padding": 1,
        "bias": False,
    }
    settled: list[dict[str, object]] = [{"kind": "batchnorm"}, {"kind": "gelu"}]
    return [convolution, {"kind": "maxpool2d", "kernel_size": 2}, *settled, convolution, *settled]


def _convnet() -> Preset:
    """Return the convnet preset: K. Jordan's airbench (2024), narrowed for one CPU core."""
    body = [layer for width in (32, 64, 128) for layer in _stage(width)]
    layers: list[dict[str, object]] = [
        {"kind": "whitening", "kernel_size": 2},
        {"kind": "gelu"},
        *body,
        {"kind": "maxpool2d", "kernel_size": 3},
        {"kind": "flatten"},
        {"kind": "linear", "bias": False},  # one feature per class
        {"kind": "scale", "factor": 0.125},
    ]
    schedule = {"kind": "one_cycle", "pct_start": 0.25, "anneal_strategy": "linear", "div_factor": 10.0}
    training = {
        "epochs": 32,
        "batch_size": 128,
        "precision": "bf16",
        "label_smoothing": 0.1,
        "optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0005},
        "schedule": {**schedule, "final_div_factor": 100.0},
        "augment": [{"kind": "crop", "padding": 2}, {"kind": "flip"}],
        "weight_average": {"kind": "ema", "decay": 0.99},
    }
    architecture = {"kind": "layers", "layers": layers, "output": "logits"}
    return Preset(
        "convnet",
        "A small, strong convolutional network with its whole recipe",
        {"dataset": _CIFAR2, "architecture": architecture, "training": training},
        "95.5 % on airplane against bird, mean of five seeds, after under three minutes of one CPU core that has bf16.",
    )


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            _mlp(
                "notebook-linear",
                [512],
                "log_softmax",
                "The notebook's first network: 3072-512-2, Tanh, LogSoftmax",
                "The notebook reports about 80 % after 100 epochs.",
            ),
            _mlp(
                "notebook-tapered",
                [1024, 512, 128],
                "log_softmax",
                "The notebook's tapered network: 3072-1024-512-128-2, Tanh, LogSoftmax",
                "The notebook reports about 83 % after 100 epochs.",
            ),
            _mlp(
                "notebook-tapered-logits",
                [1024, 512, 128],
                "logits",
                "The tapered network that ends in logits, with cross-entropy",
                "The same maths as notebook-tapered, in the other of the notebook's two forms.",
            ),
            _convnet(),
        )
    }
)
"""Every preset by name."""
