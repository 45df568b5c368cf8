"""What a worker's log leaves out."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from kombu.transport.virtual import base

from worker.app import silence_requeuing


@pytest.fixture
def kombu() -> Iterator[logging.Logger]:
    """kombu's logger, with its filters as they were afterwards."""
    logger = logging.getLogger("kombu.transport.virtual.base")
    before = logger.filters[:]
    yield logger
    logger.filters[:] = before


def test_a_message_that_comes_as_a_worker_stops_is_nothing_to_warn_of(
    kombu: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes back to its queue; whatever else kombu warns of is said."""
    silence_requeuing()
    kombu.warning(base.W_NO_CONSUMERS, "flightline.cpu")
    kombu.warning("Something else about %r", "flightline.cpu")

    assert [record.getMessage() for record in caplog.records] == ["Something else about 'flightline.cpu'"]
