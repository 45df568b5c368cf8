"""States of a run at a step boundary: their files, whether one belongs to a run, and when to write one."""

from __future__ import annotations

import hashlib
import io
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
    """A run at a step boundary: resumed from this state, it continues as if nothing had happened.

    Attributes:
        origin: the plan's digest and the environment that the state was made in, see `origin_of`.
        epoch: the running epoch; every earlier one has been reported.
        batches: how many batches of this epoch are done.
        content: plain values and tensors, copied to the CPU.
    """

    origin: Environment
    epoch: int
    batches: int
    content: dict[str, Any]


class Checkpointing:
    """Decides when states are written: every so often, less often where writing takes long, and when a run stops.

    `save` gets a state, which is a copy, and may raise CheckpointUnwritable: then the run continues. A warning says so,
    once until a state is written again.

    Args:
        save: writes a state.
        final: gets the state at the last step boundary of the run's last epoch; None: nobody wants it.
        every_seconds: the least time between two states.
        clock: seconds, monotonic.
    """

    SHARE = 0.01  # the most of the time that saving may take
    FAILING_SHARE = 0.1  # the most while saving fails: after an outage a long run must soon have a state again

    def __init__(
        self,
        save: Callable[[State], None],
        every_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        final: Callable[[State], None] | None = None,
    ) -> None:
        self._save, self._every, self._clock = save, every_seconds, clock
        self.final = final
        self._next = clock() + every_seconds
        self._failing = False

    def at_boundary(self, take: Callable[[], State]) -> None:
        """Save the state that `take` returns, if the next one is due."""
        if self._clock() >= self._next:
            self.save_now(take)

    def save_now(self, take: Callable[[], State]) -> None:
        """Save the state that `take` returns; a failure to write is logged."""
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
    """A copy of nested dictionaries and lists, with every tensor copied to the CPU."""
    if isinstance(tree, Tensor):
        return tree.detach().to("cpu", copy=True)
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(copied(value) for value in tree)
    return tree


def origin_of(plan: TrainingPlan, environment: Environment) -> Environment:
    """The origin of a state of this plan, made in this environment: the value of `State.origin`."""
    return {"plan": first_digest(plan), "plan_digest": plan.digest, **environment}


def adopted(state: State, made_by: TrainingPlan, plan: TrainingPlan, environment: Environment) -> tuple[State, bool]:
    """Another run's state as one of this plan, which went the same way so far, and whether that is exact.

    Args:
        state: the state.
        made_by: the plan of the run that made it.
        plan: the plan of the run that is to go on from it.
        environment: where that runs.

    Raises:
        CheckpointUnreadable: the state is of another run than `made_by`, or of another engine, kind of device or data.
    """
    exact = check_origin(state, origin_of(made_by, environment)) and bool(state.content["exact"])
    return replace(state, origin={**state.origin, "plan": first_digest(plan), "plan_digest": plan.digest}), exact


def check_origin(state: State, origin: Environment) -> bool:
    """Whether resuming here gives the bits of an uninterrupted run: on the same processor model, with the same torch.

    A state of the first release has a plan's digest by that release's rule alone, and is compared by it.

    Raises:
        CheckpointUnreadable: the state is of another plan, engine, kind of device, number of threads or data.
    """
    of_the_first_release = "plan_digest" not in state.origin
    for field in ("plan", *_MUST_MATCH[1:]) if of_the_first_release else _MUST_MATCH:
        if state.origin.get(field) != origin[field]:
            made, here = state.origin.get(field), origin[field]
            raise CheckpointUnreadable(f"This checkpoint belongs to another run: its {field} is {made}, not {here}.")
    return all(state.origin.get(field) == origin[field] for field in _SHOULD_MATCH)


def encode(state: State) -> bytes:
    """The state as bytes that begin with a sha256 of the rest."""
    buffer = io.BytesIO()
    buffer.write(_header(b""))  # its place: the digest is known only when all else is there, which is not copied again
    begin = buffer.tell()
    torch.save(vars(state), buffer)
    with buffer.getbuffer() as whole:
        whole[:begin] = _header(whole[begin:])
    return buffer.getvalue()


def _header(payload: bytes | memoryview) -> bytes:
    return _MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n"


def decode(encoded: bytes, name: str = "checkpoint") -> State:
    """The state from `encode`'s bytes; loads plain values and tensors only. Raises CheckpointUnreadable."""
    header, newline, payload = encoded.partition(b"\n")
    if header + newline != _header(payload):
        raise CheckpointUnreadable(f"{name} is damaged, or is no checkpoint of this version.")
    try:
        return State(**torch.load(io.BytesIO(payload), weights_only=True))
    except Exception as error:  # torch does not document its errors for other files' bytes
        raise CheckpointUnreadable(f"{name} does not hold a state: {error}") from error
