"""What a spec must obey beyond each field's own type: classes, shapes, caps, and fields that must agree."""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from shared.spec.architecture import Layers, row_of_layers
from shared.spec.caps import Caps
from shared.spec.catalog import DATASETS, DatasetInfo
from shared.spec.costs import Cost, LayerMisfit, network_cost
from shared.spec.job import JobSpec
from shared.spec.layers import Layer
from shared.spec.pointers import Token, closest, listed, show
from shared.spec.shapes import written
from shared.spec.training import Cosine, Sgd

Finding: TypeAlias = tuple[Sequence[Token], str]
"""A path into the expanded document, and a sentence."""

LOSS_OF_OUTPUT = {"log_softmax": "nll", "logits": "cross_entropy", "softmax": "nll"}


def label_findings(spec: JobSpec, caps: Caps) -> Iterator[Finding]:
    """A name and tags that people can read and a database can keep."""
    for why in _text_faults(spec.name, caps.max_name_length) if spec.name is not None else ():
        yield ["name"], f"The name {why}."
    for index, tag in enumerate(spec.tags):
        for why in _text_faults(tag, caps.max_name_length):
            yield ["tags", index], f"The tag {why}."
        if tag in spec.tags[:index]:
            yield ["tags", index], f"The tag {show(tag)} is given twice."


def _text_faults(text: str, longest: int) -> Iterator[str]:
    if len(text) > longest:
        yield f"has {len(text):,} characters; at most {longest} are allowed"
    elif not text.strip():
        yield "is blank"
    for position, character in enumerate(text[:longest]):
        if unicodedata.category(character) in {"Cc", "Zl", "Zp"}:  # control characters and line ends; not joiners
            yield f"holds the control character U+{ord(character):04X} at position {position}"
            return


def dataset_findings(spec: JobSpec) -> Iterator[Finding]:
    """A known data set, some of its classes, each once, and no more images than it has."""
    info = DATASETS.get(spec.dataset.name)
    if info is None:
        likely = closest(spec.dataset.name, DATASETS)
        hint = f" Did you mean {show(likely)}?" if likely else ""
        what = f"There is no data set {show(spec.dataset.name)}.{hint}"
        yield ["dataset", "name"], f"{what} Known: {listed([*DATASETS])}."
        return
    yield from _class_findings(spec.dataset.classes, info)
    for field, most in (("train_per_class", info.train_per_class), ("val_per_class", info.val_per_class)):
        asked = getattr(spec.dataset, field)
        if asked is not None and asked > most:
            why = f"as {info.name} has no more, not {show(asked)}"
            yield ["dataset", field], f"{field} must be from 1 to {most:,}, {why}."


def _class_findings(classes: tuple[str, ...], info: DatasetInfo) -> Iterator[Finding]:
    if len(classes) < 2:
        yield ["dataset", "classes"], f"A classifier needs two or more classes of {listed(info.classes)}."
    for index, name in enumerate(classes):
        if name not in info.classes:
            likely = closest(name, info.classes)
            hint = f" Did you mean {show(likely)}?" if likely else ""
            known = listed(info.classes)
            yield ["dataset", "classes", index], f"{info.name} has no class {show(name)}.{hint} It has {known}."
        elif name in classes[:index]:
            yield ["dataset", "classes", index], f"The class {show(name)} is given twice; each may stand once."


def training_findings(spec: JobSpec, caps: Caps) -> Iterator[Finding]:
    """Fields of the recipe that must agree with each other, with the output and with the caps."""
    training = spec.training
    for field, most in (("epochs", caps.max_epochs), ("batch_size", caps.max_batch_size)):
        asked = getattr(training, field)
        if asked > most:
            setting = f"FLIGHTLINE_MAX_{field.upper()}"
            yield ["training", field], f"{field} must be from 1 to {most:,} ({setting}), not {show(asked)}."
    output = spec.architecture.output
    if training.loss not in {"auto", LOSS_OF_OUTPUT[output]}:
        why = f"clashes with the output {show(output)}, which takes {show(LOSS_OF_OUTPUT[output])}"
        yield ["training", "loss"], f'The loss {show(training.loss)} {why}; "auto" is always right.'
    yield from _optimizer_findings(spec)
    kinds = [augmentation.kind for augmentation in training.augment]
    for index, kind in enumerate(kinds):
        if kind in kinds[:index]:
            yield ["training", "augment", index], f"{kind} is listed twice."


def _optimizer_findings(spec: JobSpec) -> Iterator[Finding]:
    optimizer, schedule = spec.training.optimizer, spec.training.schedule
    if isinstance(optimizer, Sgd) and optimizer.nesterov and not optimizer.momentum:
        yield ["training", "optimizer", "nesterov"], "nesterov needs a momentum above 0; the momentum is 0."
    if isinstance(schedule, Cosine) and schedule.min_lr > optimizer.lr:
        what = f"min_lr must be at most the optimizer's lr, {show(optimizer.lr)}, not {show(schedule.min_lr)}"
        yield ["training", "schedule", "min_lr"], f"{what}."


def samples_per_epoch(spec: JobSpec, info: DatasetInfo) -> int:
    """Training images of the job."""
    return len(spec.dataset.classes) * (spec.dataset.train_per_class or info.train_per_class)


def cost_or_findings(spec: JobSpec, caps: Caps) -> Cost | list[Finding]:
    """The network's cost; or, where it cannot be built or is too large, why.

    The data set must be a known one.
    """
    if isinstance(spec.architecture, Layers) and not spec.architecture.layers:
        return [(_path("/layers"), "A network needs at least one layer.")]
    info = DATASETS[spec.dataset.name]
    classes = len(spec.dataset.classes)
    samples = samples_per_epoch(spec, info)
    row = row_of_layers(spec.architecture, classes)
    try:
        cost = network_cost(row, info.input_shape, samples)
    except LayerMisfit as misfit:
        pointer, layer = row[misfit.index]
        return [(_path(pointer), f"{_called(pointer, layer.kind)} {misfit.reason}.")]
    findings = [*_end_findings(spec, row, cost, classes), *_size_findings(spec, cost, caps)]
    findings += _batch_norm_findings(spec, cost, samples)
    return findings or cost


def _end_findings(spec: JobSpec, row: Sequence[tuple[str, Layer]], cost: Cost, classes: int) -> Iterator[Finding]:
    last = cost.layers[-1]
    if last.output_shape != (classes,):
        pointer = row[-1][0]
        fits = f'{{"kind": "linear", "out_features": {classes}}}'
        if len(last.output_shape) > 1:
            fits = f'{{"kind": "flatten"}} and {fits}'
        what = f"{_called(pointer, last.kind)} is the last layer and gives {written(last.output_shape)}"
        yield _path(pointer), f"{what}, but the data set has {classes} classes: end in {fits}."
    if not cost.parameters:
        yield _path("/layers" if isinstance(spec.architecture, Layers) else ""), "The network has nothing to learn."


def _size_findings(spec: JobSpec, cost: Cost, caps: Caps) -> Iterator[Finding]:
    if cost.parameters > caps.max_parameters:
        largest = max(cost.layers, key=lambda layer: layer.parameters)
        asked = f"The network would have {_number(cost.parameters)} parameters, {_number(largest.parameters)} of them "
        most = f"at most {caps.max_parameters:,} are allowed (FLIGHTLINE_MAX_PARAMETERS)"
        yield _path(largest.pointer), f"{asked}in this {largest.kind} layer; {most}."
        return
    values = spec.training.batch_size * sum(math.prod(layer.output_shape) for layer in cost.layers)
    if values > caps.max_activations:
        widest = max(cost.layers, key=lambda layer: math.prod(layer.output_shape))
        asked = f"A batch of {show(spec.training.batch_size)} would hold {_number(values)} values between the layers"
        most = f"at most {caps.max_activations:,} are allowed (FLIGHTLINE_MAX_ACTIVATIONS)"
        yield _path(widest.pointer), f"{asked}, most of them after this {widest.kind} layer; {most}."


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
    return ["architecture", *(int(token) if token.isdecimal() else token for token in tokens)]


def _called(pointer: str, kind: str) -> str:
    *_, index = pointer.split("/")
    return f"Layer {index} ({kind})" if index.isdecimal() else f"The {kind} layer"


def _number(value: int) -> str:
    return f"{value:,}" if value < 10**15 else f"about {value:.1e}"
