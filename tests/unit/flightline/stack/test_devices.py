"""Which workers a machine gets."""

from __future__ import annotations

import pytest

from flightline.errors import UsageError
from flightline.stack.devices import WorkerPlan, cpu_count, plan_workers


@pytest.mark.parametrize(
    "wanted,gpus,cores,devices",
    [
        (None, 0, 1, ("cpu",)),
        (None, 0, 2, ("cpu", "cpu")),
        (None, 0, 64, ("cpu",) * 4),
        (None, 2, 64, ("cuda:0", "cuda:1", "cpu")),
        ("cpu=2", 2, 8, ("cpu", "cpu")),
        ("cuda=all", 2, 8, ("cuda:0", "cuda:1")),
        ("cuda=1,cpu=3", 2, 8, ("cuda:0", "cpu", "cpu", "cpu")),
        ("cuda=all,cpu=1", 0, 8, ("cpu",)),
        (" cpu = 1 ", 0, 8, ("cpu",)),
        ("none", 1, 8, ()),
    ],
)
def test_plan(wanted: str | None, gpus: int, cores: int, devices: tuple[str, ...]) -> None:
    """GPUs first; without a wish one CPU worker beside them, or up to four without any."""
    assert plan_workers(wanted, gpus=gpus, cores=cores) == WorkerPlan(devices, int(bool(devices)))


@pytest.mark.parametrize(
    "wanted,plan",
    [
        ("cpu=2,predict=1", WorkerPlan(("cpu", "cpu"), 1)),
        ("predict=2,cpu=1", WorkerPlan(("cpu",), 2)),
        ("cpu=1,predict=0", WorkerPlan(("cpu",), 0)),
        ("predict=0", WorkerPlan(("cpu", "cpu"), 0)),
        ("cpu=0,predict=1", WorkerPlan((), 1)),
    ],
)
def test_plan_of_predictors(wanted: str, plan: WorkerPlan) -> None:
    """As many as are named, one where none are named; where nothing else is named, the machine's own workers."""
    assert plan_workers(wanted, gpus=0, cores=2) == plan


@pytest.mark.parametrize(
    "wanted", ["", "many", "cpu", "cpu=all", "cpu=-1", "cpu=1;cuda=1", "tpu=1", "cuda=3", "predict=all"]
)
def test_plan_refuses(wanted: str) -> None:
    """What is not understood, or asks for GPUs that are not there, is refused with what may be written."""
    with pytest.raises(UsageError, match="--workers"):
        plan_workers(wanted, gpus=2, cores=2)


def test_cpu_count_is_what_this_process_may_use() -> None:
    """There is always at least one core."""
    assert cpu_count() >= 1
