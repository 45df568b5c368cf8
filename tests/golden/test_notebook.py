"""Jobs of the notebook's three presets have the notebook loop's losses, with the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shared.jobspec import Caps, parse_spec
from tests.golden import notebook
from worker.training.data import LoadedDataset, load
from worker.training.errors import DatasetUnavailable
from worker.training.plan import DatasetPlan, plan_from_spec
from worker.training.results import EpochResult
from worker.training.trainer import train

ROOT = Path(__file__).resolve().parents[2]
TRAIN, VAL = 640, 250  # images of each class
EPOCHS, SEED = 2, 3
TOLERANCE = 1e-4  # relative, fp32


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LoadedDataset:
    """Photographs where there are some beside or in the checkout, drawings otherwise: the first 640 of each class."""
    cache, classes = tmp_path_factory.mktemp("cache"), ("airplane", "bird")
    for data_dir in (ROOT / "datasets", ROOT.parent / "shared" / "data"):
        try:
            return load(DatasetPlan("cifar10", classes, train_per_class=TRAIN, val_per_class=VAL), data_dir, cache)
        except DatasetUnavailable:
            continue
    return load(DatasetPlan("synthetic", classes, train_per_class=TRAIN, val_per_class=VAL), ROOT, cache)


@pytest.mark.parametrize("preset", notebook.NETWORKS)
@pytest.mark.usefixtures("one_thread")
def test_a_preset_learns_as_the_notebook_does(preset: str, data: LoadedDataset) -> None:
    """Mean and last losses of both epochs agree, and the accuracy over the whole validation split."""
    train_set, val_set = (notebook.samples(split.images, split.labels) for split in (data.train, data.val))
    expected = list(notebook.train(preset, train_set, val_set, SEED, EPOCHS))

    dataset = {"name": data.name, "classes": list(data.classes), "train_per_class": TRAIN, "val_per_class": VAL}
    document = {"preset": preset, "dataset": dataset, "training": {"epochs": EPOCHS, "seed": SEED}}
    plan = plan_from_spec(parse_spec(document, Caps()).document)
    got: list[EpochResult] = []
    result = train(plan, data, torch.device("cpu"), on_epoch=got.append, check=lambda: None)

    for ours, theirs in zip(got, expected, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=TOLERANCE)
        assert ours.last_batch_loss == pytest.approx(theirs.last_batch_loss, rel=TOLERANCE)
        assert ours.val_accuracy == pytest.approx(theirs.val_accuracy, abs=0.005)
    assert sum(map(sum, result.evaluations["last"].confusion_matrix)) == len(data.val)
