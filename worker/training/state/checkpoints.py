"""States of a run at a step boundary: kept, refused, and when to write one."""

from __future__ import annotations

import hashlib
import io
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from worker.training.device import Environment
from worker.training.errors import CheckpointUnreadable, CheckpointUnwritable
from worker.training.plan import TrainingPlan
from worker.training.state.digests import first_digest

_MAGIC = b"flightline-checkpoint 1 "
_MUST_MATCH = ("plan_digest", "engine", "device", "threads", "data_fingerprint")
_SHOULD_MATCH = ("capability", "torch", "cuda")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """A run at a step boundary: resumed from here, it goes on as if nothing had happened.

    Attributes:
        origin: the plan's digest and the environment it was made in, see `origin_of`.
        epoch: the running one; every earlier one has been reported.
        batches: those of this epoch that are done.
        content: plain values and tensors, copied to the CPU.
    """

    origin: Environment
    epoch: int
    batches: int
    content: dict[str, Any]


class Checkpointing:
    """When states are written: after so many seconds, less often where writing takes long, and when a run stops.

    `save` gets a state, which is a copy, and may raise CheckpointUnwritable: then the run goes on. A warning says so,
    once until a state is written again.
    """

    SHARE = 0.01  # of the time may go into saving
    FAILING_SHARE = 0.1  # the same while it fails: an outage must not keep a long run without a state for hours

    def __init__(
        self, save: Callable[[State], None], every_seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._save, self._every, self._clock = save, every_seconds, clock
        self._next = clock() + every_seconds
        self._failing = False

    def at_boundary(self, take: Callable[[], State]) -> None:
        """Save the state that `take` gives, if it is time."""
        if self._clock() >= self._next:
            self.save_now(take)

    def save_now(self, take: Callable[[], State]) -> None:
        """Save the state that `take` gives."""
        began = self._clock()
        try:
            self._save(take())
        except CheckpointUnwritable as error:
            if not self._failing:
                log.warning("checkpoint_not_written", extra={"reason": str(error)})
            self._failing = True
        else:
            if self._failing:
                log.info("checkpoint_written_again")
            self._failing = False
        ended = self._clock()
        share = self.FAILING_SHARE if self._failing else self.SHARE
        self._next = ended + max(self._every, (ended - began) / share)


def copied(tree: Any) -> Any:
    """The same nest of dictionaries and lists with every tensor copied to the CPU."""
    if isinstance(tree, Tensor):
        return tree.detach().to("cpu", copy=True)
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(copied(value) for value in tree)
    return tree


def origin_of(plan: TrainingPlan, environment: Environment) -> Environment:
    """What a state of this plan, made in this environment, says of itself: `State.origin`."""
    return {"plan": first_digest(plan), "plan_digest": plan.digest, **environment}


def check_origin(state: State, origin: Environment) -> bool:
    """Whether going on here gives the bits of an uninterrupted run: the same processor model and torch.

    A state of the first release has a plan's digest by the rule of then alone, and is compared by that.
    Raises CheckpointUnreadable for a state of another plan, engine, kind of device, number of threads or data.
    """
    of_the_first_release = "plan_digest" not in state.origin
    for field in ("plan", *_MUST_MATCH[1:]) if of_the_first_release else _MUST_MATCH:
        if state.origin.get(field) != origin[field]:
            made, here = state.origin.get(field), origin[field]
            raise CheckpointUnreadable(f"This checkpoint belongs to another run: its {field} is {made}, not {here}.")
    return all(state.origin.get(field) == origin[field] for field in _SHOULD_MATCH)


def encode(state: State) -> bytes:
    """The state as bytes that carry a sha256 of themselves."""
    buffer = io.BytesIO()
    torch.save(vars(state), buffer)
    payload = buffer.getvalue()
    return _MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def decode(encoded: bytes, name: str = "checkpoint") -> State:
    """The state again; loads plain values and tensors only. Raises CheckpointUnreadable."""
    header, _, payload = encoded.partition(b"\n")
    if header != _MAGIC + hashlib.sha256(payload).hexdigest().encode():
        raise CheckpointUnreadable(f"{name} is damaged, or is no checkpoint of this version.")
    try:
        return State(**torch.load(io.BytesIO(payload), weights_only=True))
    except Exception as error:  # what torch raises for bytes that are intact but not ours is not documented
        raise CheckpointUnreadable(f"{name} does not hold a state: {error}") from error
