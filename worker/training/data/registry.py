"""The registry of the data sets that are built in, and of where their images, and those of others, are looked for.

A new data set is an entry here and one in `shared.jobspec.datasets`. A person's own set needs none: it is a folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from worker.training.data.decoding import Shape
from worker.training.data.sources.base import Drawn, Place
from worker.training.data.sources.download import Download
from worker.training.data.sources.folders import ClassFolders
from worker.training.data.sources.layouts import CIFAR10, LAYOUTS
from worker.training.data.sources.torchvision import TorchvisionCopy

Moments: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and deviation of each channel, on a scale from 0 to 1."""


@dataclass(frozen=True)
class Dataset:
    """A data set that is built in.

    Attributes:
        name: the name that jobs use.
        classes: all classes, in the data set's own order.
        input_shape: channels, height and width of an image.
        published_moments: mean and deviation of each channel as they are usually given.
        places: where to look, in order, given the data directory and whether downloading is allowed.
    """

    name: str
    classes: tuple[str, ...]
    input_shape: Shape
    published_moments: Moments
    places: Callable[[Path, bool], tuple[Place, ...]]


_MOMENTS: Mapping[str, Moments] = {
    # Over all training images, rounded, as in most code that uses these sets.
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2860,), (0.3530,)),
    "svhn": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "stl10": ((0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2713)),
}

_SMALL_CIFAR10 = "cifar2"
"""The folder of a copy of CIFAR-10 that mostly has two classes; it is preferred to the folder `cifar10`."""


def _of_torchvision(name: str) -> Dataset:
    layout = LAYOUTS[name]
    folders = (_SMALL_CIFAR10, name) if layout is CIFAR10 else (name,)

    def places(data_dir: Path, allow_download: bool) -> tuple[Place, ...]:
        held = (ClassFolders(data_dir / folder, layout.classes, layout.shape) for folder in folders)
        download = (Download(data_dir, layout),) if allow_download else ()
        return (TorchvisionCopy(data_dir, layout), *held, *download)

    return Dataset(name, layout.classes, layout.shape, _MOMENTS[name], places)


def _drawn(data_dir: Path, allow_download: bool) -> tuple[Place, ...]:
    del data_dir, allow_download
    return (Drawn(),)


DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        "cifar10": _of_torchvision("cifar10"),
        "synthetic": Dataset("synthetic", Drawn().classes(), (3, 32, 32), _MOMENTS["cifar10"], _drawn),
        **{name: _of_torchvision(name) for name in LAYOUTS if name != "cifar10"},
    }
)

_TAKEN = {*DATASETS, _SMALL_CIFAR10, *(Path(layout.folder).parts[0] for layout in LAYOUTS.values() if layout.folder)}
"""Folders of a data directory that are copies of built-in data sets."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def is_own_name(name: str) -> bool:
    """Whether a folder of this name in the data directory is a data set of its own, and no copy of a built-in one."""
    return name not in _TAKEN and _NAME.fullmatch(name) is not None


def places_of(name: str, data_dir: Path, allow_download: bool) -> tuple[Place, ...] | None:
    """Where the images of a data set are looked for, in order; None for a name that no data set can have."""
    if name in DATASETS:
        return DATASETS[name].places(data_dir, allow_download)
    return (ClassFolders(data_dir / name),) if is_own_name(name) else None
