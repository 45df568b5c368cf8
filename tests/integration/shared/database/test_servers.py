"""The servers that tests run against die with the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import PostgresServer, wait_until

OWNER = """
import sys, time
from tests.support import servers
server = getattr(servers, sys.argv[1])()
print(server.process.pid, server.folder, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("start", ["start_redis", "start_postgres"])
def test_a_server_dies_with_the_process_that_started_it(start: str, postgres_server: PostgresServer) -> None:
    """A killed test run leaves no server behind."""
    root = Path(__file__).parents[4]
    owner = subprocess.Popen([sys.executable, "-c", OWNER, start], cwd=root, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid, folder = owner.stdout.readline().split()

    owner.kill()
    owner.wait()
    owner.stdout.close()

    wait_until(lambda: _gone(int(pid)), f"the end of {start}'s server")
    subprocess.run(["rm", "-rf", folder], check=True)


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"  # ended, not yet reaped
    except FileNotFoundError:
        return True


def test_postgres_never_runs_as_root(postgres_server: PostgresServer) -> None:
    """It is ours, or nobody's where we are root."""
    uid = Path(f"/proc/{postgres_server.process.pid}").stat().st_uid

    assert uid != 0
    assert uid == os.getuid() or os.getuid() == 0
