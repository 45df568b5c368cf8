"""Finding a data set on this machine and loading it."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

from worker.training.datasets.cache import cached_decode
from worker.training.datasets.records import HeldDataset, LoadedDataset, loaded_dataset
from worker.training.datasets.registry import DATASETS
from worker.training.datasets.sources import Source
from worker.training.errors import DatasetCorrupt, DatasetUnavailable, InvalidPlan
from worker.training.plan import DatasetPlan

log = logging.getLogger(__name__)


def survey(data_dir: Path, allow_download: bool = False) -> tuple[HeldDataset, ...]:
    """What this machine holds, found by looking at folders, without decoding anything.

    A folder that may not be read is left out, with a warning: a survey is for reporting, and never fails.
    """
    held = (
        _held(dataset.name, source)
        for dataset in DATASETS.values()
        for source in dataset.sources(data_dir, allow_download)
    )
    return tuple(one for one in held if one is not None)


def load(plan: DatasetPlan, data_dir: Path, cache_dir: Path, allow_download: bool = False) -> LoadedDataset:
    """The images that the plan asks for. A repeated call in one process costs a few system calls.

    Such a call notices files that came or went, but not one that was overwritten: restart the worker after mending a
    data set. Raises DatasetUnavailable or DatasetCorrupt, both of which say what to do.
    """
    try:
        source = find(plan, data_dir, allow_download)
        limits = plan.train_per_class, plan.val_per_class
        return _loaded(source, source.marker(), plan.name, plan.classes, limits, cache_dir)
    except OSError as error:
        path = Path(error.filename or data_dir)
        raise DatasetCorrupt(
            path, f"cannot be read ({error.strerror})", "Mend it, or copy the data set again."
        ) from error


def find(plan: DatasetPlan, data_dir: Path, allow_download: bool = False) -> Source:
    """The first source that holds all of the plan's classes. Raises DatasetUnavailable."""
    if plan.name not in DATASETS:
        raise InvalidPlan(f"unknown data set {plan.name!r}; known are {', '.join(DATASETS)}")
    sources = DATASETS[plan.name].sources(data_dir, allow_download)
    for source in sources:
        if set(plan.classes) <= set(source.classes()):
            return source
    looked = "; ".join(f"{source.place} ({_holding(source)})" for source in sources)
    raise DatasetUnavailable(
        f"The data set {plan.name} with the classes {', '.join(plan.classes)} is not on this machine. Looked in: "
        f"{looked}. Put a copy there, point FLIGHTLINE_DATA_DIR at one, or set FLIGHTLINE_ALLOW_DOWNLOAD=true."
    )


@lru_cache(maxsize=2)
def _loaded(
    source: Source,
    marker: str,
    name: str,
    classes: tuple[str, ...],
    limits: tuple[int | None, int | None],
    cache_dir: Path,
) -> LoadedDataset:
    del marker  # part of the key: a change in the folders loads anew
    train, val = cached_decode(source, classes, cache_dir)
    train, val = train.first_of_each(limits[0]), val.first_of_each(limits[1])
    return loaded_dataset(name, source.kind, classes, train, val)


def _held(name: str, source: Source) -> HeldDataset | None:
    try:
        if not source.classes():
            return None
        return HeldDataset(name, source.kind, source.place, source.classes(), source.counts(), source.ready())
    except OSError as error:
        log.warning("dataset_unreadable", extra={"path": source.place, "reason": str(error)})
        return None


def _holding(source: Source) -> str:
    return ", ".join(source.classes()) or "nothing there"
