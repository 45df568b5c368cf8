"""The parts that a worker's child process works with, built once, in one place."""

from __future__ import annotations

import dataclasses
from concurrent import futures
from functools import cached_property, partial
from typing import Self

from shared.daemon_thread import DaemonThread
from shared.database.engine import Database
from shared.delivery import publisher, sweeps
from shared.delivery.broker import Broker
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.data_needs import Holdings
from shared.jobs.running.claims import Claimant
from shared.settings import Settings
from shared.storage.orphans import names_files
from shared.storage.store import Storage
from worker.device_pin import Device
from worker.processes.child_state import ChildState
from worker.run_job.data.dataset_reports import DatasetReports, Report
from worker.run_job.lease import Flag
from worker.run_job.records.storage_access import call_in_thread
from worker.run_job.search import Search
from worker.run_job.versions import installed
from worker.training.data import Datasets
from worker.training.state.files import shown

_RECOGNISE_SECONDS = 5.0
"""How long a worker's start waits for a storage that gives no answer."""


@dataclasses.dataclass
class Context:
    """The parts of a child process. `data` is asked on `data_thread`, which holds decoded images between jobs."""

    settings: Settings
    db: Database
    broker: Broker
    storage: Storage
    device: Device
    identity: Identity
    stop: Flag
    child_state: ChildState
    data_thread: DaemonThread
    data: Datasets

    def __post_init__(self) -> None:
        self.dataset_reports = DatasetReports(self.data, self._report_datasets)
        self.search = Search(
            self.db,
            lambda: self.claimant,
            self.settings.lease_seconds,
            stop=lambda: self.stop,
            beat=self.child_state.beat,
        )

    @classmethod
    def build(cls, settings: Settings, device: Device, identity: Identity, stop: Flag, child_state: ChildState) -> Self:
        """A context of the real parts that the settings ask for."""
        db = Database(settings.sqlalchemy_url)
        return cls(
            settings=settings,
            db=db,
            broker=Broker(settings.broker_url),
            storage=Storage(settings.storage_url, in_use=partial(names_files, db)),
            device=device,
            identity=identity,
            stop=stop,
            child_state=child_state,
            data_thread=DaemonThread(),
            data=Datasets(
                settings.datasets_dir, settings.cache_dir, settings.allow_download, settings.max_dataset_bytes
            ),
        )

    @property
    def claimant(self) -> Claimant:
        """The claimant of jobs that stands for this worker, with the images that it holds now."""
        holdings = Holdings(self.dataset_reports.entries)
        return Claimant(self.identity.id, self.identity.device, self.identity.device_kind, holdings=holdings)

    def register(self) -> None:
        """Register this worker in the database: its device, its versions and the data sets that it finds.

        The storage is recognised first, as this worker's first job may be the first of all: only a worker that has seen
        the storage before its first write can tell later that it was unmounted.
        """
        futures.wait([call_in_thread(self.storage.recognise)], _RECOGNISE_SECONDS)
        workers.register(
            self.db,
            self.identity,
            device_name=_device_name(self.device),
            versions={name: installed(name) for name in ("flightline", "torch", "torchvision", "celery")},
            datasets=self.dataset_reports.survey(),
        )

    def _report_datasets(self, reports: list[Report]) -> None:
        changes: dict[str, object] = {"datasets": reports}
        if self.dataset_reports.complete:
            changes["looked_in"] = shown(self.settings.datasets_dir)
        workers.report(self.db, self.identity.id, **changes)

    def republish(self, job_id: str) -> None:
        """Publish a job that this worker does not work on any more; the reconciler does it where that fails."""
        publisher.publish(self.db, self.broker, job_id)

    @cached_property
    def _sweeps(self) -> DaemonThread:
        return DaemonThread()

    def advance_sweep(self, sweep_id: str) -> None:
        """Bring a sweep up to date, a job of which has come to a stop, while this worker looks for its next job."""
        self._sweeps.submit(lambda: sweeps.advance(self.db, self.broker, sweep_id))


def _device_name(device: Device) -> str | None:
    """The GPU's model, or the CPU's instruction set."""
    import torch

    if device.kind == "cuda":
        return torch.cuda.get_device_name(0)
    return torch.backends.cpu.get_cpu_capability()
