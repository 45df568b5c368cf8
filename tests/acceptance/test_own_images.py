"""Folders of one's own, from being put into the data directory to trained jobs on a real worker."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shared import wire
from shared.errors import InvalidSpec
from shared.fleet import datasets
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobspec import Caps, parse_spec
from tests.support.processes import PATIENCE, WorkerProcess
from tests.support.servers import wait_until
from tests.support.service import SPEC, Service

CLASSES = ["circle", "square", "star"]
RGB, GREY = "RGB", "L"
SIDES = range(20, 49)
CONVNET: dict[str, Any] = {
    "kind": "layers",
    "output": "logits",
    "layers": [
        {"kind": "conv2d", "out_channels": 2, "kernel_size": 3, "stride": 2},
        {"kind": "batchnorm"},
        {"kind": "relu"},
        {"kind": "flatten"},
        {"kind": "linear"},
    ],
}


def draw(folder: Path, name: str, count: int, mode: str = RGB, side: int | None = None) -> None:
    """Pictures below a folder that differ in size, the same in every run; each class has a brightness of its own."""
    dice = random.Random(str(folder))
    for label, one in enumerate(CLASSES):
        (folder / name / one).mkdir(parents=True)
        for number in range(count + label):
            width, height = (side, side) if side else (dice.choice(SIDES), dice.choice(SIDES))
            pixels = bytes(dice.randrange(120) + 60 * label for _ in range(width * height * len(mode)))
            path = folder / name / one / f"{number:03}.{'jpg' if number % 3 else 'png'}"
            Image.frombytes(mode, (width, height), pixels).save(path)


def known(service: Service) -> dict[str, wire.DatasetInfo]:
    """The data sets that a job may name now."""
    live = queries.live_workers(service.db, silent_seconds=60)
    return {info.name: info for info in datasets.datasets(service.db, live)}


def put(service: Service, name: str, train: int = 12, val: int = 0, **options: Any) -> wire.DatasetInfo:
    """Draw a data set into the data directory, and wait until a worker has reported it."""
    hidden = service.settings.datasets_dir / f".{name}"
    draw(hidden, "train", train, **options)
    if val:
        draw(hidden, "val", val, **options)
    hidden.rename(hidden.with_name(name))
    wait_until(lambda: name in known(service), f"the data set {name} being reported", PATIENCE)
    return known(service)[name]


def submit(service: Service, dataset: Any, **document: Any) -> str:
    """A job that is checked as a submission over HTTP is, by what workers have reported."""
    whole = {"architecture": CONVNET, "training": {**SPEC["training"], "augment": [{"kind": "flip"}]}} | document
    catalog = datasets.catalog(service.db, queries.live_workers(service.db, silent_seconds=60))
    job_id = actions.submit(
        service.db, parse_spec(whole | {"dataset": dataset}, Caps(), catalog), actor=EVERYBODY
    ).job_id
    service.publish(job_id)
    return job_id


def sizes(evaluation: wire.Evaluation | None) -> list[int]:
    """How many images of each class were scored."""
    assert evaluation is not None
    assert evaluation.classes == CLASSES
    return [figures["support"] for figures in evaluation.per_class]


def test_pictures_of_many_sizes_in_three_classes(shared_service: Service, worker: WorkerProcess) -> None:
    """A size must be said; then all classes are trained on, and what comes out is what a clean run gives."""
    info = put(shared_service, "photos", train=12, val=5)
    assert (info.input_shape, info.has_val, info.decoded_bytes) == (None, True, None)
    assert dict(info.counts) == {"circle": [12, 5], "square": [13, 6], "star": [14, 7]}
    with pytest.raises(InvalidSpec, match='"image_size": 64'):
        submit(shared_service, "photos")

    job_id = submit(shared_service, {"name": "photos", "image_size": 24})
    shared_service.wait(job_id, "succeeded")
    shared_service.assert_equal_to_a_clean_run(job_id)
    assert sizes(queries.evaluation(shared_service.db, job_id, "best", actor=EVERYBODY)) == [5, 6, 7]
    told = known(shared_service)["photos"]
    assert told.fingerprint is not None
    assert told.mean is not None
    assert 0.2 < min(told.mean) < max(told.mean) < 0.6


def test_grey_pictures_stay_grey(shared_service: Service, worker: WorkerProcess) -> None:
    """One channel, unless the job asks for three; torchvision's networks and presets take either."""
    info = put(shared_service, "scans", train=4, val=2, mode=GREY, side=32)
    assert info.input_shape == [1, 32, 32]
    vision = {"architecture": {"kind": "torchvision", "network": "squeezenet1_1"}, "training": {"epochs": 1}}
    preset = {"architecture": "convnet", "training": {"epochs": 1}}
    plain = submit(shared_service, "scans")
    coloured = submit(shared_service, {"name": "scans", "channels": 3})
    others = [submit(shared_service, "scans", **document) for document in (vision, preset)]
    for job_id in (plain, coloured, *others):
        shared_service.wait(job_id, "succeeded")
    shared_service.assert_equal_to_a_clean_run(plain)
    shared_service.assert_equal_to_a_clean_run(coloured)
    parameters = [shared_service.job(job_id)["parameters"] for job_id in (plain, coloured)]
    assert parameters[1] - parameters[0] == 2 * 2 * 9


def test_a_folder_without_validation_images(shared_service: Service, worker: WorkerProcess) -> None:
    """A part of each class is validated on, as many as the submission counted with."""
    info = put(shared_service, "unsplit", train=10, side=20)
    assert info.has_val is False
    with pytest.raises(InvalidSpec, match=r'"val_fraction": 0\.2'):
        submit(shared_service, "unsplit")

    job_id = submit(shared_service, {"name": "unsplit", "val_fraction": 0.3})
    shared_service.wait(job_id, "succeeded")
    shared_service.assert_equal_to_a_clean_run(job_id)
    assert sizes(queries.evaluation(shared_service.db, job_id, "last", actor=EVERYBODY)) == [3, 3, 4]
    images = 10 + 11 + 12 - 3 - 3 - 4
    assert shared_service.job(job_id)["flops_per_epoch"] % images == 0


def test_a_part_that_is_held_out(shared_service: Service, worker: WorkerProcess) -> None:
    """Best and last are judged on the part; the set's own validation images are scored once, at the end."""
    put(shared_service, "whole", train=10, val=4, side=20)
    job_id = submit(shared_service, {"name": "whole", "holdout_fraction": 0.2})
    shared_service.wait(job_id, "succeeded")
    shared_service.assert_equal_to_a_clean_run(job_id)
    for weights, counts in (("best", [2, 2, 2]), ("last", [2, 2, 2]), ("test", [4, 5, 6])):
        assert sizes(queries.evaluation(shared_service.db, job_id, weights, actor=EVERYBODY)) == counts


def test_a_folder_that_changes_is_reported_anew(shared_service: Service, worker: WorkerProcess) -> None:
    """A class more: the next job that names none is on all of them, one that was stored before on those of then."""
    put(shared_service, "growing", train=3, val=2, side=20)
    root = shared_service.settings.datasets_dir / "growing"
    for split in ("train", "val"):
        (root / split / "star").rename(root.with_name(f"star-{split}"))
    wait_until(lambda: list(known(shared_service)["growing"].classes) == CLASSES[:2], "the change", PATIENCE)
    before = submit(shared_service, "growing")
    for split in ("train", "val"):
        root.with_name(f"star-{split}").rename(root / split / "star")
    wait_until(lambda: list(known(shared_service)["growing"].classes) == CLASSES, "the change", PATIENCE)
    after = submit(shared_service, "growing")
    for job_id, classes in ((before, CLASSES[:2]), (after, CLASSES)):
        shared_service.wait(job_id, "succeeded")
        evaluation = queries.evaluation(shared_service.db, job_id, "best", actor=EVERYBODY)
        assert evaluation is not None
        assert evaluation.classes == classes
