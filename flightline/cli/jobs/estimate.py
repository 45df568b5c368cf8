"""How long a job should take and when it should start, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flightline.cli.tables import duration, plural, span


def estimate_lines(estimate: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield a line for each kind of device of which something is known, and one about the queue.

    Args:
        estimate: what the service says of a queued job or a dry run; None where it says nothing.
    """
    if estimate is None:
        return
    for device in estimate["devices"]:
        if device["seconds"] is not None:
            known = f"{_about(device['seconds_per_epoch'])} per epoch, by {plural(device['jobs'], 'finished job')}"
            yield f"{_about(device['seconds'])} on {device['device_kind']} ({known})"
    before = f"{plural(estimate['ahead'], 'job')} before it" if estimate["ahead"] else "no job before it"
    if estimate["starts_at"] is not None:
        seconds = -span(estimate["starts_at"], None)
        yield f"{before}; starts {f'in {_about(seconds)}' if seconds >= 1 else 'at once'}"
    elif estimate["ahead"]:
        yield before


def _about(seconds: float) -> str:
    return f"about {duration(seconds)}" if seconds >= 1 else "under 1 s"
