"""The census of the database as metric families. docs/operations.md explains each of them.

Names and units follow Prometheus: seconds, `_total` for what only grows. Every label has few values; of owners, the
`MOST_OWNERS` first ones have a label of their own and all further ones share `OTHERS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, product

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from shared.fleet.census import Census
from shared.jobs.status import FINISHED, RUN_KINDS, JobStatus, Outcome, Queue
from shared.telemetry import tallies
from shared.telemetry.tallies import Counter
from shared.webhooks.status import DeliveryStatus, WebhookState

Values = dict[tuple[str, ...], float]
"""The values of a family by those of its labels."""
MOST_OWNERS = 100
"""Number of owners that have a label value of their own."""
OTHERS = "_others"
"""The label value of all further owners; no owner's name begins with an underscore."""
LOST_CODES = ("lease_expired", "worker_lost", "hung")
"""Errors of lost attempts, reported as 0 until there is one: otherwise the first one would not count as an increase."""


def census_families(census: Census) -> Iterator[Metric]:
    """Yield the families of what the database holds."""
    yield from _live(census)
    yield from _registered(census)
    known = _Owners()
    yield _finished(census.counted, known)
    yield _attempts(census.counted)
    yield _counter(census.counted, tallies.EPOCHS, "Epochs recorded, by the kind of device.", ["device_kind"])
    yield _counter(census.counted, tallies.EPOCH_SECONDS, "Time that those epochs took.", ["device_kind"])
    yield _deliveries(census.counted)
    yield _histogram(census.counted, tallies.RUN_SECONDS, "Running time of finished jobs, all attempts together.")
    yield _histogram(census.counted, tallies.WAIT_SECONDS, "Time between a job's submission and its first attempt.")


class _Owners:
    """The owners with a label value of their own: the first ones, and once chosen for ever, so no counter decreases."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, owner: str) -> str:
        if owner not in self._known and len(self._known) < MOST_OWNERS:
            self._known.add(owner)
        return owner if owner in self._known else OTHERS


def _live(census: Census) -> Iterator[Metric]:
    depth, oldest = _queues(), _queues()
    jobs: Values = defaultdict(float)
    owners = _Owners()
    for one in sorted(census.live, key=lambda one: -one.jobs):
        jobs[one.status, one.kind, owners.label(one.owner)] += one.jobs
        if one.status == JobStatus.QUEUED:
            queue = (one.kind, one.queue)
            depth[queue] = depth.get(queue, 0.0) + one.jobs
            oldest[queue] = max(oldest.get(queue, 0.0), one.oldest_seconds)
    yield _gauge(
        "jobs", "Jobs that wait, run or are paused, by owner (empty without one).", ["status", "kind", "owner"], jobs
    )
    yield _gauge("queue_jobs", "Queued jobs.", ["kind", "queue"], depth)
    text = "How long the job has been due that has waited longest; 0 where none is due."
    yield _gauge("queue_oldest_age_seconds", text, ["kind", "queue"], oldest)


def _queues() -> Values:
    return dict.fromkeys(((kind.value, queue.value) for kind, queue in product(RUN_KINDS, Queue)), 0.0)


def _registered(census: Census) -> Iterator[Metric]:
    values: Values = {labels: float(number) for labels, number in census.workers.items()}
    yield _gauge("workers", "Known workers.", ["role", "device_kind", "state"], values)
    states: Values = {(state.value,): float(census.webhooks.get(state, 0)) for state in WebhookState}
    del states[WebhookState.DELETED,]
    yield _gauge("webhooks", "Webhooks.", ["state"], states)


def _finished(counted: Iterable[Counter], owners: _Owners) -> Metric:
    values: Values = defaultdict(float)
    for kind, status in product(RUN_KINDS, sorted(FINISHED)):
        values[kind.value, status.value, ""] = 0.0
    for one in counted:
        if one.name == tallies.FINISHED:
            values[one.labels["kind"], one.labels["status"], owners.label(one.labels["owner"])] += one.amount
    text = "Jobs finished, by owner (empty without one)."
    return _counted("flightline_jobs_finished", text, ["kind", "status", "owner"], values)


def _attempts(counted: Iterable[Counter]) -> Metric:
    labels = ["kind", "outcome", "code"]
    values: Values = {(kind.value, outcome.value, ""): 0.0 for kind, outcome in product(RUN_KINDS, Outcome)}
    values |= {(kind.value, Outcome.LOST.value, code): 0.0 for kind, code in product(RUN_KINDS, LOST_CODES)}
    values |= {tuple(one.labels[label] for label in labels): one.amount for one in _named(counted, tallies.ENDED)}
    return _counted("flightline_attempts", "Attempts ended, by outcome and the error's code.", labels, values)


def _deliveries(counted: Iterable[Counter]) -> Metric:
    values: Values = {(status.value,): 0.0 for status in DeliveryStatus}
    values |= {(one.labels["status"],): one.amount for one in _named(counted, tallies.DELIVERIES)}
    text = "Attempts at delivering a webhook's message, by the status of the delivery after it."
    return _counted("flightline_webhook_attempts", text, ["status"], values)


def _counter(counted: Iterable[Counter], name: str, text: str, labels: list[str]) -> Metric:
    values = {tuple(one.labels[label] for label in labels): one.amount for one in _named(counted, name)}
    return _counted(f"flightline_{name}", text, labels, values)


def _histogram(counted: Iterable[Counter], name: str, text: str) -> Metric:
    """Build a histogram by kind; `tallies` counts each value in one bucket, Prometheus in all that hold it."""
    family = HistogramMetricFamily(f"flightline_{name}", text, labels=["kind"])
    found = {(one.labels["kind"], one.labels["le"]): one.amount for one in _named(counted, name)}
    bounds = [*(f"{bound:g}" for bound in tallies.BUCKETS), "+Inf"]
    for kind in sorted({kind for kind, _ in found}):
        counts = accumulate(found.get((kind, bound), 0.0) for bound in bounds)
        buckets = list(zip(bounds, counts, strict=True))
        family.add_metric([kind], buckets=buckets, sum_value=found.get((kind, tallies.SUM), 0.0))
    return family


def _named(counted: Iterable[Counter], name: str) -> Iterator[Counter]:
    return (one for one in counted if one.name == name)


def _gauge(name: str, text: str, labels: list[str], values: Values) -> Metric:
    return _filled(GaugeMetricFamily(f"flightline_{name}", text, labels=labels), values)


def _counted(name: str, text: str, labels: list[str], values: Values) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=labels), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Values) -> CounterMetricFamily | GaugeMetricFamily:
    for labels, value in values.items():
        family.add_metric(list(labels), value)
    return family
