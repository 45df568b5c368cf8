"""What a submission may be, as a JSON schema for the API's description."""

from __future__ import annotations

from typing import Any

from shared.spec.catalog import SHORT_DATASETS
from shared.spec.job import JobSpec
from shared.spec.presets import PRESETS


def submission_schema(ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """JSON schema (2020-12) of the body of a submission: `JobSpec`, `preset` and the short forms.

    Beside a preset an object may leave out what the preset says; only the server can check that, and the shapes.
    """
    schema = JobSpec.model_json_schema(ref_template=ref_template)
    fields = schema["properties"]
    presets = {"type": "string", "enum": [*PRESETS]}
    fields["preset"] = {
        "anyOf": [presets, {"type": "null"}],
        "default": None,
        "description": "A named partial spec to start from; explicit fields win.",
    }
    fields["architecture"] = {"anyOf": [fields["architecture"], presets], "description": "The network."}
    short = {"type": "string", "enum": [*SHORT_DATASETS]}
    fields["dataset"] = {"anyOf": [fields["dataset"], short], "description": "What it learns from."}
    del schema["required"]
    schema["anyOf"] = [{"required": ["architecture"]}, {"required": ["preset"]}]
    return {**schema, "title": "Submission"}
