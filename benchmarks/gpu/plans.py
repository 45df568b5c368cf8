"""The plans that are measured, from specs beside this file: reading them needs the training code and no other package.

`python -m benchmarks.support.gpu_plans` writes `specs.json`; a test compares it with the expanded presets.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from worker.training.data import LoadedDataset
from worker.training.data.records import loaded_dataset
from worker.training.data.sources.synthetic import draw_split
from worker.training.plan import DatasetPlan, TrainingPlan, plan_from_spec

SPECS = Path(__file__).with_name("specs.json")
NETWORKS = {"linear": "notebook-linear", "tapered": "notebook-tapered", "convnet": "convnet"}
"""Each network's name here, and its preset's."""
CLASSES = ("airplane", "bird")
TRAIN_PER_CLASS, VAL_PER_CLASS = 5000, 1000


def plan_of(network: str) -> TrainingPlan:
    """The preset's plan, on drawn images."""
    specs = json.loads(SPECS.read_text(encoding="utf-8"))
    return replace(plan_from_spec(specs[NETWORKS[network]]), dataset=DatasetPlan("synthetic", CLASSES))


def images(share: float = 1.0) -> LoadedDataset:
    """As many drawn images as CIFAR-10 has photographs of two classes, or a share of them."""
    counts = {"train": round(TRAIN_PER_CLASS * share), "val": round(VAL_PER_CLASS * share)}
    splits = (draw_split(CLASSES, split, count) for split, count in counts.items())
    return loaded_dataset("synthetic", "drawn", CLASSES, *splits)
