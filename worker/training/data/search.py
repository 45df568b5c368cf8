"""Finding a data set on this machine and loading it."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from worker.training.data.cache import cached_decode
from worker.training.data.records import HeldDataset, LoadedDataset, loaded_dataset
from worker.training.data.registry import DATASETS
from worker.training.data.sources.base import Inventory, Place, Source
from worker.training.errors import CopyIncomplete, DatasetCorrupt, DatasetUnavailable, InvalidPlan
from worker.training.plan import DatasetPlan

LOOK_SECONDS = 2.0
"""How long an inventory of a data set's files serves jobs that were submitted before it was taken."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Look:
    """The inventory of a source's classes at an instant of `time.monotonic()`."""

    source: Source
    classes: tuple[str, ...]
    at: float
    found: Inventory

    def holds(self, as_of: float, now: float) -> bool:
        """Whether this inventory was taken at `as_of` or later, and less than `LOOK_SECONDS` before `now`."""
        return as_of <= self.at and now - self.at < LOOK_SECONDS


_look: _Look | None = None


def survey(data_dir: Path, allow_download: bool = False) -> tuple[HeldDataset, ...]:
    """The data sets that this machine holds, found by listing folders, without decoding anything.

    A folder that may not be read is left out, with a warning: a survey is for reporting, and never fails.
    """
    held = (
        _held(dataset.name, place)
        for dataset in DATASETS.values()
        for place in dataset.places(data_dir, allow_download)
    )
    return tuple(one for one in held if one is not None)


def load(
    plan: DatasetPlan, data_dir: Path, cache_dir: Path, allow_download: bool = False, *, as_of: float = math.inf
) -> LoadedDataset:
    """The images that the plan asks for. A repeated call in one process costs a system call a file, or none.

    A copy that turns out to lack files is passed over for the next one, with a warning.

    Args:
        plan: the data set, its classes and its limits.
        data_dir: the folder to look for the data set in.
        cache_dir: the folder for decoded images.
        allow_download: whether the data set may be downloaded.
        as_of: `time.monotonic()` of the submission. Every change of a file up to then is noticed; later ones may be
            missed for `LOOK_SECONDS`. By default none is missed.

    Raises:
        DatasetUnavailable, DatasetCorrupt: the message says what to do.
    """
    try:
        *others, last = candidates(plan, data_dir, allow_download)
        for place in others:
            try:
                return _load(place, plan, cache_dir, as_of)
            except CopyIncomplete as error:
                log.warning("dataset_copy_passed_over", extra={"path": place.place, "reason": error.detail})
        return _load(last, plan, cache_dir, as_of)
    except OSError as error:
        path = Path(error.filename or data_dir)
        denied = isinstance(error, PermissionError)
        remedy = "Let the user that runs the worker read it." if denied else "Mend it, or copy the data set again."
        raise DatasetCorrupt(path, f"cannot be read ({error.strerror})", remedy) from error


def candidates(plan: DatasetPlan, data_dir: Path, allow_download: bool = False) -> list[Place]:
    """The places that hold all of the plan's classes, the preferred ones first.

    Raises:
        DatasetUnavailable: no place holds them.
        InvalidPlan: the data set's name is unknown.
    """
    if plan.name not in DATASETS:
        raise InvalidPlan(f"unknown data set {plan.name!r}; known are {', '.join(DATASETS)}")
    places = DATASETS[plan.name].places(data_dir, allow_download)
    holding = [place for place in places if set(plan.classes) <= set(place.classes())]
    if holding:
        return holding
    looked = "; ".join(f"{place.place} ({place.holding()})" for place in places)
    raise DatasetUnavailable(
        f"The data set {plan.name} with the classes {', '.join(plan.classes)} is not on this machine. Looked in: "
        f"{looked}. Put a copy there, point FLIGHTLINE_DATA_DIR at one, or set FLIGHTLINE_ALLOW_DOWNLOAD=true."
    )


def _load(place: Place, plan: DatasetPlan, cache_dir: Path, as_of: float) -> LoadedDataset:
    source = place.source()
    inventory = _inventory(source, plan.classes, as_of)
    limits = plan.train_per_class, plan.val_per_class
    ignored = frozenset(inventory.ignored.items())
    data = _loaded(source, inventory.listing, ignored, plan.name, plan.classes, limits, cache_dir)
    _report_fewer(plan, data)
    return data


def _inventory(source: Source, classes: tuple[str, ...], as_of: float) -> Inventory:
    """The inventory of these classes, taken after `as_of`: now, or a moment ago for another job."""
    global _look  # noqa: PLW0603 - only the latest: queued jobs mostly ask for one data set
    now = time.monotonic()
    if _look is None or (_look.source, _look.classes) != (source, classes) or not _look.holds(as_of, now):
        _look = _Look(source, classes, now, source.inventory(classes))
    return _look.found


@lru_cache(maxsize=2)
def _loaded(
    source: Source,
    listing: str,
    ignored: Iterable[tuple[str, int]],
    name: str,
    classes: tuple[str, ...],
    limits: tuple[int | None, int | None],
    cache_dir: Path,
) -> LoadedDataset:
    del listing  # part of the key: after a change of any file the data set is loaded again
    train, val = cached_decode(source, classes, cache_dir)
    train, val = train.first_of_each(limits[0]), val.first_of_each(limits[1])
    data = loaded_dataset(name, source.kind, classes, train, val)
    return dataclasses.replace(data, place=source.place, ignored=dict(ignored))


def _report_fewer(plan: DatasetPlan, data: LoadedDataset) -> None:
    """Log which classes have fewer images than the plan's limit asks for."""
    for name, asked, split in (
        ("train_per_class", plan.train_per_class, data.train),
        ("val_per_class", plan.val_per_class, data.val),
    ):
        counts = dict(zip(data.classes, split.counts(len(data.classes)), strict=True))
        fewer = [f"{label} {count:,}" for label, count in counts.items() if asked is not None and count < asked]
        if fewer:
            log.warning("dataset_has_fewer_images", extra={name: asked, "there": ", ".join(fewer)})


def _held(name: str, place: Place) -> HeldDataset | None:
    try:
        classes = place.classes()
        if not classes:
            return None
        ready, ignored = place.ready(), dict(place.ignored())
        return HeldDataset(name, place.kind, place.place, classes, place.counts(), ready, ignored)
    except OSError as error:
        log.warning("dataset_unreadable", extra={"path": place.place, "reason": error.strerror})
        return None
