"""Pictures such as a person has: JPEG files of many sizes, held either way, in a folder for each class."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

COLOURS = {"apple": (200, 40, 30), "banana": (230, 210, 40), "lime": (80, 190, 60)}
HELD_ON_SIDE = 6
"""EXIF's word for a camera that was turned."""
ORIENTATION = 0x0112


def draw_photographs(folder: Path, count: int = 40) -> None:
    """Put so many photographs of each kind of fruit into `folder`, the same in every run."""
    dice = random.Random(0)
    for name in COLOURS:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            draw_photograph(folder / name / f"IMG {number:04}.JPG", name, dice)


def draw_photograph(path: Path, name: str, dice: random.Random) -> None:
    """Draw one fruit somewhere near the middle of a photograph of any size."""
    width, height = dice.randrange(200, 600), dice.randrange(200, 600)
    grey = dice.randrange(100, 160)
    image = Image.new("RGB", (width, height), (grey, grey, grey))
    x, y = width / 2 + dice.randrange(-30, 30), height / 2 + dice.randrange(-30, 30)
    radius = dice.randrange(60, 95)
    flat = radius / 3 if name == "banana" else radius
    colour = tuple(min(255, max(0, level + dice.randrange(-25, 25))) for level in COLOURS[name])
    ImageDraw.Draw(image).ellipse((x - radius, y - flat, x + radius, y + flat), fill=colour)
    exif = Image.Exif()
    if dice.random() < 0.3:
        exif[ORIENTATION] = HELD_ON_SIDE
    image.save(path, format="JPEG", quality=85, exif=exif)
