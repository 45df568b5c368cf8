"""torchvision's networks as jobs train them: with a first convolution of 3 × 3 and stride 1, made for small images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import nn

from flightline.client.display.optional import optional
from shared.jobspec.fields.architecture import NetworkName

STEMS: Mapping[NetworkName, tuple[str, str | None]] = {
    "densenet121": ("features.conv0", "features.pool0"),
    "efficientnet_b0": ("features.0.0", None),
    "mobilenet_v2": ("features.0.0", None),
    "mobilenet_v3_small": ("features.0.0", None),
    "regnet_y_400mf": ("stem.0", None),
    "resnet18": ("conv1", "maxpool"),
    "resnet34": ("conv1", "maxpool"),
    "shufflenet_v2_x1_0": ("conv1.0", "maxpool"),
    "squeezenet1_1": ("features.0", "features.2"),
}
"""The names of each network's first convolution and of the max pool after it, which is left out."""


def torchvision_network(name: NetworkName, channels: int, classes: int) -> nn.Module:
    """The named network: images (N, channels, H, W) in, scores (N, classes) out; weights are named as torchvision's.

    Raises:
        UsageError: torchvision is not installed.
    """
    if name == "vgg11_bn":
        return _vgg11_bn(channels, classes)
    models = optional("torchvision.models", f"The network {name}")
    network: nn.Module = models.get_model(name, weights=None, num_classes=classes)
    stem, pool = STEMS[name]
    old = network.get_submodule(stem)
    assert isinstance(old, nn.Conv2d)  # noqa: S101 - what torchvision has there
    network.set_submodule(
        stem, nn.Conv2d(channels, old.out_channels, 3, stride=1, padding=1, bias=old.bias is not None)
    )
    if pool is not None:
        network.set_submodule(pool, nn.Identity())
    return network


def _vgg11_bn(channels: int, classes: int) -> nn.Module:
    """VGG's convolutions, a mean over each channel and one linear layer, as jobs train it."""
    vgg = optional("torchvision.models.vgg", "The network vgg11_bn")
    features = vgg.make_layers(vgg.cfgs["A"], batch_norm=True)
    if channels != 3:
        features[0] = nn.Conv2d(channels, features[0].out_channels, 3, padding=1)
    head = {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "classifier": nn.Linear(512, classes)}
    return nn.Sequential(OrderedDict(features=features, **head))
