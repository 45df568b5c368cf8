"""A sweep with real workers, one of which is killed: exactly the figures of runs from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared.database.tables import Epoch
from shared.delivery import sweeps
from shared.jobs.actor import EVERYBODY
from shared.jobspec import BUILT_IN, Caps
from shared.sweeps import creation, events, reads
from shared.sweeps.check import check_sweep
from shared.sweeps.status import SweepStatus
from tests.support.processes import PATIENCE
from tests.support.servers import wait_until
from tests.support.service import SPEC, Service

if TYPE_CHECKING:
    from collections.abc import Sequence

SPACE = {
    "training.optimizer.lr": {"kind": "float", "low": 0.001, "high": 0.3, "log": True},
    "training.batch_size": {"kind": "values", "values": [8, 16]},
}
UNTIMED = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr")


def _start(service: Service, **asked: Any) -> str:
    request = {"base": SPEC, "space": SPACE, "max_trials": 8, "max_parallel": 3, **asked}
    sweep_id = creation.create(service.db, check_sweep(request, Caps(), BUILT_IN), actor=EVERYBODY)
    sweeps.advance(service.db, service.broker, sweep_id)
    return sweep_id


def _finish(service: Service, sweep_id: str) -> Sequence[reads.PointView]:
    """The points of a sweep, once it has ended."""
    wait_until(lambda: reads.sweep(service.db, sweep_id).finished_at, "the sweep's end", 3 * PATIENCE)
    return reads.trials(service.db, sweep_id, limit=100).items


def _figures(service: Service, job_id: str) -> list[dict[str, Any]]:
    columns = [Epoch.__table__.c[name] for name in UNTIMED]
    with service.db.read() as connection:
        rows = connection.execute(select(*columns).where(Epoch.job_id == job_id).order_by(Epoch.epoch))
        return [row._asdict() for row in rows]


def test_promoted_runs_are_those_from_scratch_bit_for_bit(service: Service) -> None:
    """Two workers take a sweep with ASHA to its end; one of them is killed on the way."""
    service.start_workers(2)
    sweep_id = _start(service, asha={"min_epochs": 1, "eta": 2})
    wait_until(lambda: events.events(service.db, sweep_id)[1].seq > 8, "some decisions", PATIENCE)
    service.workers[0].kill_child()
    points = _finish(service, sweep_id)
    view = reads.sweep(service.db, sweep_id)
    assert (view.status, view.points_done) == (SweepStatus.FINISHED, 8)
    ends = {point.status for point in points}
    assert ends == {"succeeded", "stopped"}
    for point in points:
        [job_id] = point.job_ids
        if point.status == "succeeded":
            service.assert_equal_to_a_clean_run(job_id)
        else:
            _, rows = service.clean_run(job_id)
            figures = _figures(service, job_id)
            assert figures == [{name: row[name] for name in UNTIMED} for row in rows[: len(figures)]]
            assert len(figures) == point.epoch
    assert view.epochs_trained == sum(point.epoch or 0 for point in points)
    assert view.best is not None
    assert view.best.point in {point.point for point in points if point.status == "succeeded"}
