"""Identity of processes across machines, containers, reboots and reused process ids."""

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
    """Return the name of this process's pid namespace: one boot of one machine, and one container on it.

    None where it cannot be read. Hosts may share a name; two namespaces never do.
    """
    try:
        return f"{_BOOT.read_text().strip()} {os.readlink(_NAMESPACE)}"  # noqa: PTH115 -- it names no file
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid")  # macOS, which has no namespaces


def born(pid: int) -> str | None:
    """Return when a process started, which together with its id and `pid_namespace` identifies one process forever.

    None where the process does not exist or is a zombie, or where neither /proc nor `ps` can be asked.
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
    """Return the processes that have a file open: command lines by process id, the program by its name only.

    Processes that this user may not inspect are missing, and all are where there is no /proc.
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
