"""The registry of the data sets that a job can name.

A new data set is an entry here and one in `shared.jobspec.datasets`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from worker.training.data.sources.base import Drawn, Place
from worker.training.data.sources.download import Download
from worker.training.data.sources.folders import ClassFolders
from worker.training.data.sources.torchvision import CLASSES, TorchvisionCopy


@dataclass(frozen=True)
class Dataset:
    """A data set that a job can name.

    Attributes:
        name: the name that jobs use.
        classes: all classes, in the data set's own order.
        input_shape: channels, height and width of an image.
        published_moments: mean and deviation of each channel as they are usually given, on a scale from 0 to 1.
        places: where to look, in order, given the data directory and whether downloading is allowed.
    """

    name: str
    classes: tuple[str, ...]
    input_shape: tuple[int, int, int]
    published_moments: tuple[tuple[float, ...], tuple[float, ...]]
    places: Callable[[Path, bool], tuple[Place, ...]]


# Over all 50,000 training images of CIFAR-10, rounded, as in most code that uses it.
_CIFAR10_MOMENTS = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


def _cifar10_places(data_dir: Path, allow_download: bool) -> tuple[Place, ...]:
    shape = (3, 32, 32)
    held: tuple[Place, ...] = (
        TorchvisionCopy(data_dir),
        ClassFolders(data_dir / "cifar2", CLASSES, shape),
        ClassFolders(data_dir / "cifar10", CLASSES, shape),
    )
    return (*held, Download(data_dir)) if allow_download else held


def _drawn(data_dir: Path, allow_download: bool) -> tuple[Place, ...]:
    del data_dir, allow_download
    return (Drawn(),)


DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        "cifar10": Dataset("cifar10", CLASSES, (3, 32, 32), _CIFAR10_MOMENTS, _cifar10_places),
        "synthetic": Dataset("synthetic", Drawn().classes(), (3, 32, 32), _CIFAR10_MOMENTS, _drawn),
    }
)
