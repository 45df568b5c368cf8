"""Images as people send them, prepared as a job's data set is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 60_000_000
"""Pixels of the largest image that is decoded: its colours take three bytes each."""


class Unreadable(Exception):
    """The image cannot be read; the message says why, and what would help."""


def prepare(content: bytes, shape: tuple[int, ...]) -> Tensor:
    """The image as (C, H, W) uint8 of this shape: upright, its shorter side resized, its centre cut out.

    Raises:
        Unreadable: the bytes are no image, a damaged one or one that is too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    channels, height, width = shape
    try:
        image: Image.Image = Image.open(io.BytesIO(content))
        _require_pixels(image)
        image = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    except Unreadable:
        raise
    except UnidentifiedImageError as error:
        raise Unreadable("this is no image of a kind that is known (PNG, JPEG, WebP, …)") from error
    except Exception as error:  # Pillow's decoders raise errors of any kind for a damaged file
        raise Unreadable("this image is cut off or damaged") from error
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(fitted).reshape(height, width, channels)).permute(2, 0, 1)


def _require_pixels(image: Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise Unreadable(f"this image is too large: {width:,} × {height:,} pixels; make it smaller")
