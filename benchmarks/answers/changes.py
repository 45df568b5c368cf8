"""Many jobs at once, and news of all of them: batches, event streams beside requests, and how late the bell rings."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from benchmarks.support.lines import Line, median
from benchmarks.support.stack.service import Service, service

JOBS = 1000
STREAMS = 300
REQUESTS_PER_ROUND = 100
REQUESTS_PER_SECOND = 40
RINGS_PER_ROUND = 10
BATCH_SECONDS = 1.0
BELL_MS = 100.0
REQUEST_MS = 50.0
PRESETS = ("notebook-tapered", "convnet")


def lines(rounds: int) -> Iterator[Line]:
    """Time each; nobody takes the jobs, or the processor."""
    with service(1) as made:
        made.stop_worker(*made.workers)
        for preset in PRESETS:
            seconds = [_batch(made, preset, number) for number in range(rounds)]
            yield median(f"POST /v1/jobs/batch: {JOBS:,} jobs of {preset}", "s", seconds, at_most=BATCH_SECONDS)
        yield median("bell: from a change's request to its ring", "ms", _rings(made, rounds), at_most=BELL_MS)
        streams = [_stream(made, f"/v1/jobs/{made.submit(_spec(PRESETS[0], 0, 0))}/events") for _ in range(STREAMS)]
        times = _requests(made, rounds)
        what = f"GET /v1/jobs?limit=100 beside {STREAMS} event streams"
        yield median(f"{what}: median of {len(times)}", "ms", times)
        yield Line(f"{what}: 99th percentile", "ms", statistics.quantiles(times, n=100)[98], at_most=REQUEST_MS)
        rings = _rings(made, rounds)
        yield median(f"bell beside {STREAMS} event streams", "ms", rings, at_most=BELL_MS)
        for stream in streams:
            stream.close()


def _spec(preset: str, number: int, seed: int) -> dict[str, Any]:
    rate = 0.001 * (number + 1)
    return {"preset": preset, "tags": ["sweep"], "training": {"seed": seed, "optimizer": {"kind": "sgd", "lr": rate}}}


def _batch(made: Service, preset: str, number: int) -> float:
    answer = made.http.post("/v1/jobs/batch", {"jobs": [_spec(preset, number, seed) for seed in range(JOBS)]})
    assert answer.status == 201, answer.body[:500]
    return answer.milliseconds / 1000


def _requests(made: Service, rounds: int) -> list[float]:
    """Milliseconds of requests at a steady pace."""
    times = []
    for _ in range(rounds * REQUESTS_PER_ROUND):
        answer = made.http.get("/v1/jobs?limit=100")
        assert answer.status == 200, answer.body[:500]
        times.append(answer.milliseconds)
        time.sleep(max(0.0, 1 / REQUESTS_PER_SECOND - answer.milliseconds / 1000))
    return times


def _stream(made: Service, path: str) -> socket.socket:
    """Open an event stream, and return once its head has come."""
    stream = socket.create_connection(("127.0.0.1", made.settings.port), timeout=60)
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert b"200 OK" in stream.recv(1 << 12)
    return stream


def _rings(made: Service, rounds: int) -> list[float]:
    """Milliseconds from each change, some time after the one before, until the bell names its job."""
    job_id = made.submit(_spec(PRESETS[0], 0, 0))
    rung = threading.Event()
    with closing(_stream(made, "/v1/events")) as bell:
        listener = threading.Thread(target=_listen, args=(bell, job_id, rung), daemon=True)
        listener.start()
        times = []
        for number in range(rounds * RINGS_PER_ROUND):
            time.sleep(0.4)
            rung.clear()
            started = time.perf_counter()
            answer = made.http.request("PATCH", f"/v1/jobs/{job_id}", b'{"notes": "%d"}' % number)
            assert answer.status == 200, answer.body[:500]
            assert rung.wait(10)
            times.append((time.perf_counter() - started) * 1000)
        bell.shutdown(socket.SHUT_RDWR)
        listener.join()
    return times


def _listen(bell: socket.socket, job_id: str, rung: threading.Event) -> None:
    while received := bell.recv(1 << 16):
        if job_id.encode() in received:
            rung.set()
