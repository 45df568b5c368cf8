"""The whitening layer: what its filters do to patches, where they come from, and that nothing trains them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.unit.training.tiny import CPU, DATASET, Recording, tiny_data, tiny_plan
from worker.training.data.loader import normalizer
from worker.training.network import whitening
from worker.training.network.build import build_network, fresh_network
from worker.training.network.whitening import EPS, filters, spread
from worker.training.plan import (
    ActivationPlan,
    FlattenPlan,
    LayersPlan,
    LinearPlan,
    SgdPlan,
    WhiteningPlan,
)

WHITENING = WhiteningPlan(kernel_size=2)
REST = (ActivationPlan("gelu"), FlattenPlan(), LinearPlan(out_features=2))
PLAN = tiny_plan(architecture=LayersPlan((WHITENING, *REST)))
DATA = tiny_data(train=30, val=10)


def test_patches_come_out_uncorrelated() -> None:
    """The filters make the patches' covariance diagonal: each eigenvalue over itself and eps, the largest first."""
    images = torch.rand(20, 3, 16, 16).cumsum(2).cumsum(3)  # neighbours are alike, as in photographs
    made = filters(images, 3)
    outputs = F.conv2d(images.double(), made).transpose(0, 1).reshape(54, -1)
    patches = torch.stack([images[:, :, y : y + 3, x : x + 3].flatten(1) for y in range(14) for x in range(14)], 2)
    values = torch.linalg.eigvalsh(torch.cov(patches.transpose(0, 1).reshape(27, -1).double(), correction=0)).flip(0)
    assert torch.allclose(torch.cov(outputs[:27], correction=0), (values / (values + EPS)).diag(), atol=1e-6)
    assert torch.equal(made[27:], -made[:27])


def test_signs_do_not_depend_on_the_library() -> None:
    """An eigenvector is one up to its sign: its first largest entry is positive."""
    made = filters(torch.rand(20, 3, 8, 8), 2)[:12].flatten(1)
    largest = made.gather(1, made.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


def test_filters_are_those_of_the_normalised_training_images() -> None:
    """The network starts with them, in the type of its other weights, and with a bias of zero."""
    weights = fresh_network(PLAN, DATA).state_dict()
    expected = filters(normalizer(PLAN, DATA)(DATA.train.images), 2)
    assert torch.equal(weights["0.weight"], expected.float())
    assert weights["0.bias"].abs().sum() == 0
    plain = dataclasses.replace(PLAN, dataset=dataclasses.replace(DATASET, normalize="none"))
    assert not torch.equal(fresh_network(plain, DATA).state_dict()["0.weight"], weights["0.weight"])


def test_images_are_taken_from_the_whole_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly: the first ones of a folder are all of one class."""
    monkeypatch.setattr(whitening, "_IMAGES", 4)
    assert spread(torch.arange(10)).tolist() == [0, 2, 5, 7]
    assert spread(torch.arange(3)).tolist() == [0, 1, 2]


def test_whitening_draws_from_no_generator() -> None:
    """The layers after it start as they would without it, and dropout draws what it would."""
    weights, state = fresh_network(PLAN, DATA).state_dict(), torch.get_rng_state()
    torch.manual_seed(PLAN.seed)
    linear = nn.Linear(24 * 31 * 31, 2)
    assert torch.equal(weights["3.weight"], linear.weight)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("engine", ["reference", "resident"])
def test_only_the_bias_is_trained(engine: str) -> None:
    """Weight decay and momentum leave the filters alone; what is saved holds them, and loads into a network."""
    decay = SgdPlan(lr=0.01, momentum=0.9, weight_decay=0.5)
    run = Recording(dataclasses.replace(PLAN, optimizer=decay), DATA, engine=engine)
    last = run.result.weights["last"]
    assert torch.equal(last["0.weight"], fresh_network(PLAN, DATA).state_dict()["0.weight"])
    assert last["0.bias"].abs().sum() > 0

    network = build_network(PLAN)
    assert [name for name, _ in network.named_parameters()] == ["0.bias", "3.weight", "3.bias"]
    network.load_state_dict(last)
    network.eval()
    scores = network(normalizer(PLAN, DATA)(DATA.val.images).to(CPU))
    assert torch.allclose(scores, run.result.logits["last"], atol=1e-5)
