"""What a notebook is made from: a job, and what is recorded of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared import wire
from shared.jobspec.checks.shapes import Shape
from shared.jobspec.fields.job import JobSpec


@dataclass(frozen=True)
class Record:
    """A job and its run so far.

    Attributes:
        job: the job.
        spec: the job's spec.
        epochs: the figures of its epochs; empty columns before the first one.
        evaluation: the evaluation of its best weights; None unless the job succeeded.
        test: the evaluation of its best weights on the test split; None unless the job succeeded and has one.
        environment: the engine, device, versions and data of its latest attempt; empty before the data were loaded.
        input_shape: channels, height and width of the images that the network takes.
        published_moments: the usual mean and deviation of each channel of the data set, where it has them.
        source: where the images came from, `torchvision` or `folder`; None where no worker's report says so.
        place: the path, on the worker's machine, of those images; None where no worker's report says so.
    """

    job: wire.Job
    spec: JobSpec
    epochs: wire.EpochColumns
    evaluation: wire.Evaluation | None
    test: wire.Evaluation | None
    environment: Mapping[str, Any]
    input_shape: Shape
    published_moments: tuple[Sequence[float], Sequence[float]] | None
    source: str | None = None
    place: str | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether the job ran on a GPU or, before its first attempt, asks for one."""
        device = self.environment.get("device") or self.spec.resources.device
        return bool(device == "cuda")

    @property
    def averaged(self) -> bool:
        """Whether an average of the weights is validated in place of the weights themselves."""
        return self.spec.training.weight_average is not None
