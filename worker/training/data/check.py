"""A folder of images, checked file by file before anybody trains on it.

``python -m worker.training.data.check FOLDER`` prints JSON, one object a line: how far it is, and last the report.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import threading
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from worker.training.data.decoding import for_each
from worker.training.data.images import IMAGE_SUFFIXES, ImageForm, prepare
from worker.training.data.partition import chosen
from worker.training.data.records import Split, SplitName
from worker.training.data.registry import is_own_name
from worker.training.data.sources.folders import is_class, kind_of, scan
from worker.training.errors import DatasetCorrupt
from worker.training.state.files import shown

PROGRESS_SECONDS = 0.2
"""The least time between two lines that say how far the check is."""

Folders = Mapping[SplitName, Path]


@dataclass(frozen=True)
class Fault:
    """Something that keeps a folder from being a data set.

    Attributes:
        place: the file or folder, as a path below the one that is checked; empty for this one itself.
        problem: what is wrong with it.
        remedy: what to do.
    """

    place: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class ImageFile:
    """An image file of a data set, as it was when it was checked.

    Attributes:
        split: the split that it belongs to.
        label: its class.
        path: its path below the folder that is checked.
        size: its bytes.
        changed_ns: the time of its last change, in nanoseconds.
    """

    split: SplitName
    label: str
    path: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class Report:
    """What a folder of images holds, and all that is wrong with it.

    Attributes:
        classes: the classes in order.
        counts: training and validation images of each class.
        has_val: whether there is a validation split, in the folder or by the fraction that was asked for.
        smallest: height and width of the image with the shortest side; None without images.
        largest: height and width of the image with the longest side.
        alike: whether all images have one size.
        ignored: entries that are no images, by suffix or kind.
        twins: files whose bytes are equal although they are in different splits or classes.
        faults: what is wrong; none in a folder that can be trained on.
        files: the image files.
    """

    classes: tuple[str, ...]
    counts: dict[str, tuple[int, int]]
    has_val: bool
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None
    alike: bool
    ignored: dict[str, int]
    twins: tuple[tuple[str, ...], ...]
    faults: tuple[Fault, ...]
    files: tuple[ImageFile, ...]


Tell = Callable[[int, int], None]
"""Is told how many of how many images have been read."""


class Unusable(Exception):
    """What was asked for can be done with no images of this folder; the message says why, and what to do."""


def check(root: Path, val_fraction: float | None = None, tell: Tell = lambda _done, _total: None) -> Report:
    """Read every image below a folder, and report what is there and all that is wrong at once.

    Args:
        root: a folder with `train` and perhaps `val` or `test`, each with a folder for each class; or with a folder for
            each class itself, which all are training images then.
        val_fraction: the part of each class to validate on, where the folder has no validation split.
        tell: is called from several threads while images are read.

    Raises:
        Unusable: the folder has a validation split, and a fraction was asked for too.
        OSError: the folder cannot be listed.
    """
    folders = _split_folders(root)
    if val_fraction is not None and "val" in folders:
        raise Unusable(
            f"{shown(root)} has a validation split of its own, {folders['val'].name}: leave the fraction out."
        )
    ignored, faults = Counter[str](), list[Fault]()
    classes = {split: _classes(folder, ignored, faults, root) for split, folder in folders.items()}
    faults += _structure_faults(root, folders, classes)
    files = list(_files(root, folders, classes, ignored, faults))
    sides = _read(root, files, faults, tell)
    if val_fraction is not None:
        files = _parted(files, val_fraction)
        faults += _without_validation(root, folders["train"], files)
    return Report(
        classes=tuple(classes["train"]),
        counts=_counts(classes["train"], files),
        has_val=any(file.split == "val" for file in files),
        smallest=min(sides.values(), key=min, default=None),
        largest=max(sides.values(), key=max, default=None),
        alike=len(set(sides.values())) == 1,
        ignored=dict(ignored),
        twins=tuple(_twins(root, [files[number] for number in sides])),
        faults=tuple(faults),
        files=tuple(files),
    )


def _split_folders(root: Path) -> Folders:
    """The folders of the splits: `train`, and `val` or `test` where that is there; else the folder itself."""
    if not (root / "train").is_dir():
        return {"train": root}
    val = next((root / name for name in ("val", "test") if (root / name).is_dir()), None)
    return {"train": root / "train"} if val is None else {"train": root / "train", "val": val}


def _classes(folder: Path, ignored: Counter[str], faults: list[Fault], root: Path) -> list[str]:
    """The class folders in a split's folder, by name; what lies beside them is counted."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            kind = kind_of(entry)
            if is_class(entry):
                names.append(entry.name)
            elif kind == "folder":
                problem = "this folder's name is not text in one line, and no class can be called so"
                faults.append(Fault(_place(root, Path(entry)), problem, "Rename it."))
            elif kind is not None:
                ignored[kind] += 1
    return sorted(names)


def _structure_faults(root: Path, folders: Folders, classes: Mapping[SplitName, Sequence[str]]) -> Iterator[Fault]:
    train = classes["train"]
    if not train:
        example = _place(root, folders["train"] / "cat")
        yield Fault("", "there are no class folders in it", f"Put the images of each class into a folder: {example}/….")
    elif len(train) == 1:
        yield Fault("", f"there is only one class, {train[0]}", "A classifier needs two or more: add another folder.")
    yield from _alike(root, folders["train"], train)
    if "val" not in folders:
        return
    pairs: tuple[tuple[SplitName, SplitName], ...] = (("train", "val"), ("val", "train"))
    for one, other in pairs:
        for name in sorted(set(classes[one]) - set(classes[other])):
            place, missing = (_place(root, folders[split] / name) for split in (one, other))
            yield Fault(place, f"there is no {missing} beside it", f"Add {missing}, or delete this folder.")


def _alike(root: Path, folder: Path, names: Iterable[str]) -> Iterator[Fault]:
    """Classes whose names are the same text, their accents encoded in two ways: one class cut in two by a copy."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(unicodedata.normalize("NFC", name), name)
        if first != name:
            problem = "another folder has the same name, in which Unicode's accents are encoded in another way"
            yield Fault(
                _place(root, folder / name), problem, "Move its images into that folder, or rename one of them."
            )


def _files(
    root: Path,
    folders: Folders,
    classes: Mapping[SplitName, Sequence[str]],
    ignored: Counter[str],
    faults: list[Fault],
) -> Iterator[ImageFile]:
    for split, folder in folders.items():
        for label in classes[split]:
            names, others = scan(folder / label)
            ignored.update(others)
            if not names:
                faults.append(_empty(_place(root, folder / label), others))
            for name in names:
                yield _file(root, split, folder / label / name)


def _file(root: Path, split: SplitName, path: Path) -> ImageFile:
    try:
        status = path.stat()
        size, changed_ns = status.st_size, status.st_mtime_ns
    except OSError:  # reading it says why
        size, changed_ns = 0, 0
    return ImageFile(split, path.parent.name, str(path.relative_to(root)), size, changed_ns)


def _empty(place: str, others: Mapping[str, int]) -> Fault:
    folders = "a folder" if others["folder"] == 1 else f"{others['folder']:,} folders"
    only_folders = f", but {folders}: the classes may lie a level deeper" if others["folder"] else ""
    remedy = f"Put some there that end in {' '.join(sorted(IMAGE_SUFFIXES))}, or delete the folder."
    return Fault(place, f"there are no images in this folder{only_folders}", remedy)


def _read(root: Path, files: Sequence[ImageFile], faults: list[Fault], tell: Tell) -> dict[int, tuple[int, int]]:
    """Decode every file; returns height and width of the sound ones by number, and adds the others to `faults`."""
    sides: dict[int, tuple[int, int]] = {}
    bad: dict[int, Fault] = {}

    def read(number: int) -> None:
        try:
            height, width = prepare(root / files[number].path, ImageForm()).shape[1:]
            sides[number] = (height, width)
        except DatasetCorrupt as error:
            bad[number] = Fault(shown(files[number].path), error.problem, error.remedy)
        tell(len(sides) + len(bad), len(files))

    for_each(read, len(files))
    faults += [bad[number] for number in sorted(bad)]
    return {number: sides[number] for number in sorted(sides)}


def _parted(files: Sequence[ImageFile], fraction: float) -> list[ImageFile]:
    """The files with a part of each class in the validation split: the part that a job's `val_fraction` takes."""
    labels = {name: label for label, name in enumerate(dict.fromkeys(file.label for file in files))}
    names = tuple(file.path for file in files)
    split = Split(torch.empty(len(files), 0), torch.tensor([labels[file.label] for file in files]).long(), names=names)
    kept_out = chosen(split, fraction).tolist()
    return [replace(file, split="val") if out else file for file, out in zip(files, kept_out, strict=True)]


def _without_validation(root: Path, folder: Path, files: Iterable[ImageFile]) -> Iterator[Fault]:
    """Classes of a single image, which cannot be divided."""
    for name, count in Counter(file.label for file in files).items():
        if count == 1:
            problem = "there is a single image in this folder, to train on or to validate on"
            yield Fault(_place(root, folder / name), problem, "Add more images of this class.")


def _counts(classes: Sequence[str], files: Iterable[ImageFile]) -> dict[str, tuple[int, int]]:
    found = Counter((file.label, file.split) for file in files)
    return {name: (found[name, "train"], found[name, "val"]) for name in classes}


def _twins(root: Path, files: Iterable[ImageFile]) -> Iterator[tuple[str, ...]]:
    """Paths of files with equal bytes in different splits or classes; only files of equal size are read."""
    sizes: dict[int, list[ImageFile]] = defaultdict(list)
    for file in files:
        sizes[file.size].append(file)
    for same_size in sizes.values():
        if len({(file.split, file.label) for file in same_size}) > 1:
            yield from _equal(root, same_size)


def _equal(root: Path, files: Iterable[ImageFile]) -> Iterator[tuple[str, ...]]:
    contents: dict[str, list[ImageFile]] = defaultdict(list)
    for file in files:
        try:
            contents[hashlib.sha256((root / file.path).read_bytes()).hexdigest()].append(file)
        except OSError:
            continue  # among the faults already
    for equal in contents.values():
        if len({(file.split, file.label) for file in equal}) > 1:
            yield tuple(shown(file.path) for file in equal)


def _place(root: Path, path: Path) -> str:
    return shown(path.relative_to(root))


def main() -> None:
    """Check the folder on the command line, and print how far the check is and the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", help="what the data set is to be called")
    parser.add_argument("--val-fraction", type=float)
    arguments = parser.parse_args()
    try:
        if arguments.name is not None:
            require_own_name(arguments.name)
        report = check(arguments.folder, arguments.val_fraction, _Progress())
    except Unusable as reason:
        _print({"refused": str(reason)})
    except OSError as error:
        _print({"refused": f"{shown(error.filename or arguments.folder)} cannot be read: {error.strerror}."})
    else:
        _print({"report": asdict(report)})


def require_own_name(name: str) -> None:
    """Raise `Unusable` for a name that a data set of one's own cannot have."""
    if not is_own_name(name):
        raise Unusable(
            f"No data set of one's own can be called {name!r}: a name has letters, digits, dots, dashes and "
            "underscores, starts with a letter or digit, has at most 63 characters, and is no built-in data set's."
        )


class _Progress:
    """Prints how many images have been read, a few times a second and for the last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._printed = 0.0

    def __call__(self, done: int, total: int) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._printed >= PROGRESS_SECONDS or done == total:
                self._printed = now
                _print({"done": done, "total": total})


def _print(document: Mapping[str, object]) -> None:
    print(json.dumps(document), flush=True)  # noqa: T201 - this is what the program prints


if __name__ == "__main__":
    main()
