"""Errors of a worker other than those of training itself (see worker/training/errors.py)."""

from __future__ import annotations

from shared.errors import FlightlineError


class WorkerError(FlightlineError):
    """The worker cannot do its work."""

    code = "worker_error"


class NoSuchDevice(WorkerError):
    """The device that the worker is to be pinned to is not on this machine."""

    code = "no_such_device"
