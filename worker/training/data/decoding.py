"""Many images at once, on all processors: Pillow lets other threads run while it decodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from worker.training.data.images import ImageForm, in_form, prepare
from worker.training.errors import DatasetCorrupt

Shape: TypeAlias = tuple[int, int, int]
"""Channels, height and width of an image."""

_CHUNK = 64
"""Images that a thread takes at a time."""


def read_images(paths: Sequence[Path], form: ImageForm, shape: Shape) -> Tensor:
    """The images of these files in this form: (N, C, H, W) uint8, all of them of the shape that the form leads to.

    Raises:
        DatasetCorrupt: some files are bad; names the first one and says how many more there are, so that all of them
            can be mended before the next try.
    """
    images = np.empty((len(paths), *shape), dtype=np.uint8)
    bad: dict[int, DatasetCorrupt] = {}

    def read(number: int) -> None:
        try:
            images[number] = prepare(paths[number], form).numpy()
        except DatasetCorrupt as error:
            bad[number] = error

    for_each(read, len(paths))
    if bad:
        first, *others = sorted(bad)
        raise bad[first].among([paths[number] for number in others])
    return torch.from_numpy(images)


def formed(images: Tensor, form: ImageForm) -> Tensor:
    """Decoded images (N, C, H, W) uint8, of one or three channels, in this form."""
    if not len(images):
        return images.new_empty((0, form.channels, *(form.side or images.shape[2:])))
    source = images.numpy()
    first = in_form(source[0], form)
    if first.shape == source[0].shape:  # then no image changes, as all of them have one shape
        return images
    out = np.empty((len(source), *first.shape), dtype=np.uint8)

    def convert(number: int) -> None:
        out[number] = in_form(source[number], form)

    for_each(convert, len(source))
    return torch.from_numpy(out)


def for_each(work: Callable[[int], None], count: int) -> None:
    """Call `work` with 0 to `count` - 1 from as many threads as this process has processors."""

    def some(first: int) -> None:
        for number in range(first, min(first + _CHUNK, count)):
            work(number)

    with ThreadPoolExecutor(processors()) as pool:
        for _ in pool.map(some, range(0, count, _CHUNK)):
            pass  # an exception of a thread is raised here


def processors() -> int:
    """The number of processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
