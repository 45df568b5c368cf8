"""The program of `tests.support.s3`: S3 in memory, with faults on demand: `s3_app.py PORT FAULT_FILE`.

While the file exists it names the fault: `503 SlowDown` is every answer then, and `silent` lets every request wait.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

SILENT = "silent"


class FaultyS3:
    """A WSGI application."""

    def __init__(self, fault: Path) -> None:
        self._fault = fault
        self._s3 = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the fault says, else as S3 does."""
        while (fault := self._now()) == SILENT:
            time.sleep(0.05)
        if not fault:
            answer: Iterable[bytes] = self._s3(environ, start_response)
            return answer
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        code = fault.partition(" ")[2]
        body = f"<Error><Code>{code}</Code><Message>The test says {code}.</Message></Error>".encode()
        start_response(fault, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _now(self) -> str:
        try:
            return self._fault.read_text()
        except FileNotFoundError:
            return ""


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), FaultyS3(Path(sys.argv[2])), threaded=True)
