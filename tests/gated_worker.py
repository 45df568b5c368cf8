"""`python -m tests.gated_worker`: the real worker, which files in the folder `GATES` can hold, kill and break.

A file's name says what happens as long as it lies there; `hold`, `die`, `hang` and `freeze` hold the number of steps
(calls of `check`) that the attempt takes first. What has happened is said by a file `<name>.reached`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker import child, devices
from worker.launch import main

GATES = Path(os.environ["GATES"])


def _shut(name: str) -> bool:
    return (GATES / name).exists()


def _reached(name: str) -> None:
    (GATES / f"{name}.reached").write_text(str(os.getpid()))


def _due(name: str, steps: int) -> bool:
    try:
        return steps >= int((GATES / name).read_text() or 0)
    except FileNotFoundError:
        return False


def _wait_while(name: str, steps: int = 0) -> None:
    while _due(name, steps):
        _reached(name)
        time.sleep(0.01)


def _gate(steps: int) -> None:
    """Before each step."""
    if _due("die", steps):
        os.kill(os.getpid(), signal.SIGKILL)
    if _due("freeze", steps):
        _reached("freeze")
        ctypes.PyDLL(None).sleep(1000)  # keeps the interpreter's lock: no thread of this process runs any more
    _wait_while("hold", steps)


def _gated_check(check: Callable[[Any], None]) -> Callable[[Any], None]:
    def gated(attempt: Any) -> None:
        attempt.steps = getattr(attempt, "steps", 0) + 1
        _gate(attempt.steps)
        check(attempt)

    return gated


def _gated_load(load: Callable[..., Any]) -> Callable[..., Any]:
    def gated(*arguments: Any) -> Any:
        _wait_while("load")
        return load(*arguments)

    return gated


def _gated_start(start: Callable[[child.Child], None]) -> Callable[[child.Child], None]:
    def gated(self: child.Child) -> None:
        start(self)
        if not self._stop.failed:
            from worker import attempt
            from worker.training.checkpoints import Checkpointing

            Checkpointing.SHARE = float("inf")  # a state at every step where the settings say 0 seconds
            attempt.Attempt._check = _gated_check(attempt.Attempt._check)  # type: ignore[method-assign]
            attempt.load = _gated_load(attempt.load)  # type: ignore[attr-defined]

    return gated


def _pretend_gpu() -> None:
    """A worker that says it has a GPU, and computes on the processor."""
    devices.visible_gpus = lambda: ["0"]  # type: ignore[attr-defined]
    devices.Device.torch_name = property(lambda _: "cpu")  # type: ignore[assignment, method-assign]
    from worker import context

    context._device_name = lambda _: "pretended"


if __name__ == "__main__":
    child.Child.start = _gated_start(child.Child.start)  # type: ignore[method-assign]
    if _shut("torch"):
        sys.modules["torch"] = None  # type: ignore[assignment]
    if "cuda:0" in sys.argv:
        _pretend_gpu()
    sys.exit(main(sys.argv[1:]))
