"""What of the logs is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from flightline.stack.log_tail import LONGEST_LINE, LogTail, is_interesting, last_lines


@pytest.mark.parametrize(
    "name,line,shown",
    [
        ("worker-cpu-0", "2026-01-31T12:00:00.000Z WARNING child_died queued_again=1", True),
        ("worker-cpu-0", "2026-01-31T12:00:00.000Z INFO worker_ready", False),
        ("worker-cpu-0", "2026-01-31T12:00:00.000Z INFO claimed job=1 attempt=1", True),
        ("api", "[2026-01-31 12:00:00 +0000] [1] [ERROR] Worker (pid:7) was sent SIGKILL!", True),
        ("api", "[2026-01-31 12:00:00 +0000] [1] [INFO] Listening", False),
        ("redis", "7:M 31 Jan 2026 12:00:00.000 # Can't save in background: fork: Cannot allocate memory", True),
        ("redis", "7:M 31 Jan 2026 12:00:00.000 # Server initialized", False),
        ("redis", "7:M 31 Jan 2026 12:00:00.000 # Valkey is now ready to exit, bye bye...", False),
        ("redis", "7:C 31 Jan 2026 12:00:00.000 # Configuration loaded", False),
        ("redis", "7:M 31 Jan 2026 12:00:00.000 * Ready to accept connections", False),
    ],
)
def test_interesting(name: str, line: str, shown: bool) -> None:
    """Starts and ends of jobs, warnings and errors are shown, in each program's format; the rest is in the file."""
    assert is_interesting(name, line) is shown


def test_tail_reads_on(tmp_path: Path) -> None:
    """Only what was written since is shown, whole lines, long ones shortened, over a new file too."""
    log = tmp_path / "api.log"
    log.write_text("ERROR old\n")
    tail = LogTail({"api": log, "redis": tmp_path / "missing.log"})
    with log.open("a") as file:
        file.write("ERROR one\nINFO two\nERROR thr")
    assert list(tail.interesting()) == [("api", "ERROR one")]
    with log.open("a") as file:
        file.write(f"ee\n2026-01-31T12:00:00.000Z ERROR {'x' * 1000}\n")
    (_, three), (_, long) = tail.interesting()
    assert (three, long[:7]) == ("ERROR three", "ERROR x")
    assert len(long) < LONGEST_LINE + 50
    log.write_text("ERROR anew\n")
    assert list(tail.interesting()) == [("api", "ERROR anew")]


def test_what_every_program_says_is_shown_once(tmp_path: Path) -> None:
    """One reason under whatever names, again and again: it is shown again after a silence, and another one at once."""
    logs = {name: tmp_path / f"{name}.log" for name in ("api", "redis", "worker-cpu-0")}
    seconds = 0.0
    tail = LogTail(logs, lambda: seconds)

    def shown() -> list[str]:
        for name, event in (("api", "service_unavailable path=/v1/jobs"), ("worker-cpu-0", "reconcile_failed")):
            with logs[name].open("a") as file:
                file.write(f"2026-01-31T12:00:{seconds:06.3f}Z WARNING {event} reason='The disk is full.' path=/x\n")
        with logs["redis"].open("a") as file:
            file.write(f"7:M 31 Jan 2026 12:00:{seconds:06.3f} # Short write while writing to the AOF file\n")
        return [name for name, _ in tail.interesting()]

    assert shown() == ["api", "redis"]
    seconds = 59.0
    assert shown() == []
    seconds = 119.0
    assert shown() == ["api", "redis"]
    with logs["api"].open("a") as file:
        file.write("2026-01-31T12:00:00.000Z WARNING reconcile_failed reason='Redis does not answer.'\n")
    assert [name for name, _ in tail.interesting()] == ["api"]


def test_last_lines(tmp_path: Path) -> None:
    """The end of a log for an error message, nothing where there is no log."""
    log = tmp_path / "a.log"
    log.write_text("\n".join(map(str, range(100))))
    assert last_lines(log, 2) == "98\n99"
    assert last_lines(tmp_path / "missing") == ""
