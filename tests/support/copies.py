"""torchvision's copies of its small data sets in miniature, in their real formats, that torchvision takes for real."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torchvision import datasets

Bytes = NDArray[np.uint8]

TRAIN, VAL = 24, 12
"""Images of the splits; their labels go round."""
NAMES = ("mnist", "fashion_mnist", "cifar100", "svhn", "stl10")
"""The sets that `write_copy` knows."""


def pixels(split: str, *shape: int) -> Bytes:
    """Random images (N, *shape) of a split, always the same."""
    count = TRAIN if split == "train" else VAL
    return np.random.default_rng([count, *shape]).integers(0, 256, (count, *shape), dtype=np.uint8)


def labels(split: str, classes: int = 10) -> NDArray[np.int64]:
    """The labels of a split's images."""
    return np.arange(TRAIN if split == "train" else VAL) * 3 % classes


def write_copy(name: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Write a copy, and have torchvision take its hashes for the published ones. Returns its files."""
    write: Callable[[Path, pytest.MonkeyPatch], list[Path]] = {
        "mnist": _mnist,
        "fashion_mnist": _fashion_mnist,
        "cifar100": _cifar100,
        "svhn": _svhn,
        "stl10": _stl10,
    }[name]
    return write(data_dir, monkeypatch)


def md5(path: Path) -> str:
    """The file's md5 in hexadecimal digits."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def idx(array: Bytes) -> bytes:
    """An IDX file of bytes."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def _mnist(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    return _idx_copy("MNIST", data_dir, monkeypatch)


def _fashion_mnist(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    return _idx_copy("FashionMNIST", data_dir, monkeypatch)


def _idx_copy(kind: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folder = data_dir / kind / "raw"
    folder.mkdir(parents=True)
    for split, prefix in (("train", "train"), ("val", "t10k")):
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(pixels(split, 28, 28)))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels(split).astype(np.uint8)))
    paths = sorted(folder.iterdir())
    for path in paths:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    resources = [(f"{path.name}.gz", md5(path.with_name(f"{path.name}.gz"))) for path in paths]
    monkeypatch.setattr(getattr(datasets, kind), "resources", resources)
    return paths


def _cifar100(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folder = data_dir / "cifar-100-python"
    folder.mkdir(parents=True)
    for split, name in (("train", "train"), ("val", "test")):
        rows = pixels(split, 3, 32, 32).reshape(-1, 3072)
        content = {"data": rows, "fine_labels": labels(split, 100).tolist(), "coarse_labels": [0] * len(rows)}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["apple"]}))
    for which, name in (("train_list", "train"), ("test_list", "test")):
        monkeypatch.setattr(datasets.CIFAR100, which, [[name, md5(folder / name)]])
    meta = {**datasets.CIFAR100.meta, "md5": md5(folder / "meta")}
    monkeypatch.setattr(datasets.CIFAR100, "meta", meta)
    return [folder / "train", folder / "test"]


def _stl10(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folder = data_dir / "stl10_binary"
    folder.mkdir(parents=True)
    for split, name in (("train", "train"), ("val", "test")):
        (folder / f"{name}_X.bin").write_bytes(pixels(split, 3, 96, 96).transpose(0, 1, 3, 2).tobytes())
        (folder / f"{name}_y.bin").write_bytes((labels(split) + 1).astype(np.uint8).tobytes())
    (folder / "class_names.txt").write_text("airplane\n")
    (folder / "unlabeled_X.bin").write_bytes(b"")
    paths = [folder / f"{name}.bin" for name in ("train_X", "train_y", "test_X", "test_y")]
    lists = [[path.name, md5(path)] for path in paths]
    others = [["unlabeled_X.bin", md5(folder / "unlabeled_X.bin")]]
    monkeypatch.setattr(datasets.STL10, "train_list", [*lists[:2], *others])
    monkeypatch.setattr(datasets.STL10, "test_list", lists[2:])
    return paths


def _svhn(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    data_dir.mkdir(parents=True, exist_ok=True)
    published = {}
    for split, name in (("train", "train"), ("val", "test")):
        path = data_dir / f"{name}_32x32.mat"
        digits = labels(split)
        digits[digits == 0] = 10
        arrays = {"X": pixels(split, 3, 32, 32).transpose(2, 3, 1, 0), "y": digits[:, None].astype(np.uint8)}
        path.write_bytes(matlab(arrays))
        published[name] = [f"http://127.0.0.1/{path.name}", path.name, md5(path)]
    monkeypatch.setattr(datasets.SVHN, "split_list", published)
    return [data_dir / "train_32x32.mat", data_dir / "test_32x32.mat"]


_NUMBERS = {"int8": 1, "uint8": 2, "int16": 3, "uint16": 4, "int32": 5, "uint32": 6, "float64": 9}


def matlab(arrays: dict[str, NDArray[Any]], order: str = "<", *, compressed: bool = True) -> bytes:
    """A MATLAB file of version 5 with these arrays, as MATLAB writes it."""
    mark = b"IM" if order == "<" else b"MI"
    parts = [b"MATLAB 5.0 MAT-file, in miniature".ljust(124) + struct.pack(f"{order}H", 0x0100) + mark]
    for name, array in arrays.items():
        body = b"".join(_parts_of_matrix(name, array, order))
        matrix = struct.pack(f"{order}II", 14, len(body)) + body
        packed = zlib.compress(matrix)
        parts.append(struct.pack(f"{order}II", 15, len(packed)) + packed if compressed else matrix)
    return b"".join(parts)


def _parts_of_matrix(name: str, array: NDArray[Any], order: str) -> Iterable[bytes]:
    dimensions = struct.pack(f"{order}{array.ndim}i", *array.shape)
    values = array.astype(array.dtype.newbyteorder("<" if order == "<" else ">")).tobytes(order="F")
    flags = struct.pack(f"{order}II", 9, 0)
    for kind, body in ((6, flags), (5, dimensions), (1, name.encode()), (_NUMBERS[array.dtype.name], values)):
        if len(body) <= 4:
            yield struct.pack(f"{order}I", len(body) << 16 | kind) + body.ljust(4, b"\0")
        else:
            yield struct.pack(f"{order}II", kind, len(body)) + body + bytes(-len(body) % 8)
