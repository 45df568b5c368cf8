"""What is read of a run of MLflow's, in the JSON of its REST API."""

from __future__ import annotations

from typing import Any

STATE = "flightline.exported"
"""The tag that says how far the export of a run is: `BEGUN` or `WHOLE`."""
BEGUN, WHOLE = "begun", "whole"
Run = dict[str, Any]


def id_of(run: Run) -> str:
    """Return the run's id."""
    return str(run["info"]["run_id"])


def tag(run: Run, key: str) -> str | None:
    """Return the value of a tag; None where the run has none of this name."""
    tags = run["data"].get("tags", ())
    return next((str(one["value"]) for one in tags if one["key"] == key), None)


def is_deleted(run: Run) -> bool:
    """Whether the run is marked as deleted."""
    return bool(run["info"].get("lifecycle_stage") == "deleted")


def is_whole(run: Run) -> bool:
    """Whether an export has come to the run's end."""
    return tag(run, STATE) == WHOLE
