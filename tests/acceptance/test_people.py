"""A team on a stack that asks for tokens, as `flightline up` starts it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from flightline import Client, NotFound
from tests.support.people import bearer
from tests.support.stacks import TINY, Stack, flightline, processes_of, until

ON = {"FLIGHTLINE_AUTH": "on", "FLIGHTLINE_LOG_LEVEL": "DEBUG"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that is not there yet."""
    return tmp_path / "home"


@pytest.fixture
def root(home: Path) -> str:
    """The first token, made before anything was started."""
    made = flightline(home, "token", "create", "--owner", "root", "--scope", "admin")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture
def stack(home: Path, root: str) -> Iterator[Stack]:
    """A running stack with a worker, which logs all that it can."""
    assert root
    with closing(Stack(home, "cpu=1,predict=0", **ON)) as stack:
        yield stack


def statuses(url: str, token: str) -> set[int]:
    """What several connections in a row are answered, so that each process of the API is asked."""
    return {httpx.get(f"{url}/v1/presets", headers=bearer(token)).status_code for _ in range(16)}


def test_tokens_let_a_team_in_and_out_and_lie_nowhere(stack: Stack, home: Path, root: str) -> None:
    """Made by an admin, used by their owners, refused once revoked; in no file, log, answer or list of processes."""
    url, answers = stack.ready["url"], list[httpx.Response]()
    admin = Client(url, token=root)
    made = [admin.create_token(name, expires_seconds=3600) for name in ("alice", "bob")]
    alice, bob = (one.token for one in made)
    with httpx.Client(base_url=url) as client:
        job: dict[str, Any] = client.post("/v1/jobs", json=TINY, headers=bearer(alice)).json()
        path = f"/v1/jobs/{job['id']}"
        until(lambda: client.get(path, headers=bearer(bob)).json()["status"] == "succeeded")
        answers += [client.get("/v1/jobs"), client.delete(path, headers=bearer(bob)), client.get(path)]
        assert [answer.status_code for answer in answers] == [401, 403, 401]
        begun = client.post("/v1/session", json={"token": bob})
        [cookie] = begun.cookies.values()
        assert client.get("/v1/whoami").json()["owner"] == "bob"
        answers += [client.get(f"/v1/jobs?token={alice}"), client.get(f"/v1/{alice}", headers=bearer(alice))]
        answers += [client.get(f"/v1/jobs/{bob}"), client.post("/v1/session", json={"token": f"{alice}x"})]
        answers.append(client.delete(f"/v1/tokens/{alice}", headers=bearer(root)))
    unreadable = said(url, f"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization Bearer {alice}\r\n\r\n")

    assert statuses(url, alice) == {200}
    assert {one.owner for one in admin.tokens()} == {"root", "alice", "bob"}
    admin.revoke_token(made[0].id)
    until(lambda: statuses(url, alice) == {401})
    assert statuses(url, bob) == {200}
    assert flightline(home, "token", "revoke", made[1].id).returncode == 0  # past the service, in the database
    until(lambda: statuses(url, bob) == {401})
    with pytest.raises(NotFound):
        admin.revoke_token(made[1].id)
    admin.close()
    commands = "\n".join(processes_of(home).values())
    assert stack.stop() == 0

    files = b"\n".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    heard = "\n".join(f"{answer.headers} {answer.text}" for answer in answers)
    for secret in (root, alice, bob, cookie):
        for place in (files.decode(errors="replace"), stack.log.read_text(), heard, unreadable, commands):
            assert secret not in place
    assert b"alice" in files


def said(url: str, request: str) -> str:
    """The whole answer to what may be no HTTP."""
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 80), timeout=30) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
