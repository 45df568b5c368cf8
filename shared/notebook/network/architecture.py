"""The network of a job, in words and code."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import assert_never

from shared.jobspec.checks.shapes import written
from shared.jobspec.fields.architecture import Architecture, Layers, Mlp, Torchvision
from shared.jobspec.fields.layers import Whitening
from shared.notebook.network import layers, torchvision
from shared.notebook.python_text import call, indented, joined
from shared.notebook.record import Record


def title_of(architecture: Architecture) -> str:
    """Return the kind of network in a few words, with their article."""
    match architecture:
        case Mlp(hidden=()):
            return "a softmax regression"
        case Mlp(hidden=hidden):
            return f"a fully connected network with {_counted(len(hidden), 'hidden layer')}"
        case Layers(layers=row):
            return f"a network of {_counted(len(row), 'layer')}"
        case Torchvision(network=name):
            return f"torchvision's {name}"
        case _:
            assert_never(architecture)


def words_of(record: Record) -> str:
    """Return what the network is given and gives, and how its initial weights come about."""
    architecture = record.spec.architecture
    classes = len(record.spec.dataset.classes)
    scores = f"It gives {classes} scores, one for each class"
    match architecture.output:
        case "logits":
            output = f"{scores}."
        case "log_softmax":
            output = f"{scores}, without the log-softmax that the job asks for: the loss below applies it."
        case "softmax":
            output = f"{scores}, without the softmax that the job asks for: the loss below applies it."
        case _:
            assert_never(architecture.output)
    seeded = "The seed is set right before the network is made, so that its initial weights are the job's."
    return f"{_input_words(architecture, record)} {output} {seeded}"


def code_of(record: Record) -> str:
    """Return the classes that the network needs, and the statements that make `network`."""
    architecture = record.spec.architecture
    seed = "torch.manual_seed(SEED)\n"
    match architecture:
        case Mlp():
            return seed + _mlp(architecture, record)
        case Layers(layers=row):
            made = seed + layers.network_of(row, record.input_shape)
            return joined(*layers.definitions(row), made + _fitted(row[0]))
        case Torchvision(network=name):
            return seed + torchvision.code_of(name, len(record.spec.dataset.classes), record.input_shape[0])
        case _:
            assert_never(architecture)


def _input_words(architecture: Architecture, record: Record) -> str:
    shape = written(record.input_shape)
    if isinstance(architecture, Mlp):
        return f"The network takes an image of {shape} as one row of {math.prod(record.input_shape):,} numbers."
    return f"The network takes images of {shape}."


def _mlp(architecture: Mlp, record: Record) -> str:
    widths = [math.prod(record.input_shape), *architecture.hidden, len(record.spec.dataset.classes)]
    activation = layers.activation(architecture.activation)
    modules = [call("nn.Linear", before, after) for before, after in pairwise(widths)]
    row = [f"{line}," for module in modules for line in (module, activation)][:-1]
    return "\n".join(["network = nn.Sequential(", *indented(row), ")"])


def _fitted(first: object) -> str:
    """Return the statements that compute a whitening layer's filters; an empty text for any other first layer."""
    if not isinstance(first, Whitening):
        return ""
    return """

# Up to 5,000 images, spread evenly over all of them, decide the whitening filters.
count = min(len(train_images), 5000)
network[0].fit(prepare(train_images[torch.arange(count) * len(train_images) // count]))"""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
