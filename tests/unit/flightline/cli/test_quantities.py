"""Lengths of time and sizes as people write them."""

from __future__ import annotations

import pytest

from flightline.cli.quantities import read_duration, read_size
from flightline.errors import UsageError


@pytest.mark.parametrize(
    "text,seconds", [("90d", 7_776_000), ("12h", 43_200), ("1.5h", 5400), ("30m", 1800), ("2w", 1_209_600), ("0s", 0)]
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    """A number and a letter."""
    assert read_duration(text, "--older-than") == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1e9d", "90 days", "90D", "1.d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """The message names the option and an example."""
    with pytest.raises(UsageError, match=r"--older-than must be .* such as 90d"):
        read_duration(text, "--older-than")


@pytest.mark.parametrize(
    "text,size", [("50GB", 50 * 10**9), ("1.5 kB", 1500), ("10mb", 10**7), ("2T", 2 * 10**12), ("7", 7), ("7B", 7)]
)
def test_a_size_is_read(text: str, size: int) -> None:
    """In bytes; a kB has 1000 of them."""
    assert read_size(text, "--max-size") == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1GiB", "1 PB", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """The message names the option and an example."""
    with pytest.raises(UsageError, match=r"--max-size must be .* such as 50GB"):
        read_size(text, "--max-size")
