"""The splits of a job, written out: training, validation and test, and how many images of each class."""

from __future__ import annotations

from shared.jobspec.fields.job import Dataset
from shared.notebook.python_text import joined, lines, literal

_FIRST_OF_EACH = '''
def first_of_each_class(images, labels, count):
    """Only the first images of each class, so many of each, in their order."""
    chosen = torch.cat([(labels == label).nonzero()[:count, 0] for label in range(len(CLASSES))]).sort().values
    return images[chosen], labels[chosen]
'''
_KEPT_OUT = '''
def kept_out(keys, labels, fraction):
    """A mask of that part of each class's images whose keys have the smallest hashes: the same in every run."""
    mask = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(len(CLASSES)):
        members = (labels == label).nonzero()[:, 0].tolist()
        members.sort(key=lambda member: hashlib.sha256(os.fsencode(keys[member])).digest())
        count = min(max(round(len(members) * fraction), 1), len(members) - 1)
        mask[members[:count]] = True
    return mask
'''


def keyed(dataset: Dataset) -> bool:
    """Whether a part of the training images is kept out, which is chosen by their keys."""
    return dataset.val_fraction is not None or dataset.holdout_fraction > 0


def tested(dataset: Dataset) -> bool:
    """Whether there is a third split, which the best weights are scored on at the end."""
    return dataset.holdout_fraction > 0


def words_of(dataset: Dataset) -> str:
    """Return which images are trained on and which are validated on."""
    parts = [_parts_in_words(dataset)] if keyed(dataset) else []
    limits = {"training": dataset.train_per_class, "validation": dataset.val_per_class}
    limited = [f"the first {limit:,} {split} images" for split, limit in limits.items() if limit is not None]
    if limited:
        parts.append(f"Of each class only {' and '.join(limited)} count.")
    return " ".join(parts)


def _parts_in_words(dataset: Dataset) -> str:
    """Return which parts of the training images are kept out of training."""
    own, held_out = dataset.val_fraction, dataset.holdout_fraction
    chosen = "Which images those are is decided by hashes, and so the same in every run."
    if own is None:
        kept = f"{_percent(held_out)} of each class's training images are kept out of training and validated on"
        return f"{kept}; the data set's own validation images are scored once, at the end. {chosen}"
    if not held_out:
        return f"There is no validation folder: {_percent(own)} of the images of each class are validated on. {chosen}"
    tested = f"There is no validation folder: {_percent(own)} of the images of each class are scored once, at the end"
    return f"{tested}, and {_percent(held_out)} of the others are validated on. {chosen}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:g} %"


def code_of(dataset: Dataset) -> str:
    """Return the statements that make the images and labels of each split with `load(split)`."""
    if not keyed(dataset):
        return joined(lines(_loaded("train"), _loaded("val")), _limits(dataset))
    own = dataset.val_fraction is None
    return joined(
        _KEPT_OUT,
        lines(
            'test_images, test_labels, _ = load("val")' if own else None,
            'images, labels, keys = load("train")',
            *([] if own else _parted("test" if dataset.holdout_fraction else "val", dataset.val_fraction)),
            *(_rest() if not own and dataset.holdout_fraction else []),
            *(_parted("val", dataset.holdout_fraction) if dataset.holdout_fraction else []),
            "train_images, train_labels = images[~kept], labels[~kept]",
        ),
        _limits(dataset),
    )


def _loaded(split: str) -> str:
    return f'{split}_images, {split}_labels = load("{split}")'


def _parted(split: str, fraction: float | None) -> list[str]:
    """Return the statements that make a split of a part of the images at hand."""
    return [
        f"kept = kept_out(keys, labels, {literal(fraction)})",
        f"{split}_images, {split}_labels = images[kept], labels[kept]",
    ]


def _rest() -> list[str]:
    return [
        "keys = [key for key, out in zip(keys, kept.tolist()) if not out]",
        "images, labels = images[~kept], labels[~kept]",
    ]


def _limits(dataset: Dataset) -> str:
    limits = {"train": dataset.train_per_class, "val": dataset.val_per_class}
    chosen = [
        f"{split}_images, {split}_labels = first_of_each_class({split}_images, {split}_labels, {limit})"
        for split, limit in limits.items()
        if limit is not None
    ]
    return joined(_FIRST_OF_EACH, "\n".join(chosen)) if chosen else ""
