"""Bytes as the numbers that a network takes: scaled, and normalised where the job asks for it."""

from __future__ import annotations

from typing import assert_never

from shared.jobspec.fields.architecture import Mlp
from shared.notebook.python_text import joined, literal
from shared.notebook.record import Record

_MOMENTS = '''
def moments(images):
    """Mean and standard deviation of each channel on a scale from 0 to 1; exact, as whole numbers are summed."""
    means, deviations, levels = [], [], torch.arange(256)
    for channel in images.unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256)
        total, first, second = (int(sums.sum()) for sums in (counts, counts * levels, counts * levels**2))
        means.append(first / total / 255)
        deviations.append(math.sqrt(total * second - first**2) / total / 255 or 1.0)
    return torch.tensor(means).view(-1, 1, 1), torch.tensor(deviations).view(-1, 1, 1)


MEAN, STD = moments(train_images)
'''


def words_of(record: Record) -> str:
    """Return how images become numbers."""
    scaled = "Bytes become numbers from 0 to 1"
    match record.spec.dataset.normalize:
        case "published":
            return f"{scaled}, less each channel's published mean, over its published deviation."
        case "computed":
            return f"{scaled}, less each channel's mean over the training images, over its deviation there."
        case "none":
            return f"{scaled}."
        case _:
            assert_never(record.spec.dataset.normalize)


def code_of(record: Record) -> str:
    """Return the definition of `prepare(images)`: from bytes to what the network takes."""
    match record.spec.dataset.normalize:
        case "published":
            mean, std = record.published_moments or ((0.0,), (1.0,))
            moments = f"MEAN = {_column(mean)}\nSTD = {_column(std)}"
        case "computed":
            moments = _MOMENTS
        case "none":
            moments = ""
        case _:
            assert_never(record.spec.dataset.normalize)
    numbers = "(images / 255 - MEAN) / STD" if moments else "images / 255"
    if isinstance(record.spec.architecture, Mlp):
        numbers = f"({numbers}).flatten(1)"
    what = "numbers, one row for each image" if isinstance(record.spec.architecture, Mlp) else "numbers"
    return joined(moments, f'def prepare(images):\n    """Bytes as {what}."""\n    return {numbers}')


def _column(moments: object) -> str:
    return f"torch.tensor({literal(moments)}).view(-1, 1, 1)"
