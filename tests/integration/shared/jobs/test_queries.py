"""What the API shows, on both databases."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
import pytest
from sqlalchemy import update

from shared.database.engine import Database
from shared.database.tables import Job, Worker
from shared.delivery.broker import Broker
from shared.fleet import datasets, workers
from shared.fleet.workers import Identity
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import lacking, queries
from shared.jobs.running import attempts
from tests.conftest import Jump
from tests.support import factories
from tests.support.factories import best, epoch_row, epoch_rows
from tests.support.fakes import FakeBroker

SILENT = 60.0
Dataset = dict[str, Any]
WHOLE: Dataset = {"source": "folder", "ready": True, "counts": {}}
CIFAR: Dataset = {**WHOLE, "name": "cifar10", "classes": ["airplane", "bird", "cat"], "fingerprint": "a" * 64}
DRAWN: Dataset = {**WHOLE, "name": "synthetic", "classes": ["airplane", "bird"], "fingerprint": "b" * 64}


def register(db: Database, name: str, device: str = "cpu", held: tuple[Dataset, ...] = (DRAWN,)) -> str:
    """A worker on this list."""
    identity = Identity(name, "box", 7, device, device.partition(":")[0])
    workers.register(db, identity, device_name=None, versions={"torch": "2.15.0"}, datasets=held)
    return name


def names(db: Database) -> set[str]:
    """The workers on this list."""
    return {worker["id"] for worker in queries.workers(db, silent_seconds=SILENT)}


def silence(db: Database, name: str) -> None:
    """Let a worker not have been heard of for long."""
    silent = update(Worker).where(Worker.id == name).values(last_heartbeat_at=factories.EPOCH)
    db.write(lambda connection: connection.execute(silent))


class TestJob:
    def test_it_is_json(self, database: Database) -> None:
        """Every document goes out as it is; times end in Z."""
        job_id = factories.succeed(database, factories.running(database, tags=["a"]))

        told: list[Any] = [
            queries.job(database, job_id, actor=EVERYBODY),
            queries.epochs(database, job_id, actor=EVERYBODY),
            queries.attempts(database, job_id, actor=EVERYBODY),
            queries.evaluation(database, job_id, "best", actor=EVERYBODY),
            queries.log(database, job_id, actor=EVERYBODY),
            queries.artifacts(database, job_id, actor=EVERYBODY),
        ]

        assert orjson.loads(orjson.dumps(told, default=vars)) == told
        assert all(told[0][name].endswith("Z") for name in ("created_at", "queued_at", "started_at", "finished_at"))

    def test_the_remaining_time(self, database: Database) -> None:
        """The last epoch's duration, times those that are left; only while it runs."""
        claim = factories.running(database, training={"epochs": 10})
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["progress"] == {
            "epoch": 0,
            "epochs": 10,
            "eta_seconds": None,
        }

        attempts.record_epochs(database, claim, [*epoch_rows(1, 3), epoch_row(4, seconds=2.0)], best())
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["progress"] == {
            "epoch": 4,
            "epochs": 10,
            "eta_seconds": 12.0,
        }

        attempts.end(database, claim, factories.RELEASED)
        assert queries.job(database, claim.job_id, actor=EVERYBODY)["progress"]["eta_seconds"] is None

    def test_epochs_are_columns_of_equal_length(self, database: Database) -> None:
        """Also when there are none, and from any epoch on."""
        claim = factories.running(database)
        empty = queries.epochs(database, claim.job_id, actor=EVERYBODY)
        assert set(map(len, vars(empty).values())) == {0}

        attempts.record_epochs(database, claim, epoch_rows(1, 5), best())

        assert queries.epochs(database, claim.job_id, after=3, actor=EVERYBODY)["epoch"] == [4, 5]
        assert (
            list(vars(queries.epochs(database, claim.job_id, actor=EVERYBODY)))
            == list(vars(empty))
            == list(queries.EPOCH_COLUMNS)
        )

    def test_no_evaluation_yet(self, database: Database) -> None:
        """None, not an error."""
        assert queries.evaluation(database, factories.submit(database), "best", actor=EVERYBODY) is None

    def test_the_best_before_an_epoch(self, database: Database) -> None:
        """What a resumed attempt goes on from: the earliest of equals."""
        claim = factories.running(database)
        rows = [epoch_row(n, val_accuracy=accuracy) for n, accuracy in enumerate((0.5, 0.7, 0.7, 0.9), 1)]
        attempts.record_epochs(database, claim, rows, best())

        assert attempts.best_before(database, claim.job_id, 1) == {}
        assert attempts.best_before(database, claim.job_id, 4) == {"best_val_accuracy": 0.7, "best_epoch": 2}


class TestWorkers:
    def test_what_it_is_and_does(self, database: Database) -> None:
        """Idle, busy with a job, stopping, or not heard of any more."""
        for name in ("idle", "busy", "stopping", "silent"):
            register(database, name, "cuda:1")
        claim = factories.running(database, "busy")
        workers.report(database, "stopping", state="stopping")
        silence(database, "silent")

        listed = {worker["id"]: worker for worker in queries.workers(database, silent_seconds=SILENT)}

        states = {name: (worker["state"], worker["job_id"]) for name, worker in listed.items()}
        assert states == {
            "idle": ("idle", None),
            "busy": ("busy", claim.job_id),
            "stopping": ("stopping", None),
            "silent": ("gone", None),
        }
        assert list(listed)[-1] == "silent"
        assert (listed["idle"]["device"], listed["idle"]["device_kind"]) == ("cuda:1", "cuda")
        assert (listed["idle"]["versions"], listed["idle"]["datasets"]) == ({"torch": "2.15.0"}, [DRAWN])

    def test_registering_again_takes_the_old_entrys_place(self, database: Database) -> None:
        """A worker that starts again is one worker."""
        register(database, "w")
        silence(database, "w")

        register(database, "w", held=(CIFAR,))

        [worker] = queries.workers(database, silent_seconds=SILENT)
        assert (worker["state"], worker["datasets"]) == ("idle", [CIFAR])

    def test_a_report_refreshes(self, database: Database) -> None:
        """And says whether the worker is on the list at all."""
        register(database, "w")
        silence(database, "w")

        assert workers.report(database, "w", datasets=[CIFAR])
        assert not workers.report(database, "nobody")

        [worker] = queries.workers(database, silent_seconds=SILENT)
        assert (worker["state"], worker["datasets"]) == ("idle", [CIFAR])

    def test_leaving_and_being_forgotten(self, database: Database) -> None:
        """In good order at once, otherwise after an hour."""
        for name in ("left", "silent", "live"):
            register(database, name)
        silence(database, "silent")

        workers.leave(database, "left")
        assert names(database) == {"silent", "live"}
        with database.read() as connection:
            silent = workers.silent(connection)
        assert [report.worker for report in silent] == ["silent"]
        workers.forget(database, silent)
        assert names(database) == {"live"}

    def test_one_that_reports_after_all_is_not_forgotten(self, database: Database) -> None:
        """Its machine slept for more than an hour, say, and so did the process that was about to forget it."""
        register(database, "silent")
        silence(database, "silent")
        with database.read() as connection:
            silent = workers.silent(connection)
        workers.report(database, "silent", state="idle")

        workers.forget(database, silent)
        assert names(database) == {"silent"}

    def test_a_report_from_before_the_clock_was_set_back_is_no_sign_of_life(
        self, database: Database, jump: Jump
    ) -> None:
        """It lies ahead of everything that a live worker reports."""
        register(database, "dead")
        register(database, "live")
        jump(-3600.0)
        workers.report(database, "live")

        states = {worker["id"]: worker["state"] for worker in queries.workers(database, silent_seconds=SILENT)}
        assert states == {"dead": "gone", "live": "idle"}

    def test_nor_does_a_spec_count_on_what_it_held(self, database: Database, jump: Jump) -> None:
        """Specs are judged by the workers that are listed as live, and no others."""
        register(database, "dead")
        register(database, "live")
        jump(-3600.0)
        workers.report(database, "live")

        assert len(datasets.catalog(database, queries.live_workers(database, silent_seconds=SILENT)).workers) == 1


class TestSubmissions:
    @pytest.mark.parametrize(
        "there,device,dataset,warning",
        [
            ([], "any", "synthetic", "No live worker: the job waits"),
            ([("cpu", DRAWN)], "any", "synthetic", None),
            ([("cpu", DRAWN)], "cuda", "synthetic", "No live worker has a cuda device"),
            ([("cpu", DRAWN)], "any", "cifar2", "holds images of the classes airplane, bird of cifar10: the job"),
            ([("cpu", CIFAR)], "any", "cifar2", None),
            ([("cuda:0", CIFAR), ("cpu", DRAWN)], "cpu", "cifar2", "bird of cifar10"),
        ],
        ids=["nobody", "fits", "no device", "no data", "more classes", "on the other device"],
    )
    def test_warnings(
        self,
        database: Database,
        there: list[tuple[str, Dataset]],
        device: str,
        dataset: str,
        warning: str | None,
    ) -> None:
        """A submission that would wait is told so, and is accepted all the same."""
        for number, (where, held) in enumerate(there):
            register(database, f"w{number}", where, (held,))
        submission = factories.submission(dataset=dataset, resources={"device": device})

        told = lacking.warnings_for(queries.live_workers(database, silent_seconds=SILENT), submission)

        assert bool(told) == (warning is not None)
        assert all(warning in text for text in told if warning)


class TestWarnings:
    def test_what_an_earlier_release_stored_is_not_shown(self, database: Database) -> None:
        """It was said when the job came, and may long be wrong; who asks for warnings gets those of now."""
        job_id = factories.submit(database, dataset="synthetic")
        database.write(lambda connection: connection.execute(update(Job).values(warnings=["No live worker."])))
        register(database, "a", held=(DRAWN,))

        live = partial(queries.live_workers, database, silent_seconds=SILENT)
        told = [
            queries.job(database, job_id, actor=EVERYBODY),
            queries.job(database, job_id, live=live, actor=EVERYBODY),
        ]
        assert [job["warnings"] for job in told + factories.listed(database, live=live)] == [[]] * 3

    def test_live_workers_are_read_for_queued_jobs_alone(self, database: Database) -> None:
        """Others wait for nobody."""
        claim = factories.running(database)
        assert queries.job(database, claim.job_id, live=lambda: pytest.fail("read"), actor=EVERYBODY)["warnings"] == []


COPY: Dataset = {
    "name": "cifar10",
    "source": "folder",
    "classes": ["airplane", "bird"],
    "fingerprint": None,
    "ready": True,
    "counts": {"airplane": [40, 9], "bird": [30, 8]},
}
"""As a worker reports what it found."""


class TestLimits:
    @pytest.mark.parametrize(
        "asked, warnings",
        [
            ({"train_per_class": 30, "val_per_class": 8}, []),
            ({"train_per_class": 31}, ["train_per_class is 31, but"]),
            ({"train_per_class": 31, "val_per_class": 9}, ["train_per_class is 31", "val_per_class is 9"]),
        ],
    )
    def test_a_limit_above_what_is_there(self, database: Database, asked: dict[str, int], warnings: list[str]) -> None:
        """A job takes the images that there are, and its submitter is warned; classes may differ in size."""
        register(database, "a", held=(COPY,))
        submission = factories.submission(dataset={"name": "cifar10", "classes": ["airplane", "bird"], **asked})

        told = lacking.warnings_for(queries.live_workers(database, silent_seconds=SILENT), submission)

        assert len(told) == len(warnings)
        assert all(text.startswith(warning) for text, warning in zip(told, warnings, strict=True))

    def test_a_broken_copy_holds_nothing(self, database: Database) -> None:
        """A submission is warned, as where there is none; what can be downloaded is there."""
        submission = factories.submission(dataset="cifar2")
        empty = {"airplane": [40, 9], "bird": [30, 0]}
        register(database, "a", held=({**COPY, "ready": False, "counts": empty},))
        assert lacking.warnings_for(queries.live_workers(database, silent_seconds=SILENT), submission)
        register(database, "a", held=({**COPY, "ready": False, "source": "download"},))
        assert lacking.warnings_for(queries.live_workers(database, silent_seconds=SILENT), submission) == []


class TestQueues:
    def test_depth_age_and_messages(self, database: Database, broker: Broker) -> None:
        """By the database, and by Redis beside it."""
        for device in ("any", "any", "cuda"):
            job_id = factories.submit(database, resources={"device": device})
        broker.enqueue_many([(job_id, "cuda", 5)])
        factories.running(database)

        listed = {queue["name"]: queue for queue in queries.queues(database, broker)}

        depths = {name: (queue["depth"], queue["messages"]) for name, queue in listed.items()}
        training = {"flightline.any": (2, 0), "flightline.cpu": (0, 0), "flightline.cuda": (1, 1)}
        assert depths == training | {f"flightline.evaluate.{queue}": (0, 0) for queue in ("any", "cpu", "cuda")}
        assert listed["flightline.cpu"]["oldest_age_seconds"] is None
        assert 0 <= listed["flightline.any"]["oldest_age_seconds"] < 60

    def test_the_oldest_is_one_that_could_run(self, database: Database, broker: Broker) -> None:
        """A job that waits for its next attempt counts, but no worker could have taken it."""
        claim = factories.running(database)
        attempts.end(database, claim, factories.FLAKY, retry_seconds=600)
        factories.running(database)

        assert queries.queues(database, broker)[0] == {
            "name": "flightline.any",
            "depth": 1,
            "oldest_age_seconds": None,
            "messages": 0,
        }

    def test_redis_down(self, database: Database, fake_broker: FakeBroker) -> None:
        """The depths are known all the same."""
        factories.submit(database)
        fake_broker.down = True

        assert [queue["messages"] for queue in queries.queues(database, fake_broker)] == [None] * 6
