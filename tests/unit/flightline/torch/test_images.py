"""Images as the client prepares them, against what a worker makes of the same files."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flightline.errors import UsageError
from flightline.torch.images import pixels
from worker.training.data.images import ImageForm, prepare

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 2**16, (37, 53), dtype=np.uint16)


def in_mode(mode: str) -> Image.Image:
    """An image of the same colours in another mode of Pillow's."""
    return Image.fromarray(COLOURS).convert(mode)


def turned(way: int) -> Image.Exif:
    """EXIF that says how a camera was held."""
    exif = Image.Exif()
    exif[0x0112] = way
    return exif


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The content of a file of this image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


KINDS: dict[str, bytes] = {
    **{f"{mode} png": saved(in_mode(mode), "PNG") for mode in ("RGB", "L", "P", "LA", "RGBA", "1")},
    **{f"turned {way}": saved(in_mode("RGB"), "JPEG", exif=turned(way)) for way in range(1, 9)},
    "damaged exif": saved(in_mode("RGB"), "JPEG", exif=b"Exif\x00\x00nonsense"),
    "jpeg in cmyk": saved(in_mode("CMYK"), "JPEG"),
    "webp": saved(in_mode("RGBA"), "WEBP", lossless=True),
    "16 bit png": saved(Image.fromarray(DEEP), "PNG"),
    "16 bit tiff": saved(Image.fromarray(DEEP), "TIFF"),
    "16 bit big-endian tiff": saved(Image.fromarray(DEEP.astype(">u2")), "TIFF"),
    "pgm of 16 bits": b"P5 53 37 65535\n" + DEEP.astype(">u2").tobytes(),
    "bmp": saved(in_mode("RGB"), "BMP"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [None, 37, 24, 64])
def test_the_pixels_are_the_workers(kind: str, channels: int, size: int | None, tmp_path: Path) -> None:
    """From a path, its name, its bytes: equal to the last bit, resized or not."""
    content = KINDS[kind]
    expected = prepare(content, ImageForm(channels, size))
    path = tmp_path / "image"
    path.write_bytes(content)
    for image in (content, path, str(path)):
        assert torch.equal(pixels(image, channels, size), expected)


def test_a_pil_image_is_taken_as_it_is() -> None:
    """Without a file."""
    assert torch.equal(pixels(in_mode("RGB"), 3, None), torch.from_numpy(COLOURS).permute(2, 0, 1))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_what_8_bits_cannot_mean_is_refused(mode: str) -> None:
    """As a worker refuses it."""
    with pytest.raises(UsageError, match="The image cannot be read as an image: its pixels do not say"):
        pixels(in_mode("L").convert(mode), 3, None)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n cut off"])
def test_what_is_no_image_is_named(content: bytes, tmp_path: Path) -> None:
    """By its file's name; so is a file that is not there."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"^cat\.jpg cannot be read as an image"):
        pixels(path, 3, None)
    with pytest.raises(UsageError, match=r"^dog\.jpg cannot be read as an image: .*No such file"):
        pixels(tmp_path / "dog.jpg", 3, None)


def test_without_pillow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch alone does not bring it."""
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageError, match="An image file needs pillow, which is not installed"):
        pixels(b"", 3, None)
