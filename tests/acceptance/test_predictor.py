"""A real predictor beside a real worker: from a finished job to its predictions, its ONNX file and its mistakes."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load

from flightline.client.jobs import Job
from tests.support.stacks import LONG, TINY, Stack, processes_of, until

HIDDEN = 16


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with one worker and one predictor."""
    stack = Stack(tmp_path_factory.mktemp("predictor") / "home", "cpu=1,predict=1")
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def job(stack: Stack) -> Job:
    """A finished job."""
    return stack.client.wait(stack.client.submit(TINY).id)


@pytest.fixture
def http(stack: Stack, job: Job) -> Iterator[httpx.Client]:
    """Requests about the job."""
    with httpx.Client(base_url=f"{stack.ready['url']}/v1/jobs/{job.id}", timeout=180.0) as http:
        yield http


def pictures(count: int) -> list[bytes]:
    """PNG files of noise, 32 × 32."""
    found = []
    for seed in range(count):
        file = io.BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        found.append(file.getvalue())
    return found


def form(images: list[bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    """The images as the files of a form."""
    return [("image", (f"{number}.png", image)) for number, image in enumerate(images)]


def expected(http: httpx.Client, images: list[bytes], folder: Path) -> torch.Tensor:
    """Probabilities by torch alone, of the file that the service gives to save."""
    answer = http.get("/model")
    path = folder / "model.safetensors"
    path.write_bytes(answer.content)
    with safe_open(path, "pt") as file:
        about = file.metadata()
    weights = load(answer.content)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in images]).transpose(0, 3, 1, 2)
    mean, std = (torch.tensor(json.loads(about[name])).view(3, 1, 1) for name in ("mean", "std"))
    network = torch.nn.Sequential(torch.nn.Linear(3072, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, 2))
    network.load_state_dict(weights)
    with torch.no_grad():
        scores: torch.Tensor = network(((torch.from_numpy(pixels) / 255 - mean) / std).flatten(1))
    return scores.softmax(1)


def test_probabilities_are_those_of_torch(http: httpx.Client, tmp_path: Path) -> None:
    """One image as a body, and 64 as a form; in their order."""
    images = pictures(64)
    one = http.post("/predict", content=images[0], headers={"Content-Type": "image/png"})
    many = http.post("/predict", files=form(images))
    assert (one.status_code, many.status_code) == (200, 200), many.text
    assert one.json()["items"][0]["class"] == many.json()["items"][0]["class"]
    assert one.json()["items"][0]["probabilities"] == pytest.approx(many.json()["items"][0]["probabilities"], abs=1e-5)
    found = [[item["probabilities"][name] for name in ("airplane", "bird")] for item in many.json()["items"]]
    probabilities = expected(http, images, tmp_path)
    torch.testing.assert_close(torch.tensor(found), probabilities, rtol=0, atol=1e-5)
    classes = [("airplane", "bird")[label] for label in probabilities.argmax(1)]
    assert [item["class"] for item in many.json()["items"]] == classes


def test_bad_images_are_named(http: httpx.Client) -> None:
    """All of them, and nothing is answered for the others."""
    answer = http.post("/predict", files=form([*pictures(1), b"nothing", b""]))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_image")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/1", "/2"]
    assert answer.json()["errors"][1]["detail"].startswith("2.png: ")


def test_onnx_gives_the_jobs_scores(http: httpx.Client) -> None:
    """Checked against the stored ones before it is kept; the second request gets the same file."""
    answer = http.get("/model", params={"format": "onnx"})
    assert answer.status_code == 200, answer.text
    session = onnxruntime.InferenceSession(answer.content)
    about = session.get_modelmeta().custom_metadata_map
    assert about["checked_against"].startswith("the job's stored validation logits (")
    images = pictures(5)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in images]).transpose(0, 3, 1, 2)
    (probabilities,) = session.run(["probabilities"], {"images": pixels})
    items = http.post("/predict", files=form(images)).json()["items"]
    answered = np.array([[item["probabilities"][name] for name in json.loads(about["classes"])] for item in items])
    assert np.abs(probabilities - answered).max() < 1e-5
    assert http.get("/model", params={"format": "onnx"}).content == answer.content


def test_mistakes_are_images_that_can_be_looked_at(stack: Stack, http: httpx.Client) -> None:
    """The network takes each, as the data set has it, for the class that the list says."""
    items: list[dict[str, Any]] = http.get("/mistakes", params={"limit": 3}).json()["items"]
    assert items, "this network makes no mistake to show"
    for item in items:
        address = f"{stack.ready['url']}/v1/datasets/synthetic/images/{item['split']}/{item['index']}"
        image = httpx.get(address, timeout=60.0)
        assert image.headers["Content-Type"] == "image/png"
        answer = http.post("/predict", content=image.content, headers={"Content-Type": "image/png"}).json()
        assert answer["items"][0]["class"] == item["predicted"] != item["true"]
        assert answer["items"][0]["probabilities"] == pytest.approx(item["probabilities"], abs=1e-5)
        assert httpx.get(address, params={"normalized": "true"}, timeout=60.0).content != image.content


def test_nobody_waits_behind_a_training_job(stack: Stack, http: httpx.Client) -> None:
    """The only worker trains meanwhile."""
    long = stack.client.submit(LONG)
    until(lambda: stack.client.job(long.id).status == "running")
    assert http.post("/predict", files=form(pictures(2))).status_code == 200
    assert stack.client.job(long.id).status == "running"
    stack.client.cancel(long.id)


def test_a_predictor_killed_in_the_middle_is_replaced(stack: Stack, http: httpx.Client) -> None:
    """The request, for what takes seconds, says so, and the next one works."""
    pid = stack.child("predictor-0")
    answers: list[httpx.Response] = []

    def ask() -> bool:
        answers.append(http.get("/model", params={"format": "onnx", "weights": "last"}))
        return answers[-1].status_code == 200

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: any("onnx_export" in command for command in processes_of(stack.home).values()))
    os.kill(pid, signal.SIGKILL)
    asking.join()
    assert (answers[0].status_code, answers[0].json()["code"]) == (503, "predictor_unavailable")
    assert answers[0].headers["Retry-After"]
    until(lambda: stack.has_replaced("predictor-0", pid))
    until(ask)


def test_what_was_exported_goes_with_the_job(stack: Stack) -> None:
    """No file of it stays."""
    job = stack.client.wait(stack.client.submit(TINY).id)
    address = f"{stack.ready['url']}/v1/jobs/{job.id}/model"
    assert httpx.get(address, params={"format": "onnx"}, timeout=180.0).status_code == 200
    stack.client.delete(job.id)
    assert not list((stack.home / "artifacts" / job.id).rglob("*.onnx"))


def test_the_stack_stops_the_predictor(tmp_path: Path) -> None:
    """Nothing of it runs on."""
    stack = Stack(tmp_path / "home", "cpu=0,predict=1")
    assert [worker["role"] for worker in stack.ready["workers"]] == ["predict"]
    assert stack.stop() == 0
    assert processes_of(stack.home) == {}
    stack.close()
