"""Whether the network that a spec describes can be built and trained, and at what cost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import assert_never

from shared.documents.phrases import show
from shared.documents.pointers import Token
from shared.jobspec.caps import Caps
from shared.jobspec.catalog import Catalog
from shared.jobspec.checks.costs import Cost, LayerMisfit, network_cost
from shared.jobspec.checks.rules import Finding
from shared.jobspec.checks.shapes import Shape, written
from shared.jobspec.checks.torchvision import smallest_side, torchvision_cost
from shared.jobspec.datasets import ImageShape
from shared.jobspec.fields.architecture import Architecture, Layers, Mlp, Torchvision, row_of_layers
from shared.jobspec.fields.job import JobSpec
from shared.jobspec.fields.layers import Residual, Whitening


def cost_or_findings(spec: JobSpec, caps: Caps, catalog: Catalog) -> Cost | list[Finding]:
    """Return the network's cost, or findings about why it cannot be built or is too large.

    The data set must be a known one, and its images must have a size.
    """
    shape = catalog.datasets[spec.dataset.name].shape_for(spec.dataset)
    if shape is None:
        message = "Images without a size are a finding about the data."
        raise ValueError(message)
    classes = len(spec.dataset.classes)
    samples = catalog.samples(spec.dataset)
    cost = _cost(spec.architecture, shape, classes, samples, caps)
    if not isinstance(cost, Cost):
        return list(cost)
    findings = [*_end_findings(cost, classes), *_size_findings(spec, cost, samples, caps)]
    findings += _batch_norm_findings(spec, cost, catalog.training_images(spec.dataset))
    return findings or cost


@lru_cache(maxsize=64)
def _cost(
    architecture: Architecture, shape: ImageShape, classes: int, samples: int, caps: Caps
) -> Cost | Sequence[Finding]:
    """Return the cost, or findings. Jobs of a batch or of many retries share a few networks, so the latest are kept."""
    match architecture:
        case Torchvision() as network:
            return _torchvision_cost(network, shape, classes, samples)
        case Mlp() | Layers() as row:
            return _row_cost(row, shape, classes, samples, caps)
        case unknown:
            assert_never(unknown)


def _row_cost(architecture: Mlp | Layers, shape: Shape, classes: int, samples: int, caps: Caps) -> Cost | list[Finding]:
    findings = list(_list_findings(architecture, caps)) if isinstance(architecture, Layers) else []
    if findings:
        return findings
    try:
        return network_cost(row_of_layers(architecture, classes), shape, samples)
    except LayerMisfit as misfit:
        return [(_path(misfit.pointer), f"{_called(misfit.pointer, misfit.kind)} {misfit.reason}.")]


def _torchvision_cost(architecture: Torchvision, shape: ImageShape, classes: int, samples: int) -> Cost | list[Finding]:
    name = architecture.network
    if (least := smallest_side(name)) > min(shape[1:]):
        what = f"{name} shrinks images of {written(shape)} to nothing: it needs {least} pixels in height and width"
        return [(["architecture", "network"], f'{what}. Give the data set a larger "image_size".')]
    return torchvision_cost(name, shape, classes, samples)


def _list_findings(architecture: Layers, caps: Caps) -> Iterator[Finding]:
    """Find lists of layers that are empty, too long (residual blocks included), or in an impossible order."""
    if not architecture.layers:
        yield ["architecture", "layers"], "A network needs at least one layer."
    blocks = [(index, layer) for index, layer in enumerate(architecture.layers) if isinstance(layer, Residual)]
    for index, block in blocks:
        if not block.layers:
            yield ["architecture", "layers", index, "layers"], "A residual block needs at least one layer."
    for index, layer in enumerate(architecture.layers[1:], start=1):
        if isinstance(layer, Whitening):
            why = "can only be the first: its filters are computed from the images that go into the network"
            yield ["architecture", "layers", index], f"Layer {index} (whitening) {why}."
    count = len(architecture.layers) + sum(len(block.layers) + len(block.shortcut) for _, block in blocks)
    if count > caps.max_layers:
        most = f"at most {caps.max_layers:,} are allowed (FLIGHTLINE_MAX_LAYERS)"
        yield (
            ["architecture", "layers"],
            f"The network has {count:,} layers, counting those inside residual blocks; {most}.",
        )


def _end_findings(cost: Cost, classes: int) -> Iterator[Finding]:
    last = cost.layers[-1]
    if last.output_shape != (classes,):
        pointer = last.pointer
        fits = f'{{"kind": "linear", "out_features": {classes}}}'
        if len(last.output_shape) > 1:
            fits = f'{{"kind": "flatten"}} and {fits}'
        what = f"{_called(pointer, last.kind)} is the last layer and gives {written(last.output_shape)}"
        yield _path(pointer), f"{what}, but the data set has {classes} classes: end in {fits}."
    if not cost.parameters:
        yield ["architecture"], "The network has nothing to learn: no layer has weights."


def _size_findings(spec: JobSpec, cost: Cost, samples: int, caps: Caps) -> Iterator[Finding]:
    """Find the first limit on size that the network exceeds, at the layer with the largest share."""
    batch = min(spec.training.batch_size, samples)
    held = [batch * layer.activations for layer in cost.layers]
    for what, shares, most, setting in (
        ("parameters", [layer.parameters for layer in cost.layers], caps.max_parameters, "MAX_PARAMETERS"),
        ("values between the layers, for one batch", held, caps.max_activations, "MAX_ACTIVATIONS"),
        ("FLOPs per epoch", [layer.flops for layer in cost.layers], caps.max_flops_per_epoch, "MAX_FLOPS_PER_EPOCH"),
    ):
        if sum(shares) > most:
            share, layer = max(zip(shares, cost.layers, strict=True), key=lambda pair: pair[0])
            part = f", {_number(share)} of them for this {layer.kind} layer" if len(shares) > 1 else ""
            asked = f"The network needs {_number(sum(shares))} {what}{part}"
            yield _path(layer.pointer), f"{asked}; at most {most:,} are allowed (FLIGHTLINE_{setting})."
            return


def _batch_norm_findings(spec: JobSpec, cost: Cost, samples: Sequence[int]) -> Iterator[Finding]:
    """Find a last batch of one image before a batchnorm, for any of the possible numbers of training images."""
    batch = spec.training.batch_size
    norm = next((layer for layer in cost.layers if layer.needs_two_samples), None)
    if norm is None or not all(_ends_in_one(number, batch) for number in samples):
        return
    what = f"The last batch of an epoch would be one sample ({samples[0]} images in batches of {show(batch)})"
    called = "batchnorm" if norm.kind == "batchnorm" else f"batchnorm in {norm.kind}"
    why = f"{called} after {written(norm.input_shape)} needs at least two"
    yield ["training", "batch_size"], f"{what}, and the {why}; {_other_batch_size(samples, batch)} would do."


def _ends_in_one(samples: int, batch: int) -> bool:
    return (samples % batch or batch) == 1


def _other_batch_size(samples: Sequence[int], batch: int) -> int:
    return next(size for size in itertools.count(batch + 1) if not any(_ends_in_one(each, size) for each in samples))


def _path(pointer: str) -> list[Token]:
    tokens = pointer.split("/")[1:]
    return [int(token) if token.isdecimal() else token for token in tokens]


def _called(pointer: str, kind: str) -> str:
    """Name the layer at a pointer: `Layer 2 (conv2d)`, or `Layer 0 (conv2d) of the shortcut of layer 2`."""
    *before, index = pointer.split("/")
    if not index.isdecimal():
        return f"The {kind} layer"
    *_, block, part = before
    inside = f" of the {part} of layer {block}" if block.isdecimal() else ""
    return f"Layer {index} ({kind}){inside}"


def _number(value: int) -> str:
    return f"{value:,}" if value < 10**15 else f"about {value:.1e}"
