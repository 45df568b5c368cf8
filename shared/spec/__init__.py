"""What a job is: its JSON, its checks, its cost and its names. Plain Python and pydantic; never torch.

The names are loaded once they are asked for: the command reads a job's file without waiting for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.spec.caps import Caps
    from shared.spec.catalog import DATASETS, DatasetInfo
    from shared.spec.costs import Cost, LayerCost
    from shared.spec.holdings import ANYTHING_HELD, NOTHING_HELD, Copy, Holdings
    from shared.spec.job import JobSpec
    from shared.spec.presets import PRESETS, Preset
    from shared.spec.submission import Submission, parse_spec, parse_submission

__all__ = [
    "ANYTHING_HELD",
    "DATASETS",
    "NOTHING_HELD",
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
    "DATASETS": "catalog",
    "NOTHING_HELD": "holdings",
    "PRESETS": "presets",
    "Caps": "caps",
    "Copy": "holdings",
    "Cost": "costs",
    "DatasetInfo": "catalog",
    "Holdings": "holdings",
    "JobSpec": "job",
    "LayerCost": "costs",
    "Preset": "presets",
    "Submission": "submission",
    "parse_spec": "submission",
    "parse_submission": "submission",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
