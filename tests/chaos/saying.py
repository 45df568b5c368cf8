"""The program's voice."""

from __future__ import annotations


def say(line: str) -> None:
    """Print a line at once, whoever reads."""
    print(line, flush=True)  # noqa: T201 -- this is a program
