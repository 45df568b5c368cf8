"""An image file as a tensor: the kinds that are read, their conversion to 8 bits, and the reasons for refusals."""

from __future__ import annotations

import errno
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from worker.training.errors import DatasetCorrupt

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"})
"""The suffixes that torchvision's `ImageFolder` takes, in lower case."""

_COLOURS = {1: "L", 3: "RGB"}
"""Pillow's mode for 8-bit pixels, by the number of channels."""

_NO_WHITE = {"F": "floating-point numbers", "I": "integers of more than 16 bits, or with a sign"}
"""Pillow's modes whose numbers do not say which of them is white, with the reason."""

_COPY_OR_DELETE = "Copy it again from the data set, or delete it."
_REPLACE_OR_DELETE = "Replace it, or delete it."
_SAVE_OR_DELETE = "Save it as grey or RGB with 8 or 16 bits, or delete it."


class _Refused(Exception):
    """The file is refused; the message says what is wrong with it, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str = _COPY_OR_DELETE) -> None:
        super().__init__(problem)
        self.remedy = remedy


def read_image(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """The image as a tensor (C, H, W) of uint8, turned upright as its EXIF orientation says.

    Grey levels and colours of 16 bits keep their upper 8, as in other readers of PNG. Transparency is dropped: the
    colour below it is taken. Grey becomes red, green and blue where the data set has three channels, a palette and CMYK
    become the colours that they stand for. Of several pictures in one file the first is taken.

    Args:
        path: the file.
        shape: the channels (1 or 3), height and width that the image must have.

    Raises:
        DatasetCorrupt: the file cannot be read, has another size, or pixels that mean nothing in 8 bits.
    """
    try:
        return _tensor(_opened(path, shape), shape)
    except _Refused as refusal:
        raise DatasetCorrupt(path, str(refusal), refusal.remedy) from refusal.__cause__


def _opened(path: Path, shape: tuple[int, int, int]) -> Image:
    """The decoded image, turned upright. Raises _Refused."""
    # Imported only to decode: importing Pillow takes time that a worker's start does not have.
    from PIL import Image, UnidentifiedImageError

    try:
        _require_file(path)
        with path.open("rb") as file:
            image = Image.open(file)
            _require_size(image, shape, either_way_up=True)  # before a huge image is decoded
            image.load()
    except (_Refused, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = int(re.findall(r"\d+", str(error))[0])  # which Pillow says nowhere else
        raise _too_large(f"{pixels:,}", shape) from error
    except UnidentifiedImageError as error:
        raise _Refused("this image cannot be read: it is none, or of a kind that is not known") from error
    except OSError as error:
        raise _refusal_of(path, error) from error
    except Exception as error:  # Pillow's decoders raise errors of any kind for a damaged file
        raise _Refused("this image cannot be read: it is cut off or damaged") from error
    upright = _upright(image)
    _require_size(upright, shape)
    return upright


def _require_file(path: Path) -> None:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _Refused("this image cannot be read: it is a folder", "Move it out of the data set, or delete it.")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
        raise _Refused("this image cannot be read: it is no ordinary file")
    if not status.st_size:
        raise _Refused("this image cannot be read: the file is empty (0 bytes)")


def _refusal_of(path: Path, error: OSError) -> _Refused:
    """The refusal for an operating system's error, or for a decoder's, which has no number."""
    if error.errno is None:
        return _Refused("this image cannot be read: it is cut off or damaged")
    if error.errno == errno.ENOENT:
        return _Refused("this file is missing: the link leads nowhere" if path.is_symlink() else "this file is missing")
    if error.errno == errno.ELOOP:
        return _Refused("this image cannot be read: the link leads in a circle")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return _Refused(
            f"this image cannot be read ({error.strerror})", "Let the user that runs the worker read it, or delete it."
        )
    return _Refused(f"this image cannot be read ({error.strerror})")


def _require_size(image: Image, shape: tuple[int, int, int], *, either_way_up: bool = False) -> None:
    (width, height), (_, rows, columns) = image.size, shape
    turned = either_way_up and (height, width) == (columns, rows)
    if (width, height) == (columns, rows) or turned:
        return
    if width > columns and height > rows:
        raise _too_large(f"{width:,} × {height:,}", shape)
    raise _Refused(f"this image is {width:,} × {height:,} pixels, not {columns} × {rows}", _REPLACE_OR_DELETE)


def _too_large(pixels: str, shape: tuple[int, int, int]) -> _Refused:
    return _Refused(f"this image is too large: {pixels} pixels, not {shape[2]} × {shape[1]}", _REPLACE_OR_DELETE)


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - a damaged EXIF block says nothing about how the camera was held
        return image
    upright.format = image.format
    return upright


def _tensor(image: Image, shape: tuple[int, int, int]) -> Tensor:
    try:
        pixels = np.array(_in_8_bits(image).convert(_COLOURS[shape[0]]))
    except ValueError as error:
        raise _Refused(f"this image's colours ({image.mode}) cannot be read", _SAVE_OR_DELETE) from error
    return torch.from_numpy(pixels.reshape(*shape[1:], shape[0])).permute(2, 0, 1)


def _in_8_bits(image: Image) -> Image:
    """The image in a mode that Pillow converts to 8 bits of grey or colour without losing its range."""
    from PIL import Image

    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"}):
        return Image.fromarray((np.array(image) >> 8).astype(np.uint8))
    if image.mode in _NO_WHITE:
        problem = f"this image has no meaning in 8 bits: its pixels are {_NO_WHITE[image.mode]}"
        raise _Refused(problem, _SAVE_OR_DELETE)
    if image.mode in {"P", "PA", "RGBa"}:
        return image.convert("RGBA")  # also where its transparency has a form that RGB cannot take
    return image
