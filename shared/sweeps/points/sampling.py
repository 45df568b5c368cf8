"""Random points of a space: the same seed and number give the same point, whatever was asked before."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.sweeps.points.space import Point, Space


def random_point(space: Space, seed: int, number: int) -> Point:
    """Return the point with a number, from 0, of the sequence with a seed.

    Each path has a sequence of its own, so that a path that is added to a space leaves the others' values as they were.
    """
    return {path: dimension.at(Random(f"{seed}/{number}/{path}").random()) for path, dimension in space.items()}
