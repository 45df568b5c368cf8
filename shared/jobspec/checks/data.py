"""Rules about a job's images: which data set, which classes, which size, and which of them to validate on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.documents.phrases import did_you_mean, listed, show, some_of
from shared.documents.reader import MAX_CLASSES
from shared.jobspec.caps import Caps
from shared.jobspec.catalog import Catalog
from shared.jobspec.checks.rules import Finding
from shared.jobspec.checks.shapes import written
from shared.jobspec.datasets import DatasetInfo, image_bytes
from shared.jobspec.fields.job import Dataset

_SOME = 20
"""Classes that a message names."""


def dataset_findings(dataset: Dataset, caps: Caps, catalog: Catalog) -> Iterator[Finding]:
    """Find an unknown data set, unknown or repeated classes, images without a size, and splits that cannot be made."""
    info = catalog.datasets.get(dataset.name)
    if info is None:
        what = f"There is no data set {show(dataset.name)}.{did_you_mean(dataset.name, catalog.datasets)}"
        yield ["dataset", "name"], f"{what} Known: {listed([*catalog.datasets])}."
        return
    about_classes = list(_class_findings(dataset.classes, info))
    yield from about_classes
    yield from _normalize_findings(dataset, info)
    yield from _split_findings(dataset, info)
    if info.shape_for(dataset) is None:
        what = f"The images of {info.name} are not all of one size"
        yield ["dataset", "image_size"], f'{what}: say which they get, such as "image_size": 64.'
    if not about_classes:
        yield from _count_findings(dataset, info, catalog)
        yield from _size_findings(dataset, info, caps, catalog)


def _class_findings(classes: tuple[str, ...], info: DatasetInfo) -> Iterator[Finding]:
    if len(classes) < 2:
        yield ["dataset", "classes"], f"A classifier needs two or more classes of {_several(info.classes)}."
    if len(classes) > MAX_CLASSES:
        yield ["dataset", "classes"], f"{len(classes):,} classes; a job takes at most {MAX_CLASSES:,}: name those."
    known, seen = set(info.classes), set[str]()
    for index, name in enumerate(classes):
        if name not in known:
            what = f"{info.name} has no class {show(name)}.{did_you_mean(name, info.classes)}"
            yield ["dataset", "classes", index], f"{what} It has {_several(info.classes)}."
        elif name in seen:
            yield ["dataset", "classes", index], f"The class {show(name)} is given twice; each may stand once."
        seen.add(name)


def _normalize_findings(dataset: Dataset, info: DatasetInfo) -> Iterator[Finding]:
    if dataset.normalize != "published" or info.publishes_moments_of(dataset.channels):
        return
    of_these = f" for images of {dataset.channels} channel{'s' if dataset.channels > 1 else ''}"
    why = f"{info.name} has no published mean and deviation{of_these if info.published_moments else ''}"
    yield ["dataset", "normalize"], f'{why}: normalize must be "computed" or "none".'


def _split_findings(dataset: Dataset, info: DatasetInfo) -> Iterator[Finding]:
    """Find a fraction to validate on that is missing, or that contradicts the data set's own validation images."""
    if info.has_val and dataset.val_fraction is not None:
        instead = "holdout_fraction keeps a part of the training images out of training"
        why = f"{info.name} has validation images of its own"
        yield ["dataset", "val_fraction"], f"{why}: leave val_fraction out. {instead}."
    if not info.has_val and dataset.val_fraction is None:
        what = f"{info.name} has no validation images: say which part of each class to validate on"
        yield ["dataset", "val_fraction"], f'{what}, such as "val_fraction": 0.2.'


def _count_findings(dataset: Dataset, info: DatasetInfo, catalog: Catalog) -> Iterator[Finding]:
    """Find limits above what any copy has, and a split that is left without images."""
    if not info.has_val and dataset.val_fraction is None:
        return
    largest = catalog.most_per_class(dataset)
    for field, most in zip(("train_per_class", "val_per_class"), largest, strict=True):
        asked = getattr(dataset, field)
        if not most:
            yield ["dataset", "classes"], _nothing_left(info, field.partition("_")[0])
        elif asked is not None and asked > most:
            why = f"as {info.name} has no more, not {show(asked)}"
            yield ["dataset", field], f"{field} must be from 1 to {most:,}, {why}."


def _nothing_left(info: DatasetInfo, split: str) -> str:
    what = {"train": "train", "val": "validate"}[split]
    return f"{info.name} has no images of these classes to {what} on: put more into its folders."


def _size_findings(dataset: Dataset, info: DatasetInfo, caps: Caps, catalog: Catalog) -> Iterator[Finding]:
    """Find images that would take more memory, decoded, than the service allows."""
    shape = info.shape_for(dataset)
    if shape is None:
        return
    images = catalog.decoded_images(dataset)
    size = image_bytes(shape, images)
    if size > caps.max_dataset_bytes:
        what = f"{images:,} images of {written(shape)} take {_gigabytes(size)} decoded"
        most = f"at most {_gigabytes(caps.max_dataset_bytes)} is allowed (FLIGHTLINE_MAX_DATASET_BYTES)"
        field = "name" if dataset.image_size is None else "image_size"
        yield ["dataset", field], f"{what}; {most}. Take a smaller image_size, or fewer classes."


def _several(classes: Sequence[str]) -> str:
    return listed(classes) if len(classes) <= _SOME else some_of(classes, _SOME)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.3g} GB" if size >= 10**8 else f"{size:,} bytes"
