"""`python -m benchmarks.support.stack.timed_worker`: the real worker, which writes down when parts of a job were over.

One line a part, `JOB PART SECONDS` (since 1970), into the file `timed` of the home.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from shared.settings import Settings
from worker.launch import main
from worker.processes.child import Child

PARTS = (
    *("message", "claimed", "data", "recorded", "built", "batch", "epoch", "trained", "kept", "succeeded", "returned"),
)
"""In the order in which they come."""

_stamps: list[tuple[str, float]] = []


def _stamp(part: str) -> None:
    _stamps.append((part, time.time()))


def _after(part: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def change(function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            _stamp(part)
            return result

        return timed

    return change


def _wrap(owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    setattr(owner, name, change(getattr(owner, name)))


def _timed_start(start: Callable[[Child], None]) -> Callable[[Child], None]:
    def timed(self: Child) -> None:
        start(self)
        from shared.jobs.running import attempts  # noqa: PLC0415 -- torch loads in `start`, in the child
        from worker.run_job import attempt  # noqa: PLC0415
        from worker.run_job.records import artifacts  # noqa: PLC0415
        from worker.training import trainer  # noqa: PLC0415
        from worker.training.trainer import Run  # noqa: PLC0415

        _wrap(attempts, "claim", _after("claimed"))
        _wrap(attempt.Attempt, "_load", _after("data"))
        _wrap(attempt.Attempt, "_resume", _after("recorded"))
        _wrap(trainer, "Run", _after("built"))
        _wrap(attempt.Attempt, "_check", _after("batch"))
        _wrap(Run, "run_epoch", _after("epoch"))
        _wrap(attempt, "train", _after("trained"))
        _wrap(artifacts, "store", _after("kept"))
        _wrap(attempts, "succeed", _after("succeeded"))

    return timed


def _timed_run(run: Callable[..., None]) -> Callable[..., None]:
    path = Settings().home_dir / "timed"

    def timed(self: Child, job_id: str, priority: int) -> None:
        _stamps.clear()
        _stamp("message")
        run(self, job_id, priority)
        _stamp("returned")
        firsts = dict(reversed(_stamps))
        with path.open("a") as file:
            file.writelines(f"{job_id} {part} {firsts[part]!r}\n" for part in PARTS if part in firsts)

    return timed


if __name__ == "__main__":
    _wrap(Child, "start", _timed_start)
    _wrap(Child, "run", _timed_run)
    sys.exit(main(sys.argv[1:]))
