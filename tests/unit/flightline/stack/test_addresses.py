"""Where others reach a service."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from flightline.stack.addresses import addresses_for_others


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_is_for_nobody_else(host: str) -> None:
    """There is nothing to give to others."""
    assert addresses_for_others(host, 8470) == []


def test_one_address_is_the_only_one() -> None:
    """Whoever names an address or a name gets that."""
    assert addresses_for_others("192.168.1.5", 80) == ["http://192.168.1.5:80"]
    assert addresses_for_others("fe80::5", 80) == ["http://[fe80::5]:80"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_everywhere_is_this_machines_name_and_addresses(host: str) -> None:
    """Its name first; an address of loopback is never among them, nor one twice."""
    # In a process of its own: this one may not even ask which way an address would take.
    script = (
        "import json; from flightline.stack.addresses import *; "
        f"print(json.dumps(addresses_for_others({host!r}, 8470)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)

    assert found[0] == f"http://{socket.gethostname()}:8470"
    assert len(set(found)) == len(found)
    assert not any("//127." in url or "//0.0.0.0" in url or "//[::]" in url for url in found)
