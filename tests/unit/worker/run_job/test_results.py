"""What a finished job keeps, and what a worker reports of itself."""

from __future__ import annotations

import dataclasses
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load

from shared.errors import StorageError, StorageUnavailable
from shared.jobs.reads import lacking, queries
from shared.jobs.running.claims import Claim
from shared.storage.store import Storage
from tests.support import factories
from tests.support.fakes import FakeBroker, FlakyDatabase
from worker.run_job.context import Context
from worker.run_job.records import artifacts
from worker.training.data import Split, Statistics
from worker.training.data.loader import Inputs
from worker.training.evaluation import evaluate
from worker.training.results import TrainingResult


@pytest.fixture
def result() -> TrainingResult:
    """A run whose best epoch was not its last."""
    weights = {name: {"0.weight": torch.full((2, 3), number)} for name, number in (("best", 3.0), ("last", 5.0))}
    logits = {"best": torch.tensor([[2.0, 1.0], [0.0, 3.0]]), "last": torch.tensor([[1.0, 2.0], [0.0, 3.0]])}
    split = Split(torch.zeros(2, 3, 1, 1, dtype=torch.uint8), torch.tensor([0, 1]), split="val")
    return TrainingResult(
        epochs=5,
        best_epoch=3,
        weights=weights,
        evaluations={name: evaluate(scores, split, ("airplane", "bird")) for name, scores in logits.items()},
        logits=logits,
        inputs=Inputs((3, 32, 32), (0.1, 0.2, 0.3), (1.0, 0.5, 0.25)),
        engine="reference",
        exact=True,
        environment={"engine": "reference", "data_fingerprint": "d" * 64},
        stopped_early=False,
        seconds=1.0,
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
        self, storage: Storage, claim: Claim, result: TrainingResult, keep: str, names: list[str]
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

    def test_weights_come_back_as_they_were(self, storage: Storage, claim: Claim, result: TrainingResult) -> None:
        """Under their own name."""
        for row in artifacts.store(storage, claim, result, "best,last")[:2]:
            expected = result.weights[row["name"].partition(".")[0]]
            assert torch.equal(load(storage.read(row["path"]))["0.weight"], expected["0.weight"])

    def test_the_same_weights_are_written_once(
        self, storage: Storage, claim: Claim, result: TrainingResult, tmp_path: Path
    ) -> None:
        """Where the best epoch was the last, both names have one file; so have scores, under names of their own."""
        result.weights["last"], result.logits["last"] = result.weights["best"], result.logits["best"]
        best, last, logits = artifacts.store(storage, claim, result, "best,last")
        assert last == {**best, "name": "last.safetensors"}
        assert len(list((tmp_path / "artifacts").rglob("*.safetensors*"))) == 2
        assert load(storage.read(logits["path"])).keys() == {"best", "last"}

    def test_a_disk_that_is_full_in_the_middle_keeps_nothing(
        self, storage: Storage, claim: Claim, result: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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

    def test_evaluations_name_the_epoch_of_their_weights(self, result: TrainingResult) -> None:
        """The best one's and the last one's."""
        best, last = artifacts.evaluation_rows(result)
        assert (best["weights"], best["epoch"], best["accuracy"]) == ("best", 3, 1.0)
        assert (last["weights"], last["epoch"], last["accuracy"]) == ("last", 5, 0.5)
        assert last["confusion_matrix"] == ((0, 1), (0, 1))


def _loaded(**values: Any) -> Statistics:
    """What is known of a decoded data set, the drawn one unless told otherwise."""
    classes = values.pop("classes", ("airplane", "bird"))
    known: dict[str, Any] = {"name": "synthetic", "source": "drawn", "fingerprint": "f" * 64, **values}
    counts = dict.fromkeys(classes, (2, 1))
    return Statistics(classes=classes, counts=counts, mean=(0.5,) * 3, std=(0.2,) * 3, **known)


def _add_images(context: Context, *splits: str) -> None:
    """Class folders with one image for each of three classes."""
    for split in splits:
        for name in ("airplane", "bird", "ship"):
            folder = context.settings.datasets_dir / "cifar10" / split / name
            folder.mkdir(parents=True)
            Image.new("RGB", (32, 32)).save(folder / "1.png")


def _reported(db: FlakyDatabase) -> list[dict[str, Any]]:
    """The data sets of the one worker that there is."""
    (worker,) = queries.workers(db, silent_seconds=60)
    return list(worker["datasets"])


class TestMetadata:
    def test_weights_say_what_they_are(
        self, storage: Storage, claim: Claim, result: TrainingResult, tmp_path: Path
    ) -> None:
        """Whose, of which epoch, how good, and what they expect; the best ones other things than the last."""
        artifacts.store(storage, claim, result, "best,last")
        best, last = (said_by(tmp_path, claim, name) for name in ("best", "last"))
        assert (best["job_id"], best["attempt"], best["spec_hash"]) == (claim.job_id, "1", claim.spec_hash)
        assert len(claim.spec_hash) == 64
        assert json.loads(best["spec"]) == claim.spec
        assert json.loads(best["classes"]) == ["airplane", "bird"]
        inputs = result.inputs
        assert json.loads(best["input_shape"]) == list(inputs.shape)
        assert (json.loads(best["mean"]), json.loads(best["std"])) == (list(inputs.mean), list(inputs.std))
        assert (best["weights"], best["epoch"], best["val_accuracy"]) == ("best", "3", "1.0")
        assert (last["weights"], last["epoch"], last["val_accuracy"]) == ("last", "5", "0.5")
        assert (best["format_version"], best["flightline_version"]) == ("1", version("flightline-train"))

    def test_one_file_under_both_names_says_so(
        self, storage: Storage, claim: Claim, result: TrainingResult, tmp_path: Path
    ) -> None:
        """Also where only one of the names is kept."""
        same = {"best": result.weights["best"], "last": result.weights["best"]}
        result = dataclasses.replace(result, weights=same, best_epoch=5)
        for keep, name in (("best,last", "best"), ("last", "last")):
            artifacts.store(storage, claim, result, keep)
            said = said_by(tmp_path, claim, name)
            assert (said["weights"], said["epoch"]) == ("best,last", "5")


def said_by(tmp_path: Path, claim: Claim, name: str) -> dict[str, str]:
    """The metadata of one of the files."""
    with safe_open(tmp_path / "artifacts" / claim.job_id / "1" / f"{name}.safetensors", "pt") as file:
        said: dict[str, str] = file.metadata()
    return said


class TestContext:
    def test_a_worker_reports_what_it_holds(self, context: Context, db: FlakyDatabase) -> None:
        """Versions, the device, and the data sets that it finds, without decoding them."""
        context.register()
        (worker,) = queries.workers(db, silent_seconds=60)
        assert torch.__version__.startswith(worker["versions"]["torch"])
        (held,) = [held for held in context.dataset_reports.entries if held["source"] == "drawn"]
        assert (held["name"], held["ready"], held["fingerprint"]) == ("synthetic", True, None)

    def test_a_volume_that_is_unmounted_before_the_first_file_of_all(self, context: Context, tmp_path: Path) -> None:
        """A worker that was started while it was mounted writes nothing into the folder that is left."""
        root = tmp_path / "artifacts"
        Storage(str(root)).check()
        context.register()
        root.rename(tmp_path / "volume")
        root.mkdir()
        with pytest.raises(StorageUnavailable, match="Mount the volume again"):
            context.storage.put("job/best", b"weights")
        assert list(root.iterdir()) == []

    def test_a_decoded_data_set_is_reported_once(self, context: Context, db: FlakyDatabase) -> None:
        """With its fingerprint, means and deviations. A report that goes missing harms nobody."""
        context.register()
        before = context.dataset_reports.entries
        loaded = _loaded(fingerprint="f" * 64)
        db.away = True
        context.dataset_reports.loaded(loaded)
        db.away = False
        context.dataset_reports.loaded(loaded)
        context.dataset_reports.loaded(_loaded(name="cifar10", source="folder", fingerprint="d" * 64))

        assert [held["fingerprint"] for held in context.dataset_reports.entries[len(before) :]] == ["f" * 64, "d" * 64]
        assert _reported(db) == json.loads(json.dumps(context.dataset_reports.entries))

    def test_of_each_data_set_the_latest_part_is_reported(self, context: Context, db: FlakyDatabase) -> None:
        """A sweep over classes or sizes adds no entry a job, and what the set holds as a whole stays known."""
        context.register()
        surveyed = context.dataset_reports.entries
        other = _loaded(name="cifar10", source="folder", fingerprint="d" * 64)
        context.dataset_reports.loaded(other)
        for number in range(10):
            context.dataset_reports.loaded(_loaded(classes=("ship", "truck"), fingerprint=f"{number:064}"))

        fingerprints = [held["fingerprint"] for held in _reported(db)]
        assert fingerprints == [*[None] * len(surveyed), "d" * 64, f"{9:064}"]
        whole = factories.submission(dataset="synthetic")
        assert lacking.warnings_for(queries.live_workers(db, silent_seconds=60), whole) == []

    def test_a_data_set_that_came_after_the_survey(self, context: Context, db: FlakyDatabase) -> None:
        """It is surveyed then: the whole of it is reported, not just the classes of the latest job."""
        context.register()
        _add_images(context, "train", "val")
        context.dataset_reports.loaded(_loaded(name="cifar10", source="folder", classes=("airplane", "bird")))

        held = [(one["fingerprint"], one["classes"]) for one in _reported(db) if one["source"] == "folder"]
        assert held == [(None, ["airplane", "bird", "ship"]), ("f" * 64, ["airplane", "bird"])]

    def test_a_copy_that_was_mended_after_the_survey(self, context: Context, db: FlakyDatabase) -> None:
        """What is held is surveyed anew once a job has loaded a copy that was incomplete then."""
        (context.settings.datasets_dir / "cifar-10-batches-py").mkdir(parents=True)
        context.register()
        assert [one["ready"] for one in _reported(db) if one["source"] == "torchvision"] == [False]
        _add_images(context, "train", "val")
        context.dataset_reports.loaded(_loaded(name="cifar10", source="torchvision"))

        assert "folder" in {one["source"] for one in _reported(db)}

    def test_giving_back_survives_a_missing_database_and_a_missing_redis(
        self, context: Context, db: FlakyDatabase
    ) -> None:
        """The reconciler finds the job."""
        job_id = factories.submit(db)
        assert isinstance(context.broker, FakeBroker)
        context.broker.down = True
        context.republish(job_id)
        db.away = True
        context.republish(job_id)
        context.broker.down = db.away = False
        context.republish(job_id)
        assert [message[0] for message in context.broker.messages] == [job_id]
