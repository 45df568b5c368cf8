"""Image files as reports have them, and data directories that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flightline.cli.dataset.placement import LOCK

PLACED = {"photos/train/cat/1.jpg": b"one", "photos/train/dog/1.jpg": b"!", "photos/val/cat/2.jpg": b"two"}
"""The files of a data set `photos` in a data directory, with their contents."""


def image_file(root: Path, path: str, content: bytes, split: str = "train") -> dict[str, Any]:
    """An image file as a report has it."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    status = (root / path).stat()
    label = Path(path).parent.name
    return {"split": split, "label": label, "path": path, "size": len(content), "changed_ns": status.st_mtime_ns}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for the lock."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != LOCK)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
