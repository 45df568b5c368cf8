"""The parts that a worker's child process works with, built once, in one place."""

from __future__ import annotations

import dataclasses
import logging
from concurrent import futures
from functools import partial
from typing import Any, Self

from shared.daemon_thread import DaemonThread
from shared.database.engine import Database
from shared.delivery import publisher
from shared.delivery.broker import Broker
from shared.documents.phrases import ignored_files
from shared.errors import DatabaseUnavailable
from shared.jobs import queries, workers
from shared.jobs.attempts import Claimant
from shared.jobs.workers import Identity
from shared.settings import Settings
from shared.storage.store import Storage
from worker.device_pin import Device
from worker.processes.child_state import ChildState
from worker.run_job.lease import Flag
from worker.run_job.storage_access import call_in_thread
from worker.run_job.versions import installed
from worker.training.data import Statistics

logger = logging.getLogger(__name__)

_RECOGNISE_SECONDS = 5.0
"""How long a worker's start waits for a storage that gives no answer."""


@dataclasses.dataclass
class Context:
    """The parts of a child process, and what it has reported of its data sets."""

    settings: Settings
    db: Database
    broker: Broker
    storage: Storage
    device: Device
    identity: Identity
    stop: Flag
    child_state: ChildState
    data_thread: DaemonThread
    datasets: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @classmethod
    def build(cls, settings: Settings, device: Device, identity: Identity, stop: Flag, child_state: ChildState) -> Self:
        """A context of the real parts that the settings ask for."""
        db = Database(settings.sqlalchemy_url)
        return cls(
            settings=settings,
            db=db,
            broker=Broker(settings.broker_url),
            storage=Storage(settings.storage_url, in_use=partial(queries.names_files, db)),
            device=device,
            identity=identity,
            stop=stop,
            child_state=child_state,
            data_thread=DaemonThread(),
        )

    @property
    def claimant(self) -> Claimant:
        """The claimant of jobs that stands for this worker: its id, device and kind of device."""
        return Claimant(self.identity.id, self.identity.device, self.identity.device_kind)

    def register(self) -> None:
        """Register this worker in the database: its device, its versions and the data sets that it finds.

        The storage is recognised first, as this worker's first job may be the first of all: only a worker that has seen
        the storage before its first write can tell later that it was unmounted.
        """
        futures.wait([call_in_thread(self.storage.recognise)], _RECOGNISE_SECONDS)
        self.datasets = self._survey()
        workers.register(
            self.db,
            self.identity,
            device_name=_device_name(self.device),
            versions={name: installed(name) for name in ("flightline", "torch", "torchvision", "celery")},
            datasets=self.datasets,
        )

    def republish(self, job_id: str) -> None:
        """Publish a job that this worker does not work on any more; the reconciler does it where that fails."""
        publisher.publish(self.db, self.broker, job_id)

    def report_loaded(self, loaded: Statistics) -> None:
        """Report the statistics of a data set that has just been decoded; only the latest of each set is stored.

        The survey's entry of the set stays too, as a job often uses a part of the set. A report that fails is only
        logged: no job depends on it.
        """
        if any(known["fingerprint"] == loaded.fingerprint for known in self.datasets):
            return
        entry = dataclasses.asdict(loaded)
        if not any(_covers(known, entry) for known in self.datasets):  # the set came, or was mended, after the survey
            self.datasets = self._survey() + [known for known in self.datasets if known["fingerprint"]]
        others = [known for known in self.datasets if not (known["fingerprint"] and _same_set(known, entry))]
        self.datasets = [*others, entry]
        try:
            workers.report(self.db, self.identity.id, datasets=self.datasets)
        except DatabaseUnavailable as error:
            logger.warning("report_failed", extra={"reason": str(error)})

    def _survey(self) -> list[dict[str, Any]]:
        """An entry for each data set that this machine holds; what only decoding can find out is None."""
        from worker.training.data import survey

        held = survey(self.settings.datasets_dir, self.settings.allow_download)
        for one in held:
            if one.ignored:
                logger.warning("dataset_files_ignored", extra={"detail": ignored_files(one.place, one.ignored)})
        return [{**dataclasses.asdict(one), "mean": None, "std": None, "fingerprint": None} for one in held]


def _same_set(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool((one["name"], one["source"]) == (other["name"], other["source"]))


def _covers(surveyed: dict[str, Any], loaded: dict[str, Any]) -> bool:
    """Whether the survey found the loaded data set, ready for a job and with all of the loaded classes."""
    same = not surveyed["fingerprint"] and surveyed["ready"] and _same_set(surveyed, loaded)
    return same and set(loaded["classes"]) <= set(surveyed["classes"])


def _device_name(device: Device) -> str | None:
    """The GPU's model, or the CPU's instruction set."""
    import torch

    if device.kind == "cuda":
        return torch.cuda.get_device_name(0)
    return torch.backends.cpu.get_cpu_capability()
