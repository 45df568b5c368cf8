"""The kinds of network as JSON, and the layers of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.jobspec.fields.base import Part, Size
from shared.jobspec.fields.layers import Activation, ActivationName, Flatten, Layer, Linear

Output = Literal["log_softmax", "logits", "softmax"]


class Mlp(Part):
    """Fully connected layers over the flattened image; the last one, to the classes, is added automatically."""

    kind: Literal["mlp"]
    hidden: Annotated[tuple[Size, ...], Field(strict=False)]
    """Width of each hidden layer, first to last; empty makes a softmax regression."""
    activation: ActivationName = "tanh"
    """Function after each hidden layer."""
    output: Output = "log_softmax"
    """Output function of the network; the loss follows from it."""


class Layers(Part):
    """A network spelled out layer by layer; the last must give one feature per class."""

    kind: Literal["layers"]
    layers: Annotated[tuple[Layer, ...], Field(strict=False, json_schema_extra={"minItems": 1})]
    """The layers, first to last."""
    output: Output = "log_softmax"
    """Output function of the network; the loss follows from it."""


NetworkName = Literal[
    "densenet121",
    "efficientnet_b0",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "resnet34",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "vgg11_bn",
]


class Torchvision(Part):
    """One of torchvision's networks, with random weights, fitted to small images."""

    kind: Literal["torchvision"]
    network: NetworkName
    """torchvision's name of the network. Its first convolution is made 3 × 3 with stride 1, without the max pool."""
    output: Output = "log_softmax"
    """Output function of the network; the loss follows from it."""


Architecture = Annotated[Mlp | Layers | Torchvision, Field(discriminator="kind")]


def row_of_layers(architecture: Mlp | Layers, classes: int) -> list[tuple[str, Layer]]:
    """Return the layers that a network is built from, without its output function.

    Args:
        architecture: the architecture of the spec.
        classes: number of classes of the job.

    Returns:
        Pairs of a layer's JSON pointer in the expanded spec ("/architecture/layers/2", "/architecture/hidden/0", and
        "/architecture" for layers added automatically) and the layer.
    """
    if isinstance(architecture, Layers):
        return [(f"/architecture/layers/{index}", layer) for index, layer in enumerate(architecture.layers)]
    row: list[tuple[str, Layer]] = [("/architecture", Flatten.model_construct(kind="flatten"))]
    activation = Activation.model_construct(kind=architecture.activation)
    for index, width in enumerate(architecture.hidden):
        row.append((f"/architecture/hidden/{index}", Linear.model_construct(kind="linear", out_features=width)))
        row.append(("/architecture/activation", activation))
    return [*row, ("/architecture", Linear.model_construct(kind="linear", out_features=classes))]
