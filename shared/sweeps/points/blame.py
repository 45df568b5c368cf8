"""Where in a sweep's request a problem of one of its jobs comes from: a path of the space, or the base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shared.documents.pointers import pointer, walk_in
from shared.errors import FieldError

if TYPE_CHECKING:
    from shared.sweeps.points.space import Point
    from shared.sweeps.request import SweepRequest

Problems = Callable[["Point"], Sequence[FieldError]]
"""The problems of the job at a point, or at a part of one: what it does not say stays as in the base."""


def blamed(problem: FieldError, point: Point, request: SweepRequest, problems_at: Problems) -> FieldError:
    """Return a problem of the job at a point with a pointer into the sweep, to what has to be written otherwise.

    A field of the base may be wrong only because of the point, such as a layer that is too large for its images. Then
    it is the first path whose value alone spoils the base; the whole space, where only several do so together.
    """
    there = pointed(problem, request)
    if not there.pointer.startswith("/base"):
        return there

    def arises(part: Point) -> bool:
        return any(one.pointer == problem.pointer for one in problems_at(part))

    if arises({}):
        return there
    culprit = next((path for path, value in point.items() if arises({path: value})), None)
    return FieldError("/space" if culprit is None else pointer(("space", culprit)), problem.detail)


def pointed(problem: FieldError, request: SweepRequest) -> FieldError:
    """Return a problem of a job with a pointer into the sweep: to the field's path in the space, else in the base."""
    tokens = problem.pointer.split("/")[1:]
    if tokens == ["name"]:
        whose = f"The name of a sweep's jobs, NAME/POINT{'-REPEAT' if request.repeats > 1 else ''},"
        detail = problem.detail.replace("The name", whose, 1)
        return FieldError("/name" if request.name else "/base/name", detail)
    dotted = ".".join(tokens)
    present, _ = walk_in(request.base, tokens)
    for path in request.space:
        made = len(present) < len(tokens) and path.startswith(f"{dotted}.")  # `base` has no such object
        if made or f"{dotted}.".startswith(f"{path}."):
            return FieldError(pointer(("space", path)), problem.detail)
    return FieldError(pointer(("base", *present)), problem.detail)
