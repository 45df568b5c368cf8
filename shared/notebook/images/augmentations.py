"""Augmentations of a batch of images: a function for each kind, and `augment`, which calls them in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from shared.jobspec.fields.training import Augmentation, ColorJitter, Crop, Cutout, Flip
from shared.notebook.images.color_jitter import code_of_jitter
from shared.notebook.python_text import indented, joined

_FLIP = '''
def flip(images):
    """Mirror half of the images left to right."""
    mirrored = torch.rand(len(images), generator=chance) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)
'''
_CROP = '''
def crop(images, padding):
    """Pad every image on all sides with black, and cut its size out at a random place."""
    count, _, height, width = images.shape
    offsets = torch.randint(0, 2 * padding + 1, (count, 2), generator=chance)
    rows, columns = offsets[:, :1] + torch.arange(height), offsets[:, 1:] + torch.arange(width)
    padded = F.pad(images, (padding, padding, padding, padding))
    cut = padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2).contiguous()
'''
_MIRRORED_CROP = '''
def crop(images, padding):
    """Pad every image on all sides with its mirror image, and cut its size out at a random place."""
    count, _, height, width = images.shape
    offsets = torch.randint(0, 2 * padding + 1, (count, 2), generator=chance)
    rows, columns = offsets[:, :1] + torch.arange(height), offsets[:, 1:] + torch.arange(width)
    # As floating-point numbers and back, which changes nothing: torch cannot mirror bytes.
    padded = F.pad(images.float(), (padding, padding, padding, padding), mode="reflect").to(torch.uint8)
    cut = padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2).contiguous()
'''
_CUTOUT = '''
def cutout(images, size):
    """Make a square of every image black, as far as it lies inside (DeVries and Taylor, 2017)."""
    count, _, height, width = images.shape
    centres = torch.rand(count, 2, generator=chance, dtype=torch.float64)
    top = (centres[:, :1] * height).long() - size // 2
    left = (centres[:, 1:] * width).long() - size // 2
    rows, columns = torch.arange(height), torch.arange(width)
    rows = (rows >= top) & (rows < top + size)
    columns = (columns >= left) & (columns < left + size)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)
'''


def words_of(steps: Sequence[Augmentation]) -> str:
    """Return the augmentations in words."""
    return (
        f"Each training image is changed at random before every use: {', then '.join(map(_words, steps))}. The random "
        "numbers come from a generator of their own, so that they change neither the initial weights nor the order."
    )


def code_of(steps: Sequence[Augmentation], channels: int) -> str:
    """Return the definition of `augment(images)`, from bytes (N, C, H, W) to bytes, and of what it calls."""
    functions = dict.fromkeys(_definition(step, channels) for step in steps)
    calls = [_call(step) for step in steps]
    augment = ["def augment(images):", *indented([f"images = {line}" for line in calls[:-1]] + [f"return {calls[-1]}"])]
    return "chance = torch.Generator().manual_seed(SEED)\n\n\n" + joined(*functions, "\n".join(augment))


def _words(step: Augmentation) -> str:
    match step:
        case Flip():
            return "half of them are mirrored left to right"
        case Crop():
            margin = "black" if step.padding_mode == "constant" else "their mirror image"
            return f"they are padded by {step.padding} pixels of {margin} and cut to their size at a random place"
        case Cutout():
            return f"a square of {step.size} × {step.size} pixels is made black"
        case ColorJitter():
            return "their colours are changed"
        case _:
            assert_never(step)


def _definition(step: Augmentation, channels: int) -> str:
    match step:
        case Flip():
            return _FLIP
        case Crop():
            return _CROP if step.padding_mode == "constant" else _MIRRORED_CROP
        case Cutout():
            return _CUTOUT
        case ColorJitter():
            return code_of_jitter(step, channels)
        case _:
            assert_never(step)


def _call(step: Augmentation) -> str:
    match step:
        case Flip():
            return "flip(images)"
        case Crop():
            return f"crop(images, padding={step.padding})"
        case Cutout():
            return f"cutout(images, size={step.size})"
        case ColorJitter():
            return "jitter(images)"
        case _:
            assert_never(step)
