"""Means, deviations and fingerprints of splits, computed once per machine for each way of making them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from worker.training.data.records import Figures
from worker.training.plan import DatasetPlan
from worker.training.state.files import write_atomically

FORMAT = 1
"""Rises when a plan makes other splits of equal images."""

KEPT = 100
"""How many figures the file holds; the oldest give way."""


def cached_figures(plan: DatasetPlan, images: str, cache_dir: Path, compute: Callable[[], Figures]) -> Figures:
    """The figures of the splits that a plan makes of decoded images, computed unless they are known.

    Args:
        plan: the classes, fractions and limits.
        images: a checksum of the decoded images, from which equal plans make equal splits.
        cache_dir: the folder of the file that the figures are stored in. Losing it costs a second.
        compute: computes the figures.
    """
    path = cache_dir / "figures.json"
    made = [FORMAT, images, plan.classes, plan.val_fraction, plan.holdout_fraction]
    made += [plan.train_per_class, plan.val_per_class]
    key = hashlib.sha256(json.dumps(made).encode()).hexdigest()
    known = _read(path)
    with suppress(KeyError, TypeError, ValueError):
        mean, std, fingerprint = known[key]
        return Figures(tuple(map(float, mean)), tuple(map(float, std)), str(fingerprint))
    figures = compute()
    kept = dict([*known.items(), (key, figures)][-KEPT:])
    with suppress(OSError):  # of a folder that cannot be written to, the cache of the images has warned
        write_atomically(path, json.dumps(kept).encode())
    return figures


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        known = json.loads(path.read_bytes())
        return known if isinstance(known, dict) else {}
    return {}
