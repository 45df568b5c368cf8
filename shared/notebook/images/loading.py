"""The images of a job, written out: where they come from, their splits, and their check."""

from __future__ import annotations

from pathlib import PurePosixPath

from shared.jobspec.datasets import BUILT_IN_DATASETS
from shared.notebook.images import class_folders, drawings, splits, torchvision_sets
from shared.notebook.python_text import filled, joined, lines, literal
from shared.notebook.record import Record


def words_of(record: Record) -> str:
    """Return where the images come from, and which of them count."""
    dataset = record.spec.dataset
    if dataset.name == "synthetic":
        source = drawings.words_of(dataset)
    elif _in_folders(record):
        source = class_folders.words_of(dataset)
    else:
        source = torchvision_sets.words_of(dataset)
    return f"{source} The labels are 0, 1, … in the order of `CLASSES`. {splits.words_of(dataset)}".rstrip()


def code_of(record: Record) -> str:
    """Return the statements that load `train_images`, `train_labels`, `val_images` and `val_labels`."""
    dataset, keyed = record.spec.dataset, splits.keyed(record.spec.dataset)
    names = f"CLASSES = {filled(dataset.classes)}"
    if dataset.name == "synthetic":
        return joined(names, drawings.code_of(dataset, keyed=keyed), splits.code_of(dataset))
    if _in_folders(record):
        names = lines(names, _folder_line(record), class_folders.constants_of(dataset))
        loading = class_folders.code_of(dataset, keyed=keyed)
    else:
        loading = torchvision_sets.code_of(dataset, keyed=keyed)
    return joined(lines(_data_dir_line(record), names), loading, splits.code_of(dataset))


def check_of(record: Record) -> str:
    """Return the statements that compare the images with the job's; an empty text where none were recorded."""
    fingerprint = record.environment.get("data_fingerprint")
    if not fingerprint:
        return ""
    names = ("train", "val", "test") if splits.tested(record.spec.dataset) else ("train", "val")
    pairs = ", ".join(f"({name}_images, {name}_labels)" for name in names)
    return f"""
digest = hashlib.sha256(json.dumps(CLASSES).encode())
for images, labels in ({pairs}):
    digest.update(json.dumps(list(images.shape)).encode())
    digest.update(images.contiguous().numpy())
    digest.update(labels.numpy())
same = digest.hexdigest() == {literal(fingerprint)}
print("These are the job's images." if same else "These are not the job's images: expect other losses.")
"""


def _in_folders(record: Record) -> bool:
    """Whether the images are files in class folders: a person's own always are."""
    return record.source == "folder" or record.spec.dataset.name not in BUILT_IN_DATASETS


def _data_dir_line(record: Record) -> str:
    where = "datasets"
    if record.place is not None:
        folder = PurePosixPath(record.place)
        where = str(folder.parents[1] if folder.name == "raw" else folder.parent)  # MNIST's lie one folder deeper
    return f"DATA_DIR = Path({literal(where)})  # where the data sets are; change it to where yours are"


def _folder_line(record: Record) -> str:
    dataset = record.spec.dataset
    name = dataset.name if record.place is None else PurePosixPath(record.place).name
    return f"FOLDER = DATA_DIR / {literal(name)}"
