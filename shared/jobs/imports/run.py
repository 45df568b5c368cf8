"""A run of another tracker, such as MLflow, as a client sends it to be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.jobspec.hashes import sha256_of

MOST_PARAMS = 1000
MOST_METRICS = 500
MOST_TAGS = 200
LONGEST_NAME = 250
LONGEST_VALUE = 8000
LONGEST_NOTES = 10_000
LARGEST_STEP = 2**53 - 1
SEEDS = frozenset({"seed", "random_seed", "random_state"})
"""What a param's name ends with where it is a seed: runs that differ in it alone repeat one configuration."""


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold a NUL character")
    return text


def _in_range(instant: Any) -> Any:
    if not 1970 <= instant.year < 9999:
        raise ValueError("must be in a year from 1970 to 9998")
    return instant


_Text = Annotated[str, AfterValidator(_storable)]
_Name = Annotated[_Text, Field(min_length=1, max_length=LONGEST_NAME)]
_Value = Annotated[_Text, Field(max_length=LONGEST_VALUE)]
_Instant = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_range)]
_Step = Annotated[int, Field(ge=-LARGEST_STEP, le=LARGEST_STEP)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class RunMetric(_Part):
    """The figures of one metric, in the order in which they were logged."""

    steps: list[_Step]
    """The step of each figure, such as an epoch."""
    figures: list[float | None]
    """The figures, as many as there are steps; null where one was no finite number."""

    @model_validator(mode="after")
    def _same_length(self) -> RunMetric:
        if len(self.steps) != len(self.figures):
            raise ValueError("must have as many figures as steps")
        return self


class Run(_Part):
    """A run of another tracker that has ended."""

    source: Annotated[_Text, Field(min_length=1, max_length=50)]
    """The tracker, such as `mlflow`."""
    id: _Name
    """The run's id there. A run that was imported before is not imported again."""
    experiment: Annotated[_Text, Field(max_length=LONGEST_VALUE)] | None = None
    """The experiment, or project, that the run belongs to."""
    user: _Name | None = None
    """Who ran it."""
    name: _Text | None = None
    """A name for people."""
    notes: Annotated[_Text, Field(max_length=LONGEST_NOTES)] | None = None
    """What people wrote about the run, as Markdown text."""
    tags: list[_Text] = Field(default_factory=list)
    """Labels to find the job by."""
    status: Literal["succeeded", "failed", "cancelled"] = "succeeded"
    """How the run ended."""
    started_at: _Instant | None = None
    """When the run began."""
    finished_at: _Instant | None = None
    """When the run ended; null where nobody knows: then the time of the import is stored."""
    params: Annotated[dict[_Name, _Value], Field(max_length=MOST_PARAMS)] = Field(default_factory=dict)
    """The run's parameters as text. Those that are numbers are found and sorted as numbers."""
    run_tags: Annotated[dict[_Name, _Value], Field(max_length=MOST_TAGS)] = Field(default_factory=dict)
    """The tracker's own tags of the run, by their keys."""
    metrics: Annotated[dict[_Name, RunMetric], Field(max_length=MOST_METRICS)] = Field(default_factory=dict)
    """The run's metrics, by their names."""

    def document(self) -> dict[str, Any]:
        """Return what the job's spec says: the run, its params, and the last finite value of each metric."""
        last = {name: _last(metric.figures) for name, metric in self.metrics.items()}
        return {
            "run": {
                "source": self.source,
                "id": self.id,
                "experiment": self.experiment,
                "user": self.user,
                "tags": nested(self.run_tags),
            },
            "params": nested({name: number_or_text(text) for name, text in self.params.items()}),
            "metrics": nested({name: value for name, value in last.items() if value is not None}),
        }

    def hashes(self) -> tuple[str, str]:
        """Return `spec_hash` and `config_hash`: equal for runs of one tracker with equal params, seeds apart."""
        every = sorted(self.params.items())
        seedless = [(name, value) for name, value in every if _end(name) not in SEEDS]
        return self._hash(every), self._hash(seedless)

    def _hash(self, params: list[tuple[str, str]]) -> str:
        return sha256_of({"imported": self.source, "params": [list(one) for one in params]})


def number_or_text(text: str) -> float | int | str:
    """Return the number that a text is in JSON, where a float holds it; else the text."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) and abs(value) <= LARGEST_STEP else text


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by dotted names as objects within objects, as specs have them.

    A name that runs through another one's value, or ends at an object, stays whole at the top: of ``a`` and ``a.b`` it
    is ``a.b``.
    """
    found: dict[str, Any] = {}
    for name in sorted(flat):
        parts = name.split(".")
        if not all(parts) or not _put(found, parts, flat[name]):
            found[name] = flat[name]
    return found


def _put(into: dict[str, Any], parts: list[str], value: Any) -> bool:
    *above, last = parts
    inner: Any = into
    for part in above:
        inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            return False
    if last in inner:
        return False
    inner[last] = value
    return True


def _end(name: str) -> str:
    return name.replace("/", ".").rpartition(".")[2].lower()


def _last(values: list[float | None]) -> float | None:
    """Return the last value; None where that is no finite number, or there is none."""
    value = values[-1] if values else None
    return value if value is not None and math.isfinite(value) else None
