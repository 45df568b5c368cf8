"""The parts that a worker's child process works with, chosen in one place, once."""

from __future__ import annotations

import dataclasses
import logging
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from shared import publishing, queries, workers
from shared.attempts import Claimant
from shared.broker import Broker
from shared.db import Database
from shared.errors import DatabaseUnavailable
from shared.settings import Settings
from shared.storage import Storage
from shared.workers import Identity
from worker.devices import Device
from worker.lease import Flag
from worker.loading import Loader
from worker.training.datasets import Statistics
from worker.vitals import Vitals

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Context:
    """A child's parts and what it has reported of its data sets."""

    settings: Settings
    db: Database
    broker: Broker
    storage: Storage
    device: Device
    identity: Identity
    stop: Flag
    vitals: Vitals
    loader: Loader
    datasets: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @classmethod
    def build(cls, settings: Settings, device: Device, identity: Identity, stop: Flag, vitals: Vitals) -> Self:
        """The real parts of these settings."""
        db = Database(settings.sqlalchemy_url)
        return cls(
            settings=settings,
            db=db,
            broker=Broker(settings.broker_url),
            storage=Storage(settings.storage_url, in_use=partial(queries.names_files, db)),
            device=device,
            identity=identity,
            stop=stop,
            vitals=vitals,
            loader=Loader(),
        )

    @property
    def claimant(self) -> Claimant:
        """Who this worker is to the jobs that it claims."""
        return Claimant(self.identity.id, self.identity.device, self.identity.device_kind)

    def register(self) -> None:
        """Report this worker: its device, its versions, the data sets that it finds."""
        from worker.training.datasets import survey

        self.datasets = [
            {**dataclasses.asdict(held), "mean": None, "std": None, "fingerprint": None}
            for held in survey(self.settings.datasets_dir, self.settings.allow_download)
        ]
        workers.register(
            self.db,
            self.identity,
            device_name=_device_name(self.device),
            versions={name: _version(name) for name in ("flightline", "torch", "torchvision", "celery")},
            datasets=self.datasets,
        )

    def give_back(self, job_id: str) -> None:
        """Publish a job that this worker will not work on any more; the reconciler does it where that fails."""
        try:
            publishing.publish(self.db, self.broker, job_id)
        except DatabaseUnavailable as error:
            logger.warning("give_back_failed", extra={"job": job_id, "reason": str(error)})

    def report_loaded(self, loaded: Statistics) -> None:
        """Add what is known of a data set now that it has been decoded. A report that goes missing harms nobody."""
        if any(known["fingerprint"] == loaded.fingerprint for known in self.datasets):
            return
        self.datasets.append(dataclasses.asdict(loaded))
        try:
            workers.report(self.db, self.identity.id, datasets=self.datasets)
        except DatabaseUnavailable as error:
            logger.warning("report_failed", extra={"reason": str(error)})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device_name(device: Device) -> str | None:
    """The GPU's model, or the processor's."""
    import torch

    if device.kind == "cuda":
        return torch.cuda.get_device_name(0)
    return torch.backends.cpu.get_cpu_capability()
