"""Named partial specs. A submission may start from one and say only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Preset:
    """A partial spec with a name.

    Attributes:
        name: what a submission writes in `preset`, or as its `architecture`.
        title: a line for people.
        document: the partial spec; always with an architecture.
        note: where it comes from and what to expect.
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
        )
    }
)
"""Every preset by name."""
