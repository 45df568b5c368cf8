"""Networks built from a plan. A network gives scores (logits), whatever output its plan declares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

import torch
from torch import Tensor, nn

from worker.training.data import LoadedDataset
from worker.training.data.loader import normalizer
from worker.training.errors import InvalidPlan
from worker.training.network.modules import GlobalAvgPool, Residual, Scale
from worker.training.network.torchvision import torchvision_network
from worker.training.network.whitening import Whitening, spread
from worker.training.plan import (
    ActivationName,
    ActivationPlan,
    AvgPool2dPlan,
    BatchNormPlan,
    Conv2dPlan,
    DropoutPlan,
    FlattenPlan,
    GlobalAvgPoolPlan,
    GroupNormPlan,
    LayerNormPlan,
    LayerPlan,
    LayersPlan,
    LinearPlan,
    MaxPool2dPlan,
    MlpPlan,
    ResidualPlan,
    ScalePlan,
    TorchvisionPlan,
    TrainingPlan,
    WhiteningPlan,
)

Shape = tuple[int, ...]


class Mlp(nn.Sequential):
    """Fully connected layers over the flattened image.

    Flattening is no member, so the weights are named as in an `nn.Sequential` written by hand in a notebook, and load
    there.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes) of images (N, C, H, W)."""
        return super().forward(images.flatten(1))  # type: ignore[no-untyped-call, no-any-return]


def fresh_network(plan: TrainingPlan, data: LoadedDataset) -> nn.Module:
    """The network that a run of this plan on these images starts from, on the CPU. Seeds the global generator."""
    torch.manual_seed(plan.seed)
    network = build_network(plan, data.input_shape)
    for module in network.modules():
        if isinstance(module, Whitening):
            module.fit(normalizer(plan, data)(spread(data.train.images)))
    return network


def build_network(plan: TrainingPlan, input_shape: Shape = (3, 32, 32)) -> nn.Module:
    """The plan's network on the CPU, fp32: images (N, *input_shape) in, scores (N, classes) out.

    Layers are made in order, and nothing else draws from the global generator: seed it right before the call.

    Raises:
        InvalidPlan: the layers do not fit together.
    """
    classes = len(plan.dataset.classes)
    match plan.architecture:
        case TorchvisionPlan(network=name):
            return torchvision_network(name, classes, input_shape[0])
        case MlpPlan() as mlp:
            return _mlp(mlp, math.prod(input_shape), classes)
        case LayersPlan() as row:
            return _layers(row, input_shape, classes)
        case unknown:
            assert_never(unknown)


@torch.no_grad()
def needs_two_samples(network: nn.Module, images: Tensor) -> bool:
    """Whether the network cannot train on a batch of one: a batchnorm sees a single value a channel of an image.

    Runs one of the `images` (N, C, H, W) and looks at each batchnorm's input, without changing the network's state or
    drawing from a generator.
    """
    seen: list[bool] = []
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    hooks = [
        norm.register_forward_pre_hook(lambda _, given: seen.append(given[0][0, 0].numel() == 1)) for norm in norms
    ]
    training = network.training
    try:
        network.eval()(images[:1])
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return any(seen)


def activation(kind: ActivationName) -> nn.Module:  # noqa: PLR0911 -- one for each kind
    """The named activation, with torch's default options."""
    match kind:
        case "elu":
            return nn.ELU()
        case "gelu":
            return nn.GELU()
        case "leaky_relu":
            return nn.LeakyReLU()
        case "relu":
            return nn.ReLU()
        case "sigmoid":
            return nn.Sigmoid()
        case "silu":
            return nn.SiLU()
        case "tanh":
            return nn.Tanh()
        case _:
            assert_never(kind)


def _mlp(plan: MlpPlan, features: int, classes: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for width in plan.hidden:
        modules += [nn.Linear(features, width), activation(plan.activation)]
        features = width
    return Mlp(*modules, nn.Linear(features, classes))


def _layers(plan: LayersPlan, shape: Shape, classes: int) -> nn.Sequential:
    network, shape = _row(plan.layers, shape)
    if shape != (classes,):
        raise InvalidPlan(f"the last layer gives {shape} for each image; {classes} classes need ({classes},)")
    return network


def _row(layers: Sequence[LayerPlan], shape: Shape) -> tuple[nn.Sequential, Shape]:
    """The modules of layers in a row, and the shape that the last one gives for one image."""
    modules: list[nn.Module] = []
    for number, layer in enumerate(layers, start=1):
        module = _module(layer, shape)
        shape = _output_shape(module, shape, f"layer {number} ({layer.kind})")
        modules.append(module)
    return nn.Sequential(*modules), shape


def _module(layer: LayerPlan, shape: Shape) -> nn.Module:  # noqa: C901, PLR0911, PLR0912 -- a case a kind
    """The module of a layer whose input for one image has this shape."""
    match layer:
        case LinearPlan():
            return nn.Linear(shape[-1], layer.out_features, bias=layer.bias)
        case Conv2dPlan():
            return _conv2d(layer, shape[0])
        case MaxPool2dPlan():
            return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
        case AvgPool2dPlan():
            return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
        case BatchNormPlan():
            return (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0], momentum=layer.momentum)
        case DropoutPlan():
            return nn.Dropout(layer.p)
        case FlattenPlan():
            return nn.Flatten()
        case ScalePlan():
            return Scale(layer.factor)
        case ActivationPlan():
            return activation(layer.kind)
        case GroupNormPlan():
            return _groupnorm(layer, shape[0])
        case LayerNormPlan():
            return nn.LayerNorm(shape)
        case GlobalAvgPoolPlan():
            return GlobalAvgPool()
        case ResidualPlan():
            return _residual(layer, shape)
        case WhiteningPlan():
            return Whitening(shape[0], layer.kernel_size)
        case _:
            assert_never(layer)


def _conv2d(layer: Conv2dPlan, channels: int) -> nn.Module:
    try:
        return nn.Conv2d(
            channels,
            layer.out_channels,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
            bias=layer.bias,
        )
    except ValueError as error:  # groups that divide neither side
        raise InvalidPlan(f"conv2d: {error}") from error


def _groupnorm(layer: GroupNormPlan, channels: int) -> nn.Module:
    try:
        return nn.GroupNorm(layer.num_groups, channels)
    except ValueError as error:  # groups that do not divide them
        raise InvalidPlan(f"groupnorm: {error}") from error


def _residual(layer: ResidualPlan, shape: Shape) -> nn.Module:
    layers, after = _row(layer.layers, shape)
    shortcut, beside = _row(layer.shortcut, shape)
    if after != beside:
        raise InvalidPlan(f"residual: its layers give {after} for each image, its shortcut {beside}")
    return Residual(layers, shortcut)


def _output_shape(module: nn.Module, shape: Shape, name: str) -> Shape:
    """The module's output shape for one image, found by running one in eval mode: no formula to maintain."""
    training = module.training
    try:
        with torch.no_grad():
            out: Tensor = module.eval()(torch.zeros(1, *shape))
    except (RuntimeError, ValueError) as error:
        raise InvalidPlan(f"{name} does not take an input of shape {shape}: {error}") from error
    finally:
        module.train(training)
    return tuple(out.shape[1:])
