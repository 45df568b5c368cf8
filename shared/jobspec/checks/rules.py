"""Rules of a spec beyond its fields' types: labels, and fields of the training that must agree."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import TypeAlias, assert_never

from shared.documents.phrases import show
from shared.documents.pointers import Token
from shared.jobspec.caps import Caps
from shared.jobspec.catalog import Catalog
from shared.jobspec.datasets import ImageShape
from shared.jobspec.fields.architecture import Architecture, Layers, Mlp, Torchvision
from shared.jobspec.fields.job import JobSpec
from shared.jobspec.fields.layers import Activation, Dropout, Flatten, Linear
from shared.jobspec.fields.training import (
    Augmentation,
    ColorJitter,
    Constant,
    Cosine,
    Crop,
    Cutout,
    Flip,
    OneCycle,
    Sgd,
    Step,
    Training,
    WarmupCosine,
)

Finding: TypeAlias = tuple[Sequence[Token], str]
"""A path into the expanded document, and a sentence that says what is wrong there."""

LOSS_OF_OUTPUT = {"log_softmax": "nll", "logits": "cross_entropy", "softmax": "nll"}


def label_findings(name: str | None, tags: Sequence[str], caps: Caps) -> Iterator[Finding]:
    """Find names and tags that are blank, too long, repeated, or contain control characters."""
    for why in _text_faults(name, caps.max_name_length) if name is not None else ():
        yield ["name"], f"The name {why}."
    for index, tag in enumerate(tags):
        for why in _text_faults(tag, caps.max_name_length):
            yield ["tags", index], f"The tag {why}."
        if tag in tags[:index]:
            yield ["tags", index], f"The tag {show(tag)} is given twice."


_CONTROL = {"Cc", "Zl", "Zp"}
"""Categories of control characters and line ends; not of joiners, which letters and emoji need."""
_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Characters that turn the direction of what follows: in a list also that of other people's columns."""


def _text_faults(text: str, longest: int) -> Iterator[str]:
    if len(text) > longest:
        yield f"has {len(text):,} characters; at most {longest} are allowed"
    elif not text.strip():
        yield "is blank"
    for position, character in enumerate(text[:longest]):
        if unicodedata.category(character) in _CONTROL or unicodedata.bidirectional(character) in _TURNS:
            yield f"holds the control character U+{ord(character):04X} at position {position}"
            return


def training_findings(spec: JobSpec, caps: Caps, catalog: Catalog) -> Iterator[Finding]:
    """Find training fields that do not agree with each other, with the output or with the limits."""
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
    misfits = engine_misfits(spec)
    if misfits:
        what = f"The engine {show(training.engine)} {', and '.join(misfits)}"
        yield ["training", "engine"], f'{what}; "auto" takes one that fits.'
    yield from _optimizer_findings(spec)
    info = catalog.datasets.get(spec.dataset.name)
    yield from _augmentation_findings(spec, None if info is None else info.shape_for(spec.dataset))


def _augmentation_findings(spec: JobSpec, shape: ImageShape | None) -> Iterator[Finding]:
    kinds = [augmentation.kind for augmentation in spec.training.augment]
    images = f"the images of {spec.dataset.name}"
    for index, augmentation in enumerate(spec.training.augment):
        if augmentation.kind in kinds[:index]:
            yield ["training", "augment", index], f"{augmentation.kind} is listed twice."
        if shape is not None:
            for field, why in _misfits(augmentation, min(shape[1:]), images):
                yield ["training", "augment", index, field], why


def _misfits(augmentation: Augmentation, side: int, images: str) -> Iterator[tuple[str, str]]:
    """Find what an augmentation asks for that is too large for images of this shorter side, or that changes nothing."""
    match augmentation:
        case Cutout() if augmentation.size > side:
            why = f"as {images} are no larger, not {show(augmentation.size)}"
            yield "size", f"size must be from 1 to {side}, {why}."
        case Crop() if augmentation.padding_mode == "reflect" and augmentation.padding >= side:
            why = f"as {images} have no more pixels to mirror, not {show(augmentation.padding)}"
            yield "padding", f'padding with the padding_mode "reflect" must be from 1 to {side - 1}, {why}.'
        case ColorJitter(brightness=0, contrast=0, saturation=0, hue=0):
            yield "kind", "color_jitter changes nothing: give it a brightness, contrast, saturation or hue above 0."
        case Flip() | Crop() | Cutout() | ColorJitter():
            return
        case _:
            assert_never(augmentation)


def engine_misfits(spec: JobSpec) -> list[str]:
    """Return why the named engine cannot run this job; empty if it can. Must agree with each engine's `fits`."""
    engine, device = spec.training.engine, spec.resources.device
    if engine == "graphs" and device != "cuda":
        return ['needs resources.device "cuda"']
    if engine != "fused":
        return []
    chain = "an mlp, or flatten, then linear layers with activations and dropout"
    reasons = {
        "runs on a CPU alone": device == "cuda",
        "does not average weights": spec.training.weight_average is not None,
        f"takes fully connected networks alone ({chain})": not _is_fully_connected(spec.architecture),
    }
    return [reason for reason, holds in reasons.items() if holds]


def _is_fully_connected(architecture: Architecture) -> bool:
    match architecture:
        case Mlp():
            return True
        case Layers(layers=(Flatten(), Linear(), *others)):
            return all(isinstance(layer, Linear | Flatten | Dropout | Activation) for layer in others)
        case Layers() | Torchvision():
            return False
        case _:
            assert_never(architecture)


def _optimizer_findings(spec: JobSpec) -> Iterator[Finding]:
    optimizer = spec.training.optimizer
    if isinstance(optimizer, Sgd) and optimizer.nesterov and not optimizer.momentum:
        yield ["training", "optimizer", "nesterov"], "nesterov needs a momentum above 0; the momentum is 0."
    for field, why in _schedule_misfits(spec.training):
        yield ["training", "schedule", field], why


def _schedule_misfits(training: Training) -> Iterator[tuple[str, str]]:
    """Find what a schedule asks for that contradicts the optimizer's learning rate or the job's epochs."""
    schedule, lr, epochs = training.schedule, training.optimizer.lr, training.epochs
    match schedule:
        case Cosine() | WarmupCosine():
            if schedule.min_lr > lr:
                yield "min_lr", f"min_lr must be at most the optimizer's lr, {show(lr)}, not {show(schedule.min_lr)}."
            if isinstance(schedule, WarmupCosine) and schedule.warmup_epochs >= epochs:
                asked = show(schedule.warmup_epochs)
                yield "warmup_epochs", f"warmup_epochs must be less than the job's epochs, {epochs:,}, not {asked}."
        case Constant() | Step() | OneCycle():
            return
        case _:
            assert_never(schedule)
