"""An OpenTelemetry collector that keeps what it receives: OTLP over HTTP on a free port of the loopback."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class ReceivedSpan:
    """A span, its ids in hexadecimal."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    failed: bool
    seconds: float
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What has come in so far."""

    url: str = ""
    spans: list[ReceivedSpan] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a process sends its spans here, and soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def named(self, name: str) -> list[ReceivedSpan]:
        """The spans of a name."""
        return [span for span in list(self.spans) if span.name == name]

    def receive(self, body: bytes, headers: dict[str, str]) -> None:
        """Keep what a request holds."""
        plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
        for one in ExportTraceServiceRequest.FromString(plain).resource_spans:
            service = _plain(one.resource.attributes)["service.name"]
            self.spans += [_received(str(service), span) for scope in one.scope_spans for span in scope.spans]
        self.headers.append(headers)


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def _received(service: str, span: Any) -> ReceivedSpan:
    kinds = {1: "internal", 2: "server", 5: "consumer"}
    return ReceivedSpan(
        *(service, span.name, kinds[span.kind], span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()),
        failed=span.status.code == 2,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        attributes=_plain(span.attributes),
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Receive until the end of the block."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.receive(body, dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
