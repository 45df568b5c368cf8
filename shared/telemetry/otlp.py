"""Spans sent to an OpenTelemetry collector over OTLP and HTTP, by a thread of this process. Needs the extra `otel`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import assert_never

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.telemetry.tracing import Attributes, SpanKind

_PROPAGATOR = TraceContextTextMapPropagator()
_KEY = "traceparent"


class OtlpTracer:
    """Records spans and sends them in batches. While no collector answers, spans beyond a few thousand are dropped.

    Args:
        service: the name under which they appear, unless ``OTEL_SERVICE_NAME`` names another.
    """

    def __init__(self, service: str) -> None:
        version = metadata.version("flightline-train")
        name = os.environ.get("OTEL_SERVICE_NAME") or service
        resource = Resource.create({"service.name": name, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("flightline", version)

    @contextmanager
    def span(self, name: str, attributes: Attributes, kind: SpanKind, parent: str | None) -> Iterator[None]:
        """Return a block during which a span lasts. Of an error that ends the block, only the class is recorded."""
        with self._tracer.start_as_current_span(
            name,
            _context_of(parent),
            _kind_of(kind),
            _known(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ):
            try:
                yield
            except BaseException as error:
                self.describe({}, type(error).__name__)
                raise

    def record(self, name: str, seconds: float, attributes: Attributes, parent: str | None) -> None:
        """Record a span that lasted so many seconds and ends now."""
        end = time.time_ns()
        start = end - round(seconds * 1e9)
        span = self._tracer.start_span(name, _context_of(parent), attributes=_known(attributes), start_time=start)
        span.end(end)

    def describe(self, attributes: Attributes, failure: str | None) -> None:
        """Set attributes of the span that this thread is in, and mark it as failed where there is a reason."""
        span = trace.get_current_span()
        span.set_attributes(_known(attributes))
        if failure is not None:
            span.set_status(Status(StatusCode.ERROR, failure))

    def traceparent(self) -> str | None:
        """Return the W3C trace context of the span that this thread is in; None outside of spans."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(_KEY)

    def close(self) -> None:
        """Send what has not been sent yet, however long that takes."""
        self._provider.shutdown()


def _context_of(parent: str | None) -> context.Context | None:
    """Return the context of a parent as a job's row or a request's header names it; None for the thread's own span."""
    return None if parent is None else _PROPAGATOR.extract({_KEY: parent}, context.Context())


def _known(attributes: Attributes) -> Mapping[str, str | int | float | bool]:
    return {name: value for name, value in attributes.items() if value is not None}


def _kind_of(kind: SpanKind) -> trace.SpanKind:
    match kind:
        case SpanKind.SERVER:
            return trace.SpanKind.SERVER
        case SpanKind.CONSUMER:
            return trace.SpanKind.CONSUMER
        case SpanKind.INTERNAL:
            return trace.SpanKind.INTERNAL
        case _:
            assert_never(kind)
