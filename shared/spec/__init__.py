"""What a job is: its JSON, its checks, its cost and its names. Plain Python and pydantic; never torch."""

from __future__ import annotations

from shared.spec.caps import Caps
from shared.spec.catalog import DATASETS, DatasetInfo
from shared.spec.costs import Cost, LayerCost
from shared.spec.holdings import NOTHING_HELD, Copy, Holdings
from shared.spec.job import JobSpec
from shared.spec.presets import PRESETS, Preset
from shared.spec.submission import Submission, parse_spec, parse_submission

__all__ = [
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
