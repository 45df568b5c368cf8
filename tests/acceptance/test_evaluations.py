"""Evaluations on real workers: figures, what goes on when a worker dies, and what ends one."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch

from shared import wire
from shared.fleet import datasets
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobspec import Caps
from shared.jobspec.fields.evaluation import EvaluationRequest
from tests.acceptance.test_own_images import put, submit
from tests.support import factories
from tests.support.processes import WorkerProcess
from tests.support.service import Service
from worker.run_job.records.tensors import read_safetensors
from worker.training.data import load
from worker.training.data.loader import Normalizer
from worker.training.evaluation import evaluate, predict
from worker.training.network.build import build_network
from worker.training.plan import DatasetPlan, plan_from_spec


def evaluation(service: Service, job_id: str, dataset: object, weights: str = "best") -> str:
    """An evaluation of a finished job, published."""
    asked = EvaluationRequest.model_validate({"dataset": dataset, "weights": weights})
    catalog = datasets.catalog(service.db, queries.live_workers(service.db, silent_seconds=60))
    new = actions.evaluate(service.db, job_id, asked, Caps(), catalog, actor=EVERYBODY).job_id
    service.publish(new)
    return new


def figures(service: Service, job_id: str, weights: str = "best") -> wire.Evaluation:
    """The figures that a job has."""
    found = queries.evaluation(service.db, job_id, weights, actor=EVERYBODY)
    assert found is not None
    return found


def by_hand(service: Service, job_id: str, plan: DatasetPlan, weights: str) -> tuple[float, float]:
    """Accuracy and loss of a job's weights on a data set's validation images, with torch alone."""
    training = plan_from_spec(service.job(job_id)["spec"])
    data = load(plan, service.settings.datasets_dir, service.settings.cache_dir)
    (file,) = (
        each for each in queries.artifacts(service.db, job_id, actor=EVERYBODY) if each.name == f"{weights}.safetensors"
    )
    tensors, about = read_safetensors(bytearray(service.storage.read(file.path)))
    network = build_network(training, data.input_shape)
    network.load_state_dict(tensors)
    mean, std = (torch.tensor(json.loads(about[name])).view(-1, 1, 1) for name in ("mean", "std"))
    scores = predict(network, data.val, Normalizer((mean, std)), training, lambda: None)
    found = evaluate(scores, data.val, data.classes)
    return found.accuracy, found.loss


@pytest.mark.parametrize("weights", ["best", "last"])
def test_a_network_is_scored_on_another_folder(shared_service: Service, worker: WorkerProcess, weights: str) -> None:
    """Resized as its own images were, and normalised by their figures: the same bits as torch alone gives."""
    put(shared_service, f"taught-{weights}", train=8, val=4)
    put(shared_service, f"new-{weights}", train=2, val=6)
    trained = submit(shared_service, {"name": f"taught-{weights}", "image_size": 24})
    shared_service.wait(trained, "succeeded")
    job_id = evaluation(shared_service, trained, f"new-{weights}", weights)
    job = shared_service.wait(job_id, "succeeded")

    found = figures(shared_service, job_id, weights)
    assert [each["support"] for each in found.per_class] == [6, 7, 8]
    plan = DatasetPlan(f"new-{weights}", tuple(found.classes), image_size=24)
    assert (found.accuracy, found.loss) == by_hand(shared_service, trained, plan, weights)
    assert found.epoch == figures(shared_service, trained, weights).epoch
    assert (job["epoch"], job["exact"], job["device"]) == (0, True, "cpu")
    (attempt,) = shared_service.attempts(job_id)
    assert attempt.environment is not None
    assert attempt.environment["threads"] == 1
    assert f"weights of job {trained}: accuracy" in shared_service.log(job_id)
    assert shared_service.files(job_id) == []


def test_its_own_data_set_gives_its_own_figures(shared_service: Service, worker: WorkerProcess) -> None:
    """Scoring what it was validated on says what its own evaluation said."""
    trained = shared_service.submit()
    shared_service.wait(trained, "succeeded")
    job_id = evaluation(shared_service, trained, "cifar2", "last")
    shared_service.wait(job_id, "succeeded")
    own, again = figures(shared_service, trained, "last"), figures(shared_service, job_id, "last")
    assert vars(own) == vars(again)


def test_data_that_are_not_there_fail_it(shared_service: Service, worker: WorkerProcess) -> None:
    """With where they were looked for; the next job runs."""
    trained = shared_service.submit()
    shared_service.wait(trained, "succeeded")
    job_id = evaluation(shared_service, trained, "stl10")
    job = shared_service.wait(job_id, "failed")
    assert job["error_code"] == "dataset_unavailable"
    shared_service.drain()


def test_a_network_that_is_gone_by_then_fails_it(shared_service: Service, worker: WorkerProcess) -> None:
    """Its job was deleted while the evaluation waited."""
    trained = shared_service.submit()
    shared_service.wait(trained, "succeeded")
    worker.gates.shut("hold", 5)
    running = shared_service.submit()
    worker.gates.wait("hold")
    job_id = evaluation(shared_service, trained, "cifar2")
    factories.delete(shared_service.db, trained)
    worker.gates.open("hold")
    shared_service.wait(running, "succeeded")
    job = shared_service.wait(job_id, "failed")
    assert (job["error_code"], trained in job["error_detail"]) == ("job_not_found", True)


def test_one_is_cancelled_while_its_images_are_loaded(shared_service: Service, worker: WorkerProcess) -> None:
    """Like a training."""
    trained = shared_service.submit()
    shared_service.wait(trained, "succeeded")
    worker.gates.shut("load")
    job_id = evaluation(shared_service, trained, "synthetic")
    worker.gates.wait("load")
    shared_service.cancel(job_id)
    shared_service.wait(job_id, "cancelled")
    worker.gates.open("load")
    shared_service.drain()


def test_another_worker_takes_over_from_one_that_is_killed(service: Service) -> None:
    """Its second attempt starts over and succeeds."""
    first = service.start_worker()
    trained = service.submit()
    service.wait(trained, "succeeded")
    first.gates.shut("load")
    job_id = evaluation(service, trained, "synthetic")
    first.gates.wait("load")
    os.kill(first.pid, signal.SIGKILL)
    second = service.start_worker()
    service.wait(job_id, "succeeded")
    assert service.outcomes(job_id) == ["lost", "succeeded"]
    assert service.job(job_id)["worker"].endswith(f":{second.pid}")
