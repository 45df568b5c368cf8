"""torchvision's networks, with random weights, fitted to small images of one or three channels.

The networks are made for 224 × 224 pixels, and would shrink an image of 32 × 32 to nothing, or to one value a channel,
which BatchNorm cannot train on alone. So the first convolution is 3 × 3 with a stride of 1, and a max pool right after
it is left out, as He et al. (Deep Residual Learning, 2015, 4.2) do for CIFAR-10. Everything else, and the names of the
weights, are torchvision's. torchvision is imported where it is needed: its import takes as long as torch's.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from worker.training.errors import InvalidPlan

STEMS = {
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
"""The names of each network's first convolution and of the max pool after it."""

NAMES = (*STEMS, "vgg11_bn")
"""Every network that a plan can name. All give one tensor of scores, and train on a batch of one image too."""

DROPOUT_ON_IMAGES = frozenset({"squeezenet1_1"})
"""Networks whose dropout works on images, and so draws in the order of their layout in memory."""


def torchvision_network(name: str, classes: int, channels: int = 3) -> nn.Module:
    """The named network: images (N, channels, H, W) in, scores (N, classes) out.

    Raises:
        InvalidPlan: no network has this name.
    """
    if name == "vgg11_bn":
        return _vgg11_bn(classes, channels)
    if name not in STEMS:
        raise InvalidPlan(f"unknown network {name!r} of torchvision; this worker has {', '.join(NAMES)}")
    from torchvision import models

    network: nn.Module = models.get_model(name, weights=None, num_classes=classes)
    stem, pool = STEMS[name]
    _fit_stem(network, stem, channels)
    if pool is not None:
        network.set_submodule(pool, nn.Identity())
    return network


def _fit_stem(network: nn.Module, name: str, channels: int) -> None:
    """Give the named convolution a kernel of 3 × 3, a stride of 1 and as many inputs as the images have channels."""
    conv = network.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    if conv.kernel_size != (3, 3) or conv.in_channels != channels:
        conv = nn.Conv2d(channels, conv.out_channels, 3, bias=conv.bias is not None)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        network.set_submodule(name, conv)
    conv.stride = conv.padding = (1, 1)


def _vgg11_bn(classes: int, channels: int) -> nn.Module:
    """VGG's convolutions under one linear layer: its own head, 120 million weights, is made for 7 × 7 pixels."""
    from torchvision.models import vgg

    features = vgg.make_layers(vgg.cfgs["A"], batch_norm=True)
    if channels != 3:
        features[0] = nn.Conv2d(channels, 64, 3, padding=1)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    head = {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "classifier": nn.Linear(512, classes)}
    return nn.Sequential(OrderedDict(features=features, **head))
