"""Counts the parameters and operations of torchvision's networks, for the checks that have no torch (`make networks`).

A network makes its images smaller step by step. On each level, between two such steps, products and values are
proportional to the pixels of the level, and linear in the number of classes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from worker.training.network.torchvision import NAMES, torchvision_network

SIDES = (32, 45, 61, 96)
"""Sides of the images that tell levels apart: no two levels of a network have the same side for all of them."""
CHANNELS = 3
HEAD = '''\
"""Counts of torchvision's networks on images of any size. Written by `make networks`, and checked by a test.

A network makes its images smaller step by step; between two steps it works on one level, whose pixels follow from the
image's. A count that depends on the classes is a pair: its value without classes, and its increase per class.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Level(NamedTuple):
    """What a network does at one size of its images.

    Attributes:
        step: kernel, stride and padding of the step from the level before, and whether it rounds up (0 or 1).
        products: multiplications of convolutions for each pixel, without those of the first one.
        values: values that all layers output for each pixel.
        normalizes: whether a batchnorm works here.
    """

    step: tuple[int, int, int, int]
    products: tuple[int, int]
    values: tuple[int, int]
    normalizes: bool


class Counts(NamedTuple):
    """The counts of one network.

    Attributes:
        parameters: trainable values, without those of the first convolution's kernel.
        stem: values of the first convolution's kernel, for each channel of the images.
        buffer_bytes: other bytes of the weights file.
        levels: from the whole image to the smallest size.
        products: multiplications of layers whose work does not depend on the image's size.
        values: values that such layers output.
    """

    parameters: tuple[int, int]
    stem: int
    buffer_bytes: int
    levels: tuple[Level, ...]
    products: tuple[int, int]
    values: tuple[int, int]


COUNTS: Mapping[str, Counts] = MappingProxyType(
    {
'''

Step = tuple[int, int, int, int]
Call = tuple[nn.Module, tuple[int, ...]]
"""A module without modules of its own, and the shape of what it gave."""


def side_after(step: Step, side: int) -> int:
    """The side of an image after a step, as torch's convolutions and pools compute it."""
    kernel, stride, padding, up = step
    return (side + 2 * padding - kernel + up * (stride - 1)) // stride + 1


def calls(network: nn.Module, side: int) -> list[Call]:
    """What each module of the network gives for one image of this side, in order; on the meta device."""
    seen: list[Call] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        seen.append((module, tuple(output.shape[1:])))

    hooks = [leaf.register_forward_hook(note) for leaf in network.modules() if not list(leaf.children())]
    with torch.no_grad():
        network.to("meta").eval()(torch.zeros(1, CHANNELS, side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return seen


class Counted:
    """The counts of a network of one number of classes, as `Counts` has them in pairs; its values are lost."""

    def __init__(self, network: nn.Module) -> None:
        each = list(zip(*(calls(network, side) for side in SIDES), strict=True))
        stem = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
        self.stem = stem.weight[:, 0].numel()
        self.parameters = sum(value.numel() for value in network.parameters()) - CHANNELS * self.stem
        self.buffer_bytes = sum(buffer.nbytes for buffer in network.buffers())
        self.steps: dict[tuple[int, ...], Step] = {SIDES: (1, 1, 0, 0)}
        self.products: dict[tuple[int, ...], int] = {}
        self.values: dict[tuple[int, ...], int] = {}
        self.normalizes: set[tuple[int, ...]] = set()
        for same in each:
            self._add(same, stem)

    def _add(self, same: Sequence[Call], stem: nn.Module) -> None:
        """Count one module, which was called once for each of `SIDES`."""
        (module, shape), sides = same[0], tuple(shape[-1] if len(shape) == 3 else 1 for _, shape in same)
        if len(set(sides)) == 1:
            sides = ()  # the same for images of every size
        elif sides not in self.steps:
            self.steps[sides] = step = _step(module)
            assert tuple(side_after(step, side) for side in list(self.steps)[-2]) == sides, "levels are no chain"
        per_pixel = shape[0] if sides else torch.Size(shape).numel()
        self.values[sides] = self.values.get(sides, 0) + per_pixel
        if isinstance(module, nn.Conv2d | nn.Linear) and module is not stem:
            self.products[sides] = self.products.get(sides, 0) + per_pixel * module.weight[0].numel()
        if isinstance(module, nn.BatchNorm2d):
            self.normalizes.add(sides)


def _step(module: Any) -> Step:
    def one(value: Any) -> int:
        return int(value[0] if isinstance(value, tuple) else value)

    return one(module.kernel_size), one(module.stride), one(module.padding), int(getattr(module, "ceil_mode", False))


def counts_by_class(build: Callable[[int], nn.Module]) -> tuple[Any, ...]:
    """The counts of a network as tuples, in the order of `Counts` and `Level`."""
    two, three = Counted(build(2)), Counted(build(3))

    def pair(of_two: int, of_three: int) -> tuple[int, int]:
        return 3 * of_two - 2 * of_three, of_three - of_two

    def pairs(sides: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
        return (
            pair(two.products.get(sides, 0), three.products.get(sides, 0)),
            pair(two.values.get(sides, 0), three.values.get(sides, 0)),
        )

    levels = tuple((step, *pairs(sides), sides in two.normalizes) for sides, step in two.steps.items())
    return pair(two.parameters, three.parameters), two.stem, two.buffer_bytes, levels, *pairs(())


def table() -> str:
    """The source text of `shared/jobspec/checks/torchvision_counts.py`."""
    lines = [HEAD]
    for name in sorted(NAMES):
        parameters, stem, buffer_bytes, levels, products, values = counts_by_class(partial(torchvision_network, name))
        lines += [
            f'        "{name}": Counts(',
            f"            parameters={_text(parameters)},",
            f"            stem={stem:_},",
            f"            buffer_bytes={buffer_bytes:_},",
            "            levels=(",
            *(f"                Level({', '.join(map(_text, level))})," for level in levels),
            "            ),",
            f"            products={_text(products)},",
            f"            values={_text(values)},",
            "        ),",
        ]
    return "\n".join([lines[0].rstrip("\n"), *lines[1:], "    }", ")", ""])


def _text(value: Iterable[int] | bool) -> str:
    return str(value) if isinstance(value, bool) else f"({', '.join(f'{each:_}' for each in value)})"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table(), encoding="utf-8")
