"""The images of a job: loading them, those of each class that count, their check, and their normalisation."""

from __future__ import annotations

from pathlib import PurePosixPath

from shared.documents.phrases import listed
from shared.jobspec.fields.job import Dataset
from shared.notebook.images import drawings
from shared.notebook.python_text import joined, lines, literal
from shared.notebook.record import Record

_TORCHVISION = '''
def load(train):
    """The images of our classes as bytes (N, 3, 32, 32), in CIFAR-10's own order, and their labels."""
    cifar10 = datasets.CIFAR10(DATA_DIR, train=train, download=True)
    label_of = {cifar10.class_to_idx[name]: label for label, name in enumerate(CLASSES)}
    chosen = [number for number, target in enumerate(cifar10.targets) if target in label_of]
    images = torch.from_numpy(cifar10.data[chosen]).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor([label_of[cifar10.targets[number]] for number in chosen])


train_images, train_labels = load(train=True)
val_images, val_labels = load(train=False)
'''
_FOLDERS = '''
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"}


def read_image(path):
    """The image as bytes (3, height, width), upright; of 16 bits the upper 8 count."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):
        image = Image.fromarray((np.array(image) >> 8).astype(np.uint8))
    if image.mode in ("P", "PA", "RGBa"):
        image = image.convert("RGBA")
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def load(split):
    """The images of our classes as bytes (N, 3, height, width), class by class and sorted by name, and their labels."""
    images, labels = [], []
    for label, name in enumerate(CLASSES):
        for path in sorted((FOLDER / split / name).iterdir()):
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
                images.append(read_image(path))
                labels.append(label)
    return torch.stack(images), torch.tensor(labels)


train_images, train_labels = load("train")
val_images, val_labels = load("val" if (FOLDER / "val").is_dir() else "test")
'''
_FIRST_OF_EACH = '''
def first_of_each_class(images, labels, count):
    """Only the first images of each class, so many of each, in their order."""
    chosen = torch.cat([(labels == label).nonzero()[:count, 0] for label in range(len(CLASSES))]).sort().values
    return images[chosen], labels[chosen]
'''


def words_of(record: Record) -> str:
    """Return where the images come from, and which of them count."""
    dataset = record.spec.dataset
    limits = {"training": dataset.train_per_class, "validation": dataset.val_per_class}
    limited = [f"the first {limit:,} {split} images" for split, limit in limits.items() if limit is not None]
    only = f" Of each class only {' and '.join(limited)} count." if limited else ""
    return f"{_source_words(record)} The labels are 0, 1, … in the order of `CLASSES`.{only}"


def code_of(record: Record) -> str:
    """Return the statements that load `train_images`, `train_labels`, `val_images` and `val_labels`."""
    dataset = record.spec.dataset
    names = f"CLASSES = {literal(list(dataset.classes))}"
    if dataset.name == "synthetic":
        return joined(names, drawings.code_of(dataset.train_per_class, dataset.val_per_class))
    return joined(lines(_folder_line(record), names, *_root(record)), _loading(record), _limits(dataset))


def check_of(record: Record) -> str:
    """Return the statements that compare the images with the job's; an empty text where none were recorded."""
    fingerprint = record.environment.get("data_fingerprint")
    if not fingerprint:
        return ""
    return f"""
digest = hashlib.sha256(json.dumps(CLASSES).encode())
for images, labels in ((train_images, train_labels), (val_images, val_labels)):
    digest.update(json.dumps(list(images.shape)).encode())
    digest.update(images.contiguous().numpy())
    digest.update(labels.numpy())
same = digest.hexdigest() == {literal(fingerprint)}
print("These are the job's images." if same else "These are not the job's images: expect other losses.")
"""


def _source_words(record: Record) -> str:
    classes = listed(record.spec.dataset.classes).replace(" or ", " and ")
    if record.spec.dataset.name == "synthetic":
        return f"Pictures of {classes}, drawn by a few hash functions: the same on every machine."
    if record.source == "folder":
        return f"Photographs of {classes}, a folder for each class: `FOLDER/train/{record.spec.dataset.classes[0]}/*`."
    return (
        f"CIFAR-10's photographs of {classes}, from torchvision's copy in `DATA_DIR` or downloaded to it. What is "
        "called validation here is CIFAR-10's test split."
    )


def _folder_line(record: Record) -> str:
    folder = "datasets" if record.place is None else str(PurePosixPath(record.place).parent)
    return f"DATA_DIR = Path({literal(folder)})  # where the data sets are; change it to where yours are"


def _root(record: Record) -> list[str]:
    if record.source != "folder" or record.place is None:
        return []
    return [f"FOLDER = DATA_DIR / {literal(PurePosixPath(record.place).name)}"]


def _loading(record: Record) -> str:
    return _FOLDERS if record.source == "folder" else _TORCHVISION


def _limits(dataset: Dataset) -> str:
    limits = {"train": dataset.train_per_class, "val": dataset.val_per_class}
    chosen = [
        f"{split}_images, {split}_labels = first_of_each_class({split}_images, {split}_labels, {limit})"
        for split, limit in limits.items()
        if limit is not None
    ]
    return joined(_FIRST_OF_EACH, "\n".join(chosen)) if chosen else ""
