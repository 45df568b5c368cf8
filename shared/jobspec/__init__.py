"""What a job is: its JSON, its checks, its cost and its names. Plain Python and pydantic; never torch.

The names are loaded once they are asked for: the command reads a job's file without waiting for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.jobspec.caps import NO_CAPS, Caps
    from shared.jobspec.checks.costs import Cost, LayerCost
    from shared.jobspec.datasets import DATASETS, DatasetInfo
    from shared.jobspec.fields.job import JobSpec
    from shared.jobspec.holdings import ANYTHING_HELD, NOTHING_HELD, Copy, Holdings
    from shared.jobspec.parser import Submission, parse_spec, parse_submission
    from shared.jobspec.presets import PRESETS, Preset

__all__ = [
    "ANYTHING_HELD",
    "DATASETS",
    "NOTHING_HELD",
    "NO_CAPS",
    "PRESETS",
    "Caps",
    "Copy",
    "Cost",
    "DatasetInfo",
    "Holdings",
    "JobSpec",
    "LayerCost",
    "Preset",
    "Submission",
    "parse_spec",
    "parse_submission",
]

_MODULES = {
    "ANYTHING_HELD": "holdings",
    "DATASETS": "datasets",
    "NOTHING_HELD": "holdings",
    "NO_CAPS": "caps",
    "PRESETS": "presets",
    "Caps": "caps",
    "Copy": "holdings",
    "Cost": "checks.costs",
    "DatasetInfo": "datasets",
    "Holdings": "holdings",
    "JobSpec": "fields.job",
    "LayerCost": "checks.costs",
    "Preset": "presets",
    "Submission": "parser",
    "parse_spec": "parser",
    "parse_submission": "parser",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
