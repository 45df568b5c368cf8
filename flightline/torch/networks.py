"""Modules of torch made of a job's architecture: the same layers, in the same order, with the same names of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from flightline.errors import UsageError
from flightline.torch.modules import GlobalAvgPool, Mlp, Residual, Scale, Whitening
from flightline.torch.torchvision import torchvision_network
from shared.jobspec.fields import architecture as kinds
from shared.jobspec.fields import layers as of

Shape = tuple[int, ...]

ARCHITECTURE: TypeAdapter[kinds.Architecture] = TypeAdapter(kinds.Architecture)


def network(architecture: Mapping[str, Any], input_shape: Sequence[int], classes: int) -> nn.Module:
    """A module of torch with fresh weights: images (N, *input_shape) in, scores (N, classes) out.

    Args:
        architecture: the ``architecture`` of a job's spec.
        input_shape: channels, height and width of an image.
        classes: the number of classes.

    Raises:
        UsageError: this release knows no such architecture, or its layers do not fit together; or torchvision, which
            the architecture names a network of, is not installed.
    """
    try:
        read = ARCHITECTURE.validate_python(architecture)
    except ValidationError as error:
        raise UsageError(f"This release of flightline cannot build this architecture: {error}") from error
    match read:
        case kinds.Torchvision():
            return torchvision_network(read.network, input_shape[0], classes)
        case kinds.Mlp():
            return _mlp(read, math.prod(input_shape), classes)
        case kinds.Layers():
            row, _ = _row(read.layers, tuple(input_shape))
            return row
        case _:
            assert_never(read)


ACTIVATIONS: Mapping[of.ActivationName, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
"""The activations, each with torch's default options."""


def _mlp(mlp: kinds.Mlp, features: int, classes: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for width in mlp.hidden:
        modules += [nn.Linear(features, width), ACTIVATIONS[mlp.activation]()]
        features = width
    return Mlp(*modules, nn.Linear(features, classes))


def _row(layers: Sequence[of.Layer], shape: Shape) -> tuple[nn.Sequential, Shape]:
    """The modules of layers in a row, and the shape that the last one gives for one image."""
    modules: list[nn.Module] = []
    for number, layer in enumerate(layers):
        try:
            module = _module(layer, shape)
            shape = _output_shape(module, shape)
        except (RuntimeError, ValueError, IndexError) as error:
            message = f"Layer {number} ({layer.kind}) does not take an input of shape {shape}: {error}"
            raise UsageError(message) from error
        modules.append(module)
    return nn.Sequential(*modules), shape


def _module(layer: of.Layer, shape: Shape) -> nn.Module:  # noqa: C901, PLR0911, PLR0912 -- a case a kind
    """The module of a layer whose input for one image has this shape."""
    match layer:
        case of.Linear():
            if len(shape) > 1:
                raise ValueError("it takes features, which a flatten makes of an image")
            return nn.Linear(shape[-1], layer.out_features, bias=layer.bias)
        case of.Conv2d():
            sizes = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
            more: dict[str, Any] = {**sizes, "groups": layer.groups, "bias": layer.bias}
            return nn.Conv2d(shape[0], layer.out_channels, layer.kernel_size, **more)
        case of.MaxPool2d():
            return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
        case of.AvgPool2d():
            return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
        case of.BatchNorm():
            return (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0], momentum=layer.momentum)
        case of.GroupNorm():
            return nn.GroupNorm(layer.num_groups, shape[0])
        case of.LayerNorm():
            return nn.LayerNorm(list(shape))
        case of.GlobalAvgPool():
            return GlobalAvgPool()
        case of.Dropout():
            return nn.Dropout(layer.p)
        case of.Flatten():
            return nn.Flatten()
        case of.Activation():
            return ACTIVATIONS[layer.kind]()
        case of.Scale():
            return Scale(layer.factor)
        case of.Residual():
            return Residual(_row(layer.layers, shape)[0], _row(layer.shortcut, shape)[0])
        case of.Whitening():
            return Whitening(shape[0], layer.kernel_size)
        case _:
            assert_never(layer)


def _output_shape(module: nn.Module, shape: Shape) -> Shape:
    """The module's output shape for one image, found by running one in eval mode."""
    with torch.no_grad():
        outputs = module.eval()(torch.zeros(1, *shape))
    module.train()
    return tuple(outputs.shape[1:])
