"""One attempt at an evaluation: a finished job's network, scored on another data set's validation images."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import torch

from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from worker.predictor.networks import Network, Networks
from worker.run_job.context import Context
from worker.run_job.data.images import load_images
from worker.run_job.lease import Lease, retry_until_written
from worker.run_job.records import artifacts
from worker.run_job.records.recorder import Recorder
from worker.run_job.records.storage_access import StorageAccess
from worker.training.data import LoadedDataset
from worker.training.device import device_errors, environment, settled
from worker.training.errors import LeaseLost, require
from worker.training.evaluation import Evaluation, evaluate, predict
from worker.training.plan import DatasetPlan

ENGINE = "reference"
"""The engine that scores: PyTorch's own layers, as in every job's validation."""


class EvaluationAttempt:
    """One attempt at an evaluation: reads the network, loads the images, scores them and records the figures.

    Args:
        context: the worker's parts.
        claim: the job, whose spec is a stored `EvaluationSpec`.
        lease: the claim's lease, entered.
        recorder: writes log lines.
    """

    def __init__(self, context: Context, claim: Claim, lease: Lease, recorder: Recorder) -> None:
        self._context, self._claim, self._lease, self._recorder = context, claim, lease, recorder
        self._submitted = time.monotonic() - claim.waited_seconds
        self._access = StorageAccess(lease, recorder, context.settings.stop_grace_seconds)
        self._device = torch.device(context.device.torch_name)
        self._spec: dict[str, Any] = dict(claim.spec)

    def run(self) -> None:
        """Score the network and record the evaluation.

        Raises:
            TrainingError, FlightlineError: the attempt failed.
            JobInterrupted: the attempt is to end before all images are scored.
        """
        context, claim = self._context, self._claim
        self._recorder.add_line("INFO", f"Attempt {claim.attempt} on {context.device.name} by {context.identity.id}")
        job_id, weights = self._spec["job"], self._spec["weights"]
        network = self._network(job_id, weights)
        plan = _plan(self._spec["dataset"], network)
        data = load_images(context, self._lease, self._recorder, plan, self._submitted)
        fits = f"the network takes images of {network.inputs.shape}, and those of {data.name} are {data.input_shape}"
        require(data.input_shape == tuple(network.inputs.shape), fits)
        evaluation = self._score(network, data)
        accuracy = f"accuracy {evaluation.accuracy:.4f} on {len(data.val):,} images of {data.name}"
        self._recorder.add_line("INFO", f"The {weights} weights of job {job_id}: {accuracy}")
        self._succeed(artifacts.evaluation_row(weights, self._epoch(job_id, weights), evaluation))

    def _network(self, job_id: str, weights: str) -> Network:
        context = self._context
        networks = Networks(context.data, context.db, context.storage)
        return retry_until_written(self._lease, lambda: self._access.fetch(lambda: networks.get(job_id, weights)))

    def _score(self, network: Network, data: LoadedDataset) -> Evaluation:
        plan = dataclasses.replace(network.plan, threads=self._spec["resources"]["threads"])
        with settled(plan, self._device), device_errors(self._device):
            about = environment(plan, data.fingerprint, self._device, ENGINE)
            recorded = retry_until_written(
                self._lease,
                lambda: attempts.record_environment(
                    self._context.db, self._claim, about, engine=ENGINE, exact=True, first_epoch=None
                ),
            )
            if not recorded:
                raise LeaseLost
            module = network.module.to(self._device)
            scores = predict(module, data.val, network.normalizer, plan, self._lease.check)
        return evaluate(scores, data.val, data.classes)

    def _epoch(self, job_id: str, weights: str) -> int:
        """The epoch that the weights are of, by the job's own evaluation of them; 0 where the job is gone by now."""
        found = retry_until_written(
            self._lease, lambda: queries.evaluation(self._context.db, job_id, weights, actor=EVERYBODY)
        )
        return 0 if found is None else found.epoch

    def _succeed(self, row: dict[str, Any]) -> None:
        context, claim, recorder = self._context, self._claim, self._recorder
        recorded = retry_until_written(
            self._lease,
            lambda: attempts.succeed(
                context.db,
                claim,
                epochs=(),
                best={},
                exact=True,
                evaluations=[row],
                artifacts=(),
                lines=recorder.pending_lines(),
                keep_lines=context.settings.log_lines_per_job,
            ),
        )
        if not recorded:
            raise LeaseLost


def _plan(asked: dict[str, Any], network: Network) -> DatasetPlan:
    """The images that were asked for, in the form that the network takes."""
    channels, height, width = network.inputs.shape
    return DatasetPlan(
        name=asked["name"],
        classes=tuple(asked["classes"]),
        normalize="none",
        val_per_class=asked["val_per_class"],
        image_size=height if height == width else None,
        channels=1 if channels == 1 else 3,
        val_fraction=asked["val_fraction"],
    )
