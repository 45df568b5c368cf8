"""What a job asks for beyond its preset, or beyond the defaults, in the words of ``--set``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flightline.client.records import JobRecord

if TYPE_CHECKING:
    from shared.jobspec.fields.job import JobSpec

Leaves = dict[str, Any]
"""Values by their dotted paths."""

LEFT_OUT = "(left out)"
LABELS = frozenset({"name", "tags"})
"""Fields that are shown elsewhere and change nothing."""


def chosen(job: JobRecord) -> list[str]:
    """``path=value`` for each field in which the job's spec differs from its preset, else from the defaults.

    A list of layers or of other objects has a line for each of them, such as ``training.augment.0=crop(padding=2)``.
    Nothing is known of a spec whose fields belong to another release: then it is all of it.
    """
    from pydantic import ValidationError

    from shared.jobspec.fields.evaluation import EvaluationSpec
    from shared.jobspec.fields.job import JobSpec
    from shared.jobspec.hashes import asked_for

    try:
        if job.raw.get("kind") == "evaluate":
            evaluation = EvaluationSpec.model_validate(job.raw["spec"])
            return [_line(path, value) for path, value in _leaves(asked_for(evaluation)) if path not in LABELS]
        spec = JobSpec.model_validate(job.raw["spec"])
    except ValidationError:
        return [_line(path, value) for path, value in _leaves(job.raw["spec"])]
    base = _preset_spec(job.preset, spec) if job.preset else None
    return [_line(path, value) for path, value in _differences(spec, base) if path not in LABELS]


def _preset_spec(preset: str, spec: JobSpec) -> JobSpec | None:
    """The job of a preset on the same data set; None for a preset that this release does not know."""
    from pydantic import ValidationError

    from shared.jobspec.catalog import BUILT_IN
    from shared.jobspec.expansion import expand
    from shared.jobspec.fields.job import JobSpec

    sent = {"preset": preset, "dataset": spec.model_dump(mode="json", include={"dataset"})["dataset"]}
    try:
        on_these_data = JobSpec.model_validate(expand(sent, BUILT_IN).document)
        as_it_is = JobSpec.model_validate(expand({"preset": preset}, BUILT_IN).document)
    except ValidationError:
        return None
    # The network follows the data set; that the data set is another one is still a difference.
    return on_these_data.model_copy(update={"dataset": as_it_is.dataset})


def _differences(spec: JobSpec, base: JobSpec | None) -> Iterator[tuple[str, Any]]:
    from shared.jobspec.hashes import asked_for

    asked = dict(_leaves(asked_for(spec)))
    if base is None:
        yield from asked.items()
        return
    of_base, base_asked = dict(_leaves(base.model_dump(mode="json"))), dict(_leaves(asked_for(base)))
    full = dict(_leaves(spec.model_dump(mode="json")))
    for path, value in full.items():
        differs = path not in of_base or of_base[path] != value
        if differs and (path in asked or path in base_asked):
            yield path, asked.get(path, value)
    left_out = [path for path in of_base if path not in full and path.rpartition(".")[2].isdecimal()]
    yield from ((path, LEFT_OUT) for path in left_out)  # items of a list that is shorter than the preset's


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a document by dotted paths; objects within lists are values."""
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        yield from ((f"{path}.{number}", item) for number, item in enumerate(value))
    else:
        yield path, value


def _line(path: str, value: object) -> str:
    return f"{path}={_shown(value)}"


def _shown(value: object) -> str:
    """A value as JSON; text as it is, and an object with a kind as ``conv2d(out_channels=16, kernel_size=3)``."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and "kind" in value:
        fields = ", ".join(f"{key}={_shown(inner)}" for key, inner in value.items() if key != "kind")
        return f"{value['kind']}({fields})" if fields else str(value["kind"])
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return json.dumps(value, ensure_ascii=False)
