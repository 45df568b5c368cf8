"""JSON documents that requests carry, and their schemas: a submitted job, and an evaluation."""

from __future__ import annotations

from typing import Any

from api.http.description.components import reference_to
from api.http.operations import Json
from shared.jobspec import BUILT_IN, PRESETS, JobSpec
from shared.jobspec.fields.evaluation import EvaluationRequest

EXAMPLES: dict[str, dict[str, Any]] = {
    "preset": {
        "summary": "A preset with one field changed",
        "value": {"preset": "notebook-tapered", "training": {"epochs": 20}},
    },
    "own": {
        "summary": "Your own network",
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


def submission_schemas() -> dict[str, Any]:
    """Return the JSON schema of a submission and those that it refers to, by component name."""
    schema = JobSpec.model_json_schema(ref_template=reference_to("{model}")["$ref"])
    named: dict[str, Any] = schema.pop("$defs")
    named["Linear"]["required"].remove("out_features")  # optional in the last linear layer
    properties = schema["properties"]
    properties["dataset"] = _or_name(properties["dataset"], sorted(BUILT_IN.short_forms))
    named["Dataset"]["properties"]["name"]["enum"] = list(BUILT_IN.datasets)
    properties["architecture"] = _or_name(properties["architecture"], list(PRESETS))
    properties["preset"] = {
        "anyOf": [{"type": "string", "enum": list(PRESETS)}, {"type": "null"}],
        "description": "A partial spec to start from; fields given beside it override it.",
    }
    schema |= {
        "title": "Submission",
        "required": [],
        "anyOf": [{"required": ["architecture"]}, {"required": ["preset"]}],
        "description": "A job to submit. Every field but `architecture` has a default; with a preset, an object "
        "may also omit whatever the preset sets.",
    }
    return {**named, "Submission": schema}


def _evaluation_schemas() -> dict[str, Any]:
    """Return the JSON schema of a request for an evaluation and those that it refers to, by component name."""
    schema = EvaluationRequest.model_json_schema(ref_template=reference_to("{model}")["$ref"])
    named: dict[str, Any] = schema.pop("$defs")
    dataset = schema["properties"]["dataset"]
    schema["properties"]["dataset"] = {
        "anyOf": [{"$ref": dataset["$ref"]}, {"type": "string"}],
        "description": dataset["description"],
    }
    return {**named, EvaluationRequest.__name__: schema}


def _or_name(schema: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return a schema that also accepts one of `names` in place of the object."""
    described: dict[str, Any] = {key: schema[key] for key in ("description", "default") if key in schema}
    whole = {key: value for key, value in schema.items() if key not in described}
    return {"anyOf": [whole, {"type": "string", "enum": names}], **described}


SUBMISSION = Json("Submission", submission_schemas, EXAMPLES)
"""The body of a submission: a `JobSpec` that may name a preset, use short forms and omit defaults."""
EVALUATION = Json(
    EvaluationRequest.__name__,
    _evaluation_schemas,
    {"own": {"summary": "A data set of one's own", "value": {"dataset": "shapes"}}},
)
"""The body of a request for an evaluation: an `EvaluationRequest` as JSON."""
