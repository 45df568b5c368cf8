"""What tests with real workers do to a service: submit, wait, look, and compare with a clean run."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from sqlalchemy import select, update

from shared import wire
from shared.database.engine import Database
from shared.database.tables import Attempt, Epoch, Evaluation, Job, JobEvent, Worker
from shared.delivery import publisher
from shared.delivery.broker import Broker
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.status import WorkerState
from shared.settings import Settings
from shared.storage.store import Storage
from tests.support import factories
from tests.support.processes import PATIENCE, WorkerProcess
from tests.support.servers import wait_until
from worker.run_job.records import artifacts
from worker.training.data import load
from worker.training.plan import plan_from_spec
from worker.training.results import TrainingResult
from worker.training.trainer import train

# Everything that has a state of its own is in it: momentum, dropout, BatchNorm, augmentation, a schedule.
SPEC: dict[str, Any] = {
    "dataset": "cifar2",
    "architecture": {
        "kind": "layers",
        "output": "logits",
        "layers": [
            {"kind": "conv2d", "out_channels": 2, "kernel_size": 5, "stride": 3},
            {"kind": "batchnorm"},
            {"kind": "relu"},
            {"kind": "dropout", "p": 0.2},
            {"kind": "flatten"},
            {"kind": "linear", "out_features": 2},
        ],
    },
    "training": {
        "epochs": 4,
        "batch_size": 8,
        "engine": "reference",
        "optimizer": {"kind": "sgd", "lr": 0.01, "momentum": 0.9},
        "schedule": {"kind": "cosine"},
        "augment": [{"kind": "flip"}, {"kind": "crop", "padding": 2}],
    },
}
EPOCH_STEPS = 10
"""Batches of an epoch of SPEC."""
_TIMES = {"job_id", "attempt", "seq", "seconds", "samples_per_second"}


class Service:
    """A database, a Redis, an artifact folder, and the workers that a test starts.

    Args:
        folder: for its home and its workers' logs.
        cache: decoded images to begin with: decoding loads torchvision, which takes as long as loading torch.
        settings: fields of `Settings`.
    """

    def __init__(self, folder: Path, cache: Path | None = None, **settings: object) -> None:
        self.folder = folder
        self.settings = Settings.model_validate({"home": folder / "home", **settings})
        if cache is not None:
            shutil.copytree(cache, self.settings.cache_dir)
        self.db = Database(self.settings.sqlalchemy_url)
        self.broker = Broker(self.settings.broker_url)
        self.storage = Storage(self.settings.storage_url)
        self.workers: list[WorkerProcess] = []

    def close(self) -> None:
        """End the workers, however they stand."""
        for worker in self.workers:
            worker.remove()
        self.broker.close()
        self.db.dispose()

    def worker(self, device: str = "cpu", **settings: object) -> WorkerProcess:
        """One that has not been started."""
        folder = self.folder / f"worker-{len(self.workers)}"
        worker = WorkerProcess(self.settings.model_validate({**self._set(), **settings}), folder, device)
        self.workers.append(worker)
        return worker

    def start_worker(self, device: str = "cpu", **settings: object) -> WorkerProcess:
        """One that waits for work."""
        worker = self.worker(device, **settings)
        worker.start()
        return worker

    def start_workers(self, count: int) -> list[WorkerProcess]:
        """Several at once."""
        workers = [self.worker().launch() for _ in range(count)]
        for worker in workers:
            wait_until(worker.answers, "a worker waiting for work", PATIENCE)
        return workers

    def ask_to_stop(self, worker: WorkerProcess) -> None:
        """SIGTERM to a worker; return once it reports that it is stopping, as its child knows by then."""
        worker.process.send_signal(signal.SIGTERM)
        state = select(Worker.state).where(Worker.pid == worker.pid)

        def stopping() -> bool:
            with self.db.read() as connection:
                return connection.scalar(state) == WorkerState.STOPPING

        wait_until(stopping, "the shutdown", PATIENCE)

    def write_down(self, **document: Any) -> str:
        """A job without a message; `training` is merged into that of SPEC."""
        training = {**SPEC["training"], **document.pop("training", {})}
        return factories.submit(self.db, **{**SPEC, **document, "training": training})

    def submit(self, **document: Any) -> str:
        """A job, published."""
        job_id = self.write_down(**document)
        self.publish(job_id)
        return job_id

    def publish(self, job_id: str) -> bool:
        """A message for it."""
        return publisher.publish(self.db, self.broker, job_id)

    def set(self, job_id: str, **values: object) -> None:
        """Change its row behind everybody's back."""
        self.db.write(lambda connection: connection.execute(update(Job).where(Job.id == job_id).values(**values)))

    def drain(self) -> None:
        """Return once every message published so far has been dealt with."""
        self.wait(self.submit(priority=0, training={"epochs": 1}), "succeeded")

    def holder(self, job_id: str) -> WorkerProcess:
        """The worker that runs it."""
        pid = int(str(self.job(job_id)["worker"]).rpartition(":")[2])
        return next(worker for worker in self.workers if worker.pid == pid)

    def files(self, job_id: str) -> list[str]:
        """What the artifact folder holds of it."""
        root = Path(self.settings.storage_url)
        return sorted(str(path.relative_to(root / job_id)) for path in (root / job_id).rglob("*") if path.is_file())

    def job(self, job_id: str) -> dict[str, Any]:
        """Its row."""
        with self.db.read() as connection:
            row = connection.execute(select(*Job.__table__.columns).where(Job.id == job_id)).one()
        return row._asdict()

    def attempts(self, job_id: str) -> list[wire.Attempt]:
        """Who tried, and how it ended."""
        return queries.attempts(self.db, job_id, actor=EVERYBODY)

    def outcomes(self, job_id: str) -> list[str | None]:
        """How the attempts ended, in order; the last one, which runs, with None."""
        return [attempt["outcome"] for attempt in self.attempts(job_id)]

    def log(self, job_id: str) -> str:
        """The job's log."""
        return "\n".join(line["message"] for line in queries.log(self.db, job_id, actor=EVERYBODY))

    def cancel(self, job_id: str) -> None:
        """Ask for its end."""
        actions.cancel(self.db, job_id, actor=EVERYBODY)

    def wait(self, job_id: str, status: str) -> dict[str, Any]:
        """Its row, once it has this status; fails as soon as it has ended otherwise."""

        def there() -> bool:
            job = self.job(job_id)
            ended = job["status"] in {"succeeded", "failed", "cancelled"} and job["status"] != status
            assert not ended, f"{job['status']}, not {status}: {job['error_detail']}\n{self._logs()}"
            return bool(job["status"] == status)

        wait_until(there, f"job {job_id} becoming {status}", PATIENCE)
        return self.job(job_id)

    def wait_for_attempt(self, job_id: str, number: int) -> None:
        """Until this attempt has begun."""
        wait_until(lambda: self.job(job_id)["attempt"] >= number, f"attempt {number}", PATIENCE)

    def wait_for_outcome(self, job_id: str) -> None:
        """Until the first attempt has ended."""
        wait_until(lambda: self.outcomes(job_id)[0], "the end of the first attempt", PATIENCE)

    def wait_for_checkpoint(self, job_id: str) -> None:
        """Until there is a state to resume from."""
        wait_until(lambda: self.job(job_id)["checkpoint"], "a checkpoint", PATIENCE)

    def clean_run(self, job_id: str) -> tuple[TrainingResult, list[dict[str, Any]]]:
        """The same job trained here, without interruption: its result and its epochs' rows."""
        plan = plan_from_spec(self.job(job_id)["spec"])
        data = load(plan.dataset, self.settings.datasets_dir, self.settings.cache_dir)
        epochs: list[Any] = []
        result = train(plan, data, torch.device("cpu"), on_epoch=epochs.append, check=lambda: None)
        return result, [vars(epoch) for epoch in epochs]

    def assert_equal_to_a_clean_run(self, job_id: str) -> None:
        """Epochs, evaluations, weights, scores: bit for bit, wall times apart; every event's number taken once."""
        result, rows = self.clean_run(job_id)
        with self.db.read() as connection:
            where = Epoch.job_id == job_id
            found = connection.execute(select(*Epoch.__table__.columns).where(where).order_by(Epoch.epoch)).all()
            scored = connection.execute(select(*Evaluation.__table__.columns).where(Evaluation.job_id == job_id)).all()
        assert [_untimed(row._asdict()) for row in found] == [_untimed(row) for row in rows]
        evaluations = [{"job_id": job_id, **row} for row in artifacts.evaluation_rows(result)]
        by_name = {row["weights"]: row for row in json.loads(json.dumps(evaluations))}  # tuples become lists
        assert {row.weights: row._asdict() for row in scored} == by_name
        kept = {**result.weights, "logits": result.logits}
        for artifact in queries.artifacts(self.db, job_id, actor=EVERYBODY):
            tensors = load_tensors(self.storage.read(artifact["path"]))
            wanted = kept.pop(artifact["name"].removesuffix(".safetensors"))
            assert tensors.keys() == wanted.keys()
            assert all(torch.equal(tensors[key], wanted[key]) for key in wanted)
        assert not kept
        self._assert_numbered_once(job_id)

    def _assert_numbered_once(self, job_id: str) -> None:
        """An epoch that was run again has a new number; its old one is the only kind that may be missing."""
        with self.db.read() as connection:
            events = list(connection.scalars(select(JobEvent.seq).where(JobEvent.job_id == job_id)))
            epochs = list(connection.scalars(select(Epoch.seq).where(Epoch.job_id == job_id)))
            tries = connection.scalars(select(Attempt.attempt).where(Attempt.job_id == job_id)).all()
        numbers = sorted(events + epochs)
        assert len(set(numbers)) == len(numbers)
        assert numbers[-1] == self.job(job_id)["event_seq"]
        if len(tries) == 1:
            assert numbers == list(range(1, len(numbers) + 1))

    def _set(self) -> dict[str, object]:
        return {name: getattr(self.settings, name) for name in self.settings.model_fields_set}

    def _logs(self) -> str:
        return "\n".join(worker.log for worker in self.workers)


def _untimed(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in _TIMES}
