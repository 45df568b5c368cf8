"""The one preparation of an image: torchvision's resizing and cutting, of files and of bytes, and what headers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision import transforms

from tests.unit.training.data.test_images import COLOURS, TURNS
from worker.training.data.decoding import formed
from worker.training.data.headers import Headers
from worker.training.data.images import MOST_PIXELS, Header, ImageForm, header_of, prepare
from worker.training.data.sources.folders import ClassFolders
from worker.training.errors import DatasetCorrupt


def noise(width: int, height: int, channels: int = 3) -> Image.Image:
    """A picture in which no resizing looks like another."""
    pixels = np.random.default_rng([width, height]).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels)


def by_torchvision(image: Image.Image, size: int, channels: int) -> torch.Tensor:
    """What a notebook writes."""
    upright = ImageOps.exif_transpose(image).convert("RGB" if channels == 3 else "L")
    steps = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()])
    prepared: torch.Tensor = steps(upright)
    return prepared


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [1, 7, 32, 64])
@pytest.mark.parametrize(
    "width, height", [(64, 64), (65, 64), (33, 32), (32, 33), (200, 31), (31, 200), (5, 9), (1, 1), (640, 480)]
)
def test_pixels_are_those_of_torchvisions_transforms(
    tmp_path: Path, width: int, height: int, size: int, channels: int
) -> None:
    """Shrunk and enlarged, wide and high, of odd sizes: to the last bit."""
    noise(width, height).save(tmp_path / "image.png")
    image = prepare(tmp_path / "image.png", ImageForm(channels, size))
    assert image.shape == (channels, size, size)
    assert torch.equal(image, by_torchvision(noise(width, height), size, channels))


@pytest.mark.parametrize("orientation", TURNS)
def test_an_image_is_turned_before_it_is_cut(tmp_path: Path, orientation: int) -> None:
    """A photograph's EXIF says which side is the upper one."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise(40, 25).save(tmp_path / "photo.jpg", exif=exif)
    with Image.open(tmp_path / "photo.jpg") as stored:
        assert torch.equal(prepare(tmp_path / "photo.jpg", ImageForm(3, 16)), by_torchvision(stored, 16, 3))


def test_bytes_give_what_their_file_gives(tmp_path: Path) -> None:
    """An image of a request is prepared as the data set's."""
    path = tmp_path / "image.webp"
    noise(40, 25).save(path)
    for form in (ImageForm(3, 16), ImageForm(1, 16), ImageForm(), ImageForm(exact=(25, 40))):
        assert torch.equal(prepare(path.read_bytes(), form), prepare(path, form))


@pytest.mark.parametrize(
    "content, problem",
    [(b"", "the file is empty"), (b"no image at all", "it is none"), (b"\xff\xd8\xff\xe0cut", "")],
)
def test_bytes_that_are_no_image_are_named(content: bytes, problem: str) -> None:
    """By the name that they came with."""
    with pytest.raises(DatasetCorrupt, match=f"bird.jpg: this image cannot be read: {problem}") as caught:
        prepare(content, ImageForm(3, 8), "bird.jpg")
    assert "bird.jpg" not in caught.value.problem


def test_an_image_that_would_become_endless_is_refused(tmp_path: Path) -> None:
    """One row of pixels enlarged to a square is no picture, and would take all memory."""
    noise(30_000, 1, 1).save(tmp_path / "line.png")
    with pytest.raises(DatasetCorrupt, match="too long and thin: 30,000 × 1 pixels"):
        prepare(tmp_path / "line.png", ImageForm(3, 512))


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it would be resized, and below what Pillow itself refuses."""
    monkeypatch.setattr("worker.training.data.images.MOST_PIXELS", 999)
    noise(40, 25).save(tmp_path / "image.png")
    with pytest.raises(DatasetCorrupt, match="too large: 40 × 25 pixels, more than the 999"):
        prepare(tmp_path / "image.png", ImageForm(3, 8))
    assert MOST_PIXELS == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", [ImageForm(1), ImageForm(3), ImageForm(1, 5), ImageForm(3, 20)])
def test_decoded_images_get_the_form_of_files(tmp_path: Path, channels: int, form: ImageForm) -> None:
    """torchvision's copies hold pixels: they come out as if each were a file."""
    pictures = [noise(width, 9, channels).resize((12, 9)) for width in (7, 8, 9)]
    arrays = np.stack([np.array(picture).reshape(9, 12, channels).transpose(2, 0, 1) for picture in pictures])
    images = formed(torch.from_numpy(arrays), form)
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
        assert torch.equal(images[number], prepare(tmp_path / f"{number}.png", form))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "ppm"])
def test_a_header_tells_size_and_colours(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all kinds of files, without decoding them."""
    noise(40, 25).save(tmp_path / f"colour.{suffix}")
    noise(40, 25, 1).save(tmp_path / f"grey.{suffix}")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    assert header_of(tmp_path / f"colour.{suffix}") == Header((25, 40), grey=False)
    assert header_of(tmp_path / f"grey.{suffix}").side == (25, 40)
    assert header_of(tmp_path / f"grey.{suffix}").grey == (suffix != "webp")


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_header_tells_the_upright_size(tmp_path: Path, orientation: int, suffix: str) -> None:
    """Height and width change places where the camera was held upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(TURNS[orientation](COLOURS))
    Image.fromarray(stored).save(tmp_path / f"photo.{suffix}", exif=exif)
    assert header_of(tmp_path / f"photo.{suffix}").side == COLOURS.shape[:2]


def test_a_damaged_exif_block_turns_nothing(tmp_path: Path) -> None:
    """As where the image is decoded."""
    noise(40, 25).save(tmp_path / "photo.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffnonsense")
    assert header_of(tmp_path / "photo.png").side == (25, 40)


class TestHeaders:
    """The shape of a whole data set, read once for each state of its files."""

    @pytest.fixture
    def folders(self, tmp_path: Path) -> ClassFolders:
        """A class of three grey pictures of one size."""
        (tmp_path / "set" / "train" / "cat").mkdir(parents=True)
        for number in range(3):
            noise(8, 6, 1).save(tmp_path / "set" / "train" / "cat" / f"{number}.png")
        return ClassFolders(tmp_path / "set")

    @pytest.fixture
    def read(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The names of the files whose headers were read."""
        names: list[str] = []

        def counted(path: Path) -> Header:
            names.append(path.name)
            return header_of(path)

        monkeypatch.setattr("worker.training.data.headers.header_of", counted)
        return names

    def test_the_shape_of_all_images(self, folders: ClassFolders, tmp_path: Path) -> None:
        """One channel while all are grey; none where another size comes."""
        assert Headers(tmp_path / "cache").shape(folders) == (1, 6, 8)
        noise(8, 6).save(folders.root / "train" / "cat" / "3.png")
        assert Headers(tmp_path / "cache").shape(folders) == (3, 6, 8)
        noise(6, 8).save(folders.root / "train" / "cat" / "4.png")
        assert Headers(tmp_path / "cache").shape(folders) is None

    def test_headers_are_read_once(self, folders: ClassFolders, tmp_path: Path, read: list[str]) -> None:
        """By all processes of a machine; of sets of several sizes too."""
        for _ in range(2):
            assert Headers(tmp_path / "cache").shape(folders) == (1, 6, 8)
        assert len(read) == 3
        noise(6, 8).save(folders.root / "train" / "cat" / "0.png")
        for _ in range(2):
            assert Headers(tmp_path / "cache").shape(folders) is None
        assert read[3:] == ["0.png", "1.png"]

    def test_what_is_no_image_says_nothing(self, folders: ClassFolders, tmp_path: Path) -> None:
        """A job will name it; without any image there is no shape."""
        (folders.root / "train" / "cat" / "9.png").write_text("404: not found")
        assert Headers(tmp_path / "cache").shape(folders) == (1, 6, 8)
        for number in range(3):
            (folders.root / "train" / "cat" / f"{number}.png").unlink()
        assert Headers(tmp_path / "cache").shape(folders) is None

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"listing": 1}', b"\xff"])
    def test_a_spoilt_file_is_written_again(
        self, folders: ClassFolders, tmp_path: Path, read: list[str], content: bytes
    ) -> None:
        """Losing it costs only time."""
        Headers(tmp_path / "cache").shape(folders)
        (path,) = (tmp_path / "cache").iterdir()
        path.write_bytes(content)
        for _ in range(2):
            assert Headers(tmp_path / "cache").shape(folders) == (1, 6, 8)
        assert len(read) == 6

    def test_a_folder_that_cannot_be_written_to_costs_only_time(
        self, folders: ClassFolders, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """And is said."""
        (tmp_path / "cache").touch()
        assert Headers(tmp_path / "cache").shape(folders) == (1, 6, 8)
        assert [record.message for record in caplog.records] == ["dataset_headers_not_written"]
