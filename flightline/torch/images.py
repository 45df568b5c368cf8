"""Images as a job's network takes them: the pixels that a worker gives the same file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from flightline.client.display.optional import optional
from flightline.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

WHITELESS = frozenset({"F", "I"})
"""Pillow's modes whose numbers do not say which of them is white, but for the integers of a PNG of 16 bits."""


def pixels(image: object, channels: int, size: int | None) -> Tensor:
    """The pixels (channels, H, W) of an image in uint8, as a worker prepares the images of a data set.

    An image is turned upright as its EXIF orientation says; grey levels of 16 bits keep their upper 8; transparency is
    dropped. With a size the shorter side is resized to it, bilinear and antialiased, and the square in the centre cut
    out: torchvision's `Resize(size)` and `CenterCrop(size)` on a PIL image.

    Args:
        image: the path of a file, a file's content, or a PIL image.
        channels: 3 for colour, 1 for grey.
        size: side of the square; None leaves the image as large as it is.

    Raises:
        UsageError: the image cannot be read, or has pixels that mean nothing in 8 bits; or Pillow is not installed.
    """
    with _opened(image) as opened:
        converted = _in_8_bits(opened).convert("L" if channels == 1 else "RGB")
        square = converted if size is None else _square(converted, size)
        flat = torch.frombuffer(bytearray(square.tobytes()), dtype=torch.uint8)
        return flat.view(square.height, square.width, channels).permute(2, 0, 1).contiguous()


@contextmanager
def _opened(image: object) -> Iterator[Image]:
    pillow = optional("PIL.Image", "An image file")
    name = Path(image).name if isinstance(image, str | os.PathLike) else "The image"
    source = io.BytesIO(image) if isinstance(image, bytes) else image
    try:
        opened = source if isinstance(source, pillow.Image) else pillow.open(source)
        opened.load()
        yield _upright(opened)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"{name} cannot be read as an image: {error}.") from error


def _upright(image: Image) -> Image:
    try:
        upright: Image = optional("PIL.ImageOps", "An image file").exif_transpose(image)
    except Exception:  # noqa: BLE001 - a damaged EXIF block says nothing about how the camera was held
        return image
    upright.format = image.format
    return upright


def _in_8_bits(image: Image) -> Image:
    """The image in a mode that Pillow converts to 8 bits without losing its range."""
    data = None
    if image.mode.startswith("I;16"):
        data = image.tobytes()[0 if image.mode.endswith("B") else 1 :: 2]
    elif image.mode == "I" and image.format in {"PNG", "PPM"}:
        data = image.tobytes()[1::4]
    if data is not None:
        grey: Image = optional("PIL.Image", "An image file").frombytes("L", image.size, data)
        return grey
    if image.mode in WHITELESS:
        raise ValueError("its pixels do not say which number is white")
    return image.convert("RGBA") if image.mode in {"P", "PA", "RGBa"} else image


def _square(image: Image, size: int) -> Image:
    width, height = image.size
    short = min(width, height)
    if short != size:
        width, height = int(size * width / short), int(size * height / short)
        image = image.resize((width, height), optional("PIL.Image", "An image file").Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))
