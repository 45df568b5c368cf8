"""Snapshots of a service: its jobs with their curves, its workers and its queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flightline.client.client import Client
from flightline.client.jobs import Job
from flightline.client.records import Queue, Worker
from flightline.errors import FlightlineError

PAGE_LIMIT = 500
ORDERS = (
    (("running",), "created_at"),
    (("queued",), "created_at"),
    (("paused",), "-created_at"),
    (("succeeded", "failed", "cancelled"), "-finished_at"),
)
"""Which jobs come first, and how those of equal status are sorted."""

Curve = Mapping[int, float | None]
"""The validation loss of each epoch, by the epoch's number."""


@dataclass(frozen=True)
class Snapshot:
    """A service at one moment.

    Attributes:
        jobs: the running and the queued jobs, the oldest first, then the latest paused ones, and those that finished
            last.
        curves: the validation losses of the jobs that are running or finished, by their ids.
        workers: the worker processes.
        queues: the queues.
    """

    jobs: Sequence[Job]
    curves: Mapping[str, Curve]
    workers: Sequence[Worker]
    queues: Sequence[Queue]

    @property
    def document(self) -> dict[str, Any]:
        """The snapshot as JSON, in the service's own words."""
        parts = {"jobs": self.jobs, "workers": self.workers, "queues": self.queues}
        return {name: [record.raw for record in records] for name, records in parts.items()}


class SnapshotReader:
    """Takes snapshots, and reads of each job's epochs only those that are new.

    Args:
        client: the service.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._curves: dict[str, dict[int, float | None]] = {}
        self._read: dict[str, tuple[int, int]] = {}
        """For each job the attempt and the epoch up to which its curve is known."""

    def read(self, limit: int, *, curves: bool = True) -> Snapshot:
        """A snapshot with at most `limit` jobs, and with their curves where they are wanted.

        Raises:
            ApiError: the service refused a request.
            NotReachable: nothing answers.
        """
        jobs = list(self._jobs(limit))
        for gone in self._curves.keys() - {job.id for job in jobs}:
            del self._curves[gone], self._read[gone]
        for job in jobs if curves else ():
            self._follow_curve(job)
        known = {job_id: dict(curve) for job_id, curve in self._curves.items()}
        return Snapshot(jobs, known, self._client.workers(), self._client.queues())

    def _jobs(self, left: int) -> Iterator[Job]:
        for statuses, order in ORDERS:
            if left > 0:
                page = self._client.page(sort=order, limit=min(left, PAGE_LIMIT), status=list(statuses))
                left -= len(page["items"])
                yield from (Job(item) for item in page["items"])

    def _follow_curve(self, job: Job) -> None:
        """Read the epochs that the curve of a job lacks; an attempt that resumed repeats some of them."""
        attempt, epoch = self._read.get(job.id, (0, 0))
        if job.attempts != attempt:
            epoch, self._curves[job.id] = 0, {}
        if job.progress.epoch > epoch:
            self._curves[job.id] |= {row.epoch: row.val_loss for row in self._client.epochs(job.id, epoch)}
        self._read[job.id] = job.attempts, job.progress.epoch


class SnapshotFeed:
    """Takes a snapshot every few seconds in a thread of its own, so that a slow service keeps no key waiting.

    Args:
        reader: what takes the snapshots.
        first: a snapshot that has been taken already.
        seconds: the pause between two snapshots.
        limit: the most jobs of a snapshot; may be changed.

    Attributes:
        latest: the newest snapshot.
        fault: why the newest attempt at a snapshot failed; None where it did not.
        taken: the `time.monotonic()` of the newest snapshot.
    """

    def __init__(self, reader: SnapshotReader, first: Snapshot, seconds: float, limit: int) -> None:
        self.latest = first
        self.fault: Exception | None = None
        self.taken = time.monotonic()
        self.limit = limit
        self._reader = reader
        self._seconds = seconds
        self._closing = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="snapshots").start()

    def close(self) -> None:
        """Take no further snapshot."""
        self._closing.set()

    def raise_defect(self) -> None:
        """Raise the exception that ended the thread, if one did; a service that does not answer is none."""
        if self.fault is not None and not isinstance(self.fault, FlightlineError):
            raise self.fault

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            try:
                self.latest = self._reader.read(self.limit)
            except FlightlineError as error:
                self.fault = error
            except Exception as error:  # noqa: BLE001 - it is raised again where the snapshots are shown
                self.fault = error
                return
            else:
                self.fault, self.taken = None, time.monotonic()
