"""An image file as a tensor: the kinds that are read, the form that they get, and the reasons for refusals."""

from __future__ import annotations

import errno
import io
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.training.errors import DatasetCorrupt

if TYPE_CHECKING:
    from PIL.Image import Image

    from worker.training.plan import DatasetPlan

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"})
"""The suffixes that torchvision's `ImageFolder` takes, in lower case."""

_FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
"""Pillow's decoders that may see a file: others run programs (Ghostscript for EPS) or are seldom looked after."""

MOST_PIXELS = 89_478_485
"""Pixels of the largest image that is decoded: the size beyond which Pillow warns of a decompression bomb."""

_COLOURS = {1: "L", 3: "RGB"}
"""Pillow's mode for 8-bit pixels, by the number of channels."""

_NO_WHITE = {"F": "floating-point numbers", "I": "integers of more than 16 bits, or with a sign"}
"""Pillow's modes whose numbers do not say which of them is white, with the reason."""

_GREY = frozenset({"1", "L", "LA", "La", "I", "F"})
"""Pillow's modes without colours, beside those that start with `I;16`."""

_ORIENTATION = 0x0112
_ON_SIDE = frozenset({5, 6, 7, 8})
"""The number of EXIF's entry that says how a camera was held, and its values for an image that lies on its side."""

_COPY_OR_DELETE = "Copy it again from the data set, or delete it."
_EMPTY = "this image cannot be read: the file is empty (0 bytes)"
_REPLACE_OR_DELETE = "Replace it, or delete it."
_RESIZE_OR_REPLACE = "Replace it, delete it, or give the job an image_size, to which all images are resized."
_SAVE_OR_DELETE = "Save it as grey or RGB with 8 or 16 bits, or delete it."


@dataclass(frozen=True)
class ImageForm:
    """The form that images get before they are batched.

    Attributes:
        channels: 3 for colour, 1 for grey.
        size: side in pixels of the square that an image is resized and cut to; None takes images as large as they are.
        exact: height and width that an image must have where it is not resized; None takes any.
    """

    channels: int = 3
    size: int | None = None
    exact: tuple[int, int] | None = None

    @classmethod
    def of(cls, plan: DatasetPlan) -> ImageForm:
        """The form that a job's data set asks for."""
        return cls(plan.channels, plan.image_size)

    @property
    def side(self) -> tuple[int, int] | None:
        """Height and width of every image in this form, as far as the form decides them."""
        return self.exact if self.size is None else (self.size, self.size)

    def among(self, side: tuple[int, int] | None) -> ImageForm:
        """The same form where images that are not resized must have this height and width."""
        return replace(self, exact=side)


class _Refused(Exception):
    """The file is refused; the message says what is wrong with it, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str = _COPY_OR_DELETE) -> None:
        super().__init__(problem)
        self.remedy = remedy


def prepare(image: bytes | Path, form: ImageForm, name: str | None = None) -> Tensor:
    """The image as a tensor (C, H, W) of uint8 in this form: the one preparation that all images of a job get.

    An image is turned upright as its EXIF orientation says. Grey levels and colours of 16 bits keep their upper 8, as
    in other readers of PNG. Transparency is dropped: the colour below it is taken. Grey becomes red, green and blue
    where the form has three channels, colours become grey where it has one; a palette and CMYK become the colours that
    they stand for. Of several pictures in one file the first is taken.

    Then, where the form has a size, what torchvision's `Resize(size)` and `CenterCrop(size)` do with a PIL image: the
    shorter side is resized to it, bilinear and antialiased, and the square in the centre is cut out.

    Args:
        image: a file, or a file's content.
        form: the channels and the size.
        name: what an error calls a file's content.

    Raises:
        DatasetCorrupt: the image cannot be read, has another size than it must have, or pixels that mean nothing in 8
            bits. Its `problem` says so without the name.
    """
    path = Path(name or "image") if isinstance(image, bytes) else image
    try:
        return torch.from_numpy(_pixels(_opened(image, form), form))
    except _Refused as refusal:
        raise DatasetCorrupt(path, str(refusal), refusal.remedy) from refusal.__cause__


def in_form(image: NDArray[np.uint8], form: ImageForm) -> NDArray[np.uint8]:
    """The array (C, H, W) of 8-bit grey or RGB as `prepare` would give it were it an image file."""
    if len(image) == form.channels and (form.size is None or image.shape[1:] == (form.size, form.size)):
        return image
    from PIL import Image

    rows = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    return _pixels(Image.fromarray(rows), form)


@dataclass(frozen=True)
class Header:
    """What an image file says of itself before it is decoded: height and width upright, and whether it is grey."""

    side: tuple[int, int]
    grey: bool


def header_of(file: bytes | Path) -> Header:
    """The header of an image file, or of a file's content, without decoding it. Raises DatasetCorrupt."""
    try:
        return _header(file)
    except _Refused as refusal:
        path = Path("image") if isinstance(file, bytes) else file
        raise DatasetCorrupt(path, str(refusal), refusal.remedy) from refusal.__cause__


def _header(file: bytes | Path) -> Header:
    with _opening(file, ImageForm()) as image:
        width, height = image.size
        # Pillow gives a TIFF's upright size, and would decode a PNG to look for an EXIF block behind its pixels.
        may_lie = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        side = (width, height) if may_lie and _orientation(image) in _ON_SIDE else (height, width)
        return Header(side, image.mode in _GREY or image.mode.startswith("I;16"))


def _orientation(image: Image) -> object:
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - as where the image is turned
        return None


def _opened(file: bytes | Path, form: ImageForm) -> Image:
    """The decoded image, turned upright. Raises _Refused."""
    with _opening(file, form) as image:
        _require_size(image, form, either_way_up=True)  # before a huge image is decoded
        image.load()
    upright = _upright(image)
    _require_size(upright, form)
    return upright


@contextmanager
def _opening(file: bytes | Path, form: ImageForm) -> Iterator[Image]:
    """An image of which the header is read; whatever is raised meanwhile becomes _Refused, but a lack of memory."""
    # Imported only to decode: importing Pillow takes time that a worker's start does not have.
    from PIL import Image, UnidentifiedImageError

    try:
        with _stream(file) as stream:
            yield Image.open(stream, formats=_FORMATS)
    except (_Refused, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = int(re.findall(r"\d+", str(error))[0])  # which Pillow says nowhere else
        raise _too_large(f"{pixels:,}", form) from error
    except UnidentifiedImageError as error:
        raise _Refused("this image cannot be read: it is none, or of a kind that is not known") from error
    except OSError as error:
        raise _refusal_of(file, error) from error
    except Exception as error:  # Pillow's decoders raise errors of any kind for a damaged file
        raise _Refused("this image cannot be read: it is cut off or damaged") from error


def _stream(file: bytes | Path) -> BinaryIO:
    if isinstance(file, Path):
        _require_file(file)
        return file.open("rb")
    if not file:
        raise _Refused(_EMPTY)
    return io.BytesIO(file)


def _require_file(path: Path) -> None:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _Refused("this image cannot be read: it is a folder", "Move it out of the data set, or delete it.")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
        raise _Refused("this image cannot be read: it is no ordinary file")
    if not status.st_size:
        raise _Refused(_EMPTY)


def _refusal_of(file: bytes | Path, error: OSError) -> _Refused:
    """The refusal for an operating system's error, or for a decoder's, which has no number."""
    if error.errno is None:
        return _Refused("this image cannot be read: it is cut off or damaged")
    if error.errno == errno.ENOENT:
        return _Refused(_missing(file))
    if error.errno == errno.ELOOP:
        return _Refused("this image cannot be read: the link leads in a circle")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return _Refused(
            f"this image cannot be read ({error.strerror})", "Let the user that runs the worker read it, or delete it."
        )
    return _Refused(f"this image cannot be read ({error.strerror})")


def _missing(file: bytes | Path) -> str:
    linked = isinstance(file, Path) and file.is_symlink()
    return "this file is missing: the link leads nowhere" if linked else "this file is missing"


def _require_size(image: Image, form: ImageForm, *, either_way_up: bool = False) -> None:
    width, height = image.size
    if form.size is not None or form.exact is None:
        if width * height > MOST_PIXELS:
            raise _too_large(f"{width:,} × {height:,}", form)
        return
    rows, columns = form.exact
    turned = either_way_up and (height, width) == (columns, rows)
    if (width, height) == (columns, rows) or turned:
        return
    if width > columns and height > rows:
        raise _too_large(f"{width:,} × {height:,}", form)
    raise _Refused(f"this image is {width:,} × {height:,} pixels, not {columns} × {rows}", _RESIZE_OR_REPLACE)


def _too_large(pixels: str, form: ImageForm) -> _Refused:
    if form.size is not None or form.exact is None:
        most = f"more than the {MOST_PIXELS:,} in all that are read"
        return _Refused(f"this image is too large: {pixels} pixels, {most}", _REPLACE_OR_DELETE)
    wanted = f"{form.exact[1]} × {form.exact[0]}"
    return _Refused(f"this image is too large: {pixels} pixels, not {wanted}", _RESIZE_OR_REPLACE)


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - a damaged EXIF block says nothing about how the camera was held
        return image
    upright.format = image.format
    return upright


def _pixels(image: Image, form: ImageForm) -> NDArray[np.uint8]:
    """The pixels (C, H, W) of an upright image in this form. Raises _Refused."""
    try:
        converted = _in_8_bits(image).convert(_COLOURS[form.channels])
    except ValueError as error:
        raise _Refused(f"this image's colours ({image.mode}) cannot be read", _SAVE_OR_DELETE) from error
    pixels = np.array(converted if form.size is None else _square(converted, form.size))
    return pixels.reshape(*pixels.shape[:2], form.channels).transpose(2, 0, 1)


def _square(image: Image, size: int) -> Image:
    """The image with its shorter side resized to `size`, and the square in its centre: torchvision's, to the pixel."""
    from PIL.Image import Resampling

    width, height = image.size
    short = min(width, height)
    if short != size:
        width, height = int(size * width / short), int(size * height / short)
        if width * height > MOST_PIXELS:
            shape = f"{image.width:,} × {image.height:,} pixels"
            raise _Refused(f"this image is too long and thin: {shape}, to be {size} on the shorter side")
        image = image.resize((width, height), Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))


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
