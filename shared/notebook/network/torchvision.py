"""torchvision's networks, written out with the changes that fit them to small images."""

from __future__ import annotations

from typing import assert_never

from shared.jobspec.fields.architecture import NetworkName
from shared.notebook.python_text import lines

_KEPT_SIZE = "# Made for 224 × 224 pixels: without the stride of its first convolution, small images keep their size."
_VGG = """
features = vgg.make_layers(vgg.cfgs["A"], batch_norm=True)
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


def code_of(name: NetworkName, classes: int) -> str:  # noqa: PLR0911 -- one for each network
    """Return the statements that make the named network: images of three channels in, a score for each class out."""
    match name:
        case "densenet121":
            return _with_new_stem(name, classes, "features.conv0", pool="features.pool0")
        case "resnet18" | "resnet34":
            return _with_new_stem(name, classes, "conv1", pool="maxpool")
        case "efficientnet_b0" | "mobilenet_v2" | "mobilenet_v3_small":
            return _without_stride(name, classes, "features[0][0]")
        case "regnet_y_400mf":
            return _without_stride(name, classes, "stem[0]")
        case "shufflenet_v2_x1_0":
            return _without_stride(name, classes, "conv1[0]", pool="maxpool")
        case "squeezenet1_1":
            return _without_stride(name, classes, "features[0]", pool="features[2]")
        case "vgg11_bn":
            return _VGG.strip().replace("{classes}", str(classes))
        case _:
            assert_never(name)


def _made(name: str, classes: int) -> str:
    return f"network = models.{name}(weights=None, num_classes={classes})"


def _without_stride(name: str, classes: int, stem: str, pool: str | None = None) -> str:
    """Return the network whose first convolution, of 3 × 3, takes every pixel, without the max pool after it."""
    return lines(
        _made(name, classes),
        _KEPT_SIZE,
        f"network.{stem}.stride = network.{stem}.padding = (1, 1)",
        None if pool is None else f"network.{pool} = nn.Identity()",
    )


def _with_new_stem(name: str, classes: int, stem: str, pool: str) -> str:
    """Return the network whose first convolution, of 7 × 7, becomes one of 3 × 3, without the max pool after it."""
    return lines(
        _made(name, classes),
        "# Made for 224 × 224 pixels: with a smaller first convolution, small images keep their size.",
        f"network.{stem} = nn.Conv2d(3, 64, 3, padding=1, bias=False)",
        f'nn.init.kaiming_normal_(network.{stem}.weight, mode="fan_out", nonlinearity="relu")',
        f"network.{pool} = nn.Identity()",
    )
