"""Contents that no response class describes: the submitted document, and a downloaded file."""

from __future__ import annotations

from typing import Any

from api.components import reference_to
from shared.spec import DATASETS, PRESETS, JobSpec
from shared.spec.catalog import SHORT_DATASETS

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
}


class SubmissionBody:
    """A `JobSpec` as people may send it: with a preset, with short forms, with every default left out."""

    media_type = "application/json"

    def describe(self) -> dict[str, Any]:
        """Its OpenAPI media type object."""
        return {"schema": reference_to("Submission"), "examples": EXAMPLES}

    def schemas(self) -> dict[str, Any]:
        """Its JSON schema and those that it points at, by name."""
        schema = JobSpec.model_json_schema(ref_template=reference_to("{model}")["$ref"])
        named: dict[str, Any] = schema.pop("$defs")
        properties = schema["properties"]
        properties["dataset"] = _or_name(properties["dataset"], sorted({*SHORT_DATASETS, *DATASETS}))
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


class FileContent:
    """The bytes of an artifact."""

    media_type = "application/octet-stream"

    def describe(self) -> dict[str, Any]:
        """Its OpenAPI media type object: of binary content, 3.1 says nothing by default."""
        return {}

    def schemas(self) -> dict[str, Any]:
        """None."""
        return {}


def _or_name(schema: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """`schema`, or one of `names` in its place."""
    described: dict[str, Any] = {key: schema[key] for key in ("description", "default") if key in schema}
    whole = {key: value for key, value in schema.items() if key not in described}
    return {"anyOf": [whole, {"type": "string", "enum": names}], **described}
