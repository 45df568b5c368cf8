"""Decoded images on disk, so that a data set is decoded once per machine. Losing the cache costs only time."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import torch

from worker.training.data.images import ImageForm
from worker.training.data.records import Split, SplitName, fingerprint
from worker.training.data.sources.base import Source, Splits
from worker.training.errors import DatasetCorrupt
from worker.training.state.files import shown, written_atomically

FORMAT = 2
"""Rises when equal files give other pixels; 2: 16-bit greys keep their range, and EXIF's orientation counts."""

READINGS = 3
"""How often files that change while they are read are read in all."""

log = logging.getLogger(__name__)


def cached_decode(source: Source, classes: tuple[str, ...], form: ImageForm, cache_dir: Path) -> Splits:
    """Both splits: from the cache if it belongs to these very files, else decoded and then cached.

    A cache that is damaged or out of date is written again; if it cannot be written, the images are used all the same.
    Files that change while they are read are read again.

    Raises:
        DatasetCorrupt: the files keep changing, or one of them is damaged.
    """
    path = cache_path(source, classes, form, cache_dir)
    listing = source.inventory(classes).listing
    splits = _read(path, listing, classes)
    if splits is None:
        splits, listing = _decode_unchanged(source, classes, form)
        _write(path, listing, classes, splits)
    return splits


def _decode_unchanged(source: Source, classes: tuple[str, ...], form: ImageForm) -> tuple[Splits, str]:
    """Both splits, and the listing of the files that they were read from: the same before and after reading."""
    for _ in range(READINGS):
        before = source.inventory(classes).listing
        failure: DatasetCorrupt | None = None
        try:
            splits = source.decode(classes, form)
        except DatasetCorrupt as error:
            failure = error
        if source.inventory(classes).listing != before:
            log.info("dataset_changed_while_read", extra={"path": source.place})
        elif failure is not None:
            raise failure
        else:
            return splits, before
    raise DatasetCorrupt(
        Path(source.place), "its files change while they are read", "Let whatever writes them finish, then retry."
    )


def cache_path(source: Source, classes: tuple[str, ...], form: ImageForm, cache_dir: Path) -> Path:
    """The cache file for these classes of this source in this form: always the same, so a change replaces the file."""
    key: list[object] = [source.kind, source.place, classes]
    if form != ImageForm():  # files of before there were forms keep their names, and are replaced
        key += [form.channels, form.size]
    return cache_dir / f"decoded-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.pt"


def _read(path: Path, listing: str, classes: tuple[str, ...]) -> Splits | None:
    try:
        stored: dict[str, Any] = torch.load(path, weights_only=True)
        if stored["format"] != FORMAT or stored["listing"] != listing or "train_names" not in stored:
            return None
        train, val = _split(stored, "train"), _split(stored, "val")
        intact = fingerprint(classes, train, val) == stored["fingerprint"]
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 - damaged files fail in many ways, and all mean: decode again
        log.warning("dataset_cache_unreadable", extra={"path": shown(path), "reason": str(error)})
        return None
    return (train, val) if intact else None


def _split(stored: dict[str, Any], name: SplitName) -> Split:
    images, labels, index = (stored[f"{name}_{part}"] for part in ("images", "labels", "index"))
    return Split(images, labels, index, name, tuple(stored[f"{name}_names"]))


def _write(path: Path, listing: str, classes: tuple[str, ...], splits: Splits) -> None:
    content: dict[str, Any] = {"format": FORMAT, "listing": listing, "fingerprint": fingerprint(classes, *splits)}
    for split in splits:
        content |= {
            f"{split.split}_images": split.images,
            f"{split.split}_labels": split.labels,
            f"{split.split}_index": split.index,
            f"{split.split}_names": list(split.names),
        }
    try:
        with written_atomically(path) as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:  # torch gives an error of writing a type of its own
        log.warning("dataset_cache_not_written", extra={"path": shown(path), "reason": str(error)})
