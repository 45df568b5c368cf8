"""What requests about sweeps carry: a sweep to be made, and the pages of lists."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from api.http.description.components import reference_to
from api.http.operations import Json
from api.http.requests.bodies import submission_schemas
from api.http.requests.parameters import MAX_LIMIT, Text
from api.http.requests.parsing import Flag, QueryModel
from shared.sweeps.request import SHORT_FORMS, SweepRequest
from shared.sweeps.status import SweepStatus

SWEEP_CURSOR = "^[0-9a-fA-F-]{36}$"
TRIAL_CURSOR = r"^((-1|[0-9]{1,3}):(-?inf|-?[0-9][0-9.e+-]{0,30}):)?[0-9]{1,9}$"
EXAMPLES: dict[str, dict[str, Any]] = {
    "random": {
        "summary": "Sixty random points, of which the best train on",
        "value": {
            "name": "rates",
            "base": {"preset": "notebook-tapered", "training": {"epochs": 9}},
            "space": {
                "training.optimizer.lr": {"kind": "float", "low": 0.001, "high": 0.5, "log": True},
                "training.batch_size": {"kind": "values", "values": [16, 64, 256]},
            },
            "asha": {"min_epochs": 1, "eta": 3},
            "max_trials": 60,
        },
    },
    "grid": {
        "summary": "Every point of a grid, each with three seeds",
        "value": {
            "base": "notebook-linear",
            "space": {"training.optimizer.lr": {"kind": "values", "values": [0.01, 0.1]}},
            "algorithm": "grid",
            "repeats": 3,
        },
    },
}


class SweepQuery(QueryModel):
    """Query parameters of a new sweep: whether it is started or only checked."""

    dry_run: Flag = Field(default=False, description="Only check the sweep: answer what it would be.")


class SweepsQuery(QueryModel):
    """Query parameters of the list of sweeps: filters, and the page."""

    status: SweepStatus | None = Field(None, description="Has this status.")
    owner: Text | None = Field(None, description="Belongs to this owner.")
    cursor: Annotated[str, AfterValidator(str.lower), Field(pattern=SWEEP_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page."
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Most sweeps on a page.")


class ReadSweepQuery(QueryModel):
    """Query parameters of a sweep: whether to work out which of its paths matter."""

    importance: Flag = Field(default=False, description="Work out the importance of each path, which takes a second.")


class TrialsQuery(QueryModel):
    """Query parameters of a sweep's points: the order, and the page."""

    sort: Literal["value", "number"] = Field(
        "value",
        description="`value`: the best first, as the sweep's best is chosen: those that have come furthest, then by "
        "value; those without one last. `number`: as they were made.",
    )
    cursor: Annotated[str, Field(pattern=TRIAL_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page; `sort` must be the same."
    )
    limit: int = Field(100, ge=1, le=MAX_LIMIT, description="Most points on a page.")


def _schemas() -> dict[str, Any]:
    """Return the JSON schema of a sweep to be made and those that it refers to, by component name."""
    schema = SweepRequest.model_json_schema(ref_template=reference_to("{model}")["$ref"])
    named: dict[str, Any] = schema.pop("$defs")
    fields = schema["properties"]
    fields["base"] = reference_to("Submission")
    for name, field in SHORT_FORMS.items():
        described = f"{SweepRequest.model_fields[name].description} A text stands for an object with this `{field}`."
        fields[name] = {"anyOf": [fields[name], {"type": "string"}], "description": described}
    return {**submission_schemas(), **named, SweepRequest.__name__: schema}


SWEEP = Json(SweepRequest.__name__, _schemas, EXAMPLES)
"""The body of a new sweep: a `SweepRequest` as JSON."""
