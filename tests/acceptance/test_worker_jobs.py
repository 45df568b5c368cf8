"""Jobs on a real worker process: SQLite, Redis, images on disk. One worker serves them all, and outlives them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select

from shared.database.tables import Epoch
from shared.jobs import actions, edits
from shared.jobs.actions import Elsewhere
from shared.jobs.actor import EVERYBODY
from shared.jobspec import BUILT_IN, Caps
from tests.acceptance.test_own_images import known
from tests.support.processes import PATIENCE, WorkerProcess
from tests.support.servers import wait_until
from tests.support.service import Service

ENDLESS = {"epochs": 10_000}
MID_EPOCH = 25
"""A step in the third epoch of SPEC."""


def test_a_job_ends_with_what_a_direct_call_of_the_training_code_gives(
    shared_service: Service, worker: WorkerProcess
) -> None:
    """Epochs, evaluations, weights and scores are those of `train` bit for bit; the attempt and the log say who ran."""
    job_id = shared_service.submit()
    job = shared_service.wait(job_id, "succeeded")
    shared_service.assert_equal_to_a_clean_run(job_id)
    assert (job["epoch"], job["device"], job["engine"], job["exact"]) == (4, "cpu", "reference", True)
    (attempt,) = shared_service.attempts(job_id)
    assert attempt["outcome"] == "succeeded"
    assert attempt["environment"]["device"] == "cpu"
    assert attempt["worker"].endswith(f":cpu:{worker.pid}")
    assert "Finished after 4 epochs" in shared_service.log(job_id)
    wanted = [f"1/{name}.safetensors" for name in ("best", "last", "logits")]
    wait_until(lambda: shared_service.files(job_id) == wanted, "the checkpoints being deleted", PATIENCE)


def test_a_job_delivered_five_times_runs_once(shared_service: Service, worker: WorkerProcess) -> None:
    """Messages too many are dropped by the claim."""
    job_id = shared_service.submit()
    for _ in range(4):
        shared_service.publish(job_id)
    shared_service.wait(job_id, "succeeded")
    shared_service.drain()
    assert shared_service.outcomes(job_id) == ["succeeded"]


def test_a_queued_job_that_is_made_less_urgent_waits_its_turn(shared_service: Service, worker: WorkerProcess) -> None:
    """Its urgent message is still the first in Redis, and means nothing any more."""
    worker.gates.shut("hold", MID_EPOCH)
    running = shared_service.submit()
    worker.gates.wait("hold")
    demoted, other = shared_service.submit(priority=9), shared_service.submit(priority=5)
    edits.edit(shared_service.db, demoted, {"priority": 1}, actor=EVERYBODY)
    shared_service.publish(demoted)
    worker.gates.open("hold")
    for job_id in (running, demoted, other):
        shared_service.wait(job_id, "succeeded")
    assert shared_service.job(other)["started_at"] < shared_service.job(demoted)["started_at"]
    assert shared_service.outcomes(demoted) == ["succeeded"]


def test_a_queued_job_is_cancelled_for_good(shared_service: Service, worker: WorkerProcess) -> None:
    """Its message is still in Redis, and means nothing any more."""
    worker.gates.shut("hold", MID_EPOCH)
    running = shared_service.submit()
    worker.gates.wait("hold")
    queued = shared_service.submit()
    shared_service.cancel(queued)
    assert shared_service.job(queued)["status"] == "cancelled"
    worker.gates.open("hold")
    shared_service.wait(running, "succeeded")
    shared_service.drain()
    assert shared_service.job(queued)["status"] == "cancelled"
    assert shared_service.attempts(queued) == []


def test_a_running_job_is_cancelled_in_the_middle_of_an_epoch(shared_service: Service, worker: WorkerProcess) -> None:
    """Its worker sees the flag at a step, records the end and keeps nothing but the epochs."""
    job_id = shared_service.submit(training=ENDLESS)
    wait_until(lambda: shared_service.job(job_id)["epoch"] >= 2, "two epochs", PATIENCE)
    shared_service.cancel(job_id)
    job = shared_service.wait(job_id, "cancelled")
    assert 2 <= job["epoch"] < 10_000
    assert shared_service.outcomes(job_id) == ["cancelled"]
    wait_until(lambda: not shared_service.files(job_id), "the checkpoints being deleted", PATIENCE)


def test_a_job_is_cancelled_while_its_data_are_loaded(shared_service: Service, worker: WorkerProcess) -> None:
    """The flag is seen during set-up too; the next job waits for the abandoned load, and gets its data."""
    worker.gates.shut("load")
    job_id = shared_service.submit()
    worker.gates.wait("load")
    shared_service.cancel(job_id)
    shared_service.wait(job_id, "cancelled")
    worker.gates.open("load")
    shared_service.drain()


def test_a_warm_worker_neither_loads_torch_nor_decodes_again(shared_service: Service, worker: WorkerProcess) -> None:
    """A second job on the same images runs in the same process without decoding; images that changed, it notices."""
    classes = {"name": "cifar10", "classes": ["cat", "dog"]}
    folder = _images_of(shared_service, "cat", "dog")
    first = shared_service.wait(shared_service.submit(dataset=classes), "succeeded")
    child, cache = worker.child, shared_service.settings.cache_dir
    shutil.rmtree(cache)
    second = shared_service.wait(shared_service.submit(dataset=classes), "succeeded")
    assert worker.child == child
    assert second["val_loss"] == first["val_loss"]
    assert not cache.exists()
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no image")
    assert shared_service.wait(shared_service.submit(dataset=classes), "failed")["error_code"] == "dataset_corrupt"


def test_a_bad_image_fails_the_job_with_its_path_and_the_worker_lives_on(
    shared_service: Service, worker: WorkerProcess
) -> None:
    """The message says which file, and what to do."""
    bad = _images_of(shared_service, "deer", "frog") / "train" / "deer" / "003.png"
    bad.write_bytes(b"no image")
    job_id = shared_service.submit(dataset={"name": "cifar10", "classes": ["deer", "frog"]})
    job = shared_service.wait(job_id, "failed")
    assert job["error_code"] == "dataset_corrupt"
    assert str(bad) in job["error_detail"]
    assert "Copy it again" in job["error_detail"]
    assert shared_service.outcomes(job_id) == ["failed"]
    shared_service.drain()


def test_an_image_whose_name_is_not_utf_8_is_named(shared_service: Service, worker: WorkerProcess) -> None:
    """The job's error writes the odd bytes out."""
    folder = _images_of(shared_service, "horse", "automobile") / "train" / "horse"
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    job_id = shared_service.submit(dataset={"name": "cifar10", "classes": ["horse", "automobile"]})
    job = shared_service.wait(job_id, "failed")
    assert job["error_code"] == "dataset_corrupt"
    assert r"horse/caf\xe9.png: this image cannot be read: the file is empty" in job["error_detail"]


def test_a_last_batch_of_one_fails_the_job_before_it_trains(shared_service: Service, worker: WorkerProcess) -> None:
    """Accepted by the published counts, as no worker's were asked for; the worker says what its own come to."""
    layers = [{"kind": "flatten"}, {"kind": "batchnorm"}, {"kind": "linear", "out_features": 2}]
    job_id = shared_service.submit(
        architecture={"kind": "layers", "layers": layers}, training={"batch_size": 79, "epochs": 1}
    )
    job = shared_service.wait(job_id, "failed")
    assert job["error_code"] == "last_batch_too_small"
    assert "80 training images here: in batches of 79" in job["error_detail"]
    assert (job["epoch"], shared_service.outcomes(job_id)) == (0, ["failed"])


def test_a_missing_data_set_fails_the_job_with_what_to_do(shared_service: Service, worker: WorkerProcess) -> None:
    """The message says where it was looked for and which setting helps."""
    job_id = shared_service.submit(dataset={"name": "cifar10", "classes": ["ship", "truck"]})
    job = shared_service.wait(job_id, "failed")
    assert job["error_code"] == "dataset_unavailable"
    assert "FLIGHTLINE_DATA_DIR" in job["error_detail"]
    assert str(shared_service.settings.datasets_dir) in job["error_detail"]


def test_artifacts_that_cannot_be_written_fail_the_job_at_its_end(
    shared_service: Service, worker: WorkerProcess
) -> None:
    """Checkpoints that cannot be written cost a warning in the job's log; the weights cost the job."""
    job_id = shared_service.write_down()
    blocked = Path(shared_service.settings.storage_url) / job_id
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    shared_service.publish(job_id)
    job = shared_service.wait(job_id, "failed")
    assert (job["error_code"], job["epoch"]) == ("storage_error", 4)
    assert "could not be written to the artifact storage" in job["error_detail"]
    assert "free or add space" in job["error_detail"]
    assert "checkpoint_not_written reason=" in shared_service.log(job_id)
    shared_service.drain()


def test_a_loss_that_is_not_finite_fails_the_job_with_epoch_and_batch(
    shared_service: Service, worker: WorkerProcess
) -> None:
    """No second attempt: the same would happen."""
    architecture = {"kind": "mlp", "hidden": [64, 64, 64, 64], "activation": "relu"}
    optimizer = {"kind": "sgd", "lr": 1000.0}
    job_id = shared_service.submit(architecture=architecture, training={"optimizer": optimizer})
    job = shared_service.wait(job_id, "failed")
    assert job["error_code"] == "non_finite_loss"
    assert re.search(r"in epoch \d, batch \d", job["error_detail"])
    assert shared_service.outcomes(job_id) == ["failed"]


def test_the_timeout_counts_all_attempts(shared_service: Service, worker: WorkerProcess) -> None:
    """What earlier attempts took is taken off this one's time."""
    job_id = shared_service.write_down(training=ENDLESS, limits={"timeout_seconds": 900})
    shared_service.set(job_id, running_seconds=1000.0)
    shared_service.publish(job_id)
    job = shared_service.wait(job_id, "failed")
    assert job["error_code"] == "timed_out"
    assert "900 s" in job["error_detail"]
    assert shared_service.outcomes(job_id) == ["timed_out"]


def test_a_killed_child_costs_nothing_but_seconds(shared_service: Service, worker: WorkerProcess) -> None:
    """The attempt is lost and the job queued at once; the next child of the same worker resumes it, bit for bit."""
    worker.gates.shut("hold", MID_EPOCH)
    job_id = shared_service.submit()
    worker.gates.wait("hold")
    worker.kill_child()
    worker.gates.open("hold")
    shared_service.wait(job_id, "succeeded")
    lost, succeeded = shared_service.attempts(job_id)
    assert (lost["outcome"], succeeded["outcome"]) == ("lost", "succeeded")
    assert lost["error"]["code"] == "worker_lost"
    assert succeeded["resumed_from_epoch"] == 3
    assert worker.process.poll() is None
    shared_service.assert_equal_to_a_clean_run(job_id)


def test_a_job_that_kills_its_child_each_time_fails_in_the_end(shared_service: Service, worker: WorkerProcess) -> None:
    """After `max_attempts` it has failed, with the last attempt's error; the worker goes on."""
    worker.gates.shut("die", 5)
    job_id = shared_service.submit(limits={"max_attempts": 2})
    job = shared_service.wait(job_id, "failed")
    worker.gates.open("die")
    assert shared_service.outcomes(job_id) == ["lost", "lost"]
    assert job["error_code"] == "worker_lost"
    assert "out of memory?" in job["error_detail"]
    shared_service.drain()


def test_every_epoch_is_recorded_once(shared_service: Service) -> None:
    """Whatever happened to the jobs of this module: a row for each epoch, none twice and none left out."""
    with shared_service.db.read() as connection:
        rows = connection.execute(select(Epoch.job_id, Epoch.epoch).order_by(Epoch.job_id, Epoch.epoch)).all()
    for job_id in {row.job_id for row in rows}:
        epochs = [row.epoch for row in rows if row.job_id == job_id]
        assert epochs == list(range(1, shared_service.job(job_id)["epoch"] + 1))


def _images_of(service: Service, *names: str) -> Path:
    """Class folders with these names, whose images are those of the airplanes and birds, once a worker reports them."""
    root = service.settings.datasets_dir
    for split in ("train", "val"):
        for name, original in zip(names, ("airplane", "bird"), strict=True):
            shutil.copytree(root / "cifar2" / split / original, root / "cifar10" / split / name)

    def reported() -> bool:
        return any(set(names) <= set(copy["classes"]) for copy in known(service)["cifar10"].held)

    wait_until(reported, "the classes being reported", PATIENCE)
    return root / "cifar10"


def test_a_replay_is_equal_bit_for_bit_and_elsewhere_it_says_what_differs(
    shared_service: Service, worker: WorkerProcess
) -> None:
    """In the same environment every epoch ends in the same state; other threads and another engine are named."""
    original = shared_service.submit(training={"optimizer": {"kind": "adam", "lr": 0.01}})
    shared_service.wait(original, "succeeded")
    same = _replay(shared_service, original, Elsewhere())
    assert (same["verdict"], same["epochs"], same["digests"], same["epoch"]) == ("bit_equal", 4, 4, None)
    assert same["environment"] == {}
    other = _replay(shared_service, original, Elsewhere(engine="resident", threads=2))
    assert other["environment"] == {"engine": ["reference", "resident"], "threads": [1, 2]}
    assert other["verdict"] in {"within_epsilon", "differs_at_epoch"}
    assert other["epoch"] == 1
    assert 0 < other["differences"]["val_loss"] < 0.1


def _replay(service: Service, job_id: str, where: Elsewhere) -> dict[str, Any]:
    """Replay a job to its end; returns the verdict."""
    replay = actions.replay(service.db, job_id, Caps(), BUILT_IN, where, actor=EVERYBODY).job_id
    service.publish(replay)
    found: dict[str, Any] = service.wait(replay, "succeeded")["replay"]
    return found
