"""One part of `make gpu`: a process of its own with a time limit, so that none takes the others' figures along."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Part:
    """One part of `make gpu`, run as a process.

    Attributes:
        name: the name of the part and of its log file.
        arguments: the arguments of the Python interpreter.
        limit_seconds: the part is killed after this time.
    """

    name: str
    arguments: tuple[str, ...]
    limit_seconds: float


@dataclass(frozen=True)
class Outcome:
    """The verdict on a part, its wall time in seconds and the last line that it printed."""

    name: str
    verdict: str
    seconds: float
    last_line: str

    def __str__(self) -> str:
        """The outcome as a line of the summary."""
        return f"{self.name:10} {self.verdict:9} {self.seconds:6.1f} s  {self.last_line}".rstrip()


def run(part: Part, out: Path) -> Outcome:
    """Run the part; its output is printed at its end, and kept in OUT/NAME.log."""
    log = out / f"{part.name}.log"
    began = time.monotonic()
    print(f"== {part.name} (at most {part.limit_seconds:.0f} s)", flush=True)
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, *part.arguments], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
        verdict = _verdict(process, part.limit_seconds)
    text = log.read_text(encoding="utf-8", errors="replace")
    print(text, end="", flush=True)
    lines = text.strip().splitlines() or [""]
    return Outcome(part.name, verdict, time.monotonic() - began, lines[-1].strip("= "))


def _verdict(process: subprocess.Popen[bytes], limit_seconds: float) -> str:
    try:
        code = process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "cut off"
    return "passed" if code == 0 else "FAILED"


def summary(outcomes: Sequence[Outcome]) -> str:
    """The outcomes of all parts, one line each."""
    return "\n".join(str(outcome) for outcome in outcomes)
