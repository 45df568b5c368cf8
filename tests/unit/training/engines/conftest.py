"""Engines are tested on one thread: rounding, and the time that such small products take, depend on it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread: None) -> None:
    """For every test here."""
