"""How torchvision keeps its small data sets: file names, classes, counts, and what is in the files.

Names, classes and counts are written down here, so that looking for a copy does not import torchvision, which takes
longer than importing torch. Hashes and addresses are torchvision's own; they are asked for where something is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from worker.training.data.decoding import Shape
from worker.training.data.records import SplitName
from worker.training.data.sources.formats import Bytes, Malformed, batch, idx, matlab, raw

Read: TypeAlias = Callable[[str], bytes]
"""Gives the content of a file of a copy by its name."""


class Part(NamedTuple):
    """Images (N, C, H, W) uint8 and labels (N) int64 of a whole split, or of a file of it."""

    images: Bytes
    labels: NDArray[np.int64]


class Archive(NamedTuple):
    """What is downloaded: addresses to try one after another, the file's name and its md5, and where it goes.

    Attributes:
        urls: the addresses.
        filename: the name of the file that comes.
        md5: its published md5.
        folder: the folder below the data directory that it is unpacked in; None leaves it as it is.
    """

    urls: tuple[str, ...]
    filename: str
    md5: str
    folder: str | None


@dataclass(frozen=True, eq=False)
class Layout:
    """How torchvision keeps one data set below a data directory.

    Attributes:
        title: the data set's name, for people.
        url: the address that its download comes from, for people.
        folder: the folder of the files; empty where they lie in the data directory itself.
        classes: all classes, by label.
        counts: training and validation images of each class, in their order.
        shape: channels, height and width of an image.
        files: of each split the files, in order; one that is missing may also be there compressed, as NAME.gz.
        hashes: the published md5 of files, by name, asked of torchvision; a file without one is checked by its format.
        archives: what to download, asked of torchvision.
        parts: reads a split.
    """

    title: str
    url: str
    folder: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, int], ...]
    shape: Shape
    files: Mapping[SplitName, tuple[str, ...]]
    hashes: Callable[[], Mapping[str, str]]
    archives: Callable[[], tuple[Archive, ...]]
    parts: Callable[[Read, tuple[str, ...]], Iterator[Part]]


def _cifar(read: Read, names: tuple[str, ...]) -> Iterator[Part]:
    """Pickled batches: images as rows, channel by channel; labels under one of two names."""
    for name in names:
        content = batch(read(name))
        labels = content["fine_labels"] if "fine_labels" in content else content["labels"]
        yield Part(content["data"].reshape(-1, 3, 32, 32), np.array(labels, dtype=np.int64))


def _idx(read: Read, names: tuple[str, ...]) -> Iterator[Part]:
    images, labels = (idx(read(name)) for name in names)
    if images.shape[1:] != (28, 28):
        raise Malformed("its images are not 28 × 28 pixels")
    yield Part(images[:, None], labels.astype(np.int64))


def _svhn(read: Read, names: tuple[str, ...]) -> Iterator[Part]:
    """Images (H, W, C, N); the label 10 stands for the digit 0."""
    content = matlab(read(names[0]))
    if not {"X", "y"} <= content.keys() or content["X"].shape[:3] != (32, 32, 3):
        raise Malformed("it has no arrays X, of 32 × 32 × 3 × N, and y")
    yield Part(content["X"].astype(np.uint8).transpose(3, 2, 0, 1), content["y"].ravel().astype(np.int64) % 10)


def _stl10(read: Read, names: tuple[str, ...]) -> Iterator[Part]:
    """Images (N, C, W, H), and labels from 1."""
    images, labels = raw(read(names[0]), 3, 96, 96), raw(read(names[1]), 1)
    yield Part(images.transpose(0, 1, 3, 2), labels.ravel().astype(np.int64) - 1)


def _of(name: str) -> Any:
    from torchvision import datasets

    return getattr(datasets, name)


def _cifar_layout(kind: str, title: str, file: str, folder: str, files: Mapping[SplitName, tuple[str, ...]]) -> Any:
    def hashes() -> Mapping[str, str]:
        return dict([*_of(kind).train_list, *_of(kind).test_list])

    def archives() -> tuple[Archive, ...]:
        return (Archive((_of(kind).url,), _of(kind).filename, _of(kind).tgz_md5, ""),)

    return {
        "title": title,
        "url": f"https://www.cs.toronto.edu/~kriz/{file}",
        "folder": folder,
        "shape": (3, 32, 32),
        "files": files,
        "hashes": hashes,
        "archives": archives,
        "parts": _cifar,
    }


def _idx_layout(kind: str, title: str, url: str) -> Any:
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    folder = f"{kind}/raw"

    def archives() -> tuple[Archive, ...]:
        mirrors, resources = _of(kind).mirrors, _of(kind).resources
        return tuple(
            Archive(tuple(f"{mirror}{name}" for mirror in mirrors), name, md5, folder) for name, md5 in resources
        )

    return {
        "title": title,
        "url": url,
        "folder": folder,
        "shape": (1, 28, 28),
        "files": {"train": names[0], "val": names[1]},
        "hashes": lambda: dict(_of(kind).resources),
        "archives": archives,
        "parts": _idx,
    }


def _svhn_archives() -> tuple[Archive, ...]:
    files = [_of("SVHN").split_list[split] for split in ("train", "test")]
    return tuple(Archive((url,), name, md5, None) for url, name, md5 in files)


def _stl10_archives() -> tuple[Archive, ...]:
    return (Archive((_of("STL10").url,), _of("STL10").filename, _of("STL10").tgz_md5, ""),)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_DIGITS = tuple("0123456789")
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_FASHION = (*_words("T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag"), "Ankle boot")
_CIFAR100 = _words(
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
_MNIST_COUNTS = (
    (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
)
_SVHN_COUNTS = (
    (4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
    (1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
)

CIFAR10 = Layout(
    classes=_words("airplane automobile bird cat deer dog frog horse ship truck"),
    counts=((5000, 1000),) * 10,
    **_cifar_layout(
        "CIFAR10",
        "CIFAR-10",
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py",
        {"train": _BATCHES, "val": ("test_batch",)},
    ),
)
CIFAR100 = Layout(
    classes=_CIFAR100,
    counts=((500, 100),) * 100,
    **_cifar_layout(
        "CIFAR100",
        "CIFAR-100",
        "cifar-100-python.tar.gz",
        "cifar-100-python",
        {"train": ("train",), "val": ("test",)},
    ),
)
MNIST = Layout(
    classes=_DIGITS,
    counts=tuple(zip(*_MNIST_COUNTS, strict=True)),
    **_idx_layout("MNIST", "MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
)
FASHION_MNIST = Layout(
    classes=_FASHION,
    counts=((6000, 1000),) * 10,
    **_idx_layout("FashionMNIST", "Fashion-MNIST", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
)
SVHN = Layout(
    title="SVHN",
    url="http://ufldl.stanford.edu/housenumbers/",
    folder="",
    classes=_DIGITS,
    counts=tuple(zip(*_SVHN_COUNTS, strict=True)),
    shape=(3, 32, 32),
    files={"train": ("train_32x32.mat",), "val": ("test_32x32.mat",)},
    hashes=lambda: {archive.filename: archive.md5 for archive in _svhn_archives()},
    archives=_svhn_archives,
    parts=_svhn,
)
STL10 = Layout(
    title="STL-10",
    url="http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
    folder="stl10_binary",
    classes=_words("airplane bird car cat deer dog horse monkey ship truck"),
    counts=((500, 800),) * 10,
    shape=(3, 96, 96),
    files={"train": ("train_X.bin", "train_y.bin"), "val": ("test_X.bin", "test_y.bin")},
    hashes=lambda: dict([*_of("STL10").train_list, *_of("STL10").test_list]),
    archives=_stl10_archives,
    parts=_stl10,
)

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "cifar10": CIFAR10,
        "cifar100": CIFAR100,
        "mnist": MNIST,
        "fashion_mnist": FASHION_MNIST,
        "svhn": SVHN,
        "stl10": STL10,
    }
)
"""The layouts by the names that jobs use."""
