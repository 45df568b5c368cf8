"""Layers of a network as torch's modules, written out, and the classes that torch has no module for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from shared.jobspec.checks.shapes import Shape, effect_of, written
from shared.jobspec.fields.layers import (
    Activation,
    ActivationName,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    MaxPool2d,
    Residual,
    Scale,
    SingleLayer,
    Whitening,
)
from shared.notebook.python_text import call, changed, indented

_RESIDUAL = '''
class Residual(nn.Module):
    """The sum of what two rows of layers make of the same input; without a shortcut, the input itself is added."""

    def __init__(self, layers, shortcut=None):
        super().__init__()
        self.layers = layers
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, inputs):
        return self.layers(inputs) + self.shortcut(inputs)
'''
_SCALE = '''
class Scale(nn.Module):
    """Multiplies its inputs by a constant."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, inputs):
        return inputs * self.factor
'''
_GLOBAL_AVG_POOL = '''
class GlobalAvgPool(nn.Module):
    """Makes one feature of each channel of an image: its mean."""

    def forward(self, images):
        return images.mean((2, 3))
'''
_WHITENING = '''
class Whitening(nn.Module):
    """A convolution whose filters are computed from the images by `fit` and never trained; only its bias is."""

    def __init__(self, channels, kernel_size):
        super().__init__()
        values = channels * kernel_size**2
        self.kernel_size = kernel_size
        self.register_buffer("weight", torch.zeros(2 * values, channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(2 * values))

    def forward(self, images):
        return F.conv2d(images, self.weight, self.bias)

    def fit(self, images):
        """Take the eigenvectors of the patches' covariance, each over the deviation along it, and their negatives."""
        values, vectors = torch.linalg.eigh(self.covariance(images))
        # An eigenvector may point either way: the first of its largest entries shall be positive.
        sizes = vectors.abs()
        largest = (sizes > 0.999_999 * sizes.amax(0)).to(torch.uint8).argmax(0, keepdim=True)
        vectors = vectors * vectors.gather(0, largest).sign()
        rows = (vectors / (values.clamp_min(0) + 5e-4).sqrt()).T.flip(0)
        self.weight.copy_(torch.cat((rows, -rows)).view_as(self.weight))

    def covariance(self, images):
        """The covariance of all patches of the images, in double precision and a hundred images at a time."""
        size = images.shape[1] * self.kernel_size**2
        count, total = 0, torch.zeros(size, dtype=torch.float64)
        products = torch.zeros(size, size, dtype=torch.float64)
        for chunk in images.split(100):
            patches = F.unfold(chunk.double(), self.kernel_size).transpose(0, 1).reshape(size, -1)
            count += patches.shape[1]
            total += patches.sum(1)
            products += patches @ patches.T
        mean = total / count
        return products / count - torch.outer(mean, mean)
'''


def network_of(layers: Sequence[Layer], shape: Shape, name: str = "network") -> str:
    """Return the statement that makes an `nn.Sequential` of these layers; `shape` is the input's, of one image."""
    inner, _ = _row(layers, shape)
    return "\n".join([f"{name} = nn.Sequential(", *indented(inner), ")"])


def definitions(layers: Iterable[Layer]) -> list[str]:
    """Return the classes that these layers need beside torch's, each once."""
    needed = (_definition(layer) for layer in _every(layers))
    return list(dict.fromkeys(definition for definition in needed if definition))


def activation(kind: ActivationName) -> str:  # noqa: PLR0911 -- one for each kind
    """Return the module of an activation."""
    match kind:
        case "elu":
            return "nn.ELU()"
        case "gelu":
            return "nn.GELU()"
        case "leaky_relu":
            return "nn.LeakyReLU()"
        case "relu":
            return "nn.ReLU()"
        case "sigmoid":
            return "nn.Sigmoid()"
        case "silu":
            return "nn.SiLU()"
        case "tanh":
            return "nn.Tanh()"
        case _:
            assert_never(kind)


def _row(layers: Sequence[Layer], shape: Shape) -> tuple[list[str], Shape]:
    """Return the modules of layers in a row as lines of code, and the shape that the last one gives."""
    written_out: list[str] = []
    for layer in layers:
        if isinstance(layer, Residual):
            inner, after = _residual(layer, shape)
            written_out += inner
        else:
            after = effect_of(layer, shape).shape
            comment = f"  # {written(after)}" if after != shape else ""
            written_out.append(f"{_module(layer, shape)},{comment}")
        shape = after
    return written_out, shape


def _residual(block: Residual, shape: Shape) -> tuple[list[str], Shape]:
    layers, after = _row(block.layers, shape)
    shortcut, _ = _row(block.shortcut, shape)
    rows = ["nn.Sequential(", *indented(layers), "),"]
    if shortcut:
        rows += ["shortcut=nn.Sequential(", *indented(shortcut), "),"]
    return ["Residual(", *indented(rows), "),"], after


def _module(layer: SingleLayer, shape: Shape) -> str:  # noqa: C901, PLR0911, PLR0912 -- a case a kind
    """Return the module of a layer whose input for one image has this shape."""
    match layer:
        case Linear():
            return call("nn.Linear", shape[-1], layer.out_features, **changed(layer, "bias"))
        case Conv2d():
            options = changed(layer, "stride", "padding", "dilation", "groups", "bias")
            return call("nn.Conv2d", shape[0], layer.out_channels, layer.kernel_size, **options)
        case MaxPool2d():
            return call("nn.MaxPool2d", layer.kernel_size, **changed(layer, "stride", "padding"))
        case AvgPool2d():
            return call("nn.AvgPool2d", layer.kernel_size, **changed(layer, "stride", "padding"))
        case BatchNorm():
            name = "nn.BatchNorm2d" if len(shape) == 3 else "nn.BatchNorm1d"
            return call(name, shape[0], **changed(layer, "momentum"))
        case GroupNorm():
            return call("nn.GroupNorm", layer.num_groups, shape[0])
        case LayerNorm():
            return call("nn.LayerNorm", shape[0] if len(shape) == 1 else shape)
        case GlobalAvgPool():
            return "GlobalAvgPool()"
        case Dropout():
            return call("nn.Dropout", layer.p)
        case Flatten():
            return "nn.Flatten()"
        case Activation():
            return activation(layer.kind)
        case Scale():
            return call("Scale", layer.factor)
        case Whitening():
            return call("Whitening", shape[0], layer.kernel_size)
        case _:
            assert_never(layer)


def _every(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield all layers, those of residual blocks included."""
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from _every((*layer.layers, *layer.shortcut))


def _definition(layer: Layer) -> str:
    """Return the class that a layer needs; an empty text where torch has its module."""
    match layer:
        case Residual():
            return _RESIDUAL
        case Scale():
            return _SCALE
        case GlobalAvgPool():
            return _GLOBAL_AVG_POOL
        case Whitening():
            return _WHITENING
        case (
            Linear()
            | Conv2d()
            | MaxPool2d()
            | AvgPool2d()
            | BatchNorm()
            | GroupNorm()
            | LayerNorm()
            | Dropout()
            | Flatten()
            | Activation()
        ):
            return ""
        case _:
            assert_never(layer)
