"""Image files as they are sent to be classified: some to a request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from flightline.errors import UsageError

MOST_IMAGES, MOST_BYTES = 64, 16_000_000
"""The most of a request: half of what a service accepts unless somebody decides otherwise."""

Files = list[tuple[str, bytes]]
"""The files' names and contents."""


def image_batches(images: Iterable[str | os.PathLike[str]]) -> Iterator[Files]:
    """Yield the files in their order, as many at a time as one request takes; a larger file goes alone.

    Raises:
        UsageError: a file cannot be read.
    """
    batch: Files = []
    size = 0
    for image in images:
        content = _content(Path(image))
        if batch and (len(batch) == MOST_IMAGES or size + len(content) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((Path(image).name, content))
        size += len(content)
    if batch:
        yield batch


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"The image {str(path)!r} cannot be read: {error.strerror or error}.") from error
