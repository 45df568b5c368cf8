"""The space of a sweep: which fields of a job vary, over which values, and the jobs at its points."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, overload

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

Point: TypeAlias = "dict[str, Any]"
"""One value for each path of a space."""
MOST_VALUES = 1000
"""Values that a list in a space may have."""
MOST_STEPS = 2**53
"""Up to which every whole number is a float of its own; so many values a range with steps may have."""
PATH_PATTERN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
"""Dotted paths into a job; a list is varied whole."""


class _Dimension(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Range(_Dimension):
    """What ranges of whole and of other numbers have in common."""

    model_config = ConfigDict(strict=True)

    log: bool = Field(False, description="Whether values are drawn evenly by their logarithm; then `low` is above 0.")

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        low, high, step = getattr(self, "low", 0), getattr(self, "high", 0), getattr(self, "step", None)
        if low >= high:
            raise ValueError("must have a `low` below its `high`")
        if self.log and low <= 0:
            raise ValueError("must have a `low` above 0 to be drawn by logarithm")
        if self.log and step not in (None, 1):
            raise ValueError("must have either `log` or `step`, not both")
        return self


class _Steps(Sequence[float]):
    """The numbers `low`, `low` + `step`, …, `count` of them, each computed when it is asked for."""

    def __init__(self, low: float, step: float, count: int) -> None:
        self._low, self._step, self._numbers = low, step, range(count)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, number: int) -> float: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[float]: ...

    def __getitem__(self, number: int | slice) -> float | Sequence[float]:
        if isinstance(number, slice):
            return [self._low + n * self._step for n in self._numbers[number]]
        return self._low + self._numbers[number] * self._step

    def index(self, value: float, start: int = 0, stop: int | None = None) -> int:
        """Return the number of a value, without looking at those before it. Raises ValueError where it is none."""
        number = self._numbers.index(round((value - self._low) / self._step))
        if self[number] != value or number not in range(len(self))[start:stop]:
            raise ValueError(f"{value} is not there")
        return number


class FloatRange(_Range):
    """Numbers from `low` to `high`, both included."""

    kind: Literal["float"]
    low: float = Field(description="Smallest value.")
    high: float = Field(description="Largest value.")
    step: float | None = Field(None, gt=0, description="Distance of the values from `low` on; null: any number.")

    def values(self) -> Sequence[float] | None:
        """Return every value; None where there is one between any two."""
        if self.step is None:
            return None
        return _Steps(self.low, self.step, math.floor(min((self.high - self.low) / self.step, MOST_STEPS) + 1e-9) + 1)

    def at(self, share: float) -> float:
        """Return the value at a share of the range, from 0 to below 1."""
        if steps := self.values():
            return steps[int(share * len(steps))]
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return min(max(math.exp(low + share * (high - low)), self.low), self.high)
        return self.low + share * (self.high - self.low)

    def ends(self) -> Sequence[float]:
        """Return the smallest and the largest value."""
        return (steps[0], steps[-1]) if (steps := self.values()) else (self.low, self.high)


class IntRange(_Range):
    """Whole numbers from `low` to `high`, both included."""

    kind: Literal["int"]
    low: int = Field(ge=-MOST_STEPS, le=MOST_STEPS, description="Smallest value.")
    high: int = Field(ge=-MOST_STEPS, le=MOST_STEPS, description="Largest value.")
    step: int = Field(1, ge=1, description="Distance of the values from `low` on.")

    def values(self) -> Sequence[int]:
        """Return every value."""
        return range(self.low, self.high + 1, self.step)

    def at(self, share: float) -> int:
        """Return the value at a share of the range, from 0 to below 1."""
        if self.log:  # each whole number has the stretch of half a number around it, as rounding would give it
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + share * (high - low))), self.low), self.high)
        steps = self.values()
        return steps[int(share * len(steps))]

    def ends(self) -> Sequence[int]:
        """Return the smallest and the largest value."""
        steps = self.values()
        return (steps[0], steps[-1])


class _List(_Dimension):
    values_: tuple[JsonValue, ...] = Field(alias="values", min_length=1, max_length=MOST_VALUES)

    def values(self) -> Sequence[JsonValue]:
        """Return every value."""
        return self.values_

    def at(self, share: float) -> JsonValue:
        """Return the value at a share of the list, from 0 to below 1."""
        return self.values_[int(share * len(self.values_))]

    def ends(self) -> Sequence[JsonValue]:
        """Return every value: none of them lies between others."""
        return self.values_


class Choice(_List):
    """One of several values without an order, such as optimizers or lists of widths."""

    kind: Literal["choice"]


class Values(_List):
    """One of several values in their order, such as the batch sizes 16, 64 and 256."""

    kind: Literal["values"]


Dimension: TypeAlias = Annotated[FloatRange | IntRange | Choice | Values, Field(discriminator="kind")]
Space: TypeAlias = "Mapping[str, Dimension]"


def count(space: Space) -> int | None:
    """Return the number of points; None where a dimension has a value between any two."""
    sizes = [dimension.values() for dimension in space.values()]
    return None if any(size is None for size in sizes) else math.prod(len(size) for size in sizes if size is not None)


def different(space: Space) -> int | None:
    """Return the number of points of which no two have equal values; None where there are endlessly many.

    Equal are 1 and 1.0, as JSON has one kind of number.
    """
    every = [(dimension, dimension.values()) for dimension in space.values()]
    if any(values is None for _, values in every):
        return None
    return math.prod(
        len({_comparable(value) for value in values}) if isinstance(dimension, _List) else len(values)
        for dimension, values in every
        if values is not None
    )


def _comparable(value: object) -> Hashable:
    """Return something that equals that of another value where the two are the same JSON."""
    if isinstance(value, bool):
        return (bool, value)  # which Python takes for 1 or 0
    if isinstance(value, list):
        return tuple(map(_comparable, value))
    if isinstance(value, dict):
        return frozenset((name, _comparable(one)) for name, one in value.items())
    return value


def grid(space: Space, numbers: Iterable[int]) -> Iterator[Point]:
    """Yield the points with these numbers, from 0, of all combinations, of which the last path's value changes fastest.

    Raises:
        ValueError: a path has a value between any two, so that its values have no numbers.
    """
    every = {path: dimension.values() for path, dimension in space.items()}
    if None in every.values():
        endless = [path for path, values in every.items() if values is None]
        raise ValueError(f"{', '.join(endless)} has a value between any two")
    for number in numbers:
        point, rest = dict[str, Any](), number
        for path, values in reversed(every.items()):
            rest, place = divmod(rest, len(values or ()))
            point[path] = (values or ())[place]
        yield {path: point[path] for path in space}


def corners(space: Space, most: int) -> list[Point]:
    """Return points at which every end of every dimension occurs, up to `most`.

    All combinations of ends, while they are few; else each end of one dimension beside the first ends of the others,
    which is where a network that cannot be built is found first.
    """
    ends = {path: list(dimension.ends()) for path, dimension in space.items()}
    if math.prod(map(len, ends.values())) <= most:
        return [dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values())]
    first = {path: values[0] for path, values in ends.items()}
    found = [first]
    for path, values in ends.items():
        found += [{**first, path: value} for value in values[1:]]
    return found[:most]


def job_at(base: Mapping[str, Any], point: Point) -> dict[str, Any]:
    """Return the job that `base` describes, with the point's values at their paths. `base` stays as it is."""
    made = dict(base)
    for path, value in point.items():
        *above, name = path.split(".")
        part = made
        for one in above:
            below = part.get(one)
            part[one] = dict(below) if isinstance(below, Mapping) else {}
            part = part[one]
        part[name] = value
    return made
