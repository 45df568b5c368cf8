"""The registry of data sets: what workers report outlives them, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from shared.database.engine import Database
from shared.database.tables import Dataset, Worker
from shared.errors import DatasetNotFound
from shared.fleet import datasets, workers
from shared.fleet.workers import Identity
from shared.jobs.reads import lacking, queries
from shared.jobspec import BUILT_IN, Caps, Catalog, Copy, parse_spec
from tests.support import factories
from tests.support.concurrency import together

Report = dict[str, Any]
SHAPES: Report = {
    "name": "shapes",
    "source": "folder",
    "place": "/data/shapes",
    "classes": ["circle", "square"],
    "counts": {"circle": [40, 9], "square": [30, 8]},
    "input_shape": [3, 48, 64],
    "decoded_bytes": 87 * 3 * 48 * 64,
    "has_val": True,
    "ready": True,
    "ignored": {},
    "mean": None,
    "std": None,
    "fingerprint": None,
}
"""A folder of one's own, as a worker reports what it found."""
LOADED: Report = {
    "name": "shapes",
    "source": "folder",
    "classes": ["circle", "square"],
    "counts": {"circle": [40, 9], "square": [30, 8]},
    "mean": [0.5, 0.25, 0.125],
    "std": [0.5, 0.5, 0.25],
    "fingerprint": "a" * 64,
}
"""The same, as a worker reports what a job has loaded."""
CIFAR: Report = {
    "name": "cifar10",
    "source": "torchvision",
    "classes": ["airplane", "bird"],
    "counts": {"airplane": [40, 9], "bird": [30, 8]},
    "ready": True,
    "fingerprint": None,
}
"""A built-in data set, reported without a shape, as it needs none."""
MLP = {"kind": "mlp", "hidden": [4]}


def register(db: Database, *held: Report, worker: str = "w", host: str = "box") -> None:
    """Register a worker with these data sets."""
    identity = Identity(worker, host, 7, "cpu", "cpu")
    workers.register(db, identity, device_name=None, versions={}, datasets=held)


def live(db: Database) -> queries.Workers:
    """The workers that have reported within a minute."""
    return queries.live_workers(db, silent_seconds=60.0)


def catalog(db: Database) -> Catalog:
    """The catalogue that a submission would be checked against now."""
    return datasets.catalog(db, live(db))


def rows(db: Database) -> dict[str, Report]:
    """The rows of the table by name, without their times."""
    with db.read() as connection:
        found = [row._asdict() for row in connection.execute(select(*Dataset.__table__.columns))]
    return {row["name"]: {key: value for key, value in row.items() if key != "reported_at"} for row in found}


class TestReports:
    def test_a_report_outlives_its_worker(self, database: Database) -> None:
        """A job on the data set is accepted while nobody holds it, and its submitter is warned."""
        register(database, SHAPES)
        workers.leave(database, "w")

        assert catalog(database).workers == ()
        submission = parse_spec({"dataset": "shapes", "architecture": MLP}, Caps(), catalog(database))
        assert submission.cost.layers[0].input_shape == (3, 48, 64)
        register(database, CIFAR, worker="other")
        (warning,) = lacking.warnings_for(live(database), submission)
        assert "holds images of the classes circle, square of shapes" in warning

    def test_a_row_says_who_reported_what(self, database: Database) -> None:
        """One row a data set, by whoever reported it last."""
        register(database, CIFAR, SHAPES)
        register(database, SHAPES | {"source": "link"}, worker="v", host="other")

        found = rows(database)
        assert {name: (row["worker"], row["host"], row["source"]) for name, row in found.items()} == {
            "cifar10": ("w", "box", "torchvision"),
            "shapes": ("v", "other", "link"),
        }
        assert found["shapes"]["counts"] == SHAPES["counts"]
        assert found["cifar10"]["input_shape"] == [3, 32, 32]

    def test_a_change_is_reported_by_a_worker_that_runs(self, database: Database) -> None:
        """As `report` does once a folder has changed; a heartbeat alone leaves the row as it is."""
        register(database, SHAPES)
        more = SHAPES | {"classes": ["circle", "square", "star"], "counts": SHAPES["counts"] | {"star": [7, 3]}}
        assert workers.report(database, "w", datasets=[more])
        assert workers.report(database, "w", state="stopping")

        assert catalog(database).datasets["shapes"].classes == ("circle", "square", "star")

    def test_a_worker_that_is_not_registered_reports_nothing(self, database: Database) -> None:
        """Neither a row of its own nor one of its data sets."""
        assert not workers.report(database, "nobody", datasets=[SHAPES])
        assert rows(database) == {}

    @pytest.mark.parametrize(
        "report",
        [
            SHAPES | {"ready": False},
            SHAPES | {"classes": [], "counts": {}},
            {key: value for key, value in SHAPES.items() if key != "input_shape"},
            LOADED,
        ],
        ids=["broken", "empty", "not looked at yet", "loaded by a job"],
    )
    def test_what_does_not_describe_a_whole_copy_makes_no_data_set(self, database: Database, report: Report) -> None:
        """A job on it would be checked against what is not so."""
        register(database, report, SHAPES | {"name": "whole"})
        assert [*rows(database)] == ["whole"]

    def test_the_copy_that_the_worker_prefers_describes_the_set(self, database: Database) -> None:
        """The first one that is whole."""
        register(database, SHAPES | {"ready": False}, SHAPES | {"source": "a"}, SHAPES | {"source": "b"})
        assert rows(database)["shapes"]["source"] == "a"

    def test_images_of_several_sizes_have_no_shape(self, database: Database) -> None:
        """A job must choose one, and can."""
        register(database, SHAPES | {"input_shape": None, "decoded_bytes": None})
        assert catalog(database).datasets["shapes"].input_shape is None
        document = {"dataset": {"name": "shapes", "image_size": 16}, "architecture": MLP}
        assert parse_spec(document, Caps(), catalog(database)).cost.layers[0].input_shape == (3, 16, 16)

    def test_reports_at_the_same_time(self, database: Database) -> None:
        """Many workers that start at once and hold the same write one row each, and none fails."""
        held = [SHAPES | {"name": f"set-{number}"} for number in range(5)]

        def start(number: int) -> None:
            register(database, *(held if number % 2 else reversed(held)), worker=f"w{number}")

        together(*(lambda number=number: start(number) for number in range(6)))
        assert len(rows(database)) == 5
        assert len(live(database)) == 6


class TestFigures:
    def test_are_those_of_the_latest_loading(self, database: Database) -> None:
        """Of all classes; what a job has loaded of a part says nothing of the whole."""
        register(database, SHAPES)
        part = LOADED | {"classes": ["circle"], "fingerprint": "b" * 64}
        workers.report(database, "w", datasets=[SHAPES, part])
        assert rows(database)["shapes"]["fingerprint"] is None
        workers.report(database, "w", datasets=[SHAPES, part, LOADED])

        row = rows(database)["shapes"]
        assert {key: row[key] for key in ("mean", "std", "fingerprint")} == {
            key: LOADED[key] for key in ("mean", "std", "fingerprint")
        }

    def test_stay_while_the_folder_does(self, database: Database) -> None:
        """A worker that starts has loaded nothing yet; a changed folder has other figures."""
        register(database, SHAPES, LOADED)
        register(database, SHAPES, worker="later")
        assert rows(database)["shapes"]["fingerprint"] == LOADED["fingerprint"]

        register(database, SHAPES | {"counts": {"circle": [41, 9], "square": [30, 8]}}, worker="later")
        assert rows(database)["shapes"]["mean"] is None

    def test_are_answered_with_the_set(self, database: Database) -> None:
        """Published ones for a set that has them, for others what a worker computed; null until then."""
        register(database, SHAPES, LOADED, CIFAR, SHAPES | {"name": "unloaded", "input_shape": None})
        told = {info["name"]: info for info in datasets.datasets(database, live(database))}
        assert told["shapes"]["mean"] == LOADED["mean"]
        assert told["cifar10"]["std"] == [0.2470, 0.2435, 0.2616]
        assert (told["unloaded"]["mean"], told["unloaded"]["decoded_bytes"]) == (None, None)
        assert told["shapes"]["decoded_bytes"] == SHAPES["decoded_bytes"]
        assert told["shapes"]["reported_at"].endswith("Z")
        assert told["mnist"]["reported_at"] is None


class TestAnswers:
    def test_who_holds_what(self, database: Database) -> None:
        """Live workers alone, equal copies together; built-in sets first, then the others by name."""
        register(database, CIFAR, worker="a")
        register(database, CIFAR, SHAPES, SHAPES | {"name": "animals"}, worker="b")
        register(database, SHAPES, worker="silent")
        long_ago = update(Worker).where(Worker.id == "silent").values(last_heartbeat_at=factories.EPOCH)
        database.write(lambda connection: connection.execute(long_ago))

        told = datasets.datasets(database, live(database))

        assert [info["name"] for info in told] == [*BUILT_IN.datasets, "animals", "shapes"]
        held = {info["name"]: [copy["workers"] for copy in info["held"]] for info in told}
        assert {name: workers for name, workers in held.items() if workers} == {
            "cifar10": [["a", "b"]],
            "animals": [["b"]],
            "shapes": [["b"]],
        }

    def test_one_by_name(self, database: Database) -> None:
        """The same as in the list; an unknown name is refused with those that are known."""
        register(database, SHAPES)
        assert datasets.dataset(database, live(database), "shapes") in datasets.datasets(database, live(database))
        with pytest.raises(DatasetNotFound, match=r"no data set 'shape'.+stl10, shapes"):
            datasets.dataset(database, live(database), "shape")


class TestCatalog:
    def test_live_workers_copies_in_their_order(self, database: Database) -> None:
        """Complete ones and the download; no broken one, none that a job has loaded a part of, nobody's who is gone."""
        download = {**CIFAR, "source": "download", "ready": False, "counts": {"airplane": [5000, 1000]}}
        broken = {**CIFAR, "ready": False}
        loaded = {key: value for key, value in CIFAR.items() if key != "ready"} | {"fingerprint": "a" * 64}
        register(database, broken, CIFAR, download, loaded, worker="a")
        register(database, worker="b")

        assert sorted(catalog(database).workers, key=len) == [
            (),
            (Copy("cifar10", {"airplane": (40, 9), "bird": (30, 8)}), Copy("cifar10", {"airplane": (5000, 1000)})),
        ]

    def test_a_built_in_set_is_what_all_services_agree_on(self, database: Database) -> None:
        """However a worker describes it."""
        register(database, CIFAR | {"input_shape": [1, 8, 8]})
        assert catalog(database).datasets == BUILT_IN.datasets
