"""Losses written down once: a refactoring of the loop, the drawing or the seeding that changes them is no refactoring.

Another processor rounds differently, so they agree to a tolerance and not to the bit. A change on purpose: run the
test, read the new figures in its message, and say in the commit why they changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from worker.training.data import load
from worker.training.plan import (
    AdamWPlan,
    CosinePlan,
    CropPlan,
    DatasetPlan,
    FlipPlan,
    MlpPlan,
    TrainingPlan,
)
from worker.training.results import EpochResult
from worker.training.trainer import train

TAPERED = TrainingPlan(
    DatasetPlan("synthetic", ("airplane", "bird"), train_per_class=640, val_per_class=250),
    MlpPlan((1024, 512, 128)),
    epochs=3,
    engine="reference",
)
RECIPE = TrainingPlan(
    TAPERED.dataset,
    MlpPlan((64,), "relu", "logits"),
    epochs=3,
    engine="reference",
    optimizer=AdamWPlan(lr=0.001, weight_decay=0.01),
    schedule=CosinePlan(),
    augment=(FlipPlan(), CropPlan(padding=2)),
    label_smoothing=0.1,
)
GOLDEN = {
    "tapered": (TAPERED, [0.58592227, 0.52366008, 0.50484061], [0.53480829, 0.51457538, 0.50308762]),
    "recipe": (RECIPE, [0.6129795, 0.56553171, 0.52629329], [0.61977021, 0.55899066, 0.54059367]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_curve_is_the_one_written_down(name: str, tmp_path: Path) -> None:
    """Training and validation losses of three epochs on drawn images."""
    plan, train_losses, val_losses = GOLDEN[name]
    data = load(plan.dataset, tmp_path, tmp_path)
    epochs: list[EpochResult] = []
    train(plan, data, torch.device("cpu"), on_epoch=epochs.append, check=lambda: None)
    assert [epoch.train_loss for epoch in epochs] == pytest.approx(train_losses, rel=1e-4)
    assert [epoch.val_loss for epoch in epochs] == pytest.approx(val_losses, rel=1e-4)
