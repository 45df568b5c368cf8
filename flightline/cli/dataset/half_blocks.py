"""Small pictures on a terminal: a half block for two pixels, one above the other."""

from __future__ import annotations

from collections.abc import Sequence

from rich.color import Color
from rich.style import Style
from rich.text import Text

UPPER_HALF = "▀"


def picture(pixels: bytes, width: int) -> list[Text]:
    """The lines of a picture, each `width` columns wide.

    Args:
        pixels: rows of red, green and blue bytes, from the top; of an odd number of rows the last one is left out.
        width: pixels of a row.
    """
    colours = [pixels[start : start + 3] for start in range(0, len(pixels), 3)]
    rows = [colours[start : start + width] for start in range(0, len(colours), width)]
    return [_line(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=False)]


def beside(pictures: Sequence[list[Text]], gap: int = 1) -> list[Text]:
    """The lines of several pictures of one height, one beside the other."""
    return [Text(" " * gap).join(lines) for lines in zip(*pictures, strict=True)]


def _line(upper: Sequence[bytes], lower: Sequence[bytes]) -> Text:
    styles = (Style(color=_colour(above), bgcolor=_colour(below)) for above, below in zip(upper, lower, strict=True))
    return Text.assemble(*((UPPER_HALF, style) for style in styles))


def _colour(pixel: bytes) -> Color:
    return Color.from_rgb(*pixel)
