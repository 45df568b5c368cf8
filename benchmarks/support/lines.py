"""The result of every benchmark: lines of one shape, for one table and one file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
_HEAD = f"{'what':68}{'ours':>12}{'theirs':>12}{'ratio':>8}{'target':>9}  met"


@dataclass(frozen=True)
class Line:
    """One measured figure, alone or beside that of another system.

    Attributes:
        what: what was measured.
        unit: the unit of `ours` and `theirs`.
        ours: the median of Flightline's values.
        theirs: the other system's median; None where there is none.
        ratio: the median of the rounds' ratios, more being better for us.
        at_least: the target that the ratio, or `ours` where there is no ratio, has to reach.
        at_most: the target that the same figure must not exceed.
        values: every measured value of `ours`.
        cpu_ratio: `ratio` by processor time, where both ran in this process: a busy machine does not disturb it.
    """

    what: str
    unit: str
    ours: float
    theirs: float | None = None
    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    values: Sequence[float] = ()
    cpu_ratio: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the line meets its target; None for a line without one."""
        value = self.ours if self.ratio is None else self.ratio
        if self.at_least is not None:
            return value >= self.at_least
        return None if self.at_most is None else value <= self.at_most

    def __str__(self) -> str:
        """The line as a row of the printed table."""
        ours, theirs = _shown(self.ours, self.unit), _shown(self.theirs, self.unit)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        sign, target = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        aim = "" if target is None else f"{sign} {target:g}"
        met = {True: "yes", False: "NO", None: ""}[self.met]
        return f"{self.what:68}{ours:>12}{theirs:>12}{ratio:>8}{aim:>9}  {met}".rstrip()


def median(what: str, unit: str, values: Sequence[float], *, at_most: float | None = None) -> Line:
    """A line with the median of values that are compared with nothing."""
    return Line(what, unit, statistics.median(values), at_most=at_most, values=values)


def table(lines: Iterable[Line]) -> Iterator[Line]:
    """Print the table's head and each line as it is measured; yield the lines."""
    print(_HEAD, flush=True)
    for line in lines:
        print(line, flush=True)
        yield line


def save(name: str, lines: Iterable[Line]) -> Path:
    """Write the lines and a description of the machine to results/NAME.json; return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    about = {
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "taken_at_unix": time.time(),
        "load_average": os.getloadavg(),
    }
    figures = [{**asdict(line), "met": line.met} for line in lines]
    path.write_text(json.dumps({**about, "figures": figures}, indent=1) + "\n")
    return path


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"
