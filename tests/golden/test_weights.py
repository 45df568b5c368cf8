"""A file of weights is enough to classify images: docs/weights.md does it in a process that knows torch alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from shared.jobs.running.claims import Claim
from shared.jobs.status import JobKind
from shared.jobspec import Caps, parse_spec
from shared.storage.store import Storage
from worker.predictor import onnx_file
from worker.predictor.networks import Network
from worker.run_job.records import artifacts
from worker.training.data import load
from worker.training.data.loader import Inputs
from worker.training.network.build import build_network
from worker.training.plan import plan_from_spec
from worker.training.results import TrainingResult
from worker.training.trainer import train

DOCUMENT = (Path(__file__).parents[2] / "docs" / "weights.md").read_text()
READER, USE, ONNX = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
DRIVER = """
import sys
torch.set_num_threads(1)
images, found = torch.load("images.pt"), {}
for path in sys.argv[1:]:
    about, weights = read(path)
    found[path] = torch.cat([scores(batch, about, weights) for batch in images.split(500)])
torch.save(found, "scores.pt")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

_CONV: dict[str, Any] = {"kind": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": 1}
_SETTLED: list[dict[str, Any]] = [{"kind": "batchnorm"}, {"kind": "gelu"}]
_END: list[dict[str, Any]] = [{"kind": "flatten"}, {"kind": "dropout", "p": 0.1}, {"kind": "linear"}]
_LAYERS = [
    {**_CONV, "stride": 2},
    *_SETTLED,
    {**_CONV, "groups": 3, "dilation": 2, "bias": False},
    {"kind": "silu"},
    {"kind": "avgpool2d", "kernel_size": 3, "stride": 2, "padding": 1},
    {"kind": "elu"},
    {"kind": "maxpool2d", "kernel_size": 2},
    {"kind": "flatten"},
    {"kind": "linear", "out_features": 16},
    {"kind": "batchnorm"},
    {"kind": "leaky_relu"},
    {"kind": "linear", "bias": False},
    {"kind": "scale", "factor": 0.5},
]
_BLOCK = {"kind": "residual", "layers": [_CONV, *_SETTLED], "shortcut": [{**_CONV, "kernel_size": 1, "padding": 0}]}
_RESIDUAL = [{"kind": "whitening", "kernel_size": 2}, {"kind": "relu"}, _BLOCK, {**_BLOCK, "shortcut": []}, *_END]
_NORMS: list[dict[str, Any]] = [
    _CONV,
    {"kind": "groupnorm", "num_groups": 3},
    {"kind": "relu"},
    {"kind": "residual", "layers": [_CONV, {"kind": "layernorm"}]},
    {"kind": "global_avgpool"},
    {"kind": "layernorm"},
    {"kind": "linear"},
]
_SGD = {"kind": "sgd", "lr": 0.02, "momentum": 0.9}
VAL = 40
"""Validation images of each class."""
CLOSE = {"reference": 0.0, "fused": 1e-4, "resident": 1e-3}
"""How far scores may be from those that an engine stored: it may sum in another order."""
JOBS: dict[str, dict[str, Any]] = {
    "reference": {"architecture": {"kind": "mlp", "hidden": [12, 8]}, "training": {"engine": "reference"}},
    "fused": {"architecture": {"kind": "mlp", "hidden": [12, 8]}},
    "sigmoids": {"architecture": {"kind": "mlp", "hidden": [8], "activation": "sigmoid", "output": "softmax"}},
    "regression": {"architecture": {"kind": "mlp", "hidden": []}, "dataset": {"normalize": "none"}},
    "norms": {"architecture": {"kind": "layers", "layers": _NORMS}, "training": {"optimizer": {"kind": "nadam"}}},
    "layers": {"architecture": {"kind": "layers", "layers": _LAYERS}, "dataset": {"normalize": "computed"}},
    "residual": {"architecture": {"kind": "layers", "layers": _RESIDUAL, "output": "logits"}},
    "convnet": {"preset": "convnet", "training": {"epochs": 1, "optimizer": {**_SGD, "nesterov": True}}},
}


def trained(spec: Any, folder: Path) -> TrainingResult:
    """The result of a stored spec, its files kept in the folder as a worker keeps them."""
    plan = plan_from_spec(spec)
    data = load(plan.dataset, folder, folder)
    result = train(plan, data, torch.device("cpu"), on_epoch=lambda _: None, check=lambda: None)
    claim = Claim("a-job", 1, "a-worker", spec, "f" * 64, 0.0, None, exact=True, kind=JobKind.TRAIN)
    artifacts.store(Storage(str(folder)), claim, result, "best,last")
    return result


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, TrainingResult]:
    """Of each job, by the folder that its files are in."""
    results = {}
    for name, job in JOBS.items():
        dataset = {"name": "synthetic", "train_per_class": 100, "val_per_class": VAL, **job.get("dataset", {})}
        training = {"epochs": 3, "batch_size": 32, "optimizer": _SGD, **job.get("training", {})}
        document = parse_spec({**job, "dataset": dataset, "training": training}, Caps()).document
        folder = tmp_path_factory.mktemp(name)
        results[folder / "a-job" / "1"] = trained(json.loads(json.dumps(document)), folder)
    return results


@pytest.fixture(scope="module")
def images(results: dict[Path, TrainingResult], tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    """The validation images of all of them."""
    spec = parse_spec({"preset": "convnet", "dataset": {"name": "synthetic", "val_per_class": VAL}}, Caps()).document
    folder = tmp_path_factory.mktemp("data")
    return load(plan_from_spec(spec).dataset, folder, folder).val.images


def isolated(code: str, folder: Path, *arguments: str) -> str:
    """What a Python prints that finds nothing of ours, in this folder."""
    command = [sys.executable, "-I", "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_scores_of_every_network_come_out_again(
    results: dict[Path, TrainingResult], images: torch.Tensor, tmp_path: Path
) -> None:
    """Those that the job stored, and so the accuracy that it reported, from the file alone."""
    kept = {str(folder / f"{name}.safetensors"): (folder, name) for folder in results for name in ("best", "last")}
    kept = {path: which for path, which in kept.items() if Path(path).is_file()}  # some last ones are the best
    torch.save(images, tmp_path / "images.pt")
    modules = json.loads(isolated(READER + DRIVER, tmp_path, *kept))
    assert not {"api", "flightline", "shared", "worker"} & set(modules)
    found = torch.load(tmp_path / "scores.pt")
    labels = torch.arange(2).repeat_interleave(VAL)
    for path, (folder, weights) in kept.items():
        result, scores = results[folder], found[path]
        assert scores.numpy() == pytest.approx(result.logits[weights].numpy(), abs=CLOSE[result.engine]), path
        assert (scores.argmax(1) == labels).float().mean().item() == pytest.approx(result.evaluations[weights].accuracy)


def test_a_picture_is_classified(results: dict[Path, TrainingResult], images: torch.Tensor, tmp_path: Path) -> None:
    """As the page says, from a file of weights and one of a picture."""
    folder, result = next(iter(results.items()))
    shutil.copytree(folder, tmp_path / "weights")
    Image.fromarray(images[-1].permute(1, 2, 0).numpy()).save(tmp_path / "bird.png")
    name, probability = isolated(READER + USE, tmp_path).split()
    wanted = result.logits["best"][-1].softmax(0)
    assert name == ("airplane", "bird")[wanted.argmax()]
    assert float(probability) == pytest.approx(wanted.max().item(), abs=1e-5)


def test_a_picture_is_classified_by_an_onnx_file(tmp_path: Path) -> None:
    """As the page says, by onnxruntime alone."""
    plan = plan_from_spec(parse_spec({"preset": "notebook-linear"}, Caps()).document)
    inputs = Inputs((3, 32, 32), (0.49, 0.48, 0.45), (0.25, 0.24, 0.26))
    network = Network(build_network(plan).eval().requires_grad_(False), plan, inputs, {}, 0)
    content = onnx_file.write(network, {"classes": json.dumps(["airplane", "bird"])})
    (tmp_path / "notebook-tapered-0192f3.onnx").write_bytes(content)
    picture = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(3)).to(torch.uint8)
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / "bird.png")
    wanted = network.module(network.normalizer(picture[None])).argmax(1).item()
    assert isolated(ONNX, tmp_path).split() == [("airplane", "bird")[int(wanted)]]


def test_scores_say_what_they_are(results: dict[Path, TrainingResult]) -> None:
    """Of which job, classes, images and epochs; the format's library reads it."""
    folder, result = next(iter(results.items()))
    with safe_open(folder / "logits.safetensors", "pt") as file:
        about, names = file.metadata(), set(file.keys())
    assert names == {"best", "last"}
    assert (about["content"], about["job_id"], about["split"]) == ("logits", "a-job", "val")
    assert json.loads(about["classes"]) == ["airplane", "bird"]
    assert about["data_fingerprint"] == result.environment["data_fingerprint"]
    assert json.loads(about["epochs"]) == {"best": result.best_epoch, "last": 3}


def test_the_page_lists_what_files_say(results: dict[Path, TrainingResult]) -> None:
    """Every name of the metadata, and no other."""
    said: set[str] = set()
    for name in ("best", "logits"):
        with safe_open(next(iter(results)) / f"{name}.safetensors", "pt") as file:
            said |= file.metadata().keys()
    rows = re.findall(r"^\| (`[^|]+) \| (?:all|weights|logits) \|", DOCUMENT, re.MULTILINE)
    assert said == {name for row in rows for name in re.findall(r"`(\w+)`", row)}
