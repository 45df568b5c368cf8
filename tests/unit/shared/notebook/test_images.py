"""A notebook reads the very images that its job was trained on, wherever they come from."""

from __future__ import annotations

import hashlib
import pickle
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets

from shared.jobspec import BUILT_IN, Caps, Catalog, parse_spec
from shared.notebook import notebook_of
from tests.support.notebooks import Kernel, Ran, record_of
from tests.unit.shared.notebook.test_repetition import JITTER, TRAINING, conv, layers, same_as
from tests.unit.training.tiny import Recording
from worker.training.data import Datasets
from worker.training.plan import plan_from_spec

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORK = layers(conv(4, stride=2), "batchnorm", "relu", "flatten", {"kind": "dropout", "p": 0.3}, "linear")
MLP = {"kind": "mlp", "hidden": [8]}
Bytes = NDArray[np.uint8]
Write = Callable[[Path, np.random.Generator], dict[str, Any]]


def document(architecture: Mapping[str, Any], dataset: Mapping[str, Any], **training: Any) -> dict[str, Any]:
    """A job of two epochs."""
    return {"architecture": architecture, "dataset": dataset, "training": {**TRAINING, "epochs": 2, **training}}


def repeated(kernel: Kernel, data_dir: Path, job: dict[str, Any], before: str = "") -> Ran:
    """What the notebook of a job on this machine's images has after its run; it must be what the job has."""
    found = Datasets(data_dir, data_dir.parent / "cache")
    held = {one.name: one for one in reversed(found.survey())}
    catalog = Catalog.of_reports([vars(one) for one in held.values()], [[vars(one) for one in held.values()]])
    plan = plan_from_spec(parse_spec(job, Caps(), catalog).document)
    data = found.load(plan.dataset)
    run = Recording(plan, data)
    where = {} if data.source == "drawn" else {"source": data.source, "place": data.place}
    notebook = notebook_of(record_of(job, run.epochs, run.result, catalog, **where))
    ran = same_as(run, kernel, notebook, before)
    if (test := run.result.evaluations.get("test")) is not None:
        assert f"{test.accuracy:.2%} of the test images" in ran.printed
    return ran


def noise(random: np.random.Generator, *shape: int) -> Bytes:
    """Random bytes of this shape."""
    return random.integers(0, 256, shape, dtype=np.uint8)


def awkward(folder: Path, random: np.random.Generator, count: int) -> None:
    """Images of many sizes: JPEG turned by EXIF, a palette with transparency, 16 bits, CMYK, grey, black and white."""
    folder.mkdir(parents=True)
    for number in range(count):
        size = int(random.integers(18, 50)), int(random.integers(18, 50))
        colour = Image.fromarray(noise(random, *size, 3))
        turned = Image.Exif()
        turned[0x0112] = number % 8 + 1
        colour.save(folder / f"{number}-turned.JPG", exif=turned)
        palette = colour.quantize(16)
        palette.save(folder / f"{number}-palette.png", transparency=bytes(range(0, 160, 10)))
        Image.fromarray(random.integers(0, 65536, size, dtype=np.uint16)).save(folder / f"{number}-deep.png")
        colour.convert("CMYK").save(folder / f"{number}-ink.jpeg")
        colour.convert("LA").save(folder / f"{number} größe 写真.png")
        colour.convert("1").save(folder / f"{number}.bmp")
    (folder / ".hidden.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no image")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A data directory with one's own photographs: three classes, no validation folder."""
    random = np.random.default_rng(1)
    for name, count in (("oak", 3), ("ash tree", 2), ("größe", 4)):
        awkward(tmp_path / "data" / "photos" / "train" / name, random, count)
    return tmp_path / "data"


OWN = {"name": "photos", "image_size": 24, "val_fraction": 0.3, "normalize": "computed"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"channels": 1},
        {"classes": ["größe", "oak"], "normalize": "none"},
        {"holdout_fraction": 0.2},
        {"train_per_class": 5, "val_per_class": 2},
        {"image_size": 21, "holdout_fraction": 0.4, "train_per_class": 4},
    ],
    ids=["colour", "grey", "two classes", "held out", "limits", "all"],
)
def test_own_photographs(kernel: Kernel, photos: Path, changes: dict[str, Any]) -> None:
    """Images of any form, resized and cut; validated on a part of each class, tested on another."""
    repeated(kernel, photos, document(NETWORK, OWN | changes))


def test_own_photographs_in_a_network_of_torchvision(kernel: Kernel, photos: Path) -> None:
    """Grey images of 24 × 24, changed in colour and place at random."""
    augment = [{**JITTER, "saturation": 0.0, "hue": 0.0}, {"kind": "crop", "padding": 2}, {"kind": "flip"}]
    network = {"kind": "torchvision", "network": "resnet18"}
    job = document(network, OWN | {"channels": 1, "train_per_class": 2}, epochs=1, augment=augment)
    repeated(kernel, photos, job)


@pytest.mark.parametrize("folder", ["val", "test"])
@pytest.mark.parametrize("holdout", [0.0, 0.25])
def test_own_images_of_one_size(kernel: Kernel, tmp_path: Path, folder: str, holdout: float) -> None:
    """With a validation folder of their own, by either of its names, and as large as they are."""
    random = np.random.default_rng(2)
    for split, count in (("train", 7), (folder, 4)):
        for name in ("b", "a"):
            for number in range(count):
                path = tmp_path / "data" / "tiles" / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(noise(random, 12, 16, 3)).save(path)
    dataset = {"name": "tiles", "holdout_fraction": holdout, "normalize": "computed"}
    repeated(kernel, tmp_path / "data", document(NETWORK, dataset))


@pytest.mark.parametrize("folder", ["cifar2", "cifar10"])
def test_cifar10_in_class_folders(kernel: Kernel, tmp_path: Path, folder: str) -> None:
    """Either of the folders, with published moments."""
    random = np.random.default_rng(3)
    for split, count in (("train", 9), ("val", 3)):
        for name in ("airplane", "bird"):
            for number in range(count):
                path = tmp_path / "data" / folder / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(noise(random, 32, 32, 3)).save(path)
    repeated(kernel, tmp_path / "data", document(MLP, {"name": "cifar10", "train_per_class": 8}))


@pytest.mark.parametrize(
    "changes",
    [{"holdout_fraction": 0.001, "train_per_class": 20, "val_per_class": 4}, {"image_size": 20, "channels": 1}],
    ids=["held out", "resized"],
)
def test_drawings(kernel: Kernel, tmp_path: Path, changes: dict[str, Any]) -> None:
    """A held-out part of all that can be drawn; drawings resized and in grey."""
    dataset = {"name": "synthetic", "train_per_class": 12, "val_per_class": 6, "normalize": "computed"}
    repeated(kernel, tmp_path / "data", document(NETWORK, dataset | changes, epochs=1))


Patches = dict[str, Any]
"""Attributes of torchvision's classes, by `Class.attribute`, for which it takes a miniature for the real copy."""


def md5(content: bytes) -> str:
    """The checksum by which torchvision knows its files."""
    return hashlib.md5(content).hexdigest()


def cifar(
    data_dir: Path, random: np.random.Generator, kind: str, folder: str, files: dict[str, str], key: str
) -> Patches:
    """Pickled batches, each with some images of every class."""
    classes = 10 if key == "labels" else 100
    lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    (data_dir / folder).mkdir(parents=True)
    for name, which in files.items():
        labels = random.permutation(np.arange(classes).repeat(3)).tolist()
        content = pickle.dumps({"data": noise(random, len(labels), 3072), key: labels})
        (data_dir / folder / name).write_bytes(content)
        lists[which].append([name, md5(content)])
    meta = getattr(datasets, kind).meta
    content = pickle.dumps({meta["key"]: [str(number) for number in range(classes)]})
    (data_dir / folder / meta["filename"]).write_bytes(content)
    return {f"{kind}.train_list": lists["train_list"], f"{kind}.test_list": lists["test_list"]} | {
        f"{kind}.meta": {**meta, "md5": md5(content)}
    }


def cifar10(data_dir: Path, random: np.random.Generator) -> Patches:
    """Five batches of training images and one of validation images."""
    files = {**{f"data_batch_{number}": "train_list" for number in range(1, 6)}, "test_batch": "test_list"}
    return cifar(data_dir, random, "CIFAR10", "cifar-10-batches-py", files, "labels")


def cifar100(data_dir: Path, random: np.random.Generator) -> Patches:
    """A file for each split."""
    files = {"train": "train_list", "test": "test_list"}
    return cifar(data_dir, random, "CIFAR100", "cifar-100-python", files, "fine_labels")


def idx(data_dir: Path, random: np.random.Generator, kind: str) -> Patches:
    """Images and labels with a magic number and their dimensions in front of them."""
    folder = data_dir / kind / "raw"
    folder.mkdir(parents=True)
    for split in ("train", "t10k"):
        labels = random.permutation(np.arange(10).repeat(3)).astype(np.uint8)
        pixels = noise(random, len(labels), 28, 28)
        for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
            (folder / f"{split}-{name}-ubyte").write_bytes(head + array.tobytes())
    return {}


def mnist(data_dir: Path, random: np.random.Generator) -> Patches:
    """Digits, unpacked."""
    return idx(data_dir, random, "MNIST")


def fashion_mnist(data_dir: Path, random: np.random.Generator) -> Patches:
    """Clothes, unpacked."""
    return idx(data_dir, random, "FashionMNIST")


def matlab(arrays: Mapping[str, Bytes]) -> bytes:
    """A MATLAB file of version 5 with compressed arrays, as SVHN's."""

    def element(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, len(body)) + body + b"\0" * (-len(body) % 8)

    found = b"\0" * 124 + b"\0\x01IM"
    for name, array in arrays.items():
        sizes = struct.pack(f"<{array.ndim}i", *array.shape)
        parts = element(6, struct.pack("<II", 9, 0)) + element(5, sizes)
        parts += struct.pack("<HH", 1, len(name)) + name.encode().ljust(4, b"\0")
        parts += element(2, array.tobytes(order="F"))
        body = zlib.compress(element(14, parts))
        found += struct.pack("<II", 15, len(body)) + body
    return found


def svhn(data_dir: Path, random: np.random.Generator) -> Patches:
    """House numbers; the digit 0 has the label 10."""
    data_dir.mkdir()
    found = {}
    for split, (url, name, _) in list(datasets.SVHN.split_list.items())[:2]:
        labels = random.permutation(np.arange(1, 11).repeat(3)).astype(np.uint8)[:, None]
        content = matlab({"X": noise(random, 32, 32, 3, len(labels)), "y": labels})
        (data_dir / name).write_bytes(content)
        found[split] = [url, name, md5(content)]
    return {"SVHN.split_list": found}


def stl10(data_dir: Path, random: np.random.Generator) -> Patches:
    """Raw bytes, column by column; labels from 1."""
    folder = data_dir / "stl10_binary"
    folder.mkdir(parents=True)
    lists: dict[str, list[list[str]]] = {"train": [], "test": []}
    for split, files in lists.items():
        labels = random.permutation(np.arange(1, 11).repeat(2)).astype(np.uint8)
        for name, array in ((f"{split}_X.bin", noise(random, len(labels), 3, 96, 96)), (f"{split}_y.bin", labels)):
            (folder / name).write_bytes(array.tobytes())
            files.append([name, md5(array.tobytes())])
    (folder / "class_names.txt").write_text("\n".join("abcdefghij"))
    return {"STL10.train_list": lists["train"], "STL10.test_list": lists["test"]}


SETS: dict[str, tuple[Write, dict[str, Any]]] = {
    "cifar10": (cifar10, {"classes": ["frog", "airplane", "bird"]}),
    "cifar100": (cifar100, {"train_per_class": 2}),
    "mnist": (mnist, {}),
    "fashion_mnist": (
        fashion_mnist,
        {"classes": ["Ankle boot", "Coat"], "channels": 3, "normalize": "computed"},
    ),
    "svhn": (svhn, {"holdout_fraction": 0.3}),
    "stl10": (stl10, {"image_size": 30, "channels": 1, "normalize": "none"}),
}


def test_every_data_set_is_read_here() -> None:
    """A data set that is added to the built-in ones is added to the list above, too."""
    assert {*SETS, "synthetic"} == set(BUILT_IN.datasets)


@pytest.mark.parametrize("name", SETS)
def test_torchvisions_copies(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every small data set of torchvision's, in miniature and in its real format."""
    write, changes = SETS[name]
    patches = write(tmp_path / "data", np.random.default_rng(4))
    before = "from torchvision import datasets\n"
    for place, value in patches.items():
        kind, _, attribute = place.partition(".")
        monkeypatch.setattr(getattr(datasets, kind), attribute, value)
        before += f"datasets.{place} = {value!r}\n"
    repeated(kernel, tmp_path / "data", document(NETWORK, {"name": name, **changes}), before)
