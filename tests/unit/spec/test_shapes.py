"""The spec's own arithmetic against the real modules, for hundreds of random networks."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from shared.spec.costs import Cost, LayerMisfit, network_cost
from shared.spec.layers import Layer, Linear
from shared.spec.shapes import Misfit, Shape, shape_after

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
layers = st.lists((conv | pool | linear | other).map(AS_LAYER.validate_python), max_size=8)
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
    for layer in candidates:
        try:
            shape = shape_after(layer, shape)
        except Misfit:
            continue
        fitting.append(layer)
    return fitting, shape


def whole_network(candidates: Sequence[Layer], shape: Shape) -> list[Layer]:
    """The fitting candidates and an end that gives one feature a class."""
    fitting, _ = only_fitting(candidates, shape)
    end = [{"kind": "flatten"}, {"kind": "linear", "out_features": CLASSES}]
    return [*fitting, *map(AS_LAYER.validate_python, end)]


def cost_of(network: Sequence[Layer], shape: Shape, samples: int = SAMPLES) -> Cost:
    """The cost by the code under test."""
    return network_cost([(f"/layers/{index}", layer) for index, layer in enumerate(network)], shape, samples)


def naive(layer: Layer, shape: Shape) -> nn.Module:
    """The module that one would write down for a layer, without asking whether it fits."""
    options = layer.model_dump(exclude={"kind"})
    if layer.kind == "batchnorm":
        return nn.BatchNorm1d(shape[0]) if len(shape) == 1 else nn.BatchNorm2d(shape[0])
    if layer.kind == "linear":
        return nn.Linear(math.prod(shape), **options)
    return nn.Conv2d(shape[0], **options) if layer.kind == "conv2d" else MODULES[layer.kind](**options)


def naive_network(network: Sequence[Layer], cost: Cost) -> nn.Sequential:
    """All modules of a network, each for the shape that the check says goes in."""
    return nn.Sequential(*(naive(layer, part.input_shape) for layer, part in zip(network, cost.layers, strict=True)))


def shapes_in_torch(modules: Iterable[nn.Module], batch: Tensor) -> Iterator[Shape]:
    """Runs module after module; the shape after each, without the batch."""
    for module in modules:
        batch = module(batch)
        yield tuple(batch.shape[1:])


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
    modules = naive_network(network, cost)

    assert list(shapes_in_torch(modules, torch.randn(SAMPLES, *shape))) == [part.output_shape for part in cost.layers]
    learn(modules, shape, SAMPLES)
    assert all(weight.grad is not None for weight in modules.parameters())
    counts = [sum(weight.numel() for weight in module.parameters()) for module in modules]
    assert counts == [part.parameters for part in cost.layers]
    assert sum(counts) == cost.parameters
    assert sum(value.nbytes for value in modules.state_dict().values()) == cost.weight_bytes


@settings(max_examples=1000, deadline=None)
@given(layers, input_shapes, conv | pool | linear)
def test_refused_layers_are_refused_by_torch(candidates: list[Layer], shape: Shape, last: dict[str, object]) -> None:
    """A layer that the check refuses raises in torch too, on the shape that it was refused for."""
    _, shape = only_fitting(candidates, shape)
    layer = AS_LAYER.validate_python(last)
    fitting, _ = only_fitting([layer], shape)
    assume(not fitting)
    # a linear layer works on the last axis, which is all of an image of one row and one channel
    assume(not (isinstance(layer, Linear) and shape[:-1] == (1, 1)))

    with pytest.raises(LayerMisfit):
        cost_of([layer], shape)
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        naive(layer, shape)(torch.randn(SAMPLES, *shape))


@settings(max_examples=100, deadline=None)
@given(layers, input_shapes)
def test_other_ends_are_refused_by_torch(candidates: list[Layer], shape: Shape) -> None:
    """A network that does not end in one feature a class cannot be trained in torch either."""
    fitting, after = only_fitting(candidates, shape)
    assume(after != (CLASSES,))
    network = [AS_LAYER.validate_python({"kind": "batchnorm"}), *fitting]  # so that there is something to learn
    cost = cost_of(network, shape)
    modules = naive_network(network, cost)
    with pytest.raises((RuntimeError, ValueError)):
        learn(modules, shape, SAMPLES)


@settings(max_examples=150, deadline=None)
@given(layers, input_shapes)
def test_batches_of_one_fail_exactly_where_foretold(candidates: list[Layer], shape: Shape) -> None:
    """A batch of one sample fails in torch exactly where a layer says that it needs two."""
    network = whole_network([*candidates, AS_LAYER.validate_python({"kind": "batchnorm"})], shape)
    cost = cost_of(network, shape)
    modules = naive_network(network, cost)
    if any(part.needs_two_samples for part in cost.layers):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            learn(modules, shape, 1)
    else:
        learn(modules, shape, 1)


@settings(max_examples=150, deadline=None)
@given(layers, input_shapes)
def test_flops_are_those_that_torch_counts(candidates: list[Layer], shape: Shape) -> None:
    """The FLOPs of one step are those that torch counts while it runs forward and backward."""
    plain = [layer for layer in candidates if getattr(layer, "groups", 1) == 1]  # torch miscounts groups backward
    network = whole_network(plain, shape)
    cost = cost_of(network, shape)
    modules = naive_network(network, cost)
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
        shape_after(AS_LAYER.validate_python(asked), shape)
    except Misfit as misfit:
        words = str(misfit).replace(",", "").split()
        fits = [int(word) for before, word in itertools.pairwise(words) if before in {"most", "least"}]
        shape_after(AS_LAYER.validate_python({**asked, "kernel_size": fits[0]}), shape)
        shape_after(AS_LAYER.validate_python({**asked, "padding": fits[1]}), shape)
