"""The tapered network at any width."""

from __future__ import annotations


def tapered(width: int) -> list[int]:
    """The widths of the hidden layers; of 1024 those of the preset `notebook-tapered`."""
    return [width, width // 2, width // 8]
