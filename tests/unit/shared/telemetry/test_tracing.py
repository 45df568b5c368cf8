"""Traces cost nothing unless they are asked for, and never stand in the way."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from shared.telemetry import tracing
from shared.telemetry.tracing import SpanKind
from tests.support.collector import Collector, collecting
from tests.support.servers import wait_until

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector to which this process sends its spans."""
    with collecting() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(tracing, "FLUSH_SECONDS", 60.0)  # nothing is given up, however busy the machine
        tracing.configure("test")
        yield collector
        tracing.close()


def test_nothing_is_imported_unless_asked_for() -> None:
    """Neither by the API nor by a worker's code; redis-py looks by itself whether there is an SDK of metrics."""
    script = (
        "import sys; ours = ('shared.telemetry.otlp', 'opentelemetry.exporter', 'opentelemetry.sdk.trace')\n"
        "from shared.telemetry import tracing; tracing.configure('x')\n"
        "import api.app, worker.run_job.task\n"
        "with tracing.span('a', {'b': 1}): tracing.record('c', 1.0, {})\n"
        "print(tracing.traceparent(), [name for name in sys.modules if name.startswith(ours)])"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=kept)

    assert told.stdout.strip() == "None []"


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The service runs on without traces."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "shared.telemetry.otlp", None)
    with caplog.at_level(logging.WARNING):
        tracing.configure("test")

    [record] = caplog.records
    assert vars(record)["install"] == "flightline-train[otel]"
    assert tracing.traceparent() is None


def test_the_switch_of_the_sdk_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_SDK_DISABLED` wins over an endpoint."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing.configure("test")

    with tracing.span("a", {}):
        assert tracing.traceparent() is None


def test_spans_arrive_with_their_parents(collector: Collector) -> None:
    """Within a thread by themselves, over processes by the context that a job carries."""
    with tracing.span("attempt", {"job": "1", "owner": None}, kind=SpanKind.CONSUMER, parent=CALLER):
        inside = tracing.traceparent()
        tracing.record("epoch", 2.0, {"epoch": 1})
        tracing.describe({"outcome": "failed"}, failure="non_finite_loss")
    tracing.record("alone", 0.0, {}, parent="nonsense")
    wait_until(lambda: len(collector.spans) == 3, "three spans")
    [attempt], [epoch], [alone] = (collector.named(name) for name in ("attempt", "epoch", "alone"))

    assert inside == f"00-{attempt.trace}-{attempt.id}-01"
    assert (attempt.trace, attempt.parent, attempt.kind) == (CALLER.split("-")[1], CALLER.split("-")[2], "consumer")
    assert (attempt.attributes, attempt.failed) == ({"job": "1", "outcome": "failed"}, True)
    assert (epoch.trace, epoch.parent, epoch.failed) == (attempt.trace, attempt.id, False)
    assert epoch.seconds == pytest.approx(2.0, abs=1e-6)
    assert (alone.trace == attempt.trace, alone.parent) == (False, "")


def test_an_error_is_told_by_its_class_alone(collector: Collector) -> None:
    """Its message may quote what the service must not tell."""
    with pytest.raises(ValueError, match="secret"), tracing.span("a", {}):
        raise ValueError("a secret")
    tracing.close()

    assert collector.named("a")[0].failed
    assert "secret" not in str(collector.spans)


def test_the_last_spans_are_sent_at_the_end(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the next batch would be due."""
    tracing.close()
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    tracing.configure("test")
    with tracing.span("last", {}):
        pass
    tracing.close()

    assert collector.named("last")


def test_a_collector_that_hangs_delays_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process gives its spans up after a moment."""
    over = threading.Event()

    class Hanging:
        def close(self) -> None:
            over.wait(30)

    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(tracing._Process, "tracer", Hanging())
    tracing.close()
    over.set()

    assert tracing._Process.tracer is None
