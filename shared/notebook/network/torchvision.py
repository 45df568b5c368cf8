"""torchvision's networks, written out with the changes that fit them to small images."""

from __future__ import annotations

from typing import assert_never

from shared.jobspec.fields.architecture import NetworkName
from shared.notebook.python_text import call, lines

_MADE_FOR = "# Made for 224 × 224 pixels: its first convolution, and what follows it, are fitted to small images."
_VGG = """
features = vgg.make_layers(vgg.cfgs["A"], batch_norm=True){stem}
for module in features.modules():
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(module.bias)
# VGG's own head, 120 million weights, is made for 7 × 7 pixels.
network = nn.Sequential(
    OrderedDict(
        features=features,
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        classifier=nn.Linear(512, {classes}),
    )
)
"""


def code_of(name: NetworkName, classes: int, channels: int) -> str:  # noqa: C901, PLR0911 -- one for each network
    """Return the statements that make the named network: images of so many channels in, a score for each class out."""
    match name:
        case "densenet121":
            stem = _new_stem("features.conv0", channels, 64)
            return _fitted(name, classes, stem, pool="features.pool0")
        case "resnet18" | "resnet34":
            return _fitted(name, classes, _new_stem("conv1", channels, 64), pool="maxpool")
        case "efficientnet_b0" | "mobilenet_v2":
            return _fitted(name, classes, _stem("features[0][0]", channels, 32))
        case "mobilenet_v3_small":
            return _fitted(name, classes, _stem("features[0][0]", channels, 16))
        case "regnet_y_400mf":
            return _fitted(name, classes, _stem("stem[0]", channels, 32))
        case "shufflenet_v2_x1_0":
            return _fitted(name, classes, _stem("conv1[0]", channels, 24), pool="maxpool")
        case "squeezenet1_1":
            return _fitted(name, classes, _stem("features[0]", channels, 64, bias=True), pool="features[2]")
        case "vgg11_bn":
            new = "" if channels == 3 else f"\nfeatures[0] = {call('nn.Conv2d', channels, 64, 3, padding=1)}"
            return _VGG.strip().replace("{classes}", str(classes)).replace("{stem}", new)
        case _:
            assert_never(name)


def _fitted(name: str, classes: int, stem: str, pool: str | None = None) -> str:
    """Return the statements that make a network, and give it this stem and no max pool after it."""
    made = f"network = models.{name}(weights=None, num_classes={classes})"
    return lines(made, _MADE_FOR, stem, None if pool is None else f"network.{pool} = nn.Identity()")


def _stem(at: str, channels: int, out_channels: int, *, bias: bool = False) -> str:
    """Return the statements after which a first convolution of 3 × 3 takes every pixel of these channels."""
    if channels != 3:
        return _new_stem(at, channels, out_channels, bias=bias)
    return f"network.{at}.stride = network.{at}.padding = (1, 1)"


def _new_stem(at: str, channels: int, out_channels: int, *, bias: bool = False) -> str:
    """Return the statements that replace a first convolution by one of 3 × 3 with a stride of 1."""
    options = {} if bias else {"bias": False}
    return lines(
        f"network.{at} = {call('nn.Conv2d', channels, out_channels, 3, padding=1, **options)}",
        f'nn.init.kaiming_normal_(network.{at}.weight, mode="fan_out", nonlinearity="relu")',
    )
