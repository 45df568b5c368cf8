"""Counts the parameters and operations of torchvision's networks, for the checks that have no torch (`make networks`).

A figure is linear in the number of classes: each is a pair, for no class and for each class more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from worker.training.network.torchvision import NAMES, torchvision_network

IMAGE = (3, 32, 32)
HEAD = '''\
"""What torchvision's networks hold and need, on images of 3 × 32 × 32. Written by `make networks`; a test checks it.

Each figure is a pair, without any class and for each class more: parameters, bytes of what is saved beside them, FLOPs
of training on one image, and the values that all layers give for one image.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

INPUT_SHAPE = (3, 32, 32)

COUNTS: Mapping[str, Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
'''


def counts(network: nn.Module) -> dict[str, int]:
    """All figures of one network; FLOPs as in `jobspec/checks/costs.py`, so the first layer's images get no gradient.

    Runs on the meta device, as only shapes are needed: the network's values are lost.
    """
    forward: list[int] = []
    given: list[int] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        given.append(output.numel())
        if isinstance(module, nn.Conv2d | nn.Linear):
            forward.append(2 * output.numel() * module.weight[0].numel())

    hooks = [leaf.register_forward_hook(note) for leaf in network.modules() if not list(leaf.children())]
    with torch.no_grad():
        network.to("meta").eval()(torch.zeros(1, *IMAGE, device="meta"))
    for hook in hooks:
        hook.remove()
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "buffer_bytes": sum(buffer.nbytes for buffer in network.buffers()),
        "flops": 3 * sum(forward) - forward[0],
        "activations": sum(given),
    }


def counts_by_class(build: Callable[[int], nn.Module]) -> dict[str, tuple[int, int]]:
    """Each figure as a pair: for no class, and for each class more."""
    two, three = counts(build(2)), counts(build(3))
    return {name: (3 * two[name] - 2 * three[name], three[name] - two[name]) for name in two}


def table() -> str:
    """The source text of `shared/jobspec/checks/torchvision_counts.py`."""
    lines = [HEAD]
    for name in sorted(NAMES):
        lines.append(f'        "{name}": {{\n')
        for figure, (base, per_class) in counts_by_class(partial(torchvision_network, name)).items():
            lines.append(f'            "{figure}": ({base:_}, {per_class:_}),\n')
        lines.append("        },\n")
    return "".join([*lines, "    }\n)\n"])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table(), encoding="utf-8")
