"""Airplanes and birds, drawn: a data set for machines that hold no photographs.

Every number is an integer made from a counter, so the same pictures come out on every machine, processor and numpy.
The two classes share colours, backgrounds, sizes and poses to an extent that a fully connected network gets most
pictures right but not all.

Lengths are in sixteenths of a pixel, angles in 64ths of a turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.training.data.records import Split

VERSION = 1
SIZE = 32
CHUNK = 250  # pictures drawn together: enough for numpy, few enough for the processor's cache

Ints: TypeAlias = NDArray[np.int32]
Mask: TypeAlias = NDArray[np.bool_]

_KINDS = ("airplane", "bird")
_SPLITS = ("train", "val")
_COSINES = np.array([round(1024 * math.cos(2 * math.pi * turn / 64)) for turn in range(64)], dtype=np.int32)


def draw_split(classes: tuple[str, ...], split: str, per_class: int) -> Split:
    """`per_class` pictures of each class in the order given. Picture n of a class is the same in every call."""
    images = np.concatenate([chunk for name in classes for chunk in _chunks(name, split, per_class)])
    labels = torch.arange(len(classes)).repeat_interleave(per_class)
    return Split(torch.from_numpy(images), labels)


def draw_picture(name: str, split: str, number: int) -> Tensor:
    """Picture `number` of a class, from 0: (1, 3, H, W) uint8, as `draw_split` draws it."""
    return torch.from_numpy(_drawn(name, split, range(number, number + 1)))


class _Dice:
    """Random integers for the pictures of one class and split: a hash of picture, throw and pixel.

    The hash is splitmix64's (Steele, Lea and Flood, 2014), chosen because it is a few lines of integer arithmetic.
    """

    def __init__(self, kind: str, split: str, pictures: range) -> None:
        stream = _KINDS.index(kind) * 2 + _SPLITS.index(split)
        self._pictures = (np.arange(pictures.start, pictures.stop, dtype=np.uint64) << np.uint64(16))[:, None]
        self._pictures += np.uint64(stream << 56)
        self._throws = count()

    def between(self, low: int, high: int, *extent: int) -> Ints:
        """Integers from low to high, both included: (pictures, *extent), at least three axes."""
        size = math.prod(extent)
        throw = np.uint64(next(self._throws) << 48)
        places = np.arange(size, dtype=np.uint64)
        mixed = _mix(places + self._pictures + throw)
        values = low + ((mixed >> np.uint64(32)) % np.uint64(high - low + 1)).astype(np.int32)
        return values.reshape(-1, *(extent or (1, 1)))

    def chance(self, percent: int) -> Mask:
        """True in `percent` of a hundred pictures, at random: (pictures, 1, 1)."""
        return self.between(0, 99) < percent


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@dataclass
class _Frame:
    """The coordinates of each pixel as seen from the drawn thing: `along` its axis, `across` it; `off` is |across|."""

    along: Ints
    across: Ints

    @property
    def off(self) -> Ints:
        return np.abs(self.across)


def _chunks(kind: str, split: str, per_class: int) -> Iterator[NDArray[np.uint8]]:
    for first in range(0, per_class, CHUNK):
        yield _drawn(kind, split, range(first, min(first + CHUNK, per_class)))


def _drawn(kind: str, split: str, pictures: range) -> NDArray[np.uint8]:
    draw = _airplanes if kind == "airplane" else _birds
    return draw(_Dice(kind, split, pictures))


def _airplanes(dice: _Dice) -> NDArray[np.uint8]:
    canvas = _background(dice, leaves=10)
    frame = _frame(dice, tilt=4)
    length, span = dice.between(110, 220), dice.between(80, 210)
    body = _ellipse(frame, 0, length, dice.between(16, 38))
    wings = _wing(frame, dice.between(-20, 40), span, dice.between(28, 60), dice.between(4, 14))
    tail = _wing(frame, -length * 4 // 5, span * 2 // 5, dice.between(18, 36), dice.between(4, 12))
    return _finish(dice, canvas, body, wings | tail, _colour(dice, metal=80))


def _birds(dice: _Dice) -> NDArray[np.uint8]:
    canvas = _background(dice, leaves=76)
    frame = _frame(dice, tilt=10)
    length, girth = dice.between(70, 150), dice.between(30, 62)
    body = _ellipse(frame, 0, length, girth)
    head = _ellipse(frame, length * 9 // 10, girth * 2 // 3, girth * 2 // 3)
    beak = _wing(frame, length + girth // 2, dice.between(8, 14), dice.between(24, 40), dice.between(0, 4))
    tail = _wing(frame, -length, girth, dice.between(30, 60), dice.between(-16, -4))
    flying = dice.chance(55)
    wings = _wing(frame, dice.between(-10, 30), dice.between(90, 200), dice.between(50, 100), dice.between(-8, 12))
    return _finish(dice, canvas, body | head, beak | tail | (wings & flying), _colour(dice, metal=24))


def _frame(dice: _Dice, tilt: int) -> _Frame:
    """A pose near the middle of the picture, tilted by at most `tilt` 64ths of a turn, heading left or right."""
    turn = dice.between(-tilt, tilt) + 32 * dice.between(0, 1)
    pixels = np.arange(SIZE, dtype=np.int32) * 16 + 8 - SIZE * 8
    x, y = pixels[None, None, :] - dice.between(-36, 36), pixels[None, :, None] - dice.between(-36, 36)
    cosine, sine = _COSINES[turn % 64], _COSINES[(turn - 16) % 64]
    return _Frame((x * cosine + y * sine) // 1024, (y * cosine - x * sine) // 1024)


def _ellipse(frame: _Frame, centre: Ints | int, length: Ints, width: Ints) -> Mask:
    along, across = ((frame.along - centre) * width).astype(np.int64), (frame.across * length).astype(np.int64)
    return along**2 + across**2 <= (length * width) ** 2


def _wing(frame: _Frame, root: Ints, span: Ints, chord: Ints, sweep: Ints) -> Mask:
    """Both wings: `span` each, `chord` deep at the root and a third of it at the tip, swept back by sweep/16."""
    behind = np.abs(frame.along - root + frame.off * sweep // 16)
    return (frame.off <= span) & (behind * span * 3 <= chord * (span * 3 - frame.off * 2) // 2)


def _colour(dice: _Dice, metal: int) -> Ints:
    """A colour for each picture, grey in `metal` of a hundred: (pictures, 3, 1, 1)."""
    grey = dice.between(60, 250)
    tints = dice.between(-14, 14, 3, 1)
    plumage = dice.between(10, 235, 3, 1)
    return np.where(dice.chance(metal), grey + tints, (plumage + grey) // 2)[..., None]


def _background(dice: _Dice, leaves: int) -> Ints:
    """Sky, or foliage in `leaves` of a hundred, with a gradient and clouds or leaves: (pictures, 3, H, W)."""
    sky = np.stack([dice.between(70, 190), dice.between(120, 215), dice.between(150, 250)], axis=1)
    ground = np.stack([dice.between(50, 150), dice.between(70, 160), dice.between(30, 130)], axis=1)
    foliage = dice.chance(leaves)
    rows = np.arange(SIZE, dtype=np.int32)[None, None, :, None]
    shade = rows * dice.between(-3, 3)[:, None]
    patches = _patches(dice) * np.where(foliage, 3, 2) // 2
    base: Ints = np.where(foliage[:, None], ground, sky)
    return base + shade + patches[:, None]


def _patches(dice: _Dice) -> Ints:
    """Smooth light and dark patches: random heights on a coarse grid, blended in between."""
    grid = dice.between(-40, 40, 6, 6)
    places = np.arange(SIZE) * 5
    cell, part = places // SIZE, (places % SIZE).astype(np.int32)
    across = grid[:, :, cell] * (SIZE - part) + grid[:, :, cell + 1] * part
    part = part[:, None]
    down = across[:, cell] * (SIZE - part) + across[:, cell + 1] * part
    return (down // SIZE**2).astype(np.int32)


def _finish(dice: _Dice, canvas: Ints, body: Mask, limbs: Mask, colour: Ints) -> NDArray[np.uint8]:
    """Paint limbs, then the body a little brighter, then noise over everything: uint8 (pictures, 3, H, W)."""
    lift = dice.between(-40, 40)[..., None]
    canvas = np.where(limbs[:, None], colour, canvas)
    canvas = np.where(body[:, None], colour + lift, canvas)
    noise = dice.between(-22, 22, 3, SIZE, SIZE)
    pictures: NDArray[np.uint8] = np.clip(canvas + noise, 0, 255).astype(np.uint8)
    return pictures
