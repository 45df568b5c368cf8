"""Run a command that ends with its parent process: ``python parent_death.py PARENT_PID COMMAND…``.

The kernel sends SIGTERM to the command when its parent dies, kill -9 included. This is a program of its own, not a
`preexec_fn`, because code between fork and exec can deadlock where the parent has threads. The kernel's "parent" is
the thread that started the command, so it must be started from a thread that lives as long as the process.

Imports nothing of Flightline, so that it costs milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Request SIGTERM for the parent's death, check that the parent still runs, and become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"The process {parent} that started {command[0]} is gone.")
    os.execvp(command[0], command)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
