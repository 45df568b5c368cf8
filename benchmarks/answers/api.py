"""How long the API takes for one client over one kept-alive connection."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator

from benchmarks.support.lines import Line, median
from benchmarks.support.stack.connection import Answer
from benchmarks.support.stack.service import Service, service

REQUESTS_PER_ROUND = 100
WARM_UP = 50
STALL_MS = 40.0
SPEC = {"architecture": {"kind": "mlp", "hidden": [1024, 512, 128]}, "training": {"epochs": 3}, "tags": ["benchmark"]}


def lines(rounds: int) -> Iterator[Line]:
    """The median and the 99th percentile of each call. A stall of 40 ms inside an answer would be Nagle's algorithm."""
    requests = rounds * REQUESTS_PER_ROUND
    with service(1) as made:
        made.stop_worker(*made.workers)  # nobody takes the jobs, or the processor
        stalls: list[float] = []
        job_id = made.submit(SPEC)
        reads = ("/v1/jobs?limit=100", f"/v1/jobs/{job_id}", "/v1/workers", "/healthz")
        calls = [
            ("POST", "/v1/jobs", 201),
            ("POST", "/v1/jobs?dry_run=true", 200),
            *(("GET", path, 200) for path in reads),
        ]
        for method, path, expected in calls:
            answers = [_call(made, method, path, expected) for _ in range(WARM_UP + requests)][WARM_UP:]
            times = [answer.milliseconds for answer in answers]
            what = f"{method} {path.replace(job_id, '…')}"
            yield median(f"{what}: median of {requests}", "ms", times)
            yield Line(f"{what}: 99th percentile", "ms", statistics.quantiles(times, n=100)[98])
            stalls += [answer.stall_milliseconds for answer in answers]
        yield Line("longest stall inside an answer", "ms", max(stalls), at_most=STALL_MS)


def _call(made: Service, method: str, path: str, expected: int) -> Answer:
    body = json.dumps(SPEC).encode() if method == "POST" else b""
    answer = made.http.request(method, path, body)
    assert answer.status == expected, answer.body
    return answer
