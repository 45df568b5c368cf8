"""torchvision's networks: what the table says of them, and that every engine trains them."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import get_args

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from shared.jobspec.checks.torchvision import smallest_side, torchvision_cost
from shared.jobspec.checks.torchvision_counts import COUNTS
from shared.jobspec.fields.architecture import NetworkName
from tests.unit.training.tiny import CPU, Recording, tiny_data, tiny_plan
from worker.training import engines
from worker.training.errors import InvalidPlan
from worker.training.network.build import build_network, fresh_network, needs_two_samples
from worker.training.network.torchvision import NAMES, torchvision_network
from worker.training.network.torchvision_counts import counts_by_class, table
from worker.training.plan import SgdPlan, TorchvisionPlan

GROUPED = {"efficientnet_b0", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "shufflenet_v2_x1_0"}
DATA = tiny_data(train=2, val=1)
PLAN = tiny_plan(architecture=TorchvisionPlan("resnet18"), epochs=1, batch_size=2)


def flops(network: nn.Module, images: torch.Tensor, *, backward: bool) -> int:
    """What torch counts while the network runs on these images."""
    with FlopCounterMode(display=False) as counter:
        scores = network(images)
        if backward:
            scores.sum().backward()
    return int(counter.get_total_flops())


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 32, 32), (1, 33, 47), (3, 96, 96), (3, 45, 64)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_true(name: str, shape: tuple[int, int, int]) -> None:
    """A network of ten classes has the parameters, bytes and FLOPs that a submission is told, on images of any size."""
    cost = torchvision_cost(name, shape, classes=10, samples=2)
    network = torchvision_network(name, 10, shape[0])
    assert sum(parameter.numel() for parameter in network.parameters()) == cost.parameters
    assert sum(value.nbytes for value in network.state_dict().values()) == cost.weight_bytes

    images = torch.rand(2, *shape, device="meta")  # counting needs shapes alone
    network.to("meta")
    stem = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    no_gradient_of_images = flops(stem, images, backward=False)
    assert 3 * flops(network, images, backward=False) - no_gradient_of_images == cost.flops_per_epoch
    if name not in GROUPED:  # torch miscounts groups backward
        assert flops(network, images, backward=True) == cost.flops_per_epoch


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_image_is_one_that_the_network_takes(name: str) -> None:
    """With a pixel less it fails in torch; and the table knows where its batchnorms begin to see a single pixel."""
    network, least = torchvision_network(name, 2).eval(), smallest_side(name)
    assert network(torch.rand(1, 3, least, least)).shape == (1, 2)
    if least > 1:
        with pytest.raises(RuntimeError):
            network(torch.rand(1, 3, least - 1, least - 1))
    for side in sorted({least, 8, 9, 16, 17, 32} - set(range(least))):
        (whole,) = torchvision_cost(name, (3, side, side), classes=2, samples=1).layers
        assert whole.needs_two_samples == needs_two_samples(network, torch.rand(1, 3, side, side)), side


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_what_make_networks_writes(name: str) -> None:
    """Whoever changes a stem has to count again."""
    assert counts_by_class(partial(torchvision_network, name)) == COUNTS[name]


def test_make_networks_writes_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all networks, by name."""
    monkeypatch.setattr("worker.training.network.torchvision_counts.NAMES", ("vgg11_bn", "mobilenet_v3_small"))
    module: dict[str, object] = {}
    exec(table(), module)
    assert module["COUNTS"] == {name: COUNTS[name] for name in ("mobilenet_v3_small", "vgg11_bn")}


def test_spec_and_worker_know_the_same_networks() -> None:
    """Each that a job may name can be built and has its figures."""
    assert list(get_args(NetworkName)) == sorted(NAMES) == list(COUNTS)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", NAMES)
def test_engines_agree(name: str) -> None:
    """In float64, over two steps: dropout draws the same in both, whatever order images lie in."""
    plan = dataclasses.replace(PLAN, architecture=TorchvisionPlan(name), optimizer=SgdPlan(lr=0.001))
    theirs, ours = (Recording(plan, DATA, engine=engine) for engine in ("reference", "resident"))
    assert theirs.epochs[0].train_loss == pytest.approx(ours.epochs[0].train_loss, rel=1e-9)
    fresh = fresh_network(plan, DATA).state_dict()
    changed = 0
    for key, weight in theirs.result.weights["last"].items():
        difference = ours.result.weights["last"][key] - weight
        assert difference.double().norm() <= 1e-8 * max(weight.double().norm(), 1e-3), key  # some learn nothing
        changed += not torch.equal(weight, fresh[key])
    assert changed > len(fresh) / 2


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_image_is_enough(name: str) -> None:
    """A short last batch never fails at a BatchNorm: the last images still have more pixels than one."""
    network = torchvision_network(name, 3).train()
    scores = network(torch.rand(1, 3, 32, 32))
    assert scores.shape == (1, 3)
    scores.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_weights_have_torchvisions_names() -> None:
    """Those that are saved load into torchvision's own network, the stem aside."""
    from torchvision.models import resnet18

    network = build_network(PLAN)
    by_hand = resnet18(num_classes=2)
    by_hand.conv1, by_hand.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    by_hand.load_state_dict(network.state_dict())
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(by_hand.eval()(images), network.eval()(images))


def test_the_seed_decides_the_weights() -> None:
    """The stem that is put in is seeded like the rest."""
    one, same, other = (fresh_network(dataclasses.replace(PLAN, seed=seed), DATA).state_dict() for seed in (0, 0, 1))
    for key in ("conv1.weight", "layer1.0.conv1.weight", "fc.weight"):
        assert torch.equal(one[key], same[key])
        assert not torch.equal(one[key], other[key])


def test_an_unknown_network_is_refused() -> None:
    """With the names that there are; those that give more than scores, or need larger images, are not among them."""
    with pytest.raises(InvalidPlan, match="resnet18"):
        torchvision_network("googlenet", 2)


def test_auto_takes_the_resident_engine() -> None:
    """Autograd alone knows such networks."""
    assert engines.choose("auto", PLAN, CPU).name == "resident"
    with pytest.raises(InvalidPlan, match="auto takes one that can"):
        engines.choose("fused", PLAN, CPU)
