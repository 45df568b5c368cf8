"""A file of weights as a module of torch: what a worker writes, and what is made of it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from flightline.client.files.model import Model
from flightline.errors import UsageError
from flightline.torch import Classifier
from flightline.torch.classifiers import tensors
from worker.run_job.records.tensors import safetensors

ARCHITECTURE = {
    "kind": "layers",
    "layers": [
        {"kind": "conv2d", "out_channels": 4, "kernel_size": 3},
        {"kind": "batchnorm"},
        {"kind": "global_avgpool"},
    ],
    "output": "logits",
}
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
CLASSES = ["circle", "square", "star", "triangle"]


def metadata(precision: str = "fp32") -> dict[str, str]:
    """What a worker writes down about weights."""
    spec = {"architecture": ARCHITECTURE, "dataset": {"name": "shapes", "image_size": 16}}
    found = {"spec": spec, "classes": CLASSES, "input_shape": [3, 16, 16], "mean": MEAN, "std": STD}
    return {name: json.dumps(value) for name, value in found.items()} | {"precision": precision}


def model(weights: dict[str, Tensor], about: dict[str, str]) -> Model:
    """The file of these weights."""
    return Model("shapes-123456.safetensors", b"".join(bytes(part) for part in safetensors(weights, about)))


@pytest.fixture
def trained() -> nn.Sequential:
    """The network that the weights are of, with statistics that are not fresh."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network(torch.rand(8, 3, 16, 16))
    return network.eval()


def test_scores_are_those_of_the_trained_network(trained: nn.Sequential) -> None:
    """Names, tensors, classes and normalisation come with the file; the network is in eval mode."""
    classifier = model(dict(trained.state_dict()), metadata()).to_torch()
    assert isinstance(classifier, Classifier)
    assert (classifier.classes, classifier.training, classifier.image_size) == (tuple(CLASSES), False, 16)
    assert list(classifier.network.state_dict()) == list(trained.state_dict())
    image = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8)
    normalised = (image / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    assert torch.equal(classifier.transform(image), normalised)
    scores = trained(normalised[None])
    assert torch.equal(classifier(normalised[None]), scores)
    assert classifier.probabilities(image) == dict(zip(CLASSES, scores.softmax(1)[0].tolist(), strict=True))


def test_bf16_runs_as_the_job_did(trained: nn.Sequential) -> None:
    """Under autocast; scores come as fp32."""
    classifier = model(dict(trained.state_dict()), metadata(precision="bf16")).to_torch()
    images = torch.rand(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        expected = trained(images).float()
    scores = classifier(images)
    assert (scores.dtype, torch.equal(scores, expected)) == (torch.float32, True)


def test_weights_can_be_trained_on(trained: nn.Sequential) -> None:
    """The tensors own their memory, and take gradients."""
    classifier = model(dict(trained.state_dict()), metadata()).to_torch().train()
    before = {name: value.clone() for name, value in classifier.network.state_dict().items()}
    optimizer = torch.optim.SGD(classifier.parameters(), lr=1.0)
    classifier(torch.rand(4, 3, 16, 16)).square().sum().backward()
    optimizer.step()
    assert not torch.equal(classifier.network.state_dict()["0.weight"], before["0.weight"])


def test_every_type_of_tensor_is_read() -> None:
    """Also one without values, or without dimensions."""
    weights = {
        str(kind): torch.arange(6).reshape(2, 3).to(kind)
        for kind in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8)
    }
    weights |= {"none": torch.empty(0, 3), "one": torch.tensor(7), "bool": torch.tensor([True, False])}
    read = tensors(model(weights, {}))
    assert read.keys() == weights.keys()
    for name, expected in weights.items():
        assert (read[name].dtype, read[name].shape) == (expected.dtype, expected.shape)
        assert torch.equal(read[name], expected)


def test_an_image_of_another_size_is_refused(trained: nn.Sequential) -> None:
    """With what it is and what it should be."""
    classifier = model(dict(trained.state_dict()), metadata()).to_torch()
    with pytest.raises(UsageError, match="takes images of 3 × 16 × 16 in uint8; this one is 1 × 2 × 3 in"):
        classifier.transform(torch.zeros(1, 2, 3, dtype=torch.uint8))


def test_a_file_that_does_not_say_what_it_is(trained: nn.Sequential) -> None:
    """As releases wrote them that did not know metadata yet."""
    with pytest.raises(UsageError, match=r"shapes-123456\.safetensors does not say what network it is of"):
        model(dict(trained.state_dict()), {}).to_torch()


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client without torch is complete but for this."""
    monkeypatch.setitem(sys.modules, "torch", None)
    loaded: Any = Model("a", b"")
    with pytest.raises(UsageError, match=r"to_torch\(\) needs torch.* Install it: `pip install torch`\."):
        loaded.to_torch()
