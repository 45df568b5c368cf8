"""Decoded images on disk, so that a data set is decoded once per machine. Losing the cache costs only time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from worker.training.data.images import ImageForm
from worker.training.data.records import Split, SplitName, fingerprint
from worker.training.data.sources.base import Source, Splits
from worker.training.errors import DatasetCorrupt
from worker.training.state.files import shown, written_atomically

FORMAT = 2
"""Rises when equal files give other pixels; 2: 16-bit greys keep their range, and EXIF's orientation counts."""

_BLOCK = 4096
"""Words of eight bytes that are summed up together."""

READINGS = 3
"""How often files that change while they are read are read in all."""

log = logging.getLogger(__name__)


class Decoded(NamedTuple):
    """Both splits of some classes, and a checksum that tells them from other images."""

    splits: Splits
    checksum: str


def cached_decode(source: Source, listing: str, classes: tuple[str, ...], form: ImageForm, cache_dir: Path) -> Decoded:
    """Both splits: from the cache if it belongs to the files of this listing, else decoded and then cached.

    A cache that is damaged or out of date is written again; if it cannot be written, the images are used all the same.
    Files that change while they are read are read again.

    Raises:
        DatasetCorrupt: the files keep changing, or one of them is damaged.
    """
    path = cache_path(source, classes, form, cache_dir)
    decoded = _read(path, listing)
    if decoded is None:
        splits, listing = _decode_unchanged(source, classes, form)
        decoded = Decoded(splits, _checksum(splits))
        _write(path, listing, classes, decoded)
    return decoded


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


def _read(path: Path, listing: str) -> Decoded | None:
    try:
        stored: dict[str, Any] = torch.load(path, weights_only=True)
        if stored["format"] != FORMAT or stored["listing"] != listing or "checksum" not in stored:
            return None
        splits = _split(stored, "train"), _split(stored, "val")
        checksum = _checksum(splits)
        intact = checksum == stored["checksum"]
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 - damaged files fail in many ways, and all mean: decode again
        log.warning("dataset_cache_unreadable", extra={"path": shown(path), "reason": str(error)})
        return None
    return Decoded(splits, checksum) if intact else None


def _split(stored: dict[str, Any], name: SplitName) -> Split:
    images, labels, index = (stored[f"{name}_{part}"] for part in ("images", "labels", "index"))
    names = os.fsdecode(stored[f"{name}_names"].numpy().tobytes())
    return Split(images, labels, index, name, tuple(names.split("\0")) if names else ())


def _checksum(splits: Splits) -> str:
    """A checksum of both splits that notices every damage of a disk, in a tenth of the time that a hash takes.

    Each block's words are summed up, and the sums are hashed with all that is not pixels.
    """
    digest = hashlib.sha256()
    for split in splits:
        digest.update(json.dumps([list(split.images.shape), split.split, split.names]).encode())
        digest.update(torch.stack([split.labels, split.index]).numpy().data)
        pixels = split.images.contiguous().view(-1).numpy()
        words = pixels[: len(pixels) // 8 * 8].view(np.uint64)
        digest.update(np.add.reduceat(words, np.arange(0, len(words), _BLOCK)).data if len(words) else b"")
        digest.update(pixels[len(words) * 8 :].data)
    return digest.hexdigest()


def _write(path: Path, listing: str, classes: tuple[str, ...], decoded: Decoded) -> None:
    content: dict[str, Any] = {"format": FORMAT, "listing": listing, "checksum": decoded.checksum}
    content["fingerprint"] = fingerprint(classes, *decoded.splits)  # for workers of the release before
    for split in decoded.splits:
        content |= {
            f"{split.split}_images": split.images,
            f"{split.split}_labels": split.labels,
            f"{split.split}_index": split.index,
            # As bytes: the reader that runs nothing takes its time over each of many strings.
            f"{split.split}_names": torch.from_numpy(np.array(bytearray(os.fsencode("\0".join(split.names))))),
        }
    try:
        with written_atomically(path) as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:  # torch gives an error of writing a type of its own
        log.warning("dataset_cache_not_written", extra={"path": shown(path), "reason": str(error)})
