"""The convnet preset, from its name to what it has learned. On photographs: `python -m benchmarks accuracy`."""

from __future__ import annotations

from pathlib import Path

import torch

from shared.jobspec import Caps, parse_spec
from worker.training.data import load
from worker.training.plan import plan_from_spec
from worker.training.results import EpochResult
from worker.training.trainer import train

SMALL = {"name": "synthetic", "train_per_class": 640, "val_per_class": 250}


def test_the_preset_learns_quickly(tmp_path: Path) -> None:
    """Three epochs of few drawn images suffice; the rates of its schedule reach their peak and fall again."""
    asked = {"preset": "convnet", "dataset": SMALL, "training": {"epochs": 3}}
    plan = plan_from_spec(parse_spec(asked, Caps()).document)
    epochs: list[EpochResult] = []
    data = load(plan.dataset, tmp_path, tmp_path)
    result = train(plan, data, torch.device("cpu"), on_epoch=epochs.append, check=lambda: None)
    assert epochs[-1].val_accuracy > 0.8
    assert epochs[0].lr > epochs[1].lr > epochs[2].lr < 0.001
    assert result.engine == "resident"
    assert result.exact
    assert set(result.weights["last"]) >= {"0.weight", "0.bias"}
