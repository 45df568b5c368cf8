"""Images in class folders, written out: `FOLDER/train/CLASS/*` and `FOLDER/val/CLASS/*`."""

from __future__ import annotations

from shared.jobspec.fields.job import Dataset
from shared.notebook.images import resizing
from shared.notebook.python_text import lines

_IMAGE_SUFFIXES = 'IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"}'

_FOLDER_OF_SPLIT = '    folder = FOLDER / ("test" if split == "val" and not (FOLDER / "val").is_dir() else split)'


def words_of(dataset: Dataset) -> str:
    """Return how images in class folders are read."""
    colour = "in colour" if dataset.channels == 3 else "in grey"
    size = dataset.image_size
    resized = "" if size is None else f", resized to {size} pixels on their shorter side and cut to the square in it"
    return f"Images in a folder for each class, read {colour}{resized}, class by class and sorted by name."


def constants_of(dataset: Dataset) -> str:
    """Return the statements that say which files are images, and how one is resized."""
    return lines(_IMAGE_SUFFIXES, None if dataset.image_size is None else resizing.fit_of(dataset.image_size))


def code_of(dataset: Dataset, *, keyed: bool) -> str:
    """Return the definition of `load(split)`: images and labels and, where they are wanted, the files' names."""
    mode, fitted = ("RGB" if dataset.channels == 3 else "L"), dataset.image_size is not None
    converted = f'image.convert("{mode}")'
    own_val = dataset.val_fraction is None
    return lines(
        "def read_image(path):",
        f'    """The image as bytes ({dataset.channels}, height, width), upright; of 16 bits the upper 8 count."""',
        "    image = ImageOps.exif_transpose(Image.open(path))",
        '    if image.mode.startswith("I"):',
        "        image = Image.fromarray((np.array(image) >> 8).astype(np.uint8))",
        '    if image.mode in ("P", "PA", "RGBa"):',
        '        image = image.convert("RGBA")',
        f"    return transforms.functional.pil_to_tensor({f'fit({converted})' if fitted else converted})",
        "",
        "",
        resizing.STACKED.strip("\n"),
        "",
        "",
        "def load(split):",
        f'    """All images as bytes (N, {dataset.channels}, height, width), their labels{_also(keyed)}."""',
        _FOLDER_OF_SPLIT if own_val else None,
        f"    images, labels{', names' if keyed else ''} = [], []{', []' if keyed else ''}",
        "    for label, name in enumerate(CLASSES):",
        f"        for path in sorted(({'folder' if own_val else 'FOLDER / split'} / name).iterdir()):",
        '            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):',
        "                images.append(read_image(path))",
        "                labels.append(label)",
        "                names.append(path.name)" if keyed else None,
        f"    return stacked(images), torch.tensor(labels){', names' if keyed else ''}",
    )


def _also(keyed: bool) -> str:
    return ", and the names of their files" if keyed else ""
