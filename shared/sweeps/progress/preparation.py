"""Preparation of trials outside of transactions: their points, and their jobs checked as submissions are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared.database.tables import Sweep
from shared.errors import InvalidSpec
from shared.fleet import datasets
from shared.jobs.guarded_write import table_of
from shared.jobspec import Caps, parse_spec
from shared.sweeps.points import suggestions
from shared.sweeps.points.trials import Trial, document, points_from
from shared.sweeps.progress.starts import Prepared
from shared.sweeps.request import SweepRequest
from shared.sweeps.status import SweepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from shared.database.engine import Database
    from shared.jobspec import Catalog
    from shared.sweeps.points.space import Point


class Preparation:
    """The trials of one sweep that can be made, by their places.

    The next one is prepared at once, unless that takes a suggestion: most often it is all that is asked for.

    Args:
        db: the database.
        sweep_id: the sweep.
    """

    def __init__(self, db: Database, sweep_id: str) -> None:
        self._db = db
        self._sweep_id = sweep_id
        self._catalog: Catalog | None = None
        self.ready: dict[Trial, Prepared] = {}
        row = self._row()
        if row is None or row.status != SweepStatus.RUNNING:
            return
        request = _request(row)
        if not request.algorithm.rests_on_results:
            self._prepare(row, request, row.next_trial, 1)

    def prepare(self, wanted: Sequence[Trial], free: int) -> bool:
        """Prepare the first trial that is wanted and those after it, `free` at most; return whether there is a new one.

        A point that is to be suggested is prepared by itself: it takes long, and a worker waits for it.

        Raises:
            SuggestionFailed: Optuna gave no point.
        """
        row = self._row() if wanted else None
        if row is None:
            return False
        request, before = _request(row), len(self.ready)
        self._prepare(row, request, wanted[0].point * request.repeats + wanted[0].repeat, free)
        return len(self.ready) > before

    def _row(self) -> Row[Any] | None:
        with self._db.read() as connection:
            return connection.execute(select(table_of(Sweep)).where(Sweep.id == self._sweep_id)).one_or_none()

    def _prepare(self, row: Row[Any], request: SweepRequest, first: int, count: int) -> None:
        """Prepare the trials from number `first` on."""
        last = min(first + count, row.points * request.repeats)
        trials = [Trial.at(index, request.repeats) for index in range(first, last)]
        if not trials:
            return
        if self._catalog is None:
            self._catalog = datasets.catalog(self._db, [])
        numbers = range(trials[0].point, trials[-1].point + 1)
        points = dict(zip(numbers, self._points(request, numbers), strict=False))
        caps = Caps(**row.limits["caps"])
        for trial in (one for one in trials if one.point in points):
            self.ready[trial] = _checked(request, points[trial.point], trial, row.seed, caps, self._catalog)

    def _points(self, request: SweepRequest, numbers: range) -> Iterable[Point]:
        if request.algorithm.rests_on_results:
            return suggestions.points(self._db, self._sweep_id, request, numbers)
        return points_from(request, numbers.start)


def _request(row: Row[Any]) -> SweepRequest:
    return SweepRequest.model_validate(row.request)


def _checked(request: SweepRequest, point: Point, trial: Trial, seed: int, caps: Caps, catalog: Catalog) -> Prepared:
    try:
        return Prepared(point, parse_spec(document(request, point, trial, seed), caps, catalog))
    except InvalidSpec as refused:
        return Prepared(point, None, f"No job can be made of it: {refused.detail}")
