"""The JSON documents that requests carry: a submitted job, and a change of one."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.http.components import reference_to
from api.http.operations import Json
from shared.documents.phrases import show
from shared.documents.reader import decode, sift
from shared.documents.wording import describe_plain
from shared.errors import FieldError
from shared.jobspec import BUILT_IN, PRESETS, Caps, JobSpec
from shared.jobspec.parser import refusal

EXAMPLES: dict[str, dict[str, Any]] = {
    "preset": {
        "summary": "A preset, with one thing changed",
        "value": {"preset": "notebook-tapered", "training": {"epochs": 20}},
    },
    "own": {
        "summary": "A network of one's own",
        "value": {
            "name": "wide",
            "dataset": "cifar2",
            "architecture": {"kind": "mlp", "hidden": [512], "activation": "relu", "output": "logits"},
            "training": {"epochs": 10, "optimizer": {"kind": "adam", "lr": 0.001}},
        },
    },
    "layers": {
        "summary": "A network layer by layer, with a residual block",
        "value": {
            "architecture": {
                "kind": "layers",
                "layers": [
                    {"kind": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1},
                    {"kind": "relu"},
                    {
                        "kind": "residual",
                        "layers": [
                            {"kind": "conv2d", "out_channels": 32, "kernel_size": 3, "stride": 2, "padding": 1},
                            {"kind": "batchnorm"},
                        ],
                        "shortcut": [{"kind": "conv2d", "out_channels": 32, "kernel_size": 1, "stride": 2}],
                    },
                    {"kind": "relu"},
                    {"kind": "avgpool2d", "kernel_size": 16},
                    {"kind": "flatten"},
                    {"kind": "linear", "out_features": 2},
                ],
                "output": "logits",
            },
            "training": {"epochs": 5, "optimizer": {"kind": "adam"}},
        },
    },
    "convnet": {
        "summary": "The convolutional preset, on three classes",
        "value": {"preset": "convnet", "dataset": {"classes": ["airplane", "bird", "ship"]}},
    },
}


class JobChange(BaseModel):
    """What can be changed of a job while it is queued."""

    model_config = ConfigDict(extra="forbid", strict=True)

    priority: int = Field(ge=0, le=9, description="0–9, 9 the most urgent.")


def read_change(body: bytes) -> JobChange:
    """The change that was sent.

    Raises:
        InvalidSpec: it is none.
    """
    document = decode(body)
    problems = sift(document, Caps())
    if not problems and not isinstance(document, dict):
        problems = [FieldError("", f'A change is an object such as {{"priority": 7}}, not {show(document)}.')]
    if problems:
        raise refusal(problems)
    try:
        return JobChange.model_validate(document)
    except ValidationError as error:
        raise refusal([*describe_plain(error, JobChange)]) from None


def _submission_schemas() -> dict[str, Any]:
    """The schema of a `JobSpec` as people may send it, and those that it points at, by name."""
    schema = JobSpec.model_json_schema(ref_template=reference_to("{model}")["$ref"])
    named: dict[str, Any] = schema.pop("$defs")
    named["Linear"]["required"].remove("out_features")  # the last one may leave it out
    properties = schema["properties"]
    properties["dataset"] = _or_name(properties["dataset"], sorted(BUILT_IN.short_forms))
    named["Dataset"]["properties"]["name"]["enum"] = list(BUILT_IN.datasets)
    properties["architecture"] = _or_name(properties["architecture"], list(PRESETS))
    properties["preset"] = {
        "anyOf": [{"type": "string", "enum": list(PRESETS)}, {"type": "null"}],
        "description": "A partial spec to begin with; the fields given beside it win.",
    }
    schema |= {
        "title": "Submission",
        "required": [],
        "anyOf": [{"required": ["architecture"]}, {"required": ["preset"]}],
        "description": "A job as it is asked for. Every field but the architecture has a default; beside a preset "
        "an object may leave out whatever the preset says.",
    }
    return {**named, "Submission": schema}


def _or_name(schema: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """`schema`, or one of `names` in its place."""
    described: dict[str, Any] = {key: schema[key] for key in ("description", "default") if key in schema}
    whole = {key: value for key, value in schema.items() if key not in described}
    return {"anyOf": [whole, {"type": "string", "enum": names}], **described}


SUBMISSION = Json("Submission", _submission_schemas, EXAMPLES)
"""A `JobSpec` as people may send it: with a preset, with short forms, with every default left out."""
CHANGE = Json(
    JobChange.__name__,
    lambda: {JobChange.__name__: JobChange.model_json_schema()},
    {"urgent": {"summary": "Before everything else", "value": {"priority": 9}}},
)
"""A `JobChange`."""
