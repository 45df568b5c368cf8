"""Image files as tensors: what every kind of pixel becomes, which way up, and every way in which a file can be bad."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from worker.training.data.images import IMAGE_SUFFIXES, ImageForm, prepare
from worker.training.errors import DatasetCorrupt

SHAPE = (3, 2, 4)
LEVELS = np.array([[0, 255, 256, 4097], [32768, 43981, 65279, 65535]], dtype=np.uint16)
UPPER_8_BITS = [[0, 0, 1, 16], [128, 171, 254, 255]]
COLOURS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
"""An image (H, W, C) in which no two pixels are alike."""


def read(path: Path, shape: tuple[int, int, int] = SHAPE) -> list[Any]:
    """The image's pixels, (H, W, C)."""
    image = prepare(path, ImageForm(shape[0], exact=shape[1:]))
    assert (image.dtype, tuple(image.shape)) == (torch.uint8, shape)
    pixels: list[Any] = image.permute(1, 2, 0).tolist()
    return pixels


def greys(path: Path) -> list[Any]:
    """The pixels of a grey image (H, W): three equal channels."""
    image = prepare(path, ImageForm(3, exact=SHAPE[1:]))
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], image[2])
    levels: list[Any] = image[0].tolist()
    return levels


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file, with its length and its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path: Path, colour: int, depth: int, rows: list[bytes]) -> None:
    """A PNG of 4 columns with pixels that Pillow reads but does not write."""
    header = struct.pack(">IIBBBBB", 4, len(rows), depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    path.write_bytes(PNG_SIGNATURE + chunks)


def png(path: Path) -> None:
    """A grey PNG of 16 bits."""
    Image.fromarray(LEVELS).save(path, "PNG")


def little_endian_tiff(path: Path) -> None:
    """A grey TIFF of 16 bits, the lower byte first."""
    Image.fromarray(LEVELS).save(path, "TIFF")


def big_endian_tiff(path: Path) -> None:
    """A grey TIFF of 16 bits, the upper byte first."""
    Image.frombytes("I;16B", (4, 2), LEVELS.astype(">u2").tobytes()).save(path, "TIFF")


def pgm(path: Path) -> None:
    """A PGM of 16 bits, which Pillow opens as 32-bit integers, as it did 16-bit PNGs for years."""
    path.write_bytes(b"P5\n4 2\n65535\n" + LEVELS.astype(">u2").tobytes())


@pytest.mark.parametrize("write", [png, little_endian_tiff, big_endian_tiff, pgm])
def test_16_bit_greys_keep_their_range(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """The upper 8 bits of each level, as of 16-bit colours; not white from level 255 on."""
    write(tmp_path / "image")
    assert greys(tmp_path / "image") == UPPER_8_BITS


def test_16_bit_colours_and_greys_agree(tmp_path: Path) -> None:
    """A grey image saved as 16-bit RGB, or with transparency, comes out as the same one saved as 16-bit grey."""
    write_png(tmp_path / "rgb.png", 2, 16, [np.repeat(row, 3).astype(">u2").tobytes() for row in LEVELS])
    write_png(tmp_path / "la.png", 4, 16, [np.repeat(row, 2).astype(">u2").tobytes() for row in LEVELS])
    assert greys(tmp_path / "rgb.png") == greys(tmp_path / "la.png") == UPPER_8_BITS


def test_8_bit_values_stored_in_16_bits_come_back(tmp_path: Path) -> None:
    """Whether they were multiplied by 257, as PNG says, or shifted by 8 bits, as many programs do."""
    values = np.arange(8, dtype=np.uint16).reshape(2, 4) * 36
    for name, stored in (("times257", values * 257), ("shifted", values << 8)):
        Image.fromarray(stored.astype(np.uint16)).save(tmp_path / f"{name}.png")
        assert greys(tmp_path / f"{name}.png") == values.tolist()


def test_greys_of_few_bits_are_stretched(tmp_path: Path) -> None:
    """Black and white of one bit are 0 and 255; 4 bits go in steps of 17."""
    write_png(tmp_path / "1.png", 0, 1, [bytes([0b01010000]), bytes([0b11000000])])
    write_png(tmp_path / "4.png", 0, 4, [bytes([0x01, 0x2F])] * 2)
    assert greys(tmp_path / "1.png") == [[0, 255, 0, 255], [255, 255, 0, 0]]
    assert greys(tmp_path / "4.png") == [[0, 17, 34, 255]] * 2


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    """Also one with transparency, by one entry or by a table of bytes, without a warning."""
    image = Image.fromarray(np.arange(8, dtype=np.uint8).reshape(2, 4), "P")
    image.putpalette(COLOURS.tobytes())
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "entry.png", transparency=3)
    image.save(tmp_path / "bytes.png", transparency=bytes(range(8)))
    for name in ("plain", "entry", "bytes"):
        assert read(tmp_path / f"{name}.png") == COLOURS.tolist()


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_transparency_is_dropped(tmp_path: Path, suffix: str) -> None:
    """The colour below it is taken, of the invisible pixels too, as torchvision's loader does."""
    alpha = np.array([[0, 1, 2, 3], [128, 200, 254, 255]], dtype=np.uint8)[..., None]
    options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(np.concatenate([COLOURS, alpha], axis=2)).save(tmp_path / f"rgba.{suffix}", **options)
    assert read(tmp_path / f"rgba.{suffix}") == COLOURS.tolist()
    Image.fromarray(np.concatenate([COLOURS[..., :1], alpha], axis=2)).save(tmp_path / f"la.{suffix}", **options)
    assert greys(tmp_path / f"la.{suffix}") == COLOURS[..., 0].tolist()


def test_cmyk_becomes_red_green_and_blue(tmp_path: Path) -> None:
    """By the plain formula, without a colour profile: no ink is white, all of one leaves the other two."""
    inks = np.zeros((2, 4, 4), dtype=np.uint8)
    inks[0, 1, 0] = inks[0, 2, 1] = inks[0, 3, 2] = inks[1, :, 3] = 255
    Image.fromarray(inks, "CMYK").save(tmp_path / "print.tif")
    white, cyan, magenta, yellow = [255] * 3, [0, 255, 255], [255, 0, 255], [255, 255, 0]
    assert read(tmp_path / "print.tif") == [[white, cyan, magenta, yellow], [[0, 0, 0]] * 4]


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES - {".jpg", ".jpeg", ".pgm"}))
def test_every_lossless_kind_gives_the_same_pixels(tmp_path: Path, suffix: str) -> None:
    """PNG, BMP, PPM, TIFF and WebP."""
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(COLOURS).save(tmp_path / f"image{suffix}", **options)
    assert read(tmp_path / f"image{suffix}") == COLOURS.tolist()


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "ICNS", "TGA", "PCX"])
def test_a_decoder_of_another_kind_sees_no_file(tmp_path: Path, kind: str) -> None:
    """Whatever its name says: one of them runs a program on the file, one decodes a picture of another size."""
    Image.new("RGB", (64, 64)).save(tmp_path / "image.png", kind)
    with pytest.raises(DatasetCorrupt, match="it is none, or of a kind that is not known"):
        read(tmp_path / "image.png", (3, 64, 64))


def test_the_suffixes_are_those_of_torchvision() -> None:
    """What `ImageFolder` takes: written down here too, so that looking at folders does not import torchvision."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    assert set(IMG_EXTENSIONS) == IMAGE_SUFFIXES


def test_a_grey_data_set_takes_grey(tmp_path: Path) -> None:
    """One channel where the data set has one."""
    Image.fromarray(COLOURS[..., 0]).save(tmp_path / "grey.png")
    assert read(tmp_path / "grey.png", (1, 2, 4)) == COLOURS[..., :1].tolist()


TURNS: dict[int, Callable[[Any], Any]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
"""How a camera stores an upright image (H, W, C) under each EXIF orientation: what turns it back is the inverse."""


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", TURNS)
def test_images_are_turned_as_exif_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    """All eight orientations; the size that counts is that of the upright image."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(TURNS[orientation](COLOURS))
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(stored).save(tmp_path / f"photo.{suffix}", exif=exif, **options)
    assert read(tmp_path / f"photo.{suffix}") == COLOURS.tolist()


def test_a_turned_image_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    """An image that lies on its side without EXIF to say so, and one that EXIF lays on its side."""
    Image.fromarray(np.rot90(COLOURS).copy()).save(tmp_path / "side.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOURS).save(tmp_path / "turned.png", exif=exif)
    for name in ("side.png", "turned.png"):
        with pytest.raises(DatasetCorrupt, match="this image is 2 × 4 pixels, not 4 × 2"):
            read(tmp_path / name)


def test_a_16_bit_image_is_turned_too(tmp_path: Path) -> None:
    """EXIF and range are kept together."""
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(LEVELS).save(tmp_path / "scan.png", exif=exif)
    assert greys(tmp_path / "scan.png") == [row[::-1] for row in UPPER_8_BITS[::-1]]


def test_damaged_exif_harms_no_image(tmp_path: Path) -> None:
    """An image whose EXIF block cannot be read is taken as it lies."""
    Image.fromarray(COLOURS).save(tmp_path / "photo.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffnonsense")
    assert read(tmp_path / "photo.png") == COLOURS.tolist()


def floats(path: Path) -> None:
    """A TIFF of floating-point numbers."""
    Image.fromarray(LEVELS.astype(np.float32)).save(path, "TIFF")


def integers(path: Path) -> None:
    """A TIFF of 32-bit integers beyond 16 bits."""
    Image.fromarray(LEVELS.astype(np.int32) * 1000).save(path, "TIFF")


@pytest.mark.parametrize(
    "write, problem",
    [
        (floats, "no meaning in 8 bits: its pixels are floating-point numbers"),
        (integers, "no meaning in 8 bits: its pixels are integers of more than 16 bits"),
    ],
)
def test_what_8_bits_cannot_mean_is_refused_by_name(
    tmp_path: Path, write: Callable[[Path], None], problem: str
) -> None:
    """Rather than clipped to white: the message names the file, what its pixels are, and what to do."""
    write(tmp_path / "scan.tif")
    with pytest.raises(DatasetCorrupt, match=problem) as caught:
        read(tmp_path / "scan.tif")
    assert caught.value.path == tmp_path / "scan.tif"
    assert "Save it as grey or RGB" in caught.value.detail


def test_colours_without_a_way_to_rgb_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Pillow opens and cannot convert is the file's fault, not a bug."""

    def unknown(_: Image.Image, mode: str) -> None:
        raise ValueError(f"conversion to {mode} not supported")

    Image.fromarray(COLOURS).save(tmp_path / "odd.tif")
    monkeypatch.setattr(Image.Image, "convert", unknown)
    with pytest.raises(DatasetCorrupt, match=r"this image's colours \(RGB\) cannot be read"):
        read(tmp_path / "odd.tif")


def nothing_at_all(path: Path) -> None:
    """No file."""
    path.unlink()


def empty(path: Path) -> None:
    """No bytes."""
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    """All but its end."""
    path.write_bytes(path.read_bytes()[:-30])


def few(path: Path) -> None:
    """The first bytes of it."""
    path.write_bytes(path.read_bytes()[:11])


def text(path: Path) -> None:
    """Something else under an image's name."""
    path.write_text("404: not found")


def folder(path: Path) -> None:
    """A folder with an image's name."""
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    """A pipe that nobody writes to: reading it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


def dangling(path: Path) -> None:
    """A link to nothing."""
    path.unlink()
    path.symlink_to("nowhere.png")


def loop(path: Path) -> None:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    "spoil, problem",
    [
        (nothing_at_all, "this file is missing"),
        (dangling, "this file is missing: the link leads nowhere"),
        (loop, "this image cannot be read: the link leads in a circle"),
        (empty, r"this image cannot be read: the file is empty \(0 bytes\)"),
        (cut_off, "this image cannot be read: it is cut off or damaged"),
        (few, "this image cannot be read: it is none, or of a kind that is not known"),
        (text, "this image cannot be read: it is none, or of a kind that is not known"),
        (folder, "this image cannot be read: it is a folder"),
        (pipe, "this image cannot be read: it is no ordinary file"),
    ],
)
def test_a_bad_file_is_named_in_plain_words(tmp_path: Path, spoil: Callable[[Path], None], problem: str) -> None:
    """What is wrong, where, and what to do; nothing of Python's."""
    path = tmp_path / "0001.png"
    Image.fromarray(COLOURS).save(path)
    spoil(path)
    with pytest.raises(DatasetCorrupt, match=problem) as caught:
        read(path)
    assert caught.value.path == path
    assert caught.value.detail.startswith(f"{path}: ")
    assert "delete it" in caught.value.detail
    assert not any(sign in caught.value.detail for sign in ("<", "Errno", "()"))


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the user who has to be let in."""
    Image.fromarray(COLOURS).save(tmp_path / "0001.png")

    def denied(path: Path, _: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(DatasetCorrupt, match=r"\(Permission denied\)\. Let the user that runs the worker read it"):
        read(tmp_path / "0001.png")


def test_a_huge_image_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is read from its header alone."""
    Image.new("L", (3000, 2000)).save(tmp_path / "map.png")

    def decoded(_: Image.Image) -> None:
        raise AssertionError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded)
    with pytest.raises(DatasetCorrupt, match="this image is too large: 3,000 × 2,000 pixels, not 4 × 2"):
        read(tmp_path / "map.png")


def huge_png(width: int, height: int) -> bytes:
    """The first bytes of a PNG that says that it is so large."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return PNG_SIGNATURE + header + png_chunk(b"IDAT", zlib.compress(bytes(100)))


@pytest.mark.parametrize("width, height", [(12_000, 10_000), (100_000, 90_000)])
def test_an_image_of_enormous_declared_size_is_too_large(tmp_path: Path, width: int, height: int) -> None:
    """Beyond what Pillow warns of and what it refuses, it is not said to be damaged; nothing of it is decoded."""
    (tmp_path / "bomb.png").write_bytes(huge_png(width, height))
    with pytest.raises(DatasetCorrupt, match=f"too large: {width * height:,} pixels, not 4 × 2. Replace it") as caught:
        read(tmp_path / "bomb.png")
    assert caught.value.path == tmp_path / "bomb.png"


def test_a_lack_of_memory_is_no_fault_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may pass, and is not reported as a damaged file."""

    def exhausted(_: Image.Image) -> None:
        raise MemoryError

    Image.fromarray(COLOURS).save(tmp_path / "0001.png")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", exhausted)
    with pytest.raises(MemoryError):
        read(tmp_path / "0001.png")


def test_a_name_that_is_not_utf_8_is_shown(tmp_path: Path) -> None:
    """The message is text that a database and JSON can hold; its odd bytes are written out."""
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(b"")
    with pytest.raises(DatasetCorrupt) as caught:
        read(path)
    assert r"caf\xe9.png" in caught.value.detail
    assert caught.value.detail.encode()
    Image.fromarray(COLOURS).save(path)
    assert read(path) == COLOURS.tolist()
