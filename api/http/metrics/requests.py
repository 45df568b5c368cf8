"""How many requests all processes have answered, by operation and status, and how long each operation took."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from api.http.metrics.numbers import NUMBERS, SharedNumbers

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of durations, in seconds; a last one has no bound."""
UNKNOWN = "unknown"
"""The operation of a request whose path or method the service does not have."""
_STATUSES = tuple(sorted(HTTPStatus))
_BUCKET = len(_STATUSES)
_SUM = _BUCKET + len(BUCKETS) + 1
_STRIDE = _SUM + 1
"""Numbers of one operation: requests by status, requests by bucket, and the sum of the durations."""
MOST_OPERATIONS = NUMBERS // _STRIDE


class RequestFigures:
    """The requests that this process has answered, and after `share` those of all processes.

    Both labels have few values, whatever is requested: the operations of the service and the statuses of HTTP.
    """

    def __init__(self) -> None:
        self._operations = [UNKNOWN]
        self._index = {UNKNOWN: 0}
        self._numbers = SharedNumbers(parts=1)  # of this process alone
        self._part = self._numbers.part(0)
        self._lock = threading.Lock()

    def know(self, operations: Iterable[str]) -> None:
        """Set the operations' names, the same ones in every process, before the first request.

        Raises:
            ValueError: there are more than `MOST_OPERATIONS`.
        """
        self._operations = [UNKNOWN, *sorted(set(operations))]
        if len(self._operations) > MOST_OPERATIONS:
            raise ValueError(f"{len(self._operations)} operations need more than {NUMBERS} numbers.")
        self._index = {operation: number for number, operation in enumerate(self._operations)}

    def share(self, numbers: SharedNumbers, part: int) -> None:
        """Count in this part of the numbers that all processes share, and report all of them."""
        self._numbers, self._part = numbers, numbers.part(part)

    def observe(self, operation: str | None, status: int, seconds: float) -> None:
        """Count a request by its operation (None where there is no such one), its status and its duration."""
        start = self._index.get(operation or UNKNOWN, 0) * _STRIDE
        bucket = bisect.bisect_left(BUCKETS, seconds)
        with self._lock:
            self._part[start + _STATUSES.index(HTTPStatus(status))] += 1
            self._part[start + _BUCKET + bucket] += 1
            self._part[start + _SUM] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the counter and the histogram, as prometheus_client takes them from a collector."""
        requests = CounterMetricFamily(
            "flightline_http_requests", "Requests answered, by operation and status.", labels=["operation", "status"]
        )
        durations = HistogramMetricFamily(
            "flightline_http_request_duration_seconds",
            "Time until a request's answer was ready to be sent, by operation.",
            labels=["operation"],
        )
        numbers = self._numbers.sums(len(self._operations) * _STRIDE)
        for index, operation in enumerate(self._operations):
            own = numbers[index * _STRIDE : (index + 1) * _STRIDE]
            for status, count in zip(_STATUSES, own, strict=False):
                if count:
                    requests.add_metric([operation, str(status.value)], count)
            if any(own[_BUCKET:_SUM]):
                bounds = [*map(str, BUCKETS), "+Inf"]
                buckets = [*zip(bounds, accumulate(own[_BUCKET:_SUM]), strict=True)]
                durations.add_metric([operation], buckets=buckets, sum_value=own[_SUM])
        yield requests
        yield durations
