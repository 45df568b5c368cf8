"""The specification of a job: its JSON, checks, cost and hashes, in plain Python and pydantic without torch.

Exported names are imported on first use, so that the command reads a job's file without waiting for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.jobspec.caps import NO_CAPS, Caps
    from shared.jobspec.catalog import BUILT_IN, Catalog, Copy
    from shared.jobspec.checks.costs import Cost, LayerCost
    from shared.jobspec.datasets import DatasetInfo
    from shared.jobspec.fields.job import JobSpec
    from shared.jobspec.parser import Submission, parse_batch, parse_spec, parse_submission
    from shared.jobspec.presets import PRESETS, Preset

__all__ = [
    "BUILT_IN",
    "NO_CAPS",
    "PRESETS",
    "Caps",
    "Catalog",
    "Copy",
    "Cost",
    "DatasetInfo",
    "JobSpec",
    "LayerCost",
    "Preset",
    "Submission",
    "parse_batch",
    "parse_spec",
    "parse_submission",
]

_MODULES = {
    "BUILT_IN": "catalog",
    "NO_CAPS": "caps",
    "PRESETS": "presets",
    "Caps": "caps",
    "Catalog": "catalog",
    "Copy": "catalog",
    "Cost": "checks.costs",
    "DatasetInfo": "datasets",
    "JobSpec": "fields.job",
    "LayerCost": "checks.costs",
    "Preset": "presets",
    "Submission": "parser",
    "parse_batch": "parser",
    "parse_spec": "parser",
    "parse_submission": "parser",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
