"""Finished jobs' networks, built from their files of weights; the last few stay in memory."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shared.database.engine import Database
from shared.errors import NotFound, StorageError
from shared.fleet import predictions
from shared.jobs.actor import EVERYBODY
from shared.storage.store import Storage, Stored
from worker.run_job.records.tensors import read_safetensors
from worker.training.data import Datasets, ImageForm
from worker.training.data.loader import Inputs, Normalizer, inputs_of
from worker.training.device import precision
from worker.training.network.build import build_network
from worker.training.plan import TrainingPlan, plan_from_spec

MOST_BYTES = 64_000_000
"""Bytes of weights that stay in memory: the last few networks, or a single larger one."""

BATCH_SIZE = 32
"""Images that go through a network at once: what its layers hold of them is to stay small."""


@dataclass(frozen=True)
class Network:
    """A job's network with its weights, on the CPU in eval mode.

    Attributes:
        module: normalised images (N, C, H, W) fp32 in, scores (N, classes) out.
        plan: the job's plan.
        inputs: the shape of an image, and the mean and deviation of each channel.
        about: the metadata of the file of weights; empty for files of releases that wrote none.
        bytes: the size of the file.
    """

    module: nn.Module
    plan: TrainingPlan
    inputs: Inputs
    about: Mapping[str, str]
    bytes: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the scores."""
        return self.plan.dataset.classes

    @property
    def form(self) -> ImageForm:
        """The form of the network's images: resized and cut where they are square, else of exactly their size."""
        channels, height, width = self.inputs.shape
        return ImageForm(channels, height) if height == width else ImageForm(channels, exact=(height, width))

    @property
    def normalizer(self) -> Normalizer:
        """The normalisation of images (N, C, H, W) uint8 that the network expects."""
        moments = (torch.tensor(moment).view(-1, 1, 1) for moment in (self.inputs.mean, self.inputs.std))
        mean, std = moments
        return Normalizer((mean, std))

    def scores(self, images: Tensor) -> Tensor:
        """Scores (N, classes) fp32 of images (N, C, H, W) uint8, computed as in the job's own evaluation."""
        normalize = self.normalizer
        with torch.no_grad(), precision(self.plan, torch.device("cpu")):
            return torch.cat([self.module(normalize(part)).float() for part in torch.split(images, BATCH_SIZE)])


class Networks:
    """The networks of the jobs that were asked about last. For one thread.

    Args:
        data: the data sets, which files of weights without metadata are normalised by.
        db: the database, which names the files.
        storage: the artifact storage.
        most_bytes: how many bytes of weights stay in memory.
    """

    def __init__(self, data: Datasets, db: Database, storage: Storage, most_bytes: int = MOST_BYTES) -> None:
        self._data = data
        self._db = db
        self._storage = storage
        self._most_bytes = most_bytes
        self._held: OrderedDict[tuple[str, str], Network] = OrderedDict()

    def get(self, job_id: str, weights: str) -> Network:
        """The network of a job's `best` or `last` weights.

        Raises:
            JobNotFound, NotFound: there is no such job, or no such file.
            DatabaseUnavailable, StorageUnavailable: the file cannot be found or read now.
            TrainingError: the file has no metadata, and the job's data set, which it is normalised by, is not here.
        """
        job = predictions.weights_of(self._db, job_id, weights, actor=EVERYBODY)
        file = job.artifacts[f"{weights}.safetensors"]
        key = job_id, file.sha256
        if key not in self._held:
            network = self._load(job_id, job.spec, file)
            self._make_room(network.bytes)
            self._held[key] = network
        self._held.move_to_end(key)
        return self._held[key]

    def _make_room(self, needed: int) -> None:
        while self._held and sum(network.bytes for network in self._held.values()) + needed > self._most_bytes:
            self._held.popitem(last=False)

    def _load(self, job_id: str, spec: dict[str, Any], file: Stored) -> Network:
        try:
            content = bytearray(self._storage.read(file.path))
        except StorageError as error:
            raise NotFound(f"The weights of job {job_id} cannot be read: {error.detail}") from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise NotFound(
                f"The weights of job {job_id} are damaged: {file.path} has another sha256 than was recorded."
            )
        tensors, about = read_safetensors(content)
        plan = plan_from_spec(spec)
        inputs = _inputs(about) if "input_shape" in about else self._inputs_of_data(plan)
        # Not on torch's meta device, where values would cost nothing: its first use loads 100 MB of Python.
        module = build_network(plan, inputs.shape)
        module.load_state_dict(tensors, assign=True)
        return Network(module.eval().requires_grad_(False), plan, inputs, about, len(content))

    def _inputs_of_data(self, plan: TrainingPlan) -> Inputs:
        """The inputs of a job whose release wrote no metadata. The images that they take do not stay in memory."""
        data = Datasets(self._data.data_dir, self._data.cache_dir)
        return inputs_of(plan, data.load(plan.dataset))


def _inputs(about: Mapping[str, str]) -> Inputs:
    shape, mean, std = (tuple(json.loads(about[name])) for name in ("input_shape", "mean", "std"))
    return Inputs(shape, mean, std)
