"""Logs and traces from end to end: one request, the job that it submits, each of the job's epochs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.collector import Collector, collecting
from tests.support.stacks import TINY, Stack

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""The trace context of a caller that traces too."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector of the module's own."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def stack(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that logs as JSON and sends its spans to the collector."""
    home = tmp_path_factory.mktemp("traces") / "home"
    with Stack(home, **collector.environment, FLIGHTLINE_LOG_FORMAT="json") as stack:
        yield stack
