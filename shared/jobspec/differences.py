"""In what a job's spec differs from its preset, or from the defaults: what somebody chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from shared.jobspec.catalog import BUILT_IN
from shared.jobspec.expansion import expand
from shared.jobspec.fields.base import Part
from shared.jobspec.fields.evaluation import EvaluationSpec
from shared.jobspec.fields.job import JobSpec
from shared.jobspec.hashes import asked_for

LABELS = frozenset({"name", "tags"})
"""Fields that change nothing, and are shown elsewhere."""


class Difference(NamedTuple):
    """A field that was chosen."""

    path: str
    """Its dotted path; a list of objects, as layers, has one for each of them: ``training.augment.0``."""
    value: Any
    """Its value, without defaults; None also for an item of a list that is shorter than the preset's."""
    base: Any
    """What the preset has there, else the default; None also where it has no such field."""
    left_out: bool = False
    """Whether it is such an item, which the preset has and the job has not."""


def differences(document: Mapping[str, Any], preset: str | None, kind: str) -> list[Difference]:
    """Return the fields in which a stored spec differs from its preset, else from the defaults, labels apart.

    Nothing is known of a spec whose fields belong to another release: then it is all of it.

    Args:
        document: the whole spec.
        preset: name of the preset that the job was submitted from.
        kind: kind of the job, `train` or `evaluate`; of an `imported` one somebody chose every param.
    """
    if kind == "imported":
        return [Difference(f"params.{path}", value, None) for path, value in _leaves(document["params"]) if path]
    try:
        spec = (EvaluationSpec if kind == "evaluate" else JobSpec).model_validate(document)
    except ValidationError:
        found: Iterator[Difference] = (Difference(path, value, None) for path, value in _leaves(document))
        return list(found)
    found = _from_defaults(spec)
    if preset and isinstance(spec, JobSpec) and (base := _preset_spec(preset, spec)) is not None:
        found = _from_preset(spec, base)
    return [one for one in found if one.path not in LABELS]


def _preset_spec(preset: str, spec: JobSpec) -> JobSpec | None:
    """The job of a preset on the same data set; None for a preset that this release does not know."""
    sent = {"preset": preset, "dataset": spec.model_dump(mode="json", include={"dataset"})["dataset"]}
    try:
        on_these_data = JobSpec.model_validate(expand(sent, BUILT_IN).document)
        as_it_is = JobSpec.model_validate(expand({"preset": preset}, BUILT_IN).document)
    except ValidationError:
        return None
    # The network follows the data set; that the data set is another one is still a difference.
    return on_these_data.model_copy(update={"dataset": as_it_is.dataset})


def _from_defaults(spec: Part) -> Iterator[Difference]:
    return (Difference(path, value, _default(spec, path)) for path, value in _leaves(asked_for(spec)))


def _default(spec: Part, path: str) -> Any:
    """Return the default of a field; None where it has none."""
    *above, name = path.split(".")
    holder: Any = spec
    for part in above:
        holder = getattr(holder, part, None)
    field = type(holder).model_fields.get(name) if isinstance(holder, BaseModel) else None
    if field is None or field.is_required():
        return None
    return to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}))


def _from_preset(spec: JobSpec, base: JobSpec) -> Iterator[Difference]:
    asked = dict(_leaves(asked_for(spec)))
    of_base, base_asked = dict(_leaves(base.model_dump(mode="json"))), dict(_leaves(asked_for(base)))
    full = dict(_leaves(spec.model_dump(mode="json")))
    for path, value in full.items():
        differs = path not in of_base or of_base[path] != value
        if differs and (path in asked or path in base_asked):
            yield Difference(path, asked.get(path, value), base_asked.get(path, of_base.get(path)))
    for path, value in of_base.items():
        if path not in full and path.rpartition(".")[2].isdecimal():
            yield Difference(path, None, base_asked.get(path, value), left_out=True)


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a document by dotted paths; objects within lists are values."""
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        yield from ((f"{path}.{number}", item) for number, item in enumerate(value))
    else:
        yield path, value
