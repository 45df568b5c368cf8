"""Networks of torch as architectures, and back, against what a worker builds of the same job."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import flightline.torch as ours
from flightline.errors import UsageError
from flightline.torch import GlobalAvgPool, Residual, Scale, Whitening
from shared.errors import InvalidSpec
from shared.jobspec import Caps, parse_submission
from shared.jobspec.fields.architecture import NetworkName
from tests.unit.shared.jobspec.test_shapes import plain, residual, whitening
from worker.training.network.build import build_network
from worker.training.plan import plan_from_spec

Json = dict[str, Any]
S = nn.Sequential
IMAGES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
ACTIVATIONS = [nn.ELU, nn.GELU, nn.LeakyReLU, nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Tanh]


def by_worker(architecture: Json) -> nn.Module:
    """The network that a worker builds for a job of this architecture, which the service accepts."""
    document = {"architecture": architecture, "training": {"epochs": 1}}
    submission = parse_submission(json.dumps(document).encode(), Caps())
    return build_network(plan_from_spec(submission.document))


def head(*before: nn.Module) -> S:
    """A network that begins with these layers of 3 × 32 × 32, and ends in two classes."""
    row = S(*before, nn.Flatten())
    with torch.no_grad():
        features = row.eval()(IMAGES).shape[1]
    return S(*before, nn.Flatten(), nn.Linear(features, 2)).train()


def inner() -> S:
    """A block that halves the image."""
    return S(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU())


NETWORKS: dict[str, S] = {
    "tapered mlp": S(nn.Linear(3072, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 2), nn.LogSoftmax(1)),
    "softmax regression": S(nn.Linear(3072, 2), nn.Softmax(-1)),
    "features without a flatten": S(nn.Linear(3072, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)),
    "an mlp with its flatten": S(nn.Flatten(), nn.Linear(3072, 8, bias=False), nn.ReLU(), nn.Linear(8, 2)),
    "convolution": head(nn.Conv2d(3, 6, (5, 5), stride=2, padding=1, dilation=2, groups=3, bias=False)),
    "padding in words": head(nn.Conv2d(3, 4, 3, padding="same", dilation=2), nn.Conv2d(4, 4, 3, padding="valid")),
    "pools": head(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d((2, 2)), nn.AvgPool2d(3, stride=1, padding=1)),
    "norms": head(nn.BatchNorm2d(3, momentum=0.3), nn.GroupNorm(3, 3), nn.LayerNorm([3, 32, 32])),
    "norm of features": head(nn.Flatten(), nn.Linear(3072, 8), nn.LayerNorm(8), nn.GroupNorm(2, 8), nn.BatchNorm1d(8)),
    "dropout, scale": head(nn.Dropout(0.25), Scale(0.125), nn.Identity(), nn.Dropout(0.5, inplace=True)),
    "activations": head(*(kind() for kind in ACTIVATIONS), nn.ReLU(inplace=True)),
    "whitening": head(Whitening(3, 2), nn.GELU()),
    "global pool": S(nn.Conv2d(3, 5, 3), GlobalAvgPool(), nn.Linear(5, 2)),
    "torch's global pool": S(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)),
    "residual": head(inner(), Residual(S(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())), nn.ReLU()),
    "residual with a shortcut": head(Residual(inner(), S(nn.Conv2d(3, 6, 1, stride=2, bias=False)))),
    "residual of features": S(
        nn.Flatten(), nn.Linear(3072, 8), Residual(S(nn.Linear(8, 8), nn.BatchNorm1d(8))), nn.Linear(8, 2)
    ),
    "residual to features": S(
        Residual(S(GlobalAvgPool()), S(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())), nn.Linear(3, 2)
    ),
    "sequences within": S(
        OrderedDict(body=S(inner(), S(nn.MaxPool2d(2))), flat=nn.Flatten(), out=S(nn.Linear(384, 2), nn.Softmax(1)))
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_job_builds_the_same_network(name: str) -> None:
    """The service accepts it; the worker's network has the same parameters, by mapped names, and the same outputs."""
    network = NETWORKS[name].eval()
    architecture = ours.spec(network)
    theirs = by_worker(architecture).eval()
    assert sum(one.numel() for one in theirs.parameters()) == sum(one.numel() for one in network.parameters())
    names, state = ours.weight_names(network), network.state_dict()
    assert list(names.values()) == list(state)
    theirs.load_state_dict({name: state[mine] for name, mine in names.items()})
    mine = network(IMAGES.flatten(1) if isinstance(network[0], nn.Linear) else IMAGES)
    outputs = {"logits": nn.Identity(), "log_softmax": nn.LogSoftmax(1), "softmax": nn.Softmax(1)}
    assert torch.allclose(outputs[architecture["output"]](theirs(IMAGES)), mine, atol=1e-6)


def test_an_architecture_is_short_and_says_what_stands_there() -> None:
    """Options with their default are left out; names of weights that differ are mapped."""
    network = NETWORKS["sequences within"]
    assert ours.spec(network) == {
        "kind": "layers",
        "layers": [
            {"kind": "conv2d", "out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1},
            {"kind": "batchnorm"},
            {"kind": "relu"},
            {"kind": "maxpool2d", "kernel_size": 2},
            {"kind": "flatten"},
            {"kind": "linear", "out_features": 2},
        ],
        "output": "softmax",
    }
    assert ours.weight_names(network)["5.weight"] == "out.0.weight"
    assert ours.spec(NETWORKS["tapered mlp"]) == {
        "kind": "mlp",
        "hidden": [32, 16],
        "activation": "tanh",
        "output": "log_softmax",
    }


REFUSED: list[tuple[nn.Module, str]] = [
    (S(nn.Conv2d(3, 4, 3, padding_mode="reflect")), r"network\[0\], a Conv2d, has padding_mode='reflect'"),
    (S(nn.Conv2d(3, 4, (3, 5))), r"kernel_size=\(3, 5\); a job's layers have the same for height and width"),
    (S(nn.Conv2d(3, 4, 2, padding="same")), "pads one side more than the other"),
    (S(nn.MaxPool2d(2, ceil_mode=True)), "has ceil_mode=True; a job's layer has ceil_mode=False always"),
    (S(nn.MaxPool2d(2, dilation=2)), "has dilation=2"),
    (S(nn.AvgPool2d(2, count_include_pad=False)), "has count_include_pad=False"),
    (S(nn.BatchNorm2d(3, eps=1e-3)), r"has eps=0\.001; a job's layer has eps=1e-05 always"),
    (S(nn.BatchNorm2d(3, momentum=None)), "momentum=None, an average over all batches"),
    (S(nn.BatchNorm2d(3, affine=False)), "has affine=False"),
    (S(nn.LayerNorm([3, 32, 32], bias=False)), "has bias=False"),
    (S(nn.LayerNorm([32, 32])), "must normalise all values of an image"),
    (S(nn.LayerNorm(32)), "must normalise all values of an image"),
    (S(nn.ELU(0.5)), r"has alpha=0\.5"),
    (S(nn.GELU(approximate="tanh")), "has approximate='tanh'"),
    (S(nn.LeakyReLU(0.2)), r"has negative_slope=0\.2"),
    (S(nn.Flatten(2)), "has start_dim=2"),
    (S(nn.Dropout(1.0)), "has a value that a job cannot have: p: Input should be less than 1"),
    (S(nn.AdaptiveAvgPool2d(2)), "has output_size=2"),
    (S(nn.AdaptiveAvgPool2d(1), nn.ReLU()), r"put nn\.Flatten\(\) after it"),
    (S(nn.ReLU(), nn.Linear(32, 2)), r"network\[1\].*input is an image: put nn\.Flatten\(\) before it"),
    (S(nn.Softmax(1), nn.Flatten()), "a Softmax, has no counterpart in a job's architecture"),
    (S(nn.Flatten(), nn.LogSoftmax(0)), "has dim=0"),
    (S(S(nn.PReLU())), r"network\[0\.0\], a PReLU, has no counterpart .* Known are AdaptiveAvgPool2d, AvgPool2d"),
    (S(nn.LazyLinear(2)), "LazyLinear, has no counterpart"),
    (nn.Linear(3, 2), "The network is a Linear, not an nn.Sequential"),
    (S(Residual(nn.Conv2d(3, 3, 1))), r"network\[0\.layers\] is a Conv2d, not an nn\.Sequential"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    "network, message", REFUSED, ids=[f"{number}-{text[:20]}" for number, (_, text) in enumerate(REFUSED)]
)
def test_what_no_job_has_is_named(network: nn.Module, message: str) -> None:
    """The module, by its place, and what about it a job cannot have; never a network that is another one."""
    sequence: Any = network
    with pytest.raises(UsageError, match=message):
        ours.spec(sequence)


def test_a_built_mlp_is_read_again() -> None:
    """It flattens by itself, which is what the architecture says."""
    architecture = {"kind": "mlp", "hidden": [8], "activation": "relu", "output": "logits"}
    built: Any = ours.network(architecture, (1, 4, 4), 3)
    assert built(torch.rand(2, 1, 4, 4)).shape == (2, 3)
    assert ours.spec(built) == architecture


def test_shared_weights_are_refused() -> None:
    """A module that stands in two places would be two layers; without weights it may."""
    layer, relu = nn.Linear(8, 8), nn.ReLU()
    with pytest.raises(UsageError, match=r"network\[2\].* is the same module as network\[0\]"):
        ours.spec(S(layer, relu, layer))
    twice = ours.spec(S(nn.Conv2d(3, 3, 1), relu, nn.Conv2d(3, 3, 1), relu, nn.Flatten()))
    assert [layer["kind"] for layer in twice["layers"]] == ["conv2d", "relu", "conv2d", "relu", "flatten"]


def test_a_sequence_with_a_forward_of_its_own_is_refused() -> None:
    """What it does cannot be read from its members."""

    class Twice(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images * 2

    with pytest.raises(UsageError, match="The network is a Twice"):
        ours.spec(Twice(nn.Flatten(), nn.Linear(3, 2)))


@settings(max_examples=100, deadline=None)
@given(st.lists(plain | residual | whitening, max_size=4), st.sampled_from(["logits", "log_softmax", "softmax"]))
def test_any_network_goes_there_and_back(layers: list[Json], output: str) -> None:
    """What `network` builds, `spec` reads as the same architecture, and a worker builds with the same tensors."""
    layers = [*layers, {"kind": "flatten"}, {"kind": "linear", "out_features": 2}]
    architecture = {"kind": "layers", "layers": layers, "output": output}
    document = {"architecture": architecture, "training": {"epochs": 1}}
    try:
        submission = parse_submission(json.dumps(document).encode(), Caps())
    except InvalidSpec:
        return
    stored = submission.document["architecture"]
    mine, theirs = ours.network(stored, (3, 32, 32), 2), build_network(plan_from_spec(submission.document))
    shapes = [{name: one.shape for name, one in network.state_dict().items()} for network in (mine, theirs)]
    assert shapes[0] == shapes[1]
    mine.load_state_dict(theirs.state_dict())
    assert torch.equal(mine.eval()(IMAGES), theirs.eval()(IMAGES))
    assert isinstance(mine, S)
    again = ours.network(ours.spec(mine), (3, 32, 32), 2)
    assert isinstance(again, S)
    assert ours.spec(again) == ours.spec(mine)
    assert {name: one.shape for name, one in again.state_dict().items()} == shapes[0]


@pytest.mark.parametrize("name", get_args(NetworkName))
def test_networks_of_torchvision(name: NetworkName) -> None:
    """Every one has the worker's tensors and outputs, by the same names."""
    stored = {"kind": "torchvision", "network": name, "output": "logits"}
    mine, theirs = ours.network(stored, (3, 32, 32), 2), by_worker(stored)
    mine.load_state_dict(theirs.state_dict())
    assert torch.equal(mine.eval()(IMAGES), theirs.eval()(IMAGES))
    grey = ours.network(stored, (1, 32, 32), 3).eval()
    assert grey(IMAGES[:, :1]).shape == (4, 3)


def test_what_cannot_be_built() -> None:
    """Layers that do not fit are named; so is what this release does not know."""
    wrong = {"kind": "layers", "layers": [{"kind": "linear", "out_features": 2}, {"kind": "global_avgpool"}]}
    with pytest.raises(
        UsageError, match=r"Layer 0 \(linear\) does not take an input of shape \(3, 32, 32\): it takes features"
    ):
        ours.network(wrong, (3, 32, 32), 2)
    with pytest.raises(UsageError, match="This release of flightline cannot build"):
        ours.network({"kind": "layers", "layers": [{"kind": "of_tomorrow"}]}, (3, 32, 32), 2)
