"""Networks built from a plan. A network gives scores (logits); `output_layer` makes of them what the plan declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from worker.training.data import LoadedDataset
from worker.training.data.loader import normalizer
from worker.training.errors import InvalidPlan
from worker.training.network.modules import Residual, Scale
from worker.training.network.torchvision import torchvision_network
from worker.training.network.whitening import Whitening, spread
from worker.training.plan import LayerPlan, LayersPlan, MlpPlan, TorchvisionPlan, TrainingPlan

Shape = tuple[int, ...]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
}


class Mlp(nn.Sequential):
    """Fully connected layers over the flattened image.

    Flattening is no member, so its weights are named as in the `nn.Sequential` that one writes by hand in a notebook,
    and load there.
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
    Raises `InvalidPlan` where the layers do not fit together.
    """
    classes = len(plan.dataset.classes)
    if isinstance(plan.architecture, TorchvisionPlan):
        return torchvision_network(plan.architecture.network, classes)
    if isinstance(plan.architecture, MlpPlan):
        return _mlp(plan.architecture, _size(input_shape), classes)
    return _layers(plan.architecture, input_shape, classes)


@torch.no_grad()
def needs_two_samples(network: nn.Module, images: Tensor) -> bool:
    """Whether the network cannot train on a batch of one: a batchnorm sees a single value a channel of an image.

    Looks at what reaches each batchnorm of one of the `images` (N, C, H, W), without changing the network's state or
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


def output_layer(plan: TrainingPlan) -> nn.Module:
    """What comes after the scores: `nn.LogSoftmax`, `nn.Softmax`, or nothing for logits."""
    heads: dict[str, nn.Module] = {
        "log_softmax": nn.LogSoftmax(dim=1),
        "softmax": nn.Softmax(dim=1),
        "logits": nn.Identity(),
    }
    return heads[plan.architecture.output]


def activation(kind: str) -> nn.Module:
    """The named activation. Raises `InvalidPlan` for an unknown name."""
    if kind not in ACTIVATIONS:
        raise InvalidPlan(f"unknown layer or activation {kind!r}")
    return ACTIVATIONS[kind]()


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
    """One layer after the other, and the shape that comes out of the last for one image."""
    modules: list[nn.Module] = []
    for number, layer in enumerate(layers, start=1):
        module = _module(layer, shape)
        shape = _output_shape(module, shape, f"layer {number} ({layer.kind})")
        modules.append(module)
    return nn.Sequential(*modules), shape


def _module(layer: LayerPlan, shape: Shape) -> nn.Module:
    make = {
        "linear": _linear,
        "conv2d": _conv2d,
        "maxpool2d": _maxpool2d,
        "avgpool2d": _avgpool2d,
        "batchnorm": _batchnorm,
        "residual": _residual,
        "whitening": _whitening,
    }.get(layer.kind)
    if make is not None:
        return make(layer, shape)
    if layer.kind == "dropout":
        return nn.Dropout(layer.option("p", 0.5))
    if layer.kind == "scale":
        return Scale(layer.option("factor"))
    return nn.Flatten() if layer.kind == "flatten" else activation(layer.kind)


def _linear(layer: LayerPlan, shape: Shape) -> nn.Module:
    return nn.Linear(shape[-1], layer.option("out_features"), bias=layer.option("bias", True))


def _conv2d(layer: LayerPlan, shape: Shape) -> nn.Module:
    try:
        return nn.Conv2d(
            shape[0],
            layer.option("out_channels"),
            layer.option("kernel_size"),
            stride=layer.option("stride", 1),
            padding=layer.option("padding", 0),
            dilation=layer.option("dilation", 1),
            groups=layer.option("groups", 1),
            bias=layer.option("bias", True),
        )
    except ValueError as error:  # groups that divide neither side
        raise InvalidPlan(f"conv2d: {error}") from error


def _maxpool2d(layer: LayerPlan, shape: Shape) -> nn.Module:
    del shape
    return nn.MaxPool2d(layer.option("kernel_size"), layer.option("stride"), layer.option("padding", 0))


def _avgpool2d(layer: LayerPlan, shape: Shape) -> nn.Module:
    del shape
    return nn.AvgPool2d(layer.option("kernel_size"), layer.option("stride"), layer.option("padding", 0))


def _batchnorm(layer: LayerPlan, shape: Shape) -> nn.Module:
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return kind(shape[0], momentum=layer.option("momentum", 0.1))


def _whitening(layer: LayerPlan, shape: Shape) -> nn.Module:
    return Whitening(shape[0], layer.option("kernel_size"))


def _residual(layer: LayerPlan, shape: Shape) -> nn.Module:
    layers, after = _row(layer.option("layers"), shape)
    shortcut, beside = _row(layer.option("shortcut", ()), shape)
    if after != beside:
        raise InvalidPlan(f"residual: its layers give {after} for each image, its shortcut {beside}")
    return Residual(layers, shortcut)


def _output_shape(module: nn.Module, shape: Shape, name: str) -> Shape:
    """The shape for one image, found by running one: no formula to keep in step, and no randomness in eval mode."""
    training = module.training
    try:
        with torch.no_grad():
            out: Tensor = module.eval()(torch.zeros(1, *shape))
    except (RuntimeError, ValueError) as error:
        raise InvalidPlan(f"{name} does not take an input of shape {shape}: {error}") from error
    finally:
        module.train(training)
    return tuple(out.shape[1:])


def _size(shape: Shape) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size
