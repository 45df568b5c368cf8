"""Decoded images on disk, so that a data set is decoded once per machine. Losing the cache costs only time."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from pathlib import Path
from typing import Any

import torch

from worker.training.data.records import Split, fingerprint
from worker.training.data.sources.base import Source, Splits
from worker.training.errors import DatasetCorrupt
from worker.training.state.files import shown, write_atomically

FORMAT = 2
"""Rises when equal files give other pixels; 2: 16-bit greys keep their range, and EXIF's orientation counts."""

READINGS = 3
"""How often files that change while they are read are read in all."""

log = logging.getLogger(__name__)


def cached_decode(source: Source, classes: tuple[str, ...], cache_dir: Path) -> Splits:
    """Both splits: from the cache if it belongs to these very files, else decoded and then cached.

    A cache that is damaged or out of date is written again; if it cannot be written, the images are used all the same.
    Files that change while they are read are read again.

    Raises:
        DatasetCorrupt: the files keep changing, or one of them is damaged.
    """
    path = cache_path(source, classes, cache_dir)
    listing = source.inventory(classes).listing
    splits = _read(path, listing, classes)
    if splits is None:
        splits, listing = _decode_unchanged(source, classes)
        _write(path, listing, classes, splits)
    return splits


def _decode_unchanged(source: Source, classes: tuple[str, ...]) -> tuple[Splits, str]:
    """Both splits, and the listing of the files that they were read from: the same before and after reading."""
    for _ in range(READINGS):
        before = source.inventory(classes).listing
        failure: DatasetCorrupt | None = None
        try:
            splits = source.decode(classes)
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


def cache_path(source: Source, classes: tuple[str, ...], cache_dir: Path) -> Path:
    """The cache file for these classes of this source: always the same, so that a change replaces the file."""
    name = json.dumps([source.kind, source.place, classes])
    return cache_dir / f"decoded-{hashlib.sha256(name.encode()).hexdigest()[:16]}.pt"


def _read(path: Path, listing: str, classes: tuple[str, ...]) -> Splits | None:
    try:
        stored: dict[str, Any] = torch.load(path, weights_only=True)
        if stored["format"] != FORMAT or stored["listing"] != listing:
            return None
        train, val = (Split(stored[f"{name}_images"], stored[f"{name}_labels"]) for name in ("train", "val"))
        intact = fingerprint(classes, train, val) == stored["fingerprint"]
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 - damaged files fail in many ways, and all mean: decode again
        log.warning("dataset_cache_unreadable", extra={"path": shown(path), "reason": str(error)})
        return None
    return (train, val) if intact else None


def _write(path: Path, listing: str, classes: tuple[str, ...], splits: Splits) -> None:
    train, val = splits
    content = {
        "format": FORMAT,
        "listing": listing,
        "fingerprint": fingerprint(classes, train, val),
        "train_images": train.images,
        "train_labels": train.labels,
        "val_images": val.images,
        "val_labels": val.labels,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    try:
        write_atomically(path, buffer.getbuffer())
    except OSError as error:
        log.warning("dataset_cache_not_written", extra={"path": shown(path), "reason": str(error)})
