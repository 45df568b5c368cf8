"""A folder of images to add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.image_folders import image_file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder to add."""
    return tmp_path / "photos"


@pytest.fixture
def files(source: Path) -> list[dict[str, Any]]:
    """Its files."""
    return [
        image_file(source, "cat/1.jpg", b"one"),
        image_file(source, "cat/2.jpg", b"two", "val"),
        image_file(source, "dog/1.jpg", b"!"),
    ]
