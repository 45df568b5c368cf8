"""The check of a sweep before it is made: what is wrong goes back with JSON pointers into the request.

Jobs at the ends of the space, and at the points of a grid, go through the check of a submission.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, cast

import orjson
from pydantic import ValidationError

from shared.documents.messages import describe_plain
from shared.documents.phrases import show
from shared.documents.pointers import pointer, walk_in
from shared.documents.reader import MAX_PROBLEMS, decode, sift
from shared.errors import FieldError, InvalidSpec
from shared.jobspec.expansion import short_forms
from shared.jobspec.parser import parse_spec, refusal
from shared.sweeps.points import space
from shared.sweeps.points.blame import blamed, pointed
from shared.sweeps.points.trials import Trial, document, point_count, points_from
from shared.sweeps.request import SHORT_FORMS, SweepRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pydantic import JsonValue

    from shared.jobspec import Caps, Catalog, Submission
    from shared.sweeps.points.blame import Problems
    from shared.sweeps.points.space import Point
    from shared.sweeps.request import Asha

MOST_CORNERS = 64
"""Jobs at ends of the space that are checked."""
MOST_OF_GRID = 2_000
"""Jobs of a grid that are checked, in less than a second; up to so many points, all of them."""
ONE_LENGTH = "asha compares points after the same epochs of schedules of one length"
_LABELS = {"cache", "limits", "name", "preset", "priority", "resources", "tags"}
"""Fields of a job that do not change what is trained, but for rounding, or stand for others."""


@dataclass(frozen=True)
class CheckedSweep:
    """A sweep that can be made.

    Attributes:
        request: what was asked for.
        points: how many points there are to be.
        checked: the points whose jobs were checked, with the job of each, as `_points` chooses them.
        caps: the limits that its jobs were checked against, and will be.
    """

    request: SweepRequest
    points: int
    checked: Sequence[tuple[Point, Submission]]
    caps: Caps

    @property
    def epochs(self) -> int:
        """Return the epochs of a job that runs to its end; the most of those checked where they differ."""
        return max(job.spec.training.epochs for _, job in self.checked)

    @property
    def seed(self) -> int:
        """Return `training.seed` of the first repeat; that of the first point checked where the space has it."""
        return self.checked[0][1].spec.training.seed


def parse_sweep(body: bytes, caps: Caps, catalog: Catalog) -> CheckedSweep:
    """Parse and check a sweep.

    Raises:
        InvalidSpec: the sweep cannot be made; each of `errors` points into the sent document.
    """
    return check_sweep(decode(body), caps, catalog)


def check_sweep(sent: object, caps: Caps, catalog: Catalog) -> CheckedSweep:
    """Check a decoded sweep. Raises InvalidSpec as `parse_sweep` does."""
    short = [name for name in SHORT_FORMS if isinstance(sent, dict) and isinstance(sent.get(name), str)]
    try:
        return _check(written_out(sent) if isinstance(sent, dict) else sent, caps, catalog)
    except InvalidSpec as refused:
        raise refusal([_at_short_form(one, short) for one in refused.errors]) from None


def written_out(sent: dict[str, object]) -> dict[str, object]:
    """Return a decoded sweep with an object in place of each short form, such as a preset's name as `base`."""
    whole = copy(sent)  # a `GivenTwice` stays one
    for name, field in SHORT_FORMS.items():
        if isinstance(sent.get(name), str):
            whole[name] = {field: sent[name]}
    return whole


def _at_short_form(problem: FieldError, short: Sequence[str]) -> FieldError:
    """Return a problem with a pointer into what was sent, where a short form has no fields."""
    name = problem.pointer.split("/")[1] if problem.pointer else ""
    return FieldError(f"/{name}", problem.detail) if name in short else problem


def _check(sent: object, caps: Caps, catalog: Catalog) -> CheckedSweep:
    request = _spelled_out(_read(sent, caps), catalog)
    problems = [*_paths(request), *_rules(request)]
    if problems:
        raise refusal(problems)
    checked = _checked(request, caps, catalog)
    if request.asha:
        _check_rungs(request.asha, {job.spec.training.epochs for _, job in checked})
    return CheckedSweep(request, point_count(request), checked, caps)


def _check_rungs(asha: Asha, epochs: set[int]) -> None:
    """Check that jobs have one length, and stop before its end. Raises InvalidSpec."""
    if len(epochs) > 1:  # as the space varies `training` as a whole
        raise refusal([FieldError("/space/training", f"{ONE_LENGTH}: give each the same epochs.")])
    [length] = epochs
    if asha.min_epochs >= length:
        epochs_of = f"{length} epoch{'s' * (length > 1)}"
        detail = f"min_epochs must be below the {epochs_of} of a job, or no point would stop early."
        raise refusal([FieldError("/asha/min_epochs", detail)])


def _read(sent: object, caps: Caps) -> SweepRequest:
    if not isinstance(sent, dict):
        example = '{"base": {"preset": "notebook-tapered"}, "space": {"training.optimizer.lr": {…}}}'
        raise refusal([FieldError("", f"A sweep is an object such as {example}, not {show(sent)}.")])
    if problems := sift_sweep(sent, caps) or list(_lists(sent.get("space"))):
        raise refusal(problems)
    try:
        return SweepRequest.model_validate(sent)
    except ValidationError as error:
        raise refusal([*describe_plain(error, SweepRequest)]) from None


def sift_sweep(sent: dict[str, object], caps: Caps) -> list[FieldError]:
    """List what makes a decoded sweep unfit for any field or for the database, as `sift` does of a job."""
    base = sift(sent.get("base"), caps)  # by itself: what a list may hold depends on its place in a job
    return sift(_without_base(sent), caps) + [FieldError(f"/base{one.pointer}", one.detail) for one in base]


def _lists(dimensions: object) -> Iterator[FieldError]:
    """Find values that stand in the space as they are, and among those that stand right numbers that are none."""
    for path, one in dimensions.items() if isinstance(dimensions, dict) else ():
        values = one.get("values") if isinstance(one, dict) else None
        for place, value in enumerate(values if isinstance(values, list) else ()):
            if isinstance(value, float) and not math.isfinite(value):
                yield FieldError(
                    pointer(("space", path, "values", place)), f"A value must be a finite number, not {show(value)}."
                )
        if isinstance(one, list):
            written = '{"kind": "values", "values": […]}, or "choice" for values without an order'
            yield FieldError(pointer(("space", path)), f"{path} must be an object, not an array: {written}.")


def _without_base(sent: dict[str, object]) -> dict[str, object]:
    rest = copy(sent)  # a `GivenTwice` stays one
    rest.pop("base", None)
    return rest


def _spelled_out(request: SweepRequest, catalog: Catalog) -> SweepRequest:
    """Return the request with short forms of `base`, such as a data set's, as objects where the space varies a part."""
    base = dict(request.base)
    for field, forms in short_forms(catalog).items():
        short = base.get(field)
        if isinstance(short, str) and short in forms and any(path.startswith(f"{field}.") for path in request.space):
            base[field] = cast("JsonValue", forms[short])
    return request.model_copy(update={"base": base})


def _paths(request: SweepRequest) -> Iterator[FieldError]:
    """Find paths of the space that are none, or that vary a part of what another one varies."""
    for path in request.space:
        where = pointer(("space", path))
        if not space.PATH_PATTERN.fullmatch(path):
            yield FieldError(where, f"{show(path)} is no path into a job, such as training.optimizer.lr.")
        elif path.partition(".")[0] in _LABELS:
            yield FieldError(where, f"{path} {_why_fixed(path.partition('.')[0])}: put it into base.")
        for outer in request.space:
            if path.startswith(f"{outer}."):
                yield FieldError(where, f"{path} lies within {outer}, which the space varies as a whole.")
        present, value = walk_in(request.base, path.split(".")[:-1])
        if value is not None and not isinstance(value, Mapping):
            detail = f"{pointer(present)} is {show(value)} in base, not an object with a field {path.split('.')[-1]}."
            yield FieldError(where, detail)


def _why_fixed(label: str) -> str:
    if label == "resources":
        return "says where a job runs, which changes at most how figures are rounded"
    return "stands for other fields" if label == "preset" else "does not change what is trained"


def _rules(request: SweepRequest) -> Iterator[FieldError]:
    """Find parts of a request that do not go together."""
    yield from _name_rules(request)
    for path, dimension in request.space.items():  # here, as requests that are stored already stay readable
        values = dimension.values()
        if len(values or ()) > space.MOST_STEPS:
            detail = f"{path} must have a larger `step`: a range has at most {space.MOST_STEPS:,} steps."
            yield FieldError(pointer(("space", path)), detail)
        if isinstance(dimension, space.FloatRange | space.IntRange) and values is not None and len(values) == 1:
            detail = f"step must be at most {dimension.high - dimension.low}, as far as `low` and `high` are apart, or "
            yield FieldError(pointer(("space", path, "step")), f"{detail}{path} would have one value alone.")
    if request.repeats > 1 and "training.seed" in request.space:
        yield FieldError("/repeats", "repeats gives each point several seeds; the space has training.seed already.")
    if request.asha and "training.epochs" in request.space:
        yield FieldError("/space/training.epochs", f"{ONE_LENGTH}: leave training.epochs out.")
    if request.algorithm.kind == "grid":
        yield from _grid_rules(request)


def _name_rules(request: SweepRequest) -> Iterator[FieldError]:
    for where, name in (("/name", request.name), ("/base/name", request.base.get("name"))):
        if not (name is None or isinstance(name, str)):
            yield FieldError(where, f"name must be a text, not {show(name)}.")
        elif name is not None and not name.strip():
            yield FieldError(where, "The name is blank.")


def _grid_rules(request: SweepRequest) -> Iterator[FieldError]:
    endless = [path for path, dimension in request.space.items() if dimension.values() is None]
    for path in endless:
        yield FieldError(pointer(("space", path)), "A grid needs a `step` here, or a list of values.")
    count = None if endless else space.count(request.space)
    if count is not None and count > request.max_trials:
        yield FieldError(
            "/max_trials",
            f"The grid has {count:,} points, and max_trials is {request.max_trials:,}: raise it, take fewer values, or "
            "choose points at random.",
        )


def _checked(request: SweepRequest, caps: Caps, catalog: Catalog) -> list[tuple[Point, Submission]]:
    """Check the jobs at some points. Raises InvalidSpec with the problems of all, each once."""
    points = _points(request)
    checked: list[tuple[Point, Submission]] = []
    problems: dict[FieldError, list[Point]] = {}
    last = Trial(point_count(request) - 1, request.repeats - 1)

    def job(point: Point) -> Submission:
        return parse_spec(_document(request, point, Trial(last.point, 0)), caps, catalog)

    for point in points:
        try:
            checked.append((point, job(point)))
        except InvalidSpec as refused:
            for one in refused.errors:
                problems.setdefault(one, []).append(point)
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise refusal([*_said(request, problems, len(points), lambda part: _refused(job, part))])
    _check_last_seed(request, checked[0], last, caps, catalog)
    return checked


def _refused(job: Callable[[Point], Submission], point: Point) -> Sequence[FieldError]:
    """Return what is wrong with the job at a point, or at a part of one."""
    try:
        job(point)
    except InvalidSpec as refused:
        return refused.errors
    return ()


def _said(
    request: SweepRequest, problems: Mapping[FieldError, Sequence[Point]], checked: int, problems_at: Problems
) -> Iterator[FieldError]:
    """Yield the problems of jobs as they are said of the sweep, each once."""
    found: dict[FieldError, Sequence[Point]] = {}
    for problem, points in problems.items():
        found.setdefault(blamed(problem, points[0], request, problems_at), points)
    yield from (_at(problem, points, checked) for problem, points in found.items())


def _points(request: SweepRequest) -> list[Point]:
    """Return the points whose jobs are checked: the ends of the space; of a grid all, or of a large one so many.

    Of a large grid that is each end of each path, where a list has every value, and points drawn evenly from all.
    """
    if request.algorithm.kind != "grid":
        return space.corners(request.space, MOST_CORNERS)
    count = point_count(request)
    if count <= MOST_OF_GRID:
        return [*points_from(request, 0)]
    ends = space.corners(request.space, MOST_OF_GRID)
    drawn = Random(0).sample(range(count), MOST_OF_GRID - len(ends))
    return [*ends, *space.grid(request.space, sorted(drawn))]


def _document(request: SweepRequest, point: Point, trial: Trial) -> dict[str, Any]:
    """Return the job of a point's first trial, with the seed that `base` has."""
    return document(request.model_copy(update={"repeats": 1}), point, trial, 0)


def _check_last_seed(
    request: SweepRequest, first: tuple[Point, Submission], last: Trial, caps: Caps, catalog: Catalog
) -> None:
    """Check the longest name and the largest seed. Raises InvalidSpec."""
    point, submission = first
    try:
        parse_spec(document(request, point, last, submission.spec.training.seed), caps, catalog)
    except InvalidSpec as refused:
        raise refusal([pointed(one, request) for one in refused.errors]) from None


def _at(problem: FieldError, found: Sequence[Point], checked: int) -> FieldError:
    """Return a problem with the first point at which it was found, unless it is one of every point."""
    if len(found) == checked:
        return problem
    return FieldError(problem.pointer, f"{problem.detail} (At {shown(found[0])}.)")


def shown(point: Mapping[str, Any]) -> str:
    """Return a point's values as a phrase."""
    values: Iterable[tuple[str, str]] = ((path, orjson.dumps(value).decode()) for path, value in point.items())
    return ", ".join(f"{path} = {value}" for path, value in values)
