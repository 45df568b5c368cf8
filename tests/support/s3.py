"""A real HTTP server that speaks S3, on a port of its own, for tests of `FLIGHTLINE_ARTIFACTS_URL=s3://…`."""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import s3fs

from tests.support.servers import Server, reserve_port

_PROGRAM = Path(__file__).with_name("s3_app.py")
SLOW_DOWN = "503 SlowDown"
FORBIDDEN = "403 AccessDenied"
SILENT = "silent"


class S3Server(Server):
    """moto's S3, which keeps everything in memory and loses it at its end."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="fl-s3-")))
        self._reserved = reserve_port()
        self._port = int(self._reserved.getsockname()[1])
        self._fault = self.folder / "fault"

    def command(self) -> list[str]:
        """The program with the file that faults are named in."""
        return [sys.executable, str(_PROGRAM), str(self._port), str(self._fault)]

    def answers(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._port)) == 0

    def remove(self) -> None:
        """End it, delete its folder and give its port back."""
        super().remove()
        self._reserved.close()

    @property
    def environment(self) -> dict[str, str]:
        """What points a client of S3 at this server."""
        url = f"http://127.0.0.1:{self._port}"
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        return {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", **credentials}

    def make_bucket(self) -> str:
        """The URL of a place in a bucket of its own."""
        name = f"bucket-{uuid4().hex}"
        endpoint = self.environment["AWS_ENDPOINT_URL"]
        s3fs.S3FileSystem(key="test", secret="test", endpoint_url=endpoint).call_s3("create_bucket", Bucket=name)
        return f"s3://{name}/artifacts"

    def begin(self, fault: str) -> None:
        """Have every request answered so until `end`."""
        draft = self.folder / "draft"
        draft.write_text(fault)
        draft.replace(self._fault)

    def end(self) -> None:
        """Work again."""
        self._fault.unlink(missing_ok=True)

    @contextlib.contextmanager
    def failing(self, fault: str) -> Iterator[None]:
        """Every request is answered so for as long as the block lasts."""
        self.begin(fault)
        try:
            yield
        finally:
            self.end()
