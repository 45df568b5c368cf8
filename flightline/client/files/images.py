"""Images as they are sent to be classified: some to a request."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flightline.errors import UsageError

MOST_IMAGES, MOST_BYTES = 64, 16_000_000
"""The most of a request: half of what a service accepts unless somebody decides otherwise."""

Files = list[tuple[str, bytes]]
"""The files' names and contents."""


def image_batches(images: Iterable[object]) -> Iterator[Files]:
    """Yield the images in their order, as many at a time as one request takes; a larger one goes alone.

    Args:
        images: paths, contents of files, or images of Pillow's.

    Raises:
        UsageError: a file cannot be read, or something is no image.
    """
    batch: Files = []
    size = 0
    for number, image in enumerate(images, start=1):
        name, content = _file(image, number)
        if batch and (len(batch) == MOST_IMAGES or size + len(content) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((name, content))
        size += len(content)
    if batch:
        yield batch


def _file(image: Any, number: int) -> tuple[str, bytes]:
    """An image's name, by which an error calls it, and its content."""
    if isinstance(image, bytes):
        return f"image {number}", image
    if isinstance(image, str | os.PathLike):
        return Path(image).name, _content(Path(image))
    if not (hasattr(image, "save") and hasattr(image, "getexif")):  # Pillow's, which need not be there
        raise UsageError(f"Image {number} is a {type(image).__name__}, not a path, bytes or an image of Pillow's.")
    file = io.BytesIO()
    try:
        image.save(file, "PNG")
    except OSError as error:
        raise UsageError(f"Image {number} cannot be sent: {error}.") from error
    return f"image {number}", file.getvalue()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"The image {str(path)!r} cannot be read: {error.strerror or error}.") from error
