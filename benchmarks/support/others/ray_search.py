"""The search by Ray Tune: Optuna's TPE chooses, ASHA stops, plain PyTorch trains; what its documentation would have.

`OptunaSearch` with its own sampler (`TPESampler`) and a seed, `AsyncHyperBandScheduler` (ASHA), two trials at a time of
one processor and one thread each, actors reused from trial to trial, Tune's loggers as they are. The images lie in
Ray's object store, decoded and normalised, and each trial reads them there without a copy: no data loader, no image
that is touched twice. Nothing is read back from a tensor but the accuracy of an epoch. No checkpoints: Ray's ASHA lets
a trial go on or ends it, and needs none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.support.others.course import Course, Recorder
from benchmarks.support.others.runners import ray_cluster
from benchmarks.support.tapered import tapered

Images = Mapping[str, "np.ndarray[Any, Any]"]
"""`images` (N, 3072) fp32, normalised, with `labels` (N) int64; `val_images` and `val_labels` to validate on."""


class RaySearch:
    """Searches on a running Ray.

    Args:
        folder: where Ray stores what it writes.
        images: what trials train on.
        space: the dimensions `lr`, `momentum`, `batch_size` and `width`, as a sweep of ours would have them.
        workers: trials at a time.
    """

    def __init__(self, folder: Path, images: Images, space: Mapping[str, Mapping[str, Any]], workers: int) -> None:
        self._tune: Any = import_module("ray.tune")
        self._folder, self._space, self._workers = folder, space, workers
        self._train = self._tune.with_parameters(train, images=dict(images))

    def run(self, seed: int, *, trials: int, epochs: int, grace: int, eta: int) -> Course:
        """Search once, with a seed for the sampler."""
        searcher: Any = import_module("ray.tune.search.optuna").OptunaSearch(seed=seed)
        asha: Any = import_module("ray.tune.schedulers").ASHAScheduler(
            max_t=epochs, grace_period=grace, reduction_factor=eta
        )
        recorder = Recorder()
        tuner = self._tune.Tuner(
            self._tune.with_resources(self._train, {"cpu": 1}),
            param_space={name: self._dimension(**dimension) for name, dimension in self._space.items()}
            | {"epochs": epochs},
            tune_config=self._tune.TuneConfig(
                metric="val_accuracy",
                mode="max",
                search_alg=searcher,
                scheduler=asha,
                num_samples=trials,
                max_concurrent_trials=self._workers,
                reuse_actors=True,
            ),
            run_config=self._tune.RunConfig(
                storage_path=str(self._folder), verbose=0, callbacks=[_callback(self._tune, recorder)]
            ),
        )
        recorder.start()
        results = tuner.fit()
        course = recorder.course()
        assert len(results) == trials
        assert not results.errors, results.errors
        return course

    def _dimension(self, kind: str, **of: Any) -> Any:
        match kind:
            case "float" if of.get("log"):
                return self._tune.loguniform(of["low"], of["high"])
            case "float":
                return self._tune.uniform(of["low"], of["high"])
            case _:
                return self._tune.choice(of["values"])


def _callback(tune: Any, recorder: Recorder) -> Any:
    """A callback of Tune that records each epoch when the search hears of it."""

    def on_trial_result(_self: Any, *_: Any, result: Mapping[str, Any], **__: Any) -> None:
        recorder.add(result["val_accuracy"], result["seconds"])

    # Made so, and not by `class`, as types are checked without Ray.
    return type("Epochs", (tune.Callback,), {"on_trial_result": on_trial_result})()


def train(point: Mapping[str, Any], images: Images) -> None:
    """One trial: the tapered network on the images, the accuracy reported after each epoch."""
    tune: Any = import_module("ray.tune")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tensors = {name: _tensor(array) for name, array in images.items()}
    network = _network(tensors["images"].shape[1], point["width"])
    optimizer = torch.optim.SGD(network.parameters(), lr=point["lr"], momentum=point["momentum"])
    loss_of = nn.CrossEntropyLoss()
    for _ in range(point["epochs"]):
        began = time.perf_counter()
        for batch in torch.split(torch.randperm(len(tensors["images"])), point["batch_size"]):
            loss = loss_of(network(tensors["images"][batch]), tensors["labels"][batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.inference_mode():
            right = (network(tensors["val_images"]).argmax(1) == tensors["val_labels"]).sum()
        accuracy = int(right) / len(tensors["val_labels"])
        tune.report({"val_accuracy": accuracy, "seconds": time.perf_counter() - began})


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    """The array as a tensor that shares its memory, which nobody writes to."""
    return torch.from_numpy(array)


def _network(inputs: int, width: int) -> nn.Sequential:
    widths = [inputs, *tapered(width)]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 2))


@contextmanager
def ray_search(images: Images, space: Mapping[str, Mapping[str, Any]], workers: int) -> Iterator[RaySearch]:
    """Start a Ray with as many processors as trials at a time, and put the images into its object store."""
    with ray_cluster(workers) as folder:
        yield RaySearch(folder, images, space, workers)
