"""What a run depends on epoch by epoch, as a chain of hashes: runs with a link in common went the same way up to it.

The number of epochs, the kind of schedule and its options are no part of it: only the learning rates that they give, as
numbers. So 20 epochs at a constant rate have the first ten links of 10 such epochs, and with a schedule over the whole
length (cosine, one_cycle, warmup_cosine) not even the first.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

from worker.training.device import Environment
from worker.training.optim.schedules import learning_rates
from worker.training.plan import ConstantPlan, TrainingPlan
from worker.training.state.checkpoints import State
from worker.training.state.digests import digest

_MUST_MATCH = ("engine", "device", "threads", "data_fingerprint")


class Chain:
    """The chain of one run.

    Args:
        plan: the run's plan.
        environment: where it runs, see `device.environment`.
        steps: number of steps of an epoch.
    """

    def __init__(self, plan: TrainingPlan, environment: Environment, steps: int) -> None:
        self._plan, self._steps = plan, steps
        # All of the plan but its length and its schedule. Engines may compute otherwise where rates change in an epoch.
        rest = digest(replace(plan, epochs=1, schedule=ConstantPlan()))
        about = [rest, plan.schedule.per_step, steps, *(environment[name] for name in _MUST_MATCH)]
        self._links = [hashlib.sha256(repr(about).encode()).hexdigest()]

    def at(self, epoch: int) -> str:
        """The link of all that the run depends on up to the end of this epoch, from 1; of 0, before any."""
        for number in range(len(self._links), epoch + 1):
            rates = self._rates(number, self._plan.epochs)
            link = self._links[-1].encode() + struct.pack(f"<{len(rates)}d", *rates)
            self._links.append(hashlib.sha256(link).hexdigest())
        return self._links[epoch]

    def of(self, state: State) -> str:
        """The link of a state of this run: that of the last epoch of which it has a step."""
        return self.at(state.epoch if state.batches else state.epoch - 1)

    def goes_on(self) -> bool:
        """Whether a longer run of this plan would have all links of this one."""
        epochs = self._plan.epochs
        # The last epoch first: a schedule over the whole length differs there at the latest.
        return all(self._rates(one, epochs) == self._rates(one, epochs + 1) for one in range(epochs, 0, -1))

    def _rates(self, epoch: int, epochs: int) -> list[float]:
        rates = learning_rates(self._plan.schedule, self._plan.optimizer.lr, epoch, epochs, self._steps)
        return rates if self._plan.schedule.per_step else rates[:1]
