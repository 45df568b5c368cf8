"""Networks as ONNX: the scores of onnxruntime are those of torch, for any number of images."""

from __future__ import annotations

import json
import random
from typing import Any

import onnx
import pytest
import torch

from shared.errors import NotExportable
from shared.jobspec import PRESETS, Caps, parse_spec
from worker.predictor import onnx_file
from worker.predictor.networks import Network
from worker.predictor.onnx_file import Reference
from worker.training.data.loader import Inputs
from worker.training.network.build import build_network
from worker.training.plan import plan_from_spec

ACTIVATIONS = ("elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "tanh")
TOLERANCE = 1e-4


def network_of(document: dict[str, Any], about: dict[str, str] | None = None) -> Network:
    """A network with weights of its own, and statistics in its batchnorms as training leaves them."""
    plan = plan_from_spec(parse_spec(document, Caps()).document)
    torch.manual_seed(1)
    module = build_network(plan)
    with torch.no_grad():
        module.train()(torch.randn(8, 3, 32, 32))
    inputs = Inputs((3, 32, 32), (0.49, 0.48, 0.45), (0.25, 0.24, 0.26))
    return Network(module.eval().requires_grad_(False), plan, inputs, about or {}, 0)


def pictures(count: int) -> torch.Tensor:
    """Images of noise (N, 3, 32, 32) uint8."""
    return torch.randint(0, 256, (count, 3, 32, 32), generator=torch.Generator().manual_seed(7)).to(torch.uint8)


def require_equal(network: Network, content: bytes) -> None:
    """Check the scores and probabilities of one image and of seven."""
    for count in (1, 7):
        images = pictures(count)
        expected = network.module(network.normalizer(images))
        found = onnx_file.run(content, images.numpy())
        assert list(found) == ["logits", "probabilities"]
        torch.testing.assert_close(torch.from_numpy(found["logits"]), expected, rtol=0, atol=TOLERANCE)
        torch.testing.assert_close(torch.from_numpy(found["probabilities"]), expected.softmax(1), rtol=0, atol=1e-5)


class Drawn:
    """A random row of layers that fit together, for images (3, 32, 32).

    Args:
        seed: which one.
    """

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._channels = 3
        self._side = 32
        self.layers: list[dict[str, Any]] = []

    def draw(self) -> dict[str, Any]:
        """The job's document."""
        if self._dice.random() < 0.3:
            self._whiten()
        for _ in range(self._dice.randint(2, 5)):
            self._dice.choice([self._conv, self._conv, self._pool, self._residual])()
            self._between()
        if self._dice.random() < 0.5:
            self.layers += [{"kind": "global_avgpool"}]
        else:
            self.layers += [{"kind": "flatten"}, {"kind": "linear", "out_features": 16, "bias": self._coin()}]
            self._between(flat=True)
        self.layers += [{"kind": "linear", "out_features": 2}]
        return {"architecture": {"kind": "layers", "layers": self.layers, "output": "logits"}}

    def _coin(self) -> bool:
        return self._dice.random() < 0.5

    def _whiten(self) -> None:
        self.layers += [{"kind": "whitening", "kernel_size": 2}]
        self._channels, self._side = 24, 31

    def _conv(self) -> None:
        kernel, stride = self._dice.choice([1, 3]), self._dice.choice([1, 1, 2])
        groups = self._dice.choice([1, 1, self._channels])
        out = groups * self._dice.randint(1, 2) if groups > 1 else self._dice.choice([4, 8, 12])
        conv = {"kind": "conv2d", "out_channels": out, "kernel_size": kernel, "stride": stride, "groups": groups}
        self.layers += [{**conv, "padding": kernel // 2, "bias": self._coin()}]
        self._channels, self._side = out, (self._side - 1) // stride + 1

    def _pool(self) -> None:
        if self._side >= 4:
            self.layers += [{"kind": self._dice.choice(["maxpool2d", "avgpool2d"]), "kernel_size": 2}]
            self._side //= 2

    def _residual(self) -> None:
        same = {"kind": "conv2d", "out_channels": self._channels, "kernel_size": 3, "padding": 1}
        shortcut = [{"kind": "conv2d", "out_channels": self._channels, "kernel_size": 1}] if self._coin() else []
        self.layers += [
            {"kind": "residual", "layers": [same, {"kind": "batchnorm"}, {"kind": "relu"}, same], "shortcut": shortcut}
        ]

    def _between(self, *, flat: bool = False) -> None:
        norms: list[dict[str, Any]] = [{"kind": "batchnorm"}, {"kind": "layernorm"}, {"kind": "dropout", "p": 0.3}]
        if not flat:
            norms += [{"kind": "groupnorm", "num_groups": 1}]
        scale = [{"kind": "scale", "factor": 0.5}] if self._dice.random() < 0.3 else []
        self.layers += [self._dice.choice(norms), {"kind": self._dice.choice(ACTIVATIONS)}, *scale]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset(preset: str) -> None:
    """As the file stands after its own check."""
    network = network_of({"preset": preset})
    require_equal(network, onnx_file.checked(onnx_file.write(network, {}), network, None))


@pytest.mark.parametrize("seed", range(20))
def test_random_architectures(seed: int) -> None:
    """Every layer and activation is in some of them."""
    network = network_of(Drawn(seed).draw())
    require_equal(network, onnx_file.checked(onnx_file.write(network, {}), network, None))


def test_the_random_architectures_have_every_layer() -> None:
    """Of those that a job can name."""
    named = json.dumps([Drawn(seed).draw() for seed in range(20)])
    kinds = {"whitening", "conv2d", "maxpool2d", "avgpool2d", "residual", "batchnorm", "layernorm", "groupnorm"}
    for kind in {*kinds, "dropout", "scale", "flatten", "global_avgpool", "linear", *ACTIVATIONS}:
        assert f'"{kind}"' in named, kind


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x1_0"])
def test_networks_of_torchvision(name: str) -> None:
    """With squeezes, shuffles and activations that layers have not."""
    network = network_of({"architecture": {"kind": "torchvision", "network": name}})
    require_equal(network, onnx_file.checked(onnx_file.write(network, {}), network, None))


@pytest.fixture
def network() -> Network:
    """A small one."""
    return network_of({"architecture": {"kind": "mlp", "hidden": [4]}})


@pytest.fixture
def content(network: Network) -> bytes:
    """Its file, before the check."""
    return onnx_file.write(network, {"job_id": "0192"})


class TestCheck:
    def test_the_file_says_what_it_is(self, network: Network, content: bytes) -> None:
        """Who made it, what goes in, and what it was compared with."""
        images = pictures(10)
        reference = Reference(images, network.module(network.normalizer(images)))
        model = onnx.load_from_string(onnx_file.checked(content, network, reference))
        about = {entry.key: entry.value for entry in model.metadata_props}
        assert about["job_id"] == "0192"
        assert about["checked_against"] == "the job's stored validation logits (10 images)"
        assert "opset 18" in about["made_with"]
        assert "onnxruntime" in about["made_with"]
        assert [entry.version for entry in model.opset_import if not entry.domain] == [18]
        batch = model.graph.input[0].type.tensor_type.shape.dim[0]
        assert (batch.dim_param, batch.dim_value) == ("batch", 0)

    def test_scores_unlike_the_jobs_are_refused(self, network: Network, content: bytes) -> None:
        """Another network's, or none at all."""
        images = pictures(4)
        scores = network.module(network.normalizer(images))
        with pytest.raises(NotExportable, match=r"those that the job stored by up to 0\.01"):
            onnx_file.checked(content, network, Reference(images, scores + 0.01))
        with pytest.raises(NotExportable, match="nan"):
            onnx_file.checked(content, network, Reference(images, scores * torch.nan))

    def test_a_file_of_other_weights_is_refused(self, network: Network, content: bytes) -> None:
        """Whatever the exporter did wrong."""
        other = network_of({"architecture": {"kind": "mlp", "hidden": [4]}})
        other.module.get_submodule("0").weight.mul_(2)  # type: ignore[operator]
        with pytest.raises(NotExportable, match=r"differ from torch's"):
            onnx_file.checked(content, other, None)

    def test_a_gpus_or_bf16s_scores_may_lie_further_away(self, network: Network, content: bytes) -> None:
        """By what that arithmetic rounds."""
        images = pictures(4)
        reference = Reference(images, network.module(network.normalizer(images)) + 5e-4)
        with pytest.raises(NotExportable):
            onnx_file.checked(content, network, reference)
        of_gpu = Network(network.module, network.plan, network.inputs, {"environment": '{"device":"cuda"}'}, 0)
        assert onnx_file.checked(content, of_gpu, reference)
