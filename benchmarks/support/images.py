"""The images that training is measured on."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from shared.settings import Settings
from worker.training.data import LoadedDataset, load
from worker.training.errors import DatasetUnavailable
from worker.training.plan import DatasetPlan


def real_or_drawn(classes: tuple[str, ...]) -> LoadedDataset:
    """CIFAR-10's images where the data directory (FLIGHTLINE_DATA_DIR) has them, else drawn ones."""
    data_dir = Settings().datasets_dir
    with tempfile.TemporaryDirectory() as cache:
        try:
            return load(DatasetPlan("cifar10", classes), data_dir, Path(cache))
        except DatasetUnavailable as error:
            print(f"{error} Taking drawn images.", file=sys.stderr)
            return load(DatasetPlan("synthetic", classes), data_dir, Path(cache))
