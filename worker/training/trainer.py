"""`train`: from a plan and its data to epochs and a result, with all that is between two step boundaries of a run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from worker.training import engines
from worker.training.data import LoadedDataset, Split
from worker.training.data.augmentation import require_fit
from worker.training.data.loader import inputs_of, normalizer
from worker.training.device import Environment, deterministic, device_errors, environment, precision, settled
from worker.training.errors import (
    CheckpointUnreadable,
    LastBatchTooSmall,
    NonFiniteLoss,
    OutOfDeviceMemory,
    PauseReached,
    StopRequested,
    require,
)
from worker.training.evaluation import evaluate, mean_cross_entropy, predict
from worker.training.network.build import needs_two_samples
from worker.training.optim.schedules import learning_rates
from worker.training.plan import TrainingPlan
from worker.training.results import EpochResult, TrainingResult, Weights
from worker.training.sizing import with_size_that_fits
from worker.training.state.checkpoints import Checkpointing, State, check_origin, copied, origin_of
from worker.training.state.fingerprint import Fingerprint
from worker.training.state.selection import Best, EarlyStopping, copy_weights, on_cpu
from worker.training.state.stopwatch import Stopwatch
from worker.training.state.tally import Figures, Tally


def train(
    plan: TrainingPlan,
    data: LoadedDataset,
    device: torch.device,
    *,
    on_epoch: Callable[[EpochResult], None],
    check: Callable[[], None],
    engine: str | None = None,
    resume: State | None = None,
    checkpoints: Checkpointing | None = None,
    pause_after: int | None = None,
    goes_on: Callable[[int], int | None] | None = None,
) -> TrainingResult:
    """Train the plan's network and evaluate it on the whole validation split after every epoch.

    Args:
        plan: the plan of the run.
        data: the images of `plan.dataset`.
        device: the device to train on.
        on_epoch: called with the figures of every epoch.
        check: called at every step boundary; a JobInterrupted that it raises ends the run there. At a StopRequested the
            state is saved first.
        engine: the engine's name instead of the plan's.
        resume: the state to resume from. Its earlier epochs are not reported again.
        checkpoints: decides when states are saved, and saves them; None never does.
        pause_after: the epoch after which the run stops, to be resumed later; None: it goes on to its end. Its state is
            the one before that epoch was validated, so a run that is resumed validates and reports it once more.
        goes_on: called where the run would stop, with that epoch, once it has been reported: returns the epoch after
            which the run stops instead, or None where it stops now. By default it always does.

    Raises:
        TrainingError: DeviceUnavailable, OutOfDeviceMemory, NonFiniteLoss, CheckpointUnreadable or InvalidPlan.
        PauseReached: epoch `pause_after` is over, and the run is not.
        JobInterrupted: the exception that `check` raised.
    """
    name = engine or plan.engine
    with settled(plan, device):
        try:
            with device_errors(device):
                run = Run(plan, data, device, name, resume)
                return _train(run, on_epoch, _Steps(run, check, checkpoints), pause_after, goes_on or _pauses)
        except OutOfDeviceMemory as error:
            raise with_size_that_fits(error, plan, data, device, name) from error.__cause__


def _train(
    run: Run,
    on_epoch: Callable[[EpochResult], None],
    steps: _Steps,
    pause_after: int | None,
    goes_on: Callable[[int], int | None],
) -> TrainingResult:
    while not run.finished:
        epoch, last = run.epoch, steps.hand_over if run.epoch == run.epochs else _nothing
        pauses = pause_after is not None and pause_after <= epoch < run.epochs
        on_epoch(run.run_epoch(steps.boundary, steps.hold if pauses else last))
        if pauses and not run.finished:
            pause_after = goes_on(epoch)
            if pause_after is None:
                steps.save_held()
                raise PauseReached
    return run.result(steps.between)


class _Steps:
    """What happens between two steps of a run: the caller's check, and the saving of states."""

    def __init__(self, run: Run, check: Callable[[], None], checkpoints: Checkpointing | None) -> None:
        self._run, self._check, self._checkpoints = run, check, checkpoints
        self._held: State | None = None

    def boundary(self) -> None:
        """Between two steps of training or validation, where the run's state is complete."""
        try:
            self._check()
        except StopRequested:
            if self._checkpoints is not None:
                self._checkpoints.save_now(self._run.state)
            raise
        if self._checkpoints is not None:
            self._checkpoints.at_boundary(self._run.state)

    def between(self) -> None:
        """Between two batches of scoring, which has no state to save: the rest takes less than doing it again."""
        with suppress(StopRequested):
            self._check()

    def hold(self) -> None:
        """Hold the run's state as it is now."""
        if self._checkpoints is not None:
            self._held = self._run.state()

    def save_held(self) -> None:
        """Save the state that is held, where states are saved."""
        if self._checkpoints is not None and self._held is not None:
            self._checkpoints.save_now(lambda held=self._held: held)  # type: ignore[misc]

    def hand_over(self) -> None:
        """Give the state at the end of the last epoch to whoever wants it."""
        if self._checkpoints is not None and self._checkpoints.final is not None:
            self._checkpoints.final(self._run.state())


def _nothing() -> None:
    pass


def _pauses(epoch: int) -> None:
    del epoch


class Run:
    """One run: a fresh one, or one resumed from a state. Raises CheckpointUnreadable for another run's state."""

    def __init__(
        self, plan: TrainingPlan, data: LoadedDataset, device: torch.device, engine: str, resume: State | None = None
    ) -> None:
        self._plan, self._data, self._device = plan, data, device
        require(data.classes == plan.dataset.classes, "these images are not of the plan's classes")
        require_fit(plan.augment, data.input_shape)
        self._engine = _engine(engine, resume, plan, device)(plan, data, device)
        self._environment = environment(plan, data.fingerprint, device, self._engine.name)
        with precision(plan, device):
            self._require_two_in_last_batch()
            self._exact = deterministic(self._engine.network, self._engine.sample_batch())
        self._best, self._early_stopping = Best(), EarlyStopping(plan.early_stopping)
        self._tally, self._stopwatch = self._new_tally(1), Stopwatch()
        self._last_scores: Tensor | None = None
        self._stopped_early = False
        self._fingerprint = Fingerprint()
        if resume is not None:
            self._resume(resume)

    @property
    def finished(self) -> bool:
        """Whether the run's last epoch is over."""
        return self._stopped_early or self._tally.epoch > self._plan.epochs

    @property
    def epoch(self) -> int:
        """The running epoch."""
        return self._tally.epoch

    @property
    def epochs(self) -> int:
        """Number of epochs of the whole run, unless it stops early."""
        return self._plan.epochs

    def run_epoch(self, boundary: Callable[[], None], validated: Callable[[], None]) -> EpochResult:
        """Take the running epoch's remaining steps, validate, store the best weights and turn to the next epoch.

        Calls `validated` at the epoch's last step boundary.
        """
        rates = self._learning_rates()
        self._engine.run_epoch(self._tally, rates, boundary)
        sums = self._fingerprint.sums(self._engine.learned())  # before the figures, for which a GPU is waited for
        figures, training_seconds = self._tally.figures(), self._stopwatch.epoch_seconds()
        scores = self._engine.validation_scores(boundary)
        validated()
        digest = sums.digest(self._engine.generators() | self._random_state())
        result = self._epoch_result(figures, scores, rates[-1], training_seconds, digest)
        self._best.update(result, self._engine.network, scores)
        self._last_scores = scores
        self._stopped_early = self._early_stopping.update(result) and result.epoch < self._plan.epochs
        self._tally = self._new_tally(result.epoch + 1)
        self._stopwatch.next_epoch()
        return result

    def result(self, between: Callable[[], None]) -> TrainingResult:
        """The result of the finished run. Calls `between` after every batch of a test split that is scored."""
        assert self._best.scores is not None
        assert self._last_scores is not None
        best = on_cpu(self._best.weights)
        last_is_best = self._best.epoch == self._tally.epoch - 1
        logits = {"best": self._best.scores, "last": self._last_scores}
        splits = dict.fromkeys(logits, self._data.val)
        if (test := self._data.test) is not None:
            logits["test"], splits["test"] = self._scores(best, test, between), test
        return TrainingResult(
            epochs=self._tally.epoch - 1,
            best_epoch=self._best.epoch,
            weights={"best": best, "last": best if last_is_best else copy_weights(self._engine.network)},
            evaluations={name: evaluate(scores, splits[name], self._data.classes) for name, scores in logits.items()},
            logits=logits,
            inputs=inputs_of(self._plan, self._data),
            engine=self._engine.name,
            exact=self._exact,
            environment=self._environment,
            stopped_early=self._stopped_early,
            seconds=self._stopwatch.total_seconds(),
        )

    def _scores(self, weights: Weights, split: Split, between: Callable[[], None]) -> Tensor:
        """Scores (N, classes) fp32 of these weights for a split that no engine holds on its device."""
        network = copy.deepcopy(self._engine.network)
        network.load_state_dict(weights)
        return predict(network, split, normalizer(self._plan, self._data), self._plan, between)

    def state(self) -> State:
        """A copy of the run's state, to resume from. To be called at a step boundary only."""
        content = {
            "engine": self._engine.state(),
            "tally": self._tally.state(),
            "best": self._best.state(),
            "early_stopping": self._early_stopping.state(),
            "stopwatch": self._stopwatch.state(),
            "random": self._random_state(),
            "exact": self._exact,
        }
        return State(self._origin(), self._tally.epoch, self._tally.batches, copied(content))

    def _resume(self, state: State) -> None:
        same_environment = check_origin(state, self._origin())
        try:
            content = state.content
            self._engine.restore(content["engine"])
            self._tally.restore(content["tally"])
            self._best.restore(content["best"])
            self._early_stopping.restore(content["early_stopping"])
            self._stopwatch.restore(content["stopwatch"])
            self._restore_random_state(content["random"])
            self._exact = self._exact and same_environment and content["exact"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointUnreadable(f"This checkpoint does not fit the run that it claims to be: {error}") from error

    def _require_two_in_last_batch(self) -> None:
        """Refuse, before any step, a last batch of one image that a batchnorm cannot train on."""
        images, size = len(self._data.train), self._plan.batch_size
        if (images % size or size) == 1 and needs_two_samples(self._engine.network, self._engine.sample_batch()[0]):
            raise LastBatchTooSmall(images, size)

    def _origin(self) -> Environment:
        return origin_of(self._plan, self._environment)

    def _learning_rates(self) -> list[float]:
        plan, epoch = self._plan, self._tally.epoch
        return learning_rates(plan.schedule, plan.optimizer.lr, epoch, plan.epochs, self._tally.steps)

    def _new_tally(self, epoch: int) -> Tally:
        return Tally(epoch, len(self._data.train), self._plan.batch_size, self._device)

    def _epoch_result(
        self, figures: Figures, scores: Tensor, lr: float, training_seconds: float, digest: str
    ) -> EpochResult:
        labels = self._data.val.labels
        val_loss = mean_cross_entropy(scores, labels)
        if not math.isfinite(val_loss):
            raise NonFiniteLoss(val_loss, self._tally.epoch, batch=None)
        return EpochResult(
            epoch=self._tally.epoch,
            **figures._asdict(),
            val_loss=val_loss,
            val_accuracy=int((scores.argmax(1) == labels).sum()) / len(labels),
            lr=lr,
            seconds=self._stopwatch.epoch_seconds(),
            samples_per_second=len(self._data.train) / training_seconds,
            digest=digest,
        )

    def _random_state(self) -> dict[str, Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return states

    def _restore_random_state(self, states: dict[str, Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self._device)


def _engine(asked: str, resume: State | None, plan: TrainingPlan, device: torch.device) -> type[engines.Engine]:
    """The class of the engine asked for, or of the one that made the state to resume."""
    if resume is None:
        return engines.choose(asked, plan, device)
    name = resume.origin.get("engine")
    if name not in engines.ENGINES:
        raise CheckpointUnreadable(
            f"This checkpoint was written by the engine {name}, which this worker does not have."
        )
    return engines.choose(str(name), plan, device)
