"""The worker's command line: one process per device, each pinned before torch is loaded."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from shared.errors import ConfigurationError, FlightlineError
from shared.settings import Settings
from worker.device_pin import Device, pin, resolve


def main(arguments: Sequence[str]) -> int:
    """Run the workers that the command line asks for until they stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Train queued jobs on one device.")
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda:N, cuda:all, or auto: every GPU, the CPU where there is none"
    )
    options = parser.parse_args(arguments)
    try:
        settings = Settings()
        devices = resolve(options.device)
    except (ValidationError, FlightlineError) as error:
        return _refuse(error)
    if len(devices) > 1:
        return run_each(devices)
    pin(devices[0])
    # Imported only now: nothing that Celery's part imports may load torch before the device is pinned.
    from worker.app import run_worker

    try:
        return run_worker(settings, devices[0])
    except ConfigurationError as error:
        return _refuse(error)


def _refuse(error: Exception) -> int:
    print(f"worker: {error}", file=sys.stderr)  # noqa: T201 -- a command's answer
    return 2


def run_each(devices: Sequence[Device]) -> int:
    """Run a process for each device and pass a stop on to all; if one fails, stop the rest, for the supervisor."""
    children = [subprocess.Popen([sys.executable, "-m", "worker", "--device", device.name]) for device in devices]

    def stop(*_: object) -> None:
        for child in children:
            child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    codes: list[int] = []
    while len(codes) < len(children):
        running = [child for child in children if child.returncode is None]
        code = running[0].wait() if len(running) == 1 else _wait_any(running)
        codes.append(code)
        if code:
            stop()
    return max(codes, key=abs)


def _wait_any(children: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait for the first of the processes to end, and return its exit code."""
    while True:
        for child in children:
            try:
                return child.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
