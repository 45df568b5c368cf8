"""Points that repeat others of their sweep: whether there are some for certain, or to be expected by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.sweeps.points import space

if TYPE_CHECKING:
    from shared.sweeps.request import SweepRequest


def warnings(request: SweepRequest, points: int) -> list[str]:
    """Return what may not be meant of a sweep of so many points: that some equal others, for certain or by chance.

    By chance where one at least is to be expected to.
    """
    algorithm, different = request.algorithm.kind, space.different(request.space)
    if different is None:
        return []
    if different < points:
        once = "give each value once" if algorithm == "grid" else "the algorithm grid tries each once"
        some = "one point" if different == 1 else f"{different:,} different points"
        return [f"The space has {some}, so at least {points - different:,} of {points:,} are repeats: {once}."]
    if algorithm == "random" and (repeats := by_chance(points, different)) >= 1:
        drawn = f"as each is drawn from {different:,} by chance: the algorithm grid tries each once."
        return [f"Of {points:,} points about {repeats:,.0f} will repeat others, {drawn}"]
    return []


def by_chance(points: int, different: int) -> float:
    """Return how many points are to be expected to equal one before them, each drawn evenly from so many by itself.

    Where some are drawn more often than others, as whole numbers on a logarithmic scale are, there are more.
    """
    many = min(different, 10**9)  # of more none is drawn twice, and floats lose digits
    return points - many * (1 - (1 - 1 / many) ** points)
