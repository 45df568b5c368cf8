"""Predictions: how long one image takes, how many go through in requests of 64, and the predictor's memory."""

from __future__ import annotations

import io
import os
import statistics
from collections.abc import Iterator

import numpy as np
from PIL import Image

from api.http.requests.images import MOST_IMAGES
from benchmarks.support.lines import Line, median
from benchmarks.support.stack.processes import memory
from benchmarks.support.stack.service import TINY, Service, service

ONE_MS = 25.0
IMAGES_PER_SECOND = 300.0
MEMORY_MIB = 700.0
NETWORKS: dict[str, dict[str, object]] = {
    "notebook-tapered": {"preset": "notebook-tapered"},
    "convnet": {"preset": "convnet"},
    "resnet18": {"preset": "notebook-tapered", "architecture": {"kind": "torchvision", "network": "resnet18"}},
}
_SIDE = 32
_WARM_UP = 20


def lines(rounds: int) -> Iterator[Line]:
    """Both kinds of requests for an MLP and for a convolutional network, while nothing trains; then the memory."""
    images = [_png(seed) for seed in range(MOST_IMAGES)]
    form, boundary = _form(images)
    with service(1, predictors=1) as made:
        (predictor,) = made.predictors.values()
        assert predictor.pid is not None
        yield from _memory(predictor.pid, "before its first network")
        for name, network in NETWORKS.items():
            path = f"/v1/jobs/{made.finished(made.submit(TINY | network))['id']}/predict"
            one = [_milliseconds(made, path, image, "image/png") for image in images[:_WARM_UP] + images * rounds]
            small = name != "resnet18"
            most = ONE_MS if small else None
            yield median(f"{name}: one image, median of {MOST_IMAGES * rounds}", "ms", one[_WARM_UP:], at_most=most)
            yield Line(f"{name}: one image, 99th percentile", "ms", statistics.quantiles(one[_WARM_UP:], n=100)[98])
            many = [_milliseconds(made, path, form, boundary) for _ in range(1 + 4 * rounds)][1:]
            rates = [1000 * MOST_IMAGES / each for each in many]
            what = f"{name}: images a second in requests of {MOST_IMAGES}"
            yield Line(what, "", statistics.median(rates), at_least=IMAGES_PER_SECOND if small else None, values=rates)
        yield from _memory(predictor.pid, "with these networks")


def _memory(pid: int, when: str) -> Iterator[Line]:
    found = memory(pid)
    yield Line(f"memory of the predictor {when}: resident (RSS)", "MiB", found.resident)
    yield Line(f"memory of the predictor {when}: proportional (PSS)", "MiB", found.proportional, at_most=MEMORY_MIB)


def _milliseconds(made: Service, path: str, body: bytes, kind: str) -> float:
    answer = made.http.request("POST", path, body, kind)
    assert answer.status == 200, answer.body
    return answer.milliseconds


def _png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _form(images: list[bytes]) -> tuple[bytes, str]:
    """A form with these images, and its content type."""
    boundary = os.urandom(16).hex()
    head = 'Content-Disposition: form-data; name="image"; filename="{}.png"\r\nContent-Type: image/png\r\n\r\n'
    parts = [f"--{boundary}\r\n{head.format(number)}".encode() + image + b"\r\n" for number, image in enumerate(images)]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
