"""Networks: the notebook's by name and number, layers in order, seeding, and plans that do not fit."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn

from tests.unit.training.tiny import CONVNET, LAYERS, tiny_plan
from worker.training.errors import InvalidPlan
from worker.training.network.build import build_network
from worker.training.network.modules import Residual, Scale
from worker.training.plan import (
    ActivationName,
    ActivationPlan,
    BatchNormPlan,
    Conv2dPlan,
    DropoutPlan,
    FlattenPlan,
    LayerPlan,
    LayersPlan,
    LinearPlan,
    MaxPool2dPlan,
    MlpPlan,
    ResidualPlan,
    ScalePlan,
    TrainingPlan,
)

TAPERED = MlpPlan((1024, 512, 128))


def layers(*names: str | LayerPlan) -> TrainingPlan:
    """A plan of these layers."""
    return tiny_plan(architecture=LayersPlan(tuple(LAYERS[n]() if isinstance(n, str) else n for n in names)))


def built(plan: TrainingPlan) -> nn.Sequential:
    """The plan's network, which is a row of layers."""
    network = build_network(plan)
    assert isinstance(network, nn.Sequential)
    return network


def linear(features: int) -> LayerPlan:
    """A linear layer."""
    return LinearPlan(out_features=features)


def test_the_tapered_network_has_the_notebooks_parameters() -> None:
    """3,737,474, as the notebook counts them."""
    network = built(tiny_plan(architecture=TAPERED))
    assert [p.numel() for p in network.parameters()] == [3145728, 1024, 524288, 512, 65536, 128, 256, 2]
    assert sum(p.numel() for p in network.parameters()) == 3_737_474


def test_an_mlps_weights_load_into_a_plain_sequential() -> None:
    """Weights are named as in the Sequential that one writes by hand, and mean the same there."""
    network = built(tiny_plan(architecture=MlpPlan((16,))))
    by_hand = nn.Sequential(nn.Linear(3072, 16), nn.Tanh(), nn.Linear(16, 2), nn.LogSoftmax(dim=1))
    by_hand.load_state_dict(network.state_dict())
    images = torch.rand(5, 3, 32, 32)
    expected = by_hand(images.view(5, -1))
    assert torch.equal(torch.log_softmax(network(images), dim=1), expected)


def test_initial_weights_are_those_of_building_by_hand_after_seeding() -> None:
    """Nothing but the layers, in order, draws from the global generator."""
    torch.manual_seed(3)
    network = built(tiny_plan(architecture=MlpPlan((16, 4))))
    torch.manual_seed(3)
    by_hand = nn.Sequential(nn.Linear(3072, 16), nn.Tanh(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 2))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), by_hand.parameters(), strict=True))


def test_layers_are_built_as_listed() -> None:
    """Each kind of layer becomes its module, with the sizes that its input has."""
    network = built(tiny_plan(architecture=CONVNET))
    kinds = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.Flatten, nn.Dropout, nn.Linear]
    assert [type(module) for module in network] == kinds
    assert network(torch.rand(3, 3, 32, 32)).shape == (3, 2)
    assert network.training


def test_options_of_layers_are_passed_on() -> None:
    """Convolutions and pools take every option that a spec has."""
    conv = {"dilation": 2, "groups": 3, "kernel_size": 3, "out_channels": 6, "padding": 1, "stride": 2, "bias": False}
    pool = {"kernel_size": 3, "padding": 1, "stride": 2}
    plan = layers(
        LAYERS["conv2d"](**conv),
        LAYERS["avgpool2d"](**pool),
        DropoutPlan(p=0.2),
        "flatten",
        LinearPlan(out_features=2, bias=False),
    )
    network = built(plan)
    made = network[0]
    assert isinstance(made, nn.Conv2d)
    assert (made.dilation, made.groups, made.kernel_size) == ((2, 2), 3, (3, 3))
    assert (made.padding, made.stride, made.bias) == ((1, 1), (2, 2), None)
    assert repr(network[1]) == "AvgPool2d(kernel_size=3, stride=2, padding=1)"
    assert repr(network[2]) == "Dropout(p=0.2, inplace=False)"
    assert [name for name, _ in network.named_parameters()] == ["0.weight", "4.weight"]


def test_batchnorm_is_by_its_input() -> None:
    """After flattening, BatchNorm normalises features."""
    network = built(layers("flatten", linear(7), "batchnorm", linear(2)))
    assert isinstance(network[2], nn.BatchNorm1d)
    assert network[2].num_features == 7


def test_batchnorm_has_the_momentum_asked_for() -> None:
    """And torch's own where none is."""
    network = built(layers("batchnorm", BatchNormPlan(momentum=0.6), "flatten", linear(2)))
    assert [norm.momentum for norm in network.modules() if isinstance(norm, nn.BatchNorm2d)] == [0.1, 0.6]


def test_scale_multiplies() -> None:
    """By its factor, and has nothing to learn."""
    network = built(layers("flatten", linear(2), ScalePlan(factor=0.125)))
    images = torch.rand(5, 3, 32, 32)
    assert isinstance(network[2], Scale)
    assert torch.equal(network(images), network[:2](images) / 8)
    assert repr(network[2]) == "Scale(0.125)"
    assert [name for name, _ in network.named_parameters()] == ["1.weight", "1.bias"]


def test_a_residual_block_adds_its_shortcut() -> None:
    """The sum of both rows; weights are named after where they stand in the spec."""
    inner = (Conv2dPlan(kernel_size=3, out_channels=4, padding=1), ActivationPlan("tanh"))
    beside = (Conv2dPlan(bias=False, kernel_size=1, out_channels=4),)
    block = ResidualPlan(layers=inner, shortcut=beside)
    network = built(layers(block, "flatten", linear(2)))
    made = network[0]
    images = torch.rand(5, 3, 32, 32)
    assert isinstance(made, Residual)
    assert torch.equal(made(images), made.layers(images) + made.shortcut(images))
    names = ["0.layers.0.weight", "0.layers.0.bias", "0.shortcut.0.weight", "2.weight", "2.bias"]
    assert [name for name, _ in network.named_parameters()] == names


def test_an_empty_shortcut_is_the_identity() -> None:
    """What goes in is added to what the layers make of it."""
    network = built(layers(ResidualPlan(layers=(ActivationPlan("relu"),)), "flatten", linear(2)))
    assert torch.equal(network[0](torch.ones(1, 3, 32, 32)), 2 * torch.ones(1, 3, 32, 32))


def test_building_leaves_batchnorm_untouched() -> None:
    """Finding shapes is not a batch: running means start at zero."""
    network = built(tiny_plan(architecture=CONVNET))
    assert network.state_dict()["1.running_mean"].abs().sum() == 0
    assert network.state_dict()["1.num_batches_tracked"] == 0


@pytest.mark.parametrize("kind", get_args(ActivationName))
def test_every_activation_builds(kind: ActivationName) -> None:
    """Each activation's name works in an mlp and as a layer."""
    assert build_network(tiny_plan(architecture=MlpPlan((4,), kind)))(torch.rand(2, 3, 32, 32)).shape == (2, 2)
    assert build_network(layers("flatten", linear(4), kind, linear(2)))(torch.rand(2, 3, 32, 32)).shape == (2, 2)


def test_the_input_shape_is_the_data_sets() -> None:
    """Nothing but the data says how large an image is."""
    assert build_network(tiny_plan(architecture=MlpPlan(())), (1, 28, 28))(torch.rand(2, 1, 28, 28)).shape == (2, 2)


@pytest.mark.parametrize(
    "plan",
    [
        layers("flatten", linear(3)),
        layers(linear(2)),
        layers("flatten", MaxPool2dPlan(kernel_size=2)),
        layers(Conv2dPlan(kernel_size=33, out_channels=1)),
        layers(Conv2dPlan(groups=2, kernel_size=3, out_channels=2)),
        layers(ResidualPlan(layers=(FlattenPlan(),)), "flatten", linear(2)),
    ],
)
def test_layers_that_do_not_fit_are_refused(plan: TrainingPlan) -> None:
    """A network that cannot be built is an InvalidPlan."""
    with pytest.raises(InvalidPlan):
        build_network(plan)
