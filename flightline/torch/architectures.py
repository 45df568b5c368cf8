"""Architectures made of modules of torch: the layers of an `nn.Sequential` as the JSON of a job."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from torch import nn

from flightline.errors import UsageError
from flightline.torch.modules import GlobalAvgPool, Mlp, Residual, Scale, Whitening
from flightline.torch.networks import ACTIVATIONS
from shared.jobspec.fields import layers as of

Json = dict[str, Any]

OUTPUTS: Mapping[type[nn.Module], str] = {nn.LogSoftmax: "log_softmax", nn.Softmax: "softmax"}
NAMES = {kind: name for name, kind in ACTIVATIONS.items()}
TO_FEATURES: frozenset[type[nn.Module]] = frozenset({nn.Flatten, nn.AdaptiveAvgPool2d, GlobalAvgPool})
"""Modules whose output is a row of features."""
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
_NORM = {"eps": (1e-5,), "affine": (True,)}
_RUNNING = {**_NORM, "track_running_stats": (True,)}
_OF_OUTPUT: Mapping[str, tuple[object, ...]] = {"dim": (1, -1, None)}
OPTIONS: Mapping[type[nn.Module], Mapping[str, tuple[object, ...]]] = {
    nn.Conv2d: {"padding_mode": ("zeros",)},
    nn.MaxPool2d: {"dilation": (1, (1, 1)), "ceil_mode": (False,), "return_indices": (False,)},
    nn.AvgPool2d: {"ceil_mode": (False,), "count_include_pad": (True,), "divisor_override": (None,)},
    nn.BatchNorm1d: _RUNNING,
    nn.BatchNorm2d: _RUNNING,
    nn.GroupNorm: _NORM,
    nn.LayerNorm: {"eps": (1e-5,), "elementwise_affine": (True,)},
    nn.ELU: {"alpha": (1.0,)},
    nn.GELU: {"approximate": ("none",)},
    nn.LeakyReLU: {"negative_slope": (0.01,)},
    nn.Flatten: {"start_dim": (1,), "end_dim": (-1,)},
    nn.AdaptiveAvgPool2d: {"output_size": (1, (1, 1))},
    nn.LogSoftmax: _OF_OUTPUT,
    nn.Softmax: _OF_OUTPUT,
}
"""Options of torch's modules that a layer of a job does not have: the values that mean what the layer does."""
READ: frozenset[type[nn.Module]] = frozenset(
    {
        *OPTIONS,
        *NAMES,
        nn.Dropout,
        nn.Linear,
        Scale,
        GlobalAvgPool,
        Whitening,
    }
).difference(OUTPUTS)
"""Modules that are one layer each."""


def spec(network: nn.Sequential) -> Json:
    """The ``architecture`` of a job that builds the same network: the same layers, parameters and outputs.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), nn.ReLU(), nn.Linear(64, 2))
    >>> client.submit({"architecture": flightline.torch.spec(network), "training": {"epochs": 20}})

    The weights are not taken along: a job trains from fresh ones. Nor are the inputs' sizes: `in_features` and
    `in_channels` follow from the job's images. Sequences within the sequence are written out, an
    `nn.Identity` is left out, ``nn.AdaptiveAvgPool2d(1)`` with the `nn.Flatten` after it is `global_avgpool`, a last
    softmax or log-softmax is the `output`; `Residual`, `Scale` and `Whitening` are modules of this package. Linear
    layers and activations alone are an ``mlp``, which flattens the image itself. `weight_names` maps names of weights.

    Raises:
        UsageError: a module, or one of its options, has no counterpart in an architecture; the message names it.
    """
    found, output = _with_output(network)
    if (mlp := _as_mlp(found)) is not None:
        return {"kind": "mlp", **mlp, "output": output}
    return {"kind": "layers", "layers": [layer.json for layer in _layers(found)], "output": output}


def weight_names(network: nn.Sequential) -> dict[str, str]:
    """For each name of a tensor in a job's weights the name that it has in the network that `spec` made the job of.

    >>> names = flightline.torch.weight_names(network)
    >>> network.load_state_dict({names[name]: tensor for name, tensor in trained.network.state_dict().items()})

    Raises:
        UsageError: as `spec` raises it.
    """
    found, _ = _with_output(network)
    layers = [_Layer({}, [one]) for one in found] if _as_mlp(found) is not None else _layers(found)
    return dict(_names(layers))


@dataclass(frozen=True)
class _Named:
    """A module, by the name that it has in the whole network."""

    name: str
    module: nn.Module


@dataclass(frozen=True)
class _Layer:
    """A layer of an architecture.

    Attributes:
        json: the layer as JSON.
        modules: the module that it stands for; none for a flatten that was added, or for a residual block.
        rows: the rows of a residual block, by their names.
    """

    json: Json
    modules: Sequence[_Named] = ()
    rows: Mapping[str, Sequence[_Layer]] = field(default_factory=dict)


def _names(layers: Sequence[_Layer], before: str = "") -> Iterator[tuple[str, str]]:
    """The names of all tensors: of a job's weights, and of the network's own."""
    for place, layer in enumerate(layers):
        for one in layer.modules:
            for name in one.module.state_dict():
                yield f"{before}{place}.{name}", f"{one.name}.{name}"
        for part, row in layer.rows.items():
            yield from _names(row, f"{before}{place}.{part}.")


def _with_output(network: nn.Sequential) -> tuple[list[_Named], str]:
    """The network's modules, without the output function at their end, and that function's name."""
    found = list(_flat(network, ""))
    seen: dict[int, str] = {}
    for one in found:
        first = seen.setdefault(id(one.module), one.name)
        if first != one.name and any(True for _ in one.module.parameters()):
            raise _refused(one, f"is the same module as network[{first}]; layers of a job share no weights")
    output = OUTPUTS.get(type(found[-1].module)) if found else None
    if output is None:
        return found, "logits"
    _check_options(found[-1])
    return found[:-1], output


def _flat(row: nn.Module, name: str) -> Iterator[_Named]:
    """The modules of a sequence, with those of sequences within it and without identities."""
    if not (isinstance(row, nn.Sequential) and type(row).forward in {nn.Sequential.forward, Mlp.forward}):
        what = f"network[{name}]" if name else "The network"
        raise UsageError(
            f"{what} is a {type(row).__name__}, not an nn.Sequential: what its forward does cannot be read. Write it "
            "as a sequence; flightline.torch.Residual adds two of them."
        )
    for child, module in row.named_modules(remove_duplicate=False):
        if not child or "." in child:
            continue
        inner = f"{name}.{child}" if name else child
        if isinstance(module, nn.Sequential):
            yield from _flat(module, inner)
        elif type(module) is not nn.Identity:
            yield _Named(inner, module)


def _as_mlp(found: Sequence[_Named]) -> Json | None:
    """The fields of an `mlp`, if the network is one that takes flattened images."""
    linears, between = found[::2], found[1::2]
    kinds = {type(one.module) for one in between}
    fits = len(found) % 2 == 1 and all(_is_plain_linear(one.module) for one in linears)
    if not fits or len(kinds) > 1 or not kinds <= set(NAMES):
        return None
    for one in between:
        _check_options(one)
    hidden = [one.module.out_features for one in linears[:-1] if isinstance(one.module, nn.Linear)]
    return {"hidden": hidden} | ({"activation": NAMES[kinds.pop()]} if kinds else {})


def _is_plain_linear(module: nn.Module) -> bool:
    return type(module) is nn.Linear and module.bias is not None


def _layers(found: Sequence[_Named]) -> list[_Layer]:
    """The layers that the modules of a whole network are. What takes features first gets a flatten before it."""
    added = [_Layer({"kind": "flatten"})] if found and type(found[0].module) is nn.Linear else []
    row, _ = _row(found, features=bool(added))
    return added + row


def _row(found: Sequence[_Named], *, features: bool) -> tuple[list[_Layer], bool]:
    """The layers that these modules are, and whether the last one gives a row of features.

    Args:
        found: the modules, in order.
        features: whether the first one's input is a row of features, and not an image.
    """
    layers: list[_Layer] = []
    rest = deque(found)
    while rest:
        one = rest.popleft()
        _check_options(one)
        if type(one.module) is nn.AdaptiveAvgPool2d:
            if not (rest and type(rest[0].module) is nn.Flatten):
                raise _refused(one, "gives an image of 1 × 1: put nn.Flatten() after it")
            rest.popleft()
        layer, features = _layer(one, features=features)
        layers.append(layer)
    return layers, features


def _layer(one: _Named, *, features: bool) -> tuple[_Layer, bool]:
    """A module as a layer, and whether its output is a row of features."""
    if isinstance(one.module, Residual):
        return _residual(one, one.module, features=features)
    if type(one.module) not in READ:
        known = ", ".join(sorted(kind.__name__ for kind in (*READ, Residual, nn.Sequential, nn.Identity)))
        raise _refused(one, f"has no counterpart in a job's architecture. Known are {known}")
    _check_input(one, features=features)
    try:
        json = _single(one).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        reasons = "; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
        raise _refused(one, f"has a value that a job cannot have: {reasons}") from error
    return _Layer(json, [one]), features or type(one.module) in TO_FEATURES


def _residual(one: _Named, block: Residual, *, features: bool) -> tuple[_Layer, bool]:
    found = {part: list(_flat(block.get_submodule(part), f"{one.name}.{part}")) for part in ("layers", "shortcut")}
    rows = {part: _row(modules, features=features) for part, modules in found.items()}
    json = {part: [layer.json for layer in row] for part, (row, _) in rows.items() if row}
    return _Layer({"kind": "residual", **json}, rows={part: row for part, (row, _) in rows.items()}), rows["layers"][1]


def _single(one: _Named) -> of.SingleLayer:  # noqa: C901, PLR0911, PLR0912 -- a case a kind
    """A module of a kind in `READ` as a layer."""
    match one.module:
        case nn.Linear() as linear:
            return of.Linear(kind="linear", out_features=linear.out_features, bias=linear.bias is not None)
        case nn.Conv2d() as conv:
            return _conv2d(one, conv)
        case nn.MaxPool2d():
            return of.MaxPool2d(kind="maxpool2d", **_window(one))
        case nn.AvgPool2d():
            return of.AvgPool2d(kind="avgpool2d", **_window(one))
        case nn.BatchNorm1d() | nn.BatchNorm2d() as norm:
            return _batchnorm(one, norm)
        case nn.GroupNorm() as norm:
            return of.GroupNorm(kind="groupnorm", num_groups=norm.num_groups)
        case nn.LayerNorm():
            return of.LayerNorm(kind="layernorm")
        case nn.Dropout() as dropout:
            return of.Dropout(kind="dropout", p=dropout.p)
        case nn.Flatten():
            return of.Flatten(kind="flatten")
        case nn.AdaptiveAvgPool2d() | GlobalAvgPool():
            return of.GlobalAvgPool(kind="global_avgpool")
        case Scale() as scale:
            return of.Scale(kind="scale", factor=scale.factor)
        case Whitening() as whitening:
            return of.Whitening(kind="whitening", kernel_size=whitening.kernel_size)
        case activation:
            return of.Activation(kind=NAMES[type(activation)])


def _check_input(one: _Named, *, features: bool) -> None:
    """Refuse a layer that torch and a job would apply differently: along an image's width, or over all of it."""
    if not features and isinstance(one.module, nn.Linear | nn.BatchNorm1d):
        raise _refused(one, "takes features, but its input is an image: put nn.Flatten() before it")
    if isinstance(one.module, nn.LayerNorm) and len(one.module.normalized_shape) != (1 if features else 3):
        raise _refused(one, "must normalise all values of an image: its shape is (channels, height, width)")


def _check_options(one: _Named) -> None:
    for option, meant in OPTIONS.get(type(one.module), {}).items():
        value = getattr(one.module, option)
        if value not in meant:
            raise _refused(one, f"has {option}={value!r}; a job's layer has {option}={meant[0]!r} always")
    if isinstance(one.module, NORMS) and one.module.bias is None:
        raise _refused(one, "has bias=False; a job's norms have a bias always")


def _refused(one: _Named, why: str) -> UsageError:
    return UsageError(f"network[{one.name}], a {type(one.module).__name__}, {why}.")


def _square(one: _Named, option: str) -> int:
    """The one number that a pair of height and width is."""
    value = getattr(one.module, option)
    numbers = set(value) if isinstance(value, tuple) else {value}
    if len(numbers) != 1 or not all(isinstance(number, int) for number in numbers):
        raise _refused(one, f"has {option}={value!r}; a job's layers have the same for height and width")
    number: int = numbers.pop()
    return number


def _padding(one: _Named, conv: nn.Conv2d) -> int:
    """The zeros on each side of a convolution, also where torch's option is a word."""
    if not isinstance(conv.padding, str):
        return _square(one, "padding")
    reach = _square(one, "dilation") * (_square(one, "kernel_size") - 1)
    if conv.padding == "same" and reach % 2:
        raise _refused(one, "has padding='same' with an even kernel_size, which pads one side more than the other")
    return reach // 2 if conv.padding == "same" else 0


def _conv2d(one: _Named, conv: nn.Conv2d) -> of.Conv2d:
    return of.Conv2d(
        kind="conv2d",
        out_channels=conv.out_channels,
        kernel_size=_square(one, "kernel_size"),
        stride=_square(one, "stride"),
        padding=_padding(one, conv),
        dilation=_square(one, "dilation"),
        groups=conv.groups,
        bias=conv.bias is not None,
    )


def _window(one: _Named) -> Json:
    size, stride = _square(one, "kernel_size"), _square(one, "stride")
    return {"kernel_size": size, "stride": None if stride == size else stride, "padding": _square(one, "padding")}


def _batchnorm(one: _Named, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> of.BatchNorm:
    if norm.momentum is None:
        raise _refused(one, "has momentum=None, an average over all batches; a job's has a number")
    return of.BatchNorm(kind="batchnorm", momentum=norm.momentum)
