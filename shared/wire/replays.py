"""What the HTTP API says of a job that repeats another: how equal the two are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from shared.wire.answer import Answer, answer

Equality = Literal["bit_equal", "within_epsilon", "differs_at_epoch", "not_comparable"]


@answer
class Replay(Answer):
    """How equal a replay is to the job that it repeats."""

    verdict: Equality
    """`bit_equal`: the states after all epochs have the same digests, and all figures are the same. `within_epsilon`:
    every loss is within `epsilon` of the original's. `differs_at_epoch`: some is not, or one of them has more epochs.
    `not_comparable`: there is nothing to compare."""
    reason: str | None
    """Why there is nothing to compare; null for the other verdicts."""
    epochs: int
    """Number of epochs that both have."""
    digests: int
    """Number of those whose states were compared; releases before this one kept no digest."""
    epoch: int | None
    """The first epoch that is not the same to the last bit; null where there is none."""
    apart_epoch: int | None
    """The first epoch in which a loss is further than `epsilon` from the original's, or that only one of them has; null
    where there is none."""
    epsilon: float
    """Distance of two losses, relative to the original's, up to which they are called close."""
    differences: dict[str, float]
    """The largest distance of each figure over all epochs."""
    environment: dict[str, Sequence[Any]] | None
    """What differs of what decides the bits besides the spec, such as `torch`, `threads` or `engine`: the original's
    value, then the replay's. Null where one of the two is not known."""
