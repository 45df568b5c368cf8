"""`python -m tests.support.gated_worker`: the real worker, which files in the folder `GATES` can hold, kill and break.

A file's name says what happens as long as it lies there; `hold`, `die`, `hang`, `freeze` and `full` (the device's
memory is) hold the number of steps (calls of `check`) that the attempt takes first. What has happened is said by a file
`<name>.reached`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.database.fork_gate import GATE
from worker import device_pin
from worker.launch import main
from worker.processes import child

GATES = Path(os.environ["GATES"])
PRETENDED = "cuda:0"
"""A worker for this device says that it has a GPU, and computes on the processor."""


COMPILER = "torch._dynamo"
_pretended_compiler: Any = types.ModuleType(COMPILER)
_pretended_compiler.disable = lambda function, *_, **__: function
_pretended_compiler.graph_break = lambda: None
_pretended_utilities: Any = types.ModuleType(f"{COMPILER}.utils")
_pretended_utilities.is_compile_supported = lambda _: False  # which torchvision's networks ask
_PRETENDED_MODULES = {module.__name__: module for module in (_pretended_compiler, _pretended_utilities)}


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
    if _due("full", steps):
        _reached("full")
        from worker.training.errors import OutOfDeviceMemory

        raise OutOfDeviceMemory("The device has no memory left; take a smaller batch.")
    if _due("freeze", steps):
        GATE.shut()  # not in the midst of another thread's transaction, whose locks would stay
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
    def gated(*arguments: Any, **options: Any) -> Any:
        _wait_while("load")
        for name, module in _PRETENDED_MODULES.items():  # what decodes may need the real ones
            if sys.modules.get(name) is module:
                del sys.modules[name]
        loaded = load(*arguments, **options)
        # torch's optimizers load its compiler, only to be left alone by it: three seconds of every child's first job.
        if COMPILER not in sys.modules:
            sys.modules.update(_PRETENDED_MODULES)
        return loaded

    return gated


def _gated_start(start: Callable[[child.Child], None]) -> Callable[[child.Child], None]:
    def gated(self: child.Child) -> None:
        if PRETENDED in sys.argv:
            from worker.run_job import context

            _wrap(context, "_device_name", lambda _: lambda _: "pretended")
        start(self)
        if not self._stop.failed:
            from worker.run_job import attempt
            from worker.training.data import Datasets
            from worker.training.state.checkpoints import Checkpointing

            Checkpointing.SHARE = float("inf")  # a state at every step where the settings say 0 seconds
            _wrap(attempt.Attempt, "_check", _gated_check)
            _wrap(Datasets, "load", _gated_load)

    return gated


def _wrap(owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    setattr(owner, name, change(getattr(owner, name)))


def _pretend_gpu() -> None:
    """Show one GPU, which torch need not find."""
    _wrap(device_pin, "visible_gpus", lambda _: lambda: ("0",))
    _wrap(device_pin.Device, "torch_name", lambda _: property(lambda _: "cpu"))


if __name__ == "__main__":
    _wrap(child.Child, "start", _gated_start)
    if _shut("torch"):
        sys.modules["torch"] = None  # type: ignore[assignment]
    if PRETENDED in sys.argv:
        _pretend_gpu()
    sys.exit(main(sys.argv[1:]))
