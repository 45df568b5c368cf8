"""The images of an attempt: a thread loads them and keeps them between jobs, while the attempt heeds its lease."""

from __future__ import annotations

from concurrent import futures

from shared.documents.phrases import ignored_files
from worker.run_job.context import Context
from worker.run_job.lease import Lease
from worker.run_job.records.recorder import Recorder
from worker.training.data import LoadedDataset, statistics
from worker.training.plan import DatasetPlan

_LISTEN_SECONDS = 0.1


def load_images(
    context: Context, lease: Lease, recorder: Recorder, plan: DatasetPlan, submitted: float
) -> LoadedDataset:
    """Load the images of a plan, report them, and log what they are.

    Args:
        context: the worker's parts.
        lease: the attempt's lease.
        recorder: writes the job's log.
        plan: the images.
        submitted: `time.monotonic()` of the job's submission, up to which no change of a file is missed.

    Raises:
        TrainingError: they cannot be loaded.
        JobInterrupted: the attempt is to end before they are.
    """
    loading = context.data_thread.submit(lambda: context.data.load(plan, as_of=submitted))
    try:
        while not futures.wait([loading], _LISTEN_SECONDS).done:
            lease.listen()
    finally:
        loading.cancel()
    data = loading.result()
    context.dataset_reports.loaded(statistics(data))
    images = f"{len(data.train):,} training and {len(data.val):,} validation images"
    images += "" if data.test is None else f", {len(data.test):,} test images"
    recorder.add_line("INFO", f"Data set {data.name} ({data.source}): {images}, {data.fingerprint[:12]}")
    if data.ignored:
        recorder.add_line("WARNING", ignored_files(data.place, data.ignored))
    return data
