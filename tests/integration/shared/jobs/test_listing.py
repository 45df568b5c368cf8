"""The list of jobs: filters, orders, pages, indexes; on both databases."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, event, text

import migrations
from shared.database.engine import Database
from shared.errors import InvalidQuery
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import listing, orders, pages, queries
from shared.jobs.reads.listing import JobFilter
from shared.jobs.search.conditions import read_condition
from tests.support import factories
from tests.support.factories import EPOCH, job_row
from tests.support.servers import PostgresServer

Rows = list[dict[str, Any]]

STATUSES = ("queued", "running", "paused", "succeeded", "failed", "cancelled")
SPECS = [factories.submission(training={"epochs": epochs}).document for epochs in (1, 2, 3, 100)]
TAGS = ("common", "rare", "emoji 🐦")


@pytest.fixture(scope="module")
def large_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An SQLite database with 10,000 jobs. Only read it."""
    yield from _large(f"sqlite:///{tmp_path_factory.mktemp('large') / 'x.db'}")


@pytest.fixture(scope="module")
def large_postgres(postgres_server: PostgresServer) -> Iterator[Database]:
    """The same on PostgreSQL, with statistics."""
    postgres_server.drop("large")
    yield from _large(postgres_server.create("large"))


@pytest.fixture(params=["sqlite", "postgres"])
def large(request: pytest.FixtureRequest) -> Database:
    """A database of each kind with 10,000 jobs. Only read it."""
    db: Database = request.getfixturevalue(f"large_{request.param}")
    return db


def _large(url: str) -> Iterator[Database]:
    db = Database(url)
    migrations.upgrade(db)
    rows = _some_rows(10_000)
    tags = [(row["id"], "rare" if number % 1000 == 0 else "common") for number, row in enumerate(rows)]
    factories.insert_jobs(db, rows, tags, batch=5000)
    migrations.upgrade(db)
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # as its own process would by now
    yield db
    db.dispose()


def _some_rows(count: int) -> Rows:
    """Jobs with few different values, so that there are many equal ones, and with missing ones."""
    chance = random.Random(7)
    kinds = ("mlp", "layers", "torchvision")
    devices = ((None, None), ("cpu", "cpu"), ("cuda:0", "cuda"), ("cuda:1", "cuda"))
    rows = []
    for number in range(count):
        status = chance.choice(STATUSES)
        device, kind = chance.choice(devices)
        accuracy = None if status == "queued" else chance.choice([None, 0.5, 0.75, 0.8, 0.8275])
        rows.append(
            job_row(
                number // 3,  # three at a time
                status=status,
                device=device,
                device_kind=kind,
                architecture_kind=chance.choice(kinds),
                spec=chance.choice(SPECS),
                preset=chance.choice([None, "notebook-linear"]),
                name=chance.choice([None, "a", "b"]),
                val_accuracy=accuracy,
                best_val_accuracy=accuracy and accuracy + chance.choice([0.0, 0.01]),
                val_loss=accuracy and chance.choice([0.5, 0.25, 1.0 - accuracy]),
                finished_at=EPOCH + dt.timedelta(seconds=chance.randrange(20)) if status == "failed" else None,
            )
        )
    return rows


@pytest.fixture
def some(database: Database) -> tuple[Database, Rows]:
    """Eighty jobs, and their rows with `tags`."""
    rows = _some_rows(80)
    chance = random.Random(1)
    tags = {row["id"]: sorted(chance.sample(TAGS, chance.randrange(3))) for row in rows}
    factories.insert_jobs(database, rows, [(job_id, tag) for job_id, own in tags.items() for tag in own])
    return database, [row | {"tags": tags[row["id"]]} for row in rows]


def walk(db: Database, wanted: JobFilter, sort: str = "-created_at", limit: int = 7) -> list[str]:
    """The ids on all pages."""
    found: list[str] = []
    after = None
    while True:
        page = listing.jobs(db, wanted, sort, after, limit, actor=EVERYBODY)
        assert len(page.items) <= limit
        found += [orjson.loads(item)["id"] for item in page.items]
        if page.next_key is None:
            return found
        after = page.next_key


def expected(rows: Rows, sort: str) -> list[str]:
    """The ids in order: by value, then id; those without a value last, the newest of them first."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    there = [row for row in rows if row[name] is not None]
    missing = [row for row in rows if row[name] is None]
    ordered = sorted(there, key=lambda row: (row[name], row["id"]), reverse=descending)
    return [row["id"] for row in ordered + sorted(missing, key=lambda row: row["id"], reverse=True)]


SORTS = [prefix + name for name in orders.SORTS for prefix in ("", "-")]


class TestOrder:
    @pytest.mark.parametrize("sort", SORTS)
    @pytest.mark.parametrize("limit", [1, 7, 80])
    def test_pages_hold_every_job_once_in_order(self, some: tuple[Database, Rows], sort: str, limit: int) -> None:
        """With equal values, and with missing ones, wherever a page ends."""
        db, rows = some

        assert walk(db, JobFilter(), sort, limit) == expected(rows, sort)

    @pytest.mark.parametrize("sort", SORTS)
    def test_jobs_that_come_between_two_pages_disturb_nothing(self, some: tuple[Database, Rows], sort: str) -> None:
        """Those that were there are still seen once, in order."""
        db, rows = some
        found: list[str] = []
        after = None
        for _ in range(100):
            page = listing.jobs(db, JobFilter(), sort, after, 9, actor=EVERYBODY)
            found += [orjson.loads(item)["id"] for item in page.items]
            factories.insert_jobs(db, _some_rows(3))
            after = page.next_key
            if after is None or set(found) >= {row["id"] for row in rows}:
                break

        assert len(set(found)) == len(found)
        old = {row["id"] for row in rows}
        assert [job_id for job_id in found if job_id in old] == expected(rows, sort)

    def test_a_job_that_goes_between_two_pages_disturbs_nothing(self, some: tuple[Database, Rows]) -> None:
        """Even the one that the next page starts after."""
        db, rows = some
        page = listing.jobs(db, JobFilter(), limit=10, actor=EVERYBODY)
        last = orjson.loads(page.items[-1])["id"]

        db.write(lambda connection: connection.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": last}))

        assert page.next_key is not None
        following = listing.jobs(db, JobFilter(), after=page.next_key, limit=10, actor=EVERYBODY)
        assert [orjson.loads(item)["id"] for item in following.items] == expected(rows, "-created_at")[10:20]

    @pytest.mark.parametrize("sort", ["", "-", "name", "--created_at", "created_at desc", "spec"])
    def test_an_order_that_there_is_not(self, sqlite_database: Database, sort: str) -> None:
        """The error lists those that there are."""
        with pytest.raises(InvalidQuery, match="best_val_accuracy"):
            listing.jobs(sqlite_database, JobFilter(), sort, actor=EVERYBODY)

    def test_no_jobs(self, database: Database) -> None:
        """An empty list has no next page."""
        assert listing.jobs(database, JobFilter(), actor=EVERYBODY) == listing.Page([], None)

    def test_items_are_whole(self, database: Database) -> None:
        """What stands in the list is what a job's own page shows."""
        job_id = factories.succeed(database, factories.running(database, tags=["b", "a"], name="x"))

        assert factories.listed(database) == [queries.job(database, job_id, actor=EVERYBODY)]


FILTERS: dict[str, tuple[JobFilter, Callable[[dict[str, Any]], bool]]] = {
    "status": (JobFilter(status=("failed",)), lambda row: row["status"] == "failed"),
    "statuses": (JobFilter(status=("failed", "queued")), lambda row: row["status"] in {"failed", "queued"}),
    "device kind": (JobFilter(device="cuda"), lambda row: row["device_kind"] == "cuda"),
    "device": (JobFilter(device="cuda:1"), lambda row: row["device"] == "cuda:1"),
    "architecture": (JobFilter(architecture_kind="layers"), lambda row: row["architecture_kind"] == "layers"),
    "preset": (JobFilter(preset="notebook-linear"), lambda row: row["preset"] == "notebook-linear"),
    "tag": (JobFilter(tag=("emoji 🐦",)), lambda row: "emoji 🐦" in row["tags"]),
    "name": (JobFilter(name="a"), lambda row: row["name"] == "a"),
    "accuracy": (JobFilter(min_val_accuracy=0.8), lambda row: (row["val_accuracy"] or 0) >= 0.8),
    "best": (JobFilter(min_best_val_accuracy=0.81), lambda row: (row["best_val_accuracy"] or 0) >= 0.81),
    "after": (
        JobFilter(created_after=EPOCH + dt.timedelta(seconds=9)),
        lambda row: row["created_at"] >= EPOCH + dt.timedelta(seconds=9),
    ),
    "before": (
        JobFilter(created_before=EPOCH + dt.timedelta(seconds=9)),
        lambda row: row["created_at"] < EPOCH + dt.timedelta(seconds=9),
    ),
    "config": (JobFilter(config_hash=f"{3:064x}"), lambda row: row["config_hash"] == f"{3:064x}"),
    "several": (
        JobFilter(status=("failed", "succeeded"), architecture_kind="mlp", tag=("common",), min_val_accuracy=0.5),
        lambda row: (
            row["status"] in {"failed", "succeeded"}
            and row["architecture_kind"] == "mlp"
            and "common" in row["tags"]
            and (row["val_accuracy"] or 0) >= 0.5
        ),
    ),
    "ids": (JobFilter(id=("nobody's",)), lambda _row: False),
    "nothing": (JobFilter(tag=("nobody has this",)), lambda _row: False),
    "odd text": (JobFilter(tag=("nul \x00 and half \ud800 a pair",)), lambda _row: False),
}


class TestFilters:
    @pytest.mark.parametrize("name", FILTERS)
    @pytest.mark.parametrize("sort", ["-created_at", "-val_accuracy", "finished_at"])
    def test_exactly_those_that_match(self, some: tuple[Database, Rows], name: str, sort: str) -> None:
        """In whatever order."""
        db, rows = some
        wanted, matches = FILTERS[name]

        assert walk(db, wanted, sort) == expected([row for row in rows if matches(row)], sort)


def statements(
    db: Database, wanted: JobFilter, sort: str = "-created_at", after: orders.Key | None = None
) -> list[str]:
    """How the database goes about each statement of a page."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        listing.jobs(db, wanted, sort, after, actor=EVERYBODY)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if db.is_sqlite else "EXPLAIN "
    found = []
    with db.read() as connection:
        for statement, parameters in seen:
            if statement.lstrip().startswith("SELECT"):
                rows = connection.exec_driver_sql(explain + statement, parameters).all()
                found.append("\n".join(str(row[-1]) for row in rows))
    return found


INDEXES: list[tuple[JobFilter, str, str]] = [
    (JobFilter(), "-created_at", "ix_jobs_number"),
    (JobFilter(), "created_at", "ix_jobs_number"),
    (JobFilter(), "-val_accuracy", "ix_jobs_by_val_accuracy"),
    (JobFilter(), "-best_val_accuracy", "ix_jobs_by_best_val_accuracy"),
    (JobFilter(), "val_loss", "ix_jobs_by_val_loss"),
    (JobFilter(), "-finished_at", "ix_jobs_by_finish"),
    (JobFilter(architecture_kind="mlp"), "-val_accuracy", "ix_jobs_of_architecture"),
    (JobFilter(architecture_kind="mlp", min_val_accuracy=0.8), "-val_accuracy", "ix_jobs_by_val_accuracy"),
    (JobFilter(status=("running",)), "-created_at", "ix_jobs_of_status"),
    (JobFilter(kind="train"), "-created_at", "ix_jobs_of_kind"),
    (JobFilter(tag=("common",)), "-created_at", "job_words"),
    (JobFilter(tag=("rare",)), "-val_accuracy", "job_words"),
    (JobFilter(), "-spec.training.epochs", "ix_job_values_number"),
]


class TestIndexes:
    @pytest.mark.parametrize("wanted,sort,index", INDEXES, ids=[f"{i}{sort}" for i, (_, sort, _) in enumerate(INDEXES)])
    def test_a_page_reads_indexes_alone(self, large: Database, wanted: JobFilter, sort: str, index: str) -> None:
        """No statement scans a table from end to end, and the order's or the filter's own index is among them."""
        plans = statements(large, wanted, sort)

        chosen = index if large.is_sqlite or "word" in index else "ix_job"  # PostgreSQL weighs them by its statistics
        assert any(chosen in plan for plan in plans)
        for plan in plans:
            if plan == "SCAN job_changes":
                continue  # its last entry, by its primary key
            assert not re.search("Seq Scan on job(s|_values|_words)", plan)
            assert not re.search(r"SCAN (?!(few|first|gathered|page|anon_1)$)\w+$", plan, re.MULTILINE), plan

    def test_a_deep_page_begins_in_the_index(self, large: Database) -> None:
        """Where the last one ended: nothing before it is read."""
        page = listing.jobs(large, JobFilter(), limit=300, actor=EVERYBODY)

        plans = statements(large, JobFilter(), after=page.next_key)
        assert any("number<?" in plan or "number < " in plan for plan in plans)

    def test_a_rare_tag_is_found_to_the_end(self, large: Database) -> None:
        """Among ten thousand jobs."""
        assert len(walk(large, JobFilter(tag=("rare",)), "-val_accuracy")) == 10


LARGE: dict[str, JobFilter] = {
    **{name: wanted for name, (wanted, _) in FILTERS.items()},
    "common": JobFilter(tag=("common",)),
    "rare": JobFilter(tag=("rare",)),
    "word": JobFilter(text="common"),
    "epochs": JobFilter(where=(read_condition("training.epochs>2"),)),
    "other epochs": JobFilter(where=(read_condition("training.epochs!=3"),)),
    "no epochs": JobFilter(where=(read_condition("training.epochs=null"),)),
}


def together(one: JobFilter, other: JobFilter) -> JobFilter:
    """Both filters; of a field that both set the second one's."""
    unset = vars(JobFilter())
    return replace(one, **{name: value for name, value in vars(other).items() if value != unset[name]})


class TestWork:
    @pytest.mark.parametrize("sort", ["-created_at", "val_accuracy", "-finished_at", "spec.training.epochs"])
    def test_no_page_costs_more_than_its_bounds(
        self, large_sqlite: Database, sort: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever the filters, alone and in pairs: SQLite's steps do not grow with the number of jobs."""
        monkeypatch.setattr(pages, "FEW", 100)
        monkeypatch.setattr(pages, "MOST", 200)
        monkeypatch.setattr(pages, "COVERED_MOST", 200)
        most = 100 * (100 + 2 * 200)  # at most a hundred steps for each job that a page may touch; a scan takes 200,000
        chance = random.Random(4)
        pairs = [(one, other) for one in LARGE for other in chance.sample(list(LARGE), 4)]
        for one, other in [*zip(LARGE, LARGE, strict=True), *pairs]:
            wanted = together(LARGE[one], LARGE[other])
            assert steps(large_sqlite, wanted, sort) < most, f"{one} and {other} by {sort}"


def steps(db: Database, wanted: JobFilter, sort: str) -> int:
    """The steps that SQLite's machine takes for a page of ten jobs."""
    counted = [0]

    def count() -> int:
        counted[0] += 10
        return 0

    def watch(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.set_progress_handler(count, 10)

    event.listen(db.engine, "checkout", watch)
    try:
        listing.jobs(db, wanted, sort, limit=10, actor=EVERYBODY)
    finally:
        event.remove(db.engine, "checkout", watch)
        db.dispose()
    return counted[0]
