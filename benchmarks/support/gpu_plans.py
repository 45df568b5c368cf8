"""Writes down the specs that `benchmarks.gpu` measures, for machines that cannot expand a preset themselves."""

from __future__ import annotations

import json

from benchmarks.gpu.plans import NETWORKS, SPECS
from shared.jobspec import Caps, parse_spec


def text() -> str:
    """The expanded spec of each preset, as JSON."""
    specs = {preset: parse_spec({"preset": preset}, Caps()).document for preset in NETWORKS.values()}
    return json.dumps(specs, indent=1) + "\n"


if __name__ == "__main__":
    SPECS.write_text(text(), encoding="utf-8")
