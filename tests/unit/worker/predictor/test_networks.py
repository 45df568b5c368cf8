"""Networks from their files, and what they make of images."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from shared.database.engine import Database
from shared.delivery.questions import Classify, ReadImage
from shared.errors import InvalidImage, JobNotFound, NotFound
from shared.jobs.running import attempts
from shared.storage.store import Storage
from tests.support import factories
from worker.predictor import dataset_images
from worker.predictor.classification import classify
from worker.predictor.networks import Networks
from worker.training.data import Datasets
from worker.training.network.build import build_network
from worker.training.plan import plan_from_spec

SPEC: dict[str, Any] = {"architecture": {"kind": "mlp", "hidden": [8]}, "dataset": "synthetic"}
ABOUT = {"input_shape": "[3,32,32]", "mean": "[0.4,0.5,0.6]", "std": "[0.2,0.25,0.3]"}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """An empty artifact storage."""
    return Storage(str(tmp_path / "artifacts"))


@pytest.fixture
def networks(sqlite_database: Database, storage: Storage, tmp_path: Path) -> Networks:
    """Networks of a predictor with room for two of `finished`'s."""
    return Networks(Datasets(tmp_path, tmp_path / "cache"), sqlite_database, storage, most_bytes=250_000)


@pytest.fixture
def finished(sqlite_database: Database, storage: Storage) -> Callable[..., tuple[str, torch.nn.Module]]:
    """Makes a finished job and its network."""

    def finished(about: dict[str, str] | None = ABOUT, **changes: Any) -> tuple[str, torch.nn.Module]:
        claim = factories.running(sqlite_database, **SPEC | changes)
        network = build_network(plan_from_spec(claim.spec)).eval()
        stored = storage.put(f"{claim.job_id}/1/best.safetensors", save(network.state_dict(), about))
        row = factories.artifact(path=stored.path, sha256=stored.sha256, bytes=stored.bytes)
        told: dict[str, Any] = {"epochs": [factories.epoch_row(1)], "best": factories.best(), "exact": True}
        told |= {"evaluations": [factories.evaluation()], "artifacts": [row]}
        assert attempts.succeed(sqlite_database, claim, **told)
        return claim.job_id, network

    torch.manual_seed(0)
    return finished


def png(size: tuple[int, int] = (32, 32), seed: int = 0) -> bytes:
    """A picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


Finished = Callable[..., tuple[str, torch.nn.Module]]


def test_probabilities_are_those_of_torch(networks: Networks, finished: Finished) -> None:
    """On the same weights, of images of the same pixels, normalised as the file says."""
    job_id, network = finished()
    images = [png(seed=seed) for seed in range(40)]
    answer = classify(networks, Classify(job_id, "best", tuple(map(str, range(40)))), images, 10**9).values

    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in images]).transpose(0, 3, 1, 2)
    mean, std = (torch.tensor(json.loads(ABOUT[name])).view(3, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        expected = network((torch.from_numpy(pixels) / 255 - mean) / std).softmax(1)
    assert answer["classes"] == ("airplane", "bird")
    torch.testing.assert_close(torch.tensor(answer["probabilities"]), expected, rtol=0, atol=1e-5)


def test_a_file_without_metadata_is_read_by_its_jobs_plan(networks: Networks, finished: Finished) -> None:
    """Releases up to 0.1 wrote none: published moments are known, those of the images are computed again."""
    published = networks.get(finished(about=None)[0], "best")
    computed, _ = finished(about=None, dataset={"name": "synthetic", "normalize": "computed", "train_per_class": 8})
    assert published.inputs.mean == (0.4914, 0.4822, 0.4465)
    assert networks.get(computed, "best").inputs.mean != published.inputs.mean
    assert published.inputs.shape == (3, 32, 32)


def test_the_last_networks_stay_in_memory(
    networks: Networks, finished: Finished, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as there is room for; whichever was not asked for longest goes."""
    read: list[str] = []
    read_file = storage.read

    def noted(path: str) -> bytes:
        read.append(path)
        return read_file(path)

    monkeypatch.setattr(storage, "read", noted)
    one, two, three = (finished()[0] for _ in range(3))
    for job_id in (one, two, one, three, one, two):
        assert networks.get(job_id, "best").plan.dataset.name == "synthetic"
    assert [path.partition("/")[0] for path in read] == [one, two, three, two]


def test_a_network_larger_than_the_room_works_alone(networks: Networks, finished: Finished) -> None:
    """It takes the others' place."""
    large, _ = finished(architecture={"kind": "mlp", "hidden": [64]})
    assert networks.get(large, "best").bytes > 250_000
    assert networks.get(finished()[0], "best").bytes < 250_000


def test_what_is_not_there_or_damaged_is_said(networks: Networks, finished: Finished, storage: Storage) -> None:
    """A deleted job, other weights, a file that was removed or written over."""
    job_id, _ = finished()
    with pytest.raises(JobNotFound):
        networks.get("0" * 36, "best")
    with pytest.raises(NotFound, match="did not keep its last weights"):
        networks.get(job_id, "last")
    storage.put(f"{job_id}/1/best.safetensors", b"something else")
    with pytest.raises(NotFound, match="are damaged"):
        networks.get(job_id, "best")
    storage.delete([f"{job_id}/1/best.safetensors"])
    with pytest.raises(NotFound, match="cannot be read"):
        networks.get(job_id, "best")


def test_every_bad_image_is_named(networks: Networks, finished: Finished) -> None:
    """At once, by its number and its name; a picture of another size is none of them."""
    job_id, _ = finished()
    images = [png((64, 48)), b"no image", png()[:100], b""]
    with pytest.raises(InvalidImage, match=r"^b\.png: this image cannot be read.*, and 2 more$") as caught:
        classify(networks, Classify(job_id, "best", ("a.png", "b.png", "c.png", "d.png")), images, 10**9)
    assert [(one.pointer, one.detail.partition(":")[0]) for one in caught.value.errors] == [
        ("/1", "b.png"),
        ("/2", "c.png"),
        ("/3", "d.png"),
    ]


def test_an_image_of_a_data_set_is_a_png(tmp_path: Path) -> None:
    """Its own pixels; or, normalised, the mean as middle grey and three deviations as white."""
    data = Datasets(tmp_path, tmp_path / "cache")
    (image,) = data.images("synthetic", "val", [3])
    plain = dataset_images.read(data, ReadImage("synthetic", "val", 3, None))
    shown = dataset_images.read(data, ReadImage("synthetic", "val", 3, ((0.5,) * 3, (0.1,) * 3)))

    pixels = np.asarray(Image.open(io.BytesIO(plain.content)))
    assert (pixels == image.permute(1, 2, 0).numpy()).all()
    expected = np.clip((pixels / 255 - 0.5) / 0.1 / 3, -1, 1) * 127.5 + 127.5
    assert np.abs(np.asarray(Image.open(io.BytesIO(shown.content))) - expected).max() <= 0.51
