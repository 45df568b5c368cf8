"""Whether the network that a spec describes can be built and trained, and at what cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from shared.spec.architecture import Layers, row_of_layers
from shared.spec.caps import Caps
from shared.spec.catalog import DATASETS, DatasetInfo
from shared.spec.costs import Cost, LayerMisfit, network_cost
from shared.spec.job import JobSpec
from shared.spec.layers import Layer
from shared.spec.phrases import show
from shared.spec.pointers import Token
from shared.spec.rules import Finding
from shared.spec.shapes import written


def samples_per_epoch(spec: JobSpec, info: DatasetInfo) -> int:
    """Training images of the job."""
    return len(spec.dataset.classes) * (spec.dataset.train_per_class or info.train_per_class)


def cost_or_findings(spec: JobSpec, caps: Caps) -> Cost | list[Finding]:
    """The network's cost; or, where it cannot be built or is too large, why.

    The data set must be a known one.
    """
    if isinstance(spec.architecture, Layers) and not spec.architecture.layers:
        return [(["architecture", "layers"], "A network needs at least one layer.")]
    info = DATASETS[spec.dataset.name]
    classes = len(spec.dataset.classes)
    samples = samples_per_epoch(spec, info)
    row = row_of_layers(spec.architecture, classes)
    try:
        cost = network_cost(row, info.input_shape, samples)
    except LayerMisfit as misfit:
        pointer, layer = row[misfit.index]
        return [(_path(pointer), f"{_called(pointer, layer.kind)} {misfit.reason}.")]
    findings = [*_end_findings(row, cost, classes), *_size_findings(spec, cost, samples, caps)]
    findings += _batch_norm_findings(spec, cost, samples)
    return findings or cost


def _end_findings(row: Sequence[tuple[str, Layer]], cost: Cost, classes: int) -> Iterator[Finding]:
    last = cost.layers[-1]
    if last.output_shape != (classes,):
        pointer = row[-1][0]
        fits = f'{{"kind": "linear", "out_features": {classes}}}'
        if len(last.output_shape) > 1:
            fits = f'{{"kind": "flatten"}} and {fits}'
        what = f"{_called(pointer, last.kind)} is the last layer and gives {written(last.output_shape)}"
        yield _path(pointer), f"{what}, but the data set has {classes} classes: end in {fits}."
    if not cost.parameters:
        yield ["architecture"], "The network has nothing to learn: no layer has weights."


def _size_findings(spec: JobSpec, cost: Cost, samples: int, caps: Caps) -> Iterator[Finding]:
    """The first of the caps on size that the network breaks, at the layer with the largest part in it."""
    batch = min(spec.training.batch_size, samples)
    held = [batch * math.prod(layer.output_shape) for layer in cost.layers]
    for what, shares, most, setting in (
        ("parameters", [layer.parameters for layer in cost.layers], caps.max_parameters, "MAX_PARAMETERS"),
        ("values between the layers, for one batch", held, caps.max_activations, "MAX_ACTIVATIONS"),
        ("FLOPs an epoch", [layer.flops for layer in cost.layers], caps.max_flops_per_epoch, "MAX_FLOPS_PER_EPOCH"),
    ):
        if sum(shares) > most:
            share, layer = max(zip(shares, cost.layers, strict=True), key=lambda pair: pair[0])
            asked = f"The network needs {_number(sum(shares))} {what}, {_number(share)} of them for this {layer.kind}"
            yield _path(layer.pointer), f"{asked} layer; at most {most:,} are allowed (FLIGHTLINE_{setting})."
            return


def _batch_norm_findings(spec: JobSpec, cost: Cost, samples: int) -> Iterator[Finding]:
    batch = spec.training.batch_size
    last = samples % batch or batch
    norm = next((layer for layer in cost.layers if layer.needs_two_samples), None)
    if norm is None or last > 1:
        return
    what = f"The last batch of an epoch would be one sample ({samples} images in batches of {show(batch)})"
    why = f"batchnorm after {written(norm.input_shape)} needs at least two"
    yield ["training", "batch_size"], f"{what}, and the {why}; {_other_batch_size(samples, batch)} would do."


def _other_batch_size(samples: int, batch: int) -> int:
    return next(size for size in itertools.count(batch + 1) if samples % size != 1)


def _path(pointer: str) -> list[Token]:
    tokens = pointer.split("/")[1:]
    return [int(token) if token.isdecimal() else token for token in tokens]


def _called(pointer: str, kind: str) -> str:
    *_, index = pointer.split("/")
    return f"Layer {index} ({kind})" if index.isdecimal() else f"The {kind} layer"


def _number(value: int) -> str:
    return f"{value:,}" if value < 10**15 else f"about {value:.1e}"
