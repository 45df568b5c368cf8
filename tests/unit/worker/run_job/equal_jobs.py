"""Jobs that ask for the same or nearly the same, trained for real, so that their bits can be compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from torch import Tensor

from shared.database.tables import Attempt as AttemptRow
from shared.database.tables import Job
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from tests.support import factories
from worker.run_job import task
from worker.run_job.context import Context
from worker.run_job.records.tensors import read_safetensors

DATA = {"name": "synthetic", "train_per_class": 24, "val_per_class": 10}
NETWORK = {"kind": "mlp", "hidden": [5]}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"kind": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.001},
    "adam": {"kind": "adam", "lr": 0.003},
    "adamw": {"kind": "adamw", "lr": 0.003, "weight_decay": 0.01},
    "rmsprop": {"kind": "rmsprop", "lr": 0.003, "momentum": 0.5, "centered": True},
    "nadam": {"kind": "nadam", "lr": 0.003},
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant"},
    "step": {"kind": "step", "step_epochs": 2, "gamma": 0.3},
    "cosine": {"kind": "cosine"},
    "one_cycle": {"kind": "one_cycle"},
    "warmup_cosine": {"kind": "warmup_cosine", "warmup_epochs": 1.0},
}
FIGURES = ("train_loss", "train_accuracy", "last_batch_loss", "val_loss", "val_accuracy", "lr")


class Service:
    """A worker that runs what is submitted, and what came of it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.db = context.db

    def submit(self, cache: str = "prefer", **training: Any) -> str:
        """Queue a job with these fields of training."""
        document = {"architecture": NETWORK, "dataset": DATA, "cache": cache}
        return factories.submit(self.db, **document, training={"epochs": 2, "batch_size": 16, **training})

    def run(self, cache: str = "prefer", **training: Any) -> str:
        """Submit a job and work until it has finished; returns its id."""
        job_id = self.submit(cache, **training)
        task.run(self.context)
        return job_id

    def job(self, job_id: str) -> Any:
        """The job as the API answers it."""
        return queries.job(self.db, job_id, actor=EVERYBODY)

    def figures(self, job_id: str) -> dict[str, list[Any]]:
        """The figures of a job's epochs that follow from the training."""
        columns = queries.epochs(self.db, job_id, actor=EVERYBODY)
        return {name: columns[name] for name in ("epoch", *FIGURES)}

    def weights(self, job_id: str, name: str = "last.safetensors") -> dict[str, Tensor]:
        """The tensors of one of a job's files."""
        [file] = [one for one in queries.artifacts(self.db, job_id, actor=EVERYBODY) if one.name == name]
        return read_safetensors(bytearray(self.context.storage.read(file.path)))[0]

    def log(self, job_id: str) -> str:
        """The job's log."""
        return "\n".join(line.message for line in queries.log(self.db, job_id, actor=EVERYBODY))

    def row(self, job_id: str) -> Any:
        """The job's row."""
        with self.db.read() as connection:
            return connection.execute(select(*Job.__table__.columns).where(Job.id == job_id)).one()

    def change_environment(self, job_id: str, **values: Any) -> None:
        """Pretend that a job was trained elsewhere."""
        with self.db.read() as connection:
            environment = connection.scalar(select(AttemptRow.environment).where(AttemptRow.job_id == job_id))
        assert environment is not None
        changed = update(AttemptRow).where(AttemptRow.job_id == job_id).values(environment={**environment, **values})
        self.db.write(lambda connection: connection.execute(changed))

    def same_bits(self, one: str, other: str) -> bool:
        """Whether two jobs have the same figures, evaluations and weights, bit for bit."""
        for name in ("best.safetensors", "last.safetensors", "logits.safetensors"):
            here, there = self.weights(one, name), self.weights(other, name)
            if not (here.keys() == there.keys() and all(here[key].equal(there[key]) for key in here)):
                return False
        for weights in ("best", "last"):
            first, second = (queries.evaluation(self.db, each, weights, actor=EVERYBODY) for each in (one, other))
            if first != second:
                return False
        return self.figures(one) == self.figures(other)
