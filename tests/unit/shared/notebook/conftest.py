"""A kernel for the notebooks of these tests: starting one takes as long as importing torch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.notebooks import Kernel


@pytest.fixture(scope="session")
def kernel() -> Iterator[Kernel]:
    """One isolated process that runs every notebook of these tests."""
    with Kernel() as kernel:
        yield kernel
