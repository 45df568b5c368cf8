"""What a finished job keeps, and what a worker reports of itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load

from shared import queries
from shared.attempts import Claim
from shared.errors import StorageError
from shared.storage import Storage
from tests import factories
from tests.fakes import FakeBroker
from tests.unit.worker.conftest import FlakyDatabase
from worker import artifacts
from worker.context import Context
from worker.training.datasets import Statistics
from worker.training.evaluation import evaluate


@pytest.fixture
def result() -> Any:
    """A run whose best epoch was not its last."""
    weights = {name: {"0.weight": torch.full((2, 3), number)} for name, number in (("best", 3.0), ("last", 5.0))}
    logits = {"best": torch.tensor([[2.0, 1.0], [0.0, 3.0]]), "last": torch.tensor([[1.0, 2.0], [0.0, 3.0]])}
    labels = torch.tensor([0, 1])
    return SimpleNamespace(
        epochs=5,
        best_epoch=3,
        weights=weights,
        logits=logits,
        evaluations={name: evaluate(scores, labels, ("airplane", "bird")) for name, scores in logits.items()},
    )


@pytest.fixture
def claim(db: FlakyDatabase) -> Claim:
    """Whose result it is."""
    return factories.running(db)


class TestArtifacts:
    @pytest.mark.parametrize(
        "keep, names",
        [
            ("best,last", ["best.safetensors", "last.safetensors", "logits.safetensors"]),
            ("best", ["best.safetensors", "logits.safetensors"]),
            ("none", ["logits.safetensors"]),
        ],
    )
    def test_the_weights_asked_for_are_kept_with_the_scores(
        self, storage: Storage, claim: Claim, result: Any, keep: str, names: list[str]
    ) -> None:
        """Each with its size and its sha256, in a folder of the attempt."""
        rows = artifacts.store(storage, claim, result, keep)
        assert [row["name"] for row in rows] == names
        for row in rows:
            content = storage.read(row["path"])
            assert row["path"] == f"{claim.job_id}/1/{row['name']}"
            assert len(content) == row["bytes"]
        scores = load(storage.read(rows[-1]["path"]))
        assert torch.equal(scores["last"], result.logits["last"])

    def test_weights_come_back_as_they_were(self, storage: Storage, claim: Claim, result: Any) -> None:
        """Under their own name."""
        for row in artifacts.store(storage, claim, result, "best,last")[:2]:
            expected = result.weights[row["name"].partition(".")[0]]
            assert torch.equal(load(storage.read(row["path"]))["0.weight"], expected["0.weight"])

    def test_the_same_weights_are_written_once(
        self, storage: Storage, claim: Claim, result: Any, tmp_path: Path
    ) -> None:
        """Where the best epoch was the last, both names have one file; so have scores, under names of their own."""
        result.weights["last"], result.logits["last"] = result.weights["best"], result.logits["best"]
        best, last, logits = artifacts.store(storage, claim, result, "best,last")
        assert last == {**best, "name": "last.safetensors"}
        assert len(list((tmp_path / "artifacts").rglob("*.safetensors*"))) == 2
        assert load(storage.read(logits["path"])).keys() == {"best", "last"}

    def test_a_disk_that_is_full_in_the_middle_keeps_nothing(
        self, storage: Storage, claim: Claim, result: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What had been written is deleted, and makes room for others."""
        put = storage.put

        def full(path: str, *parts: bytes) -> Any:
            if "logits" in path:
                raise StorageError("No space left on device: free or add space.")
            return put(path, *parts)

        monkeypatch.setattr(storage, "put", full)
        with pytest.raises(StorageError, match="free or add space"):
            artifacts.store(storage, claim, result, "best,last")
        assert list((tmp_path / "artifacts").rglob("*.safetensors*")) == []

    def test_evaluations_name_the_epoch_of_their_weights(self, result: Any) -> None:
        """The best one's and the last one's."""
        best, last = artifacts.evaluation_rows(result)
        assert (best["weights"], best["epoch"], best["accuracy"]) == ("best", 3, 1.0)
        assert (last["weights"], last["epoch"], last["accuracy"]) == ("last", 5, 0.5)
        assert last["confusion_matrix"] == ((0, 1), (0, 1))


class TestContext:
    def test_a_worker_reports_what_it_holds(self, context: Context, db: FlakyDatabase) -> None:
        """Versions, the device, and the data sets that it finds, without decoding them."""
        context.register()
        (worker,) = queries.workers(db, silent_seconds=60)
        assert torch.__version__.startswith(worker["versions"]["torch"])
        (held,) = [held for held in context.datasets if held["source"] == "drawn"]
        assert (held["name"], held["ready"], held["fingerprint"]) == ("synthetic", True, None)

    def test_a_decoded_data_set_is_reported_once(self, context: Context, db: FlakyDatabase) -> None:
        """With its fingerprint, means and deviations. A report that goes missing harms nobody."""
        context.register()
        before = len(context.datasets)
        known = {field.name: None for field in dataclasses.fields(Statistics)}
        loaded = Statistics(**{**known, "name": "cifar10", "fingerprint": "f" * 64})  # type: ignore[arg-type]
        db.away = True
        context.report_loaded(loaded)
        db.away = False
        context.report_loaded(loaded)
        assert len(context.datasets) == before + 1
        context.report_loaded(dataclasses.replace(loaded, fingerprint="e" * 64))
        with db.read() as connection:
            from sqlalchemy import select

            from shared.tables import Worker

            datasets = connection.scalars(select(Worker.datasets)).one()
        assert [held["fingerprint"] for held in datasets[before:]] == ["f" * 64, "e" * 64]

    def test_giving_back_survives_a_missing_database_and_a_missing_redis(
        self, context: Context, db: FlakyDatabase
    ) -> None:
        """The reconciler finds the job."""
        job_id = factories.submit(db)
        assert isinstance(context.broker, FakeBroker)
        context.broker.down = True
        context.give_back(job_id)
        db.away = True
        context.give_back(job_id)
        context.broker.down = db.away = False
        context.give_back(job_id)
        assert [message[0] for message in context.broker.messages] == [job_id]
