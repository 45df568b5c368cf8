"""The data sets of one machine: finding them, loading what a job asks for, and reading single images."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from torch import Tensor

from worker.training.data.cache import cached_decode
from worker.training.data.figures import cached_figures
from worker.training.data.headers import Headers
from worker.training.data.images import ImageForm
from worker.training.data.partition import parted
from worker.training.data.records import HeldDataset, LoadedDataset, Split, SplitName, figures_of, loaded_dataset
from worker.training.data.registry import DATASETS, is_own_name, places_of
from worker.training.data.sources.base import Inventory, Place, Source
from worker.training.data.sources.folders import ClassFolders
from worker.training.errors import CopyIncomplete, DatasetCorrupt, DatasetTooLarge, DatasetUnavailable, InvalidPlan
from worker.training.plan import DatasetPlan
from worker.training.state.files import shown

LOOK_SECONDS = 2.0
"""How long an inventory of a data set's files serves jobs that were submitted before it was taken."""

MAX_BYTES = 4_000_000_000
"""The most bytes that a job's decoded images may take, unless somebody decides otherwise."""

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


class Datasets:
    """The data sets below a data directory, and the decoded images of those that were loaded last.

    One thread may load while others survey or read single images.

    Args:
        data_dir: the folder that the data sets lie in.
        cache_dir: the folder for decoded images, and for what headers of images say.
        allow_download: whether a missing data set may be downloaded.
        max_bytes: the most bytes that a job's decoded images may take.
    """

    def __init__(
        self, data_dir: Path, cache_dir: Path, allow_download: bool = False, max_bytes: int = MAX_BYTES
    ) -> None:
        self.data_dir, self.cache_dir = data_dir, cache_dir
        self._allow_download, self._max_bytes = allow_download, max_bytes
        self._headers = Headers(cache_dir)
        self._look: _Look | None = None
        self._loaded = lru_cache(maxsize=2)(self._decoded)

    def survey(self) -> tuple[HeldDataset, ...]:
        """The data sets that this machine holds: the built-in ones, then a person's own by name.

        Nothing is decoded, but of an own data set that has changed all headers are read. A folder that may not be read
        is left out, with a warning: a survey is for reporting, and never fails.
        """
        return (*self.built_in(), *self.own())

    def built_in(self) -> tuple[HeldDataset, ...]:
        """The built-in data sets that this machine holds, found by listing folders."""
        held = (
            _held(dataset.name, place, lambda _, shape=dataset.input_shape: shape)
            for dataset in DATASETS.values()
            for place in dataset.places(self.data_dir, self._allow_download)
        )
        return tuple(one for one in held if one is not None)

    def own(self) -> tuple[HeldDataset, ...]:
        """A person's own data sets: the folders with class folders below `train` in them."""
        held = []
        for name in self._own_names():
            one = _held(name, ClassFolders(self.data_dir / name), self._headers.shape)
            if one is None:
                log.info("dataset_folder_passed_over", extra={"path": shown(self.data_dir / name)})
            else:
                held.append(one)
        return tuple(held)

    def signature(self) -> tuple[tuple[str, int], ...]:
        """A value that changes when a file or a folder comes or goes below the data directory.

        Costs a system call for each folder, down to the class folders, and reads no class folder. A file that is
        overwritten where it lies does not change it.
        """
        return tuple(sorted(_folder_times(self.data_dir, depth=3)))

    def load(self, plan: DatasetPlan, *, as_of: float = math.inf) -> LoadedDataset:
        """The images that the plan asks for. A repeated call costs a system call a file, or none.

        A copy that turns out to lack files is passed over for the next one, with a warning.

        Args:
            plan: the data set, its classes, its form and its limits.
            as_of: `time.monotonic()` of the submission. Every change of a file up to then is noticed; later ones may be
                missed for `LOOK_SECONDS`. By default none is missed.

        Raises:
            DatasetUnavailable, DatasetCorrupt, DatasetTooLarge: the message says what to do.
            InvalidPlan: no data set can have this name, or its splits cannot be made as the plan says.
        """
        with _readable(self.data_dir):
            *others, last = candidates(plan, self.data_dir, self._allow_download)
            for place in others:
                try:
                    return self._load(place, plan, as_of)
                except CopyIncomplete as error:
                    log.warning("dataset_copy_passed_over", extra={"path": place.place, "reason": error.detail})
            return self._load(last, plan, as_of)

    def images(
        self,
        name: str,
        split: SplitName,
        indices: Sequence[int],
        form: ImageForm | None = None,
        classes: tuple[str, ...] = (),
    ) -> list[Tensor]:
        """Single images (C, H, W) uint8, without loading the whole set where it is folders.

        Args:
            name: the data set.
            split: the set's own split.
            indices: the images' numbers there, as in `Split.index`.
            form: their form; by default colour, as large as they are.
            classes: those of the job that is asked about: they decide which copy of the set is read.

        Raises:
            ImageNotFound: the split has no image of a number.
            DatasetUnavailable, DatasetCorrupt, InvalidPlan: as `load`.
        """
        with _readable(self.data_dir):
            plan = DatasetPlan(name, classes)
            places = candidates(plan, self.data_dir, self._allow_download)
            place = next((place for place in places if place.ready()), places[0])
            return place.source().pick(split, indices, form or ImageForm())

    def _own_names(self) -> list[str]:
        try:
            with os.scandir(self.data_dir) as entries:
                return sorted(entry.name for entry in entries if is_own_name(entry.name) and entry.is_dir())
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("dataset_unreadable", extra={"path": shown(self.data_dir), "reason": error.strerror})
            return []

    def _load(self, place: Place, plan: DatasetPlan, as_of: float) -> LoadedDataset:
        source = place.source()
        _require_validation(source, plan)
        inventory = self._inventory(source, plan.classes, as_of)
        data = self._loaded(source, inventory.listing, frozenset(inventory.ignored.items()), _of_images(plan))
        _report_fewer(plan, data)
        return data

    def _inventory(self, source: Source, classes: tuple[str, ...], as_of: float) -> Inventory:
        """The inventory of these classes, taken after `as_of`: now, or a moment ago for another job."""
        now, look = time.monotonic(), self._look
        if look is None or (look.source, look.classes) != (source, classes) or not look.holds(as_of, now):
            look = self._look = _Look(source, classes, now, source.inventory(classes))
        return look.found

    def _decoded(
        self, source: Source, listing: str, ignored: frozenset[tuple[str, int]], plan: DatasetPlan
    ) -> LoadedDataset:
        """Load a data set, once for each listing: after a change of any file it is loaded again."""
        form, classes = ImageForm.of(plan), plan.classes
        extent = source.extent(classes, form)
        if extent.bytes > self._max_bytes:
            raise DatasetTooLarge(plan.name, extent.images, extent.bytes, self._max_bytes)
        decoded = cached_decode(source, listing, classes, form, self.cache_dir)
        splits = _splits(plan, *source.numbered(decoded.splits, classes))
        if not all(len(split) for split in splits):
            raise DatasetUnavailable(
                f"The data set {plan.name} with the classes {', '.join(classes)} has no images to validate on that its "
                f"training could spare. Put more images into the folders below {source.place}."
            )
        compute = partial(figures_of, classes, *splits)
        figures = cached_figures(plan, decoded.checksum, self.cache_dir, compute)
        train, val, *test = splits
        data = loaded_dataset(plan.name, source.kind, classes, train, val, *test, figures=figures)
        return dataclasses.replace(data, place=source.place, ignored=dict(ignored))


def load(
    plan: DatasetPlan, data_dir: Path, cache_dir: Path, allow_download: bool = False, *, as_of: float = math.inf
) -> LoadedDataset:
    """The images that the plan asks for, of a data directory that is asked once: as `Datasets.load`."""
    return Datasets(data_dir, cache_dir, allow_download).load(plan, as_of=as_of)


def candidates(plan: DatasetPlan, data_dir: Path, allow_download: bool = False) -> list[Place]:
    """The places that hold all of the plan's classes, the preferred ones first.

    Raises:
        DatasetUnavailable: no place holds them.
        InvalidPlan: no data set can have this name.
    """
    places = places_of(plan.name, data_dir, allow_download)
    if places is None:
        raise InvalidPlan(f"no data set is called {plan.name!r}; built in are {', '.join(DATASETS)}")
    held = [(place, set(place.classes())) for place in places]
    if holding := [place for place, classes in held if classes and set(plan.classes) <= classes]:
        return holding
    looked = "; ".join(f"{place.place} ({place.holding()})" for place in places)
    which = f" with the classes {', '.join(plan.classes)}" if plan.classes else ""
    download = ", or set FLIGHTLINE_ALLOW_DOWNLOAD=true" if plan.name in DATASETS else ""
    raise DatasetUnavailable(
        f"The data set {plan.name}{which} is not on this machine. Looked in: "
        f"{looked}. Put a copy there, point FLIGHTLINE_DATA_DIR at one{download}."
    )


def _folder_times(folder: Path | str, depth: int) -> Iterator[tuple[str, int]]:
    """The folder and, down to so many levels, the folders below it, each with its time of change in nanoseconds."""
    try:
        yield str(folder), os.stat(folder).st_mtime_ns  # noqa: PTH116 - asked for thousands of folders
        if depth:
            with os.scandir(folder) as entries:
                below = [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
            for path in below:
                yield from _folder_times(path, depth - 1)
    except OSError:  # it went away, or may not be read: a survey says so
        return


def _splits(plan: DatasetPlan, train: Split, val: Split) -> tuple[Split, ...]:
    """The images to train on, those to validate on and, where a part is held out, the set's own validation images."""
    own: tuple[Split, ...] = ()
    if plan.val_fraction is not None:
        train, val = parted(train, plan.val_fraction)
    if plan.holdout_fraction:
        own = (val,)
        train, val = parted(train, plan.holdout_fraction)
    return train.first_of_each(plan.train_per_class), val.first_of_each(plan.val_per_class), *own


def _of_images(plan: DatasetPlan) -> DatasetPlan:
    """The plan without what decides nothing about its images: equal ones are loaded once."""
    return dataclasses.replace(plan, normalize="none")


def _require_validation(source: Source, plan: DatasetPlan) -> None:
    """Refuse a plan that leaves no validation images, or that has two rules for them. Raises InvalidPlan."""
    if source.has_val() and plan.val_fraction is not None:
        raise InvalidPlan(
            f"The data set {plan.name} has a validation split of its own in {source.place}: leave val_fraction out. "
            "holdout_fraction keeps a part of the training images out of training."
        )
    if not source.has_val() and plan.val_fraction is None:
        raise InvalidPlan(
            f"The data set {plan.name} has no validation split in {source.place}: say which part of each class is to "
            'validate on, such as "val_fraction": 0.2, or put images into the folder val.'
        )


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


def _held(name: str, place: Place, shape_of: Callable[..., tuple[int, int, int] | None]) -> HeldDataset | None:
    """What a place holds of a data set; None where it holds nothing, or cannot be read."""
    try:
        classes = place.classes()
        if not classes:
            return None
        counts, shape = place.counts(), shape_of(place)
        size = None if shape is None else sum(map(sum, counts.values())) * math.prod(shape)
        ready, ignored = place.ready(), dict(place.ignored())
        return HeldDataset(name, place.kind, place.place, classes, counts, ready, ignored, shape, size, place.has_val())
    except OSError as error:
        log.warning("dataset_unreadable", extra={"path": place.place, "reason": error.strerror})
        return None


@contextmanager
def _readable(data_dir: Path) -> Iterator[None]:
    """Raise an operating system's error as DatasetCorrupt."""
    try:
        yield
    except OSError as error:
        path = Path(error.filename or data_dir)
        denied = isinstance(error, PermissionError)
        remedy = "Let the user that runs the worker read it." if denied else "Mend it, or copy the data set again."
        raise DatasetCorrupt(path, f"cannot be read ({error.strerror})", remedy) from error
