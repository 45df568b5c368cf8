"""The spec's own arithmetic against the real modules, for hundreds of random networks."""

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from shared.jobspec.checks.costs import Cost, LayerMisfit, network_cost
from shared.jobspec.checks.shapes import Misfit, Shape, shape_of_sum
from shared.jobspec.fields.layers import Layer, Linear, Residual

CLASSES = 3
SAMPLES = 3
AS_LAYER: TypeAdapter[Layer] = TypeAdapter(Layer)
MODULES: dict[str, Callable[..., nn.Module]] = {
    "avgpool2d": nn.AvgPool2d,
    "dropout": nn.Dropout,
    "elu": nn.ELU,
    "flatten": nn.Flatten,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "maxpool2d": nn.MaxPool2d,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}

small = st.integers(1, 4)
padding = st.integers(0, 3)
conv = st.fixed_dictionaries(
    {"kind": st.just("conv2d"), "out_channels": st.integers(1, 6), "kernel_size": small},
    optional={"stride": small, "padding": padding, "dilation": small, "groups": small, "bias": st.booleans()},
)
pool = st.fixed_dictionaries(
    {"kind": st.sampled_from(["maxpool2d", "avgpool2d"]), "kernel_size": small},
    optional={"stride": st.none() | small, "padding": padding},
)
linear = st.fixed_dictionaries(
    {"kind": st.just("linear"), "out_features": st.integers(1, 6)}, optional={"bias": st.booleans()}
)
other = st.fixed_dictionaries({"kind": st.sampled_from(sorted({*MODULES, "batchnorm"} - {"avgpool2d", "maxpool2d"}))})
scale = st.fixed_dictionaries({"kind": st.just("scale"), "factor": st.sampled_from([0.125, 2.0])})
groups = st.fixed_dictionaries({"kind": st.just("groupnorm"), "num_groups": small})
over_all = st.sampled_from([{"kind": "layernorm"}, {"kind": "global_avgpool"}])
plain = conv | pool | linear | other | scale | groups | over_all
residual = st.fixed_dictionaries(
    {"kind": st.just("residual"), "layers": st.lists(plain, max_size=3)},
    optional={"shortcut": st.lists(plain, max_size=2)},
)
whitening = st.fixed_dictionaries({"kind": st.just("whitening"), "kernel_size": small})
layers = st.tuples(
    st.lists(whitening.map(AS_LAYER.validate_python), max_size=1),
    st.lists((plain | residual).map(AS_LAYER.validate_python), max_size=8),
).map(lambda parts: [*parts[0], *parts[1]])
input_shapes = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tiny networks run fastest on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def only_fitting(candidates: Sequence[Layer], shape: Shape) -> tuple[list[Layer], Shape]:
    """Those of the candidates that fit, one after the other, and what comes out of the last."""
    fitting = []
    for candidate in candidates:
        try:
            layer = fitting_block(candidate, shape) if isinstance(candidate, Residual) else candidate
            shape = cost_of([layer], shape).layers[-1].output_shape
        except (Misfit, LayerMisfit):
            continue
        fitting.append(layer)
    return fitting, shape


def fitting_block(block: Residual, shape: Shape) -> Residual:
    """The block with those of its layers that fit, and the shortcut that is asked for if its own does not."""
    inner, after = only_fitting(block.layers, shape)
    shortcut, beside = only_fitting(block.shortcut, shape)
    if not inner:
        raise Misfit("a block without layers")
    try:
        shape_of_sum(shape, after, beside)
    except Misfit as misfit:
        if "would fit" not in str(misfit):
            raise
        shortcut = [AS_LAYER.validate_python(json.loads(found)) for found in re.findall(r"{.*?}", str(misfit))]
        assert only_fitting(shortcut, shape) == (shortcut, after)
    return block.model_copy(update={"layers": tuple(inner), "shortcut": tuple(shortcut)})


def whole_network(candidates: Sequence[Layer], shape: Shape) -> list[Layer]:
    """The fitting candidates and an end that gives one feature a class."""
    fitting, _ = only_fitting(candidates, shape)
    end = [{"kind": "flatten"}, {"kind": "linear", "out_features": CLASSES}]
    return [*fitting, *map(AS_LAYER.validate_python, end)]


def cost_of(network: Sequence[Layer], shape: Shape, samples: int = SAMPLES) -> Cost:
    """The cost by the code under test."""
    return network_cost([(f"/layers/{index}", layer) for index, layer in enumerate(network)], shape, samples)


class Times(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        """As it says."""
        return self.factor * values


class Block(nn.Module):
    """The sum of two networks of the same input."""

    def __init__(self, one: nn.Module, other: nn.Module) -> None:
        super().__init__()
        self.one, self.other = one, other

    def forward(self, values: Tensor) -> Tensor:
        """As it says; refuses what torch would repeat until it fits."""
        one, other = self.one(values), self.other(values)
        assert one.shape == other.shape
        return torch.add(one, other)


class Means(nn.Sequential):
    """One feature of each channel."""

    def __init__(self) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        """As it says; refuses what is no image."""
        if images.ndim != 4:
            raise ValueError("not an image")
        features: Tensor = super().forward(images)  # type: ignore[no-untyped-call]
        return features


MODULES["global_avgpool"] = Means
MODULES["scale"] = Times


def naive(layer: Layer, shape: Shape) -> nn.Module:  # noqa: PLR0911 -- one for each kind
    """The module that one would write down for a layer, without asking whether it fits."""
    if isinstance(layer, Residual):
        return Block(naive_network(layer.layers, shape), naive_network(layer.shortcut, shape))
    options = layer.model_dump(exclude={"kind"})
    if layer.kind == "batchnorm":
        return nn.BatchNorm1d(shape[0], **options) if len(shape) == 1 else nn.BatchNorm2d(shape[0], **options)
    if layer.kind == "groupnorm":
        return nn.GroupNorm(num_channels=shape[0], **options)
    if layer.kind == "layernorm":
        return nn.LayerNorm(shape)
    if layer.kind == "linear":
        return nn.Linear(math.prod(shape), **options)
    if layer.kind == "whitening":
        whitens = nn.Conv2d(shape[0], 2 * shape[0] * layer.kernel_size**2, **options)
        whitens.weight.requires_grad_(False)
        return whitens
    return nn.Conv2d(shape[0], **options) if layer.kind == "conv2d" else MODULES[layer.kind](**options)


def naive_network(network: Sequence[Layer], shape: Shape) -> nn.Sequential:
    """All modules of a network, each for the shape that the check says goes in."""
    modules = []
    for layer in network:
        modules.append(naive(layer, shape))
        shape = cost_of([layer], shape).layers[-1].output_shape
    return nn.Sequential(*modules)


def trained(module: nn.Module, *, recurse: bool = True) -> list[nn.Parameter]:
    """The parameters that learn."""
    return [weight for weight in module.parameters(recurse) if weight.requires_grad]


def seen_in_torch(network: nn.Module, batch: Tensor) -> list[tuple[Shape, int]]:
    """Runs a batch; the shape, without the batch, that each layer gives, and how many parameters it has of its own."""
    seen = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        seen.append((tuple(output.shape[1:]), sum(weight.numel() for weight in trained(module, recurse=False))))

    inner = {id(module) for means in network.modules() if isinstance(means, Means) for module in means}
    layers = [m for m in network.modules() if id(m) not in inner and type(m) is not nn.Sequential]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    network(batch)
    for hook in hooks:
        hook.remove()
    return seen


def learn(network: nn.Module, shape: Shape, samples: int) -> None:
    """One forward and one backward pass against the probabilities of each class: refuses any other output shape."""
    scores = network(torch.randn(samples, *shape))
    loss = nn.functional.cross_entropy(scores, torch.full((samples, CLASSES), 1 / CLASSES))
    loss.backward()  # type: ignore[no-untyped-call]


@settings(max_examples=1000, deadline=None)
@given(layers, input_shapes)
def test_accepted_networks_train_in_torch(candidates: list[Layer], shape: Shape) -> None:
    """What the check accepts builds, runs forward and backward, and has these shapes, parameters and bytes."""
    network = whole_network(candidates, shape)
    cost = cost_of(network, shape)
    modules = naive_network(network, shape)

    seen = seen_in_torch(modules, torch.randn(SAMPLES, *shape))
    assert seen == [(part.output_shape, part.parameters) for part in cost.layers]
    assert [math.prod(after) for after, _ in seen] == [part.activations for part in cost.layers]
    learn(modules, shape, SAMPLES)
    assert all(weight.grad is not None for weight in trained(modules))
    assert sum(weight.numel() for weight in trained(modules)) == cost.parameters
    assert sum(value.nbytes for value in modules.state_dict().values()) == cost.weight_bytes


@settings(max_examples=1000, deadline=None)
@given(layers, input_shapes, conv | pool | linear | whitening | groups | over_all)
def test_refused_layers_are_refused_by_torch(candidates: list[Layer], shape: Shape, last: dict[str, object]) -> None:
    """A layer that the check refuses raises in torch too, on the shape that it was refused for."""
    _, shape = only_fitting(candidates, shape)
    layer = AS_LAYER.validate_python(last)
    fitting, _ = only_fitting([layer], shape)
    assume(not fitting)
    # a linear layer works on the last axis, which is all of an image of one row and one channel
    assume(not (isinstance(layer, Linear) and shape[:-1] == (1, 1)))
    samples = 1 if layer.kind == "groupnorm" else SAMPLES  # one value a group is refused by torch in one sample alone

    with pytest.raises(LayerMisfit):
        cost_of([layer], shape)
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        naive(layer, shape)(torch.randn(samples, *shape))


@settings(max_examples=100, deadline=None)
@given(layers, input_shapes)
def test_other_ends_are_refused_by_torch(candidates: list[Layer], shape: Shape) -> None:
    """A network that does not end in one feature a class cannot be trained in torch either."""
    fitting, after = only_fitting(candidates, shape)
    assume(after != (CLASSES,))
    network = [AS_LAYER.validate_python({"kind": "batchnorm"}), *fitting]  # so that there is something to learn
    cost_of(network, shape)
    modules = naive_network(network, shape)
    with pytest.raises((RuntimeError, ValueError)):
        learn(modules, shape, SAMPLES)


@settings(max_examples=150, deadline=None)
@given(layers, input_shapes)
def test_batches_of_one_fail_exactly_where_foretold(candidates: list[Layer], shape: Shape) -> None:
    """A batch of one sample fails in torch exactly where a layer says that it needs two."""
    network = whole_network([*candidates, AS_LAYER.validate_python({"kind": "batchnorm"})], shape)
    cost = cost_of(network, shape)
    modules = naive_network(network, shape)
    if any(part.needs_two_samples for part in cost.layers):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            learn(modules, shape, 1)
    else:
        learn(modules, shape, 1)


def ungrouped(layer: Layer) -> Layer:
    """The layer without groups of channels, whose way back torch counts wrongly."""
    if isinstance(layer, Residual):
        inner = {name: tuple(map(ungrouped, getattr(layer, name))) for name in ("layers", "shortcut")}
        return layer.model_copy(update=inner)
    return layer.model_copy(update={"groups": 1}) if layer.kind == "conv2d" else layer


@settings(max_examples=150, deadline=None)
@given(layers, input_shapes)
def test_flops_are_those_that_torch_counts(candidates: list[Layer], shape: Shape) -> None:
    """The FLOPs of one step are those that torch counts while it runs forward and backward."""
    network = whole_network([ungrouped(layer) for layer in candidates], shape)
    cost = cost_of(network, shape)
    modules = naive_network(network, shape)
    with FlopCounterMode(display=False) as counter:
        learn(modules, shape, SAMPLES)
    assert counter.get_total_flops() == cost.flops_per_epoch


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 12), padding, small)
def test_what_is_said_to_fit_fits(channels: int, size: int, kernel: int, pad: int, dilation: int) -> None:
    """The kernel and the padding that a refusal of a convolution names do fit."""
    shape = (channels, size, size + 2)
    asked = {"kind": "conv2d", "out_channels": 1, "kernel_size": kernel, "padding": pad, "dilation": dilation}
    try:
        cost_of([AS_LAYER.validate_python(asked)], shape)
    except LayerMisfit as misfit:
        words = str(misfit).replace(",", "").split()
        fits = [int(word) for before, word in itertools.pairwise(words) if before in {"most", "least"}]
        cost_of([AS_LAYER.validate_python({**asked, "kernel_size": fits[0]})], shape)
        cost_of([AS_LAYER.validate_python({**asked, "padding": fits[1]})], shape)
