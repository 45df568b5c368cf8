"""Imported runs as rows: inserted once, found, compared, never run."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Base, Tally, WebhookDelivery
from shared.errors import IllegalTransition, NotFound
from shared.fleet.predictions import finished_job
from shared.jobs import actions, deletion
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.imports import insertion, reads
from shared.jobs.imports.figures import FIGURES
from shared.jobs.imports.insertion import Imported
from shared.jobs.imports.run import Run
from shared.jobs.reads import comparison, queries
from shared.jobs.reads.filters import JobFilter
from shared.jobs.running.claims import claim_next
from shared.jobs.search.conditions import read_condition
from shared.jobspec import BUILT_IN, Caps
from shared.jobspec.fields.evaluation import EvaluationRequest
from tests.support import factories
from tests.support.concurrency import together

ADA = Actor("ada", Scope.SUBMIT)


def run(id: str = "a1", **fields: Any) -> Run:
    """A run of MLflow's with these fields."""
    return Run.model_validate({"source": "mlflow", "id": id, "started_at": "2026-01-31T12:00:00Z"} | fields)


def kept(db: Database, *runs: Run) -> list[str]:
    """The ids of the jobs of runs that are imported now."""
    return [one.job_id for one in insertion.import_runs(db, runs, actor=EVERYBODY)]


def found(db: Database, *where: str) -> list[str]:
    """The names of the jobs that meet these conditions, newest first."""
    wanted = JobFilter(where=tuple(read_condition(one) for one in where))
    return [job["name"] for job in factories.listed(db, wanted)]


def curve(*values: float | None, first: int = 1) -> dict[str, Any]:
    """A metric with a value at each step from `first` on."""
    return {"steps": list(range(first, first + len(values))), "figures": list(values)}


class TestInsertion:
    def test_a_run_is_a_finished_job(self, database: Database) -> None:
        """With its own times, name, tags and notes."""
        [job_id] = kept(
            database,
            run(
                name="wide",
                notes="the first",
                tags=["a", "b"],
                status="failed",
                finished_at="2026-01-31T12:30:00Z",
                params={"lr": "0.1"},
            ),
        )
        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job.kind, job.status, job.name, job.tags, job.notes) == (
            "imported",
            "failed",
            "wide",
            ["a", "b"],
            "the first",
        )
        assert (job.started_at, job.finished_at) == ("2026-01-31T12:00:00.000Z", "2026-01-31T12:30:00.000Z")
        assert (job.result, job.error, job.attempts, job.progress.epochs) == (None, None, 0, 0)
        assert job.spec["params"] == {"lr": 0.1}
        assert reads.metrics(database, job_id, actor=EVERYBODY) == []

    def test_it_is_one_job_however_often_it_is_sent(self, database: Database) -> None:
        """Within a request too."""
        first = insertion.import_runs(database, [run(), run("b2"), run()], actor=EVERYBODY)
        before = factories.everything(database)
        again = insertion.import_runs(database, [run("b2"), run()], actor=EVERYBODY)
        assert [one.new for one in first] == [True, True, False]
        assert [one.new for one in again] == [False, False]
        assert {one.job_id for one in again} == {one.job_id for one in first}
        assert factories.everything(database) == before

    def test_several_who_import_at_once_make_one_job_of_each(self, database: Database) -> None:
        """Of two commands that run beside each other each says what it did."""
        runs = [run(str(number)) for number in range(30)]
        done: list[Imported] = []
        together(*[lambda: done.extend(insertion.import_runs(database, runs, actor=EVERYBODY))] * 4)
        assert sum(one.new for one in done) == 30
        assert len(factories.listed(database, limit=100)) == 30

    def test_a_run_that_another_owner_has_imported_is_there(self, database: Database) -> None:
        """Everybody sees everybody's jobs: twice in their table it would be in the way."""
        [[mine], [theirs]] = (insertion.import_runs(database, [run()], actor=actor) for actor in (ADA, EVERYBODY))
        assert (mine.new, theirs.new, mine.job_id) == (True, False, theirs.job_id)
        assert queries.job(database, mine.job_id, actor=EVERYBODY).owner == "ada"

    def test_nothing_is_told_of_it(self, database: Database) -> None:
        """A thousand old runs are a thousand finished jobs of nobody's concern."""
        kept(database, run())
        with database.read() as connection:
            for table in (Tally, WebhookDelivery):
                assert connection.execute(select(table)).all() == []

    def test_a_deleted_one_is_gone_whole(self, database: Database) -> None:
        """And may be imported again."""
        job_id, _ = kept(database, run(tags=["a"], params={"lr": "1"}, metrics={"f1": curve(0.5)}), run("b2"))
        factories.delete(database, job_id)
        for table in Base.metadata.sorted_tables:
            if "job_id" in table.c and table.name != "job_changes":
                with database.read() as connection:
                    assert connection.execute(table.select().where(table.c.job_id == job_id)).all() == []
        [again] = insertion.import_runs(database, [run()], actor=EVERYBODY)
        assert (again.new, again.job_id) == (True, job_id)

    def test_an_end_before_the_beginning_is_set_right(self, database: Database) -> None:
        """A clock that was wrong there makes no negative time here."""
        [job_id] = kept(database, run(finished_at="2026-01-31T11:00:00Z"))
        job = queries.job(database, job_id, actor=EVERYBODY)
        assert job.started_at == job.finished_at == "2026-01-31T11:00:00.000Z"


class TestFigures:
    def test_every_figure_of_every_epoch_makes_epochs(self, database: Database) -> None:
        """As those of a job that was trained here; other metrics are kept beside them."""
        metrics = {name: curve(0.5, 0.25) for name in FIGURES} | {"f1": curve(0.1, None, first=7)}
        [job_id] = kept(database, run(metrics=metrics))
        epochs = queries.epochs(database, job_id, actor=EVERYBODY)
        assert (epochs.epoch, epochs.val_loss, epochs.seq) == ([1, 2], [0.5, 0.25], [1, 2])
        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job.progress.epoch, job.progress.epochs) == (2, 2)
        assert job.result is not None
        assert (job.result.best_epoch, job.result.val_accuracy) == (1, 0.25)
        [other] = reads.metrics(database, job_id, actor=EVERYBODY)
        assert (other.name, other.steps, other.figures) == ("f1", [7, 8], [0.1, None])

    def test_some_figures_make_a_result(self, database: Database) -> None:
        """And stay metrics, whatever they are called."""
        [job_id] = kept(database, run(metrics={"val_acc": curve(0.5, 0.75, 0.6)}))
        job = queries.job(database, job_id, actor=EVERYBODY)
        assert job.result is not None
        assert (job.result.best_val_accuracy, job.result.best_epoch, job.result.val_loss) == (0.75, 2, None)
        assert queries.epochs(database, job_id, actor=EVERYBODY).epoch == []
        assert [one.name for one in reads.metrics(database, job_id, actor=EVERYBODY)] == ["val_acc"]

    def test_curves_stand_beside_those_of_jobs(self, database: Database) -> None:
        """In a comparison, epoch by epoch."""
        trained = factories.succeed(database, factories.running(database), val_accuracy=0.8)
        [job_id] = kept(database, run(params={"lr": "0.1"}, metrics={"val_acc": curve(0.5, 0.75)}))
        compared = comparison.compare(database, [trained, job_id], live=list, actor=EVERYBODY)
        assert compared.curves.epoch == [1, 2]
        assert compared.curves.val_accuracy == [[0.8, None], [0.5, 0.75]]
        assert compared.curves.val_loss == [[0.8, None], [None, None]]
        assert compared.differing["params.lr"] == [None, 0.1]


class TestSearch:
    @pytest.fixture
    def runs(self, database: Database) -> None:
        """Three runs with params of several types."""
        kept(
            database,
            run("1", name="one", params={"lr": "0.1", "opt": "sgd", "net.depth": "3"}, metrics={"f1": curve(0.5)}),
            run("2", name="two", params={"lr": "0.01", "opt": "adam"}, metrics={"f1": curve(0.7)}),
            run("3", name="three", params={"lr": "auto", "my param": "x"}, run_tags={"team": "vision"}),
        )
        factories.submit(database, name="trained")

    @pytest.mark.usefixtures("runs")
    @pytest.mark.parametrize(
        "where, names",
        [
            ("params.lr<0.05", ["two"]),
            ("params.lr=0.1", ["one"]),
            ("params.lr=auto", ["three"]),
            ("params.opt!=adam", ["one"]),
            ("params.net.depth>=3", ["one"]),
            ("params.my param=x", ["three"]),
            ("params.opt=null", ["trained", "three"]),
            ("params.lr!=null", ["three", "two", "one"]),
            ("metrics.f1>0.6", ["two"]),
            ("run.source=mlflow", ["three", "two", "one"]),
            ("run.tags.team=vision", ["three"]),
            ("spec.run.id=2", []),
            ('spec.run.id="2"', ["two"]),
            ("training.epochs>=1", ["trained"]),
        ],
    )
    def test_params_metrics_and_tags_are_found(self, database: Database, where: str, names: list[str]) -> None:
        """Numbers as numbers, all else as text."""
        assert found(database, where) == names

    @pytest.mark.usefixtures("runs")
    def test_a_list_is_sorted_by_a_param(self, database: Database) -> None:
        """Jobs without such a number come last."""
        names = [job["name"] for job in factories.listed(database, sort="spec.params.lr")]
        assert names[:2] == ["two", "one"]
        assert sorted(names[2:]) == ["three", "trained"]

    @pytest.mark.usefixtures("runs")
    def test_words_and_kind_find_it(self, database: Database) -> None:
        """As they find every job."""
        assert [job["name"] for job in factories.listed(database, JobFilter(text="two"))] == ["two"]
        assert len(factories.listed(database, JobFilter(kind="imported"))) == 3


class TestNeverRuns:
    def test_no_worker_gets_it(self, database: Database) -> None:
        """It has ended before it is here."""
        kept(database, run())
        assert claim_next(database, factories.claimant(), factories.LEASE_SECONDS) is None

    def test_it_is_neither_retried_nor_evaluated_nor_asked(self, database: Database) -> None:
        """The message says why."""
        [job_id] = kept(database, run())
        with pytest.raises(IllegalTransition, match=r"it ran elsewhere, .* cannot be retried"):
            actions.retry(database, job_id, Caps(), BUILT_IN, actor=EVERYBODY)
        request = EvaluationRequest.model_validate({"dataset": {"name": "synthetic"}})
        with pytest.raises(IllegalTransition, match=r"it ran elsewhere, .* cannot be evaluated"):
            actions.evaluate(database, job_id, request, Caps(), BUILT_IN, actor=EVERYBODY)
        with pytest.raises(IllegalTransition, match="has already succeeded"):
            actions.cancel(database, job_id, actor=EVERYBODY)
        with pytest.raises(NotFound, match=r"it ran elsewhere"):
            finished_job(database, job_id, actor=EVERYBODY)

    def test_others_cannot_delete_it(self, database: Database) -> None:
        """It is its owner's, as every job."""
        [one] = insertion.import_runs(database, [run()], actor=ADA)
        eve = Actor("eve", Scope.SUBMIT)
        assert deletion.delete_rows(database, [one.job_id], actor=eve)[one.job_id] is not None
        assert deletion.delete_rows(database, [one.job_id], actor=ADA)[one.job_id] is None


def test_a_long_list_of_runs_is_inserted_in_parts(database: Database) -> None:
    """In the order in which it was sent, newest last."""
    runs = [run(f"{number:03}", name=f"{number:03}") for number in range(60)]
    assert all(one.new for one in insertion.import_runs(database, runs, actor=EVERYBODY))
    names = [job["name"] for job in factories.listed(database, limit=100)]
    assert names == [one.name for one in reversed(runs)]
