"""What tells one process from every other one, wherever and whenever it runs."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


@cache
def pid_namespace() -> str | None:
    """Where process ids mean what they mean to this process: one boot of one machine, and there one container.

    None where that cannot be known. Hosts may share a name; two of these are never equal.
    """
    try:
        return f"{_BOOT.read_text().strip()} {os.readlink(_NAMESPACE)}"  # noqa: PTH115 -- it names no file
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid")  # macOS, which has no namespaces


def born(pid: int) -> str | None:
    """When a process started: together with its id and `pid_namespace` that names one process for good.

    None where there is no such process, where it has ended and only waits for its parent to notice, or where nobody
    can be asked.
    """
    if not _NAMESPACE.parent.exists():
        state, _, started = (_output("ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)) or "").partition(" ")
        return None if state[:1] in ("", "Z") else started.strip()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def users_of(file: Path) -> dict[int, str]:
    """The processes that have a file open, by id, with their command lines (of the program, its name alone).

    Only those that this user may look at; none where there is no /proc to ask.
    """
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if any(opened.samefile(file) for opened in (process / "fd").iterdir() if opened.exists()):
                program, *arguments = (
                    (process / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
                )
                found[int(process.name)] = " ".join([Path(program).name, *arguments])
    return dict(sorted(found.items()))


def _output(*command: str) -> str | None:
    alike = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=alike, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
