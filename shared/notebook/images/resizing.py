"""Images of a data set that is read whole, in the size and colours that a job asks for, written out."""

from __future__ import annotations

from shared.jobspec.datasets import BUILT_IN_DATASETS
from shared.jobspec.fields.job import Dataset
from shared.notebook.python_text import joined

_RESIZE = '''
def resize(images):
    """The images as bytes, {what}."""
    pictures = (transforms.functional.to_pil_image(image).convert("{mode}") for image in images)
    return stacked([transforms.functional.pil_to_tensor({picture}) for picture in pictures])
'''
STACKED = '''
def stacked(images):
    """Images as one tensor, channel by channel in memory, on which the order of later sums depends."""
    return torch.stack(images).clone(memory_format=torch.contiguous_format)
'''


def words_of(dataset: Dataset) -> str:
    """Return what makes the images other than they lie there; an empty text where nothing does."""
    colour = "in colour" if dataset.channels == 3 else "in grey"
    other = BUILT_IN_DATASETS[dataset.name].channels != dataset.channels
    size = dataset.image_size
    resized = None if size is None else f"resized to {size} pixels on the shorter side and cut to the square in it"
    return " and ".join(part for part in (colour if other else None, resized) if part)


def code_of(dataset: Dataset) -> str:
    """Return the definition of `resize(images)`; an empty text where the images stay as they are."""
    what, size = words_of(dataset), dataset.image_size
    if not what:
        return ""
    resize = _RESIZE.replace("{what}", what).replace("{mode}", "RGB" if dataset.channels == 3 else "L")
    return joined(
        "" if size is None else fit_of(size),
        STACKED,
        resize.replace("{picture}", "picture" if size is None else "fit(picture)"),
    )


def fit_of(size: int) -> str:
    """Return the statement that makes `fit`, which resizes and cuts an image."""
    return f"fit = transforms.Compose([transforms.Resize({size}), transforms.CenterCrop({size})])"
