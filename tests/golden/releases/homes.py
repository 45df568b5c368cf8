"""Homes of stacks that were killed: made by the code that is checked out, unpacked for the code that comes after it.

A home has a job of every status, with artifacts, log lines, events, tags and an idempotency key, and what the API
answered about those that had ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import httpx
import psycopg

from flightline import Client, Job
from tests.support.processes import PATIENCE
from tests.support.servers import PostgresServer, find_postgres, start_postgres, wait_until

DATABASES = ("sqlite", "postgresql")
"""What a release's homes are on; the archive of each has its name."""
ANSWERS = "answers.json"
"""In a home: the answers of the API while it was made."""
DUMP = "flightline.sql"
"""In the home of a stack on PostgreSQL: its database."""
KEY = "a-key-of-the-nightly-run"
PARTS = ("", "/epochs", "/evaluation", "/evaluation?weights=last", "/attempts", "/log", "/artifacts")
"""What can be asked about a job that has ended."""

DATASET = {"name": "synthetic", "train_per_class": 40, "val_per_class": 20}
"""The images of most jobs of a home."""
_LAYERS = [
    {"kind": "conv2d", "out_channels": 2, "kernel_size": 8, "stride": 8},
    {"kind": "batchnorm"},
    {"kind": "relu"},
    {"kind": "flatten"},
    {"kind": "linear"},
]
_ENDLESS = 10_000


def document(name: str, epochs: int = 3, **fields: Any) -> dict[str, Any]:
    """A job of well under a second, whose weights are a few hundred bytes."""
    training = {"epochs": epochs, "batch_size": 8, "optimizer": {"kind": "adam"}, **fields.pop("training", {})}
    architecture = {"kind": "layers", "layers": _LAYERS, "output": "logits"}
    whole = {"name": name, "tags": ["kept"], "dataset": DATASET, "architecture": architecture, "training": training}
    return {**whole, **fields}


KEYED = document("keyed", tags=["kept", "nightly"])
"""The job that was submitted under `KEY`."""
LONG = document("interrupted", 80, dataset={**DATASET, "train_per_class": 400})
"""The job that runs when the stack is killed."""


class Stack:
    """`flightline up` with one CPU worker on a free port."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLIGHTLINE_")}
        ours = {f"FLIGHTLINE_{name.upper()}": value for name, value in settings.items()}
        self.log = home.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flightline", "up", "--json", "--port", "0", "--workers", "cpu=1"],
                env=kept | ours | {"FLIGHTLINE_HOME": str(home)},
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"The stack did not start:\n{self.log.read_text()}"
        self.client = Client(json.loads(line)["url"])

    def get(self, path: str) -> Any:
        """What the API answers."""
        return httpx.get(f"{self.client.base_url}{path}", timeout=PATIENCE).raise_for_status().json()

    def answers(self, job_id: str) -> dict[str, Any]:
        """All answers of the API about a job that has ended, by what was asked; it has no evaluation of some."""
        found = {}
        for part in PARTS:
            with contextlib.suppress(httpx.HTTPStatusError):
                found[part] = self.get(f"/v1/jobs/{job_id}{part}")
        return {**found, "/events": [event.raw for event in self.client.events(job_id)]}

    def kill(self) -> None:
        """As a power cut does: nothing of it has the time to stop."""
        os.kill(self.process.pid, signal.SIGSTOP)  # it would start again what dies
        children = json.loads((self.home / "stack.json").read_text())["children"]
        for pid in [*(pid for pid, _ in children.values()), self.process.pid]:
            os.killpg(pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Stop it, if it still runs."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


def fill(stack: Stack) -> dict[str, Any]:
    """Give the stack a job of every status; one runs when this returns, and one waits for it.

    Returns:
        The API's answers about those that have ended, and the ids of the other two.
    """
    client = stack.client
    ended = [
        client.submit(document("layers")),
        client.submit(document("mlp", architecture={"kind": "mlp", "hidden": [1]}, tags=[])),
        client.submit(KEYED, idempotency_key=KEY),
        client.submit(document("failed", training={"optimizer": {"kind": "sgd", "lr": 1000, "weight_decay": 1}})),
    ]
    for job in ended:
        client.wait(job.id)
    ended.append(client.wait(client.retry(ended[0].id).id))
    ended.append(_cancelled(client))
    running = client.submit(LONG)
    queued = client.submit(document("waiting", priority=3))
    folder = stack.home / "artifacts" / running.id / "checkpoints"
    wait_until(lambda: len(list(folder.glob("*.ckpt"))) > 1, "two checkpoints, of which one is recorded", PATIENCE)
    return {
        "jobs": {job.id: stack.answers(job.id) for job in ended},
        "keyed": ended[2].id,
        "queued": queued.id,
        "running": running.id,
        "epochs": stack.get(f"/v1/jobs/{running.id}/epochs"),
    }


def _cancelled(client: Client) -> Job:
    job = client.submit(document("cancelled", _ENDLESS))
    wait_until(lambda: client.job(job.id).progress.epoch > 1, "a job that runs", PATIENCE)
    client.cancel(job.id)
    return client.wait(job.id)


def make(folder: Path, database: str) -> None:
    """Write the home of a stack on ``sqlite`` or ``postgresql`` into a release's folder."""
    place = Path(tempfile.mkdtemp(prefix="fl-"))
    home = place / "home"
    home.mkdir()
    server = start_postgres() if database == "postgresql" else None
    try:
        settings = {"database_url": server.create("release")} if server else {}
        stack = Stack(home, checkpoint_seconds="0", **settings)
        try:
            (home / ANSWERS).write_text(json.dumps(fill(stack)))
        finally:
            stack.kill()
        if server is not None:
            (home / DUMP).write_text(_dump(server, "release"))
        with tarfile.open(folder / f"{database}.tar.xz", "w:xz") as archive:
            archive.add(home, "home", filter=_without_traces)
    finally:
        if server is not None:
            server.remove()
        shutil.rmtree(place)


def _without_traces(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Neither logs, caches, sockets nor process ids, nor who made it."""
    name = entry.name.removeprefix("home").lstrip("/")
    if name.split("/")[0] in {"logs", "cache", "stack.json", "stack.lock"} or not (entry.isfile() or entry.isdir()):
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _dump(server: PostgresServer, database: str) -> str:
    """All of a database as SQL that PostgreSQL's other versions and other clients than psql take."""
    binary = find_postgres(server.folder, (os.getuid(), os.getgid())) / "pg_dump"
    command = [str(binary), "--inserts", "--no-owner", "--no-privileges", "--dbname", server.url(database)]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    left_out = ("SET ", "SELECT pg_catalog.set_config", "\\", "--")
    return "\n".join(line for line in dump.splitlines() if line and not line.startswith(left_out)) + "\n"


def unpacked(archive: Path, folder: Path) -> Path:
    """The home of an archive, below a folder."""
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / "home"


def load_dump(home: Path, url: str) -> None:
    """Fill an empty PostgreSQL database with a home's dump."""
    with psycopg.connect(url) as connection:
        connection.execute((home / DUMP).read_text())
