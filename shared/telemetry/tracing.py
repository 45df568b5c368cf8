"""Traces: one from the request that submits a job to each of the job's epochs.

Without ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``) nothing is recorded, nothing of
OpenTelemetry is imported, and a span costs the entry of an empty block. The standard variables ``OTEL_*`` set all
else, such as headers and sampling.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import StrEnum
from typing import Protocol

from shared.daemon_thread import DaemonThread

logger = logging.getLogger(__name__)

Attributes = Mapping[str, str | int | float | bool | None]
"""What distinguishes a span from others of its name, such as a job's id; one that is None is left out."""

FLUSH_SECONDS = 2.0
"""How long a process that stops waits for its last spans to be sent."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class SpanKind(StrEnum):
    """What a span is in its trace: a request answered, a job taken from its queue, or a part of either."""

    SERVER = "server"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class Tracer(Protocol):
    """Records spans. Each is a part of the span that this thread is in, unless it names another parent."""

    def span(
        self, name: str, attributes: Attributes, kind: SpanKind, parent: str | None
    ) -> AbstractContextManager[None]:
        """Return a block during which a span lasts."""

    def record(self, name: str, seconds: float, attributes: Attributes, parent: str | None) -> None:
        """Record a span that lasted so many seconds and ends now."""

    def describe(self, attributes: Attributes, failure: str | None) -> None:
        """Set attributes of the span that this thread is in, and mark it as failed where there is a reason."""

    def traceparent(self) -> str | None:
        """Return the W3C trace context of the span that this thread is in; None outside of spans."""

    def close(self) -> None:
        """Send what has not been sent yet."""


class _Process:
    """The tracer of this process; None while nothing is recorded."""

    tracer: Tracer | None = None


_NO_BLOCK: AbstractContextManager[None] = nullcontext()


def configure(service: str) -> None:
    """Record the spans of this process from now on, under this service's name, if the environment asks for it.

    Call after a fork, never before: a thread sends the spans. Without the extra `otel` only a warning is logged.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS) or os.environ.get("OTEL_SDK_DISABLED", "") == "true":
        return
    try:
        from shared.telemetry.otlp import OtlpTracer  # noqa: PLC0415 -- an extra, and slow to load
    except ImportError as error:
        logger.warning("traces_need_an_extra", extra={"install": "flightline-train[otel]", "reason": str(error)})
    else:
        _Process.tracer = OtlpTracer(service)


def close() -> None:
    """Send the last spans of this process, for `FLUSH_SECONDS` at most."""
    tracer, _Process.tracer = _Process.tracer, None
    if tracer is not None:
        with suppress(TimeoutError):
            DaemonThread().submit(tracer.close).result(FLUSH_SECONDS)


def span(
    name: str, attributes: Attributes, *, kind: SpanKind = SpanKind.INTERNAL, parent: str | None = None
) -> AbstractContextManager[None]:
    """Return a block during which a span lasts.

    Args:
        name: what is done, such as ``attempt``; the same for every job.
        attributes: what distinguishes this one.
        kind: what the span is in its trace.
        parent: W3C trace context of its parent; None for the span that this thread is in.
    """
    return _NO_BLOCK if _Process.tracer is None else _Process.tracer.span(name, attributes, kind, parent)


def record(name: str, seconds: float, attributes: Attributes, *, parent: str | None = None) -> None:
    """Record a span that lasted so many seconds and ends now; otherwise as `span`."""
    if _Process.tracer is not None:
        _Process.tracer.record(name, seconds, attributes, parent)


def describe(attributes: Attributes, *, failure: str | None = None) -> None:
    """Set attributes of the span that this thread is in; with a reason for its `failure`, mark it as failed."""
    if _Process.tracer is not None:
        _Process.tracer.describe(attributes, failure)


def traceparent() -> str | None:
    """Return the W3C trace context of the span that this thread is in; None outside of recorded spans."""
    return None if _Process.tracer is None else _Process.tracer.traceparent()
